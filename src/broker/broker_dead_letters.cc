#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "broker/broker.h"
#include "broker/broker_impl.h"
#include "broker/checks.h"
#include "broker/history.h"
#include "broker/joint.h"

namespace mesg::broker {
namespace {

/// Whether `instance` can perform what `execution` asked for, under the promise it was made with.
Result<void> CheckStillFits(const DeployedInstance& instance, const Execution& execution) {
  const TaskDefinition* task = MESG_TRY(instance.FindTask(execution.task));
  if (task->effect != execution.effect) {
    return FailedPrecondition(
               "Task \"{}\" of service \"{}\" has the effect \"{}\" now, and execution {} was "
               "created with \"{}\"; drop it, and execute the task anew",
               execution.task, instance.Name(), Name(task->effect), execution.id.Text(),
               Name(execution.effect))
        .Because("EFFECT_CHANGED");
  }
  return instance.CheckInputs(*task, execution.inputs);
}

/// The same in its turn: between the check of `checked` and now another may have been deployed.
/// Where none is, the engine says so.
Result<void> CheckAgain(Partition& partition, const DeployedInstance& checked,
                        const Execution& execution) {
  const std::string& name = execution.source->name;
  const auto active = partition.GetEngine().Current().ActiveInstance(name);
  if (active == nullptr || *active->source == *checked.GetSource()) return {};
  const InstancePtr instance = MESG_TRY(partition.Active(name));
  return CheckStillFits(*instance, execution);
}

/// Commands of one partition that one commit takes.
struct Slice {
  struct One {
    std::size_t place = 0;  ///< In the caller's list.
    engine::Command command;
    /// Asked in the turn that decides: a refusal is the answer. May be empty.
    std::function<Result<void>(Partition&)> check = {};
  };
  PartitionThread* thread = nullptr;
  std::vector<One> commands;
  std::size_t weight = 0;
};

/// Puts commands together, in the order they come, as far as a slice should go.
class Slices {
 public:
  Slices(std::size_t partitions, std::size_t most) : open_(partitions, SIZE_MAX), most_(most) {}

  void Add(engine::PartitionId partition, PartitionThread& thread, Slice::One one,
           std::size_t weight) {
    std::size_t& at = open_[partition];
    if (at == SIZE_MAX || all_[at].weight + weight > most_) {
      at = all_.size();
      all_.push_back({&thread, {}, 0});
    }
    all_[at].weight += weight;
    all_[at].commands.push_back(std::move(one));
  }

  /// Has each decided; `joint`, which still lacks one, hears what came of it.
  template <typename T>
  void Submit(const std::shared_ptr<Joint<T>>& joint) && {
    for (const Slice& slice : all_) joint->left += slice.commands.size();
    for (Slice& prepared : all_) {
      const auto slice = std::make_shared<Slice>(std::move(prepared));
      const auto admitted = slice->thread->Submit(
          [slice, joint](Partition& partition, TimePoint now) {
            for (Slice::One& one : slice->commands) {
              auto reply = [joint, place = one.place](Result<engine::Reply> decided) {
                if (!decided) {
                  joint->results[place] = std::move(decided).error();
                } else if constexpr (std::is_void_v<T>) {
                  joint->results[place] = {};
                } else {
                  joint->results[place] = std::get<T>(*std::move(decided));
                }
                joint->Done();
              };
              auto checked = one.check ? one.check(partition) : Result<void>();
              if (checked) {
                partition.Submit(std::move(one.command), std::move(reply), now);
              } else {
                partition.Refuse(std::move(checked).error(), std::move(reply));
              }
            }
          },
          slice->weight);
      if (admitted) continue;
      for (const Slice::One& one : slice->commands) {
        joint->results[one.place] = admitted.error();
        joint->Done();
      }
    }
  }

