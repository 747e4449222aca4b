#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/rocksdb/rocks_database.h"
#include "store/rocksdb/temporary_directory_test.h"

// What is left on disk by a killed process, a full disk and a changed bit, on real files. The
// victims are this very program, started anew for one of the disabled tests at the end.

namespace mesg::store::rocks {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kDirectoryVariable = "MESG_STORE_TEST_DIRECTORY";

/// One of the disabled tests in a process of its own, and what it prints.
class Victim {
 public:
  Victim(const std::string& test, const std::string& directory) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      setenv(kDirectoryVariable, directory.c_str(), 1);
      const std::string filter = "--gtest_filter=Victim.DISABLED_" + test;
      execl("/proc/self/exe", "victim", "--gtest_also_run_disabled_tests", filter.c_str(), nullptr);
      _exit(127);
    }
    close(ends[1]);
    output_ = fdopen(ends[0], "r");
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  ~Victim() {
    Kill();
    fclose(output_);
  }

  /// The next line that begins with one of ours; empty at the end.
  std::string Line() {
    char line[4096];
    while (fgets(line, sizeof line, output_) != nullptr) {
      const std::string text(line);
      if (text.starts_with("ACK ") || text.starts_with("FAILED ")) {
        return text.substr(0, text.find('\n'));
      }
    }
    return {};
  }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  FILE* output_ = nullptr;
};

std::string KeyOf(std::uint64_t sequence) { return fmt::format("k{:08}", sequence); }
std::string ValueOf(std::uint64_t sequence) {
  return std::to_string(sequence) + std::string(sequence * 70 % 900, 'v');
}

class RocksCrashTest : public testing::Test {
 protected:
  std::unique_ptr<RocksDatabase> Open(const std::string& path) {
    auto opened = RocksDatabase::Open({.directory = path});
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  /// Every commit up to the last is there, whole, and nothing behind it.
  static void ExpectAllUpTo(const Store& store, std::uint64_t last) {
    for (std::uint64_t i = 1; i <= last; ++i) {
      const auto value = store.Get(KeyOf(i));
      ASSERT_TRUE(value && *value) << i;
      ASSERT_EQ(**value, ValueOf(i));
    }
    EXPECT_EQ(store.Get(KeyOf(last + 1))->has_value(), false);
  }

  TemporaryDirectory directory_;
};

TEST_F(RocksCrashTest, AKilledProcessLosesNothingItAcknowledged) {
  std::uint64_t last = 0;
  for (int round = 1; round <= 4; ++round) {
    std::uint64_t acknowledged = 0;
    {
      Victim victim("CommitsUntilKilled", directory_.path());
      for (int i = 0; i < 100 * round; ++i) {
        const std::string line = victim.Line();
        ASSERT_TRUE(line.starts_with("ACK ")) << line;
        acknowledged = std::stoull(line.substr(4));
      }
      victim.Kill();
    }
    const auto database = Open(directory_.path());
    ASSERT_TRUE(database);
    const auto store = database->Partition(0);
    EXPECT_GE(store->Recovered().last_sequence, acknowledged);
    EXPECT_GT(acknowledged, last);
    last = store->Recovered().last_sequence;
    ExpectAllUpTo(*store, last);
  }
}

TEST_F(RocksCrashTest, AFullDiskLosesNothingAcknowledged) {
  std::uint64_t acknowledged = 0;
  std::string line;
  {
    Victim victim("CommitsUntilTheDiskIsFull", directory_.path());
    while ((line = victim.Line()).starts_with("ACK ")) acknowledged = std::stoull(line.substr(4));
  }
  EXPECT_THAT(line, HasSubstr("FAILED DATA_LOSS"));
  EXPECT_THAT(line, HasSubstr("Free space on that disk, then start Core again"));
  EXPECT_GT(acknowledged, 100U);
  const auto database = Open(directory_.path());
  ASSERT_TRUE(database);
  const auto store = database->Partition(0);
  EXPECT_EQ(store->Recovered().last_sequence, acknowledged);
  ExpectAllUpTo(*store, acknowledged);
}

TEST_F(RocksCrashTest, AReadOnlyDirectoryIsRefusedClearly) {
  chmod(directory_.path().c_str(), 0555);
  Victim victim("OpensAsNobody", directory_.path());
  const std::string line = victim.Line();
  EXPECT_THAT(line, HasSubstr("FAILED FAILED_PRECONDITION"));
  EXPECT_THAT(line, HasSubstr("Permission denied"));
  EXPECT_THAT(line, HasSubstr(directory_.path()));
  chmod(directory_.path().c_str(), 0755);
}

/// A store whose whole content is one log with commits of many sizes.
class RocksLogTest : public RocksCrashTest {
 protected:
  struct Fragment {
    std::size_t begin;
    std::size_t end;
    int type;
  };

