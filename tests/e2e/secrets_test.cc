#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "e2e/fixture.h"
#include "e2e/raw_worker.h"

namespace mesg::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Secrets with the real program, and where they may not be found.
class SecretsTest : public CoreTest {
 protected:
  SecretsTest() { core_.options().arguments = {"--log-level", "debug"}; }

  CoreProcess::Ran Set(const std::string& name, const std::string& value) const {
    const TemporaryFolder elsewhere;
    elsewhere.Write("value", value);
    return core_.Run({"secret", "set", name, "--from-file", elsewhere.path() / "value"});
  }
  std::string List() const { return core_.Run({"secret", "list"}).output; }

  /// The files below MESG_HOME, and Core's own log, that hold `text`.
  std::string FilesWith(const std::string& text) const {
    std::string found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
      if (entry.is_regular_file() && ReadText(entry.path()).find(text) != std::string::npos) {
        found += entry.path().string() + " ";
      }
    }
    return found;
  }
  /// The processes whose command line or environment holds `text`.
  static std::string ProcessesWith(const std::string& text) {
    std::string found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      for (const char* file : {"cmdline", "environ"}) {
        if (ReadText(entry.path() / file).find(text) != std::string::npos) {
          found += entry.path().string() + " ";
        }
      }
    }
    return found;
  }
  void ExpectNowhere(const std::string& value) const {
    EXPECT_EQ(FilesWith(value), "");
    EXPECT_EQ(ProcessesWith(value), "");
    EXPECT_THAT(core_.Log(), Not(HasSubstr(value)));
  }
  void WritePrivately(const std::string& name, const std::string& text) const {
    folder_.Write(name, text);
    fs::permissions(folder_.path() / name, fs::perms::owner_read | fs::perms::owner_write);
  }

  /// Of this process alone: other tests run at the same time, and what they type shows in `ps`.
  const std::string value_ = "hunter2-" + std::to_string(getpid()) + "-and-then-some";
};

TEST_F(SecretsTest, ASecretSurvivesAKillAndItsValueIsNowhere) {
  Start();
  EXPECT_EQ(List(), "NAME  SET  CHANGED\n");
  const CoreProcess::Ran set = Set("smtp_password", value_);
  ASSERT_EQ(set.status, 0) << set.errors;
  EXPECT_THAT(set.output + set.errors, Not(HasSubstr(value_)));
  core_.Kill();
  ExpectNowhere(value_);
  Start();
  EXPECT_THAT(List(), HasSubstr("smtp_password"));
  EXPECT_THAT(core_.Run({"secret", "list", "--json"}).output,
              AllOf(HasSubstr(R"("name":"smtp_password")"), Not(HasSubstr(value_))));
  ExpectNowhere(value_);
  EXPECT_EQ(FilesWith("smtp_password"), "") << "names are encrypted too";

  EXPECT_EQ(core_.Run({"secret", "rm", "smtp_password"}).status, 0);
  EXPECT_EQ(core_.Run({"secret", "rm", "smtp_password"}).status, 1);
  core_.Kill();
  Start();
  EXPECT_THAT(List(), Not(HasSubstr("smtp_password")));
}