 private:
  std::vector<Slice> all_;
  std::vector<std::size_t> open_;  // By partition: the slice that is not full.
  const std::size_t most_;
};

/// What settling a dead letter writes, and as much again when it makes a new execution.
std::size_t WeightOf(const engine::ExecutionPtr& stored) {
  constexpr std::size_t kFixed = 512;
  return kFixed + (stored == nullptr ? 0 : engine::OpenWeight(*stored));
}

template <typename T>
std::shared_ptr<Joint<T>> Expect(std::size_t count,
                                 std::function<void(std::vector<Result<T>>)> reply) {
  auto joint = std::make_shared<Joint<T>>();
  for (std::size_t i = 0; i < count; ++i) joint->results.push_back(Internal("not decided"));
  joint->reply = std::move(reply);
  joint->left = 1;
  return joint;
}

}  // namespace

void Broker::RetryDeadLetters(const std::vector<ExecutionId>& ids,
                              std::function<void(std::vector<Result<engine::Created>>)> reply) {
  const CatalogPtr catalog = Deployed();
  const auto joint = Expect<engine::Created>(ids.size(), std::move(reply));
  Slices slices(Partitions(), settings_.engine.slice_bytes);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Impl::Slot& slot = impl_->SlotOfExecution(ids[i]);
    const auto stored = ReadExecution(*slot.place.store, ids[i]);
    if (!stored) {
      joint->results[i] = stored.error();
      continue;
    }
    const auto replacement =
        ExecutionId::Make(ids[i].Slot(), impl_->clock.Now(), RandomBytes(ExecutionId::kRandomSize));
    Slice::One one{i, engine::RetryDeadLetter{ids[i], replacement}};
    // Its service may have been replaced since: what nobody can perform must not wait for ever.
    if (*stored != nullptr) {
      const auto instance = catalog->Find((*stored)->source->name);
      const auto fits = instance ? CheckStillFits(**instance, **stored) : instance.error();
      if (!fits) {
        joint->results[i] = fits.error();
        continue;
      }
      one.check = [checked = *instance, execution = *stored](Partition& partition) {
        return CheckAgain(partition, *checked, *execution);
      };
    }
    slices.Add(slot.place.id, *slot.thread, std::move(one), 2 * WeightOf(*stored));
  }
  std::move(slices).Submit(joint);
  joint->Done();
}

void Broker::DropDeadLetters(const std::vector<ExecutionId>& ids,
                             std::function<void(std::vector<Result<void>>)> reply) {
  const auto joint = Expect<void>(ids.size(), std::move(reply));
  Slices slices(Partitions(), settings_.engine.slice_bytes);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Impl::Slot& slot = impl_->SlotOfExecution(ids[i]);
    const auto stored = ReadExecution(*slot.place.store, ids[i]);
    if (!stored) {
      joint->results[i] = stored.error();
      continue;
    }
    slices.Add(slot.place.id, *slot.thread, {i, engine::DropDeadLetter{ids[i]}}, WeightOf(*stored));
  }
  std::move(slices).Submit(joint);
  joint->Done();
}

void Broker::Resolve(const ExecutionId& id, std::variant<engine::Success, engine::Failure> result,
                     Reply<engine::ExecutionPtr> reply) {
  if (const auto* success = std::get_if<engine::Success>(&result)) {
    const auto stored = ReadExecution(*impl_->SlotOfExecution(id).place.store, id);
    if (!stored) {
      reply(stored.error());
      return;
    }
    const InstancePtr instance =
        *stored ? Deployed()->FindInstance((*stored)->source->instance_hash) : nullptr;
    auto checked =
        CheckSize("the outputs", success->outputs.size(), settings_.limits.payload_bytes);
    if (checked) {
      checked = instance
                    ? instance->CheckOutputs((*stored)->task, success->output_key, success->outputs)
                    : CheckJson(success->outputs, "the outputs");
    }
    if (!checked) {
      reply(checked.error());
      return;
    }
  } else if (const auto checked = CheckText("the error", std::get<engine::Failure>(result).error);
             !checked) {
    reply(checked.error());
    return;
  }
  impl_->Decide<engine::ExecutionPtr>(impl_->SlotOfExecution(id),
                                      engine::Resolve{id, std::move(result)}, 0, std::move(reply));
}

}  // namespace mesg::broker
