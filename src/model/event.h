#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/execution.h"

namespace mesg {

/// An entry of a partition's history: a typed fact a service emitted, or that an execution has its
/// result. `execution` is empty for an event.
struct HistoryEntry {
  std::uint64_t sequence = 0;
  TimePoint recorded{};
  SourcePtr source = {};
  std::string key = {};   ///< Event key, or the task's key.
  std::string data = {};  ///< Event data, JSON as it came; empty for a result.
  std::string id = {};    ///< The caller's event id, "" when none was given.
  TimePoint time{};       ///< The caller's, else `recorded`.
  std::string traceparent = {};
  ExecutionId execution = {};
  bool IsResult() const { return !execution.empty(); }
};

/// Everything one commit added to a history, in order, without gaps.
struct HistoryBlock {
  std::uint64_t first = 0;
  TimePoint recorded{};
  std::vector<HistoryEntry> entries = {};
  std::uint64_t weight = 0;  ///< Stored bytes of the executions whose results are entries here.
};

/// Stored form. Decode refuses with DataLoss what no Encode wrote.
void Encode(const HistoryBlock& block, std::string& into);
Result<HistoryBlock> DecodeHistoryBlock(std::string_view bytes);

}  // namespace mesg
