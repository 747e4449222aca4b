#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "broker/delivery_id.h"
#include "broker/sinks.h"
#include "engine/command.h"
#include "engine/effect.h"

namespace mesg::broker {

using WorkerId = std::uint64_t;

/// Which worker performs what, for one partition: keeps what is ready, hands it to the least loaded
/// worker of its instance that has a credit, and notices when an attempt takes too long or a worker
/// is gone. Nothing here is stored: after a crash the engine's effects bring it back.
///
/// Threads: one. Time comes in with each call.
class Dispatcher {
 public:
  /// What it needs from the partition around it.
  struct World {
    /// The open execution as it stands, or null.
    std::function<const Execution*(const ExecutionId&)> find;
    /// Asks the engine to decide; its effects come back here.
    std::function<void(engine::Command)> submit;
    /// The inputs of an execution that has deferred ones, with their secrets.
    std::function<Result<std::string>(const Execution&)> fill;
    /// 0..1, for the jitter of pauses.
    std::function<double()> random;
  };
  /// `most_credits`: how many deliveries one worker may hold, however many it asks for.
  Dispatcher(const DeliveryIds& ids, World world, std::uint64_t first_delivery_number,
             std::size_t most_credits);

  // ---- Effects of the engine ----
  void On(const engine::Ready& effect, TimePoint now);
  void On(const engine::Send& effect, TimePoint now);
  void On(const engine::Ended& effect, TimePoint now);
  void On(const engine::Finished& effect, TimePoint now);
  void On(const engine::InstanceChanged& effect);
  void On(const engine::InstanceRemoved& effect);

  // ---- Workers ----
  void Connect(WorkerId id, std::string instance_hash, std::string name,
               std::vector<std::string> tasks, std::size_t credits,
               std::shared_ptr<WorkerSink> sink, TimePoint now);
  /// Of what would be more than it may hold altogether, nothing is added.
  void AddCredits(WorkerId id, std::size_t credits, TimePoint now);
  void Drain(WorkerId id);
  /// What it says does not work with what it connects to; "" is well.
  void ReportHealth(WorkerId id, std::string problem);
  void Disconnect(WorkerId id);
  /// The worker hands a delivery back unperformed: it goes to another, or waits. The worker itself
  /// gets nothing for a pause, which grows as long as it answers nothing.
  void Refuse(WorkerId id, const ExecutionId& execution, std::string_view delivery_id,
              std::string_view reason, TimePoint now);
  /// The worker answers `delivery_id`: when this ends the attempt, it needs no word of it and has
  /// its credit back. An answer to a delivery that is over gives the credit back now.
  void Answering(const ExecutionId& execution, const std::string& delivery_id, TimePoint now);
  /// The answer was refused and changed nothing: while the execution is open, the delivery is still
  /// the worker's.
  void AnswerRefused(const ExecutionId& execution, const std::string& delivery_id);

  // ---- Time ----
  std::optional<TimePoint> NextTimer() const;
  void Advance(TimePoint now);
  /// Sends what this turn said to workers.
  void Flush();

  bool IsDelivered(const ExecutionId& id) const { return leases_.contains(id); }
  /// In words: what an open execution waits for, and since when.
  std::pair<std::string, TimePoint> WaitsFor(const Execution& execution) const;
  /// The same for one whose outcome is unknown.
  static std::pair<std::string, TimePoint> WaitsForSomebody(const Execution& execution);
  std::size_t Workers() const { return workers_.size(); }
  std::size_t Workers(const std::string& instance_hash) const;
  /// Of the first worker that has one; "" when all are well.
  std::string Problem(const std::string& instance_hash) const;
  std::uint64_t Deliveries() const { return deliveries_; }

 private:
  struct Worker {
    WorkerId id = 0;
    std::string instance_hash;
    std::string name;
    std::string problem;
    std::set<std::string> tasks;
    std::size_t granted = 0;  // All it may hold; `credits` is what is left of it.
    std::size_t credits = 0;
    bool draining = false;
    bool told_to_drain = false;
    std::unordered_set<ExecutionId> held;
    // Deliveries that are over but whose credit the worker has not given back yet, by their id.
    std::unordered_set<std::string> closing;
    std::shared_ptr<WorkerSink> sink;
    bool touched = false;
    std::uint32_t refusals = 0;  // Pauses since it last answered.
    std::string refused;         // Why, the last time.
    std::optional<TimePoint> paused_until;
    std::size_t Load() const { return held.size() + closing.size(); }
  };
  struct Lease {
    Worker* worker = nullptr;
    std::uint32_t attempt = 0;
    std::string delivery_id;
    std::size_t answers = 0;  // On their way through the engine.
    TimePoint since{};
    TimePoint deadline{};
  };
  /// Higher priority first, then older first.
  struct Order {
    std::int32_t priority = 0;
    std::uint64_t number = 0;
    ExecutionId id;
    bool operator<(const Order& other) const {
      if (priority != other.priority) return priority > other.priority;
      if (number != other.number) return number < other.number;
      return id < other.id;
    }
  };
  struct Waiting {
    std::string instance_hash;
    std::string task;
    Order order;
    std::uint32_t attempt = 1;
    bool committed = false;        // effect: once, its dispatch is durable.
    WorkerId reserved = 0;         // effect: once, for whom its dispatch is being made durable.
    std::optional<TimePoint> due;  // Not before.
    TimePoint since{};
  };
  struct Queue {
    std::map<std::string, std::set<Order>> ready;  // By task.
    std::vector<Worker*> workers;
  };

  bool IsStale(const Waiting& waiting, const Execution* execution) const;
  Waiting& Await(const Execution& execution, TimePoint now);
  void Enqueue(const ExecutionId& id, Waiting& waiting);
  void Unqueue(const ExecutionId& id);
  void Pump(const std::string& instance_hash, TimePoint now);
  void Reserve(const ExecutionId& id, Worker& worker);
  Worker* Choose(const Queue& queue, const std::string& task) const;
  void HandOut(const ExecutionId& id, Worker& worker, TimePoint now);
  void GiveBack(const std::string& delivery_id, TimePoint now);
  void Release(const ExecutionId& id, std::string_view reason, bool tell);
  void Pause(Worker& worker, std::string_view reason, TimePoint now);
  void Touch(Worker& worker);
  void DrainAll(const std::string& instance_hash);

  const DeliveryIds& ids_;
  const World world_;
  std::uint64_t next_delivery_;
  const std::size_t most_credits_;
  std::uint64_t deliveries_ = 0;
  std::unordered_map<WorkerId, std::unique_ptr<Worker>> workers_;
  std::unordered_map<std::string, Queue> queues_;  // By instance hash.
  std::unordered_map<ExecutionId, Waiting> waiting_;
  std::unordered_map<ExecutionId, Lease> leases_;
  std::unordered_map<std::string, WorkerId> closing_;  // Delivery id -> whose credit it holds.
  std::set<std::pair<TimePoint, ExecutionId>> due_;
  std::set<std::pair<TimePoint, ExecutionId>> deadlines_;
  std::set<std::pair<TimePoint, WorkerId>> pauses_;
  std::vector<WorkerId> touched_;
};

}  // namespace mesg::broker
