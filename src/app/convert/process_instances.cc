#include <algorithm>

#include <fmt/format.h>

#include "app/convert/process_reader.h"

// The services of a process file.

namespace mesg::app {
namespace {

using Kind = YamlNode::Kind;

// A hash is told from a folder by its looks, as the original's is: base58 of 32 bytes.
bool IsHash(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  return text.size() >= 40 && text.size() <= 50 &&
         text.find_first_not_of(kAlphabet) == std::string_view::npos;
}

// As `use` has it: a folder begins with a dot or a slash.
std::string SourceText(const std::string& src) {
  const bool elsewhere = src.find("://") != std::string::npos ||
                         (src.find('@') != std::string::npos && src.find(':') != std::string::npos);
  const bool folder = src.front() == '.' || src.front() == '/' || src.front() == '~';
  return elsewhere || folder || src.front() == '$' || IsHash(src) ? src : "./" + src;
}

}  // namespace

// The alias of the service of a trigger or a task.
std::string ProcessReader::ReadService(const Cursor& at, const Members& members) {
  const auto hash = members.find("instanceHash");
  const auto instance = members.find("instance");
  if (hash == members.end()) {
    if (instance != members.end()) return ReadInstance(instance->second);
    Report(at, "expected instanceHash or instance: the service");
    return {};
  }
  if (instance != members.end()) {
    Note(instance->second, "is of no use beside instanceHash");
  }
  std::string use;
  std::string called;
  if (!ReadUse(hash->second, use, called)) return {};
  return UseService(hash->second, std::move(use), called, {});
}

// What stands for a service, and the text its alias is made of.
bool ProcessReader::ReadUse(const Cursor& at, std::string& use, std::string& called) {
  if (at.node->kind != Kind::kScalar || !HasMarker(at.node->text)) {
    if (!ReadPlainText(at, use)) return false;
    called = use;
    return true;
  }
  const auto parts = ReadParts(at);
  if (!parts) return false;
  use = TemplateSource(*parts);
  called = MarkedNames(at.node->text).front();
  Note(at, fmt::format("is known only when {} is: the service {} has to be given an instance",
                       at.node->text, called));
  return true;
}

std::string ProcessReader::ReadInstance(const Cursor& at) {
  if (at.node->kind != Kind::kMap) {
    Expected(at, "a service such as {src: ./mail} or {service: HASH}");
    return {};
  }
  Environment env;
  std::string use;
  std::string called;
  std::optional<Cursor> from;
  for (const YamlNode::Member& member : at.node->members) {
    const Cursor value = at.Member(member);
    if (member.key == "env") {
      ReadEnv(value, env);
    } else if (member.key != "src" && member.key != "service") {
      UnknownKey(value, member.key, {"src", "service", "env"});
    } else if (from) {
      Report(value, "a service has one of src and service");
    } else {
      from = value;
      if (!ReadUse(value, use, called)) continue;
      if (member.key == "src") use = SourceText(use);
    }
  }
  if (!from) Report(at, "expected src or service: where the service comes from");
  if (use.empty()) return {};
  return UseService(*from, std::move(use), called, env);
}

void ProcessReader::ReadEnv(const Cursor& at, Environment& into) {
  if (at.node->kind != Kind::kList || at.node->items.size() > kMaxListSize) {
    return Expected(at, "a list such as [TOKEN=$(env:TOKEN)]");
  }
  for (std::size_t i = 0; i < at.node->items.size(); ++i) {
    const Cursor item = at.Item(i);
    const std::size_t equals = item.node->kind == Kind::kScalar ? item.node->text.find('=') : 0;
    if (equals == 0 || equals == std::string::npos) {
      Expected(item, "NAME=value");
      continue;
    }
    const std::string name = item.node->text.substr(0, equals);
    if (HasMarker(name)) {
      Expected(item, "NAME=value");
      continue;
    }
    if (std::ranges::find(into, name, &std::pair<std::string, std::string>::first) != into.end()) {
      Report(item, fmt::format("the variable {} is in the list twice", name));
      continue;
    }
    YamlNode text = *item.node;
    text.text = text.text.substr(equals + 1);
    const auto parts = ReadParts({&text, item.line, item.column, item.path});
    if (parts) into.emplace_back(name, TemplateSource(*parts));
  }
}

}  // namespace mesg::app
