#include <algorithm>
#include <functional>
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
  if (const auto others = InstancesOf(wanted.source->name);
      !others.empty() && others.front()->state == Instance::State::kDeleting) {
    return FailedPrecondition(
               "service \"{}\" is being deleted, with work that is being cancelled; deploy it when "
               "it is gone",
               wanted.source->name)
        .Because("DELETION_UNDER_WAY");
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

// ---- Deleting ----

std::vector<std::shared_ptr<const Instance>> Engine::InstancesOf(const std::string& name) const {
  std::vector<std::shared_ptr<const Instance>> instances;
  for (const auto& [hash, instance] : state_.Instances()) {
    if (instance->source->name == name) instances.push_back(instance);
  }
  return instances;
}

Result<Reply> Engine::On(Undeploy&& command, TimePoint now) {
  const auto going = InstancesOf(command.name);
  if (going.empty()) {
    return NotFound("service \"{}\" is not deployed", command.name).Because("SERVICE_NOT_FOUND");
  }
  if (going.front()->state == Instance::State::kDeleting) {
    if (going.front()->keep_data != command.keep_data) {
      return FailedPrecondition("service \"{}\" is being deleted already, {} its data",
                                command.name, command.keep_data ? "with" : "without")
          .Because("DELETION_UNDER_WAY");
    }
    return Reply(Undeployed{false});
  }
  std::uint64_t pinned = 0;
  for (const auto& instance : going) pinned += state_.OpenCount(instance->source->instance_hash);
  if (pinned > 0 && !command.force) {
    return FailedPrecondition(
               "service \"{}\" has {} executions that wait or run; wait for them, or delete with "
               "force to cancel them",
               command.name, pinned)
        .Because("WORK_PINNED");
  }
  if (pinned == 0 || CancelSlice(command.name, now)) {
    FinishUndeploy(command.name, command.keep_data);
    return Reply(Undeployed{true});
  }
  // From here on nothing is added to what is to be cancelled, whatever happens in between.
  for (const auto& instance : InstancesOf(command.name)) {
    auto deleting = std::make_shared<Instance>(*instance);
    deleting->state = Instance::State::kDeleting;
    deleting->keep_data = command.keep_data;
    Add(InstancePut{deleting});
    Tell(InstanceChanged{deleting});
  }
  Tell(UndeployGoesOn{std::move(command.name)});
  return Reply(Undeployed{false});
}

Result<Reply> Engine::On(ContinueUndeploy&& command, TimePoint now) {
  const auto going = InstancesOf(command.name);
  if (going.empty() || going.front()->state != Instance::State::kDeleting) return Reply();
  if (CancelSlice(command.name, now)) {
    FinishUndeploy(command.name, going.front()->keep_data);
  } else {
    Tell(UndeployGoesOn{std::move(command.name)});
  }
  return Reply();
}

bool Engine::CancelSlice(const std::string& name, TimePoint now) {
  const auto [entry, is_new] = to_cancel_.try_emplace(name);
  std::vector<ExecutionId>& left = entry->second;
  if (is_new) {
    for (const auto& [id, execution] : state_.Open()) {
      if (execution->source->name == name) left.push_back(id);
    }
    // The table has no order of its own, and decisions must not depend on its.
    std::sort(left.begin(), left.end(), std::greater<>());
  }
  std::uint64_t weight = 0;
  while (!left.empty() && weight < settings_.slice_bytes) {
    const Execution* execution = state_.FindOpen(left.back());
    left.pop_back();
    if (execution == nullptr) continue;  // It has had its result meanwhile.
    weight += OpenWeight(*execution);
    Finish(*execution, ExecutionState::kCancelled,
           Outcome{"", "", "cancelled: its service was deleted", now}, std::nullopt,
           /*dead_letter=*/false);
  }
  if (!left.empty()) return false;
  to_cancel_.erase(entry);
  return true;
}

void Engine::FinishUndeploy(const std::string& name, bool keep_data) {
  // Finishing the last work of a draining instance may have removed it already.
  for (const auto& instance : InstancesOf(name)) {
    Add(InstanceGone{instance->source->instance_hash});
    Tell(InstanceRemoved{instance});
  }
  if (!keep_data) Add(NameForgotten{name});
  Tell(UndeployDone{name});
}

// ---- Moving ----

Result<Reply> Engine::On(engine::Move&& command, TimePoint) {
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
  if (to->source->instance_hash != command.to_instance) {
    return Aborted("instance {} was replaced itself meanwhile, move the work again",
                   command.to_instance)
        .Because("INSTANCE_REPLACED");
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
