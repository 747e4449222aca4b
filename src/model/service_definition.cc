#include "model/service_definition.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "model/decimal.h"

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

std::string_view Name(EnvType type) {
  switch (type) {
    case EnvType::kString:
      return "String";
    case EnvType::kNumber:
      return "Number";
    case EnvType::kBoolean:
      return "Boolean";
    case EnvType::kDuration:
      return "Duration";
  }
  return "invalid";
}

namespace {

/// What is expected of a variable of this type; "" when `value` is that.
std::string_view Expected(EnvType type, std::string_view value) {
  switch (type) {
    case EnvType::kString:
      return "";
    case EnvType::kNumber:
      return IsNumber(value) ? "" : "a number";
    case EnvType::kBoolean:
      return value == "true" || value == "false" ? "" : "true or false";
    case EnvType::kDuration:
      return ParseDuration(value) ? "" : "a duration such as 30s or 5m";
  }
  return "";
}

}  // namespace

Result<void> EnvDefinition::Check(std::string_view given) const {
  std::string expected(Expected(type, given));
  if (expected.empty() && !choices.empty() && std::ranges::find(choices, given) == choices.end()) {
    expected = fmt::format("one of {}", fmt::join(choices, ", "));
  }
  if (expected.empty()) return {};
  constexpr std::size_t kShown = 100;
  return InvalidArgument(
      "expected {}, got {}", expected,
      secret ? std::string("another value") : QuoteJson(given.substr(0, kShown)));
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
