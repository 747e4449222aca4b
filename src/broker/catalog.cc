#include "broker/catalog.h"

#include <algorithm>

#include "base/encoding.h"

namespace mesg::broker {
namespace {

std::string DidYouMean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const std::string_view nearest = Nearest(word, candidates);
  return nearest.empty() ? std::string() : fmt::format("; did you mean \"{}\"?", nearest);
}

template <typename Definitions>
std::vector<std::string_view> KeysOf(const Definitions& definitions) {
  std::vector<std::string_view> keys;
  for (const auto& definition : definitions) keys.emplace_back(definition.key);
  return keys;
}

}  // namespace

Result<std::shared_ptr<const DeployedInstance>> DeployedInstance::Make(
    std::shared_ptr<const engine::Instance> record) {
  auto definition = MESG_TRY(ServiceDefinition::FromCanonical(record->definition));
  std::shared_ptr<DeployedInstance> instance(new DeployedInstance(std::move(definition)));
  for (const EventDefinition& event : instance->definition_.Events()) {
    instance->events_.emplace(event.key, MESG_TRY(DataValidator::Compile(event.data)));
  }
  for (const TaskDefinition& task : instance->definition_.Tasks()) {
    instance->inputs_.emplace(task.key, MESG_TRY(DataValidator::Compile(task.inputs)));
    for (const OutputDefinition& output : task.outputs) {
      instance->outputs_.emplace(std::pair(task.key, output.key),
                                 MESG_TRY(DataValidator::Compile(output.data)));
    }
  }
  instance->record_ = std::move(record);
  return std::shared_ptr<const DeployedInstance>(std::move(instance));
}

Result<void> DeployedInstance::CheckEvent(std::string_view key, std::string_view data) const {
  const auto validator = events_.find(key);
  if (validator == events_.end()) {
    return NotFound("Event \"{}\" not found in service \"{}\"{}", key, Name(),
                    DidYouMean(key, KeysOf(definition_.Events())))
        .Because("EVENT_NOT_FOUND");
  }
  auto checked = validator->second.Validate(data, "");
  if (checked) return {};
  Error error = std::move(checked).error();
  error.message = fmt::format("Data of event \"{}\" is invalid in service \"{}\". {}", key, Name(),
                              error.message);
  return error;
}

Result<const TaskDefinition*> DeployedInstance::FindTask(std::string_view key) const {
  if (const TaskDefinition* task = definition_.FindTask(key)) return task;
  return NotFound("Task \"{}\" not found in service \"{}\"{}", key, Name(),
                  DidYouMean(key, KeysOf(definition_.Tasks())))
      .Because("TASK_NOT_FOUND");
}

Result<void> DeployedInstance::CheckInputs(const TaskDefinition& task,
                                           std::string_view inputs) const {
  auto checked = inputs_.find(task.key)->second.Validate(inputs, "");
  if (checked) return {};
  Error error = std::move(checked).error();
  error.message = fmt::format("Inputs of task \"{}\" are invalid in service \"{}\". {}", task.key,
                              Name(), error.message);
  return error;
}

Result<void> DeployedInstance::CheckOutputs(std::string_view task_key, std::string_view output_key,
                                            std::string_view outputs) const {
  const TaskDefinition* task = MESG_TRY(FindTask(task_key));
  const OutputDefinition* output = task->FindOutput(output_key);
  if (output == nullptr) {
    return NotFound("Output \"{}\" of task \"{}\" not found in service \"{}\"{}", output_key,
                    task_key, Name(), DidYouMean(output_key, KeysOf(task->outputs)))
        .Because("OUTPUT_NOT_FOUND");
  }
  auto checked = outputs_.find(std::pair(task->key, output->key))->second.Validate(outputs, "");
  if (checked) return {};
  Error error = std::move(checked).error();
  error.message = fmt::format("Outputs \"{}\" of task \"{}\" are invalid in service \"{}\". {}",
                              output_key, task_key, Name(), error.message);
  return error;
}

Result<InstancePtr> Catalog::Find(std::string_view service) const {
  if (const auto exact = by_hash_.find(service); exact != by_hash_.end()) return exact->second;
  InstancePtr by_name;
  std::vector<InstancePtr> by_service;
  std::vector<std::string_view> names;
  for (const auto& [hash, instance] : by_hash_) {
    if (instance->Record().state != engine::Instance::State::kActive) continue;
    names.emplace_back(instance->Name());
    if (instance->Name() == service) by_name = instance;
    if (instance->Record().sid == service || instance->GetSource()->service_hash == service) {
      by_service.push_back(instance);
    }
  }
  if (by_name) return by_name;
  if (by_service.size() == 1) return by_service.front();
  if (by_service.size() > 1) {
    return FailedPrecondition(
               "service \"{}\" is deployed {} times; name one of its instances, as `mesg service "
               "list` shows them",
               service, by_service.size())
        .Because("SERVICE_AMBIGUOUS");
  }
  return NotFound("Service \"{}\" not found: it is not deployed{}", service,
                  DidYouMean(service, names))
      .Because("SERVICE_NOT_FOUND");
}

Result<InstancePtr> Catalog::FindByToken(std::string_view token) const {
  if (const auto found = by_token_.find(std::string(token)); found != by_token_.end())
    return found->second;
  return Unauthenticated(
             "the token belongs to no deployed instance; pass the MESG_TOKEN that `mesg service "
             "env` shows")
      .Because("UNKNOWN_TOKEN");
}

InstancePtr Catalog::FindInstance(std::string_view instance_hash) const {
  const auto found = by_hash_.find(instance_hash);
  return found == by_hash_.end() ? nullptr : found->second;
}

std::vector<InstancePtr> Catalog::Instances() const {
  std::vector<InstancePtr> instances;
  for (const auto& [hash, instance] : by_hash_) instances.push_back(instance);
  return instances;
}

std::shared_ptr<const Catalog> Catalog::With(InstancePtr instance) const {
  auto next = std::make_shared<Catalog>(*this);
  next->by_token_[instance->Record().token] = instance;
  next->by_hash_.insert_or_assign(instance->GetSource()->instance_hash, instance);
  return next;
}

std::shared_ptr<const Catalog> Catalog::Without(std::string_view instance_hash) const {
  auto next = std::make_shared<Catalog>(*this);
  if (const auto found = next->by_hash_.find(instance_hash); found != next->by_hash_.end()) {
    next->by_token_.erase(found->second->Record().token);
    next->by_hash_.erase(found);
  }
  return next;
}

}  // namespace mesg::broker
