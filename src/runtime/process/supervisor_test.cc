#include "runtime/process/supervisor.h"

#include <atomic>
#include <mutex>

#include <gtest/gtest.h>
#include <signal.h>

#include "base/guarded.h"
#include "runtime/process/process_table.h"
#include "runtime/process/testing.h"

namespace mesg::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SupervisorTest : public testing::Test {
 protected:
  SupervisorTest() {
    setenv("MESG_TEST_SECRET_OF_CORE", "x", 1);
    options_.data_directory = data_.path();
    options_.guard_program = HelperFolder() / "mesg-guard";
    options_.restart = {.initial = milliseconds(1), .max = milliseconds(20), .give_up_after = 1000};
    WriteFile(data_.path() / "content" / "mesg.yml", "name: test\n");
  }
  void Begin() {
    supervisor_ =
        Supervisor::Make(options_, clock_, [this](const InstanceStatus& status) {
          states_.With([&](std::string& all) { all += std::string(Name(status.state)) + " "; });
        }).value();
  }
  InstanceSpec Spec(std::string script, std::string id = "i1") {
    return {.id = std::move(id),
            .name = "test",
            .folder = data_.path() / "content",
            .content_hash = "hash",
            .run = {"sh", "-c", std::move(script)},
            .env = {{"MESG_TOKEN", "secret"}},
            .health = {},
            .grace = seconds(30)};
  }
  void Start(InstanceSpec spec) {
    if (!supervisor_) Begin();
    const auto started = supervisor_->Start(std::move(spec));
    ASSERT_TRUE(started) << started.error().message;
  }
  InstanceStatus Status(const std::string& id = "i1") {
    return supervisor_->Status(id).value_or(InstanceStatus{});
  }
  bool Comes(InstanceState state, const std::string& id = "i1") {
    return Eventually([&] { return Status(id).state == state; });
  }
  std::vector<LogLine> Log(const std::string& id) { return *supervisor_->ReadLog(id, 0); }
  /// Puts a program into the service that takes its time to end. Not a shell script: dash can lose
  /// a trapped signal that comes while it starts a command.
  void EndsSlowly(const std::string& last_words) {
    WriteFile(data_.path() / "content" / "slow.js",
              "process.on('SIGTERM', () => setTimeout(() => {\n  console.log('" + last_words +
                  "'); process.exit(0); }, 200));\n"
                  "console.log('ready'); setInterval(() => {}, 1000);\n");
  }
  /// What the service wrote so far, "out:" or "err:" before each line.
  std::string Written(const std::string& id = "i1") {
    std::string all;
    for (const LogLine& line : Log(id)) {
      if (line.stream == LogStream::kCore) continue;
      all += std::string(Name(line.stream)) + ":" + line.text + "|";
    }
    return all;
  }
  bool Writes(const std::string& text, const std::string& id = "i1") {
    return Eventually([&] { return Written(id).find(text) != std::string::npos; });
  }

  TemporaryFolder data_;
  SystemClock clock_;
  SupervisorOptions options_;
  Guarded<std::string> states_;
  std::unique_ptr<Supervisor> supervisor_;
};

TEST_F(SupervisorTest, RunsAndStops) {
  Start(Spec("echo here; exec sleep 1000"));
  ASSERT_TRUE(Comes(InstanceState::kRunning));
  ASSERT_TRUE(Writes("out:here|"));
  const pid_t pid = Status().pid;
  EXPECT_EQ(ReadProcess(pid)->session, pid);
  supervisor_->StopAndWait("i1");
  EXPECT_EQ(Status().state, InstanceState::kStopped);
  EXPECT_EQ(Status().pid, 0);
  EXPECT_FALSE(ReadProcess(pid));
  states_.With([](const std::string& all) { EXPECT_EQ(all, "starting running stopped "); });
}

TEST_F(SupervisorTest, GivesTheDeclaredEnvironmentAndPathHomeLocaleOnly) {
  options_.inherited = {{"PATH", "/usr/bin:/bin"}, {"HOME", "/h"}, {"LC_ALL", "C"}};
  InstanceSpec spec = Spec("");
  spec.run = {"sh", "-c", "cat /proc/$$/environ | tr '\\0' '\\n' | sort; exec sleep 1000"};
  spec.env = {{"MESG_ENDPOINT", "localhost:1"}, {"A", "b"}, {"LC_ALL", "mine"}};
  Start(spec);
  ASSERT_TRUE(Writes("PATH"));
  EXPECT_EQ(Written(),
            "out:A=b|out:HOME=/h|out:LC_ALL=mine|out:MESG_ENDPOINT=localhost:1|"
            "out:PATH=/usr/bin:/bin|");
}

