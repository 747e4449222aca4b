#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "app/expression/value.h"
#include "base/clock.h"
#include "engine/run.h"
#include "model/event.h"
#include "model/execution.h"

namespace mesg::engine {

/// A partition's number, from 0.
using PartitionId = std::uint16_t;

/// One fact to emit. Its data is validated before it comes here.
struct NewEvent {
  std::string key;
  std::string data;
  std::string id;    ///< Deduplication key, "" for none.
  TimePoint time{};  ///< The caller's, else the commit's.
  std::string traceparent;
};

/// A move of one key of the instance's store.
struct KeyMove {
  std::string key;
  std::optional<std::string> value;  ///< JSON; nullopt deletes.
  std::optional<std::uint64_t>
      expected;  ///< Compare-and-set: the version it must have, 0 for none.
};

/// Emits all events and moves all keys, or refuses the whole.
struct Emit {
  SourcePtr source;
  std::vector<NewEvent> events;
  std::vector<KeyMove> moves;
};
struct Emitted {
  std::vector<std::uint64_t> sequences;  ///< Of each event; of a duplicate, where the first stands.
  std::vector<std::uint32_t> duplicates;  ///< Indexes into the request's events.
  std::vector<std::uint64_t> versions;    ///< Of each moved key; 0 when deleted.
};

/// A request to perform a task. Task, inputs and policy are validated before it comes here.
struct NewExecution {
  ExecutionId id;
  SourcePtr source;
  std::string task;
  std::string inputs;
  std::vector<std::string> tags;
  std::string idempotency_key;
  Duration timeout{};
  RetryPolicy retry;
  TimePoint not_before{};
  std::int32_t priority = 0;
  Effect effect = Effect::kIdempotent;
  std::string traceparent;
  RunId run = {};  ///< Of the run whose step it is; empty when it is none.
  std::uint32_t visit = 0;
  std::string deferred = {};
};
/// Each is accepted or refused by itself.
struct Create {
  std::vector<NewExecution> executions;
};
struct Created {
  ExecutionId id;
  bool existed = false;  ///< By its idempotency key.
};

/// `effect: once` only: the decision to hand the execution out, durable before it leaves.
struct Dispatch {
  ExecutionId id;
  std::uint32_t attempt = 1;
};

struct Success {
  std::string output_key;
  std::string outputs;
};
struct Failure {
  std::string error;
  bool permanent = false;  ///< No other attempt is made.
};
/// A worker's answer to one delivery. Outputs are validated before they come here.
struct Answer {
  ExecutionId id;
  std::uint32_t attempt = 1;
  std::string worker;  ///< The worker's name, for the attempt's record.
  std::variant<Success, Failure> result;
  std::vector<NewEvent> events;
  std::vector<KeyMove> moves;
  double random = 0;  ///< 0..1, for the jitter of the next pause.
};
/// Each is accepted or refused by itself; one answer with its events and moves is one fact.
struct Answers {
  std::vector<Answer> answers;
};

/// An attempt that ended without an answer.
struct EndAttempt {
  ExecutionId id;
  std::uint32_t attempt = 1;
  AttemptOutcome outcome = AttemptOutcome::kWorkerLost;
  std::string reason;
  std::string worker;
  double random = 0;
};

struct Cancel {
  ExecutionId id;
  std::string reason;
};

/// Makes `replacement` from the dead letter `id`.
struct RetryDeadLetter {
  ExecutionId id;
  ExecutionId replacement;
};
struct DropDeadLetter {
  ExecutionId id;
};
/// What really became of an execution whose outcome was unknown.
struct Resolve {
  ExecutionId id;
  std::variant<Success, Failure> result;
};

/// A deployed configuration of a service.
struct Instance {
  enum class State : std::uint8_t {
    kActive = 1,    ///< Takes new work.
    kDraining = 2,  ///< Replaced: finishes what is pinned to it.
    kDeleting = 3,  ///< What is pinned to it is being cancelled, then it goes.
  };
  SourcePtr source;
  std::string sid;
  std::string definition;  ///< Canonical JSON.
  std::map<std::string, std::string> env;
  std::string deferred_env = {};  ///< What is put into env only when its process starts.
  std::string token;
  State state = State::kActive;
  bool started = false;  ///< Somebody asked that its process runs.
  TimePoint deployed{};
  std::string origin;        ///< Where its files came from.
  std::string content_hash;  ///< Of its files; "" when there are none to start.
  bool keep_data = false;    ///< kDeleting: its keys and remembered ids stay.
};

/// Adds an instance. An active one of the same name starts to drain; deploying the very same
/// instance again only takes over token-independent fields and makes it active.
struct Deploy {
  Instance instance;
};
struct SetStarted {
  std::string instance_hash;
  bool started = false;
};
/// Removes every instance of a name. Cancelling what is pinned to it may take several commits; the
/// instances are kDeleting meanwhile. Doing it again is joining the one under way.
struct Undeploy {
  std::string name;
  bool keep_data = false;
  bool force = false;  ///< Cancels the work that is pinned to it instead of refusing.
};
struct Undeployed {
  bool finished = false;  ///< Else UndeployDone says when it is.
};
/// The next part of an Undeploy; after UndeployGoesOn.
struct ContinueUndeploy {
  std::string name;
};
/// Moves work from a draining instance to the active one of its name.
struct Move {
  std::string from_instance;
  std::string to_instance;              ///< Must still be the active one.
  std::vector<ExecutionId> executions;  ///< Not delivered, and compatible with the new definition.
};

struct Subscription {
  std::string name;
  std::string filters;                                ///< Opaque to the engine.
  std::map<PartitionId, std::uint64_t> acknowledged;  ///< Sequence per partition.
  TimePoint created{};
  bool broken = false;
  std::string broken_reason;
};
struct Subscribe {
  Subscription subscription;
};
struct Acknowledge {
  std::string name;
  std::map<PartitionId, std::uint64_t> sequences;
};
struct Unsubscribe {
  std::string name;
};

/// A message of another partition; `body` is a stored Message.
struct Receive {
  PartitionId from = 0;
  std::uint64_t number = 0;
  std::string body;
};
/// `to` has made everything up to `number` durable.
struct Delivered {
  PartitionId to = 0;
  std::uint64_t number = 0;
};

/// Time has passed: forgets expired ids and trims history, a bounded amount a time.
struct Tick {};

/// To `to`, which could not take a message before: everything it has not confirmed.
struct SendAgain {
  PartitionId to = 0;
};

// ---- Applications and runs ----

/// Brings in a version of an application, compiled and checked before it comes here. The version
/// before keeps its runs and loses its triggers.
struct DeployApplication {
  Application application;
};
/// kActive, kPaused or kStopped.
struct SetApplicationState {
  std::string name;
  Application::State state = Application::State::kActive;
};
/// Forgets an application; with `force`, once its runs are cancelled, which may take a while.
struct DeleteApplication {
  std::string name;
  bool force = false;
};
/// Starts a workflow with a manual trigger; in the partition of `id`. Inputs are validated before
/// they come here.
struct StartWorkflow {
  RunId id;
  std::string application;
  std::string version;
  std::string workflow;
  std::string inputs;
  std::string idempotency_key;
};
struct CancelRun {
  RunId id;
  std::string reason;
};
struct RetryRun {
  RunId id;
  std::optional<std::string> reset_to =
      {};  ///< A step's id, "" for the first; none: where it failed.
  bool dry_run = false;
};
struct DecideStep {
  RunId id;
  std::uint32_t step = 0;
  bool approve = false;
  std::string by;
  std::string comment;
};
/// The helper's answer to EvaluateStep.
struct StepEvaluated {
  RunId run;
  std::uint32_t visit = 0;
  std::uint32_t attempt = 0;
  Result<std::vector<app::Value>> answers;
};
/// The helper's answer to EvaluateTrigger.
struct TriggerEvaluated {
  std::string application;
  std::string version;
  std::string workflow;
  std::uint64_t sequence = 0;
  Result<app::Value> verdict;
};
/// Something of runs, schedules or triggers is due: a bounded part of it.
struct Wake {};

using Command =
    std::variant<Emit, Create, Dispatch, Answers, EndAttempt, Cancel, RetryDeadLetter,
                 DropDeadLetter, Resolve, Deploy, SetStarted, Undeploy, ContinueUndeploy, Move,
                 Subscribe, Acknowledge, Unsubscribe, Receive, Delivered, SendAgain, Tick,
                 DeployApplication, SetApplicationState, DeleteApplication, StartWorkflow,
                 CancelRun, RetryRun, DecideStep, StepEvaluated, TriggerEvaluated, Wake>;

using ExecutionPtr = std::shared_ptr<const Execution>;

/// What a command answers; void commands answer monostate.
using Reply = std::variant<std::monostate, Emitted, std::vector<Result<Created>>,
                           std::vector<Result<Emitted>>, ExecutionPtr, Created,
                           std::vector<ExecutionId>, Undeployed, RunPtr, ApplicationPtr>;

}  // namespace mesg::engine
