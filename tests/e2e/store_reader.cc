#include "e2e/store_reader.h"

#include "engine/keys.h"
#include "store/rocksdb/rocks_database.h"
#include "support/temporary_folder.h"

namespace mesg::testing {
namespace {

namespace keys = engine::keys;

Result<std::map<std::string, Execution>> ReadTable(const store::Store& store, keys::Table table) {
  std::map<std::string, Execution> found;
  const keys::Range range = keys::All(table);
  const auto cursor = store.Read(range.from, range.to);
  for (cursor->Seek(range.from); cursor->Valid(); cursor->Next()) {
    Execution execution = MESG_TRY(DecodeExecution(cursor->Value()));
    std::string id = execution.id.Text();
    found.emplace(std::move(id), std::move(execution));
  }
  MESG_TRY(cursor->Status());
  return found;
}

}  // namespace

Result<StoredExecutions> ReadStoredExecutions(const std::filesystem::path& data) {
  const TemporaryFolder copy;
  std::error_code error;
  std::filesystem::copy(data / "store", copy.path() / "store",
                        std::filesystem::copy_options::recursive, error);
  if (error) return Unavailable("cannot copy the store: {}", error.message());
  const auto database =
      MESG_TRY(store::rocks::RocksDatabase::Open({.directory = (copy.path() / "store").string()}));
  const auto store = database->Partition(0);
  StoredExecutions found;
  found.open = MESG_TRY(ReadTable(*store, keys::Table::kOpen));
  found.closed = MESG_TRY(ReadTable(*store, keys::Table::kClosed));
  return found;
}

}  // namespace mesg::testing
