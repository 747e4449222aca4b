#include "api/grpc/translate.h"

#include <array>
#include <charconv>
#include <utility>

namespace mesg::api {

// ---- To the wire ----

v1::ExecutionState ToWire(ExecutionState state) { return static_cast<v1::ExecutionState>(state); }
static_assert(static_cast<int>(ExecutionState::kCreated) == v1::CREATED &&
              static_cast<int>(ExecutionState::kDispatched) == v1::DISPATCHED &&
              static_cast<int>(ExecutionState::kCompleted) == v1::COMPLETED &&
              static_cast<int>(ExecutionState::kFailed) == v1::FAILED &&
              static_cast<int>(ExecutionState::kCancelled) == v1::CANCELLED &&
              static_cast<int>(ExecutionState::kOutcomeUnknown) == v1::OUTCOME_UNKNOWN);

v1::Effect ToWire(Effect effect) { return static_cast<v1::Effect>(effect); }
static_assert(static_cast<int>(Effect::kNone) == v1::NONE &&
              static_cast<int>(Effect::kIdempotent) == v1::IDEMPOTENT &&
              static_cast<int>(Effect::kOnce) == v1::ONCE);

static_assert(static_cast<int>(AttemptOutcome::kSucceeded) == v1::Attempt::SUCCEEDED &&
              static_cast<int>(AttemptOutcome::kTaskFailed) == v1::Attempt::TASK_FAILED &&
              static_cast<int>(AttemptOutcome::kTimedOut) == v1::Attempt::TIMED_OUT &&
              static_cast<int>(AttemptOutcome::kWorkerLost) == v1::Attempt::WORKER_LOST &&
              static_cast<int>(AttemptOutcome::kCancelled) == v1::Attempt::CANCELLED_ATTEMPT &&
              static_cast<int>(AttemptOutcome::kUnknown) == v1::Attempt::UNKNOWN &&
              static_cast<int>(AttemptOutcome::kSuperseded) == v1::Attempt::SUPERSEDED);

void ToWire(const RetryPolicy& policy, v1::RetryPolicy& wire) {
  wire.set_attempts(policy.attempts);
  wire.set_initial_us(policy.initial.count());
  wire.set_factor(policy.factor);
  wire.set_max_us(policy.max.count());
  wire.set_jitter(policy.jitter);
}

void ToWire(const Source& source, v1::Source& wire) {
  wire.set_service(source.name);
  wire.set_service_hash(source.service_hash);
  wire.set_instance_hash(source.instance_hash);
}

void ToWire(const Outcome& outcome, v1::Outcome& wire) {
  wire.set_output_key(outcome.output_key);
  wire.set_outputs(outcome.outputs);
  wire.set_error(outcome.error);
  wire.set_recorded_us(ToMicros(outcome.recorded));
}

std::string MadeEventId(const HistoryEntry& event) {
  return fmt::format("{}@{}", event.sequence, event.source->name);
}

void ToWire(const HistoryEntry& event, v1::Event& wire) {
  if (event.id.empty()) {
    wire.set_id(MadeEventId(event));
  } else {
    wire.set_id(event.id);
  }
  ToWire(*event.source, *wire.mutable_source());
  wire.set_key(event.key);
  wire.set_data(event.data);
  wire.set_time_us(ToMicros(event.time));
  wire.set_recorded_us(ToMicros(event.recorded));
  if (!event.traceparent.empty()) wire.set_traceparent(event.traceparent);
}

void ToWire(const Execution& execution, bool with_inputs, v1::Execution& wire) {
  wire.set_id(execution.id.Text());
  ToWire(*execution.source, *wire.mutable_source());
  wire.set_task(execution.task);
  if (with_inputs) wire.set_inputs(execution.inputs);
  for (const std::string& tag : execution.tags) wire.add_tags(tag);
  wire.set_state(ToWire(execution.state));
  wire.set_created_us(ToMicros(execution.created));
  for (const Attempt& attempt : execution.attempts) {
    auto& added = *wire.add_attempts();
    added.set_number(attempt.number);
    added.set_outcome(static_cast<v1::Attempt::Outcome>(attempt.outcome));
    added.set_reason(attempt.reason);
    added.set_ended_us(ToMicros(attempt.ended));
    added.set_worker(attempt.worker);
  }
  if (execution.outcome) ToWire(*execution.outcome, *wire.mutable_outcome());
  wire.set_idempotency_key(execution.idempotency_key);
  wire.set_timeout_us(execution.timeout.count());
  ToWire(execution.retry, *wire.mutable_retry());
  wire.set_not_before_us(ToMicros(execution.not_before));
  wire.set_priority(execution.priority);
  wire.set_effect(ToWire(execution.effect));
  wire.set_traceparent(execution.traceparent);
  wire.set_dead_letter(execution.dead_letter);
  if (!execution.retry_of.empty()) wire.set_retry_of(execution.retry_of.Text());
}

void ToWire(const broker::Broker& broker, const Execution& execution, v1::Execution& wire) {
  ToWire(execution, /*with_inputs=*/true, wire);
  if (execution.result_sequence == 0) return;
  AppendPosition(broker, execution.source->name, execution.result_sequence,
                 *wire.mutable_position());
}

void ToWire(const broker::Broker& broker, const broker::ExecutionView& view, v1::Execution& wire) {
  ToWire(broker, *view.execution, wire);
  wire.set_waiting_for(view.waiting_for);
  wire.set_waiting_since_us(ToMicros(view.waiting_since));
}

void ToWire(const broker::Broker& broker, const std::string& instance_name,
            const engine::Emitted& emitted, v1::EmitResponse& wire) {
  for (const std::uint64_t sequence : emitted.sequences) {
    AppendPosition(broker, instance_name, sequence, *wire.add_positions());
  }
  for (const std::uint32_t duplicate : emitted.duplicates) wire.add_duplicates(duplicate);
  for (const std::uint64_t version : emitted.versions) wire.add_versions(version);
  const std::string_view durability = Name(broker.GetSettings().durability);
  wire.set_durability(durability.data(), durability.size());
}

void ToWire(const broker::KeyValue& value, v1::KeyValue& wire) {
  wire.set_key(value.key);
  wire.set_value(value.value);
  wire.set_version(value.version);
}

void AppendPosition(const broker::Broker& broker, const std::string& instance_name,
                    std::uint64_t sequence, std::string& into) {
  if (broker.Partitions() != 1) {
    into += broker.PositionText(instance_name, sequence);
    return;
  }
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), sequence).ptr;
  into.append(digits.data(), end);
}

