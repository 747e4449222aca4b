#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/delivery_id.h"
#include "broker/partition.h"
#include "tests/simulation/replica.h"
#include "tests/simulation/run.h"

namespace mesg::simulation {

/// A Core that can die: its partitions with their disks, and what waits for them. Does in one
/// thread, in an order the seed chooses, what PartitionThread and Broker do in several.
class Node {
 public:
  using Work = std::function<void(broker::Partition&, TimePoint now)>;

  Node(Run& run, engine::Settings settings, std::size_t partitions);

  void Start();
  /// Power loss. Clients keep what they know, the disk what it had and perhaps more.
  void Crash();
  /// A commit failed, and with it Core.
  bool Failed() const { return failed_; }
  /// Counts the lives, so that others notice they lost their connection.
  std::uint64_t Life() const { return life_; }

  /// A request reaches the inbox.
  void Submit(std::size_t partition, Work work);
  /// A partition has a turn: some of what waits, or all of it.
  void Turn(std::size_t partition, bool all);
  /// A disk finishes a commit.
  void StepDisk(std::size_t partition);
  void Stall(std::size_t partition);
  void Release(std::size_t partition);
  void FailNextCommit(std::size_t partition);

  std::size_t Partitions() const { return partitions_.size(); }
  std::size_t PartitionOf(std::string_view key) const {
    return engine::PartitionOf(SlotOf(key), static_cast<engine::PartitionId>(partitions_.size()));
  }
  std::size_t PartitionOf(const ExecutionId& id) const {
    return engine::PartitionOf(id.Slot(), static_cast<engine::PartitionId>(partitions_.size()));
  }
  const broker::Partition& At(std::size_t partition) const { return *partitions_[partition].core; }
  const store::Store& StoreOf(std::size_t partition) const { return *partitions_[partition].store; }
  bool Quiet() const;
  /// The sequence behind the last durable one, and the first that is kept.
  std::uint64_t Next(std::size_t partition) const { return partitions_[partition].next; }
  std::uint64_t Oldest(std::size_t partition) const { return partitions_[partition].oldest; }
  const broker::DeliveryIds& Ids() const { return ids_; }

  /// What a caller finds deployed and subscribed.
  std::shared_ptr<const engine::Instance> Active(const std::string& name) const;
  const std::map<std::string, std::shared_ptr<const engine::Instance>>& Instances() const {
    return instances_;
  }
  std::shared_ptr<const engine::Subscription> Subscribed(const std::string& name) const;

  /// A listener has to read the store from `next` on.
  std::function<void(broker::ListenerId, std::size_t partition, std::uint64_t next)> on_lagging;
  std::function<void(std::size_t partition, engine::EvaluateStep)> on_evaluate_step;
  std::function<void(std::size_t partition, engine::EvaluateTrigger)> on_evaluate_trigger;
  /// A fact is durable.
  std::function<void(std::size_t partition, const engine::Record&, TimePoint)> on_fact;
  std::optional<TimePoint> NextTimer() const;
  /// Compares what is on the disks with what the replicas have come to.
  void CheckReplicas();

 private:
  struct Slot {
    std::unique_ptr<Replica> replica;  // Outlives the lives of the process.
    std::unique_ptr<ReplicatedStore> store;
    std::unique_ptr<broker::Partition> core;
    std::deque<Work> inbox;
    std::deque<std::pair<std::uint64_t, Result<void>>> committed;
    std::uint64_t next = 1;
    std::uint64_t oldest = 1;
  };
  broker::Partition::World WorldOf(std::size_t partition);

  Run& run_;
  const engine::Settings settings_;
  const broker::DeliveryIds ids_{std::string(32, 's')};
  store::memory::MemoryDisk disk_;
  std::vector<Slot> partitions_;
  std::map<std::string, std::shared_ptr<const engine::Instance>> instances_;
  std::map<std::string, std::shared_ptr<const engine::Subscription>> subscriptions_;
  std::uint64_t life_ = 0;
  bool failed_ = false;
};

}  // namespace mesg::simulation
