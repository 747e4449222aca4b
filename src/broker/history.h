#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "broker/filter.h"
#include "broker/sinks.h"
#include "engine/command.h"
#include "store/store.h"

/// Reading what is durable of one partition's history. Any thread; each call sees the store as it
/// is when the call is made.
namespace mesg::broker {

struct HistoryRange {
  std::uint64_t from = 1;           ///< First sequence wanted.
  std::optional<TimePoint> after;   ///< Recorded at or after.
  std::optional<TimePoint> before;  ///< Recorded before.
};

/// How far a read has come.
struct HistoryRead {
  std::uint64_t next = 1;  ///< The first sequence that was not looked at.
  bool at_end = false;     ///< Nothing more was stored.
};

/// What a visitor answers.
enum class Walk : std::uint8_t {
  kOn,
  kStop,        ///< This entry was the last.
  kStopBefore,  ///< This entry was not taken: the next read begins with it.
};
using Visit = std::function<Walk(const HistoryEntry&, const engine::ExecutionPtr&)>;

/// Calls `visit(entry, result)` for each entry that fits any of `filters`, oldest first, until it
/// stops, or so many bytes of history and of the executions behind it have been read: at least one
/// block, or one execution. Uses the index where every filter names a service and a key. `result`
/// is the execution behind a result entry; an entry whose execution is no longer kept is passed
/// over.
Result<HistoryRead> ReadHistory(const store::Store& store, const HistoryRange& range,
                                const std::vector<Filter>& filters, std::size_t max_bytes,
                                const Visit& visit);

/// The same, newest first, from `range.from` (inclusive) downwards; `next` is the one before the
/// last that was looked at.
Result<HistoryRead> ReadHistoryBackwards(const store::Store& store, const HistoryRange& range,
                                         const std::vector<Filter>& filters, std::size_t max_bytes,
                                         const Visit& visit);

/// The first sequence that is kept.
Result<std::uint64_t> OldestSequence(const store::Store& store);

/// An execution as it is stored, open or closed; null when there is none. The caller's own.
Result<std::shared_ptr<Execution>> ReadExecution(const store::Store& store, const ExecutionId& id);

/// The most bytes it takes in memory, or in an answer to a client.
std::size_t SizeOf(const HistoryEntry& entry);
std::size_t SizeOf(const Execution& execution);

}  // namespace mesg::broker