// ---- From the wire ----

Result<TimePoint> TimeFromWire(std::int64_t micros, std::string_view field) {
  constexpr std::int64_t kYear10000 = 253'402'300'800'000'000;
  if (micros >= 0 && micros < kYear10000) return FromMicros(micros);
  const std::string expected =
      fmt::format("expected microseconds since 1970, before the year 10000, got {}", micros);
  return Error{Code::kInvalidArgument,
               fmt::format("{}: {}", field, expected),
               "INVALID_TIME",
               {{std::string(field), expected}}};
}

Result<Duration> DurationFromWire(std::int64_t micros, std::string_view field) {
  constexpr Duration kLongest = std::chrono::hours(24) * 36'525;
  if (micros >= 0 && micros <= kLongest.count()) return Duration(micros);
  const std::string expected = fmt::format("expected microseconds, 0 to 100 years, got {}", micros);
  return Error{Code::kInvalidArgument,
               fmt::format("{}: {}", field, expected),
               "INVALID_DURATION",
               {{std::string(field), expected}}};
}

Result<std::vector<engine::NewEvent>> FromWire(
    google::protobuf::RepeatedPtrField<v1::EventToEmit>& events) {
  std::vector<engine::NewEvent> taken;
  taken.reserve(static_cast<std::size_t>(events.size()));
  for (v1::EventToEmit& event : events) {
    engine::NewEvent& added = taken.emplace_back();
    added.key = std::move(*event.mutable_key());
    added.data = std::move(*event.mutable_data());
    added.id = std::move(*event.mutable_id());
    added.traceparent = std::move(*event.mutable_traceparent());
    if (event.time_us() == 0) continue;
    added.time = MESG_TRY(
        TimeFromWire(event.time_us(), fmt::format("events[{}].time_us", taken.size() - 1)));
  }
  return taken;
}

