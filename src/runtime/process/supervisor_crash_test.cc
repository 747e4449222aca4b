#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/process/process_table.h"
#include "runtime/process/supervisor.h"
#include "runtime/process/testing.h"

namespace mesg::runtime {
namespace {

/// A Core in a process of its own, so that it can be killed.
class SupervisorCrashTest : public testing::Test {
 protected:
  SupervisorOptions Options(bool with_guard) {
    SupervisorOptions options;
    options.data_directory = data_.path();
    if (with_guard) options.guard_program = HelperFolder() / "mesg-guard";
    return options;
  }

  /// Starts a Core with one service, whose session id is returned.
  pid_t StartCore(bool with_guard) {
    core_ = fork();
    if (core_ == 0) {
      const SystemClock clock;
      const auto supervisor = Supervisor::Make(Options(with_guard), clock, {}).value();
      const auto started =
          supervisor->Start({.id = "i1",
                             .name = "test",
                             .folder = data_.path() / "content",
                             .content_hash = "hash",
                             .run = {"sh", "-c", "sh -c 'sleep 1000 & wait' & wait"},
                             .env = {{"MESG_TOKEN", "secret"}},
                             .health = {}});
      if (!started) _exit(1);
      for (;;) pause();
    }
    pid_t session = 0;
    EXPECT_TRUE(Eventually([&] {
      for (const auto& folder :
           std::filesystem::directory_iterator(data_.path() / "services" / "running")) {
        session = std::atoi(ReadFile(folder.path() / "i1").c_str());
      }
      return session > 0 && SessionMembers(session).size() == 3;
    }));
    return session;
  }

  void KillCore() {
    kill(core_, SIGKILL);
    waitpid(core_, nullptr, 0);
  }

  SupervisorCrashTest() {
    WriteFile(data_.path() / "content" / "mesg.yml", "name: test\n");
    std::filesystem::create_directories(data_.path() / "services" / "running");
  }

  TemporaryFolder data_;
  pid_t core_ = 0;
};

TEST_F(SupervisorCrashTest, TheGuardEndsTheWholeSessionWhenCoreIsKilled) {
  const pid_t session = StartCore(/*with_guard=*/true);
  KillCore();
  EXPECT_TRUE(Eventually([&] { return SessionMembers(session).empty(); }));
  // It forgets what it ended: nothing is left to find.
  EXPECT_TRUE(
      Eventually([&] { return std::filesystem::is_empty(data_.path() / "services" / "running"); }));
}

// When guard and Core die together, the kernel ends the first process; the next Core ends the rest.
TEST_F(SupervisorCrashTest, TheNextCoreEndsWhatIsLeftWithoutAGuard) {
  const pid_t session = StartCore(/*with_guard=*/false);
  KillCore();
  ASSERT_TRUE(Eventually([&] { return SessionMembers(session).size() == 2; }));
  const SystemClock clock;
  const auto next = Supervisor::Make(Options(false), clock, {}).value();
  EXPECT_EQ(next->Survivors(), std::vector<std::string>{"i1"});
  EXPECT_TRUE(SessionMembers(session).empty());
}

// The guard takes no notice of what ends a terminal's or a unit's processes, and comes back when
// killed.
TEST_F(SupervisorCrashTest, AGuardThatIsKilledIsReplaced) {
  const SystemClock clock;
  const auto supervisor = Supervisor::Make(Options(true), clock, {}).value();
  ASSERT_TRUE(supervisor->Start({.id = "i1",
                                 .name = "test",
                                 .folder = data_.path() / "content",
                                 .content_hash = "hash",
                                 .run = {"sleep", "1000"},
                                 .env = {},
                                 .health = {}}));
  ASSERT_TRUE(
      Eventually([&] { return supervisor->Status("i1").value_or(InstanceStatus{}).pid > 0; }));
  const auto guard = [] {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const int pid = std::atoi(entry.path().filename().c_str());
      if (pid == 0) continue;
      const std::string stat = ReadFile(entry.path() / "stat");
      const auto name_end = stat.find("(mesg-guard) ");
      if (name_end == std::string::npos) continue;
      // "PID (NAME) STATE PARENT": not one that has ended and waits to be reaped.
      const std::string_view rest = std::string_view(stat).substr(name_end + 13);
      if (rest.front() != 'Z' && std::atoi(rest.data() + 2) == getpid()) return pid;
    }
    return 0;
  };
  int first = 0;  // Not found before it is past its exec.
  ASSERT_TRUE(Eventually([&] { return (first = guard()) > 0; }));
  kill(first, SIGTERM);
  kill(first, SIGINT);
  kill(first, SIGKILL);
  EXPECT_TRUE(Eventually([&] { return guard() > 0 && guard() != first; }));
  EXPECT_EQ(supervisor->Status("i1")->state, InstanceState::kRunning);
}

}  // namespace
}  // namespace mesg::runtime
