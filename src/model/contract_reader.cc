#include "model/contract_reader.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "model/json_schema.h"

// Events, tasks and their parameters.

namespace mesg {
namespace {

constexpr std::uint32_t kMaxAttempts = 1000;
constexpr double kMaxFactor = 1000;

bool IsParameter(const YamlNode& entry) {
  return entry.kind == YamlNode::Kind::kMap &&
         (entry.Find("type") != nullptr || entry.Find("schema") != nullptr);
}

bool HasData(const YamlNode& entry) {
  return entry.kind == YamlNode::Kind::kMap && entry.Find("data") != nullptr;
}

}  // namespace

void ContractReader::ReadEvents(const Cursor& at, std::vector<EventDefinition>& into) {
  ForEachMember(at, "a mapping of events",
                [&](const YamlNode::Member& member, const Cursor& value) {
                  CheckKey(value, member.key);
                  EventDefinition& event = into.emplace_back();
                  event.key = member.key;
                  ReadMap(value, "a mapping that describes an event", event);
                });
}

void ContractReader::ReadTasks(const Cursor& at, std::vector<TaskDefinition>& into) {
  ForEachMember(at, "a mapping of tasks", [&](const YamlNode::Member& member, const Cursor& value) {
    CheckKey(value, member.key);
    TaskDefinition& task = into.emplace_back();
    task.key = member.key;
    ReadMap(value, "a mapping that describes a task", task);
    if (task.outputs.empty()) task.outputs.emplace_back();
    // Last, since it speaks of inputs and outputs wherever they stand.
    if (value.node->kind != YamlNode::Kind::kMap) return;
    for (const YamlNode::Member& field : value.node->members) {
      if (field.key == "additional") ReadTaskAdditional(value.Member(field), task);
    }
  });
}

void ContractReader::ReadEventData(const Cursor& at, EventDefinition& into) {
  ReadParameters(at, into.data.parameters);
}

void ContractReader::ReadEventAdditional(const Cursor& at, EventDefinition& into) {
  ReadFlag(at, into.data.additional);
}

void ContractReader::ReadTaskInputs(const Cursor& at, TaskDefinition& into) {
  ReadParameters(at, into.inputs.parameters);
}

void ContractReader::ReadTaskOutputs(const Cursor& at, TaskDefinition& into) {
  if (at.node->kind != YamlNode::Kind::kMap) {
    return ForEachMember(at, "a mapping of parameters or of named outputs", [](auto&&...) {});
  }
  std::size_t parameters = 0;
  std::size_t named = 0;
  for (const YamlNode::Member& member : at.node->members) {
    if (IsParameter(*member.value)) {
      ++parameters;
    } else if (HasData(*member.value)) {
      ++named;
    }
  }
  if (parameters > 0 && named == 0) {
    return ReadParameters(at, into.outputs.emplace_back().data.parameters);
  }
  ForEachMember(at, "", [&](const YamlNode::Member& member, const Cursor& value) {
    CheckKey(value, member.key);
    if (IsParameter(*member.value)) {
      return Report(value,
                    "is a parameter (it has a type), but other outputs are named ones (they have "
                    "data); a task has either one set of outputs or named ones");
    }
    OutputDefinition& output = into.outputs.emplace_back();
    output.key = member.key;
    ReadMap(value, "a parameter (with a type) or a named output (with data)", output);
  });
}

/// Called twice: in its turn, when nothing is known yet, and when the whole task was read.
void ContractReader::ReadTaskAdditional(const Cursor& at, TaskDefinition& into) {
  if (into.outputs.empty()) return;
  const bool one_set = into.outputs.size() == 1 && into.outputs.front().key.empty();
  const auto outputs = [&](bool value) {
    if (one_set) into.outputs.front().data.additional = value;
  };
  if (at.node->kind != YamlNode::Kind::kMap) {
    bool value = true;
    if (!ReadFlag(at, value)) return;
    into.inputs.additional = value;
    return outputs(value);
  }
  for (const YamlNode::Member& member : at.node->members) {
    const Cursor each = at.Member(member);
    bool value = true;
    if (member.key != "inputs" && member.key != "outputs") {
      Report(each, "unknown key, expected one of inputs, outputs");
    } else if (ReadFlag(each, value)) {
      if (member.key == "inputs") {
        into.inputs.additional = value;
      } else if (one_set) {
        outputs(value);
      } else {
        Report(each, "named outputs have an `additional` of their own, beside their data");
      }
    }
  }
}

void ContractReader::ReadTaskRetry(const Cursor& at, TaskDefinition& into) {
  ReadRetry(at, into.retry);
}

void ContractReader::ReadRetry(const Cursor& at, std::optional<RetryPolicy>& into) {
  if (at.node->kind == YamlNode::Kind::kNull) return;
  RetryPolicy retry;
  ReadMap(at, "a mapping such as {attempts: 5, initial: 1s}", retry);
  if (retry.max < retry.initial && at.node->kind == YamlNode::Kind::kMap) {
    if (at.node->Find("max") != nullptr) {
      Report(at, fmt::format("its longest pause, max {}, is shorter than its first, initial {}",
                             FormatDuration(retry.max), FormatDuration(retry.initial)));
    }
    retry.max = retry.initial;
  }
  into = retry;
}

void ContractReader::ReadTaskEffect(const Cursor& at, TaskDefinition& into) {
  std::vector<std::string_view> names;
  for (const Effect effect : {Effect::kNone, Effect::kIdempotent, Effect::kOnce}) {
    if (at.node->kind == YamlNode::Kind::kScalar && at.node->text == Name(effect)) {
      into.effect = effect;
      return;
    }
    names.push_back(Name(effect));
  }
  const std::string_view nearest = Nearest(at.node->text, names);
  Expected(at, nearest.empty()
                   ? "none, idempotent or once"
                   : fmt::format("none, idempotent or once (did you mean {}?)", nearest));
}

void ContractReader::ReadOutputData(const Cursor& at, OutputDefinition& into) {
  ReadParameters(at, into.data.parameters);
}

void ContractReader::ReadOutputAdditional(const Cursor& at, OutputDefinition& into) {
  ReadFlag(at, into.data.additional);
}

void ContractReader::ReadParameters(const Cursor& at, std::vector<Parameter>& into) {
  ForEachMember(at, "a mapping of parameters",
                [&](const YamlNode::Member& member, const Cursor& value) {
                  CheckKey(value, member.key);
                  Parameter& parameter = into.emplace_back();
                  parameter.key = member.key;
                  ReadParameter(value, parameter);
                });
}

void ContractReader::ReadParameter(const Cursor& at, Parameter& into) {
  if (at.node->kind == YamlNode::Kind::kScalar) {
    return Expected(at, fmt::format("a mapping with a type, such as {{type: String}}"));
  }
  ReadMap(at, "a mapping with a type", into);
  if (at.node->kind != YamlNode::Kind::kMap && at.node->kind != YamlNode::Kind::kNull) return;
  const YamlNode* const type = at.node->Find("type");
  const YamlNode* const schema = at.node->Find("schema");
  const auto member = [&](std::string_view key) {
    return at.Member(*std::ranges::find(at.node->members, key, &YamlNode::Member::key));
  };
  if (type == nullptr && schema == nullptr) {
    Report({at.node, at.line, at.column, at.path + ".type"},
           "required: expected a type (String, Number, Boolean, Object or Any) or a schema");
  }
  if (schema != nullptr && type != nullptr) {
    Report(member("schema"), "stands instead of a type, but there is a type too");
  }
  if (into.type == ParameterType::kObject && schema == nullptr) return;
  for (const std::string_view key : {"object", "additional"}) {
    const YamlNode* const value = at.node->Find(key);
    if (value == nullptr || value->kind == YamlNode::Kind::kNull) continue;
    if (key == "object" && into.object.empty()) continue;
    // Beside a type that is misspelt this would only confuse.
    if (schema != nullptr || (type != nullptr && type->text == Name(into.type))) {
      Report(member(key), "belongs to parameters of type Object only");
    }
  }
}

void ContractReader::ReadParameterType(const Cursor& at, Parameter& into) {
  std::vector<std::string_view> names;
  for (const auto type : {ParameterType::kString, ParameterType::kNumber, ParameterType::kBoolean,
                          ParameterType::kObject, ParameterType::kAny}) {
    if (at.node->kind == YamlNode::Kind::kScalar && at.node->text == Name(type)) {
      into.type = type;
      return;
    }
    names.push_back(Name(type));
  }
  constexpr std::string_view kExpected = "String, Number, Boolean, Object or Any";
  const std::string_view nearest = Nearest(at.node->text, names);
  Expected(at, nearest.empty() ? std::string(kExpected)
                               : fmt::format("{} (did you mean {}?)", kExpected, nearest));
}

void ContractReader::ReadParameterOptional(const Cursor& at, Parameter& into) {
  ReadFlag(at, into.optional);
}

void ContractReader::ReadParameterRepeated(const Cursor& at, Parameter& into) {
  ReadFlag(at, into.repeated);
}

void ContractReader::ReadParameterObject(const Cursor& at, Parameter& into) {
  ReadParameters(at, into.object);
}

void ContractReader::ReadParameterAdditional(const Cursor& at, Parameter& into) {
  ReadFlag(at, into.additional);
}

void ContractReader::ReadParameterSchema(const Cursor& at, Parameter& into) {
  const bool flag = at.node->kind == YamlNode::Kind::kScalar && !at.node->quoted &&
                    (at.node->text == "true" || at.node->text == "false");
  if (at.node->kind != YamlNode::Kind::kMap && !flag)
    return Expected(at, "a JSON Schema as a mapping");
  into.schema = YamlToJson(*at.node);
  const auto compiled = JsonSchema::Compile(into.schema);
  if (!compiled) Report(at, compiled.error().message);
}

void ContractReader::ReadRetryAttempts(const Cursor& at, RetryPolicy& into) {
  std::uint32_t attempts = 0;
  const char* const end = at.node->text.data() + at.node->text.size();
  const auto [stopped, error] = std::from_chars(at.node->text.data(), end, attempts);
  if (at.node->kind != YamlNode::Kind::kScalar || error != std::errc() || stopped != end ||
      attempts < 1 || attempts > kMaxAttempts) {
    return Expected(at, fmt::format("a whole number from 1 to {}", kMaxAttempts));
  }
  into.attempts = attempts;
}

void ContractReader::ReadRetryInitial(const Cursor& at, RetryPolicy& into) {
  ReadDuration(at, into.initial);
}

void ContractReader::ReadRetryFactor(const Cursor& at, RetryPolicy& into) {
  ReadNumber(at, 1, kMaxFactor, into.factor);
}

void ContractReader::ReadRetryMax(const Cursor& at, RetryPolicy& into) {
  ReadDuration(at, into.max);
}

void ContractReader::ReadRetryJitter(const Cursor& at, RetryPolicy& into) {
  ReadNumber(at, 0, 1, into.jitter);
}

}  // namespace mesg
