#include "store/wal/log_recovery.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/wal/log_writer_test.h"

namespace mesg::store::wal {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class LogRecoveryTest : public testing::Test {
 public:
  LogRecoveryTest() {
    std::string name = testing::TempDir() + "mesg-logs-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    directory_ = name;
  }
  ~LogRecoveryTest() override { fs::remove_all(directory_); }

 protected:
  void Write(const std::string& name, std::string_view contents) {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << contents;
  }
  std::uintmax_t Size(const std::string& name) { return fs::file_size(directory_ + "/" + name); }
  /// "cut N", or the error.
  std::string Recover() {
    const auto cut = RecoverLogs(directory_);
    if (cut) return "cut " + std::to_string(*cut);
    EXPECT_EQ(cut.error().code, Code::kDataLoss);
    return cut.error().message;
  }

  std::string directory_;
};

TEST_F(LogRecoveryTest, NothingIsNothingToCut) {
  EXPECT_EQ(Recover(), "cut 0");
  Write("LOG", "not a log of ours");
  Write("000004.sst", "nor this");
  Write("x4.log", "nor this");
  Write("000005.log", "");
  EXPECT_EQ(Recover(), "cut 0");
  directory_ += "/none";
  EXPECT_EQ(Recover(), "cut 0");
}

TEST_F(LogRecoveryTest, TheTornTailOfTheLastLogIsCut) {
  LogWriter log;
  log.Record(100);
  log.Record(200);
  Write("000009.log", log.file_);
  Write("000010.log", log.file_.substr(0, log.file_.size() - 1));
  Write("000011.log", "");
  EXPECT_EQ(Recover(), "cut " + std::to_string(log.file_.size() - 1 - log.ends_[0]));
  EXPECT_EQ(Size("000010.log"), log.ends_[0]);
  EXPECT_EQ(Size("000009.log"), log.file_.size());
  EXPECT_EQ(Recover(), "cut 0");
}

// Numbers have at least six digits and may have more: as text, 1000000.log would come before
// 999999.log.
TEST_F(LogRecoveryTest, LogsAreOrderedByNumber) {
  LogWriter log;
  log.Record(100);
  log.Record(100);
  Write("999999.log", log.file_);
  Write("1000000.log", log.file_.substr(0, log.file_.size() - 1));
  EXPECT_THAT(Recover(), HasSubstr("cut "));
}

TEST_F(LogRecoveryTest, ATornLogBeforeAnIntactOneIsDamage) {
  LogWriter log;
  log.Record(100);
  log.Record(200);
  LogWriter later(9);
  later.Record(10);
  Write("000009.log", log.file_.substr(0, log.file_.size() - 1));
  Write("000010.log", later.file_);
  EXPECT_THAT(Recover(),
              HasSubstr("000009.log is damaged at byte " + std::to_string(log.ends_[0])));
  EXPECT_THAT(Recover(), HasSubstr("a later log, " + directory_ + "/000010.log"));
  EXPECT_EQ(Size("000009.log"), log.file_.size() - 1) << "nothing was changed";
}

TEST_F(LogRecoveryTest, DamageInTheMiddleIsRefusedWithAdvice) {
  LogWriter log;
  for (int i = 0; i < 3; ++i) log.Record(100);
  log.file_[log.begins_[1] + 20] ^= 1;
  Write("000010.log", log.file_);
  EXPECT_THAT(Recover(), HasSubstr("000010.log is damaged at byte " +
                                   std::to_string(log.begins_[1]) + " (after 1 intact commits)"));
  EXPECT_THAT(Recover(), HasSubstr("a later one begins at byte " + std::to_string(log.begins_[2])));
  EXPECT_THAT(Recover(), HasSubstr("truncate --size=" + std::to_string(log.ends_[0])));
  EXPECT_EQ(Size("000010.log"), log.file_.size());
}

TEST_F(LogRecoveryTest, AManifestDamagedInTheMiddleIsRefused) {
  LogWriter manifest;
  for (const std::string_view edit : {"one", "two", "three"}) manifest.Raw(edit);
  std::string damaged = manifest.file_;
  damaged[manifest.begins_[1] + 4] ^= 64;
  Write("CURRENT", "MANIFEST-000004\n");
  EXPECT_EQ(Recover(), "cut 0") << "a missing one is for RocksDB to report";
  Write("MANIFEST-000004", damaged);
  EXPECT_THAT(Recover(), HasSubstr("MANIFEST-000004 is damaged at byte 10"));
  // RocksDB ignores a torn last edit, as it must, and goes on with the others.
  Write("MANIFEST-000004", manifest.file_.substr(0, manifest.file_.size() - 1));
  EXPECT_EQ(Recover(), "cut 0");
  EXPECT_EQ(Size("MANIFEST-000004"), manifest.file_.size() - 1);
}

TEST_F(LogRecoveryTest, AnUnreadableLogIsAnError) {
  fs::create_directory(directory_ + "/000004.log");
  const auto cut = RecoverLogs(directory_);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Code::kUnavailable);
  EXPECT_THAT(cut.error().message, HasSubstr("000004.log"));
  EXPECT_FALSE(InspectFile(directory_ + "/missing", Contents::kOpaque));
}

}  // namespace
}  // namespace mesg::store::wal
