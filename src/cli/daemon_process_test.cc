#include "cli/daemon_process.h"

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/port_owner.h"

namespace mesg::cli {
namespace {

class DaemonProcessTest : public testing::Test {
 protected:
  DaemonProcessTest() { std::filesystem::create_directories(folder_); }
  ~DaemonProcessTest() override { std::filesystem::remove_all(folder_); }

  static bool Ended(pid_t pid) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (IsRunning(pid)) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  std::string Log() const {
    std::ostringstream text;
    text << std::ifstream(log_).rdbuf();
    return text.str();
  }

  /// "new|old|older": the log and those before it.
  std::string Logs() const {
    std::string all = Log();
    for (int number = 1; number < 9; ++number) {
      std::ifstream old(log_.string() + "." + std::to_string(number));
      std::string text;
      if (std::getline(old, text)) all += "|" + text;
    }
    return all;
  }

  const std::filesystem::path folder_ =
      testing::TempDir() + "daemon_process_" + std::to_string(getpid());
  const std::filesystem::path log_ = folder_ / "log";
};

TEST_F(DaemonProcessTest, WhatItWritesIsAppendedToTheLog) {
  std::ofstream(log_) << "before\n";
  const auto pid = SpawnDetached("/bin/sh", {"-c", "echo out; echo err >&2; cat"}, log_);
  ASSERT_TRUE(pid);
  ASSERT_TRUE(Ended(*pid)) << "its input is empty, so that cat ends";
  EXPECT_EQ(Log(), "before\nout\nerr\n");
}

TEST_F(DaemonProcessTest, ItLeadsASessionAndInheritsNoFiles) {
  const int inherited = dup(STDERR_FILENO);
  const auto pid =
      SpawnDetached("/bin/sh",
                    {"-c",
                     "for i in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$i ] && echo inherited $i; done; "
                     "cut -d' ' -f1,6 /proc/$$/stat"},
                    log_);
  close(inherited);
  ASSERT_TRUE(pid);
  ASSERT_TRUE(Ended(*pid));
  EXPECT_EQ(Log(), std::to_string(*pid) + " " + std::to_string(*pid) + "\n");
}

TEST_F(DaemonProcessTest, AProgramThatCannotRunIsAnErrorNow) {
  const auto pid = SpawnDetached(folder_ / "none", {}, log_);
  ASSERT_FALSE(pid);
  EXPECT_EQ(pid.error().message,
            "cannot run " + (folder_ / "none").string() + ": No such file or directory");
  EXPECT_FALSE(SpawnDetached("/bin/true", {}, folder_ / "no" / "log"));
}

TEST_F(DaemonProcessTest, OnlyARunningCoreCounts) {
  const std::filesystem::path file = folder_ / "core.pid";
  EXPECT_EQ(RunningCore(file), std::nullopt);
  std::ofstream(file) << getpid();
  EXPECT_EQ(RunningCore(file), std::nullopt) << "this test is no Core";
  // A shell that is called like `mesg core`, and whose script stops itself.
  std::filesystem::copy_file("/bin/sh", folder_ / "mesg");
  std::ofstream(folder_ / "core") << "kill -STOP $$\n";
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  const auto pid = SpawnDetached(folder_ / "mesg", {"core"}, log_);
  std::filesystem::current_path(before);
  ASSERT_TRUE(pid);
  std::ofstream(file) << *pid << '\n';
  EXPECT_EQ(RunningCore(file), *pid);
  kill(*pid, SIGKILL);
  EXPECT_TRUE(Ended(*pid));
  EXPECT_EQ(RunningCore(file), std::nullopt);
}

TEST_F(DaemonProcessTest, TheLastLinesAreFoundInALongFile) {
  std::ofstream out(log_);
  for (int i = 0; i < 50'000; ++i) out << "line " << i << '\n';
  out << "unfinished";
  out.close();
  EXPECT_EQ(LastLines(log_, 2), "line 49999\nunfinished");
  EXPECT_EQ(LastLines(log_, 0), "");
  EXPECT_EQ(LastLines(log_, SIZE_MAX).size(), std::filesystem::file_size(log_));
  EXPECT_EQ(LastLines(folder_ / "none", 5), "");
}

TEST_F(DaemonProcessTest, TheOwnerOfAPortIsNamed) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  socklen_t size = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const int port = ntohs(address.sin_port);
  EXPECT_EQ(PortOwner(port), "cli_test (process " + std::to_string(getpid()) + ")");
  close(listener);
  EXPECT_EQ(PortOwner(port), "");
}

TEST_F(DaemonProcessTest, OfOldLogsTheNewestAreKept) {
  EXPECT_TRUE(RotateLog(log_, 2));
  EXPECT_EQ(Logs(), "");
  for (const char* text : {"1", "2", "3", "4"}) {
    EXPECT_TRUE(RotateLog(log_, 2));
    std::ofstream(log_) << text;
  }
  EXPECT_EQ(Logs(), "4|3|2");
  EXPECT_TRUE(RotateLog(log_, 2));
  EXPECT_EQ(Logs(), "|4|3");
  std::ofstream(log_) << "";
  EXPECT_TRUE(RotateLog(log_, 2)) << "an empty one drives no other out";
  EXPECT_EQ(Logs(), "|4|3");
  std::ofstream(log_) << "5";
  std::filesystem::remove(log_.string() + ".1");
  std::filesystem::create_directories(log_.string() + ".1");
  std::ofstream(log_.string() + ".1/file") << "";
  EXPECT_EQ(RotateLog(log_, 1).error().code, Code::kFailedPrecondition);
}

}  // namespace
}  // namespace mesg::cli
