#include "runtime/process/run_records.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "runtime/process/process_table.h"
#include "runtime/process/testing.h"

namespace mesg::runtime {
namespace {

namespace fs = std::filesystem;

class RunRecordsTest : public testing::Test {
 protected:
  void TearDown() override {
    for (const Process& process : processes_) {
      SignalSession(process.pid, SIGKILL);
      Reap(process);
    }
  }
  pid_t Run(std::vector<std::string> argv) {
    auto process = Spawn({.argv = std::move(argv), .env = env_, .directory = "/"});
    EXPECT_TRUE(process);
    processes_.push_back(*std::move(process));
    return processes_.back().pid;
  }
  bool Lives(pid_t pid) {
    const auto info = ReadProcess(pid);
    return info && info->state != 'Z';
  }
  /// The records as a Core that is dead would have left them.
  fs::path AsOfADeadCore() {
    fs::path folder = folder_.path() / "4194304-1";
    fs::rename(records_.Folder(), folder);
    return folder;
  }
  TemporaryFolder folder_;
  Environment env_ = {{"PATH", "/usr/bin:/bin"}, {"MESG_TOKEN", "secret"}};
  RunRecords records_ = RunRecords::Open(folder_.path()).value();
  std::vector<Process> processes_;
};

TEST_F(RunRecordsTest, EndsWhatAFormerCoreLeft) {
  const pid_t pid = Run({"sh", "-c", "sleep 1000 & sleep 1000 & wait"});
  ASSERT_TRUE(Eventually([&] { return SessionMembers(pid).size() == 3; }));
  ASSERT_TRUE(records_.Add("a", pid, env_));
  const fs::path folder = AsOfADeadCore();
  EXPECT_EQ(records_.SweepOthers(), std::vector<std::string>{"a"});
  EXPECT_TRUE(SessionMembers(pid).empty());
  EXPECT_FALSE(fs::exists(folder));
}

TEST_F(RunRecordsTest, LeavesItsOwnAndThoseOfALivingCore) {
  const pid_t pid = Run({"sleep", "1000"});
  ASSERT_TRUE(records_.Add("a", pid, env_));
  EXPECT_TRUE(records_.SweepOthers().empty());
  // A second object of the same living process.
  const RunRecords other = RunRecords::Open(folder_.path()).value();
  EXPECT_TRUE(other.SweepOthers().empty());
  EXPECT_TRUE(Lives(pid));
}

// The pid was given to another program since: its start time differs.
TEST_F(RunRecordsTest, LeavesAProcessThatTookOverThePid) {
  const pid_t pid = Run({"sleep", "1000"});
  ASSERT_TRUE(records_.Add("a", pid, env_));
  std::string note = ReadFile(records_.Folder() / "a");
  const std::string start = std::to_string(ReadProcess(pid)->start);
  WriteFile(records_.Folder() / "a", note.replace(note.find(start), start.size(), "12345"));
  AsOfADeadCore();
  EXPECT_TRUE(records_.SweepOthers().empty());
  EXPECT_TRUE(Lives(pid));
}

TEST_F(RunRecordsTest, LeavesProcessesOfAnotherBoot) {
  const pid_t pid = Run({"sleep", "1000"});
  ASSERT_TRUE(records_.Add("a", pid, env_));
  std::string note = ReadFile(records_.Folder() / "a");
  const std::string boot = BootId();
  WriteFile(records_.Folder() / "a", note.replace(note.find(boot), boot.size(), "other-boot"));
  AsOfADeadCore();
  EXPECT_TRUE(records_.SweepOthers().empty());
  EXPECT_TRUE(Lives(pid));
}

// Once the leader is gone only the token tells whose the rest of the session is.
TEST_F(RunRecordsTest, EndsOrphansThatCarryTheTokenOnly) {
  const pid_t pid = Run({"sh", "-c", "sleep 1001 & env -i sleep 1002 & exit 0"});
  ASSERT_TRUE(Eventually([&] { return !Lives(pid); }));
  ASSERT_TRUE(Eventually([&] { return SessionMembers(pid).size() == 2; }));
  ASSERT_TRUE(Eventually([&] {  // `env -i` has become sleep.
    for (const ProcessInfo& member : SessionMembers(pid)) {
      const std::string line = ReadFile("/proc/" + std::to_string(member.pid) + "/cmdline");
      if (!line.starts_with("sleep")) return false;
    }
    return true;
  }));
  ASSERT_TRUE(records_.Add("a", pid, env_));
  Reap(processes_.front());
  processes_.clear();
  AsOfADeadCore();
  EXPECT_EQ(records_.SweepOthers(), std::vector<std::string>{"a"});
  const auto left = SessionMembers(pid);
  ASSERT_EQ(left.size(), 1U);
  kill(left.front().pid, SIGKILL);
}

TEST_F(RunRecordsTest, IgnoresRubbish) {
  WriteFile(folder_.path() / "4194304-1" / "a", "rubbish");
  WriteFile(folder_.path() / "4194304-1" / "b", "1 1 x -");
  WriteFile(folder_.path() / "nonsense" / "c", "-7 1 x -");
  EXPECT_TRUE(records_.SweepOthers().empty());
}

TEST_F(RunRecordsTest, RemovedIsForgotten) {
  const pid_t pid = Run({"sleep", "1000"});
  ASSERT_TRUE(records_.Add("a", pid, env_));
  records_.Remove("a");
  AsOfADeadCore();
  EXPECT_TRUE(records_.SweepOthers().empty());
  EXPECT_TRUE(Lives(pid));
}

TEST_F(RunRecordsTest, ADeadProcessOrUnwritableFolderIsAnError) {
  EXPECT_EQ(records_.Add("a", 0x3ffffff, env_).error().code, Code::kNotFound);
  fs::remove_all(records_.Folder());
  EXPECT_EQ(records_.Add("a", getpid(), env_).error().code, Code::kUnavailable);
  WriteFile(folder_.path() / "file", "");
  EXPECT_EQ(RunRecords::Open(folder_.path() / "file").error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace mesg::runtime
