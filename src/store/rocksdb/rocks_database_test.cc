#include "store/rocksdb/rocks_database.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "store/rocksdb/temporary_directory_test.h"

namespace mesg::store::rocks {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class RocksDatabaseTest : public testing::Test {
 protected:
  RocksOptions Options() { return {.directory = directory_.path(), .faults = faults_}; }
  void Open(RocksOptions options) {
    store_.reset();
    database_.reset();
    auto opened = RocksDatabase::Open(std::move(options));
    ASSERT_TRUE(opened) << opened.error().message;
    database_ = std::move(*opened);
    store_ = database_->Partition(0);
    sequence_ = store_->Recovered().last_sequence;
  }
  void Open() { Open(Options()); }
  void Close() {
    store_.reset();
    database_.reset();
  }
  Error OpenError() {
    auto opened = RocksDatabase::Open(Options());
    return opened ? Unknown("it opened") : std::move(opened).error();
  }
  Result<void> Commit(Batch batch) {
    std::promise<Result<void>> done;
    store_->Commit(++sequence_, std::move(batch),
                   [&](Result<void> result) { done.set_value(std::move(result)); });
    return done.get_future().get();
  }
  Result<void> Put(std::string_view key, std::string_view value) {
    Batch batch;
    batch.Put(key, value);
    return Commit(std::move(batch));
  }
  std::string Get(std::string_view key) {
    const auto value = store_->Get(key);
    return value ? value->value_or("(none)") : std::string(Name(value.error().code));
  }
  fs::path File(std::string_view name) { return fs::path(directory_.path()) / name; }
  std::vector<fs::path> Files(std::string_view extension) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(File("db"))) {
      if (entry.path().extension() == extension) files.push_back(entry.path());
    }
    return files;
  }
  std::uintmax_t Bytes(std::string_view extension) {
    std::uintmax_t bytes = 0;
    for (const fs::path& path : Files(extension)) bytes += fs::file_size(path);
    return bytes;
  }
  static void Write(const fs::path& path, std::string_view text) {
    std::ofstream(path, std::ios::trunc) << text;
  }
  static void Flip(const fs::path& path, std::uintmax_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const auto byte = static_cast<char>(file.get() ^ 4);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }
  /// Incompressible, so that sizes on disk mean something.
  std::string Noise(std::size_t bytes) {
    std::string noise(bytes, '\0');
    for (char& byte : noise) byte = static_cast<char>(random_());
    return noise;
  }

  TemporaryDirectory directory_;
  std::shared_ptr<DiskFaults> faults_ = std::make_shared<DiskFaults>();
  std::unique_ptr<RocksDatabase> database_;
  std::unique_ptr<Store> store_;
  std::uint64_t sequence_ = 0;
  std::minstd_rand random_{7};
};

TEST_F(RocksDatabaseTest, CreatesItsDirectoryAndTheOnesAbove) {
  auto options = Options();
  options.directory += "/a/b/c";
  Open(options);
  EXPECT_TRUE(fs::exists(File("a/b/c/FORMAT")));
  struct stat info {};
  ASSERT_EQ(stat(File("a/b/c").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U) << "nobody else reads the data";
}

TEST_F(RocksDatabaseTest, WhatWaitsIsOneWriteAndOneSync) {
  Open();
  ASSERT_TRUE(Put("warm", "up"));
  const auto one = database_->Partition(1);
  const auto two = database_->Partition(2);
  std::promise<void> held;
  std::promise<void> all_queued;
  std::atomic<int> done = 0;
  std::promise<void> all_done;
  // Holds the commit thread in `done` until the others wait. They must not come before it is held:
  // what is queued by then may be written with this commit.
  store_->Commit(++sequence_, {}, [&](const Result<void>&) {
    held.set_value();
    all_queued.get_future().wait();
  });
  held.get_future().wait();
  const StoreCounters before = database_->Counters();
  const auto queue = [&](Store& store, std::uint64_t sequence) {
    Batch batch;
    batch.Put("k" + std::to_string(sequence), "v");
    store.Commit(sequence, std::move(batch), [&](const Result<void>& result) {
      EXPECT_TRUE(result);
      if (++done == 90) all_done.set_value();
    });
  };
  for (std::uint64_t i = 1; i <= 30; ++i) {
    queue(*store_, ++sequence_);
    queue(*one, i);
    queue(*two, i);
  }
  all_queued.set_value();
  all_done.get_future().wait();
  const StoreCounters after = database_->Counters();
  EXPECT_EQ(after.commits - before.commits, 90U);
  EXPECT_EQ(after.fsyncs - before.fsyncs, 1U);
  EXPECT_GT(after.bytes_written - before.bytes_written, 90U * 5);
}

TEST_F(RocksDatabaseTest, WithoutSyncTheLogIsSyncedInTheBackground) {
  auto options = Options();
  options.durability = Durability::kAsync;
  Open(options);
  EXPECT_EQ(database_->durability(), Durability::kAsync);
  const std::uint64_t before = database_->Counters().fsyncs;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Put("k", "v"));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (database_->Counters().fsyncs == before && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_GT(database_->Counters().fsyncs, before);
  EXPECT_LT(database_->Counters().fsyncs, before + 100);
}

TEST_F(RocksDatabaseTest, AFailedSyncStopsEveryPartitionAndKeepsWhatWasAcknowledged) {
  Open();
  auto other = database_->Partition(5);
  ASSERT_TRUE(Put("a", "1"));
  faults_->fail_sync = true;
  const auto failed = Put("b", "1");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kDataLoss);
  EXPECT_THAT(failed.error().message, HasSubstr("Core has to stop"));
  EXPECT_THAT(failed.error().message, HasSubstr(directory_.path()));
  // Even when the disk recovers: what it dropped meanwhile is unknown.
  faults_->fail_sync = false;
  EXPECT_FALSE(Put("c", "1"));
  std::promise<Result<void>> done;
  other->Commit(1, {}, [&](Result<void> result) { done.set_value(std::move(result)); });
  EXPECT_FALSE(done.get_future().get());
  other.reset();

  Open();
  EXPECT_EQ(Get("a"), "1");
  EXPECT_EQ(Get("c"), "(none)");
}