// The whole way of a secret: into the inputs of a task and the environment of a process, and
// nowhere else.
TEST_F(SecretsTest, AnApplicationHandsThemOutAndNothingKeepsThem) {
  const TemporaryFolder elsewhere;  // Where a service may write what it was given.
  const std::string token = value_ + "-token";
  Start();
  ASSERT_EQ(Set("smtp", value_).status, 0);
  const std::string mail = DeployDefinition(R"(
name: mail
sid: mail
events: { left: { data: { text: { type: String } } } }
tasks:
  send:
    inputs: { to: { type: String }, password: { type: String }, header: { type: String } }
    outputs: { log: { type: String } }
)");
  elsewhere.Write("echo/mesg.yml",
                  "name: echo\nsid: echo\nrun: [sh, run.sh]\nenv: { KEY: {}, URL: {} }\n");
  elsewhere.Write("echo/run.sh", "printf %s \"$KEY\" > " + (elsewhere.path() / "new").string() +
                                     "\nmv " + (elsewhere.path() / "new").string() + " " +
                                     (elsewhere.path() / "got").string() +
                                     "\necho \"key is $KEY\"\nexec sleep 1000\n");
  elsewhere.Write("app.yml", R"(name: letters
inputs: { host: { type: String } }
services:
  mail: { use: mail }
  echo: { use: ./echo, env: { KEY: "u:${ $secrets.token }", URL: "https://${ $inputs.host }" } }
workflows:
  post:
    on: { manual: {} }
    steps:
      - id: send
        task: mail.send
        with:
          to: a@example.org
          password: ${ $secrets.smtp }
          header: "Bearer ${ $secrets.token } of ${ $inputs.host }"
        retry: { attempts: 200, initial: 100ms, factor: 1 }
      - set: { said: "${ $steps.send.log }" }
)");
  const CoreProcess::Ran deployed =
      core_.Run({"app", "deploy", elsewhere.path() / "app.yml", "--set", "host=h"});
  ASSERT_EQ(deployed.status, 0) << deployed.output << deployed.errors;

  // A service waits for its secret, a task is tried again.
  EXPECT_TRUE(Eventually([&] {
    return core_.Run({"service", "show", "letters-echo"})
               .output.find("the secret token is not set") != std::string::npos;
  })) << core_.Run({"service", "show", "letters-echo"}).output;
  RawWorker worker(core_.endpoint(), mail, 10);
  const CoreProcess::Ran started = core_.Run({"run", "start", "letters", "post"});
  ASSERT_EQ(started.status, 0) << started.errors;
  const std::string run = started.output.substr(0, started.output.find('\n'));
  const auto show = [&] { return core_.Run({"run", "show", run}).output; };
  EXPECT_TRUE(Eventually([&] {
    return show().find("the secret token is not set") != std::string::npos;
  })) << show();
  EXPECT_EQ(worker.DeliveryCount(), 0U);
  ASSERT_EQ(Set("token", token).status, 0);

  ASSERT_TRUE(Eventually([&] { return worker.DeliveryCount() == 1; })) << show();
  const v1::Delivery delivery = worker.Deliveries().front();
  EXPECT_EQ(delivery.inputs(), R"({"to":"a@example.org","password":")" + value_ +
                                   R"(","header":"Bearer )" + token + R"( of h"})");
  EXPECT_TRUE(Eventually([&] { return ReadText(elsewhere.path() / "got") == "u:" + token; }));
  EXPECT_TRUE(Eventually([&] {
    return core_.Run({"service", "logs", "letters-echo"}).output.find("key is u:***") !=
           std::string::npos;
  })) << core_.Run({"service", "logs", "letters-echo"}).output;

  // The answer comes after a crash, and repeats what it was given.
  core_.Kill();
  ASSERT_TRUE(core_.Start());
  client_ = Client(core_.endpoint());
  RawWorker again(core_.endpoint(), mail, 10);
  ASSERT_TRUE(Eventually([&] { return again.DeliveryCount() == 1; })) << show();
  const std::string id = again.Deliveries().front().delivery_id();
  again.Succeed(id, R"({"log":"sent with )" + value_ + " and " + token + R"("})");
  EXPECT_EQ(again.AwaitAccepted(id).delivery_id(), id);
  EXPECT_TRUE(Eventually([&] { return show().find("sent with *** and ***") != std::string::npos; }))
      << show();
  std::string all = show() + core_.Run({"run", "show", run, "--json"}).output;
  all += core_.Run({"execution", "show", delivery.execution_id()}).output;
  all += core_.Run({"execution", "show", delivery.execution_id(), "--json"}).output;
  all += core_.Run({"execution", "list", "--json"}).output;
  all += core_.Run({"service", "show", "letters-echo", "--json"}).output;
  const std::string environment = core_.Run({"service", "env", "letters-echo"}).output;
  EXPECT_THAT(environment, AllOf(HasSubstr("***"), HasSubstr("https://h")));
  all += environment + core_.Run({"service", "logs", "letters-echo"}).output;
  EXPECT_THAT(all, AllOf(HasSubstr(delivery.execution_id()), Not(HasSubstr(value_))));
  EXPECT_THAT(core_.Log(), Not(HasSubstr(value_)));
  ASSERT_EQ(core_.Stop(), 0);
  ExpectNowhere(value_);
  EXPECT_EQ(FilesWith(value_.substr(1)), "");
}

