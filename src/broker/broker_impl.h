#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "broker/broker.h"
#include "broker/delivery_id.h"
#include "broker/listening.h"
#include "broker/partition.h"
#include "broker/partition_thread.h"

namespace mesg::broker {

/// What stands behind Broker. Members are in the order of their lives: what is below uses what is
/// above.
struct Broker::Impl {
  Impl(const Clock& the_clock, const Settings& the_settings,
       const std::vector<store::Store*>& the_stores);

  /// One partition with its thread and what other threads may know of it.
  struct Slot {
    PartitionPlace place;
    Guarded<Counters> counters;
    std::unique_ptr<PartitionThread> thread;
  };
  using Work = PartitionThread::Work;

  Slot& SlotOfKey(std::string_view partition_key);
  Slot& SlotOfExecution(const ExecutionId& id);
  /// Starts the partitions; everything deployed is in the catalog when it returns.
  Result<void> Start(std::vector<std::unique_ptr<engine::Engine>> engines,
                     std::function<void(Error)> fatal);
  Partition::World WorldOf(engine::PartitionId id);
  static void Publish(const Partition& partition, Slot& slot);
  void OnInstance(const std::shared_ptr<const engine::Instance>& record, bool removed);

  // broker_runs.cc
  void EvaluateStep(Slot& slot, engine::EvaluateStep step);
  void EvaluateTrigger(Slot& slot, engine::EvaluateTrigger trigger);
  void TellWatchers(const engine::RunPtr& run);

  /// Submits a command whose reply is one of `T`, or void.
  template <typename T>
  void Decide(Slot& slot, engine::Command command, std::size_t weight, Broker::Reply<T> reply);

  const Clock& clock;
  const Settings& settings;
  const DeliveryIds ids;
  Guarded<CatalogPtr> catalog{std::make_shared<const Catalog>()};
  // Apart from the catalog, because every acknowledgement changes one of them.
  Guarded<std::map<std::string, SubscriptionPtr, std::less<>>> subscriptions;
  Guarded<std::function<void(const InstancePtr&, bool)>> observer;
  struct Watcher {
    std::string application;  // "" with a run's id.
    engine::RunId run;
    std::weak_ptr<RunSink> sink;
  };
  Guarded<std::map<std::uint64_t, Watcher>> watchers;
  std::atomic<std::uint64_t> next_watcher = 1;
  std::atomic<std::size_t> watching = 0;  // Read for every move of a run.
  std::function<void(Error)> fatal;
  std::atomic<bool> fatal_told = false;
  std::atomic<WorkerId> next_worker = 1;
  Guarded<std::unordered_map<WorkerId, Slot*>> workers;
  std::vector<std::unique_ptr<Slot>> slots;
  std::unique_ptr<Listening> listening;
};

template <typename T>
void Broker::Impl::Decide(Slot& slot, engine::Command command, std::size_t weight,
                          Broker::Reply<T> reply) {
  // Shared, so that a refusal by the inbox can still answer.
  auto shared = std::make_shared<Broker::Reply<T>>(std::move(reply));
  auto kept = std::make_shared<engine::Command>(std::move(command));
  Work work = [shared, kept](Partition& partition, TimePoint now) {
    partition.Submit(
        std::move(*kept),
        [shared](Result<engine::Reply> decided) {
          if (!*shared) return;
          if (!decided) {
            (*shared)(std::move(decided).error());
          } else if constexpr (std::is_void_v<T>) {
            (*shared)({});
          } else {
            (*shared)(std::get<T>(*std::move(decided)));
          }
        },
        now);
  };
  constexpr std::size_t kFixed = 256;
  const auto admitted = slot.thread->Submit(std::move(work), weight + kFixed);
  if (!admitted && *shared) (*shared)(admitted.error());
}

}  // namespace mesg::broker
