#include "runtime/process/spawn.h"

#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/process/process_table.h"
#include "runtime/process/testing.h"

namespace mesg::runtime {
namespace {

class SpawnTest : public testing::Test {
 protected:
  SpawnRequest Request(std::vector<std::string> argv) {
    return {
        .argv = std::move(argv), .env = {{"PATH", "/usr/bin:/bin"}}, .directory = folder_.path()};
  }
  /// What the program wrote, after its end.
  std::string Output(SpawnRequest request) {
    Pipe pipe = MakePipe().value();
    request.out = pipe.write.get();
    const auto process = Spawn(request);
    pipe.write.Reset();
    if (!process) return process.error().message;
    std::string text;
    char buffer[4096];
    for (ssize_t n = 0; (n = read(pipe.read.get(), buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<std::size_t>(n));
    }
    last_ = Reap(*process);
    return text;
  }
  TemporaryFolder folder_;
  ExitStatus last_;
};

TEST_F(SpawnTest, GivesExactlyTheEnvironmentAndFolderItIsTold) {
  SpawnRequest request = Request({"env"});
  request.env.emplace("A", "1 2");
  EXPECT_EQ(Output(request), "A=1 2\nPATH=/usr/bin:/bin\n");
  EXPECT_EQ(Output(Request({"pwd"})), folder_.path().string() + "\n");
}

TEST_F(SpawnTest, LeavesNothingOpenAndInputEmpty) {
  const UniqueFd leaky(open("/dev/null", O_RDONLY));                    // Without O_CLOEXEC.
  EXPECT_EQ(Output(Request({"ls", "/proc/self/fd"})), "0\n1\n2\n3\n");  // 3 is its own: the folder.
  EXPECT_EQ(Output(Request({"cat"})), "");
}

TEST_F(SpawnTest, ResetsSignalsThatCoreIgnoresOrBlocks) {
  const auto before = signal(SIGPIPE, SIG_IGN);
  sigset_t term, old;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, &old);
  const std::string text = Output(Request({"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}));
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  signal(SIGPIPE, before);
  EXPECT_EQ(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_F(SpawnTest, LeadsASessionOfItsOwn) {
  const auto process = Spawn(Request({"sleep", "1000"}));
  ASSERT_TRUE(process);
  const auto info = ReadProcess(process->pid);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->session, process->pid);
  EXPECT_EQ(info->group, process->pid);
  kill(process->pid, SIGKILL);
  EXPECT_EQ(Describe(Reap(*process)), "was killed by signal 9 (Killed)");
}

TEST_F(SpawnTest, TellsHowItEnded) {
  Output(Request({"sh", "-c", "exit 3"}));
  EXPECT_EQ(Describe(last_), "exited with status 3");
  EXPECT_FALSE(last_.Succeeded());
  Output(Request({"true"}));
  EXPECT_TRUE(last_.Succeeded());
}

TEST_F(SpawnTest, SaysWhatCannotBeStarted) {
  const auto error = [this](std::vector<std::string> argv) {
    return Spawn(Request(std::move(argv))).error();
  };
  EXPECT_EQ(error({}).code, Code::kInvalidArgument);
  EXPECT_EQ(error({"no-such-program"}).code, Code::kNotFound);
  EXPECT_NE(error({"no-such-program"}).message.find("PATH"), std::string::npos);
  EXPECT_EQ(error({"./missing"}).code, Code::kNotFound);
  WriteFile(folder_.path() / "plain", "text");
  EXPECT_EQ(error({"./plain"}).code, Code::kFailedPrecondition);
  WriteFile(folder_.path() / "script", "echo no interpreter line\n", true);
  EXPECT_NE(error({"./script"}).message.find("#!"), std::string::npos);
  SpawnRequest nowhere = Request({"true"});
  nowhere.directory = folder_.path() / "none";
  EXPECT_EQ(Spawn(nowhere).error().code, Code::kNotFound);
}

TEST_F(SpawnTest, RunsAScriptOfItsFolder) {
  WriteFile(folder_.path() / "script", "#!/bin/sh\necho hello $1\n", true);
  EXPECT_EQ(Output(Request({"./script", "you"})), "hello you\n");
}

TEST_F(SpawnTest, LimitsWhatItMayUse) {
  SpawnRequest request = Request({"sh", "-c", "head -c 100000 /dev/zero > file; echo $?"});
  request.limits.file_size = 1000;
  EXPECT_NE(Output(request), "0\n");
  EXPECT_EQ(std::filesystem::file_size(folder_.path() / "file"), 1000U);
}

// What keeps services from outliving Core: the kernel ends them with the thread that started them.
TEST_F(SpawnTest, DiesWithTheThreadThatStartedIt) {
  Result<Process> process = Internal("not started");
  std::thread([&] { process = Spawn(Request({"sleep", "1000"})); }).join();
  ASSERT_TRUE(process);
  EXPECT_EQ(Reap(*process).signal, SIGKILL);
}

TEST_F(SpawnTest, PeekLeavesTheZombieForReap) {
  const auto process = Spawn(Request({"sh", "-c", "exit 5"}));
  ASSERT_TRUE(process);
  EXPECT_EQ(PeekExit(*process).code, 5);
  EXPECT_EQ(ReadProcess(process->pid)->state, 'Z');
  EXPECT_EQ(Reap(*process).code, 5);
  EXPECT_FALSE(ReadProcess(process->pid));
}

// Another part of Core may wait for children of its own.
TEST_F(SpawnTest, ReapingTouchesNoOtherChild) {
  const pid_t other = fork();
  if (other == 0) _exit(7);
  Output(Request({"true"}));
  int status = 0;
  EXPECT_EQ(waitpid(other, &status, 0), other);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(InheritedEnvironmentTest, HasOnlyPathHomeAndLocale) {
  setenv("MESG_TEST_SECRET", "x", 1);
  setenv("LC_TIME", "C", 1);
  const Environment inherited = InheritedEnvironment();
  for (const auto& [name, value] : inherited) {
    EXPECT_TRUE(name == "PATH" || name == "HOME" || name == "LANG" || name.starts_with("LC_"))
        << name;
  }
  EXPECT_TRUE(inherited.contains("PATH"));
  EXPECT_TRUE(inherited.contains("LC_TIME"));
  unsetenv("MESG_TEST_SECRET");
}

}  // namespace
}  // namespace mesg::runtime
