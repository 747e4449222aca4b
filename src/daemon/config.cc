#include "daemon/config.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/encoding.h"
#include "daemon/settings.h"
#include "model/yaml_document.h"

namespace mesg::daemon {
namespace {

/// What MESG_* variables mean elsewhere: not settings, and not misspelt ones.
constexpr std::array<std::string_view, 5> kOtherVariables = {
    "MESG_HOME", "MESG_ENDPOINT", "MESG_ENDPOINT_TCP", "MESG_TOKEN", "MESG_SERVICE"};

std::string Suggestion(std::string_view nearest, std::string_view list_command) {
  if (nearest.empty()) return fmt::format("`{}` lists what there is", list_command);
  return fmt::format("did you mean {}?", nearest);
}
constexpr std::string_view kListCommand = "mesg core --print-config";

/// Gathers everything that is wrong with one source.
class Problems {
 public:
  void Add(std::string problem) { problems_.push_back(std::move(problem)); }
  Result<void> AsResult() const {
    if (problems_.empty()) return {};
    std::string all;
    for (const std::string& problem : problems_) all += (all.empty() ? "" : "\n") + problem;
    return Error{Code::kInvalidArgument, all};
  }

 private:
  std::vector<std::string> problems_;
};

// ---- config.yml ----

Result<std::string> ReadWhole(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return FailedPrecondition("cannot read {}: {}", file.string(), std::strerror(errno));
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void ApplyMember(const YamlNode::Member& member, const std::string& file, Config& config,
                 Problems& problems) {
  const std::string where = fmt::format("{}:{}", file, member.line);
  const Setting* setting = FindSetting(member.key);
  if (setting == nullptr) {
    return problems.Add(fmt::format("{}: there is no setting {}, {}", where, member.key,
                                    Suggestion(NearestKey(member.key), kListCommand)));
  }
  if (member.value->kind != YamlNode::Kind::kScalar) {
    return problems.Add(fmt::format("{}: {} must have one value", where, member.key));
  }
  if (const Result<void> set = setting->set(config, member.value->text); !set) {
    return problems.Add(fmt::format("{}: {} {}", where, member.key, set.error().message));
  }
  config.origins.insert_or_assign(std::string(setting->key), where);
}

Result<void> ApplyFile(Config& config) {
  const std::string file = config.directories.config_file.string();
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return {};
  const std::string text = MESG_TRY(ReadWhole(file));
  const Result<YamlDocument> document = YamlDocument::Read(text);
  Problems problems;
  if (!document) {
    const bool placed = !document.error().violations.empty();
    problems.Add(
        fmt::format("{}:{}: {}", file, placed ? document.error().violations[0].line : 1,
                    placed ? document.error().violations[0].reason : document.error().message));
    return problems.AsResult();
  }
  for (const Violation& violation : document->violations) {
    problems.Add(fmt::format("{}:{}: {}", file, violation.line, violation.reason));
  }
  const YamlNode& root = *document->root;
  if (root.kind == YamlNode::Kind::kMap) {
    for (const YamlNode::Member& member : root.members) {
      ApplyMember(member, file, config, problems);
    }
  } else if (root.kind != YamlNode::Kind::kNull) {  // Only comments, or nothing at all.
    problems.Add(fmt::format("{}:{}: must be lines of KEY: VALUE", file, root.line));
  }
  return problems.AsResult();
}

// ---- Environment ----

std::string KeyOfVariable(std::string_view variable) {
  std::string key(variable.substr(std::string_view("MESG_").size()));
  std::ranges::transform(key, key.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return key;
}

Result<void> ApplyVariables(const Variables& variables, Config& config) {
  Problems problems;
  for (const auto& [name, value] : variables) {
    if (!name.starts_with("MESG_") || value.empty()) continue;
    if (std::ranges::find(kOtherVariables, name) != kOtherVariables.end()) continue;
    const std::string key = KeyOfVariable(name);
    const Setting* setting = FindSetting(key);
    if (setting == nullptr) {
      // A container platform sets variables of its own (MESG_SERVICE_PORT): only what looks like a
      // slip of the pen is an error.
      const Setting* nearest = FindSetting(NearestKey(key));
      if (nearest == nullptr) continue;
      problems.Add(fmt::format("the environment sets {}, which is no setting: did you mean {}?",
                               name, nearest->Variable()));
    } else if (const Result<void> set = setting->set(config, value); !set) {
      problems.Add(fmt::format("{} {}", name, set.error().message));
    } else {
      config.origins.insert_or_assign(std::string(setting->key), name);
    }
  }
  return problems.AsResult();
}

// ---- Arguments ----

Error Usage(Error error) { return std::move(error).Because(std::string(kUsageReason)); }

/// "--payload-bytes" as a key: "payload_bytes".
std::string KeyOfFlag(std::string_view flag) {
  std::string key(flag.substr(std::min<std::size_t>(flag.size(), 2)));
  std::ranges::replace(key, '-', '_');
  return key;
}

Error UnknownArgument(std::string_view word) {
  if (!word.starts_with("--")) {
    return InvalidArgument("mesg core does not know what to do with \"{}\": see mesg core --help",
                           word);
  }
  const Setting* nearest = FindSetting(NearestKey(KeyOfFlag(word)));
  return InvalidArgument("mesg core has no option {}: {}", word,
                         Suggestion(nearest == nullptr ? "" : nearest->Flag(), "mesg core --help"));
}

Result<void> ApplyArguments(const std::vector<std::string>& arguments, Config& config) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--print-config" || word == "--json") continue;
    const std::size_t equals = word.find('=');
    const std::string flag = word.substr(0, equals);
    const Setting* setting = flag.starts_with("--") ? FindSetting(KeyOfFlag(flag)) : nullptr;
    if (setting == nullptr) return UnknownArgument(flag);
    std::string value = "true";
    if (equals != std::string::npos) {
      value = word.substr(equals + 1);
    } else if (!setting->IsSwitch()) {
      if (i + 1 == arguments.size()) return InvalidArgument("{} needs a value", flag);
      value = arguments[++i];
    }
    if (const Result<void> set = setting->set(config, value); !set) {
      return InvalidArgument("{} {}", flag, set.error().message);
    }
    config.origins.insert_or_assign(std::string(setting->key), flag);
  }
  return {};
}

// ---- What one setting cannot see ----

Result<void> CheckTogether(const Config& config) {
  const broker::Limits& limits = config.broker.limits;
  // An answer's outputs are stored beside the inputs of its execution, in one commit.
  if (limits.commit_bytes < 3 * limits.payload_bytes) {
    return InvalidArgument("commit_bytes ({}) must be at least three times payload_bytes ({})",
                           FindSetting("commit_bytes")->get(config),
                           FindSetting("payload_bytes")->get(config));
  }
  if (config.insecure) return {};
  const auto check = [](const std::vector<Address>& addresses,
                        std::string_view key) -> Result<void> {
    for (const Address& address : addresses) {
      if (address.IsLoopback()) continue;
      return InvalidArgument(
          "{} {} can be reached by other machines, without TLS or tokens: use localhost, or allow "
          "it with --insecure",
          key, address.Text());
    }
    return {};
  };
  MESG_TRY(check(config.grpc, "grpc_address"));
  if (!config.http.empty()) {
    const std::vector<Address> http = MESG_TRY(ParseAddresses(config.http));
    MESG_TRY(check(http, "http_address"));
  }
  return {};
}

std::string OriginOf(const Config& config, std::string_view key) {
  const auto known = config.origins.find(key);
  return known == config.origins.end() ? "default" : known->second;
}

/// A YAML scalar that stays the text it is.
std::string YamlText(const std::string& text) {
  const bool plain = !text.empty() && text.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789/._-") == std::string::npos;
  return plain ? text : QuoteJson(text);
}

}  // namespace

Result<Request> LoadConfig(const std::vector<std::string>& arguments, const Variables& variables) {
  const auto has = [&](std::string_view word) {
    return std::ranges::find(arguments, word) != arguments.end();
  };
  Request request;
  if (has("--help") || has("-h")) {
    request.action = Request::Action::kHelp;
    return request;
  }
  if (has("--print-config")) {
    request.action = has("--json") ? Request::Action::kPrintJson : Request::Action::kPrint;
  } else if (has("--json")) {
    return Usage(InvalidArgument("--json belongs to --print-config: see mesg core --help"));
  }
  Config& config = request.config;
  config.directories =
      MESG_TRY(Directories::Find([&](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
      }));
  config.secrets_key_file = config.directories.config_file.parent_path() / "secrets.key";
  MESG_TRY(ApplyFile(config));
  MESG_TRY(ApplyVariables(variables, config));
  if (Result<void> applied = ApplyArguments(arguments, config); !applied) {
    return Usage(std::move(applied).error());
  }
  MESG_TRY(CheckTogether(config));
  return request;
}

std::string PrintConfig(const Config& config) {
  std::error_code error;
  const bool there = std::filesystem::exists(config.directories.config_file, error);
  std::string text =
      fmt::format("# Can be used as {}, which {}.\n", config.directories.config_file.string(),
                  there ? "was read" : "does not exist");
  std::string_view group;
  for (const Setting& setting : Settings()) {
    if (setting.group != group) text += fmt::format("\n# {}\n", group = setting.group);
    text += fmt::format("{:<44} # {}\n",
                        fmt::format("{}: {}", setting.key, YamlText(setting.get(config))),
                        OriginOf(config, setting.key));
  }
  return text;
}

std::string PrintConfigJson(const Config& config) {
  std::string rows;
  for (const Setting& setting : Settings()) {
    rows += fmt::format(R"({}{{"key":{},"value":{},"origin":{}}})", rows.empty() ? "" : ",",
                        QuoteJson(setting.key), QuoteJson(setting.get(config)),
                        QuoteJson(OriginOf(config, setting.key)));
  }
  return fmt::format(R"({{"config_file":{},"settings":[{}]}})",
                     QuoteJson(config.directories.config_file.string()), rows) +
         "\n";
}

std::string CoreHelp() {
  std::string text =
      "Run Core in the foreground.\n\n"
      "Usage: mesg core [OPTIONS]\n\n"
      "Every option is also a key of config.yml (payload_bytes) and a variable of the environment\n"
      "(MESG_PAYLOAD_BYTES); options win over variables, variables over the file.\n\n"
      "Example:\n  mesg core --durability async --print-config\n\n"
      "  --print-config            Show every setting and where its value came from, and end\n"
      "  --json                    The same for machines\n"
      "  -h, --help                Show this\n";
  const Config defaults;
  std::string_view group;
  for (const Setting& setting : Settings()) {
    if (setting.group != group) text += fmt::format("\n{}:\n", group = setting.group);
    const std::string value = setting.get(defaults);
    text += fmt::format("  {:<25} {}{}\n", setting.Flag(), setting.about,
                        value.empty() ? "" : fmt::format(" [{}]", value));
  }
  return text;
}

std::string ConfigReference() {
  const Config defaults;
  std::string text;
  std::string_view group;
  for (const Setting& setting : Settings()) {
    if (setting.group != group) {
      text += fmt::format("{}## {}\n\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n",
                          text.empty() ? "" : "\n", group = setting.group);
    }
    const std::string value = setting.get(defaults);
    text += fmt::format("| `{}` | {} | {} | {} |\n", setting.key, setting.kind,
                        value.empty() ? "" : fmt::format("`{}`", value), setting.about);
  }
  return text;
}

}  // namespace mesg::daemon
