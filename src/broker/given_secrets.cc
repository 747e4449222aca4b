#include "broker/given_secrets.h"

#include <algorithm>
#include <optional>

namespace mesg::broker {

Result<std::string> GivenSecrets::Fill(const Execution& execution) {
  const auto deferred = MESG_TRY(app::Deferred::Decode(execution.deferred));
  const auto get = [this](std::string_view name) -> Result<std::optional<std::string>> {
    if (!secrets_) return std::optional<std::string>();
    return secrets_(name);
  };
  std::vector<std::string> used;
  std::string inputs = MESG_TRY(deferred.Fill(execution.inputs, get, used));
  const InstancePtr instance = find_ ? find_(execution.source->instance_hash) : nullptr;
  if (instance != nullptr) {
    const TaskDefinition* const task = MESG_TRY(instance->FindTask(execution.task));
    if (const auto fits = instance->CheckInputs(*task, inputs); !fits) {
      return InvalidArgument("with the secrets in their place: {}",
                             Redactor(used).Text(fits.error().message));
    }
  }
  Remember(execution.id, used);
  return inputs;
}

void GivenSecrets::Remember(const ExecutionId& id, const std::vector<std::string>& values) {
  std::vector<std::string>& given = given_[id];
  for (const std::string& value : values) {
    if (std::ranges::find(given, value) == given.end()) given.push_back(value);
  }
}

Redactor GivenSecrets::For(const Execution& execution) const {
  std::vector<std::string> values;
  if (execution.deferred.empty()) return Redactor(values);
  if (const auto given = given_.find(execution.id); given != given_.end()) values = given->second;
  const auto deferred = app::Deferred::Decode(execution.deferred);
  if (deferred && secrets_) {
    for (const std::string& name : deferred->Names()) {
      auto value = secrets_(name);
      if (value && *value) values.push_back(**std::move(value));
    }
  }
  return Redactor(values);
}

}  // namespace mesg::broker
