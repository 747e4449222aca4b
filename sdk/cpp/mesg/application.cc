#include "mesg/application.h"

#include <atomic>
#include <utility>

#include "link/application_core.h"

namespace mesg::sdk {
namespace {

void ToWire(const Filter& filter, v1::Filter::Kind kind, v1::Filter& wire) {
  wire.set_kind(kind);
  wire.set_service(filter.service);
  wire.set_key(filter.key);
  wire.set_output_key(filter.output_key);
  for (const std::string& tag : filter.tags) wire.add_tags(tag);
  for (const Condition& condition : filter.conditions) {
    v1::Predicate& predicate = *wire.add_predicates();
    predicate.set_path(condition.path);
    predicate.set_op(static_cast<v1::Predicate::Operator>(condition.op));
    predicate.set_value(condition.json);
  }
}

v1::CreateExecutionRequest ToWire(std::string service, std::string task, std::string inputs,
                                  const ExecuteOptions& options) {
  v1::CreateExecutionRequest wire;
  wire.set_service(std::move(service));
  wire.set_task(std::move(task));
  wire.set_inputs(std::move(inputs));
  for (const std::string& tag : options.tags) wire.add_tags(tag);
  wire.set_idempotency_key(options.idempotency_key);
  wire.set_timeout_us(options.timeout.count());
  const Retry& retry = options.retry;
  if (retry.attempts > 0 || retry.initial.count() > 0 || retry.factor > 0 ||
      retry.max.count() > 0 || retry.jitter > 0) {
    v1::RetryPolicy& policy = *wire.mutable_retry();
    policy.set_attempts(retry.attempts);
    policy.set_initial_us(retry.initial.count());
    policy.set_factor(retry.factor);
    policy.set_max_us(retry.max.count());
    policy.set_jitter(retry.jitter);
  }
  wire.set_not_before_us(ToMicros(options.not_before));
  wire.set_priority(options.priority);
  wire.set_traceparent(options.traceparent);
  return wire;
}

ReceivedEvent FromWire(const v1::Event& wire) {
  return {.position = wire.position(),
          .id = wire.id(),
          .service = wire.source().service(),
          .instance_hash = wire.source().instance_hash(),
          .key = wire.key(),
          .json = wire.data(),
          .time = FromMicros(wire.time_us()),
          .recorded = FromMicros(wire.recorded_us()),
          .traceparent = wire.traceparent()};
}

}  // namespace

std::string_view Name(ExecutionState state) {
  switch (state) {
    case ExecutionState::kUnspecified:
      return "unspecified";
    case ExecutionState::kCreated:
      return "created";
    case ExecutionState::kDispatched:
      return "dispatched";
    case ExecutionState::kCompleted:
      return "completed";
    case ExecutionState::kFailed:
      return "failed";
    case ExecutionState::kCancelled:
      return "cancelled";
    case ExecutionState::kOutcomeUnknown:
      return "outcome unknown";
  }
  return "unspecified";
}

Listener::Listener(std::unique_ptr<internal::ListenerCore> core) : core_(std::move(core)) {}
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;
Listener::~Listener() = default;
void Listener::Stop() { core_->Stop(); }
Result<void> Listener::Wait() { return core_->Wait(); }
std::string Listener::Position() const { return core_->position(); }

Application::Application(ApplicationOptions options)
    : core_(std::make_unique<internal::ApplicationCore>(std::move(options))) {}

Application::~Application() = default;

namespace {

using Answer = std::promise<Result<ExecutionResult>>;

// Waits for an answer that may come too late for its caller but never to a promise that is gone.
Result<ExecutionResult> AskAndWait(internal::Executor& executor, v1::CreateExecutionRequest request,
                                   bool wait, std::chrono::milliseconds timeout) {
  const auto answer = std::make_shared<Answer>();
  auto future = answer->get_future();
  const std::uint64_t ref =
      MESG_TRY(executor.Ask(std::move(request), wait, [answer](Result<ExecutionResult> result) {
        answer->set_value(std::move(result));
      }));
  if (timeout.count() > 0 && future.wait_for(timeout) == std::future_status::timeout &&
      executor.Forget(ref)) {
    return DeadlineExceeded("no answer within {} ms; an execution that Core has made goes on",
                            timeout.count());
  }
  return future.get();
}

}  // namespace

Result<ExecutionResult> Application::Execute(std::string service, std::string task,
                                             std::string inputs_json,
                                             const ExecuteOptions& options) {
  return AskAndWait(core_->executor(),
                    ToWire(std::move(service), std::move(task), std::move(inputs_json), options),
                    true, options.wait);
}

Result<void> Application::ExecuteAsync(std::string service, std::string task,
                                       std::string inputs_json, const ExecuteOptions& options,
                                       ExecuteCallback done) {
  MESG_TRY(core_->executor().Ask(
      ToWire(std::move(service), std::move(task), std::move(inputs_json), options), true,
      std::move(done)));
  return {};
}

std::future<Result<ExecutionResult>> Application::ExecuteFuture(std::string service,
                                                                std::string task,
                                                                std::string inputs_json,
                                                                const ExecuteOptions& options) {
  const auto answer = std::make_shared<Answer>();
  auto future = answer->get_future();
  const auto asked = ExecuteAsync(
      std::move(service), std::move(task), std::move(inputs_json), options,
      [answer](Result<ExecutionResult> result) { answer->set_value(std::move(result)); });
  if (!asked) answer->set_value(asked.error());
  return future;
}

Result<std::string> Application::Create(std::string service, std::string task,
                                        std::string inputs_json, const ExecuteOptions& options) {
  auto made = MESG_TRY(
      AskAndWait(core_->executor(),
                 ToWire(std::move(service), std::move(task), std::move(inputs_json), options),
                 false, core_->options().call_timeout));
  return std::move(made.id);
}

Result<void> Application::CreateAsync(std::string service, std::string task,
                                      std::string inputs_json, const ExecuteOptions& options,
                                      CreateCallback done) {
  MESG_TRY(core_->executor().Ask(
      ToWire(std::move(service), std::move(task), std::move(inputs_json), options), false,
      [done = std::move(done)](Result<ExecutionResult> result) {
        if (result) {
          done(std::move(result->id));
        } else {
          done(std::move(result).error());
        }
      }));
  return {};
}

Result<ExecutionResult> Application::Wait(const std::string& id,
                                          std::chrono::milliseconds timeout) {
  return core_->Wait(id, timeout);
}
Result<Execution> Application::Get(const std::string& id) { return core_->Get(id); }
Result<Execution> Application::Cancel(const std::string& id, std::string reason) {
  return core_->Cancel(id, std::move(reason));
}
Result<void> Application::DeleteSubscription(std::string name) {
  return core_->DeleteSubscription(std::move(name));
}

Result<Listener> Application::ListenEvents(const std::vector<Filter>& filters,
                                           const ListenFrom& from,
                                           std::function<void(const ReceivedEvent&)> handle) {
  v1::ListenRequest::Open open;
  for (const Filter& filter : filters) ToWire(filter, v1::Filter::EVENTS, *open.add_filters());
  auto core = MESG_TRY(
      core_->Listen(std::move(open), from, [handle = std::move(handle)](const v1::Item& item) {
        if (item.has_event()) handle(FromWire(item.event()));
      }));
  return Listener(std::move(core));
}

Result<Listener> Application::ListenResults(const std::vector<Filter>& filters,
                                            const ListenFrom& from,
                                            std::function<void(const Execution&)> handle) {
  v1::ListenRequest::Open open;
  for (const Filter& filter : filters) ToWire(filter, v1::Filter::RESULTS, *open.add_filters());
  auto core = MESG_TRY(
      core_->Listen(std::move(open), from, [handle = std::move(handle)](const v1::Item& item) {
        if (item.has_result()) handle(internal::FromWire(item.result()));
      }));
  return Listener(std::move(core));
}

}  // namespace mesg::sdk
