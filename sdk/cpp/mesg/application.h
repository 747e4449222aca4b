#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "mesg/event.h"

namespace mesg::sdk {

namespace internal {
class ApplicationCore;
class ListenerCore;
}  // namespace internal

struct ApplicationOptions {
  std::string endpoint = {};          ///< "host:port"; else MESG_ENDPOINT, else localhost:50052.
  std::string token = {};             ///< Sent when not empty; else MESG_TOKEN.
  std::size_t max_pending = 100'000;  ///< Executions asked for and not answered yet.
  std::chrono::milliseconds call_timeout{
      30'000};  ///< Get, Cancel, Subscribe, and a listener's start.
  std::function<void(std::string_view)> log = {};  ///< As in ServiceOptions.
};

enum class ExecutionState : std::uint8_t {
  kUnspecified = 0,
  kCreated = 1,
  kDispatched = 2,
  kCompleted = 3,
  kFailed = 4,
  kCancelled = 5,
  kOutcomeUnknown = 6,
};
std::string_view Name(ExecutionState state);

/// How failed attempts are repeated; unset fields are the task's own.
struct Retry {
  unsigned attempts = 0;
  Duration initial{};
  double factor = 0;
  Duration max{};
  double jitter = 0;
};

struct ExecuteOptions {
  std::vector<std::string> tags = {};
  /// A second request with this key answers with the first execution. "" lets the library make one,
  /// so that a reconnect never doubles work.
  std::string idempotency_key = {};
  Duration timeout{};  ///< Of one attempt; unset is the task's own.
  Retry retry = {};
  TimePoint not_before = {};
  int priority = 0;  ///< Higher first.
  std::string traceparent = {};
  /// How long the blocking Execute waits; zero is for ever. It ends the wait, not the execution.
  std::chrono::milliseconds wait{0};
};

/// What became of an execution.
struct ExecutionResult {
  std::string id;
  ExecutionState state = ExecutionState::kUnspecified;
  std::string output_key;
  std::string outputs;  ///< JSON object; empty unless completed.
  std::string error;    ///< Why it failed, was cancelled or is unknown.
  bool ok() const { return state == ExecutionState::kCompleted; }
};

/// One execution as Core knows it.
struct Execution {
  std::string id;
  std::string service;
  std::string task;
  std::string inputs;  ///< Left out of listened results.
  std::vector<std::string> tags;
  ExecutionState state = ExecutionState::kUnspecified;
  unsigned attempts = 0;  ///< That have ended.
  ExecutionResult result;
  std::string position;     ///< Of its result in the history.
  std::string waiting_for;  ///< What it waits for, in words.
};

/// An event as listeners get it.
struct ReceivedEvent {
  std::string position;
  std::string id;
  std::string service;
  std::string instance_hash;
  std::string key;
  std::string json;
  TimePoint time;
  TimePoint recorded;
  std::string traceparent;
};

/// A condition on one value inside event data or outputs.
struct Condition {
  enum class Operator : std::uint8_t { kEq = 1, kGt, kGte, kLt, kLte, kContains, kExists };
  std::string path;  ///< "items[0].price"
  Operator op = Operator::kEq;
  std::string json;  ///< The value to compare with, as JSON; unused by kExists.
};

/// What a listener wants; unset means any.
struct Filter {
  std::string service = {};
  std::string key = {};                ///< Event key, or task key for results.
  std::string output_key = {};         ///< Results only.
  std::vector<std::string> tags = {};  ///< Results only: all of them.
  std::vector<Condition> conditions = {};
};

/// Where a listener starts: live unless told otherwise. A subscription that is made here begins
/// behind `after_position`, one that exists goes on where it was.
struct ListenFrom {
  std::string after_position = {};  ///< Everything behind it, then live; "0" is the oldest kept.
  /// A named subscription, made when it does not exist: Core keeps its position, which moves when a
  /// callback has returned. What was not acknowledged is delivered again, to whoever listens next.
  std::string subscription = {};
};

/// A running listener; its callback runs on a thread of its own, one item at a time, in order. A
/// slow callback slows only itself. A connection that ends is made again behind the last item
/// delivered. Destroying it, which waits for a callback that runs, stops it; not from inside its
/// callback.
class Listener {
 public:
  Listener(Listener&&) noexcept;
  Listener& operator=(Listener&&) noexcept;
  ~Listener();

  /// Stops it. From any thread, the callback included; nothing more is delivered once the item in
  /// hand is dealt with.
  void Stop();
  /// Blocks until it has stopped: nothing after Stop(), the error when Core ended it for good
  /// (OutOfRange: the position is older than what is kept; FailedPrecondition: broken
  /// subscription).
  Result<void> Wait();
  /// Where a new listener would go on after everything delivered so far; "" before anything was.
  std::string Position() const;

 private:
  friend class Application;
  explicit Listener(std::unique_ptr<internal::ListenerCore> core);
  std::unique_ptr<internal::ListenerCore> core_;
};

/// What reacts: executes tasks of any service and listens to their events and results.
///
/// Executions go over one stream in batches; when it ends it is made again and unanswered requests
/// are repeated under their idempotency keys. Threads: any; callbacks come on library threads and
/// must not block, except a Listener's. Lifetime: outlives its listeners; destroying it fails what
/// is pending with Cancelled; not from inside a callback.
class Application {
 public:
  using ExecuteCallback = std::function<void(Result<ExecutionResult>)>;
  using CreateCallback = std::function<void(Result<std::string>)>;

  explicit Application(ApplicationOptions options = {});
  ~Application();
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  /// Asks `service` to perform `task` and waits for its one result. Every final state is a value,
  /// also a failure; an error means that it was refused, or that the wait ended (DeadlineExceeded).
  Result<ExecutionResult> Execute(std::string service, std::string task, std::string inputs_json,
                                  const ExecuteOptions& options = {});
  /// The same without waiting; `done` is called exactly once unless an error is returned here
  /// (ResourceExhausted when `max_pending` are under way).
  Result<void> ExecuteAsync(std::string service, std::string task, std::string inputs_json,
                            const ExecuteOptions& options, ExecuteCallback done);
  std::future<Result<ExecutionResult>> ExecuteFuture(std::string service, std::string task,
                                                     std::string inputs_json,
                                                     const ExecuteOptions& options = {});

  /// Makes the execution, durable when it returns, and does not wait for it. Its id.
  Result<std::string> Create(std::string service, std::string task, std::string inputs_json,
                             const ExecuteOptions& options = {});
  Result<void> CreateAsync(std::string service, std::string task, std::string inputs_json,
                           const ExecuteOptions& options, CreateCallback done);

  /// Waits for the result of execution `id`, through reconnects; zero waits for ever.
  Result<ExecutionResult> Wait(const std::string& id, std::chrono::milliseconds timeout = {});
  Result<Execution> Get(const std::string& id);
  /// FailedPrecondition when it has a result already.
  Result<Execution> Cancel(const std::string& id, std::string reason = {});

  /// Calls `handle` with every event that matches any of `filters`. Returns once nothing can be
  /// missed any more; Unavailable when that took longer than `call_timeout`.
  Result<Listener> ListenEvents(const std::vector<Filter>& filters, const ListenFrom& from,
                                std::function<void(const ReceivedEvent&)> handle);
  Result<Listener> ListenResults(const std::vector<Filter>& filters, const ListenFrom& from,
                                 std::function<void(const Execution&)> handle);
  /// Forgets a named subscription.
  Result<void> DeleteSubscription(std::string name);

 private:
  std::unique_ptr<internal::ApplicationCore> core_;
};

}  // namespace mesg::sdk
