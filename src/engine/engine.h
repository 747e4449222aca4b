#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/command.h"
#include "engine/contracts.h"
#include "engine/effect.h"
#include "engine/keys.h"
#include "engine/message.h"
#include "engine/record.h"
#include "engine/run_stepper.h"
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
  /// Of executions that steps create, where their task says nothing else.
  Duration default_timeout = std::chrono::minutes(10);
  RetryPolicy default_retry = {};
  /// Runs that have not ended. With more, triggers wait.
  std::uint64_t max_open_runs = 2'000'000;
  /// Steps that wait for one event of one service with the same value, or with any.
  std::uint64_t max_waiters = 10'000;
  /// What a run is started with, and what a task is given, at most.
  std::uint64_t payload_bytes = std::uint64_t{4} << 20;
  /// How long ended runs are kept, and failed ones, which somebody may want to retry.
  Duration run_retention = std::chrono::hours(24 * 7);
  Duration failed_run_retention = std::chrono::hours(24 * 30);
};

/// Which partition a key belongs to.
PartitionId PartitionOf(std::uint16_t slot, PartitionId partitions);
/// The partition key of a subscription, apart from instance names.
std::string SubscriptionPartitionKey(std::string_view subscription);

/// One partition's state machine: a command goes in, facts and effects come out. Deterministic: no
/// clock, randomness or I/O of its own but reads of its store.
///
/// Threads: one. Lifetime: borrows `store`.
class Engine : private RunHost {
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

  /// When Wake has something to do, if ever.
  std::optional<TimePoint> NextWake() const;
  /// A version of an application, compiled. NotFound when it is not here.
  Result<app::ProgramPtr> ProgramOf(const std::string& name, const std::string& version) const;
  /// When a workflow of an application comes next by its schedule, where that is known.
  std::optional<TimePoint> NextSchedule(const std::string& application,
                                        const std::string& workflow) const;

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
  Result<Reply> On(engine::Move&& command, TimePoint now);
  Result<Reply> On(Subscribe&& command, TimePoint now);
  Result<Reply> On(Acknowledge&& command, TimePoint now);
  Result<Reply> On(Unsubscribe&& command, TimePoint now);
  Result<Reply> On(Receive&& command, TimePoint now);
  Result<Reply> On(Delivered&& command, TimePoint now);
  Result<Reply> On(SendAgain&& command, TimePoint now);
  Result<Reply> On(Tick&& command, TimePoint now);
  Result<Reply> On(DeployApplication&& command, TimePoint now);
  Result<Reply> On(SetApplicationState&& command, TimePoint now);
  Result<Reply> On(DeleteApplication&& command, TimePoint now);
  Result<Reply> On(StartWorkflow&& command, TimePoint now);
  Result<Reply> On(CancelRun&& command, TimePoint now);
  Result<Reply> On(RetryRun&& command, TimePoint now);
  Result<Reply> On(DecideStep&& command, TimePoint now);
  Result<Reply> On(StepEvaluated&& command, TimePoint now);
  Result<Reply> On(TriggerEvaluated&& command, TimePoint now);
  Result<Reply> On(Wake&& command, TimePoint now);

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
  void SendTo(PartitionId to, Body&& body);
  /// Takes what this partition has told itself.
  Result<void> TakeOwn(TimePoint now);
  Result<void> TakeBody(Body&& body, TimePoint now);
  void Take(const HoldMoved& moved);
  void Take(const HoldBroke& broke);
  /// Something behind `acknowledged` is no longer kept.
  bool IsTrimmed(std::uint64_t acknowledged) const;
  /// `acknowledged`, or for 0, the beginning, what comes before all that is kept.
  std::uint64_t FromWhatIsKept(std::uint64_t acknowledged) const;

  // decide_retention.cc
  Result<void> ForgetExpired(TimePoint now);
  Result<void> TrimHistory(TimePoint now);
  Result<void> BreakHolds(std::uint64_t overweight);
  std::uint64_t HeldFrom() const;
  /// Forgets runs of this table that ended before that.
  Result<void> ForgetRuns(keys::Table ended, TimePoint before);

  // decide_applications.cc
  Result<void> Take(ApplicationMoved&& moved, TimePoint now);
  bool IsOnItsWay(const std::string& name, const std::string& version) const;
  void ForgetIfUnused(const std::string& name, const std::string& version);
  Result<void> CancelRunsOfDeleted(TimePoint now);

