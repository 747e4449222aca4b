#include <algorithm>
#include <utility>

#include "engine/engine.h"

namespace mesg::engine {

Result<Reply> Engine::On(Deploy&& command, TimePoint now) {
  Instance wanted = std::move(command.instance);
  const std::string hash = wanted.source->instance_hash;
  const auto same = state_.Instances().find(hash);
  if (same != state_.Instances().end() && same->second->source->name != wanted.source->name) {
    return AlreadyExists("instance {} is deployed as \"{}\" already", hash,
                         same->second->source->name);
  }
  // The old one keeps what is pinned to it and takes nothing new.
  std::vector<std::string> retired;
  if (const auto active = state_.ActiveInstance(wanted.source->name);
      active != nullptr && active->source->instance_hash != hash) {
    auto draining = std::make_shared<Instance>(*active);
    draining->state = Instance::State::kDraining;
    wanted.started = wanted.started || active->started;
    retired.push_back(active->source->instance_hash);
    Add(InstancePut{draining});
    Tell(InstanceChanged{draining});
  }
  if (same != state_.Instances().end()) {
    // Its processes hold this token, and everything of it shares this Source.
    wanted.token = same->second->token;
    wanted.source = same->second->source;
    wanted.started = wanted.started || same->second->started;
  }
  wanted.state = Instance::State::kActive;
  wanted.deployed = now;
  const auto instance = std::make_shared<const Instance>(std::move(wanted));
  Add(InstancePut{instance});
  Tell(InstanceChanged{instance});
  for (const std::string& old : retired) RetireIfDrained(old);
  return Reply();
}

Result<Reply> Engine::On(SetStarted&& command, TimePoint) {
  const auto found = state_.Instances().find(command.instance_hash);
  if (found == state_.Instances().end()) {
    return NotFound("instance {} is not deployed", command.instance_hash)
        .Because("INSTANCE_NOT_FOUND");
  }
  if (found->second->started == command.started) return Reply();
  auto changed = std::make_shared<Instance>(*found->second);
  changed->started = command.started;
  Add(InstancePut{changed});
  Tell(InstanceChanged{changed});
  return Reply();
}

Result<Reply> Engine::On(Undeploy&& command, TimePoint now) {
  std::vector<std::shared_ptr<const Instance>> going;
  std::uint64_t pinned = 0;
  for (const auto& [hash, instance] : state_.Instances()) {
    if (instance->source->name != command.name) continue;
    going.push_back(instance);
    pinned += state_.OpenCount(hash);
  }
  if (going.empty()) {
    return NotFound("service \"{}\" is not deployed", command.name).Because("SERVICE_NOT_FOUND");
  }
  if (pinned > 0 && !command.force) {
    return FailedPrecondition(
               "service \"{}\" has {} executions that wait or run; wait for them, or delete with "
               "force to cancel them",
               command.name, pinned)
        .Because("WORK_PINNED");
  }
  if (pinned > 0) {
    std::vector<ExecutionId> open;
    for (const auto& [id, execution] : state_.Open()) {
      if (execution->source->name == command.name) open.push_back(id);
    }
    // The table has no order of its own, and decisions must not depend on its.
    std::sort(open.begin(), open.end());
    for (const ExecutionId& id : open) {
      Finish(*state_.FindOpen(id), ExecutionState::kCancelled,
             Outcome{"", "", "cancelled: its service was deleted", now}, std::nullopt,
             /*dead_letter=*/false);
    }
  }
  for (const auto& instance : going) {
    // Finishing the last work of a draining instance has removed it already.
    if (!state_.Instances().contains(instance->source->instance_hash)) continue;
    Add(InstanceGone{instance->source->instance_hash});
    Tell(InstanceRemoved{instance});
  }
  if (!command.keep_data) Add(NameForgotten{command.name});
  return Reply();
}

Result<Reply> Engine::On(Move&& command, TimePoint) {
  const auto from = state_.Instances().find(command.from_instance);
  if (from == state_.Instances().end()) {
    return NotFound("instance {} is not deployed", command.from_instance)
        .Because("INSTANCE_NOT_FOUND");
  }
  const auto to = state_.ActiveInstance(from->second->source->name);
  if (to == nullptr || to == from->second) {
    return FailedPrecondition("instance {} was not replaced, its work stays with it",
                              command.from_instance);
  }
  std::vector<ExecutionId> moved;
  for (const ExecutionId& id : command.executions) {
    const Execution* execution = state_.FindOpen(id);
    if (execution == nullptr || execution->state != ExecutionState::kCreated ||
        execution->source->instance_hash != command.from_instance) {
      continue;
    }
    Add(ExecutionMoved{id, to->source});
    Tell(Ready{state_.OpenPtr(id)});
    moved.push_back(id);
  }
  RetireIfDrained(command.from_instance);
  return Reply(std::move(moved));
}

void Engine::RetireIfDrained(const std::string& instance_hash) {
  const auto found = state_.Instances().find(instance_hash);
  if (found == state_.Instances().end() || found->second->state != Instance::State::kDraining)
    return;
  if (state_.OpenCount(instance_hash) > 0) return;
  const std::shared_ptr<const Instance> instance = found->second;
  Add(InstanceGone{instance_hash});
  Tell(InstanceRemoved{instance});
}

}  // namespace mesg::engine
