#include <memory>

#include <gtest/gtest.h>

#include "store/contract_test.h"
#include "store/rocksdb/rocks_database.h"
#include "store/rocksdb/temporary_directory_test.h"

namespace mesg::store::rocks {

template <Durability kDurability>
struct RocksBackend {
  std::unique_ptr<Store> Open(std::uint16_t partition) {
    if (!database) {
      faults = std::make_shared<DiskFaults>();
      auto opened = RocksDatabase::Open(
          {.directory = directory.path(), .durability = kDurability, .faults = faults});
      if (!opened) {
        ADD_FAILURE() << opened.error().message;
        std::abort();
      }
      database = std::move(*opened);
    }
    return database->Partition(partition);
  }
  void Close() { database.reset(); }
  void FailNextCommit() {
    (kDurability == Durability::kSync ? faults->fail_sync : faults->fail_append) = true;
  }

  TemporaryDirectory directory;
  std::shared_ptr<DiskFaults> faults;
  std::unique_ptr<RocksDatabase> database;
};

using Backends = testing::Types<RocksBackend<Durability::kSync>, RocksBackend<Durability::kAsync>>;
INSTANTIATE_TYPED_TEST_SUITE_P(Rocks, StoreContractTest, Backends);

}  // namespace mesg::store::rocks
