#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/batch.h"

namespace mesg::store {

/// What an acknowledgement means.
enum class Durability : std::uint8_t {
  kSync,   ///< On stable storage: survives power loss.
  kAsync,  ///< Written to the operating system: survives a crash of Core, not of the machine.
};
inline std::string_view Name(Durability durability) {
  return durability == Durability::kSync ? "sync" : "async";
}

/// What opening a store found.
struct Recovery {
  std::uint64_t last_sequence = 0;  ///< Of the last commit, 0 for a new store.
  std::uint64_t bytes_cut = 0;      ///< A torn tail that was never acknowledged.
};

/// Reads keys in byte order. Sees the store as it was when the cursor was made; must not outlive
/// it. One thread.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual bool Valid() const = 0;
  virtual std::string_view Key() const = 0;    ///< Until the next move.
  virtual std::string_view Value() const = 0;  ///< Until the next move.
  virtual void Next() = 0;
  virtual void Prev() = 0;
  virtual void Seek(std::string_view key) = 0;         ///< First key >= `key`.
  virtual void SeekForPrev(std::string_view key) = 0;  ///< Last key <= `key`.
  /// Why Valid() is false when it is not simply the end: DataLoss on a damaged block.
  virtual Result<void> Status() const = 0;
};

/// The storage of one partition: an ordered map of bytes, changed only by ordered commits.
///
/// Threads: reads from any thread at any time. Commit from one thread at a time.
/// A failed commit makes every later one fail: nobody knows what reached the disk, so Core has to
/// stop and recover, never retry in place.
class Store {
 public:
  using Done = std::function<void(Result<void>)>;

  virtual ~Store() = default;

  /// Committed state only. DataLoss when the stored bytes are damaged.
  virtual Result<std::optional<std::string>> Get(std::string_view key) const = 0;

  /// Reads [from, to); `to` empty means no end. The cursor starts invalid: Seek first.
  virtual std::unique_ptr<Cursor> Read(std::string_view from, std::string_view to) const = 0;

  /// Makes `batch` durable as commit number `sequence`, which must be the last one plus one
  /// (Aborted otherwise: another writer was there). An empty batch is a commit too. Returns at
  /// once; commits are applied in the order of the calls, and `done` is called exactly once for
  /// each, in that order, from a thread of the store (the memory store's: the caller's own).
  /// Visible to reads before `done` is called. ResourceExhausted above MaxBatchBytes, DataLoss when
  /// the disk failed; any error is final, see above. What `done` refers to must live until it was
  /// called.
  virtual void Commit(std::uint64_t sequence, Batch batch, Done done) = 0;

  virtual Recovery Recovered() const = 0;

  /// The largest Batch::bytes() a commit may have.
  virtual std::size_t MaxBatchBytes() const = 0;
};

/// What a store has done since it was opened, for `mesg status` and the benchmarks.
struct StoreCounters {
  std::uint64_t commits = 0;
  std::uint64_t fsyncs = 0;
  std::uint64_t bytes_written = 0;
};

}  // namespace mesg::store
