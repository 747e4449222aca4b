#include <charconv>

#include "model/definition_reader.h"

// What a service's process or container needs.

namespace mesg {
namespace {

constexpr std::size_t kMaxDependencies = 100;
constexpr std::size_t kMaxVariables = 1000;  // Each is compared with the others.

bool IsPort(std::string_view text) {
  std::uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

bool IsEnvKey(std::string_view key) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !key.empty() && std::ranges::all_of(key, is_word) &&
         !(key.front() >= '0' && key.front() <= '9');
}

/// "KEY", "KEY=" and "KEY=value", whose value may hold "=".
EnvDefinition SplitEnv(std::string_view entry) {
  const std::size_t equals = entry.find('=');
  EnvDefinition env{.key = std::string(entry.substr(0, equals))};
  if (equals != std::string_view::npos) env.value = std::string(entry.substr(equals + 1));
  return env;
}

}  // namespace

bool DefinitionReader::CheckEnvKey(const Cursor& at, std::string_view key) {
  if (IsEnvKey(key)) return true;
  Report(at,
         fmt::format("{} is no name of a variable: expected letters, digits and _, not beginning "
                     "with a digit",
                     QuoteJson(key.substr(0, 100))));
  return false;
}

void DefinitionReader::ReadEnv(const Cursor& at, ServiceDefinition& into) {
  if (at.node->kind == YamlNode::Kind::kList) {
    return Expected(
        at, "a mapping such as {API_KEY: {secret: true}} (a list belongs to configuration.env)");
  }
  if (at.node->members.size() > kMaxVariables) {
    return Report(at, fmt::format("declares {} variables, at most {} are allowed",
                                  at.node->members.size(), kMaxVariables));
  }
  ForEachMember(
      at, "a mapping of variables", [&](const YamlNode::Member& member, const Cursor& value) {
        CheckEnvKey(value, member.key);
        EnvDefinition env{.key = member.key};
        if (value.node->kind == YamlNode::Kind::kScalar) {
          env.value = value.node->text;
        } else {
          ReadMap(value, "a default value or a mapping", env);
        }
        if (env.required && env.value) {
          Report(
              value,
              "is required and has a default, so that it can never be missing; drop one of them");
        }
        if (env.value && !env.value->empty()) {
          if (const auto fits = env.Check(*env.value); !fits) {
            Report(value, "the default does not fit: " + fits.error().message);
          }
        }
        if (std::ranges::find(into.env_, env.key, &EnvDefinition::key) != into.env_.end()) {
          return Report(value, "is declared in configuration.env too, use one of them");
        }
        into.env_.push_back(std::move(env));
      });
}

void DefinitionReader::ReadEnvValue(const Cursor& at, EnvDefinition& into) {
  if (into.value) return Report(at, "`value` and `default` mean the same, use one of them");
  std::string value;
  if (at.node->kind != YamlNode::Kind::kNull && ReadText(at, value)) into.value = std::move(value);
}

void DefinitionReader::ReadEnvRequired(const Cursor& at, EnvDefinition& into) {
  ReadFlag(at, into.required);
}

void DefinitionReader::ReadEnvSecret(const Cursor& at, EnvDefinition& into) {
  ReadFlag(at, into.secret);
}

void DefinitionReader::ReadEnvType(const Cursor& at, EnvDefinition& into) {
  for (const auto type :
       {EnvType::kString, EnvType::kNumber, EnvType::kBoolean, EnvType::kDuration}) {
    if (at.node->kind != YamlNode::Kind::kScalar || at.node->text != Name(type)) continue;
    into.type = type;
    return;
  }
  Expected(at, "String, Number, Boolean or Duration");
}

void DefinitionReader::ReadEnvChoices(const Cursor& at, EnvDefinition& into) {
  ReadTexts(at, "[fast, slow]", into.choices);
  if (at.node->items.empty()) Report(at, "expected at least one value");
}

void DefinitionReader::ReadRun(const Cursor& at, ServiceDefinition& into) {
  if (at.node->kind != YamlNode::Kind::kList) {
    return Expected(at, "a list of arguments such as [node, index.js] (no shell splits a line)");
  }
  ReadTexts(at, "[node, index.js]", into.run_);
  if (at.node->items.empty() || (!into.run_.empty() && into.run_.front().empty())) {
    Report(at, "expected at least the program to start");
  }
}

void DefinitionReader::ReadHealth(const Cursor& at, ServiceDefinition& into) {
  if (at.node->kind == YamlNode::Kind::kNull) return;
  HealthCheck health;
  ReadMap(at, "a mapping such as {command: [./check], interval: 30s}", health);
  if (at.node->kind == YamlNode::Kind::kMap && at.node->Find("command") == nullptr) {
    Report({at.node, at.line, at.column, at.path + ".command"},
           "required: expected a list of arguments such as [./check]");
  }
  into.health_ = std::move(health);
}

void DefinitionReader::ReadHealthCommand(const Cursor& at, HealthCheck& into) {
  if (at.node->kind != YamlNode::Kind::kList) {
    return Expected(at, "a list of arguments such as [./check] (no shell splits a line)");
  }
  ReadTexts(at, "[./check]", into.command);
  if (at.node->items.empty() || (!into.command.empty() && into.command.front().empty())) {
    Report(at, "expected at least the program to start");
  }
}

void DefinitionReader::ReadHealthInterval(const Cursor& at, HealthCheck& into) {
  ReadDuration(at, into.interval);
}

void DefinitionReader::ReadHealthTimeout(const Cursor& at, HealthCheck& into) {
  ReadDuration(at, into.timeout);
}

void DefinitionReader::ReadConfiguration(const Cursor& at, ServiceDefinition& into) {
  ReadMap(at, "a mapping", into.configuration_);
  if (at.node->kind != YamlNode::Kind::kMap) return;
  for (const YamlNode::Member& member : at.node->members) {
    const Cursor value = at.Member(member);
    if (member.key == "image") {
      Report(value,
             "the service itself has no image, only dependencies do; its files are its folder");
    }
    if (member.key != "env" || into.configuration_.env.empty()) continue;
    for (std::size_t i = 0; i < member.value->items.size(); ++i) {
      if (member.value->items[i]->kind != YamlNode::Kind::kScalar) continue;
      EnvDefinition env = SplitEnv(member.value->items[i]->text);
      if (std::ranges::find(into.env_, env.key, &EnvDefinition::key) == into.env_.end()) {
        into.env_.push_back(std::move(env));
      } else if (std::ranges::count(into.configuration_.env, member.value->items[i]->text) == 1) {
        Report(value.Item(i),
               fmt::format("{} is declared before, use one of them", QuoteJson(env.key)));
      }
    }
  }
  into.configuration_.env.clear();
}

void DefinitionReader::ReadDependencies(const Cursor& at, ServiceDefinition& into) {
  if (at.node->members.size() > kMaxDependencies) {
    return Report(at, fmt::format("names {} dependencies, at most {} are allowed",
                                  at.node->members.size(), kMaxDependencies));
  }
  ForEachMember(at, "a mapping of containers",
                [&](const YamlNode::Member& member, const Cursor& value) {
                  CheckKey(value, member.key);
                  if (member.key == "service")
                    Report(value, "the name service is taken: it is the service itself");
                  DependencyDefinition& dependency = into.dependencies_.emplace_back();
                  dependency.key = member.key;
                  ReadMap(value, "a mapping that describes a container", dependency.container);
                  const YamlNode* const image = value.node->Find("image");
                  if (image == nullptr || image->kind == YamlNode::Kind::kNull ||
                      (image->kind == YamlNode::Kind::kScalar && image->text.empty())) {
                    Report({value.node, value.line, value.column, value.path + ".image"},
                           "required: expected the name of an image");
                  }
                });
}

void DefinitionReader::ReadPorts(const Cursor& at, ContainerConfiguration& into) {
  ReadUniqueTexts(at, into.ports);
  if (at.node->kind != YamlNode::Kind::kList) return;
  for (std::size_t i = 0; i < at.node->items.size(); ++i) {
    const Cursor item = at.Item(i);
    if (item.node->kind != YamlNode::Kind::kScalar || item.node->text.empty()) continue;
    const std::string_view text = item.node->text;
    const std::size_t colon = text.find(':');
    const bool second = colon == std::string_view::npos || IsPort(text.substr(colon + 1));
    if (!IsPort(text.substr(0, colon)) || !second) {
      Expected(item, "a port such as 80, or 8080:80 with the published one first");
    }
  }
}

void DefinitionReader::ReadContainerEnv(const Cursor& at, ContainerConfiguration& into) {
  if (at.node->kind == YamlNode::Kind::kMap) {
    return Expected(at, "a list such as [KEY=value] (a mapping belongs to the top-level env)");
  }
  ReadUniqueTexts(at, into.env);
  for (std::size_t i = 0; i < at.node->items.size(); ++i) {
    const YamlNode& item = *at.node->items[i];
    if (item.kind != YamlNode::Kind::kScalar || item.text.empty()) continue;
    CheckEnvKey(at.Item(i), SplitEnv(item.text).key);
  }
}

/// Names in `volumesFrom` must lead to another container of this file.
void DefinitionReader::CheckVolumesFrom(const Cursor& at, std::string_view self,
                                        const YamlNode* dependencies) {
  if (dependencies != nullptr && dependencies->members.size() > kMaxDependencies) return;
  if (at.node->kind != YamlNode::Kind::kMap) return;
  for (const YamlNode::Member& member : at.node->members) {
    if (member.key != "volumesFrom" && member.key != "volumesfrom") continue;
    const Cursor list = at.Member(member);
    for (std::size_t i = 0; i < list.node->items.size(); ++i) {
      const std::string& name = list.node->items[i]->text;
      const bool known = dependencies != nullptr && dependencies->Find(name) != nullptr;
      const bool service = name == "service" && !self.empty();
      if ((!known || name == self) && !service && !name.empty()) {
        Report(list.Item(i), fmt::format("{} is no other container of this file", QuoteJson(name)));
      }
    }
  }
}

}  // namespace mesg
