#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "store/memory/memory_disk.h"
#include "store/store.h"

namespace mesg::store::memory {

/// When a commit of a MemoryStore completes.
enum class Completion : std::uint8_t {
  kAtOnce,  ///< Inside Commit, which therefore calls `done` before it returns.
  kByStep,  ///< When Step() is called: the simulation decides how far the disk lags behind.
};

/// What a crash leaves of the commits that were not acknowledged.
struct Survivors {
  std::size_t count = 0;  ///< So many of the oldest are durable nevertheless.
  bool tear = false;      ///< The one after them is cut in the middle, as a torn write is.

  /// One of all possible outcomes for `unacknowledged` commits, the same for the same seed.
  static Survivors Choose(std::uint64_t seed, std::size_t unacknowledged);
};

/// A Store without a disk, for tests and simulation: deterministic, and can be told to fail, to
/// stall and to crash.
///
/// Threads: reads from any thread. Everything else from one thread, which also runs `done`; `done`
/// may call Commit. Lifetime: borrows `disk`; at most one store at a time is open on a partition.
/// Destroying a store is a crash in which nothing unacknowledged survives: no `done` is called.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(MemoryDisk& disk, std::uint16_t partition = 0,
                       Completion completion = Completion::kAtOnce);
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;
  ~MemoryStore() override;

  Result<std::optional<std::string>> Get(std::string_view key) const override;
  std::unique_ptr<Cursor> Read(std::string_view from, std::string_view to) const override;
  void Commit(std::uint64_t sequence, Batch batch, Done done) override;
  Recovery Recovered() const override { return recovered_; }
  std::size_t MaxBatchBytes() const override { return max_batch_bytes_; }

  /// Completes the oldest pending commit: applies it (or fails it) and calls its `done`. False, and
  /// nothing happens, when none is pending, while stalled and after a crash.
  bool Step();
  /// Completes what is pending and what that leads to; returns how many.
  std::size_t StepAll();

  /// The next commit to complete fails with `error`, and every later one fails as the contract
  /// says. Whether it and those pending behind it reached the disk is decided by the crash that
  /// follows.
  void FailNextCommit(Error error);

  /// Pending commits stay pending until Release(), which completes them in Completion::kAtOnce.
  void Stall() { stalled_ = true; }
  void Release();

  /// The process dies here. The store stays readable, but nothing completes any more and later
  /// commits vanish; open the next store after this one is destroyed. Returns how many commits
  /// survived without having been acknowledged, at most `survivors.count`.
  std::size_t Crash(Survivors survivors);

  /// Commits that Crash can let survive: the pending ones or, after a failure, those it hit.
  std::size_t Unacknowledged() const { return failed_ ? uncertain_.size() : pending_.size(); }
  std::size_t Pending() const { return pending_.size(); }

  /// A smaller limit than the default, to test what meets it.
  void SetMaxBatchBytes(std::size_t bytes) { max_batch_bytes_ = bytes; }

  StoreCounters Counters() const { return counters_; }

 private:
  struct PendingCommit {
    std::uint64_t sequence;
    Batch batch;
    Done done;
  };

  Result<void> Complete(PendingCommit& commit);
  void CompleteAtOnce();

  MemoryDisk::Partition& disk_;
  const Completion completion_;
  Recovery recovered_;
  std::atomic<std::size_t> max_batch_bytes_;  ///< Changed by tests while a partition reads it.
  std::deque<PendingCommit> pending_;
  std::deque<PendingCommit> uncertain_;  ///< Being written when the disk failed.
  std::optional<Error> fail_next_;
  std::optional<Error> failed_;
  std::uint64_t last_sequence_ = 0;
  bool stalled_ = false;
  bool crashed_ = false;
  bool completing_ = false;
  StoreCounters counters_;
};

}  // namespace mesg::store::memory