Result<std::vector<engine::KeyMove>> FromWire(
    google::protobuf::RepeatedPtrField<v1::KeyChange>& changes) {
  std::vector<engine::KeyMove> taken;
  for (v1::KeyChange& change : changes) {
    engine::KeyMove& added = taken.emplace_back();
    added.key = std::move(*change.mutable_key());
    if (change.has_put()) {
      added.value = std::move(*change.mutable_put());
    } else if (!change.has_delete_() || !change.delete_()) {
      const std::string field = fmt::format("changes[{}]", taken.size() - 1);
      return Error{Code::kInvalidArgument,
                   fmt::format("{} (key \"{}\") neither puts nor deletes", field, added.key),
                   "INVALID_CHANGE",
                   {{field, "expected `put` or `delete: true`"}}};
    }
    if (change.has_expected_version()) added.expected = change.expected_version();
  }
  return taken;
}

namespace {

/// What the request leaves open of a policy is the task's, else Core's.
Result<std::optional<RetryPolicy>> PolicyFromWire(const broker::Broker& broker,
                                                  const v1::CreateExecutionRequest& request) {
  if (!request.has_retry()) return std::optional<RetryPolicy>();
  const v1::RetryPolicy& wire = request.retry();
  const auto instance = MESG_TRY(broker.Deployed()->Find(request.service()));
  const TaskDefinition* task = MESG_TRY(instance->FindTask(request.task()));
  RetryPolicy policy = task->retry.value_or(broker.GetSettings().default_retry);
  if (wire.attempts() != 0) policy.attempts = wire.attempts();
  if (wire.initial_us() != 0) {
    policy.initial = MESG_TRY(DurationFromWire(wire.initial_us(), "retry.initial_us"));
  }
  if (wire.factor() != 0) policy.factor = wire.factor();
  if (wire.max_us() != 0) policy.max = MESG_TRY(DurationFromWire(wire.max_us(), "retry.max_us"));
  if (wire.jitter() != 0) policy.jitter = wire.jitter();
  return std::optional<RetryPolicy>(policy);
}

}  // namespace

Result<broker::ExecutionRequest> FromWire(const broker::Broker& broker,
                                          v1::CreateExecutionRequest& request) {
  broker::ExecutionRequest taken;
  taken.timeout = MESG_TRY(DurationFromWire(request.timeout_us(), "timeout_us"));
  taken.not_before = MESG_TRY(TimeFromWire(request.not_before_us(), "not_before_us"));
  taken.retry = MESG_TRY(PolicyFromWire(broker, request));
  taken.service = std::move(*request.mutable_service());
  taken.task = std::move(*request.mutable_task());
  taken.inputs = std::move(*request.mutable_inputs());
  taken.tags.reserve(static_cast<std::size_t>(request.tags_size()));
  for (std::string& tag : *request.mutable_tags()) taken.tags.push_back(std::move(tag));
  taken.idempotency_key = std::move(*request.mutable_idempotency_key());
  taken.priority = request.priority();
  taken.traceparent = std::move(*request.mutable_traceparent());
  return taken;
}

