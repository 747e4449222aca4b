#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"
#include "broker/catalog.h"
#include "broker/filter.h"
#include "broker/position.h"
#include "broker/runs.h"
#include "broker/sinks.h"
#include "engine/command.h"
#include "engine/engine.h"
#include "store/store.h"

namespace mesg::broker {

class PartitionThread;
class HistoryThread;
struct PartitionView;

/// Bounds of one Core. Every one is configuration and shown by `mesg status`.
struct Limits {
  std::size_t payload_bytes = 4 << 20;  ///< Of one event's data, inputs, outputs or value.
  std::size_t inbox_requests = 65'536;  ///< Requests that wait for the engine.
  std::size_t inbox_bytes = 64 << 20;
  std::size_t commit_bytes = 16 << 20;  ///< Decided and not yet durable; more waits.
  std::size_t listeners = 100'000;
  std::size_t workers = 10'000;
  std::size_t worker_credits = 16'384;  ///< Deliveries one worker may hold.
  std::size_t list_page = 1'000;
  /// Of one page of a list, unless one item alone has more. Below the 4 MiB that a gRPC client
  /// takes unless it says otherwise.
  std::size_t list_bytes = 3 << 20;
};

struct Settings {
  engine::Settings engine;
  Limits limits;
  Duration default_timeout = std::chrono::minutes(10);  ///< Of an attempt whose task declares none.
  RetryPolicy default_retry;
  store::Durability durability = store::Durability::kSync;
  std::string delivery_key;  ///< 32 secret bytes, the same over restarts.
  /// Evaluates what Core does not evaluate itself, and answers once, from any thread. Unavailable
  /// is tried again. None: such expressions fail.
  std::function<void(const app::HelperCall&, std::function<void(Result<app::Value>)>)> helper;
  /// What $secrets.NAME stands for, asked for when work that mentions it is handed out. Any thread,
  /// at once. None: no secret is set.
  app::Deferred::Secrets secrets;
};

using WorkerId = std::uint64_t;
using ListenerId = std::uint64_t;

/// What a caller wants performed. Checked against the contract by Broker.
struct ExecutionRequest {
  std::string service;  ///< Name, sid, service or instance hash.
  std::string task;
  std::string inputs;  ///< JSON object; "" means {}.
  std::vector<std::string> tags;
  std::string idempotency_key;
  Duration timeout{};                ///< 0: the task's, else the default.
  std::optional<RetryPolicy> retry;  ///< None: the task's, else the default.
  TimePoint not_before{};
  std::int32_t priority = 0;
  std::string traceparent;
};

/// A worker's answer to a delivery.
struct DeliveryAnswer {
  std::string delivery_id;
  std::variant<engine::Success, engine::Failure> result;
  std::vector<engine::NewEvent> events;
  std::vector<engine::KeyMove> moves;
};

/// An execution as it stands, with what is known only in memory.
struct ExecutionView {
  engine::ExecutionPtr execution;  ///< kDispatched while a worker holds it.
  std::string waiting_for;         ///< "" when it is final.
  TimePoint waiting_since{};
};

struct ExecutionQuery {
  std::string name;  ///< Instance name; "" for all.
  std::string hash;  ///< Of service or instance; "" for all.
  std::string task;
  std::vector<ExecutionState> states;
  std::vector<std::string> tags;
  TimePoint after{};
  TimePoint before{};
  bool dead_letters = false;
  std::size_t limit = 100;
  std::string token;  ///< Of the page before.
};
struct ExecutionPage {
  std::vector<ExecutionView> executions;
  std::string next_token;
};

struct EventQuery {
  Filter filter;
  TimePoint after{};
  TimePoint before{};
  std::string after_position;
  bool newest_first = false;
  std::size_t limit = 100;
  std::string token;
};
struct EventPage {
  struct Entry {
    std::string position;
    HistoryEntry entry;
  };
  std::vector<Entry> events;
  std::string next_token;
  std::string oldest_position;
};

struct KeyValue {
  std::string key;
  std::string value;
  std::uint64_t version = 0;  ///< 0: there is no such key.
};
struct KeyPage {
  std::vector<KeyValue> values;
  bool more = false;  ///< There are more behind the last one.
};

struct WorkerHello {
  std::string instance_hash;
  std::string name;
  std::vector<std::string> tasks;  ///< Empty: all of the service.
  std::size_t credits = 0;
};

/// Numbers for `mesg status` and the metrics.
struct Counters {
  std::uint64_t events_accepted = 0, events_duplicate = 0, executions_created = 0,
                results_recorded = 0, attempts_failed = 0, deliveries_sent = 0, items_pushed = 0,
                commits = 0, requests_refused = 0;
  /// Definitions compiled because work came while its service was deployed anew.
  std::uint64_t contracts_made = 0;
  std::uint64_t open_executions = 0, open_bytes = 0, history_bytes = 0, listeners = 0, workers = 0,
                inbox = 0, inbox_bytes = 0, pending_bytes = 0, subscriptions = 0, held_bytes = 0,
                dead_letters = 0, open_runs = 0;
};

/// The heart of Core as everything around it sees it: checks requests against contracts, has them
/// decided and committed, and tells the world afterwards.
///
/// Threads: every method may be called from any thread. Callbacks come once, from a thread of the
/// broker, must not block, and may call the asynchronous methods. A refused request is answered
/// through its callback too, then from the calling thread. RESOURCE_EXHAUSTED means nothing
/// happened.
class Broker {
 public:
  template <typename T>
  using Reply = std::function<void(Result<T>)>;

