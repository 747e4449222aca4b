#include "broker/dispatcher.h"

#include <algorithm>
#include <utility>

#include "base/encoding.h"

namespace mesg::broker {

Dispatcher::Dispatcher(const DeliveryIds& ids, World world, std::uint64_t first_delivery_number,
                       std::size_t most_credits)
    : ids_(ids),
      world_(std::move(world)),
      next_delivery_(first_delivery_number),
      most_credits_(most_credits) {}

// ---- Queues ----

void Dispatcher::Enqueue(const ExecutionId& id, Waiting& waiting) {
  if (waiting.due) {
    due_.emplace(*waiting.due, id);
  } else {
    queues_[waiting.instance_hash].ready[waiting.task].insert(waiting.order);
  }
}

void Dispatcher::Unqueue(const ExecutionId& id) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return;
  const Waiting& waiting = found->second;
  if (waiting.due) due_.erase({*waiting.due, id});
  if (const auto worker = workers_.find(waiting.reserved); worker != workers_.end())
    ++worker->second->credits;
  if (const auto queue = queues_.find(waiting.instance_hash); queue != queues_.end()) {
    if (const auto ready = queue->second.ready.find(waiting.task);
        ready != queue->second.ready.end()) {
      ready->second.erase(waiting.order);
      if (ready->second.empty()) queue->second.ready.erase(ready);
    }
    if (queue->second.ready.empty() && queue->second.workers.empty()) queues_.erase(queue);
  }
  waiting_.erase(found);
}

Dispatcher::Waiting& Dispatcher::Await(const Execution& execution, TimePoint now) {
  Unqueue(execution.id);
  Waiting waiting;
  waiting.instance_hash = execution.source->instance_hash;
  waiting.task = execution.task;
  waiting.order = {execution.priority, execution.created_number, execution.id};
  waiting.attempt = execution.CurrentAttempt();
  waiting.since = now;
  return waiting_.insert_or_assign(execution.id, std::move(waiting)).first->second;
}

// What is decided and not yet durable is ahead of what waits here: the execution may have ended,
// moved or come to another attempt. The effects that say so are on their way.
bool Dispatcher::IsStale(const Waiting& waiting, const Execution* execution) const {
  return execution == nullptr || IsFinal(execution->state) ||
         execution->state == ExecutionState::kOutcomeUnknown ||
         execution->source->instance_hash != waiting.instance_hash ||
         execution->CurrentAttempt() != waiting.attempt;
}

// An `effect: once` leaves only when its dispatch is durable. It takes a credit at once, so that no
// more are dispatched than can be handed out: the others would become unknown if Core stopped.
void Dispatcher::Reserve(const ExecutionId& id, Worker& worker) {
  Waiting& waiting = waiting_.at(id);
  auto& ready = queues_.at(waiting.instance_hash).ready;
  ready.at(waiting.task).erase(waiting.order);
  if (ready.at(waiting.task).empty()) ready.erase(waiting.task);
  waiting.reserved = worker.id;
  --worker.credits;
  world_.submit(engine::Dispatch{id, waiting.attempt});
}

void Dispatcher::On(const engine::Ready& effect, TimePoint now) {
  // The effect is from a commit; since then the execution may have moved on.
  const Execution* execution = world_.find(effect.execution->id);
  if (execution == nullptr || execution->state != ExecutionState::kCreated ||
      leases_.contains(execution->id))
    return;
  Waiting& waiting = Await(*execution, now);
  if (execution->not_before > now) waiting.due = execution->not_before;
  Enqueue(execution->id, waiting);
  Pump(std::string(waiting.instance_hash), now);
}

void Dispatcher::On(const engine::Send& effect, TimePoint now) {
  const Execution* execution = world_.find(effect.execution->id);
  if (execution == nullptr || execution->state != ExecutionState::kDispatched) return;
  const ExecutionId id = execution->id;
  const auto before = waiting_.find(id);
  const auto reserved =
      before == waiting_.end() ? workers_.end() : workers_.find(before->second.reserved);
  Waiting& waiting = Await(*execution, now);  // Gives the reserved credit back.
  waiting.committed = true;
  if (reserved != workers_.end() && !reserved->second->draining) {
    HandOut(id, *reserved->second, now);
    return;
  }
  Enqueue(id, waiting);
  Pump(std::string(waiting.instance_hash), now);
}

