#pragma once

#include <future>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/store.h"

namespace mesg::store {

/// Commits and waits.
inline Result<void> CommitTo(Store& store, std::uint64_t sequence, Batch batch) {
  auto promise = std::make_shared<std::promise<Result<void>>>();
  auto future = promise->get_future();
  store.Commit(sequence, std::move(batch),
               [promise](Result<void> result) { promise->set_value(std::move(result)); });
  return future.get();
}

/// What every Store promises, run on each implementation:
///
///   struct Backend {                              // One per test, an empty store at first.
///     std::unique_ptr<Store> Open(std::uint16_t partition);  // Any number of partitions.
///     void Close();                               // After the stores of Open are gone.
///     void FailNextCommit();                      // The disk fails under the next commit.
///   };
///   INSTANTIATE_TYPED_TEST_SUITE_P(Memory, StoreContractTest, Backend);
template <typename Backend>
class StoreContractTest : public testing::Test {
 protected:
  StoreContractTest() { store_ = backend_.Open(0); }

  /// Commits and waits.
  Result<void> Commit(std::uint64_t sequence, Batch batch) {
    return CommitTo(*store_, sequence, std::move(batch));
  }
  /// Commits what `fill` puts into a batch as the next sequence, which must succeed.
  template <typename Fill>
  void Next(Fill fill) {
    Batch batch;
    fill(batch);
    const auto result = Commit(++sequence_, std::move(batch));
    ASSERT_TRUE(result) << result.error().message;
  }
  void Put(const std::string& keys) {
    Next([&](Batch& batch) {
      for (const char key : keys) batch.Put(std::string(1, key), std::string(1, key) + "!");
    });
  }

  std::string Get(std::string_view key) { return GetFrom(*store_, key); }
  static std::string GetFrom(const Store& store, std::string_view key) {
    const auto value = store.Get(key);
    if (!value) return "error: " + value.error().message;
    return value->value_or("(none)");
  }

  static std::string Forward(Cursor& cursor) {
    std::string keys;
    for (; cursor.Valid(); cursor.Next()) keys.append(cursor.Key()).append(" ");
    EXPECT_TRUE(cursor.Status());
    return keys;
  }
  static std::string Backward(Cursor& cursor) {
    std::string keys;
    for (; cursor.Valid(); cursor.Prev()) keys.append(cursor.Key()).append(" ");
    EXPECT_TRUE(cursor.Status());
    return keys;
  }
  static std::string AllOf(const Store& store) {
    const auto cursor = store.Read("", "");
    cursor->Seek("");
    return Forward(*cursor);
  }
  std::string All() { return AllOf(*store_); }

  void Reopen() {
    store_.reset();
    backend_.Close();
    store_ = backend_.Open(0);
  }