TEST_F(RocksDatabaseTest, AFullDiskStopsCommitsAndKeepsWhatWasAcknowledged) {
  Open();
  ASSERT_TRUE(Put("a", "1"));
  faults_->fail_append = true;
  const auto failed = Put("b", "1");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kDataLoss);
  EXPECT_THAT(failed.error().message, HasSubstr("Free space"));
  faults_->fail_append = false;
  EXPECT_FALSE(Put("c", "1"));
  Open();
  EXPECT_EQ(store_->Recovered().last_sequence, 1U);
  EXPECT_EQ(Get("a"), "1");
}

TEST_F(RocksDatabaseTest, ClosingAStoreWaitsForItsCommits) {
  Open();
  std::atomic<int> done = 0;
  for (int i = 0; i < 50; ++i)
    store_->Commit(++sequence_, {}, [&](const Result<void>&) { ++done; });
  store_.reset();
  EXPECT_EQ(done, 50);
}

TEST_F(RocksDatabaseTest, AnAbortedPartitionCanBeOpenedAgainBesideTheOthers) {
  Open();
  auto other = database_->Partition(1);
  ASSERT_TRUE(Put("a", "1"));
  sequence_ += 5;
  EXPECT_FALSE(Put("b", "1"));
  std::promise<Result<void>> done;
  other->Commit(1, {}, [&](Result<void> result) { done.set_value(std::move(result)); });
  EXPECT_TRUE(done.get_future().get()) << "another partition is not concerned";
  store_.reset();
  store_ = database_->Partition(0);
  sequence_ = store_->Recovered().last_sequence;
  EXPECT_EQ(sequence_, 1U);
  EXPECT_TRUE(Put("b", "1"));
}

TEST_F(RocksDatabaseTest, OnlyOneCoreOpensADirectory) {
  Open();
  const Error error = OpenError();
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_THAT(error.message,
              HasSubstr("is in use by another Core (process " + std::to_string(getpid()) + ")"));
  Close();
  Open();
}

TEST_F(RocksDatabaseTest, ANewerFormatIsRefusedAndUntouched) {
  Open();
  ASSERT_TRUE(Put("a", "1"));
  Close();
  Write(File("FORMAT"), "mesg-store 2\n");
  const Error error = OpenError();
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr("newer version of Core (store format 2"));
  Write(File("FORMAT"), "mesg-store 1\n");
  Open();
  EXPECT_EQ(Get("a"), "1");
}

TEST_F(RocksDatabaseTest, AnUnreadableFormatIsDamage) {
  Open();
  Close();
  for (const std::string_view text : {"", "mesg-store", "mesg-store x\n", "other 1\n"}) {
    Write(File("FORMAT"), text);
    EXPECT_EQ(OpenError().code, Code::kDataLoss) << text;
  }
  fs::remove(File("FORMAT"));
  EXPECT_EQ(OpenError().code, Code::kDataLoss);
  EXPECT_THAT(OpenError().message, HasSubstr("FORMAT is missing"));
}

TEST_F(RocksDatabaseTest, ALostCurrentFileIsDamageAndNotANewStore) {
  Open();
  ASSERT_TRUE(Put("a", "1"));
  Close();
  fs::rename(File("db/CURRENT"), File("CURRENT"));
  EXPECT_EQ(OpenError().code, Code::kDataLoss);
  fs::rename(File("CURRENT"), File("db/CURRENT"));
  Open();
  EXPECT_EQ(Get("a"), "1");
}

