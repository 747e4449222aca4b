#include "store/memory/memory_store.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "store/contract_test.h"

namespace mesg::store::memory {

struct MemoryBackend {
  std::unique_ptr<Store> Open(std::uint16_t partition) {
    auto store = std::make_unique<MemoryStore>(disk, partition);
    if (partition == 0) first = store.get();
    return store;
  }
  void Close() {}
  void FailNextCommit() { first->FailNextCommit(DataLoss("the disk failed")); }

  MemoryDisk disk;
  MemoryStore* first = nullptr;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, StoreContractTest, MemoryBackend);

class MemoryStoreTest : public testing::Test {
 protected:
  void Open(Completion completion = Completion::kByStep) {
    store_.reset();
    store_ = std::make_unique<MemoryStore>(disk_, 0, completion);
  }
  /// Commits a key named after the sequence; what becomes of it is added to `done_`.
  void Commit(std::uint64_t sequence) {
    Batch batch;
    batch.Put("k" + std::to_string(sequence), "v");
    store_->Commit(sequence, std::move(batch), [this, sequence](const Result<void>& result) {
      done_ += std::to_string(sequence) + (result ? "+ " : "- ");
      if (!result) error_ = result.error().message;
    });
  }
  std::string Keys() const {
    std::string keys;
    for (const auto& [key, value] : disk_.Contents(0)) keys += key + " ";
    return keys;
  }

  MemoryDisk disk_;
  std::unique_ptr<MemoryStore> store_;
  std::string done_;
  std::string error_;
};

TEST_F(MemoryStoreTest, CompletesOneCommitAStepInOrder) {
  Open();
  for (const std::uint64_t sequence : {1U, 2U, 3U}) Commit(sequence);
  EXPECT_EQ(store_->Pending(), 3U);
  EXPECT_EQ(Keys(), "");
  EXPECT_TRUE(store_->Step());
  EXPECT_EQ(done_, "1+ ");
  EXPECT_EQ(Keys(), "k1 ");
  EXPECT_EQ(store_->StepAll(), 2U);
  EXPECT_FALSE(store_->Step());
  EXPECT_EQ(done_, "1+ 2+ 3+ ");
  EXPECT_EQ(store_->Counters().commits, 3U);
  EXPECT_GT(store_->Counters().bytes_written, 9U);
}

TEST_F(MemoryStoreTest, DoneMayCommitTheNextOne) {
  Open(Completion::kAtOnce);
  int left = 10'000;  // Deep enough to overflow the stack if it were a recursion.
  std::uint64_t sequence = 0;
  std::function<void(Result<void>)> next = [&](const Result<void>& result) {
    ASSERT_TRUE(result);
    if (--left > 0) store_->Commit(++sequence, {}, next);
  };
  store_->Commit(++sequence, {}, next);
  EXPECT_EQ(left, 0);
  EXPECT_EQ(disk_.LastSequence(0), 10'000U);
}

TEST_F(MemoryStoreTest, StalledCommitsWaitForTheRelease) {
  Open(Completion::kAtOnce);
  store_->Stall();
  Commit(1);
  Commit(2);
  EXPECT_FALSE(store_->Step());
  EXPECT_EQ(done_, "");
  store_->Release();
  EXPECT_EQ(done_, "1+ 2+ ");
}

TEST_F(MemoryStoreTest, FailureHitsTheOldestPendingAndAllAfterIt) {
  Open();
  for (const std::uint64_t sequence : {1U, 2U, 3U}) Commit(sequence);
  store_->Step();
  store_->FailNextCommit(DataLoss("fsync of the log failed: Input/output error"));
  store_->StepAll();
  Commit(4);
  store_->StepAll();
  EXPECT_EQ(done_, "1+ 2- 3- 4- ");
  EXPECT_EQ(error_, "an earlier commit failed: fsync of the log failed: Input/output error");
  EXPECT_EQ(Keys(), "k1 ");
  // What the failing disk still held may have been written, but not what came after.
  EXPECT_EQ(store_->Unacknowledged(), 2U);
  EXPECT_EQ(store_->Crash({.count = 9}), 2U);
  EXPECT_EQ(Keys(), "k1 k2 k3 ");
}

TEST_F(MemoryStoreTest, CrashLosesWhatIsPending) {
  Open();
  for (const std::uint64_t sequence : {1U, 2U, 3U}) Commit(sequence);
  store_->Step();
  EXPECT_EQ(store_->Crash({}), 0U);
  EXPECT_FALSE(store_->Step());
  Commit(4);
  EXPECT_EQ(done_, "1+ ");
  Open();
  EXPECT_EQ(store_->Recovered().last_sequence, 1U);
  EXPECT_EQ(store_->Recovered().bytes_cut, 0U);
  EXPECT_EQ(Keys(), "k1 ");
  Commit(2);
  store_->Step();
  EXPECT_EQ(done_, "1+ 2+ ");
}

TEST_F(MemoryStoreTest, CrashMayKeepAPrefixAndTearTheNext) {
  Open();
  for (const std::uint64_t sequence : {1U, 2U, 3U}) Commit(sequence);
  EXPECT_EQ(store_->Crash({.count = 2, .tear = true}), 2U);
  EXPECT_EQ(done_, "");
  Open();
  EXPECT_EQ(store_->Recovered().last_sequence, 2U);
  EXPECT_GT(store_->Recovered().bytes_cut, 0U);
  EXPECT_EQ(Keys(), "k1 k2 ");
  Open();
  EXPECT_EQ(store_->Recovered().bytes_cut, 0U) << "cut once";
}

TEST_F(MemoryStoreTest, SurvivorsAreChosenBySeedAndCoverEveryOutcome) {
  std::set<std::pair<std::size_t, bool>> seen;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Survivors survivors = Survivors::Choose(seed, 3);
    const Survivors again = Survivors::Choose(seed, 3);
    EXPECT_EQ(survivors.count, again.count);
    EXPECT_EQ(survivors.tear, again.tear);
    seen.emplace(survivors.count, survivors.tear);
  }
  EXPECT_EQ(seen.size(), 7U) << "0, 1 or 2 with and without a tear, 3 with nothing left to tear";
  EXPECT_EQ(Survivors::Choose(7, 0).count, 0U);
}

TEST_F(MemoryStoreTest, DestructionCallsNobody) {
  Open();
  Commit(1);
  store_.reset();
  EXPECT_EQ(done_, "");
  EXPECT_EQ(Keys(), "");
}

TEST_F(MemoryStoreTest, BatchLimitCanBeLowered) {
  Open(Completion::kAtOnce);
  store_->SetMaxBatchBytes(4);
  EXPECT_EQ(store_->MaxBatchBytes(), 4U);
  Commit(1);
  EXPECT_EQ(done_, "1- ");
  EXPECT_NE(error_.find("above the store's limit of 4"), std::string::npos) << error_;
}

TEST_F(MemoryStoreTest, PartitionIsOpenOnlyOnce) {
  Open();
  EXPECT_DEATH(MemoryStore(disk_, 0), "partition 0 is open in another store");
  const MemoryStore other(disk_, 1);
}

}  // namespace mesg::store::memory