  Backend backend_;
  std::unique_ptr<Store> store_;
  std::uint64_t sequence_ = 0;
};

TYPED_TEST_SUITE_P(StoreContractTest);

TYPED_TEST_P(StoreContractTest, StartsEmpty) {
  EXPECT_EQ(this->store_->Recovered().last_sequence, 0U);
  EXPECT_EQ(this->store_->Recovered().bytes_cut, 0U);
  EXPECT_GE(this->store_->MaxBatchBytes(), std::size_t{16} << 20);
  EXPECT_EQ(this->Get("a"), "(none)");
  EXPECT_EQ(this->All(), "");
}

TYPED_TEST_P(StoreContractTest, KeepsWhatWasPut) {
  const std::string zeros("\0k\0", 3);
  const std::string large(3 << 20, 'x');
  this->Next([&](Batch& batch) {
    batch.Put("a", "1");
    batch.Put("empty", "");
    batch.Put(zeros, std::string("\0\xff\0", 3));
    batch.Put("\xff\xff", "last");
    batch.Put("large", large);
    batch.Put("", "of the empty key");
  });
  EXPECT_EQ(this->Get("a"), "1");
  EXPECT_EQ(this->Get("empty"), "");
  EXPECT_EQ(this->Get(zeros), std::string("\0\xff\0", 3));
  EXPECT_EQ(this->Get("\xff\xff"), "last");
  EXPECT_EQ(this->Get("large"), large);
  EXPECT_EQ(this->Get(""), "of the empty key");
  EXPECT_EQ(this->Get("b"), "(none)");
}

TYPED_TEST_P(StoreContractTest, LaterChangeOfAKeyWins) {
  this->Next([](Batch& batch) {
    batch.Put("a", "1");
    batch.Put("a", "2");
    batch.Put("b", "1");
    batch.Delete("b");
    batch.Delete("c");
    batch.Put("c", "1");
    batch.DeleteRange("d", "e");
    batch.Put("d1", "after");
    batch.Put("f1", "before");
    batch.DeleteRange("f", "g");
  });
  EXPECT_EQ(this->Get("a"), "2");
  EXPECT_EQ(this->All(), "a c d1 ");
}

TYPED_TEST_P(StoreContractTest, RangeDeleteTakesFromButNotTo) {
  this->Put("abcdef");
  this->Next([](Batch& batch) { batch.DeleteRange("b", "d"); });
  EXPECT_EQ(this->All(), "a d e f ");
  EXPECT_EQ(this->Get("c"), "(none)");
  this->Next([](Batch& batch) { batch.DeleteRange("d1", "e1"); });
  EXPECT_EQ(this->All(), "a d f ");
}

TYPED_TEST_P(StoreContractTest, RangeDeleteOfNothingDeletesNothing) {
  this->Put("abc");
  this->Next([](Batch& batch) {
    batch.DeleteRange("b", "b");
    batch.DeleteRange("c", "a");
    batch.DeleteRange("a", "");
    batch.DeleteRange("x", "z");
  });
  EXPECT_EQ(this->All(), "a b c ");
}

TYPED_TEST_P(StoreContractTest, KeysAreReadInByteOrder) {
  this->Next([](Batch& batch) {
    for (const std::string_view key : {"\xff", "b", "a\x80", "ab", "a", "\x01"}) batch.Put(key, "");
  });
  EXPECT_EQ(this->All(), "\x01 a ab a\x80 b \xff ");
}

TYPED_TEST_P(StoreContractTest, CursorStartsInvalidAndSeeks) {
  this->Put("bdf");
  const auto cursor = this->store_->Read("", "");
  EXPECT_FALSE(cursor->Valid());
  cursor->Seek("c");
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->Key(), "d");
  EXPECT_EQ(cursor->Value(), "d!");
  cursor->Seek("d");
  EXPECT_EQ(this->Forward(*cursor), "d f ");
  cursor->Seek("g");
  EXPECT_FALSE(cursor->Valid());
  cursor->SeekForPrev("c");
  EXPECT_EQ(cursor->Key(), "b");
  cursor->SeekForPrev("z");
  EXPECT_EQ(this->Backward(*cursor), "f d b ");
  cursor->SeekForPrev("a");
  EXPECT_FALSE(cursor->Valid());
}

TYPED_TEST_P(StoreContractTest, CursorTurnsAround) {
  this->Put("abc");
  const auto cursor = this->store_->Read("", "");
  cursor->Seek("b");
  cursor->Next();
  EXPECT_EQ(cursor->Key(), "c");
  cursor->Prev();
  cursor->Prev();
  EXPECT_EQ(cursor->Key(), "a");
  cursor->Next();
  EXPECT_EQ(cursor->Key(), "b");
}

TYPED_TEST_P(StoreContractTest, CursorStaysInItsRange) {
  this->Put("abcdef");
  const auto cursor = this->store_->Read("b", "e");
  cursor->Seek("");
  EXPECT_EQ(this->Forward(*cursor), "b c d ");
  cursor->Seek("e");
  EXPECT_FALSE(cursor->Valid());
  cursor->SeekForPrev("z");
  EXPECT_EQ(this->Backward(*cursor), "d c b ");
  cursor->SeekForPrev("e");
  EXPECT_EQ(cursor->Key(), "d");
  cursor->SeekForPrev("a");
  EXPECT_FALSE(cursor->Valid());
  cursor->SeekForPrev("b");
  EXPECT_EQ(this->Backward(*cursor), "b ");
}

