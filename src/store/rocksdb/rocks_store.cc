#include "store/rocksdb/rocks_store.h"

#include <utility>

#include <rocksdb/iterator.h>

#include "store/rocksdb/rocks_options.h"

namespace mesg::store::rocks {
namespace {

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

class RocksCursor final : public Cursor {
 public:
  RocksCursor(rocksdb::DB& db, std::uint16_t partition, std::string_view from, std::string_view to)
      : partition_(partition),
        from_(DatabaseKey(partition, from)),
        to_(to.empty() ? DatabaseKey(static_cast<std::uint16_t>(partition + 1), "")
                       : DatabaseKey(partition, to < from ? from : to)),
        lower_(from_),
        upper_(to_) {
    rocksdb::ReadOptions options;
    options.iterate_lower_bound = &lower_;
    options.iterate_upper_bound = &upper_;
    options.background_purge_on_iterator_cleanup = true;
    iterator_.reset(db.NewIterator(options));
  }

  bool Valid() const override { return iterator_->Valid(); }
  std::string_view Key() const override { return View(iterator_->key()).substr(2); }
  std::string_view Value() const override { return View(iterator_->value()); }
  void Next() override { iterator_->Next(); }
  void Prev() override { iterator_->Prev(); }
  void Seek(std::string_view key) override { iterator_->Seek(DatabaseKey(partition_, key)); }
  void SeekForPrev(std::string_view key) override {
    iterator_->SeekForPrev(DatabaseKey(partition_, key));
  }
  Result<void> Status() const override {
    const rocksdb::Status status = iterator_->status();
    if (status.ok()) return {};
    return ToError(status, "reading the store");
  }

 private:
  const std::uint16_t partition_;
  const std::string from_;
  const std::string to_;
  const rocksdb::Slice lower_;
  const rocksdb::Slice upper_;
  std::unique_ptr<rocksdb::Iterator> iterator_;  // Refers to the bounds.
};

}  // namespace

RocksStore::RocksStore(rocksdb::DB& db, Committer& committer, std::uint16_t partition,
                       std::uint64_t bytes_cut)
    : db_(db),
      committer_(committer),
      partition_(partition),
      recovered_{committer.OpenPartition(partition), bytes_cut} {}

RocksStore::~RocksStore() { committer_.ClosePartition(partition_); }

Result<std::optional<std::string>> RocksStore::Get(std::string_view key) const {
  std::string value;
  const rocksdb::Status status =
      db_.Get(rocksdb::ReadOptions(), DatabaseKey(partition_, key), &value);
  if (status.ok()) return std::optional<std::string>(std::move(value));
  if (status.IsNotFound()) return std::optional<std::string>();
  return ToError(status, "reading the store");
}

std::unique_ptr<Cursor> RocksStore::Read(std::string_view from, std::string_view to) const {
  return std::make_unique<RocksCursor>(db_, partition_, from, to);
}

void RocksStore::Commit(std::uint64_t sequence, Batch batch, Done done) {
  committer_.Commit(partition_, sequence, std::move(batch), std::move(done));
}

}  // namespace mesg::store::rocks
