#include "engine/contracts.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/encoding.h"

namespace mesg::engine {

Result<const TaskDefinition*> Contracts::Check(const Instance& instance, std::string_view task,
                                               const std::string* inputs) {
  auto found = contracts_.find(instance.source->service_hash);
  if (found == contracts_.end()) {
    auto definition = MESG_TRY(ServiceDefinition::FromCanonical(instance.definition));
    auto contract = std::make_unique<Contract>(Contract{std::move(definition), {}});
    for (const TaskDefinition& each : contract->definition.Tasks()) {
      contract->inputs.emplace(each.key, MESG_TRY(DataValidator::Compile(each.inputs)));
    }
    found = contracts_.emplace(instance.source->service_hash, std::move(contract)).first;
  }
  const Contract& contract = *found->second;
  const TaskDefinition* const declared = contract.definition.FindTask(task);
  if (declared == nullptr) {
    std::vector<std::string_view> known;
    for (const TaskDefinition& each : contract.definition.Tasks()) known.emplace_back(each.key);
    const std::string_view near = Nearest(task, known);
    return NotFound("service \"{}\" has no task {}{}", instance.source->name, task,
                    near.empty() ? std::string() : fmt::format(", did you mean {}?", near))
        .Because("TASK_NOT_FOUND");
  }
  if (inputs != nullptr) {
    MESG_TRY(contract.inputs.find(task)->second.Validate(
        *inputs, fmt::format("inputs of task \"{}\"", task)));
  }
  return declared;
}

}  // namespace mesg::engine
