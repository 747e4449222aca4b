#include "store/rocksdb/committer.h"

#include <utility>

#include "store/rocksdb/rocks_options.h"

namespace mesg::store::rocks {
namespace {

/// Waiting commits are written together up to this size: beyond it a sync costs nothing any more,
/// and the first ones would wait for the last.
constexpr std::size_t kGroupBytes = std::size_t{8} << 20;

/// How long a commit without sync may stay unsynced, and how often ACKNOWLEDGED is renewed.
constexpr std::chrono::seconds kSettleInterval{1};

/// A write batch that grew beyond this gives its memory back.
constexpr std::size_t kKeptBytes = std::size_t{4} << 20;

Error DiskFailed(const rocksdb::Status& status, const std::string& directory) {
  return DataLoss(
      "the store in {} could not be written: {}. Core has to stop; everything acknowledged is "
      "safe. "
      "{}, then start Core again",
      directory, status.ToString(),
      status.IsNoSpace() || status.ToString().find("File too large") != std::string::npos
          ? "Free space on that disk"
          : "Check the disk and the system's log");
}

}  // namespace

Committer::Committer(rocksdb::DB& db, const StoreDirectory& directory, Durability durability,
                     Sequences sequences)
    : db_(db), directory_(directory), durability_(durability), acknowledged_(std::move(sequences)) {
  for (const auto& [number, sequence] : acknowledged_) partitions_[number].last_sequence = sequence;
  thread_ = std::thread([this] { Run(); });
}

std::uint64_t Committer::OpenPartition(std::uint16_t partition) {
  const std::scoped_lock lock(mutex_);
  Partition& at = partitions_[partition];
  MESG_CHECK(!at.open, "partition {} is open in another store", partition);
  at.open = true;
  at.failed.reset();
  return at.last_sequence;
}

void Committer::ClosePartition(std::uint16_t partition) {
  std::unique_lock lock(mutex_);
  Partition& at = partitions_[partition];
  idle_.wait(lock, [&at] { return at.pending == 0; });
  at.open = false;
}

void Committer::Commit(std::uint16_t partition, std::uint64_t sequence, Batch batch,
                       Store::Done done) {
  bool wake = false;
  {
    const std::scoped_lock lock(mutex_);
    MESG_CHECK(!stop_, "the database is being closed");
    Partition& at = partitions_[partition];
    at.pending += 1;
    wake = queue_.empty();
    queue_.push_back({&at, partition, sequence, std::move(batch), std::move(done)});
  }
  if (wake) wake_.notify_one();
}

bool Committer::Stop() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  return !failed_;
}

void Committer::Run() {
  Requests taken;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      const auto some = [this] { return !queue_.empty() || stop_; };
      if (settled_) {
        wake_.wait(lock, some);
      } else {
        wake_.wait_until(lock, settle_at_, some);
      }
      if (queue_.empty() && stop_) break;
      taken.swap(queue_);
    }
    WriteAll(taken);
    taken.clear();
    if (!settled_ && std::chrono::steady_clock::now() >= settle_at_) Settle();
  }
  if (!settled_) Settle();
}

void Committer::WriteAll(Requests& requests) {
  std::size_t begin = 0;
  while (begin < requests.size()) {
    std::size_t end = begin;
    std::size_t bytes = 0;
    do {
      bytes += requests[end].batch.bytes();
      ++end;
    } while (end < requests.size() && bytes + requests[end].batch.bytes() <= kGroupBytes);
    WriteGroup(requests, begin, end);
    begin = end;
  }
}

void Committer::WriteGroup(Requests& requests, std::size_t begin, std::size_t end) {
  if (write_.GetDataSize() > kKeptBytes) {
    write_ = rocksdb::WriteBatch();
  } else {
    write_.Clear();
  }
  std::map<std::uint16_t, std::uint64_t> last;
  for (std::size_t i = begin; i < end; ++i) {
    requests[i].result = Add(requests[i]);
    if (requests[i].result) last[requests[i].number] = requests[i].sequence;
  }
  for (const auto& [partition, sequence] : last) {
    write_.Put(SequenceKey(partition), EncodeSequence(sequence));
  }
  if (!last.empty()) {
    rocksdb::WriteOptions options;
    options.sync = durability_ == Durability::kSync;
    const rocksdb::Status status = db_.Write(options, &write_);
    if (status.ok()) {
      bytes_ += write_.GetDataSize();
      if (settled_) settle_at_ = std::chrono::steady_clock::now() + kSettleInterval;
      settled_ = false;
      for (const auto& [partition, sequence] : last) acknowledged_[partition] = sequence;
    } else {
      failed_ = DiskFailed(status, directory_.path());
    }
  }
  for (std::size_t i = begin; i < end; ++i) {
    if (failed_ && requests[i].result) requests[i].result = *failed_;
    Finish(requests[i]);
  }
}

/// Adds the changes to the write batch if the commit may be made.
Result<void> Committer::Add(const Request& request) {
  Partition& partition = *request.partition;
  if (failed_) return *failed_;
  if (partition.failed) return Annotate(*partition.failed, "an earlier commit failed");
  if (request.sequence != partition.last_sequence + 1) {
    partition.failed = Aborted("commit {} does not follow commit {}: another writer was there",
                               request.sequence, partition.last_sequence);
  } else if (request.batch.bytes() > kMaxBatchBytes) {
    partition.failed = ResourceExhausted("a commit of {} bytes is above the store's limit of {}",
                                         request.batch.bytes(), kMaxBatchBytes);
  }
  if (partition.failed) return *partition.failed;
  partition.last_sequence = request.sequence;

  key_ = DatabaseKey(request.number, "");
  std::string to = key_;
  request.batch.ForEach([&](Batch::Kind kind, std::string_view key, std::string_view value) {
    key_.resize(2);
    key_ += key;
    switch (kind) {
      case Batch::Kind::kPut:
        write_.Put(key_, rocksdb::Slice(value.data(), value.size()));
        break;
      case Batch::Kind::kDelete:
        write_.Delete(key_);
        break;
      case Batch::Kind::kDeleteRange:
        if (key >= value) break;
        to.resize(2);
        to += value;
        write_.DeleteRange(key_, to);
        break;
    }
  });
  return {};
}

void Committer::Finish(Request& request) {
  if (request.result) commits_ += 1;
  if (request.done) request.done(std::move(request.result));
  request.done = nullptr;  // What it holds must be gone before the partition can be closed.
  const std::scoped_lock lock(mutex_);
  if (--request.partition->pending == 0) idle_.notify_all();
}

/// Without sync, makes durable what was written; then notes what is.
void Committer::Settle() {
  settled_ = true;
  if (failed_) return;
  if (durability_ == Durability::kAsync) {
    const rocksdb::Status status = db_.SyncWAL();
    if (!status.ok()) {
      failed_ = DiskFailed(status, directory_.path());
      return;
    }
  }
  directory_.NoteAcknowledged(acknowledged_);
}

}  // namespace mesg::store::rocks
