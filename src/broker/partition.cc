#include "broker/partition.h"

#include <algorithm>
#include <utility>

namespace mesg::broker {
namespace {

constexpr Duration kTickIdle = std::chrono::seconds(1);
constexpr Duration kTickBusy = std::chrono::milliseconds(10);

/// So much goes to the disk at once, while more of the same turn is decided.
constexpr std::size_t kWorthACommit = std::size_t{32} << 10;

/// After so many effects connections send what they have, so that workers and callers go on while
/// the rest is performed; else everything that came together would stay together for ever, and only
/// one thread at a time would have work.
constexpr std::size_t kEffectsAtOnce = 64;

/// With so much decided and not durable, runs wait for the disk before they move on.
constexpr std::size_t kEnoughForWake = std::size_t{4} << 20;

constexpr Duration kProgress = std::chrono::seconds(5);
/// Listeners that are told in one turn how far the history is.
constexpr std::size_t kProgressAtOnce = 128;

Error Stopping() {
  return Unavailable("Core is stopping: a commit failed, and nobody knows what reached the disk")
      .Because("STOPPING");
}

}  // namespace

Partition::Partition(std::unique_ptr<engine::Engine> engine, store::Store& store,
                     const DeliveryIds& ids, World world, std::uint64_t first_delivery_number,
                     std::size_t worker_credits)
    : engine_(std::move(engine)),
      store_(store),
      world_(std::move(world)),
      secrets_(world_.secrets, world_.find_instance),
      dispatcher_(ids,
                  Dispatcher::World{
                      [this](const ExecutionId& id) { return engine_->Current().FindOpen(id); },
                      [this](engine::Command command) { Owe(std::move(command)); },
                      [this](const Execution& execution) { return secrets_.Fill(execution); },
                      world_.random},
                  first_delivery_number, worker_credits),
      listeners_(engine_->GetSettings().partition, engine_->Current().Numbers().next_sequence,
                 world_.lagging) {}

void Partition::Recover(TimePoint now) {
  last_time_ = now;
  next_tick_ = now + kTickIdle;
  next_progress_ = now + kProgress;
  // An `effect: once` that was handed out when Core stopped: nobody knows whether it happened.
  std::vector<std::pair<ExecutionId, std::uint32_t>> interrupted;
  for (const auto& [id, execution] : engine_->Current().Open()) {
    if (execution->state == ExecutionState::kDispatched)
      interrupted.emplace_back(id, execution->CurrentAttempt());
  }
  std::sort(interrupted.begin(), interrupted.end());
  std::vector<engine::AnyEffect> effects = engine_->RecoveryEffects();
  Publish(effects);
  Perform(std::move(effects), now);
  for (const auto& [id, attempt] : interrupted) {
    Owe(engine::EndAttempt{id, attempt, AttemptOutcome::kUnknown,
                           "Core stopped while a worker had it", "", 0});
  }
  Turn(now);
}

void Partition::Owe(engine::Command command) {
  owed_.push_back(std::move(command));
  PayOwed();
}

// However much follows from one thing, such as a worker that is gone with all it held: no commit
// may grow beyond what the store takes. The rest is decided when this commit is on its way.
void Partition::PayOwed() {
  const std::size_t enough = store_.MaxBatchBytes() / 4;
  while (!owed_.empty() && !failed_ && engine_->PendingBytes() < enough) {
    engine::Command command = std::move(owed_.front());
    owed_.pop_front();
    static_cast<void>(Apply(std::move(command), last_time_));
  }
}

Result<engine::Reply> Partition::Apply(engine::Command command, TimePoint now) {
  auto reply = engine_->Apply(std::move(command), now);
  if (!reply && reply.error().code == Code::kDataLoss) Fail(reply.error());
  Count(reply);
  return reply;
}

void Partition::Count(const Result<engine::Reply>& reply) {
  if (!reply) {
    ++counted_.refused;
    return;
  }
  const auto count_emitted = [this](const engine::Emitted& emitted) {
    counted_.events += emitted.sequences.size() - emitted.duplicates.size();
    counted_.duplicates += emitted.duplicates.size();
  };
  if (const auto* emitted = std::get_if<engine::Emitted>(&*reply)) {
    count_emitted(*emitted);
  } else if (const auto* created = std::get_if<std::vector<Result<engine::Created>>>(&*reply)) {
    for (const auto& one : *created) ++(one ? counted_.created : counted_.refused);
  } else if (const auto* answers = std::get_if<std::vector<Result<engine::Emitted>>>(&*reply)) {
    for (const auto& one : *answers) {
      if (one) count_emitted(*one);
    }
  }
}

void Partition::Submit(engine::Command command, Reply reply, TimePoint now) {
  last_time_ = now;
  if (failed_) {
    if (reply) reply(Stopping());
    return;
  }
  auto decided = std::make_shared<Result<engine::Reply>>(Apply(std::move(command), now));
  if (!reply) return;
  if (failed_) {  // By this very command, which found the store damaged.
    reply(Stopping());
    return;
  }
  replies_.emplace_back([reply = std::move(reply), decided](const Result<void>& committed) {
    if (committed) {
      reply(std::move(*decided));
    } else {
      reply(committed.error());
    }
  });
}

void Partition::Refuse(Error error, Reply reply) {
  if (!failed_) ++counted_.refused;
  WhenDurable([reply = std::move(reply), error = std::move(error)](const Result<void>& committed) {
    reply(committed ? error : committed.error());
  });
}

void Partition::WhenDurable(std::function<void(const Result<void>&)> told) {
  if (failed_) {
    told(Stopping());
  } else {
    replies_.push_back(std::move(told));
  }
}

void Partition::Create(engine::Create command, const std::weak_ptr<ResultSink>& sink,
                       const std::vector<std::uint64_t>& refs, Reply reply, TimePoint now) {
  last_time_ = now;
  if (failed_) {
    reply(Stopping());
    return;
  }
  auto decided = std::make_shared<Result<engine::Reply>>(Apply(std::move(command), now));
  if (failed_) {
    reply(Stopping());
    return;
  }
  replies_.emplace_back(
      [this, reply = std::move(reply), decided, sink, refs](const Result<void>& committed) {
        if (!committed) {
          reply(committed.error());
          return;
        }
        // The reply moves on; what the waiters need is taken out first.
        std::vector<std::pair<ExecutionId, std::uint64_t>> waits;
        if (!refs.empty() && *decided) {
          const auto& created = std::get<std::vector<Result<engine::Created>>>(**decided);
          for (std::size_t i = 0; i < created.size() && i < refs.size(); ++i) {
            if (created[i]) waits.emplace_back(created[i]->id, refs[i]);
          }
        }
        reply(std::move(*decided));
        for (const auto& [id, ref] : waits) static_cast<void>(AddWaiter(id, sink, ref));
      });
}

Result<void> Partition::AddWaiter(const ExecutionId& id, const std::weak_ptr<ResultSink>& sink,
                                  std::uint64_t ref) {
  const engine::ExecutionPtr execution = MESG_TRY(engine_->Current().Find(id));
  if (execution == nullptr) {
    return NotFound("execution {} does not exist, or its history is no longer kept", id.Text())
        .Because("EXECUTION_NOT_FOUND");
  }
  // Final in a commit under way is told by that commit's effects; final and durable is told at
  // once.
  const bool durable =
      execution->result_sequence != 0 && execution->result_sequence < listeners_.Next();
  if (durable || execution->state == ExecutionState::kOutcomeUnknown) {
    if (const auto alive = sink.lock()) {
      alive->Finished(ref, IsFinal(execution->state)
                               ? execution
                               : std::make_shared<const Execution>(*execution));
      to_flush_.push_back(alive);
    }
    return {};
  }
  auto& waiters = waiters_[id];
  // Those who gave up waiting leave room before more is taken.
  if (waiters.size() == waiters.capacity())
    std::erase_if(waiters, [](const Waiter& waiter) { return waiter.sink.expired(); });
  waiters.push_back({sink, ref});
  return {};
}

void Partition::Wait(const ExecutionId& id, const std::weak_ptr<ResultSink>& sink,
                     std::uint64_t ref, const Reply& reply) {
  if (failed_) {
    reply(Stopping());
    return;
  }
  const auto added = AddWaiter(id, sink, ref);
  if (added) {
    reply(engine::Reply());
  } else {
    reply(added.error());
  }
}

void Partition::Undeploy(engine::Undeploy command, Reply reply, TimePoint now) {
  const std::string name = command.name;
  Submit(
      std::move(command),
      [this, name, reply = std::move(reply)](Result<engine::Reply> decided) {
        if (!decided || std::get<engine::Undeployed>(*decided).finished) {
          reply(std::move(decided));
        } else {
          undeploying_[name].push_back(reply);
        }
      },
      now);
}

void Partition::TellUndeployed(const std::string& name, const Result<void>& undeployed) {
  const auto found = undeploying_.find(name);
  if (found == undeploying_.end()) return;
  const std::vector<Reply> waiting = std::move(found->second);
  undeploying_.erase(found);
  for (const Reply& reply : waiting) {
    if (undeployed) {
      reply(engine::Reply(engine::Undeployed{true}));
    } else {
      reply(undeployed.error());
    }
  }
}

Result<InstancePtr> Partition::Active(const std::string& name) {
  const auto record = engine_->Current().ActiveInstance(name);
  if (record == nullptr) return InstancePtr();
  if (const auto made = active_.find(name);
      made != active_.end() && *made->second->GetSource() == *record->source) {
    return made->second;
  }
  const InstancePtr instance = MESG_TRY(DeployedInstance::Make(record));
  ++counted_.contracts_made;
  active_[name] = instance;
  return instance;
}

// ---- Commits ----

void Partition::CommitIfPossible(TimePoint now) {
  if (in_flight_ || failed_) return;
  if (engine_->HasChanges()) {
    in_flight_.emplace(InFlight{engine_->TakeCommit(now), std::exchange(replies_, {})});
    store::Batch batch = std::move(in_flight_->decided.batch);
    const std::uint64_t commit = in_flight_->decided.commit;
    store_.Commit(commit, std::move(batch),
                  [committed = world_.committed, commit](const Result<void>& result) {
                    committed(commit, result);
                  });
    return;
  }
  // Nothing to make durable, and nothing under way that these could depend on.
  for (const auto& reply : std::exchange(replies_, {})) reply({});
  std::vector<engine::AnyEffect> effects = engine_->TakeEffects();
  Publish(effects);
  Perform(std::move(effects), now);
}

void Partition::OnCommitted(std::uint64_t commit, const Result<void>& result, TimePoint now) {
  last_time_ = now;
  if (failed_) return;
  MESG_CHECK(in_flight_ && in_flight_->decided.commit == commit, "commit {} was not under way",
             commit);
  if (!result) {
    Fail(result.error());
    return;
  }
  InFlight done = std::move(*in_flight_);
  in_flight_.reset();
  ++counted_.commits;
  engine_->Committed(commit);
  // The disk has work again before the world is told. What is decided already waits for nothing
  // else; only replies without changes have to wait until the effects below are performed.
  if (engine_->HasChanges()) CommitIfPossible(now);
  const auto& history = done.decided.history;
  world_.advanced(*this, history ? history->first + history->entries.size() : listeners_.Next(),
                  engine_->Current().Numbers().oldest_sequence);
  Publish(done.decided.effects);
  if (history) listeners_.Append(history, done.decided.results);
  for (const auto& reply : done.replies) reply({});
  Perform(std::move(done.decided.effects), now);
  // The counters of what was just performed.
  world_.advanced(*this, listeners_.Next(), engine_->Current().Numbers().oldest_sequence);
}

void Partition::Fail(const Error& error) {
  if (failed_) return;
  failed_ = true;
  const Result<void> failure = Error(error);
  if (in_flight_) {
    for (const auto& reply : std::exchange(in_flight_->replies, {})) reply(failure);
  }
  for (const auto& reply : std::exchange(replies_, {})) reply(failure);
  while (!undeploying_.empty()) {
    const std::string name = undeploying_.begin()->first;
    TellUndeployed(name, failure);
  }
  world_.fatal(error);
}

// ---- Effects ----

void Partition::Tell(const ExecutionId& id, const engine::ExecutionPtr& execution) {
  const auto found = waiters_.find(id);
  if (found == waiters_.end()) return;
  for (const Waiter& waiter : found->second) {
    if (const auto sink = waiter.sink.lock()) {
      sink->Finished(waiter.ref, execution);
      to_flush_.push_back(sink);
    }
  }
  waiters_.erase(found);
}

void Partition::Perform(const engine::Finished& effect, TimePoint now) {
  ++counted_.results;
  Tell(effect.execution->id, effect.execution);
  secrets_.Forget(effect.execution->id);
  dispatcher_.On(effect, now);
}

void Partition::Publish(const std::vector<engine::AnyEffect>& effects) {
  for (const engine::AnyEffect& effect : effects) {
    if (const auto* changed = std::get_if<engine::InstanceChanged>(&effect)) {
      world_.instance(changed->instance, false);
    } else if (const auto* removed = std::get_if<engine::InstanceRemoved>(&effect)) {
      const Source& source = *removed->instance->source;
      const auto made = active_.find(source.name);
      if (made != active_.end() && *made->second->GetSource() == source) active_.erase(made);
      world_.instance(removed->instance, true);
    } else if (const auto* subscription = std::get_if<engine::SubscriptionChanged>(&effect)) {
      world_.subscription(subscription->subscription);
    } else if (const auto* gone = std::get_if<engine::SubscriptionRemoved>(&effect)) {
      world_.subscription_removed(gone->name);
    }
  }
}

void Partition::Perform(std::vector<engine::AnyEffect> effects, TimePoint now) {
  std::size_t performed = 0;
  for (engine::AnyEffect& effect : effects) {
    if (++performed % kEffectsAtOnce == 0) Flush();
    if (auto* ready = std::get_if<engine::Ready>(&effect)) {
      dispatcher_.On(*ready, now);
    } else if (auto* finished = std::get_if<engine::Finished>(&effect)) {
      Perform(*finished, now);
    } else if (auto* send = std::get_if<engine::Send>(&effect)) {
      dispatcher_.On(*send, now);
    } else if (auto* ended = std::get_if<engine::Ended>(&effect)) {
      ++counted_.attempts_failed;
      dispatcher_.On(*ended, now);
    } else if (auto* changed = std::get_if<engine::InstanceChanged>(&effect)) {
      dispatcher_.On(*changed);
    } else if (auto* removed = std::get_if<engine::InstanceRemoved>(&effect)) {
      dispatcher_.On(*removed);
    } else if (auto* unfinished = std::get_if<engine::UndeployGoesOn>(&effect)) {
      Owe(engine::ContinueUndeploy{std::move(unfinished->name)});
    } else if (const auto* undeployed = std::get_if<engine::UndeployDone>(&effect)) {
      TellUndeployed(undeployed->name, {});
    } else if (auto* message = std::get_if<engine::SendMessage>(&effect)) {
      world_.send(std::move(*message));
    } else if (auto* confirm = std::get_if<engine::ConfirmMessage>(&effect)) {
      world_.confirm(*confirm);
    } else if (const auto* run = std::get_if<engine::RunMoved>(&effect)) {
      world_.run(run->run);
    } else if (auto* step = std::get_if<engine::EvaluateStep>(&effect)) {
      world_.evaluate_step(std::move(*step));
    } else if (auto* trigger = std::get_if<engine::EvaluateTrigger>(&effect)) {
      world_.evaluate_trigger(std::move(*trigger));
    } else if (const auto* again = std::get_if<engine::AskAgain>(&effect)) {
      world_.ask_again(*again);
    }  // The rest was published.
  }
}

// ---- Turns ----

void Partition::Turn(TimePoint now) {
  last_time_ = now;
  if (failed_) return;
  PayOwed();
  dispatcher_.Advance(now);
  if (next_tick_ && *next_tick_ <= now) {
    const std::size_t before = engine_->PendingBytes();
    static_cast<void>(Apply(engine::Tick{}, now));
    // While a commit is under way the last tick's may not be durable yet, and this one did nothing.
    const bool busy = in_flight_ || engine_->PendingBytes() != before;
    next_tick_ = now + (busy ? kTickBusy : kTickIdle);
  }
  // A part a turn; the next one follows as soon as others had theirs.
  if (const auto wake = engine_->NextWake(); wake && *wake <= now && !Full(kEnoughForWake)) {
    static_cast<void>(Apply(engine::Wake{}, now));
  }
  if (next_progress_ <= now) {
    telling_progress_ = !listeners_.PushProgress(kProgressAtOnce);
    if (!telling_progress_) next_progress_ = now + kProgress;
  }
  CommitIfPossible(now);
  Flush();
}

void Partition::CommitEarly(TimePoint now) {
  if (engine_->PendingBytes() >= kWorthACommit) CommitIfPossible(now);
}

void Partition::Flush() {
  dispatcher_.Flush();
  std::sort(to_flush_.begin(), to_flush_.end());
  to_flush_.erase(std::unique(to_flush_.begin(), to_flush_.end()), to_flush_.end());
  for (const auto& sink : std::exchange(to_flush_, {})) sink->Flush();
}

std::optional<TimePoint> Partition::NextTimer() const {
  std::optional<TimePoint> next = next_tick_;
  if (const auto timer = dispatcher_.NextTimer(); timer && (!next || *timer < *next)) next = timer;
  if (telling_progress_ && (!next || next_progress_ < *next)) next = next_progress_;
  // While the disk has enough to do, its end of a commit is what wakes this.
  if (const auto wake = engine_->NextWake();
      wake && !Full(kEnoughForWake) && (!next || *wake < *next)) {
    next = wake;
  }
  return next;
}

}  // namespace mesg::broker
