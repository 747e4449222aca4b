#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <rocksdb/db.h>

#include "store/rocksdb/committer.h"
#include "store/store.h"

namespace mesg::store::rocks {

/// One partition of a RocksDatabase. Borrows both.
class RocksStore final : public Store {
 public:
  RocksStore(rocksdb::DB& db, Committer& committer, std::uint16_t partition,
             std::uint64_t bytes_cut);
  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;
  ~RocksStore() override;

  Result<std::optional<std::string>> Get(std::string_view key) const override;
  std::unique_ptr<Cursor> Read(std::string_view from, std::string_view to) const override;
  void Commit(std::uint64_t sequence, Batch batch, Done done) override;
  Recovery Recovered() const override { return recovered_; }
  std::size_t MaxBatchBytes() const override { return kMaxBatchBytes; }

 private:
  rocksdb::DB& db_;
  Committer& committer_;
  const std::uint16_t partition_;
  const Recovery recovered_;
};

}  // namespace mesg::store::rocks