TEST_F(SupervisorTest, WorksInCoresCopyOfItsFolder) {
  Start(Spec("pwd; cat mesg.yml; exec sleep 1000"));
  ASSERT_TRUE(Writes("name: test"));
  EXPECT_EQ(Written(),
            "out:" + (data_.path() / "services/prepared/hash").string() + "|out:name: test|");
}

// A classic service whose streams ended has nothing left to do and exits with 0.
TEST_F(SupervisorTest, StartsAgainAfterAnExitWithZero) {
  Start(Spec("echo turn; exit 0"));
  ASSERT_TRUE(Eventually([&] { return Status().restarts >= 3; }));
  ASSERT_TRUE(Writes("out:turn|out:turn|out:turn|"));
  supervisor_->StopAndWait("i1");
  states_.With([](const std::string& all) {
    EXPECT_TRUE(all.starts_with("starting running restarting running restarting ")) << all;
  });
}

TEST_F(SupervisorTest, GivesUpWithTheReasonAndTriesAnewWhenAsked) {
  options_.restart.give_up_after = 3;
  Start(Spec("echo broken >&2; exit 7"));
  ASSERT_TRUE(Comes(InstanceState::kFailed));
  const std::string reason = Status().reason;
  EXPECT_NE(reason.find("3 times in a row"), std::string::npos) << reason;
  EXPECT_NE(reason.find("exited with status 7"), std::string::npos) << reason;
  EXPECT_NE(reason.find("broken"), std::string::npos) << reason;
  EXPECT_EQ(Status().restarts, 2U);
  Start(Spec("exec sleep 1000"));
  ASSERT_TRUE(Comes(InstanceState::kRunning));
  EXPECT_EQ(Status().restarts, 0U);
}

TEST_F(SupervisorTest, AProgramThatDoesNotExistFailsAtOnce) {
  InstanceSpec spec = Spec("");
  spec.run = {"no-such-program"};
  Start(spec);
  ASSERT_TRUE(Comes(InstanceState::kFailed));
  EXPECT_NE(Status().reason.find("no-such-program"), std::string::npos);
}

TEST_F(SupervisorTest, NothingToStartIsRefused) {
  Begin();
  InstanceSpec spec = Spec("");
  spec.run.clear();
  EXPECT_EQ(supervisor_->Start(spec).error().code, Code::kFailedPrecondition);
  spec = Spec("true", "../escape");
  EXPECT_EQ(supervisor_->Start(spec).error().code, Code::kInvalidArgument);
  EXPECT_EQ(supervisor_->ReadLog("../escape", 1).error().code, Code::kInvalidArgument);
}

TEST_F(SupervisorTest, KillsWhatIgnoresTerm) {
  InstanceSpec spec = Spec("trap '' TERM; echo deaf; while :; do sleep 1000; done");
  spec.grace = milliseconds(50);
  Start(spec);
  ASSERT_TRUE(Writes("deaf"));
  const pid_t pid = Status().pid;
  supervisor_->StopAndWait("i1");
  EXPECT_TRUE(SessionMembers(pid).empty());
  EXPECT_FALSE(ReadProcess(pid));
}

// TERM reaches node below npm and sh, which may need a while after its parents are gone.
TEST_F(SupervisorTest, LetsTheWholeGroupFinishWithinTheGracePeriod) {
  EndsSlowly("child finished");
  Start(Spec("node slow.js & wait"));
  ASSERT_TRUE(Writes("ready"));
  supervisor_->StopAndWait("i1");
  EXPECT_NE(Written().find("child finished"), std::string::npos);
}

TEST_F(SupervisorTest, ARealNpmStartChainEndsAsAWhole) {
  WriteFile(data_.path() / "content" / "package.json",
            R"({"name":"s","version":"1.0.0","scripts":{"start":"node index.js"}})");
  WriteFile(data_.path() / "content" / "index.js",
            "console.log('node runs', process.env.MESG_TOKEN); setInterval(() => {}, 1000)");
  InstanceSpec spec = Spec("");
  spec.run.clear();
  Start(spec);
  ASSERT_TRUE(Writes("node runs secret"));
  const pid_t pid = Status().pid;
  EXPECT_GE(SessionMembers(pid).size(), 2U);
  supervisor_->StopAndWait("i1");
  EXPECT_TRUE(SessionMembers(pid).empty());
}