TYPED_TEST_P(StoreContractTest, CursorOfAnEmptyRangeHoldsNothing) {
  this->Put("ace");
  const std::pair<std::string_view, std::string_view> ranges[] = {
      {"b", "c"}, {"c", "c"}, {"e", "a"}, {"f", ""}, {"f", "z"}, {"", "a"}};
  for (const auto& [from, to] : ranges) {
    const auto cursor = this->store_->Read(from, to);
    for (const std::string_view key : {"", "a", "b", "c", "d", "e", "f", "z"}) {
      cursor->Seek(key);
      EXPECT_FALSE(cursor->Valid()) << from << ".." << to << " Seek " << key;
      cursor->SeekForPrev(key);
      EXPECT_FALSE(cursor->Valid()) << from << ".." << to << " SeekForPrev " << key;
    }
    EXPECT_TRUE(cursor->Status());
  }
}

TYPED_TEST_P(StoreContractTest, RangeWithoutEndReachesTheLastKey) {
  this->Next([](Batch& batch) {
    batch.Put("a", "");
    batch.Put("\xff\xff\xff", "");
  });
  const auto cursor = this->store_->Read("b", "");
  cursor->SeekForPrev("\xff\xff\xff\xff");
  EXPECT_EQ(this->Backward(*cursor), "\xff\xff\xff ");
}

TYPED_TEST_P(StoreContractTest, CursorSeesTheStoreAsItWas) {
  this->Put("abc");
  const auto before = this->store_->Read("", "");
  before->Seek("a");
  this->Next([](Batch& batch) {
    batch.Delete("b");
    batch.Put("a", "new");
    batch.Put("d", "new");
    batch.DeleteRange("c", "d");
  });
  EXPECT_EQ(before->Value(), "a!");
  EXPECT_EQ(this->Forward(*before), "a b c ");
  before->SeekForPrev("z");
  EXPECT_EQ(before->Key(), "c");
  EXPECT_EQ(this->All(), "a d ");
}

TYPED_TEST_P(StoreContractTest, CommitsCompleteInOrder) {
  constexpr std::uint64_t kCommits = 200;
  std::vector<std::uint64_t> done;
  std::promise<void> all;
  bool visible = true;
  for (std::uint64_t i = 1; i <= kCommits; ++i) {
    Batch batch;
    batch.Put("k" + std::to_string(i), "v");
    batch.Put("last", std::to_string(i));
    this->store_->Commit(i, std::move(batch), [&, i](const Result<void>& result) {
      if (result) done.push_back(i);
      visible = visible && this->Get("k" + std::to_string(i)) == "v";
      if (i == kCommits) all.set_value();
    });
  }
  all.get_future().wait();
  ASSERT_EQ(done.size(), kCommits);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_TRUE(visible) << "a commit is visible before it is acknowledged";
  EXPECT_EQ(this->Get("last"), std::to_string(kCommits));
}

TYPED_TEST_P(StoreContractTest, AnEmptyCommitCounts) {
  this->Next([](Batch&) {});
  this->Put("a");
  this->Reopen();
  EXPECT_EQ(this->store_->Recovered().last_sequence, 2U);
}

TYPED_TEST_P(StoreContractTest, RecordsAreNotKept) {
  this->Next([](Batch& batch) { batch.AddRecord("a fact"); });
  EXPECT_EQ(this->All(), "");
}

TYPED_TEST_P(StoreContractTest, AGapInTheSequenceIsAbortedAndFinal) {
  this->Put("a");
  for (const std::uint64_t sequence : {3U, 1U, 2U}) {
    Batch batch;
    batch.Put("b", "");
    const auto result = this->Commit(sequence, std::move(batch));
    ASSERT_FALSE(result) << sequence;
    EXPECT_EQ(result.error().code, Code::kAborted) << result.error().message;
  }
  EXPECT_EQ(this->All(), "a ");
  this->Reopen();
  EXPECT_EQ(this->store_->Recovered().last_sequence, 1U);
  EXPECT_EQ(this->All(), "a ");
  ++this->sequence_;
  EXPECT_TRUE(this->Commit(2, {}));
}

