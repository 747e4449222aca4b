#include "model/service_definition.h"

#include <algorithm>

namespace mesg {

std::string_view Name(ParameterType type) {
  switch (type) {
    case ParameterType::kString:
      return "String";
    case ParameterType::kNumber:
      return "Number";
    case ParameterType::kBoolean:
      return "Boolean";
    case ParameterType::kObject:
      return "Object";
    case ParameterType::kAny:
      return "Any";
  }
  return "invalid";
}

std::string_view Name(Effect effect) {
  switch (effect) {
    case Effect::kNone:
      return "none";
    case Effect::kIdempotent:
      return "idempotent";
    case Effect::kOnce:
      return "once";
  }
  return "invalid";
}

const OutputDefinition* TaskDefinition::FindOutput(std::string_view output_key) const {
  const auto found = std::ranges::find(outputs, output_key, &OutputDefinition::key);
  return found == outputs.end() ? nullptr : &*found;
}

const EventDefinition* ServiceDefinition::FindEvent(std::string_view key) const {
  const auto found = std::ranges::find(events_, key, &EventDefinition::key);
  return found == events_.end() ? nullptr : &*found;
}

const TaskDefinition* ServiceDefinition::FindTask(std::string_view key) const {
  const auto found = std::ranges::find(tasks_, key, &TaskDefinition::key);
  return found == tasks_.end() ? nullptr : &*found;
}

}  // namespace mesg