  /// `stores`, one per partition, must outlive it. `fatal` is called once, from a thread of the
  /// broker, when a commit failed: nobody knows what reached the disk, so Core has to stop.
  static Result<std::unique_ptr<Broker>> Start(std::vector<store::Store*> stores,
                                               const Clock& clock, Settings settings,
                                               std::function<void(Error)> fatal);
  /// Finishes what was accepted, then stops.
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// What is deployed right now.
  CatalogPtr Deployed() const;
  const Settings& GetSettings() const { return settings_; }
  Counters Count() const;
  std::size_t Partitions() const;

  // ---- Events ----

  /// Checks every event against the instance's contract (all violations at once, paths begin with
  /// `events[i].data`), then emits all or none.
  void Emit(const InstancePtr& instance, std::vector<engine::NewEvent> events,
            std::vector<engine::KeyMove> moves, Reply<engine::Emitted> reply);
  /// The position of an event of `instance`, for answers.
  std::string PositionText(const std::string& instance_name, std::uint64_t sequence) const;
  /// Pages of all lists end at Limits::list_page items, Limits::list_bytes, or after much was read
  /// that did not fit the query; the next one goes on exactly there.
  Result<EventPage> ListEvents(const EventQuery& query) const;
  /// Whether events or results of an instance of this name are kept, deployed or not.
  Result<bool> HasHistory(std::string_view instance_name) const;
  /// The event whose position this is; none when there is none, or none any more.
  Result<std::optional<HistoryEntry>> FindEvent(std::string_view position) const;
  /// The values of the first of `keys`, in order: as many as fit a page, at least one.
  Result<std::vector<KeyValue>> GetKeys(const InstancePtr& instance,
                                        const std::vector<std::string>& keys) const;
  Result<KeyPage> ListKeys(const InstancePtr& instance, std::string_view prefix,
                           std::string_view after, std::size_t limit) const;

  // ---- Listeners ----

  /// `from`: everything behind it, then live; none: live. `ready` comes when nothing can be missed
  /// any more; pushes may come before it. OutOfRange when `from` is older than what is kept. `key`
  /// of a filter that the service does not have is refused by CheckFilter, not here.
  void Listen(std::vector<Filter> filters, std::optional<Position> from,
              std::shared_ptr<ListenerSink> sink, Reply<ListenerId> ready);
  /// The same for a named subscription; a second listener on it takes it over from the first.
  void ListenSubscription(const std::string& name, std::vector<Filter> filters,
                          std::shared_ptr<ListenerSink> sink, Reply<ListenerId> ready);
  /// There is room in its sink again.
  void Resume(ListenerId listener);
  /// Nothing more is pushed once `done` was called (which may be empty).
  void StopListening(ListenerId listener, std::function<void()> done = {});
  /// Makes a filter of what a user wrote: service by name, sid or hash ("" or "*": any), key ("" or
  /// "*"). NotFound for a service, event, task or output that does not exist.
  Result<Filter> MakeFilter(bool results, std::string_view service, std::string_view key,
                            std::string_view output_key, std::vector<std::string> tags,
                            std::vector<Predicate> predicates) const;

