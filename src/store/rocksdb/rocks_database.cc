#include "store/rocksdb/rocks_database.h"

#include <optional>
#include <utility>

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include "store/rocksdb/committer.h"
#include "store/rocksdb/counting_file_system.h"
#include "store/rocksdb/rocks_options.h"
#include "store/rocksdb/rocks_store.h"
#include "store/rocksdb/store_directory.h"
#include "store/wal/log_recovery.h"

namespace mesg::store::rocks {
namespace {

/// A log of this size or more is written to tables before an orderly end, to start faster next
/// time.
constexpr std::uint64_t kFlushAtCloseBytes = std::uint64_t{1} << 20;

/// The last commit of every partition.
Result<Sequences> ReadSequences(rocksdb::DB& db) {
  Sequences sequences;
  const std::string prefix = DatabaseKey(kReservedPartition, "");
  rocksdb::ReadOptions options;
  const std::unique_ptr<rocksdb::Iterator> at(db.NewIterator(options));
  for (at->Seek(prefix); at->Valid(); at->Next()) {
    const rocksdb::Slice key = at->key();
    if (key.size() != 4) return DataLoss("a key of the store's own has {} bytes", key.size());
    const auto partition = static_cast<std::uint16_t>((static_cast<unsigned char>(key[2]) << 8) |
                                                      static_cast<unsigned char>(key[3]));
    sequences[partition] = MESG_TRY(DecodeSequence(at->value().ToStringView()));
  }
  if (!at->status().ok()) return ToError(at->status(), "reading the last commits");
  return sequences;
}

}  // namespace

class RocksDatabase::Impl {
 public:
  Impl(RocksOptions options, StoreDirectory directory, std::uint64_t bytes_cut)
      : options_(std::move(options)), directory_(std::move(directory)), bytes_cut_(bytes_cut) {}

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ~Impl() {
    if (!committer_ || !committer_->Stop()) return;
    if (committer_->Bytes() < kFlushAtCloseBytes) return;
    // An error here costs nothing: the log still has everything.
    db_->Flush(rocksdb::FlushOptions()).PermitUncheckedError();
  }

  Result<void> Start() {
    environment_ = rocksdb::NewCompositeEnv(NewCountingFileSystem(disk_, options_.faults));
    rocksdb::DB* db = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(DatabaseOptions(options_, environment_.get()),
                                                     directory_.Database(), &db);
    if (!status.ok()) return ToError(status, "opening the store in " + directory_.path());
    db_.reset(db);
    Sequences sequences = MESG_TRY(ReadSequences(*db_));
    MESG_TRY(directory_.CheckAcknowledged(sequences));
    committer_.emplace(*db_, directory_, options_.durability, std::move(sequences));
    return {};
  }

  const RocksOptions options_;
  const StoreDirectory directory_;
  const std::uint64_t bytes_cut_;
  const std::shared_ptr<DiskCounters> disk_ = std::make_shared<DiskCounters>();
  std::unique_ptr<rocksdb::Env> environment_;
  std::unique_ptr<rocksdb::DB> db_;
  std::optional<Committer> committer_;
};

Result<std::unique_ptr<RocksDatabase>> RocksDatabase::Open(RocksOptions options) {
  StoreDirectory directory = MESG_TRY(StoreDirectory::Open(options.directory));
  const std::uint64_t cut = MESG_TRY(wal::RecoverLogs(directory.Database()));
  auto impl = std::make_unique<Impl>(std::move(options), std::move(directory), cut);
  MESG_TRY(impl->Start());
  return std::unique_ptr<RocksDatabase>(new RocksDatabase(std::move(impl)));
}

RocksDatabase::RocksDatabase(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksDatabase::~RocksDatabase() = default;

std::unique_ptr<Store> RocksDatabase::Partition(std::uint16_t partition) {
  MESG_CHECK(partition != kReservedPartition, "partition {} is the store's own", partition);
  return std::make_unique<RocksStore>(*impl_->db_, *impl_->committer_, partition,
                                      impl_->bytes_cut_);
}

Durability RocksDatabase::durability() const { return impl_->options_.durability; }

std::uint64_t RocksDatabase::BytesCut() const { return impl_->bytes_cut_; }

StoreCounters RocksDatabase::Counters() const {
  return {impl_->committer_->Commits(), impl_->disk_->fsyncs, impl_->disk_->bytes};
}

Result<void> RocksDatabase::Compact() {
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
  options.blob_garbage_collection_age_cutoff = 1.0;
  const rocksdb::Status status = impl_->db_->CompactRange(options, nullptr, nullptr);
  if (!status.ok()) return ToError(status, "compacting the store");
  return {};
}

}  // namespace mesg::store::rocks