TEST_F(SecretsTest, WhatIsRefusedIsShownNowhereEither) {
  Start();
  const std::string name = "not-a-name-but-a-value";
  const CoreProcess::Ran named = Set(name, value_);
  EXPECT_EQ(named.status, 1);
  EXPECT_THAT(named.errors, AllOf(HasSubstr("the name of a secret is"), Not(HasSubstr(value_)),
                                  Not(HasSubstr(name))));
  const CoreProcess::Ran large = Set("a", value_ + std::string(70'000, 'x'));
  EXPECT_EQ(large.status, 1);
  EXPECT_THAT(large.errors, AllOf(HasSubstr("at most 64 KiB"), Not(HasSubstr(value_))));
  const CoreProcess::Ran argument = core_.Run({"secret", "set", "a", value_});
  EXPECT_EQ(argument.status, 2);
  EXPECT_THAT(argument.errors, AllOf(HasSubstr("never an argument"), Not(HasSubstr(value_))));
  ExpectNowhere(value_);
  ExpectNowhere(name);
}

TEST_F(SecretsTest, OnATerminalTheValueIsNotShown) {
  Start();
  const std::string endpoint = "MESG_ENDPOINT=" + core_.endpoint();
  const char* arguments[] = {MESG_EXECUTABLE, "secret", "set", "typed", nullptr};
  const char* variables[] = {endpoint.c_str(), "MESG_HOME=/nowhere", "TERM=dumb", nullptr};
  int terminal = -1;
  const pid_t pid = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (pid == 0) {
    execve(arguments[0], const_cast<char**>(arguments), const_cast<char**>(variables));
    _exit(127);
  }
  ASSERT_GT(pid, 0);
  std::string shown;
  const auto read_until = [&](const std::string& text) {
    char piece[256];
    pollfd ready{terminal, POLLIN, 0};
    while (shown.find(text) == std::string::npos && poll(&ready, 1, 60'000) > 0) {
      const ssize_t size = read(terminal, piece, sizeof piece);
      if (size <= 0) break;
      shown.append(piece, static_cast<std::size_t>(size));
    }
    return shown.find(text) != std::string::npos;
  };
  EXPECT_TRUE(read_until("(not shown):")) << shown;
  const std::string keys = value_ + "\n";
  EXPECT_EQ(write(terminal, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  EXPECT_TRUE(read_until("Secret typed is set.")) << shown;
  EXPECT_THAT(shown, Not(HasSubstr(value_)));
  int status = -1;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  close(terminal);
  EXPECT_THAT(List(), HasSubstr("typed"));
}

TEST_F(SecretsTest, CoreDoesNotStartWithAWrongKeyAndSaysSo) {
  Start();
  ASSERT_EQ(Set("a", value_).status, 0);
  ASSERT_EQ(core_.Stop(), 0);
  const std::string key = ReadText(folder_.path() / "secrets.key");
  ASSERT_EQ(key.size(), 32U);
  WritePrivately("secrets.key", std::string(32, 'x'));
  EXPECT_FALSE(core_.Start());
  EXPECT_EQ(core_.AwaitExit(), 1);
  EXPECT_THAT(core_.Log(), HasSubstr("secrets.key does not open it"));
  WritePrivately("secrets.key", key);
  chmod((folder_.path() / "secrets.key").c_str(), 0644);
  EXPECT_FALSE(core_.Start());
  EXPECT_THAT(core_.Log(), HasSubstr("chmod 600"));
  chmod((folder_.path() / "secrets.key").c_str(), 0600);
  Start();
  EXPECT_THAT(List(), HasSubstr("a "));
}

TEST_F(SecretsTest, APassphraseOpensThemToo) {
  const std::string passphrase = "correct horse battery staple";
  WritePrivately("passphrase", passphrase + "\n");
  core_.options().environment["MESG_SECRETS_PASSPHRASE_FILE"] = folder_.path() / "passphrase";
  Start();
  ASSERT_EQ(Set("a", value_).status, 0);
  EXPECT_FALSE(fs::exists(folder_.path() / "secrets.key"));
  ASSERT_EQ(core_.Stop(), 0);
  Start();
  EXPECT_THAT(List(), HasSubstr("a "));
  ExpectNowhere(value_);
  EXPECT_EQ(FilesWith(passphrase), (folder_.path() / "passphrase ").string());
  ASSERT_EQ(core_.Stop(), 0);
  WritePrivately("passphrase", "another one");
  EXPECT_FALSE(core_.Start());
  EXPECT_THAT(core_.Log(), HasSubstr("passphrase does not open it"));
}

// A file of secrets that does not fit is never begun in the place of the one that does.
TEST_F(SecretsTest, AFullDiskRefusesAChangeAndKeepsTheRest) {
  core_.options().file_bytes = 1 << 20;
  Start();
  ASSERT_EQ(Set("small", value_).status, 0);
  CoreProcess::Ran full{0, "", ""};
  int kept = 0;
  while (kept < 20) {
    full = Set("large" + std::to_string(kept), std::string(60'000, 'x'));
    if (full.status != 0) break;
    ++kept;
  }
  EXPECT_EQ(full.status, 1);
  EXPECT_THAT(full.errors, HasSubstr("cannot write"));
  ASSERT_GT(kept, 0);
  EXPECT_THAT(List(),
              AllOf(HasSubstr("small "), HasSubstr("large" + std::to_string(kept - 1) + " "),
                    Not(HasSubstr("large" + std::to_string(kept) + " "))));
  core_.Kill();
  Start();
  EXPECT_THAT(List(),
              AllOf(HasSubstr("small "), HasSubstr("large" + std::to_string(kept - 1) + " "),
                    Not(HasSubstr("large" + std::to_string(kept) + " "))));
}

}  // namespace
}  // namespace mesg::testing
