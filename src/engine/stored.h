#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/command.h"
#include "model/execution.h"

/// Stored form of what only the engine keeps (proto/mesg/stored/v1/records.proto). Every Decode
/// refuses with DataLoss what no Encode wrote.
namespace mesg::engine {

struct StoredValue {
  std::string value;
  std::uint64_t version = 0;
};
std::string EncodeValue(std::string_view value, std::uint64_t version);
Result<StoredValue> DecodeValue(std::string_view bytes);

struct Remembered {
  std::uint64_t sequence = 0;
  ExecutionId execution;
  std::string fingerprint;
  TimePoint expires{};
};
std::string EncodeRemembered(const Remembered& remembered);
Result<Remembered> DecodeRemembered(std::string_view bytes);

std::string EncodeExpiry(const std::vector<std::string>& storage_keys);
Result<std::vector<std::string>> DecodeExpiry(std::string_view bytes);

std::string EncodeInstance(const Instance& instance);
Result<Instance> DecodeInstance(std::string_view bytes);

std::string EncodeSubscription(const Subscription& subscription);
Result<Subscription> DecodeSubscription(std::string_view bytes);

struct StoredHold {
  std::uint64_t sequence = 0;
  bool broken = false;
};
std::string EncodeHold(const StoredHold& hold);
Result<StoredHold> DecodeHold(std::string_view bytes);

/// Sequences relative to the block's first, ascending.
std::string EncodePostings(const std::vector<std::uint32_t>& offsets);
Result<std::vector<std::uint32_t>> DecodePostings(std::string_view bytes);

std::string EncodeNumber(std::uint64_t number);
Result<std::uint64_t> DecodeNumber(std::string_view bytes);

struct Counters {
  std::uint64_t next_sequence = 1;
  std::uint64_t oldest_sequence = 1;
  std::uint64_t next_created_number = 1;
  std::uint64_t history_weight = 0;
  std::uint64_t next_version = 1;  ///< Of keys.
  std::uint64_t next_run_number = 1;
  std::uint64_t open_runs = 0;
};
std::string EncodeCounters(const Counters& counters, TimePoint decided = {});
/// The time that was encoded with the counters.
Result<TimePoint> DecodeDecided(std::string_view bytes);
Result<Counters> DecodeCounters(std::string_view bytes);

}  // namespace mesg::engine