// Or the next start would find its port taken.
TEST_F(SupervisorTest, EndsWhatTheFirstProcessLeftBeforeItStartsAgain) {
  Start(Spec("sleep 1000 & echo left $!; exit 1"));
  ASSERT_TRUE(Eventually([&] { return Status().restarts >= 2; }));
  supervisor_->StopAndWait("i1");
  for (const LogLine& line : Log("i1")) {
    if (!line.text.starts_with("left ")) continue;
    const auto left = ReadProcess(std::stoi(line.text.substr(5)));
    EXPECT_TRUE(!left || left->state == 'Z') << line.text;
  }
}

TEST_F(SupervisorTest, AStartDuringTheStopRunsAgainAfterIt) {
  EndsSlowly("bye");
  Start(Spec("exec node slow.js"));
  ASSERT_TRUE(Writes("ready"));
  std::atomic<bool> stopped = false;
  supervisor_->Stop("i1", [&stopped] { stopped = true; });
  Start(Spec("echo two; exec sleep 1000"));
  ASSERT_TRUE(Writes("two"));
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(Comes(InstanceState::kRunning));
}

TEST_F(SupervisorTest, StopDuringThePauseEndsIt) {
  options_.restart.initial = options_.restart.max = std::chrono::hours(1);
  Start(Spec("exit 1"));
  ASSERT_TRUE(Comes(InstanceState::kRestarting));
  EXPECT_NE(Status().reason.find("exited with status 1"), std::string::npos);
  supervisor_->StopAndWait("i1");
  EXPECT_EQ(Status().state, InstanceState::kStopped);
}

TEST_F(SupervisorTest, StartDuringThePauseCutsItShort) {
  options_.restart.initial = options_.restart.max = std::chrono::hours(1);
  Start(Spec("exit 1"));
  ASSERT_TRUE(Comes(InstanceState::kRestarting));
  Start(Spec("exec sleep 1000"));
  EXPECT_TRUE(Comes(InstanceState::kRunning));
}

// Secrets of an environment, which a test sets and takes away.
class SecretEnvironmentTest : public SupervisorTest {
 protected:
  InstanceSpec WithSecrets(std::string script) {
    InstanceSpec spec = Spec(std::move(script));
    spec.env["KEY"] = "***";
    spec.secrets = [this]() -> Result<SecretEnvironment> {
      const std::string value = value_.With([](const auto& current) { return current; });
      ++asked_;
      if (value.empty()) return FailedPrecondition("the secret key is not set");
      return SecretEnvironment{{{"KEY", value + "!"}}, {value}};
    };
    return spec;
  }
  void Set(const std::string& value) {
    value_.With([&](std::string& current) { current = value; });
  }
  std::string Notes() {
    std::string all;
    for (const LogLine& line : Log("i1")) {
      if (line.stream == LogStream::kCore) all += line.text + "|";
    }
    return all;
  }

  Guarded<std::string> value_;
  std::atomic<int> asked_ = 0;
};

TEST_F(SecretEnvironmentTest, IsGivenToTheProcessAndTakenOutOfWhatItSays) {
  Set("hunter2");
  InstanceSpec spec = WithSecrets(
      "test \"$KEY\" = 'hunter2!' && echo \"got $KEY\"; echo $KEY >&2; exec sleep 1000");
  spec.health =
      HealthSpec{{"sh", "-c", "test \"$KEY\" = 'hunter2!'"}, milliseconds(1), seconds(20)};
  Start(spec);
  ASSERT_TRUE(Writes("got ***!"));
  ASSERT_TRUE(Writes("err:***!"));
  EXPECT_TRUE(Comes(InstanceState::kRunning));
  EXPECT_EQ(Status().reason, "") << "its health check has it too";
}