  // decide_runs.cc
  Result<RunStepper> Step(const RunPtr& run, TimePoint now);
  /// What follows from a run's having moved.
  Result<RunPtr> Settle(RunStepper& stepper, TimePoint now);
  using Move = std::function<Result<void>(RunStepper&)>;
  /// Lets something happen to a run; nothing does to one that is gone or has ended.
  Result<void> MoveRun(const RunId& id, TimePoint now, const Move& move);
  Result<void> Take(StartRun&& start, TimePoint now);
  Result<void> Take(const StopRun& stop, TimePoint now);
  Result<void> Take(const RunEnded& ended, TimePoint now);
  Result<void> Take(CreateForStep&& create, TimePoint now);
  Result<void> Take(const CancelForStep& cancel, TimePoint now);
  Result<void> Take(const ExecutionEnded& ended, TimePoint now);
  Result<void> Take(EmitOwn&& emit, TimePoint now);
  Result<void> Take(AwaitEvent&& await, TimePoint now);
  Result<void> Take(const StopAwaiting& stop, TimePoint now);
  Result<void> Take(const EventArrived& arrived, TimePoint now);
  Result<Created> CreateForRun(CreateForStep& create, TimePoint now);
  Result<bool> IsRepeated(const StartRun& start, const app::Workflow& workflow,
                          const app::Program& program, TimePoint now,
                          std::optional<IdRemembered>& remember) const;
  Result<std::optional<RunId>> OldestToReplace(const RunTable::Lane& lane, std::size_t limit) const;
  Result<std::vector<std::string>> LanesOf(const StartRun& start, const app::Workflow& workflow,
                                           const app::Program& program) const;
  Result<void> StartQueued(const std::string& lane, TimePoint now);
  /// Whether a queued run may begin.
  enum class Admission : std::uint8_t {
    kNow,
    kNoRoom,    ///< As many as `concurrency` allows are running.
    kNotFirst,  ///< Another one is before it in its `order`.
  };
  Result<Admission> AdmissionOf(const Run& run) const;
  /// How many runs of a workflow with `concurrency` there may be at once.
  Result<std::size_t> RoomFor(const std::string& application, const app::Workflow& workflow) const;

  // decide_triggers.cc
  struct TriggerOf {
    ApplicationPtr application;
    app::ProgramPtr program;
    const app::Flow* flow = nullptr;
  };
  /// A fact that may start runs, or end waits.
  struct Happened {
    std::uint64_t sequence = 0;
    bool result = false;
    std::string service;
    RunTrigger trigger;
  };
  void IndexTriggers();
  const std::vector<TriggerOf>* TriggersOf(bool result, const std::string& service,
                                           const std::string& key);
  bool Interests(bool result, const std::string& service, const std::string& key);
  Result<void> React(Happened&& happened, TimePoint now);
  Result<void> Trigger(const TriggerOf& of, const Happened& happened, TimePoint now);
  Result<void> StartFrom(const TriggerOf& of, const Happened& happened, const std::string& error,
                         TimePoint now);
  /// Whether an event with this data is the one that a step waits for.
  enum class Fits : std::uint8_t { kYes, kNo, kUnjudged };
  Result<Fits> JudgeFor(const Waiter& waiter, const app::Value& data);
  Result<void> TellWaiters(const Happened& happened, TimePoint now);
  Result<void> Pump(TimePoint now);
  Result<void> PumpOne(const TriggerOf& of, TimePoint now);
  Result<void> Scan(const TriggerOf& of, std::size_t room, TimePoint now);
  Result<void> FireSchedules(TimePoint now);
  Result<void> FireSchedule(const TriggerOf& of, TimePoint now);
  Duration JitterOf(const TriggerOf& of, TimePoint time) const;

  // RunHost
  void Add(Record&& record) override;
  void Send(std::uint16_t slot, Body&& body) override;
  void Tell(AnyEffect effect) override { effects_.push_back(std::move(effect)); }
  const RunTable& Runs() const override { return state_.Runs(); }
  bool IsFull() const override { return state_.PendingBytes() >= 2 * settings_.slice_bytes; }
  std::size_t ValueBytes() const override { return settings_.payload_bytes; }

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

  std::deque<Happened> happened_;  ///< To be reacted to before the command is done.
  /// Messages to this very partition, taken before the command is done; while a commit is full they
  /// are queued as those to others.
  std::deque<Body> own_;
  Contracts contracts_;
  mutable std::map<std::string, app::ProgramPtr> programs_;  ///< By version.
  std::set<PartitionId> stalled_;  ///< Have sent what cannot be taken yet.
  bool triggers_indexed_ = false;
  std::unordered_map<std::string, std::vector<TriggerOf>> triggers_;
  std::vector<TriggerOf> scheduled_;
  struct Due {
    TimePoint time;  ///< By the schedule.
    TimePoint due;   ///< With its jitter.
  };
  std::map<RunTable::WorkflowKey, Due> due_;
  /// What is looked at of a workflow that is behind; made anew from its cursor after a start.
  struct Pumped {
    struct Fact {
      Happened happened;
      std::optional<Result<app::Value>> verdict;
      bool asked = false;
    };
    std::uint64_t scanned = 0;  ///< Everything before it was looked at.
    std::deque<Fact> facts;
  };
  std::map<RunTable::WorkflowKey, Pumped> pumped_;
  bool pump_ = true;                 ///< There may be something to do.
  TimePoint pump_after_{};           ///< There was no room for more runs.
  bool asked_again_ = false;         ///< The helper, after a start.
  std::uint64_t deletion_scan_ = 0;  ///< Number of the run that is looked at next.
  std::optional<TimePoint> deletion_after_;
};

}  // namespace mesg::engine