  void SetUp() override {
    {
      const auto database = Open(Original());
      const auto store = database->Partition(0);
      std::promise<void> done;
      for (std::uint64_t i = 1; i <= kCommits; ++i) {
        Batch batch;
        batch.Put(KeyOf(i), ValueOf(i));
        if (i % 4 == 0) batch.Put("large", std::string(20'000 * (i % 3 + 1), 'L'));
        // One at a time, so that each is a record of its own.
        std::promise<Result<void>> one;
        store->Commit(i, std::move(batch),
                      [&](Result<void> result) { one.set_value(std::move(result)); });
        ASSERT_TRUE(one.get_future().get());
      }
    }
    for (const auto& entry : fs::directory_iterator(Original() + "/db")) {
      if (entry.path().extension() == ".log") log_name_ = entry.path().filename();
    }
    std::ifstream file(Original() + "/db/" + log_name_, std::ios::binary);
    log_ = {std::istreambuf_iterator<char>(file), {}};
    Split();
    ASSERT_EQ(records_.size(), kCommits);
    ASSERT_EQ(log_.size(), records_.back().back().end);
  }
  /// The records of the log, each a list of fragments.
  void Split() {
    std::size_t at = 0;
    while (at + 7 <= log_.size()) {
      if (32768 - at % 32768 < 7) at += 32768 - at % 32768;
      const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(log_[at + i]); };
      const std::size_t length = byte(4) + 256U * byte(5);
      const Fragment fragment{at, at + 7 + length, byte(6)};
      if (fragment.type == 1 || fragment.type == 2) records_.emplace_back();
      records_.back().push_back(fragment);
      at = fragment.end;
    }
  }

  std::string Original() { return directory_.path() + "/original"; }
  /// A copy of the store with another log.
  std::string Copy(std::string_view log, bool keep_note) {
    std::string copy = directory_.path() + "/copy";
    fs::remove_all(copy);
    fs::copy(Original(), copy, fs::copy_options::recursive);
    std::ofstream(copy + "/db/" + log_name_, std::ios::binary | std::ios::trunc) << log;
    if (!keep_note) fs::remove(copy + "/ACKNOWLEDGED");
    return copy;
  }

  static constexpr std::uint64_t kCommits = 13;  // The last is a small one.
  std::string log_name_;
  std::string log_;
  std::vector<std::vector<Fragment>> records_;
};

// One bit flipped in each record of the log in turn: Core refuses to open, or reports a cut that
// lies in the last record only.
TEST_F(RocksLogTest, AFlippedBitIsRefusedOrCutsTheLastRecordOnly) {
  int refused = 0;
  int cut = 0;
  for (std::size_t record = 0; record < records_.size(); ++record) {
    for (const Fragment& fragment : records_[record]) {
      const std::size_t begin = fragment.begin;
      const std::size_t places[] = {
          begin,           begin + 3, begin + 4, begin + 5,
          begin + 6,       begin + 7, begin + 9, (begin + fragment.end) / 2,
          fragment.end - 1};
      for (const std::size_t at : places) {
        std::string log = log_;
        log[at] = static_cast<char>(log[at] ^ (1 << (at % 8)));
        const auto opened = RocksDatabase::Open({.directory = Copy(log, false)});
        if (!opened) {
          ++refused;
          EXPECT_EQ(opened.error().code, Code::kDataLoss);
          EXPECT_THAT(opened.error().message,
                      HasSubstr(log_name_ + " is damaged at byte " + std::to_string(begin)));
          EXPECT_THAT(opened.error().message, HasSubstr("backup"));
          EXPECT_LT(record, kCommits - 1);
          continue;
        }
        ++cut;
        ASSERT_EQ(record, kCommits - 1) << "byte " << at << " of the log";
        const auto store = (*opened)->Partition(0);
        EXPECT_EQ(store->Recovered().last_sequence, kCommits - 1);
        EXPECT_EQ(store->Recovered().bytes_cut, log_.size() - records_[record][0].begin);
        ExpectAllUpTo(*store, kCommits - 1);
      }
    }
  }
  EXPECT_GT(refused, 100);
  EXPECT_GE(cut, 9);
}

// After an orderly end, or a second after a commit, even that last record is missed.
TEST_F(RocksLogTest, ALostTailThatWasNotedAsAcknowledgedIsRefused) {
  std::string flipped = log_;
  flipped.back() ^= 1;
  const std::string without = log_.substr(0, records_.back()[0].begin);
  for (const std::string& log : {flipped, without, std::string()}) {
    const auto opened = RocksDatabase::Open({.directory = Copy(log, true)});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::kDataLoss);
    EXPECT_THAT(opened.error().message, HasSubstr("but commit 13 was acknowledged"));
  }
  // A note that a crash has torn says nothing.
  const std::string copy = Copy(without, true);
  std::ofstream(copy + "/ACKNOWLEDGED") << "mesg-acknowledged 1\n0 13\ncrc 1";
  EXPECT_TRUE(RocksDatabase::Open({.directory = copy}));
}

TEST_F(RocksLogTest, ATornTailIsCutAtEveryByteOfTheLastRecord) {
  const std::size_t begin = records_.back()[0].begin;
  for (std::size_t size = begin; size < log_.size(); ++size) {
    const std::string copy = Copy(log_.substr(0, size), false);
    {
      const auto database = Open(copy);
      ASSERT_TRUE(database);
      const auto store = database->Partition(0);
      ASSERT_EQ(store->Recovered().last_sequence, kCommits - 1) << size;
      ASSERT_EQ(store->Recovered().bytes_cut, size - begin) << size;
      ASSERT_EQ(database->BytesCut(), size - begin);
      std::promise<Result<void>> done;
      Batch batch;
      batch.Put(KeyOf(kCommits), "again");
      store->Commit(kCommits, std::move(batch),
                    [&](Result<void> r) { done.set_value(std::move(r)); });
      ASSERT_TRUE(done.get_future().get());
    }
    if (size % 8 != 0) continue;
    const auto database = Open(copy);
    ASSERT_TRUE(database);
    EXPECT_EQ(database->Partition(0)->Recovered().last_sequence, kCommits);
    EXPECT_EQ(database->BytesCut(), 0U) << "cut once";
  }
}

TEST_F(RocksLogTest, PreallocatedZerosAreNoDamage) {
  const auto database = Open(Copy(log_ + std::string(100'000, '\0'), true));
  ASSERT_TRUE(database);
  EXPECT_EQ(database->BytesCut(), 0U);
  ExpectAllUpTo(*database->Partition(0), kCommits);
}

TEST_F(RocksLogTest, TheAdviceToGiveUpTheDamagedTailWorks) {
  std::string log = log_;
  log[records_[5][0].begin + 9] ^= 1;
  const std::string copy = Copy(log, false);
  const auto refused = RocksDatabase::Open({.directory = copy});
  ASSERT_FALSE(refused);
  const std::string& message = refused.error().message;
  const std::size_t at = message.find("truncate --size=");
  const std::string command = message.substr(at, message.find(", and move") - at);
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  const auto database = Open(copy);
  ASSERT_TRUE(database);
  EXPECT_EQ(database->Partition(0)->Recovered().last_sequence, 5U);
}

/// Commits one at a time until a commit fails, and prints every acknowledgement before the next.
void CommitForever() {
  const char* directory = std::getenv(kDirectoryVariable);
  if (directory == nullptr) std::abort();
  auto opened = RocksDatabase::Open({.directory = directory});
  if (!opened) {
    std::printf("FAILED %s %s\n", Name(opened.error().code).data(), opened.error().message.c_str());
    return;
  }
  const auto store = (*opened)->Partition(0);
  for (std::uint64_t i = store->Recovered().last_sequence + 1;; ++i) {
    Batch batch;
    batch.Put(KeyOf(i), ValueOf(i));
    std::promise<Result<void>> done;
    store->Commit(i, std::move(batch),
                  [&](Result<void> result) { done.set_value(std::move(result)); });
    const auto result = done.get_future().get();
    if (!result) {
      std::printf("FAILED %s %s\n", Name(result.error().code).data(),
                  result.error().message.c_str());
      return;
    }
    std::printf("ACK %lu\n", static_cast<unsigned long>(i));
    std::fflush(stdout);
  }
}

TEST(Victim, DISABLED_CommitsUntilKilled) {
  if (std::getenv(kDirectoryVariable) != nullptr) CommitForever();
}

TEST(Victim, DISABLED_CommitsUntilTheDiskIsFull) {
  if (std::getenv(kDirectoryVariable) == nullptr) return;
  signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{200'000, 200'000};
  setrlimit(RLIMIT_FSIZE, &limit);
  CommitForever();
}

TEST(Victim, DISABLED_OpensAsNobody) {
  if (std::getenv(kDirectoryVariable) == nullptr) return;
  if (geteuid() == 0 && setuid(65534) != 0) return;
  CommitForever();
}

}  // namespace
}  // namespace mesg::store::rocks