TEST_F(SecretEnvironmentTest, IsAwaitedAndTheProcessStartsOnceItIsThere) {
  options_.restart.give_up_after = 2;
  Start(WithSecrets("echo \"is $KEY\"; exec sleep 1000"));
  ASSERT_TRUE(Comes(InstanceState::kRestarting));
  EXPECT_EQ(Status().reason, "not started: the secret key is not set");
  ASSERT_TRUE(Eventually([&] { return asked_ > 5; })) << "it is never given up";
  EXPECT_EQ(Status().pid, 0);
  EXPECT_EQ(Status().restarts, 0U);
  EXPECT_EQ(Notes(), "not started: the secret key is not set|") << "said once";
  Set("hunter2");
  ASSERT_TRUE(Comes(InstanceState::kRunning));
  ASSERT_TRUE(Writes("is ***!"));
}

TEST_F(SecretEnvironmentTest, EachStartHasTheValueOfThatMoment) {
  Set("first-value");
  Start(WithSecrets("test \"$KEY\" = 'second-value!' && exec sleep 1000; echo \"not $KEY\""));
  ASSERT_TRUE(Writes("not ***!"));
  Set("second-value");
  ASSERT_TRUE(Eventually([&] {
    const auto status = Status();
    return status.state == InstanceState::kRunning && Notes().find("started") != std::string::npos;
  }));
  EXPECT_EQ(Written().find("value"), std::string::npos);
  supervisor_->StopAndWait("i1");
  EXPECT_EQ(Status().state, InstanceState::kStopped);
}

TEST_F(SecretEnvironmentTest, WhoWaitsForItCanBeStopped) {
  options_.restart.initial = options_.restart.max = std::chrono::hours(1);
  Start(WithSecrets("exec sleep 1000"));
  ASSERT_TRUE(Comes(InstanceState::kRestarting));
  supervisor_->StopAndWait("i1");
  EXPECT_EQ(Status().state, InstanceState::kStopped);
}

TEST_F(SupervisorTest, StartingWhatRunsChangesNothing) {
  Start(Spec("exec sleep 1000"));
  ASSERT_TRUE(Comes(InstanceState::kRunning));
  const pid_t pid = Status().pid;
  Start(Spec("exec sleep 1000"));
  ASSERT_TRUE(supervisor_->Forget("other"));  // Comes after the start above.
  EXPECT_EQ(Status().pid, pid);
}

TEST_F(SupervisorTest, ItsEndStopsAllAtOnce) {
  InstanceSpec stubborn = Spec("trap '' TERM; echo ready; while :; do sleep 1000; done");
  stubborn.grace = milliseconds(100);
  std::vector<pid_t> pids;
  for (const char* id : {"a", "b", "c"}) {
    stubborn.id = id;
    Start(stubborn);
    ASSERT_TRUE(Writes("ready", id));
    pids.push_back(Status(id).pid);
  }
  supervisor_.reset();
  for (const pid_t pid : pids) EXPECT_TRUE(SessionMembers(pid).empty());
  EXPECT_TRUE(std::filesystem::is_empty(data_.path() / "services/running"));
}

TEST_F(SupervisorTest, FollowsFromTheTailWithoutGapOrRepetition) {
  Start(Spec("i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; exec sleep 1000"));
  ASSERT_TRUE(Writes("out:10|"));
  Guarded<std::vector<std::string>> seen;
  const auto subscription = supervisor_->FollowLog("i1", 5, [&](const std::vector<LogLine>& lines) {
    seen.With([&](auto& all) {
      for (const LogLine& line : lines) {
        if (line.stream == LogStream::kOut) all.push_back(line.text);
      }
    });
  });
  ASSERT_TRUE(subscription);
  ASSERT_TRUE(Eventually(
      [&] { return seen.With([](auto& all) { return !all.empty() && all.back() == "2999"; }); }));
  seen.With([](auto& all) {
    for (std::size_t i = 1; i < all.size(); ++i) {
      EXPECT_EQ(std::stoi(all[i]), std::stoi(all[i - 1]) + 1);
    }
  });
}

TEST_F(SupervisorTest, AnEndedSubscriptionHearsNothingMore) {
  Start(Spec("while :; do echo tick; sleep 0.005; done"));
  std::atomic<int> heard = 0;
  auto subscription =
      supervisor_->FollowLog("i1", 0, [&](const std::vector<LogLine>&) { ++heard; }).value();
  ASSERT_TRUE(Eventually([&] { return heard > 3; }));
  subscription.reset();
  const int then = heard;
  const std::size_t written = Written().size();
  ASSERT_TRUE(Eventually([&] { return Written().size() > written + 50; }));
  EXPECT_EQ(heard, then);
}