Dispatcher::Worker* Dispatcher::Choose(const Queue& queue, const std::string& task) const {
  Worker* best = nullptr;
  for (Worker* worker : queue.workers) {
    if (worker->credits == 0 || worker->draining || worker->paused_until) continue;
    if (!worker->tasks.empty() && !worker->tasks.contains(task)) continue;
    if (best == nullptr || worker->Load() < best->Load()) best = worker;
  }
  return best;
}

void Dispatcher::Pump(const std::string& instance_hash, TimePoint now) {
  const auto found = queues_.find(instance_hash);
  if (found == queues_.end() || found->second.workers.empty()) return;
  Queue& queue = found->second;
  while (true) {
    // Of all tasks that some worker can take now, the first in order.
    const Order* first = nullptr;
    Worker* chosen = nullptr;
    for (const auto& [task, ready] : queue.ready) {
      if (first != nullptr && !(*ready.begin() < *first)) continue;
      Worker* worker = Choose(queue, task);
      if (worker == nullptr) continue;
      first = &*ready.begin();
      chosen = worker;
    }
    if (chosen == nullptr) return;
    const ExecutionId id = first->id;
    const Waiting& waiting = waiting_.at(id);
    const Execution* execution = world_.find(id);
    if (IsStale(waiting, execution)) {
      Unqueue(id);
    } else if (execution->effect == Effect::kOnce && !waiting.committed) {
      Reserve(id, *chosen);
    } else {
      HandOut(id, *chosen, now);
    }
    // Unqueue drops a queue that has become empty of work and workers.
    if (!queues_.contains(instance_hash)) return;
  }
}

void Dispatcher::HandOut(const ExecutionId& id, Worker& worker, TimePoint now) {
  const Execution& execution = *world_.find(id);
  Unqueue(id);
  std::optional<Execution> filled;
  if (!execution.deferred.empty()) {
    auto inputs = world_.fill(execution);
    if (!inputs) {
      // Never handed out, so that even an `effect: once` has not happened. Somebody may set the
      // secret before the next attempt.
      engine::Answer failed{id, execution.CurrentAttempt(), "", {}, {}, {}, world_.random()};
      failed.result = engine::Failure{std::move(inputs).error().message, /*permanent=*/false};
      world_.submit(engine::Answers{{std::move(failed)}});
      return;
    }
    filled = execution;
    filled->inputs = *std::move(inputs);
  }
  Lease lease;
  lease.worker = &worker;
  lease.attempt = execution.CurrentAttempt();
  lease.delivery_id = ids_.Make(id, lease.attempt, next_delivery_++);
  lease.since = now;
  if (execution.timeout > Duration(0)) {
    lease.deadline = now + execution.timeout;
    deadlines_.emplace(lease.deadline, id);
  }
  --worker.credits;
  worker.held.insert(id);
  ++deliveries_;
  Touch(worker);
  worker.sink->Deliver(
      Delivery{lease.delivery_id, filled ? *filled : execution, lease.attempt, lease.deadline});
  leases_.insert_or_assign(id, std::move(lease));
}

void Dispatcher::Release(const ExecutionId& id, std::string_view reason, bool tell) {
  const auto found = leases_.find(id);
  if (found == leases_.end()) return;
  Lease lease = std::move(found->second);
  leases_.erase(found);
  if (lease.deadline != TimePoint()) deadlines_.erase({lease.deadline, id});
  Worker& worker = *lease.worker;
  worker.held.erase(id);
  if (lease.answers > 0) {
    ++worker.credits;
    return;
  }
  if (tell) {
    Touch(worker);
    worker.sink->Cancelled(lease.delivery_id, reason);
  }
  // The worker may still be busy with it: its credit comes back when it says so.
  closing_[lease.delivery_id] = worker.id;
  worker.closing.insert(std::move(lease.delivery_id));
}

// ---- The ends of attempts ----

