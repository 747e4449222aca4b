// The examples of the README are run as they are, as processes, against the fake Core.
#include <csignal>
#include <cstdlib>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_core_test_support.h"

namespace mesg::sdk {
namespace {

pid_t Spawn(const FakeCore& core, const char* program) {
  const std::string endpoint = core.endpoint();
  const pid_t pid = fork();
  if (pid == 0) {
    setenv("MESG_ENDPOINT", endpoint.c_str(), 1);
    setenv("MESG_TOKEN", "secret", 1);
    execl(program, program, nullptr);
    _exit(127);
  }
  return pid;
}

int ExitOf(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ExamplesTest, GreeterGreetsAndLeavesOnTerm) {
  FakeCore core;
  core.RequireToken("secret");
  const pid_t pid = Spawn(core, MESG_GREETER);
  core.Deliver("greet", R"({"name":"Ada"})", "e1");
  core.Deliver("greet", "{}", "e2");
  ASSERT_TRUE(Eventually([&] { return core.answers().size() == 2; }));
  for (const auto& answer : core.answers()) {
    if (answer.execution_id == "e1") {
      EXPECT_EQ(answer.text, R"({"greeted":{"name":"Ada"}})");
      EXPECT_THAT(answer.events, ::testing::ElementsAre(R"(greeted={"name":"Ada"})"));
    } else {
      EXPECT_TRUE(answer.permanent);
    }
  }
  kill(pid, SIGTERM);
  EXPECT_EQ(ExitOf(pid), 0);
}

TEST(ExamplesTest, GreetExecutesAndHears) {
  FakeCore core;
  core.Perform([](const std::string&, const std::string&) -> Result<std::string> { return "{}"; });
  const pid_t pid = Spawn(core, MESG_GREET);
  EXPECT_TRUE(Eventually([&] { return core.executions() == 1; }));
  core.Append("greeter", "greeted", "{}");
  EXPECT_EQ(ExitOf(pid), 0);
}

}  // namespace
}  // namespace mesg::sdk