TEST_F(SupervisorTest, KeepsBothStreamsAndTheUnfinishedLastLine) {
  Start(Spec("echo one; echo two >&2; printf three; exit 0"));
  ASSERT_TRUE(Eventually([&] { return Status().restarts > 0; }));
  supervisor_->StopAndWait("i1");
  const std::string written = Written();
  for (const char* part : {"out:one|", "err:two|", "out:three|"}) {
    EXPECT_NE(written.find(part), std::string::npos) << written;
  }
}

TEST_F(SupervisorTest, TheLogIsThereForTheNextCore) {
  Start(Spec("echo from before; exec sleep 1000"));
  ASSERT_TRUE(Writes("from before"));
  supervisor_.reset();
  Begin();
  EXPECT_EQ(Written(), "out:from before|");
  EXPECT_TRUE(supervisor_->Survivors().empty());
}

TEST_F(SupervisorTest, ForgetsWhatIsStopped) {
  Start(Spec("echo x; exec sleep 1000"));
  ASSERT_TRUE(Writes("x"));
  EXPECT_EQ(supervisor_->Forget("i1").error().code, Code::kFailedPrecondition);
  supervisor_->StopAndWait("i1");
  EXPECT_TRUE(supervisor_->Forget("i1"));
  EXPECT_FALSE(supervisor_->Status("i1"));
  EXPECT_TRUE(supervisor_->ReadLog("i1", 0)->empty());
  EXPECT_TRUE(supervisor_->List().empty());
}

TEST_F(SupervisorTest, ReportsUnhealthyAndHealthyAgain) {
  InstanceSpec spec = Spec("exec sleep 1000");
  spec.health = {.command = {"test", "-e", "well"}, .interval = milliseconds(10)};
  Start(spec);
  ASSERT_TRUE(Eventually(
      [&] { return Status().reason == "unhealthy: its health check exited with status 1"; }));
  EXPECT_EQ(Status().state, InstanceState::kRunning);
  WriteFile(data_.path() / "services/prepared/hash/well", "");
  EXPECT_TRUE(Eventually([&] { return Status().reason.empty(); }));
}

TEST_F(SupervisorTest, AHealthCheckThatHangsIsUnhealthy) {
  InstanceSpec spec = Spec("exec sleep 1000");
  spec.health = {.command = {"sh", "-c", "sleep 1000 & wait"},
                 .interval = milliseconds(10),
                 .timeout = milliseconds(50)};
  Start(spec);
  ASSERT_TRUE(Eventually([&] { return Status().reason.find("within 50ms") != std::string::npos; }));
}

// One noisy service must not slow the others down.
TEST_F(SupervisorTest, AFloodOfOutputStarvesNobody) {
  options_.log.max_bytes = 100'000;
  Start(Spec("yes noise", "noisy"));
  ASSERT_TRUE(Writes("noise", "noisy"));
  Start(Spec("echo calm; exec sleep 1000", "calm"));
  ASSERT_TRUE(Writes("calm", "calm"));
  supervisor_->StopAndWait("noisy");
  std::uintmax_t size = 0;
  for (const auto& file : std::filesystem::directory_iterator(data_.path() / "logs/noisy")) {
    size += file.file_size();
  }
  EXPECT_LT(size, 1'500'000U);
}

TEST_F(SupervisorTest, AnInstallationThatFailsSaysWhy) {
  WriteFile(data_.path() / "content" / "package.json",
            R"({"scripts":{"start":"x"},"dependencies":{"none":"file:./not-there/none.tgz"}})");
  InstanceSpec spec = Spec("");
  spec.run.clear();
  Start(spec);
  ASSERT_TRUE(Comes(InstanceState::kFailed));
  EXPECT_NE(Status().reason.find("npm install"), std::string::npos) << Status().reason;
}

TEST_F(SupervisorTest, WithoutItsGuardNothingIsStarted) {
  options_.guard_program = data_.path() / "no-guard";
  Start(Spec("exec sleep 1000"));
  ASSERT_TRUE(Comes(InstanceState::kFailed));
  EXPECT_NE(Status().reason.find("no-guard"), std::string::npos);
}

TEST_F(SupervisorTest, ADataDirectoryThatCannotBeMadeIsAnError) {
  WriteFile(data_.path() / "file", "");
  options_.data_directory = data_.path() / "file";
  EXPECT_EQ(Supervisor::Make(options_, clock_, {}).error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace mesg::runtime
