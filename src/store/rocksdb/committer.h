#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "store/rocksdb/store_directory.h"
#include "store/store.h"

namespace mesg::store::rocks {

/// Above this Store::Commit refuses a batch. RocksDB itself takes 4 GiB, but the batch is held in
/// memory three times on its way (queue, write batch, write buffer).
inline constexpr std::size_t kMaxBatchBytes = std::size_t{64} << 20;

/// The one thread that writes: takes what waits, writes it as one batch with one sync, and calls
/// each `done` in order. After an error of the disk it writes nothing any more.
///
/// Lifetime: borrows `db` and `directory`. Stop() finishes what was queued.
class Committer {
 public:
  Committer(rocksdb::DB& db, const StoreDirectory& directory, Durability durability,
            Sequences sequences);
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;
  ~Committer() { Stop(); }

  /// Takes the partition for one store and returns its last commit.
  std::uint64_t OpenPartition(std::uint16_t partition);
  /// Waits until everything the partition committed is done.
  void ClosePartition(std::uint16_t partition);

  /// Any thread, in order within a partition.
  void Commit(std::uint16_t partition, std::uint64_t sequence, Batch batch, Store::Done done);

  /// Finishes and joins; then nothing may be committed any more. True when the disk never failed.
  bool Stop();

  std::uint64_t Commits() const { return commits_; }
  std::uint64_t Bytes() const { return bytes_; }

 private:
  struct Partition {
    std::uint64_t last_sequence = 0;
    std::optional<Error> failed;  ///< Of this partition only: a gap, a batch that is too large.
    std::size_t pending = 0;      ///< Under mutex_.
    bool open = false;            ///< Under mutex_.
  };
  struct Request {
    Partition* partition;
    std::uint16_t number;
    std::uint64_t sequence;
    Batch batch;
    Store::Done done;
    Result<void> result = {};
  };
  using Requests = std::vector<Request>;

  void Run();
  void WriteAll(Requests& requests);
  void WriteGroup(Requests& requests, std::size_t begin, std::size_t end);
  Result<void> Add(const Request& request);
  void Finish(Request& request);
  void Settle();

  rocksdb::DB& db_;
  const StoreDirectory& directory_;
  const Durability durability_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::map<std::uint16_t, Partition> partitions_;  ///< Its nodes stay where they are.
  Requests queue_;
  bool stop_ = false;

  // The thread's own.
  rocksdb::WriteBatch write_;
  std::string key_;
  Sequences acknowledged_;
  std::optional<Error> failed_;
  bool settled_ = true;
  std::chrono::steady_clock::time_point settle_at_;
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::uint64_t> bytes_{0};

  std::thread thread_;  // Last: starts after the members it uses.
};

}  // namespace mesg::store::rocks