TYPED_TEST_P(StoreContractTest, ABatchAboveTheLimitIsRefused) {
  Batch batch;
  batch.Put("a", std::string(this->store_->MaxBatchBytes(), 'x'));
  const auto result = this->Commit(1, std::move(batch));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kResourceExhausted) << result.error().message;
  EXPECT_EQ(this->All(), "");
}

TYPED_TEST_P(StoreContractTest, AFailedCommitFailsEveryLaterOne) {
  this->Put("a");
  this->backend_.FailNextCommit();
  for (std::uint64_t sequence = 2; sequence < 5; ++sequence) {
    Batch batch;
    batch.Put("b", "");
    const auto result = this->Commit(sequence, std::move(batch));
    ASSERT_FALSE(result) << sequence;
    EXPECT_EQ(result.error().code, Code::kDataLoss) << result.error().message;
  }
  this->Reopen();
  EXPECT_EQ(this->Get("a"), "a!");
  const std::uint64_t last = this->store_->Recovered().last_sequence;
  EXPECT_THAT(last, testing::AnyOf(1U, 2U));
  EXPECT_TRUE(this->Commit(last + 1, {}));
}

TYPED_TEST_P(StoreContractTest, ReopeningFindsEverything) {
  this->Put("abc");
  this->Next([](Batch& batch) { batch.DeleteRange("b", "c"); });
  const std::string large(1 << 20, 'y');
  this->Next([&](Batch& batch) { batch.Put("large", large); });
  for (int i = 0; i < 2; ++i) {
    this->Reopen();
    EXPECT_EQ(this->store_->Recovered().last_sequence, 3U);
    EXPECT_EQ(this->store_->Recovered().bytes_cut, 0U);
    EXPECT_EQ(this->All(), "a c large ");
    EXPECT_EQ(this->Get("large"), large);
  }
}

TYPED_TEST_P(StoreContractTest, PartitionsShareNothing) {
  const auto one = this->backend_.Open(1);
  const auto far = this->backend_.Open(0x1ff);
  this->Put("abc");
  Batch batch;
  batch.Put("b", "of one");
  batch.Put("\xff\xff", "");
  ASSERT_TRUE(CommitTo(*one, 1, std::move(batch)));
  Batch gone;
  gone.DeleteRange("", "\xff\xff\xff\xff");
  ASSERT_TRUE(CommitTo(*far, 1, std::move(gone)));
  EXPECT_EQ(this->All(), "a b c ");
  EXPECT_EQ(this->Get("b"), "b!");
  EXPECT_EQ(this->AllOf(*one), "b \xff\xff ");
  EXPECT_EQ(this->GetFrom(*one, "b"), "of one");
  EXPECT_EQ(this->AllOf(*far), "");
  const auto cursor = one->Read("", "");
  cursor->SeekForPrev("\xff\xff\xff");
  EXPECT_EQ(this->Backward(*cursor), "\xff\xff b ");
}

REGISTER_TYPED_TEST_SUITE_P(StoreContractTest, StartsEmpty, KeepsWhatWasPut, LaterChangeOfAKeyWins,
                            RangeDeleteTakesFromButNotTo, RangeDeleteOfNothingDeletesNothing,
                            KeysAreReadInByteOrder, CursorStartsInvalidAndSeeks, CursorTurnsAround,
                            CursorStaysInItsRange, CursorOfAnEmptyRangeHoldsNothing,
                            RangeWithoutEndReachesTheLastKey, CursorSeesTheStoreAsItWas,
                            CommitsCompleteInOrder, AnEmptyCommitCounts, RecordsAreNotKept,
                            AGapInTheSequenceIsAbortedAndFinal, ABatchAboveTheLimitIsRefused,
                            AFailedCommitFailsEveryLaterOne, ReopeningFindsEverything,
                            PartitionsShareNothing);

}  // namespace mesg::store