Result<broker::DeliveryAnswer> FromWire(v1::Answer& answer) {
  broker::DeliveryAnswer taken;
  if (answer.has_success()) {
    taken.result = engine::Success{std::move(*answer.mutable_success()->mutable_output_key()),
                                   std::move(*answer.mutable_success()->mutable_outputs())};
  } else if (answer.has_failure()) {
    taken.result = engine::Failure{std::move(*answer.mutable_failure()->mutable_error()),
                                   answer.failure().permanent()};
  } else {
    return Error{Code::kInvalidArgument,
                 "an answer needs a result: `success` or `failure`",
                 "RESULT_MISSING",
                 {{"result", "expected `success` or `failure`, got neither"}}};
  }
  taken.events = MESG_TRY(FromWire(*answer.mutable_events()));
  taken.moves = MESG_TRY(FromWire(*answer.mutable_changes()));
  taken.delivery_id = answer.delivery_id();
  return taken;
}

Result<ExecutionState> FromWire(v1::ExecutionState state) {
  if (state >= v1::CREATED && state <= v1::OUTCOME_UNKNOWN) {
    return static_cast<ExecutionState>(state);
  }
  return Error{Code::kInvalidArgument,
               fmt::format("{} is not a state of an execution", static_cast<int>(state)),
               "INVALID_STATE",
               {{"states", "expected CREATED to OUTCOME_UNKNOWN"}}};
}

Result<std::vector<Predicate>> FromWire(
    const google::protobuf::RepeatedPtrField<v1::Predicate>& predicates, std::string_view path) {
  std::vector<Predicate> taken;
  for (const v1::Predicate& predicate : predicates) {
    const std::string field = fmt::format("{}predicates[{}]", path, taken.size());
    if (predicate.op() < v1::Predicate::EQ || predicate.op() > v1::Predicate::EXISTS) {
      return Error{Code::kInvalidArgument,
                   fmt::format("{}.op is not an operator", field),
                   "INVALID_PREDICATE",
                   {{field + ".op", "expected EQ, GT, GTE, LT, LTE, CONTAINS or EXISTS"}}};
    }
    auto made = Predicate::Make(predicate.path(), static_cast<Predicate::Operator>(predicate.op()),
                                predicate.value());
    if (!made) {
      Error error = std::move(made).error();
      error.violations = {{field, error.message}};
      error.message = fmt::format("{}: {}", field, error.message);
      return std::move(error).Because("INVALID_PREDICATE");
    }
    taken.push_back(*std::move(made));
  }
  return taken;
}
static_assert(static_cast<int>(Predicate::Operator::kEq) == v1::Predicate::EQ &&
              static_cast<int>(Predicate::Operator::kGt) == v1::Predicate::GT &&
              static_cast<int>(Predicate::Operator::kGte) == v1::Predicate::GTE &&
              static_cast<int>(Predicate::Operator::kLt) == v1::Predicate::LT &&
              static_cast<int>(Predicate::Operator::kLte) == v1::Predicate::LTE &&
              static_cast<int>(Predicate::Operator::kContains) == v1::Predicate::CONTAINS &&
              static_cast<int>(Predicate::Operator::kExists) == v1::Predicate::EXISTS);

Result<broker::Filter> FromWire(const broker::Broker& broker, const v1::Filter& filter,
                                std::string_view path) {
  const std::string prefix = path.empty() ? std::string() : fmt::format("{}.", path);
  const bool results = filter.kind() == v1::Filter::RESULTS;
  if (!results && (!filter.output_key().empty() || !filter.tags().empty())) {
    return Error{Code::kInvalidArgument,
                 "output_key and tags are properties of results; set kind to RESULTS",
                 "INVALID_FILTER",
                 {{prefix + "kind", "expected RESULTS with output_key or tags"}}};
  }
  auto predicates = MESG_TRY(FromWire(filter.predicates(), prefix));
  return broker.MakeFilter(results, filter.service(), filter.key(), filter.output_key(),
                           {filter.tags().begin(), filter.tags().end()}, std::move(predicates));
}

}  // namespace mesg::api
