#include "store/wal/wal_inspector.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/wal/crc32c.h"
#include "store/wal/log_writer_test.h"

namespace mesg::store::wal {
namespace {

TEST(Crc32cTest, KnowsThePublishedValues) {  // RFC 3720, B.4.
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(Crc32c("6789", Crc32c("12345")), 0xe3069283U);
}

class WalInspectorTest : public testing::Test, protected LogWriter {
 protected:
  static Inspection Inspect(std::string_view file, Contents contents = Contents::kWriteBatches) {
    WalInspector inspector(contents);
    for (; !file.empty(); file.remove_prefix(std::min(file.size(), kBlockBytes))) {
      inspector.Add(file.substr(0, kBlockBytes));
    }
    return inspector.Finish();
  }
  /// One of each kind: small ones, some across two blocks, one over many.
  void Mixed() {
    for (const std::size_t bytes : {0U, 10U, 300U, 20'000U, 20'000U, 100'000U, 1U, 65'000U, 200U}) {
      Record(bytes, 1 + bytes % 3);
    }
  }
};

TEST_F(WalInspectorTest, EmptyFileIsIntact) {
  const auto found = Inspect("");
  EXPECT_EQ(found.records, 0U);
  EXPECT_FALSE(found.damaged_at);
}

TEST_F(WalInspectorTest, CountsWholeRecords) {
  Mixed();
  const auto found = Inspect(file_);
  EXPECT_EQ(found.records, begins_.size());
  EXPECT_EQ(found.intact_size, file_.size());
  EXPECT_EQ(found.last_record, begins_.back());
  EXPECT_FALSE(found.damaged_at);
  EXPECT_EQ(found.TornBytes(), 0U);
}

TEST_F(WalInspectorTest, RecordsMayEndAnywhereInABlock) {
  for (std::size_t left = 0; left < 40; ++left) {
    file_.clear();
    sequence_ = 7;
    Record(kBlockBytes - 7 - 12 - left);
    Record(100);
    Record(5);
    const auto found = Inspect(file_);
    EXPECT_EQ(found.records, 3U) << left;
    EXPECT_FALSE(found.damaged_at) << left;
  }
}

TEST_F(WalInspectorTest, PreallocatedZerosAreNotDamage) {
  Mixed();
  const std::size_t size = file_.size();
  file_.append(100'000, '\0');
  const auto found = Inspect(file_);
  EXPECT_EQ(found.intact_size, size);
  EXPECT_FALSE(found.damaged_at);
}

TEST_F(WalInspectorTest, EveryCutOfTheLastRecordIsATornTail) {
  Mixed();
  Record(300);
  for (std::size_t size = ends_[ends_.size() - 2] + 1; size < file_.size(); ++size) {
    const auto found = Inspect(std::string_view(file_).substr(0, size));
    EXPECT_EQ(found.records, begins_.size() - 1) << size;
    EXPECT_FALSE(found.DamagedInTheMiddle()) << size;
    EXPECT_EQ(found.intact_size, ends_[ends_.size() - 2]) << size;
    // A few zeros alone cannot be told from preallocation, nor need they be.
    if (size > begins_.back() + 7) {
      EXPECT_EQ(found.TornBytes(), size - ends_[ends_.size() - 2]) << size;
    }
  }
}

TEST_F(WalInspectorTest, EveryFlippedBitIsSeenAndOnlyTheLastRecordIsCut) {
  Mixed();
  const auto flips = [&](std::size_t record, std::size_t at) {
    for (int bit = 0; bit < 8; ++bit) {
      file_[at] = static_cast<char>(file_[at] ^ (1 << bit));
      const auto found = Inspect(file_);
      ASSERT_TRUE(found.damaged_at) << "record " << record << " byte " << at << " bit " << bit;
      ASSERT_EQ(found.intact_size, record == 0 ? 0 : ends_[record - 1]) << at;
      ASSERT_EQ(found.DamagedInTheMiddle(), record + 1 < begins_.size())
          << "record " << record << " byte " << at - begins_[record] << " bit " << bit;
      file_[at] = static_cast<char>(file_[at] ^ (1 << bit));
    }
  };
  for (std::size_t record = 0; record < begins_.size(); ++record) {
    const std::size_t begin = begins_[record];
    for (std::size_t at = begin; at < std::min(begin + 20, ends_[record]); ++at) flips(record, at);
    for (std::size_t at = begin + 20; at < ends_[record]; at += 1009) {
      if (kBlockBytes - at % kBlockBytes >= 7) flips(record, at);
    }
    // The header and the begin of each later fragment.
    for (std::size_t block = (begin / kBlockBytes + 1) * kBlockBytes; block < ends_[record];
         block += kBlockBytes) {
      for (std::size_t at = block; at < std::min(block + 9, ends_[record]); ++at) flips(record, at);
    }
  }
}

TEST_F(WalInspectorTest, LaterPagesOfATornRecordDoNotMakeItDamage) {
  Record(10);
  Record(150'000);
  // Power was lost when some pages of the last record were written, but not the first ones.
  file_.replace(ends_[0], 8'192, std::string(8'192, '\0'));
  const auto found = Inspect(file_);
  EXPECT_FALSE(found.DamagedInTheMiddle());
  EXPECT_EQ(found.intact_size, ends_[0]);
}

TEST_F(WalInspectorTest, ALostPageBeforeALaterRecordIsDamage) {
  Record(10);
  Record(150'000);
  Record(10);
  file_.replace(ends_[0], 8'192, std::string(8'192, '\0'));
  const auto found = Inspect(file_);
  EXPECT_TRUE(found.DamagedInTheMiddle());
  EXPECT_EQ(found.intact_after, begins_[2]);
}

TEST_F(WalInspectorTest, ACopyOfALogInAPayloadIsNotALaterRecord) {
  sequence_ = 1;
  Record(10);
  Record(10);
  const std::string copy = file_;
  file_.clear();
  ends_.clear();
  sequence_ = 1000;
  Record(10);
  Raw(Number(sequence_, 8) + Number(1, 4) + copy);
  const auto found = Inspect(std::string_view(file_).substr(0, file_.size() - 1));
  EXPECT_FALSE(found.DamagedInTheMiddle());
  EXPECT_EQ(found.intact_size, ends_[0]);
}

TEST_F(WalInspectorTest, AMissingRecordIsDamage) {
  Record(10);
  Record(20);
  Record(30);
  file_.erase(begins_[1], ends_[1] - begins_[1]);
  const auto found = Inspect(file_);
  EXPECT_EQ(found.damaged_at, ends_[0]);
  EXPECT_TRUE(found.DamagedInTheMiddle());
}

TEST_F(WalInspectorTest, OpaqueRecordsNeedNoSequence) {
  for (const std::string_view payload : {"a", "", "abc"}) Raw(payload);
  EXPECT_EQ(Inspect(file_, Contents::kOpaque).records, 3U);
  EXPECT_TRUE(Inspect(file_).damaged_at) << "too short for a write batch";
  file_[1] ^= 1;
  EXPECT_TRUE(Inspect(file_, Contents::kOpaque).DamagedInTheMiddle());
}

TEST_F(WalInspectorTest, SearchBehindDamageIsBounded) {
  Record(10);
  // Fragments of a later record cannot be read either, and every byte looks like the begin of a
  // long one: type 1 and length 0x4040 alternate.
  std::string evil;
  while (evil.size() < 40 * kBlockBytes) evil += std::string("\x01\x40\x40", 3);
  file_ += evil;
  const auto found = Inspect(file_);
  EXPECT_TRUE(found.damaged_at);
  EXPECT_TRUE(found.DamagedInTheMiddle());
  EXPECT_TRUE(found.search_exhausted);
}

}  // namespace
}  // namespace mesg::store::wal