TEST_F(RocksDatabaseTest, ALostOrDamagedManifestIsDamage) {
  Open();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Put("k" + std::to_string(i), Noise(100)));
    ASSERT_TRUE(database_->Compact());
  }
  Close();
  std::string name;
  std::getline(std::ifstream(File("db/CURRENT")), name);
  const fs::path manifest = File("db/" + name);
  // The length of the first record: RocksDB alone would take this for the end of the list.
  Flip(manifest, 5);
  EXPECT_EQ(OpenError().code, Code::kDataLoss);
  EXPECT_THAT(OpenError().message, HasSubstr(name + " is damaged at byte 0"));
  Flip(manifest, 5);
  fs::rename(manifest, File("away"));
  EXPECT_EQ(OpenError().code, Code::kDataLoss) << OpenError().message;
  fs::rename(File("away"), manifest);
  Open();
  EXPECT_EQ(store_->Recovered().last_sequence, 20U);
}

TEST_F(RocksDatabaseTest, AFileInTheWayIsNamed) {
  Write(File("file"), "");
  auto options = Options();
  options.directory += "/file/store";
  const auto opened = RocksDatabase::Open(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(opened.error().message, HasSubstr(directory_.path() + "/file is not a directory"));
}

TEST_F(RocksDatabaseTest, DamagedTablesAndLargeValuesAreReportedNotReturned) {
  Open();
  Batch batch;
  batch.Put("small", Noise(1000));
  batch.Put("large", Noise(100'000));
  ASSERT_TRUE(Commit(std::move(batch)));
  ASSERT_TRUE(database_->Compact());
  Close();
  ASSERT_EQ(Files(".sst").size(), 1U);
  ASSERT_EQ(Files(".blob").size(), 1U) << "large values are kept apart";
  Flip(Files(".blob")[0], 50'000);
  Open();
  EXPECT_EQ(Get("large"), "DATA_LOSS");
  EXPECT_EQ(Get("small").size(), 1000U);
  auto cursor = store_->Read("", "");
  cursor->Seek("large");
  EXPECT_FALSE(cursor->Valid());
  ASSERT_FALSE(cursor->Status());
  EXPECT_EQ(cursor->Status().error().code, Code::kDataLoss);
  cursor.reset();
  Close();
  Flip(Files(".sst")[0], 500);
  const auto opened = RocksDatabase::Open(Options());
  if (opened) {
    const auto store = (*opened)->Partition(0);
    EXPECT_EQ(store->Get("small").error().code, Code::kDataLoss);
  } else {
    EXPECT_EQ(opened.error().code, Code::kDataLoss) << opened.error().message;
  }
}

// A stream of large values with retention: the space of what was deleted comes back without
// Compact(), and what is kept is whole.
TEST_F(RocksDatabaseTest, DeletedHistoryGivesItsSpaceBack) {
  auto options = Options();
  options.write_buffer_bytes = 1 << 20;
  Open(options);
  constexpr int kBlocks = 400;
  constexpr int kKept = 20;
  std::vector<std::string> values;
  const auto key = [](int i) { return fmt::format("h{:06}", i); };
  for (int i = 0; i < kBlocks; ++i) {
    values.push_back(Noise(100'000));
    Batch batch;
    batch.Put(key(i), values.back());
    batch.Put("state", std::to_string(i));
    if (i >= kKept && i % 5 == 0) batch.DeleteRange("h", key(i - kKept));
    ASSERT_TRUE(Commit(std::move(batch)));
  }
  // 40 MB were written, 2.5 MB are kept.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (Bytes(".blob") > 15'000'000 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_LT(Bytes(".blob"), 15'000'000U);
  ASSERT_TRUE(database_->Compact());
  EXPECT_LT(Bytes(".blob"), 4'000'000U);
  Open(options);
  for (int i = kBlocks - kKept; i < kBlocks; ++i)
    ASSERT_EQ(Get(key(i)), values[static_cast<std::size_t>(i)]) << i;
  EXPECT_EQ(Get(key(100)), "(none)");
  const auto cursor = store_->Read("h", "i");
  cursor->Seek("h");
  EXPECT_EQ(cursor->Key(), key(375));
}

TEST_F(RocksDatabaseTest, AReservedOrOpenPartitionIsABug) {
  Open();
  EXPECT_DEATH((void)database_->Partition(0xffff), "partition 65535 is the store's own");
  EXPECT_DEATH((void)database_->Partition(0), "partition 0 is open in another store");
}

}  // namespace
}  // namespace mesg::store::rocks