void Dispatcher::On(const engine::Ended& effect, TimePoint now) {
  Unqueue(effect.id);
  if (const auto lease = leases_.find(effect.id);
      lease != leases_.end() && lease->second.attempt == effect.attempt) {
    const std::string instance_hash = lease->second.worker->instance_hash;
    Release(effect.id, effect.reason, /*tell=*/true);
    Pump(instance_hash, now);
  }
}

void Dispatcher::On(const engine::Finished& effect, TimePoint now) {
  Unqueue(effect.execution->id);
  const auto lease = leases_.find(effect.execution->id);
  if (lease == leases_.end()) {
    Pump(effect.execution->source->instance_hash, now);  // A reserved credit may be free now.
    return;
  }
  const std::string instance_hash = lease->second.worker->instance_hash;
  const std::optional<Outcome>& outcome = effect.execution->outcome;
  Release(effect.execution->id,
          outcome && !outcome->error.empty() ? outcome->error : "it has its result",
          /*tell=*/true);
  Pump(instance_hash, now);
}

void Dispatcher::Answering(const ExecutionId& execution, const std::string& delivery_id,
                           TimePoint now) {
  const auto lease = leases_.find(execution);
  if (lease != leases_.end() && lease->second.delivery_id == delivery_id) {
    ++lease->second.answers;
    lease->second.worker->refusals = 0;
  } else {
    GiveBack(delivery_id, now);
  }
}

void Dispatcher::AnswerRefused(const ExecutionId& execution, const std::string& delivery_id) {
  // Refused because another delivery was first: the worker is done with this one all the same.
  if (world_.find(execution) == nullptr) return;
  const auto lease = leases_.find(execution);
  if (lease != leases_.end() && lease->second.delivery_id == delivery_id &&
      lease->second.answers > 0) {
    --lease->second.answers;
  }
}

void Dispatcher::GiveBack(const std::string& delivery_id, TimePoint now) {
  const auto closing = closing_.find(delivery_id);
  if (closing == closing_.end()) return;
  const auto worker = workers_.find(closing->second);
  closing_.erase(closing);
  if (worker == workers_.end()) return;
  worker->second->closing.erase(delivery_id);
  ++worker->second->credits;
  Pump(std::string(worker->second->instance_hash), now);
}

void Dispatcher::Pause(Worker& worker, std::string_view reason, TimePoint now) {
  constexpr Duration kFirst = std::chrono::milliseconds(100);
  constexpr Duration kLongest = std::chrono::seconds(10);
  constexpr std::size_t kLongestReason = 256;
  worker.refused = Shortened(std::string(reason), kLongestReason);
  if (worker.paused_until) return;  // What it got before, together.
  Duration pause = kFirst;
  for (std::uint32_t i = 0; i < worker.refusals && pause < kLongest; ++i) pause *= 2;
  ++worker.refusals;
  worker.paused_until = now + std::min(pause, kLongest);
  pauses_.emplace(*worker.paused_until, worker.id);
}

void Dispatcher::Refuse(WorkerId id, const ExecutionId& execution_id, std::string_view delivery_id,
                        std::string_view reason, TimePoint now) {
  const auto lease = leases_.find(execution_id);
  if (lease == leases_.end() || lease->second.delivery_id != delivery_id ||
      lease->second.worker->id != id) {
    GiveBack(std::string(delivery_id), now);  // It was over already; this gives its credit back.
    return;
  }
  // Else it would be handed the same again at once, having the least load now.
  Pause(*lease->second.worker, reason, now);
  Release(execution_id, "", /*tell=*/false);
  const Execution* execution = world_.find(execution_id);
  if (execution != nullptr && execution->state == ExecutionState::kCreated) {
    On(engine::Ready{engine::ExecutionPtr(engine::ExecutionPtr(), execution)}, now);
  } else if (execution != nullptr && execution->state == ExecutionState::kDispatched) {
    On(engine::Send{engine::ExecutionPtr(engine::ExecutionPtr(), execution)}, now);
  }
  GiveBack(std::string(delivery_id), now);
}

// ---- Workers ----

void Dispatcher::Touch(Worker& worker) {
  if (worker.touched) return;
  worker.touched = true;
  touched_.push_back(worker.id);
}

