#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "store/store.h"

namespace mesg::store::rocks {

/// For tests: what the disk under the write-ahead log does from now on.
struct DiskFaults {
  std::atomic<bool> fail_sync{false};    ///< fsync reports an input/output error.
  std::atomic<bool> fail_append{false};  ///< The disk is full.
};

struct RocksOptions {
  std::string directory;  ///< Created if it is missing. Belongs to one Core at a time.
  Durability durability = Durability::kSync;

  /// Memory, used as data arrives: up to three write buffers and the cache.
  std::size_t write_buffer_bytes = std::size_t{32} << 20;
  std::size_t block_cache_bytes = std::size_t{32} << 20;

  /// Values from this size on are kept apart from the keys and not moved again; see README.md.
  std::size_t min_blob_bytes = std::size_t{32} << 10;

  std::shared_ptr<DiskFaults> faults = nullptr;
};

/// One directory on disk that holds the stores of any number of partitions.
///
/// Threads: Counters() and Compact() from any; the rest from one. One thread of its own commits for
/// all partitions: what waits when it comes by becomes one write and one sync. `done` runs on it
/// and must not wait for a commit. Lifetime: must outlive its stores. The destructor finishes what
/// was committed.
class RocksDatabase {
 public:
  /// Checks and recovers what is there, or creates a new store.
  ///
  /// FailedPrecondition: another Core uses the directory, a newer Core wrote it, or it cannot be
  /// written. ResourceExhausted: the disk is full. DataLoss: something is damaged; nothing was
  /// changed, and the message names it and says what to do.
  static Result<std::unique_ptr<RocksDatabase>> Open(RocksOptions options);

  RocksDatabase(const RocksDatabase&) = delete;
  RocksDatabase& operator=(const RocksDatabase&) = delete;
  ~RocksDatabase();

  /// The store of a partition below 0xffff, of which none may be open. Its destructor waits until
  /// `done` was called for each of its commits.
  std::unique_ptr<Store> Partition(std::uint16_t partition);

  Durability durability() const;

  /// The torn tail that Open cut.
  std::uint64_t BytesCut() const;

  /// fsyncs and bytes are those of every file: log, tables, values and lists.
  StoreCounters Counters() const;

  /// Rewrites everything, to give back the space of what was deleted. Takes long and much disk
  /// traffic; for maintenance.
  Result<void> Compact();

 private:
  class Impl;
  explicit RocksDatabase(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mesg::store::rocks
