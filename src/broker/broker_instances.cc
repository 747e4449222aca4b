#include <algorithm>
#include <functional>
#include <utility>

#include "broker/broker.h"
#include "broker/broker_impl.h"
#include "broker/checks.h"

namespace mesg::broker {

void Broker::ObserveInstances(std::function<void(const InstancePtr&, bool removed)> observer) {
  impl_->observer.With([&](auto& kept) { kept = observer; });
  for (const InstancePtr& instance : Deployed()->Instances()) observer(instance, false);
}

void Broker::Deploy(engine::Instance instance, Reply<void> reply) {
  const std::string name = instance.source->name;
  const std::size_t weight = instance.definition.size();
  // Checked by the code that reads it back: what is stored can always be read.
  Result<void> checked = CheckName(name);
  if (checked) {
    const auto made = DeployedInstance::Make(std::make_shared<const engine::Instance>(instance));
    if (!made) checked = made.error();
  }
  if (!checked) {
    reply(std::move(checked).error());
    return;
  }
  impl_->Decide<void>(impl_->SlotOfKey(name), engine::Deploy{std::move(instance)}, weight,
                      std::move(reply));
}

void Broker::SetStarted(const InstancePtr& instance, bool started, Reply<void> reply) {
  impl_->Decide<void>(impl_->SlotOfKey(instance->Name()),
                      engine::SetStarted{instance->GetSource()->instance_hash, started}, 0,
                      std::move(reply));
}

void Broker::Undeploy(const std::string& name, bool keep_data, bool force, Reply<void> reply) {
  const auto answer = [reply = std::move(reply)](Result<engine::Reply> undeployed) {
    if (undeployed) {
      reply({});
    } else {
      reply(std::move(undeployed).error());
    }
  };
  const auto admitted = impl_->SlotOfKey(name).thread->Submit(
      [command = engine::Undeploy{name, keep_data, force}, answer](
          Partition& partition, TimePoint now) { partition.Undeploy(command, answer, now); },
      name.size());
  if (!admitted) answer(admitted.error());
}

void Broker::Load(const InstancePtr& instance, Reply<InstanceLoad> reply) {
  const std::string hash = instance->GetSource()->instance_hash;
  impl_->SlotOfKey(instance->Name())
      .thread->SubmitAlways([hash, reply = std::move(reply)](Partition& partition, TimePoint) {
        reply(InstanceLoad{partition.GetEngine().Current().OpenCount(hash),
                           partition.Workers().Workers(hash), partition.Workers().Problem(hash)});
      });
}

// ---- Moving work ----

namespace {

/// A MovePinned on its way: one slice of what is open, one commit, then the next.
struct Moving {
  InstancePtr draining;
  InstancePtr active;
  Broker::Reply<Broker::Moved> reply;
  PartitionThread* thread = nullptr;
  std::optional<std::vector<ExecutionId>> left;  ///< Last first; none before the first slice.
  Broker::Moved moved;
  std::size_t not_listed = 0;
};

/// "" when `execution` can be moved.
std::string WhyKept(const Moving& moving, const Execution& execution, bool delivered) {
  const TaskDefinition* before = moving.draining->Definition().FindTask(execution.task);
  const TaskDefinition* after = moving.active->Definition().FindTask(execution.task);
  if (execution.state != ExecutionState::kCreated || delivered) return "it was delivered";
  if (after == nullptr) return "the new definition has no such task";
  if (before == nullptr ||
      !(before->outputs == after->outputs && before->effect == after->effect)) {
    return "the new definition gives the task other outputs or another effect";
  }
  // What waits for its secrets is checked when it has them.
  if (execution.deferred.empty() && !moving.active->CheckInputs(*after, execution.inputs))
    return "its inputs do not fit the new definition";
  return "";
}

void Keep(Moving& moving, const ExecutionId& id, std::string_view why) {
  constexpr std::size_t kMostListed = 1'000;
  if (moving.moved.kept.size() < kMostListed) {
    moving.moved.kept.push_back(fmt::format("{}: {}", id.Text(), why));
  } else {
    ++moving.not_listed;
  }
}

std::vector<ExecutionId> OpenOf(const Partition& partition, const std::string& instance_hash) {
  std::vector<ExecutionId> open;
  for (const auto& [id, execution] : partition.GetEngine().Current().Open()) {
    if (execution->source->instance_hash == instance_hash) open.push_back(id);
  }
  std::sort(open.begin(), open.end(), std::greater<>());
  return open;
}

void FinishMoving(Moving& moving) {
  std::sort(moving.moved.kept.begin(), moving.moved.kept.end());
  if (moving.not_listed > 0)
    moving.moved.kept.push_back(fmt::format("and {} more", moving.not_listed));
  moving.reply(std::move(moving.moved));
}

void MoveSlice(const std::shared_ptr<Moving>& moving, Partition& partition, TimePoint now) {
  const std::string& from = moving->draining->GetSource()->instance_hash;
  if (!moving->left) moving->left = OpenOf(partition, from);
  engine::Move command{from, moving->active->GetSource()->instance_hash, {}};
  std::uint64_t weight = 0;
  while (!moving->left->empty() && weight < partition.GetEngine().GetSettings().slice_bytes) {
    const ExecutionId id = moving->left->back();
    moving->left->pop_back();
    const Execution* execution = partition.GetEngine().Current().FindOpen(id);
    if (execution == nullptr || execution->source->instance_hash != from) continue;
    weight += engine::OpenWeight(*execution);
    const std::string why = WhyKept(*moving, *execution, partition.Workers().IsDelivered(id));
    if (why.empty()) {
      command.executions.push_back(id);
    } else {
      Keep(*moving, id, why);
    }
  }
  const auto next = [moving] {
    if (moving->left->empty()) return FinishMoving(*moving);
    moving->thread->SubmitAlways(
        [moving](Partition& same, TimePoint later) { MoveSlice(moving, same, later); });
  };
  if (command.executions.empty()) return next();
  partition.Submit(
      std::move(command),
      [moving, next](Result<engine::Reply> decided) {
        if (!decided) {
          Error error = std::move(decided).error();
          if (moving->moved.moved > 0)
            error.message += fmt::format(" ({} were moved before)", moving->moved.moved);
          moving->reply(std::move(error));
          return;
        }
        moving->moved.moved += std::get<std::vector<ExecutionId>>(*decided).size();
        next();
      },
      now);
}

}  // namespace

void Broker::MovePinned(const InstancePtr& draining, Reply<Moved> reply) {
  const InstancePtr active = Deployed()->Find(draining->Name()).value_or(nullptr);
  if (active == nullptr || *active->GetSource() == *draining->GetSource()) {
    reply(FailedPrecondition("instance {} was not replaced, its work stays with it",
                             draining->GetSource()->instance_hash));
    return;
  }
  auto moving = std::make_shared<Moving>();
  moving->draining = draining;
  moving->active = active;
  moving->reply = std::move(reply);
  moving->thread = impl_->SlotOfKey(draining->Name()).thread.get();
  moving->thread->SubmitAlways(
      [moving](Partition& partition, TimePoint now) { MoveSlice(moving, partition, now); });
}

}  // namespace mesg::broker