void Dispatcher::Flush() {
  for (const WorkerId id : std::exchange(touched_, {})) {
    const auto worker = workers_.find(id);
    if (worker == workers_.end()) continue;
    worker->second->touched = false;
    worker->second->sink->Flush();
  }
}

void Dispatcher::Connect(WorkerId id, std::string instance_hash, std::string name,
                         std::vector<std::string> tasks, std::size_t credits,
                         std::shared_ptr<WorkerSink> sink, TimePoint now) {
  auto worker = std::make_unique<Worker>();
  worker->id = id;
  worker->instance_hash = std::move(instance_hash);
  worker->name = std::move(name);
  worker->tasks.insert(tasks.begin(), tasks.end());
  worker->granted = std::min(credits, most_credits_);
  worker->credits = worker->granted;
  worker->sink = std::move(sink);
  const std::string instance = worker->instance_hash;
  queues_[instance].workers.push_back(worker.get());
  workers_.emplace(id, std::move(worker));
  Pump(instance, now);
}

void Dispatcher::AddCredits(WorkerId id, std::size_t credits, TimePoint now) {
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return;
  const std::size_t added = std::min(credits, most_credits_ - worker->second->granted);
  worker->second->granted += added;
  worker->second->credits += added;
  Pump(std::string(worker->second->instance_hash), now);
}

void Dispatcher::Drain(WorkerId id) {
  if (const auto worker = workers_.find(id); worker != workers_.end())
    worker->second->draining = true;
}

void Dispatcher::ReportHealth(WorkerId id, std::string problem) {
  if (const auto worker = workers_.find(id); worker != workers_.end())
    worker->second->problem = std::move(problem);
}

void Dispatcher::Disconnect(WorkerId id) {
  const auto found = workers_.find(id);
  if (found == workers_.end()) return;
  const std::unique_ptr<Worker> worker = std::move(found->second);
  workers_.erase(found);
  Queue& queue = queues_[worker->instance_hash];
  std::erase(queue.workers, worker.get());
  if (queue.ready.empty() && queue.workers.empty()) queues_.erase(worker->instance_hash);
  for (const std::string& delivery_id : worker->closing) closing_.erase(delivery_id);
  if (worker->paused_until) pauses_.erase({*worker->paused_until, id});
  // In the order of their ids, so that a simulation repeats itself exactly.
  std::vector<ExecutionId> lost(worker->held.begin(), worker->held.end());
  std::sort(lost.begin(), lost.end());
  for (const ExecutionId& execution : lost) {
    const auto lease = leases_.find(execution);
    const std::uint32_t attempt = lease->second.attempt;
    if (lease->second.deadline != TimePoint())
      deadlines_.erase({lease->second.deadline, execution});
    leases_.erase(lease);
    world_.submit(engine::EndAttempt{execution, attempt, AttemptOutcome::kWorkerLost,
                                     fmt::format("worker {} disconnected", worker->name),
                                     worker->name, world_.random()});
  }
}

std::size_t Dispatcher::Workers(const std::string& instance_hash) const {
  const auto queue = queues_.find(instance_hash);
  return queue == queues_.end() ? 0 : queue->second.workers.size();
}

std::string Dispatcher::Problem(const std::string& instance_hash) const {
  const auto queue = queues_.find(instance_hash);
  if (queue == queues_.end()) return {};
  const auto& workers = queue->second.workers;
  const auto ill =
      std::ranges::find_if(workers, [](const Worker* worker) { return !worker->problem.empty(); });
  return ill == workers.end() ? std::string() : (*ill)->problem;
}

// ---- Instances ----

void Dispatcher::On(const engine::InstanceChanged& effect) {
  if (effect.instance->state == engine::Instance::State::kDeleting)
    DrainAll(effect.instance->source->instance_hash);
}

void Dispatcher::On(const engine::InstanceRemoved& effect) {
  DrainAll(effect.instance->source->instance_hash);
}