  /// `filters` is kept as given and handed back with the subscription.
  void Subscribe(const std::string& name, std::string filters, const std::string& after_position,
                 Reply<void> reply);
  void Acknowledge(const std::string& name, const Position& position, Reply<void> reply);
  void Unsubscribe(const std::string& name, Reply<void> reply);
  using SubscriptionPtr = std::shared_ptr<const engine::Subscription>;
  /// As it is acknowledged right now; null when there is none.
  SubscriptionPtr FindSubscription(std::string_view name) const;
  Position AcknowledgedOf(const engine::Subscription& subscription) const;
  std::vector<SubscriptionPtr> Subscriptions() const;  ///< By name.
  bool IsConnected(const std::string& subscription) const;
  Position Newest() const;  ///< The last durable sequence of every partition.
  Position Oldest() const;  ///< Everything up to here is no longer kept.

  // ---- Executions ----

  /// Each request is accepted or refused by itself. With a `sink`, the end of request i is told to
  /// it as Finished(refs[i]) after `reply`; a weak sink that is gone is forgotten.
  void Create(std::vector<ExecutionRequest> requests, const std::weak_ptr<ResultSink>& sink,
              std::vector<std::uint64_t> refs,
              std::function<void(std::vector<Result<engine::Created>>)> reply);
  /// Finished(ref) when the execution ends or has ended. NotFound through `reply`.
  void Wait(const ExecutionId& id, std::weak_ptr<ResultSink> sink, std::uint64_t ref,
            Reply<void> reply);
  void Get(const ExecutionId& id, Reply<ExecutionView> reply);
  /// Waits for the partitions and reads on the calling thread: not from a callback.
  void List(ExecutionQuery query, const Reply<ExecutionPage>& reply);
  void Cancel(const ExecutionId& id, std::string reason, Reply<engine::ExecutionPtr> reply);
  /// Each is settled or refused by itself; together they are few commits. Reads each from the store
  /// first, on the calling thread. What is retried must fit what is active, with the same effect.
  void RetryDeadLetters(const std::vector<ExecutionId>& ids,
                        std::function<void(std::vector<Result<engine::Created>>)> reply);
  void DropDeadLetters(const std::vector<ExecutionId>& ids,
                       std::function<void(std::vector<Result<void>>)> reply);
  void Resolve(const ExecutionId& id, std::variant<engine::Success, engine::Failure> result,
               Reply<engine::ExecutionPtr> reply);

  // ---- Workers ----

  void ConnectWorker(WorkerHello hello, std::shared_ptr<WorkerSink> sink, Reply<WorkerId> reply);
  /// Together with what it has, at most Limits::worker_credits; the rest is not added.
  void AddCredits(WorkerId worker, std::size_t credits);
  /// No more deliveries to it.
  void DrainWorker(WorkerId worker);
  /// How its process fares with what it connects to; "" is well. Shown by Load, recorded nowhere.
  void ReportHealth(WorkerId worker, std::string problem);
  /// It is gone: what it holds goes to others at once. Nothing is told to its sink afterwards.
  void DisconnectWorker(WorkerId worker);
  /// Hands a delivery back unperformed, which is no attempt: another worker gets it. The one that
  /// refused gets nothing for 100 ms, twice as long each time until it answers one, at most 10 s.
  void RefuseDelivery(WorkerId worker, const std::string& delivery_id, const std::string& reason);
  /// Checks delivery ids (PermissionDenied when one is not of `instance_hash`; pass "" when the
  /// caller has no token, as classic workers) and outputs, then records. Outputs that break the
  /// contract fail the execution for good, with an error that names the parameter, and are answered
  /// InvalidArgument. Where an answer repeats a secret that the execution was given, `***` is
  /// checked and recorded in its place.
  void Answer(const std::string& instance_hash, const std::string& worker,
              std::vector<DeliveryAnswer> answers,
              std::function<void(std::vector<Result<engine::Emitted>>)> reply);

