#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mesg/event.h"

namespace mesg::sdk {

namespace internal {
class Performance;
class ServiceCore;
}  // namespace internal

/// How a service reaches Core. Empty fields are taken from the environment Core gives a service.
struct ServiceOptions {
  std::string endpoint = {};  ///< "host:port"; else MESG_ENDPOINT, else localhost:50052.
  std::string token = {};     ///< The instance's secret; else MESG_TOKEN.
  std::string name = {};  ///< How this process is shown to people; else host name and process id.
  unsigned credits = 64;  ///< Deliveries held at once, running and waiting.
  unsigned threads = 4;   ///< That run the handlers.
  /// An emit that Core has not acknowledged by then fails; the library retries until then.
  std::chrono::milliseconds emit_timeout{30'000};
  std::size_t max_pending_events = 100'000;  ///< Unacknowledged; beyond it emits are refused.
  std::size_t max_pending_bytes = 64 * 1024 * 1024;  ///< The same in bytes of data.
  std::chrono::milliseconds drain_grace{10'000};     ///< For running tasks to finish after Stop().
  /// What people should know (connection lost, an answer Core refused), one sentence a call, from
  /// any thread. Unset writes to standard error.
  std::function<void(std::string_view)> log = {};
};

/// A successful answer. `output_key` stays "" where the task declares one output set.
struct Outputs {
  std::string output_key = {};
  std::string json = "{}";
};

/// Marks an error as one that another attempt would meet again, so that Core does not retry.
Error Permanent(Error error);
bool IsPermanent(const Error& error);

/// One execution to perform. A cheap handle; copies refer to the same delivery. Any thread.
class Task {
 public:
  const std::string& key() const;           ///< Which task.
  const std::string& execution_id() const;  ///< The same for each attempt: be idempotent by it.
  const std::string& inputs() const;        ///< JSON object, validated by Core against mesg.yml.
  const std::vector<std::string>& tags() const;
  const std::string& traceparent() const;
  unsigned attempt() const;    ///< 1 for the first.
  TimePoint deadline() const;  ///< When this attempt times out.

  /// True once the result is no longer wanted: cancelled, timed out, or answered elsewhere. The
  /// loss of the connection alone is no reason, Core takes a success all the same; then only the
  /// deadline is.
  bool Cancelled() const;
  /// Calls `action` once when that happens, at once if it has happened. On a library thread: do not
  /// block in it. Forgotten when the task is answered.
  void OnCancel(std::function<void()> action) const;

  /// Commits `event` together with this task's successful answer; dropped when it fails.
  void Emit(Event event) const;
  /// The same for a move in the key-value store. A stale version fails the attempt, to be retried.
  void Change(KeyChange change) const;

 private:
  friend class internal::ServiceCore;
  friend class Responder;
  explicit Task(std::shared_ptr<internal::Performance> performance);
  std::shared_ptr<internal::Performance> performance_;
};

/// The duty to answer one task, from any thread, now or later; moves like a unique_ptr. The first
/// answer counts, and destroying it unanswered hands the task back to Core unperformed.
/// May outlive the Service; its answer then goes nowhere and Core gives the task to another worker.
class Responder {
 public:
  Responder(Responder&& other) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  ~Responder();

  const Task& task() const { return task_; }
  void Succeed(Outputs outputs);
  /// The attempt failed; Core retries it by the task's policy unless IsPermanent(error).
  void Fail(const Error& error);

 private:
  friend class internal::ServiceCore;
  explicit Responder(Task task);
  Task task_;
};

/// The connection of a service's process to Core: takes tasks, emits events, keeps a small store.
///
/// Connections that end are made again with growing pauses. What was not acknowledged is sent again
/// under ids that make a repeat harmless, so an emit or an answer is neither lost nor doubled by a
/// disconnect or a restart of Core.
///
/// Threads: `threads` run handlers, one keeps time, and gRPC has its own few. Every function may be
/// called from any thread, except that handlers are registered before Start().
/// Lifetime: destroy it from a thread of your own, never inside a handler or callback. The
/// destructor stops without grace and waits for handlers that run.
class Service {
 public:
  using Handler = std::function<Result<Outputs>(const Task&)>;
  using AsyncHandler = std::function<void(Responder)>;
  using EmitCallback = std::function<void(Result<Emitted>)>;

  explicit Service(ServiceOptions options = {});
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Performs task `key` by `handler`, which runs on one of the service's threads and may block. An
  /// execution that is delivered again while it still runs here (the connection was lost) is not
  /// run twice: its answer serves the newer delivery.
  void OnTask(std::string key, Handler handler);
  /// The same for tasks that are answered later: `handler` should return soon.
  void OnTaskAsync(std::string key, AsyncHandler handler);

  /// Connects and begins to take tasks; returns at once. A service without handlers takes none.
  void Start();
  /// Blocks until stopped: nothing after Stop(), the error when Core turns the service away for
  /// good (a wrong token, an unknown task).
  Result<void> Wait();
  /// Start() and Wait().
  Result<void> Run();
  /// Run() that ends on SIGTERM or SIGINT. Those signals' handlers are restored afterwards.
  Result<void> RunUntilSignal();
  /// Takes no more tasks, hands back those not begun, lets the running ones and pending emits
  /// finish within `drain_grace`, then cancels and closes. Returns at once; Wait() waits for the
  /// end.
  void Stop();

  /// Whether the task connection is up at this moment.
  bool Connected() const;

  /// Tells people how this process fares with what it connects to: one sentence on what does not
  /// work, or "" when all is well, as it is until said otherwise. A service without handlers has no
  /// connection to say it on.
  void ReportHealth(std::string problem);

  /// Emits `events` and moves keys, all or none, durable when it returns.
  ///
  /// ResourceExhausted when too much is unacknowledged or Core is overloaded; DeadlineExceeded when
  /// Core did not acknowledge within `emit_timeout`: the message says whether it can have happened.
  /// Aborted when an `expected_version` is stale; with reason "RESENT" the request had been sent
  /// before a disconnect and may itself have moved the key: read it to know.
  Result<Emitted> EmitBatch(const std::vector<Event>& events,
                            const std::vector<KeyChange>& changes = {});
  Result<Emitted> Emit(Event event);
  /// The same without waiting. An error here means that `done` will not be called; otherwise it is
  /// called exactly once, on a library thread, and must not block.
  Result<void> EmitAsync(const std::vector<Event>& events, const std::vector<KeyChange>& changes,
                         EmitCallback done);

  /// The instance's key-value store. Blocking; Unavailable when Core cannot be reached in 10 s.
  Result<KeyValue> Get(std::string_view key);
  /// At most `limit` keys (0: 1,000) that start with `prefix`, in order, behind `after`.
  Result<std::vector<KeyValue>> List(std::string_view prefix, unsigned limit = 0,
                                     std::string_view after = {});
  /// Returns the key's new version. Aborted as for Emit.
  Result<std::uint64_t> Put(std::string key, std::string json,
                            std::optional<std::uint64_t> expected_version = {});
  Result<void> Delete(std::string key, std::optional<std::uint64_t> expected_version = {});

 private:
  std::shared_ptr<internal::ServiceCore> core_;
};

}  // namespace mesg::sdk
