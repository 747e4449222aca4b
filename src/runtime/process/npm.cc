#include "runtime/process/npm.h"

#include <sstream>

#include <simdjson.h>

#include "base/encoding.h"

namespace mesg::runtime {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::string_view kDependencyKinds[] = {"dependencies", "optionalDependencies",
                                                 "devDependencies"};

Result<object> ReadObject(simdjson::dom::parser& parser, std::string_view text,
                          std::string_view file) {
  object root;
  const auto error = parser.parse(simdjson::padded_string(text)).get(root);
  if (error) return InvalidArgument("{}: {}", file, simdjson::error_message(error));
  return root;
}

std::string_view TextAt(const object& in, std::string_view key) {
  std::string_view text;
  return in.at_key(key).get(text) == simdjson::SUCCESS ? text : std::string_view();
}

/// An object at `key`, empty when there is none.
std::vector<std::pair<std::string_view, element>> Fields(const object& in, std::string_view key) {
  std::vector<std::pair<std::string_view, element>> fields;
  object inner;
  if (in.at_key(key).get(inner) != simdjson::SUCCESS) return fields;
  for (const auto field : inner) fields.emplace_back(field.key, field.value);
  return fields;
}

/// An entry named `grpc` that is the native package, not already an alias of another.
bool IsNative(const element& entry) {
  object inner;
  if (entry.get(inner) != simdjson::SUCCESS) return true;
  const std::string_view name = TextAt(inner, "name");
  if (!name.empty() && name != "grpc") return false;
  return !TextAt(inner, "version").starts_with("npm:");
}

/// Lock files of version 1 nest dependencies within dependencies.
bool NestedTreeHasGrpc(const object& root) {
  std::vector<object> todo{root};
  while (!todo.empty()) {
    const object next = todo.back();
    todo.pop_back();
    for (const auto& [name, entry] : Fields(next, "dependencies")) {
      if (name == "grpc" && IsNative(entry)) return true;
      object inner;
      if (entry.get(inner) == simdjson::SUCCESS) todo.push_back(inner);
    }
  }
  return false;
}

bool LockHasGrpc(const object& lock) {
  const auto packages = Fields(lock, "packages");
  for (const auto& [path, entry] : packages) {
    const bool named = path == "node_modules/grpc" || path.ends_with("/node_modules/grpc");
    if (named && IsNative(entry)) return true;
  }
  return packages.empty() && NestedTreeHasGrpc(lock);
}

std::string Json(const element& value) {
  std::ostringstream out;
  out << simdjson::minify(value);
  return out.str();
}

/// `in` with the value of `grpc`, if it has one, replaced.
std::string ReplaceGrpc(const object& in) {
  std::string text = "{";
  for (const auto field : in) {
    if (text.size() > 1) text += ',';
    text += QuoteJson(field.key) + ':';
    text += field.key == "grpc" ? QuoteJson(kGrpcReplacement) : Json(field.value);
  }
  return text + "}";
}

/// package.json with the override. npm wants the spec of a direct dependency to equal that of its
/// override, so both are written.
std::string WithOverride(const object& package) {
  std::string text = "{\"overrides\":{\"grpc\":" + QuoteJson(kGrpcReplacement);
  for (const auto& [key, value] : Fields(package, "overrides")) {
    text += ',' + QuoteJson(key) + ':' + Json(value);
  }
  text += '}';
  for (const auto field : package) {
    if (field.key == "overrides") continue;
    text += ',' + QuoteJson(field.key) + ':';
    bool dependencies = false;
    for (const std::string_view kind : kDependencyKinds) dependencies |= field.key == kind;
    object inner;
    text += dependencies && field.value.get(inner) == simdjson::SUCCESS ? ReplaceGrpc(inner)
                                                                        : Json(field.value);
  }
  return text + "}\n";
}

std::vector<std::string> StartCommand(const object& package) {
  for (const auto& [name, command] : Fields(package, "scripts")) {
    if (name == "start") return {"npm", "--no-update-notifier", "start"};
  }
  const std::string_view main = TextAt(package, "main");
  if (!main.empty()) return {"node", std::string(main)};
  return {};
}

}  // namespace

Result<NpmPlan> PlanNpm(std::string_view package_json, std::optional<std::string_view> lock) {
  // A byte order mark is legal for npm.
  if (package_json.starts_with("\xef\xbb\xbf")) package_json.remove_prefix(3);
  simdjson::dom::parser package_parser;
  simdjson::dom::parser lock_parser;
  const object package = MESG_TRY(ReadObject(package_parser, package_json, "package.json"));
  NpmPlan plan{.start = StartCommand(package)};

  bool dependencies = false;
  for (const std::string_view kind : kDependencyKinds) {
    dependencies |= !Fields(package, kind).empty();
  }
  if (!dependencies) return plan;

  bool may_need_grpc = true;
  if (lock) {
    may_need_grpc = LockHasGrpc(MESG_TRY(ReadObject(lock_parser, *lock, "package-lock.json")));
  }
  const auto overrides = Fields(package, "overrides");
  for (const auto& [key, value] : overrides) {
    if (key == "grpc") may_need_grpc = false;
  }
  if (may_need_grpc) plan.package_json = WithOverride(package);
  plan.install = lock && !may_need_grpc ? std::vector<std::string>{"ci"}
                                        : std::vector<std::string>{"install", "--omit=dev"};
  for (const char* quiet : {"--no-audit", "--no-fund", "--no-update-notifier", "--no-progress"}) {
    plan.install.emplace_back(quiet);
  }
  return plan;
}

}  // namespace mesg::runtime
