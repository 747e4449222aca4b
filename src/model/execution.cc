#include "model/execution.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/encoding.h"
#include "mesg/stored/v1/records.pb.h"
#include "model/stored_scratch.h"

namespace mesg {
namespace {

constexpr int kHighestField = stored::v1::Execution::kDeferredFieldNumber;

bool IsState(std::uint32_t value) {
  return value >= static_cast<std::uint32_t>(ExecutionState::kCreated) &&
         value <= static_cast<std::uint32_t>(ExecutionState::kOutcomeUnknown);
}

bool IsOutcome(std::uint32_t value) {
  return value >= static_cast<std::uint32_t>(AttemptOutcome::kSucceeded) &&
         value <= static_cast<std::uint32_t>(AttemptOutcome::kSuperseded);
}

bool IsEffect(std::uint32_t value) {
  return value >= static_cast<std::uint32_t>(Effect::kNone) &&
         value <= static_cast<std::uint32_t>(Effect::kOnce);
}

void ToStored(const Execution& execution, stored::v1::Execution& message) {
  message.set_id(execution.id.Bytes().data(), execution.id.Bytes().size());
  auto& source = *message.mutable_source();
  source.set_name(execution.source->name);
  source.set_service_hash(execution.source->service_hash);
  source.set_instance_hash(execution.source->instance_hash);
  message.set_task(execution.task);
  message.set_inputs(execution.inputs);
  for (const std::string& tag : execution.tags) *message.add_tags() = tag;
  message.set_state(static_cast<std::uint32_t>(execution.state));
  message.set_created_us(ToMicros(execution.created));
  message.set_created_number(execution.created_number);
  for (const Attempt& attempt : execution.attempts) {
    auto& to = *message.add_attempts();
    to.set_number(attempt.number);
    to.set_outcome(static_cast<std::uint32_t>(attempt.outcome));
    to.set_reason(attempt.reason);
    to.set_ended_us(ToMicros(attempt.ended));
    to.set_worker(attempt.worker);
  }
  if (execution.outcome) {
    auto& to = *message.mutable_outcome();
    to.set_output_key(execution.outcome->output_key);
    to.set_outputs(execution.outcome->outputs);
    to.set_error(execution.outcome->error);
    to.set_recorded_us(ToMicros(execution.outcome->recorded));
  }
  message.set_result_sequence(execution.result_sequence);
  message.set_idempotency_key(execution.idempotency_key);
  message.set_timeout_us(execution.timeout.count());
  auto& retry = *message.mutable_retry();
  retry.set_attempts(execution.retry.attempts);
  retry.set_initial_us(execution.retry.initial.count());
  retry.set_factor(execution.retry.factor);
  retry.set_max_us(execution.retry.max.count());
  retry.set_jitter(execution.retry.jitter);
  message.set_not_before_us(ToMicros(execution.not_before));
  message.set_priority(execution.priority);
  message.set_effect(static_cast<std::uint32_t>(execution.effect));
  message.set_traceparent(execution.traceparent);
  message.set_dead_letter(execution.dead_letter);
  if (!execution.retry_of.empty()) {
    message.set_retry_of(execution.retry_of.Bytes().data(), execution.retry_of.Bytes().size());
  }
  message.set_dispatched_us(ToMicros(execution.dispatched));
  if (!execution.run.empty()) {
    message.set_run(execution.run.Bytes().data(), execution.run.Bytes().size());
    message.set_visit(execution.visit);
    message.set_deferred(execution.deferred);
  }
}

Result<std::vector<Attempt>> FromStored(
    google::protobuf::RepeatedPtrField<stored::v1::Attempt>& messages) {
  std::vector<Attempt> attempts;
  attempts.reserve(static_cast<std::size_t>(messages.size()));
  for (stored::v1::Attempt& message : messages) {
    if (!IsOutcome(message.outcome())) {
      return DataLoss("stored execution: {} is no outcome of an attempt", message.outcome());
    }
    attempts.push_back({.number = message.number(),
                        .outcome = static_cast<AttemptOutcome>(message.outcome()),
                        .reason = std::move(*message.mutable_reason()),
                        .ended = FromMicros(message.ended_us()),
                        .worker = std::move(*message.mutable_worker())});
  }
  return attempts;
}

Result<void> CheckStored(const stored::v1::Execution& message) {
  if (!message.has_source() || !message.has_retry()) {
    return DataLoss("stored execution: its source or its retry policy is missing");
  }
  if (!IsState(message.state())) {
    return DataLoss("stored execution: {} is no state of an execution", message.state());
  }
  if (!IsEffect(message.effect())) {
    return DataLoss("stored execution: {} is no effect of a task", message.effect());
  }
  return {};
}

}  // namespace

ExecutionId ExecutionId::Make(std::uint16_t slot, TimePoint now, std::string_view random) {
  MESG_CHECK(random.size() >= kRandomSize, "{} random bytes given", random.size());
  constexpr std::size_t kRandomAt = kSize - kRandomSize;
  ExecutionId id;
  auto number = static_cast<std::uint64_t>(slot) << 48 |
                (static_cast<std::uint64_t>(ToMicros(now) / 1000) & 0xffff'ffff'ffff);
  for (std::size_t i = kRandomAt; i-- > 0; number >>= 8) {
    id.bytes_[i] = static_cast<char>(number & 0xff);
  }
  std::memcpy(id.bytes_.data() + kRandomAt, random.data(), kRandomSize);
  return id;
}

Result<ExecutionId> ExecutionId::FromText(std::string_view text) {
  constexpr std::size_t kLongest = 32;  // 16 bytes are at most 22 characters.
  if (text.empty()) return InvalidArgument("an execution id is missing");
  if (text.size() <= kLongest) {
    const auto bytes = FromBase58(text);
    const auto id = bytes ? FromBytes(*bytes) : std::nullopt;
    if (id && !id->empty()) return *id;
  }
  return InvalidArgument("{} is not an execution id: expected base58 of {} bytes",
                         QuoteJson(text.substr(0, kLongest * 2)), kSize);
}

std::optional<ExecutionId> ExecutionId::FromBytes(std::string_view bytes) {
  if (bytes.size() != kSize) return std::nullopt;
  ExecutionId id;
  std::memcpy(id.bytes_.data(), bytes.data(), kSize);
  return id;
}

std::string ExecutionId::Text() const { return empty() ? std::string() : ToBase58(Bytes()); }

std::uint16_t ExecutionId::Slot() const {
  return static_cast<std::uint16_t>((static_cast<unsigned char>(bytes_[0]) << 8) |
                                    static_cast<unsigned char>(bytes_[1]));
}

std::uint64_t StableHash(std::string_view text) {
  // FNV-1a (64 bit), then the finalizer of MurmurHash3, since FNV alone mixes the last bytes badly.
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdULL;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return hash ^ (hash >> 33);
}

std::uint16_t SlotOf(std::string_view partition_key) {
  return static_cast<std::uint16_t>(StableHash(partition_key) >> 48);
}

std::string_view Name(ExecutionState state) {
  switch (state) {
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
  return "invalid";
}

std::string_view Name(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::kSucceeded:
      return "succeeded";
    case AttemptOutcome::kTaskFailed:
      return "task failed";
    case AttemptOutcome::kTimedOut:
      return "timed out";
    case AttemptOutcome::kWorkerLost:
      return "worker lost";
    case AttemptOutcome::kCancelled:
      return "cancelled";
    case AttemptOutcome::kUnknown:
      return "unknown";
    case AttemptOutcome::kSuperseded:
      return "superseded";
  }
  return "invalid";
}

std::uint32_t Execution::CurrentAttempt() const {
  std::uint32_t last = 0;
  for (const Attempt& attempt : attempts) last = std::max(last, attempt.number);
  return last + 1;
}

void Encode(const Execution& execution, std::string& into) {
  MESG_CHECK(execution.source != nullptr, "an execution without a source");
  StoredScratch<stored::v1::Execution> message;
  ToStored(execution, *message);
  message.AppendTo(into);
}

Result<Execution> DecodeExecution(std::string_view bytes) {
  StoredScratch<stored::v1::Execution> message;
  if (!message.ParseFrom(bytes, kHighestField)) {
    return DataLoss("stored execution: its {} bytes are not a record", bytes.size());
  }
  MESG_TRY(CheckStored(*message));
  const auto id = ExecutionId::FromBytes(message->id());
  const auto retry_of =
      message->retry_of().empty() ? ExecutionId() : ExecutionId::FromBytes(message->retry_of());
  const auto run = message->run().empty() ? ExecutionId() : ExecutionId::FromBytes(message->run());
  if (!id || !retry_of || !run) {
    return DataLoss("stored execution: its ids have {}, {} and {} bytes, expected {}",
                    message->id().size(), message->retry_of().size(), message->run().size(),
                    ExecutionId::kSize);
  }

  Execution execution;
  execution.id = *id;
  auto& source = *message->mutable_source();
  execution.source = std::make_shared<const Source>(
      Source{std::move(*source.mutable_name()), std::move(*source.mutable_service_hash()),
             std::move(*source.mutable_instance_hash())});
  execution.task = std::move(*message->mutable_task());
  execution.inputs = std::move(*message->mutable_inputs());
  for (std::string& tag : *message->mutable_tags()) execution.tags.push_back(std::move(tag));
  execution.state = static_cast<ExecutionState>(message->state());
  execution.created = FromMicros(message->created_us());
  execution.created_number = message->created_number();
  execution.attempts = MESG_TRY(FromStored(*message->mutable_attempts()));
  if (message->has_outcome()) {
    auto& outcome = *message->mutable_outcome();
    execution.outcome = Outcome{.output_key = std::move(*outcome.mutable_output_key()),
                                .outputs = std::move(*outcome.mutable_outputs()),
                                .error = std::move(*outcome.mutable_error()),
                                .recorded = FromMicros(outcome.recorded_us())};
  }
  execution.result_sequence = message->result_sequence();
  execution.idempotency_key = std::move(*message->mutable_idempotency_key());
  execution.timeout = Duration(message->timeout_us());
  execution.retry = {.attempts = message->retry().attempts(),
                     .initial = Duration(message->retry().initial_us()),
                     .factor = message->retry().factor(),
                     .max = Duration(message->retry().max_us()),
                     .jitter = message->retry().jitter()};
  execution.not_before = FromMicros(message->not_before_us());
  execution.priority = message->priority();
  execution.effect = static_cast<Effect>(message->effect());
  execution.traceparent = std::move(*message->mutable_traceparent());
  execution.dead_letter = message->dead_letter();
  execution.retry_of = *retry_of;
  execution.dispatched = FromMicros(message->dispatched_us());
  execution.run = *run;
  execution.visit = message->visit();
  execution.deferred = std::move(*message->mutable_deferred());
  return execution;
}

}  // namespace mesg