void Dispatcher::DrainAll(const std::string& instance_hash) {
  const auto queue = queues_.find(instance_hash);
  if (queue == queues_.end()) return;
  for (Worker* worker : queue->second.workers) {
    worker->draining = true;
    if (std::exchange(worker->told_to_drain, true)) continue;
    worker->sink->Drain();
    Touch(*worker);
  }
}

// ---- Time ----

std::optional<TimePoint> Dispatcher::NextTimer() const {
  std::optional<TimePoint> next;
  if (!due_.empty()) next = due_.begin()->first;
  if (!deadlines_.empty() && (!next || deadlines_.begin()->first < *next))
    next = deadlines_.begin()->first;
  if (!pauses_.empty() && (!next || pauses_.begin()->first < *next)) next = pauses_.begin()->first;
  return next;
}

void Dispatcher::Advance(TimePoint now) {
  while (!pauses_.empty() && pauses_.begin()->first <= now) {
    Worker& worker = *workers_.at(pauses_.begin()->second);
    pauses_.erase(pauses_.begin());
    worker.paused_until.reset();
    Pump(std::string(worker.instance_hash), now);
  }
  while (!due_.empty() && due_.begin()->first <= now) {
    const ExecutionId id = due_.begin()->second;
    due_.erase(due_.begin());
    Waiting& waiting = waiting_.at(id);
    waiting.due.reset();
    waiting.since = now;
    Enqueue(id, waiting);
    Pump(std::string(waiting.instance_hash), now);
  }
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const ExecutionId id = deadlines_.begin()->second;
    const Lease& lease = leases_.at(id);
    const std::uint32_t attempt = lease.attempt;
    const std::string worker = lease.worker->name;
    Release(id, "timed out", /*tell=*/true);
    world_.submit(engine::EndAttempt{id, attempt, AttemptOutcome::kTimedOut,
                                     fmt::format("attempt {} timed out", attempt), worker,
                                     world_.random()});
  }
}

std::pair<std::string, TimePoint> Dispatcher::WaitsForSomebody(const Execution& execution) {
  return {
      "somebody who knows what became of it: `mesg dead-letter resolve`, or its worker's late "
      "answer",
      execution.attempts.empty() ? execution.created : execution.attempts.back().ended};
}

std::pair<std::string, TimePoint> Dispatcher::WaitsFor(const Execution& execution) const {
  if (execution.state == ExecutionState::kOutcomeUnknown) return WaitsForSomebody(execution);
  if (const auto lease = leases_.find(execution.id); lease != leases_.end()) {
    return {fmt::format("worker {} to answer attempt {}{}", lease->second.worker->name,
                        lease->second.attempt,
                        lease->second.deadline == TimePoint()
                            ? std::string()
                            : fmt::format(", until {}", FormatTime(lease->second.deadline))),
            lease->second.since};
  }
  const auto waiting = waiting_.find(execution.id);
  if (waiting == waiting_.end()) return {"the engine", execution.created};
  if (waiting->second.due) {
    return {fmt::format("its time, {}", FormatTime(*waiting->second.due)), waiting->second.since};
  }
  const auto queue = queues_.find(waiting->second.instance_hash);
  std::size_t able = 0;
  std::size_t paused = 0;
  const Worker* next = nullptr;  // Whose pause ends first.
  if (queue != queues_.end()) {
    for (const Worker* worker : queue->second.workers) {
      if (worker->draining || (!worker->tasks.empty() && !worker->tasks.contains(execution.task)))
        continue;
      ++able;
      if (!worker->paused_until) continue;
      ++paused;
      if (next == nullptr || worker->paused_until < next->paused_until) next = worker;
    }
  }
  if (able == 0) {
    return {fmt::format("a worker of {} that performs {}: none is connected, start one with `mesg "
                        "service start`",
                        execution.source->name, execution.task),
            waiting->second.since};
  }
  if (paused == able) {
    return {fmt::format("worker {}, which handed work back{} and is asked again at {}", next->name,
                        next->refused.empty() ? "" : fmt::format(" (\"{}\")", next->refused),
                        FormatTime(*next->paused_until)),
            waiting->second.since};
  }
  return {fmt::format("one of {} busy workers of {}", able, execution.source->name),
          waiting->second.since};
}

}  // namespace mesg::broker