  // ---- Instances ----

  /// Told after it is durable, from a thread of the broker: changed, or removed. Set once, before
  /// anything else; called at once for every instance that is there.
  void ObserveInstances(std::function<void(const InstancePtr&, bool removed)> observer);
  void Deploy(engine::Instance instance, Reply<void> reply);
  void SetStarted(const InstancePtr& instance, bool started, Reply<void> reply);
  /// Removes every instance of a name. By force much may be pinned to it: it takes nothing new from
  /// the first commit on, and is gone when `reply` comes; an interrupted one goes on when Core
  /// starts.
  void Undeploy(const std::string& name, bool keep_data, bool force, Reply<void> reply);
  struct Moved {
    std::size_t moved = 0;
    std::vector<std::string> kept;  ///< "EXECUTION_ID: reason"; of very many, then "and N more".
  };
  /// Moves what was not delivered and fits the active instance, in as many commits as it takes.
  /// When one is refused, or Core stops, what was moved stays moved, and doing it again moves the
  /// rest.
  void MovePinned(const InstancePtr& draining, Reply<Moved> reply);
  // ---- Applications and runs ----

  /// The application compiled, with the contracts of its services known: what is wrong with it was
  /// said before. Replaces the version before.
  void DeployApplication(engine::Application application, Reply<engine::ApplicationPtr> reply);
  /// kActive, kPaused or kStopped.
  void SetApplicationState(const std::string& name, engine::Application::State state,
                           Reply<engine::ApplicationPtr> reply);
  /// With `force`, its runs are cancelled after `reply`; it is gone when FindApplication says so.
  void DeleteApplication(const std::string& name, bool force, Reply<engine::ApplicationPtr> reply);
  /// By name. Waits for the partitions: not from a callback.
  Result<std::vector<ApplicationView>> Applications();
  /// NotFound names the nearest.
  Result<ApplicationView> FindApplication(const std::string& name);

  /// Checks the inputs against what the workflow's manual trigger declares.
  void StartRun(const std::string& application, const std::string& workflow, std::string inputs,
                const std::string& idempotency_key, Reply<engine::RunPtr> reply);
  void CancelRun(const engine::RunId& id, std::string reason, Reply<engine::RunPtr> reply);
  /// Continues where it failed, or from a step ("": the first).
  void RetryRun(const engine::RunId& id, std::optional<std::string> reset_to, bool dry_run,
                Reply<engine::RunPtr> reply);
  void DecideStep(engine::DecideStep decision, Reply<engine::RunPtr> reply);
  /// With the steps behind number `after_step`, as many as fit a page. Waits for the partition and
  /// reads on the calling thread: not from a callback.
  Result<RunView> GetRun(const engine::RunId& id, std::uint32_t after_step);
  Result<RunPage> ListRuns(const RunQuery& query);
  /// Tells `sink` of every move of the runs of an application, or of one run, from now on, until it
  /// is gone. Any thread.
  void WatchRuns(const std::string& application, const engine::RunId& run,
                 const std::shared_ptr<RunSink>& sink);

  struct InstanceLoad {
    std::uint64_t open = 0;
    std::size_t workers = 0;
    std::string problem;  ///< What a worker reported; it may repeat secrets.
  };
  void Load(const InstancePtr& instance, Reply<InstanceLoad> reply);

 private:
  Broker(const Clock& clock, Settings settings);
  Result<RunPage> ReadRuns(const RunQuery& query) const;
  /// What the open ones of a page wait for.
  Result<void> AddWaits(RunPage& page);
  // Implementation in broker.cc.
  struct Impl;
  std::unique_ptr<Impl> impl_;
  Settings settings_;
};

}  // namespace mesg::broker
