#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/retry_policy.h"
#include "model/service_definition.h"

namespace mesg {

/// What an event or execution belongs to. Shared by everything of one instance.
struct Source {
  std::string name = {};  ///< The instance's name: the partition key, and what listeners filter by.
  std::string service_hash = {};   ///< Base58 of the definition's hash.
  std::string instance_hash = {};  ///< Base58 of definition and environment.
  bool operator==(const Source&) const = default;
};
using SourcePtr = std::shared_ptr<const Source>;

/// 16 bytes: the partition slot of its instance (2 bytes), milliseconds since 1970 (6 bytes, both
/// big endian), then 8 random bytes. The slot lets every id be routed to its partition without an
/// index; the time makes ids ascend, so that a store writes neighbours. Text form: base58.
class ExecutionId {
 public:
  static constexpr std::size_t kSize = 16;
  static constexpr std::size_t kRandomSize = 8;
  ExecutionId() = default;
  /// `random` gives at least kRandomSize bytes.
  static ExecutionId Make(std::uint16_t slot, TimePoint now, std::string_view random);
  static Result<ExecutionId> FromText(std::string_view text);
  static std::optional<ExecutionId> FromBytes(std::string_view bytes);
  std::string Text() const;
  std::string_view Bytes() const { return {bytes_.data(), bytes_.size()}; }
  std::uint16_t Slot() const;
  bool empty() const { return bytes_ == std::array<char, kSize>{}; }
  auto operator<=>(const ExecutionId&) const = default;

 private:
  std::array<char, kSize> bytes_{};
};

/// The same for the same text, for ever: stored keys and ids repeat it.
std::uint64_t StableHash(std::string_view text);
/// The slot of a partition key: what the first bytes of an ExecutionId repeat.
std::uint16_t SlotOf(std::string_view partition_key);

enum class ExecutionState : std::uint8_t {
  kCreated = 1,
  kDispatched = 2,
  kCompleted = 3,
  kFailed = 4,
  kCancelled = 5,
  kOutcomeUnknown = 6,
};
std::string_view Name(ExecutionState state);  ///< "created", "outcome unknown"

/// Has its one result.
inline bool IsFinal(ExecutionState state) {
  return state == ExecutionState::kCompleted || state == ExecutionState::kFailed ||
         state == ExecutionState::kCancelled;
}

enum class AttemptOutcome : std::uint8_t {
  kSucceeded = 1,
  kTaskFailed = 2,
  kTimedOut = 3,
  kWorkerLost = 4,
  kCancelled = 5,
  kUnknown = 6,
  kSuperseded = 7,
};
std::string_view Name(AttemptOutcome outcome);

/// One try that has ended.
struct Attempt {
  std::uint32_t number = 0;
  AttemptOutcome outcome = AttemptOutcome::kSucceeded;
  std::string reason = {};
  TimePoint ended{};
  std::string worker = {};
  bool operator==(const Attempt&) const = default;
};

/// What became of an execution.
struct Outcome {
  std::string output_key = {};
  std::string outputs = {};  ///< JSON object, empty unless completed.
  std::string error = {};    ///< "" on success.
  TimePoint recorded{};
  bool operator==(const Outcome&) const = default;
};

/// One request to perform a task, with everything that became of it.
struct Execution {
  ExecutionId id = {};
  SourcePtr source = {};
  std::string task = {};
  std::string inputs = {};  ///< JSON object, as it came.
  std::vector<std::string> tags = {};
  ExecutionState state = ExecutionState::kCreated;
  TimePoint created{};
  std::uint64_t created_number = 0;    ///< Order of creation within the partition.
  std::vector<Attempt> attempts = {};  ///< Ended ones, oldest first.
  std::optional<Outcome> outcome = {};
  std::uint64_t result_sequence = 0;  ///< Of its result in the history; 0 while there is none.
  std::string idempotency_key = {};
  Duration timeout{};  ///< Of one attempt.
  RetryPolicy retry;
  TimePoint not_before{};
  std::int32_t priority = 0;
  Effect effect = Effect::kIdempotent;
  std::string traceparent = {};
  bool dead_letter = false;
  ExecutionId retry_of = {};
  TimePoint dispatched{};  ///< Effect::kOnce only: when the dispatch was committed.
  ExecutionId run = {};    ///< Of the run whose step made it; empty when none did.
  std::uint32_t visit = 0;
  std::string deferred = {};  ///< What is filled into the inputs only when they are handed out.

  /// The number of the attempt that runs or comes next.
  std::uint32_t CurrentAttempt() const;
};

/// Stored form (proto/mesg/stored/v1/records.proto). Encode appends to `into`. Decode refuses what
/// no Encode wrote with DataLoss: unknown states, ids of another size, trailing rubbish.
void Encode(const Execution& execution, std::string& into);
Result<Execution> DecodeExecution(std::string_view bytes);

}  // namespace mesg

template <>
struct std::hash<mesg::ExecutionId> {
  std::size_t operator()(const mesg::ExecutionId& id) const {
    return std::hash<std::string_view>()(id.Bytes());
  }
};
