#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/command.h"
#include "engine/effect.h"
#include "engine/record.h"
#include "engine/state.h"
#include "store/store.h"

namespace mesg::engine {

/// What the engine's decisions depend on besides commands and state.
struct Settings {
  PartitionId partition = 0;
  PartitionId partitions = 1;
  /// How long at least a caller's event id or idempotency key is remembered.
  Duration dedup_window = std::chrono::hours(24);
  /// History older or larger than this is trimmed.
  Duration retention_age = std::chrono::hours(24 * 7);
  std::uint64_t retention_bytes = std::uint64_t{10} << 30;
  /// How far a subscription may hold back trimming beyond that, before it is broken.
  std::uint64_t hold_bytes = std::uint64_t{10} << 30;
  /// Created and not finished, all instances of the partition together.
  std::uint64_t max_open_executions = 1'000'000;
  std::uint64_t max_open_bytes = std::uint64_t{1} << 30;
  std::uint64_t max_subscriptions = 10'000;
  /// How much of what concerns many executions at once goes into one commit, by their weight.
  std::uint64_t slice_bytes = std::uint64_t{4} << 20;
};

/// Which partition a key belongs to.
PartitionId PartitionOf(std::uint16_t slot, PartitionId partitions);
/// The partition key of a subscription, apart from instance names.
std::string SubscriptionPartitionKey(std::string_view subscription);

/// One partition's state machine: a command goes in, facts and effects come out. Deterministic: no
/// clock, randomness or I/O of its own but reads of its store.
///
/// Threads: one. Lifetime: borrows `store`.
class Engine {
 public:
  /// Sees every fact before it is folded; for replicas and tests.
  using Tap = std::function<void(const Record&)>;

  /// Reads the state that `store` has recovered. DataLoss when it is damaged.
  static Result<std::unique_ptr<Engine>> Recover(const store::Store& store, Settings settings);

  /// The effects that a crash may have lost: everything open is Ready again (or, for an interrupted
  /// `effect: once`, needs EndAttempt with kUnknown), unconfirmed messages are sent again, and an
  /// interrupted Undeploy goes on.
  std::vector<AnyEffect> RecoveryEffects() const;

  /// Decides `command` and folds what follows from it. An error changes nothing. DataLoss means
  /// that the state itself cannot be trusted any more: stop.
  Result<Reply> Apply(Command command, TimePoint now);

  /// Everything decided since the last call, as one commit; its effects are the caller's to perform
  /// once it is durable.
  Decided TakeCommit(TimePoint now);
  bool HasChanges() const { return state_.HasChanges(); }
  /// Effects of commands that changed nothing; for when there is no commit to take them with.
  std::vector<AnyEffect> TakeEffects() { return std::exchange(effects_, {}); }
  std::size_t PendingBytes() const { return state_.PendingBytes(); }

  /// `commit` is durable.
  void Committed(std::uint64_t commit) { state_.Committed(commit); }

  const State& Current() const { return state_; }
  const Settings& GetSettings() const { return settings_; }
  void SetTap(Tap tap) { tap_ = std::move(tap); }

 private:
  Engine(State state, Settings settings) : state_(std::move(state)), settings_(settings) {}

  Result<Reply> On(Emit&& command, TimePoint now);
  Result<Reply> On(Create&& command, TimePoint now);
  Result<Reply> On(Dispatch&& command, TimePoint now);
  Result<Reply> On(Answers&& command, TimePoint now);
  Result<Reply> On(EndAttempt&& command, TimePoint now);
  Result<Reply> On(Cancel&& command, TimePoint now);
  Result<Reply> On(RetryDeadLetter&& command, TimePoint now);
  Result<Reply> On(DropDeadLetter&& command, TimePoint now);
  Result<Reply> On(Resolve&& command, TimePoint now);
  Result<Reply> On(Deploy&& command, TimePoint now);
  Result<Reply> On(SetStarted&& command, TimePoint now);
  Result<Reply> On(Undeploy&& command, TimePoint now);
  Result<Reply> On(ContinueUndeploy&& command, TimePoint now);
  Result<Reply> On(Move&& command, TimePoint now);
  Result<Reply> On(Subscribe&& command, TimePoint now);
  Result<Reply> On(Acknowledge&& command, TimePoint now);
  Result<Reply> On(Unsubscribe&& command, TimePoint now);
  Result<Reply> On(Receive&& command, TimePoint now);
  Result<Reply> On(Delivered&& command, TimePoint now);
  Result<Reply> On(Tick&& command, TimePoint now);

  // decide_events.cc
  /// What an Emit comes to, worked out in full before anything is folded.
  struct EmitPlan {
    SourcePtr source;
    std::vector<HistoryEntry> entries;
    std::vector<IdRemembered> ids;
    std::vector<KeyMoved> moves;
    Emitted reply;
  };
  Result<EmitPlan> PlanEmit(const SourcePtr& source, std::vector<NewEvent>& events,
                            std::vector<KeyMove>& moves, std::uint64_t first_sequence) const;
  Emitted PerformEmit(EmitPlan&& plan, TimePoint now);

  // decide_executions.cc
  Result<Created> CreateOne(NewExecution&& wanted, TimePoint now, const ExecutionId& retry_of = {});
  Result<void> CheckRoom(const NewExecution& wanted) const;
  Result<Emitted> AnswerOne(Answer&& answer, TimePoint now);
  void FailAttempt(const Execution& execution, Attempt attempt, bool permanent, double random,
                   TimePoint now);
  void Finish(const Execution& execution, ExecutionState state, Outcome outcome,
              std::optional<Attempt> attempt, bool dead_letter);
  void BecomeUnknown(const Execution& execution, Attempt attempt, TimePoint now);

  // decide_instances.cc
  std::vector<std::shared_ptr<const Instance>> InstancesOf(const std::string& name) const;
  /// Cancels open executions of `name`, a slice of them. True when none is left.
  bool CancelSlice(const std::string& name, TimePoint now);
  void FinishUndeploy(const std::string& name, bool keep_data);
  void RetireIfDrained(const std::string& instance_hash);

  // decide_subscriptions.cc
  void SendTo(PartitionId to, const Body& body);
  void TakeBody(const Body& body);
  /// Something behind `acknowledged` is no longer kept.
  bool IsTrimmed(std::uint64_t acknowledged) const;
  /// `acknowledged`, or for 0, the beginning, what comes before all that is kept.
  std::uint64_t FromWhatIsKept(std::uint64_t acknowledged) const;

  // decide_retention.cc
  Result<void> ForgetExpired(TimePoint now);
  Result<void> TrimHistory(TimePoint now);
  Result<void> BreakHolds(std::uint64_t overweight);
  std::uint64_t HeldFrom() const;

  void Add(Record&& record);
  void Tell(AnyEffect effect) { effects_.push_back(std::move(effect)); }

  State state_;
  const Settings settings_;
  Tap tap_;
  std::vector<AnyEffect> effects_;
  /// Of the last Tick that changed something. The next one waits for it: it reads the store, which
  /// must not show it the same work again.
  std::uint64_t last_tick_commit_ = 0;
  /// What an Undeploy under way has not come to, by name, last first. Read from the state when it
  /// is missing: nothing is added to a name that is being deleted.
  std::map<std::string, std::vector<ExecutionId>> to_cancel_;
};

}  // namespace mesg::engine
