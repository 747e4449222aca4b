// The translation, and the whole application, as a process, against a Core in memory.
#include <csignal>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "call.h"
#include "fake_core_test_support.h"

namespace webhook_to_http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kEvent =
    R"({"id":"1","method":"PUT","path":"/a","query":{},)"
    R"("headers":{"content-type":"application/json"},)"
    R"("body":"{\"n\":1}","base64":false,"json":{"n":1},"remote":"127.0.0.1","held":false})";

TEST(CallForTest, PassesMethodBodyAndTypeOn) {
  EXPECT_EQ(CallFor(kEvent, "http://b/").value(),
            R"({"url":"http://b/","method":"PUT","headers":{"content-type":"application/json"},)"
            R"("body":"{\"n\":1}","base64":false})");
  EXPECT_EQ(Describe(kEvent), "PUT /a");
}

TEST(CallForTest, AnEmptyBodyIsNoBody) {
  EXPECT_EQ(CallFor(R"({"method":"GET","path":"/","body":"","base64":false})", "http://b/").value(),
            R"({"url":"http://b/","method":"GET"})");
}

TEST(CallForTest, AnotherEventIsRefused) {
  for (const char* json : {"", "{", "[]", "{}", R"({"method":1,"body":"","base64":false})"}) {
    const auto call = CallFor(json, "http://b/");
    ASSERT_FALSE(call) << json;
    EXPECT_THAT(call.error().message, HasSubstr("method, body and base64"));
    EXPECT_EQ(Describe(json), "?");
  }
}

TEST(StatusOfTest, IsTheNumberAsItStands) {
  EXPECT_EQ(StatusOf(R"({"headers":{},"status":200})"), "200");
  EXPECT_EQ(StatusOf("{}"), "?");
}

pid_t Spawn(const mesg::sdk::FakeCore& core, bool with_url) {
  const std::string endpoint = core.endpoint();
  const pid_t pid = fork();
  if (pid == 0) {
    setenv("MESG_ENDPOINT", endpoint.c_str(), 1);
    execl(MESG_WEBHOOK_TO_HTTP, "webhook-to-http", "--webhook", "orders",
          with_url ? "--url" : nullptr, "http://b/", nullptr);
    _exit(127);
  }
  return pid;
}

int WaitFor(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

// The event is acknowledged only after its execution is durable, and a Core that went away in
// between, or repeats the event, does not make a second one.
TEST(ApplicationTest, EachRequestBecomesOneExecution) {
  mesg::sdk::FakeCore core;
  std::vector<std::string> performed;
  core.Perform(
      [&](const std::string& task, const std::string& inputs) -> mesg::Result<std::string> {
        performed.push_back(task + " " + inputs);
        return R"({"status":200})";
      });
  const pid_t pid = Spawn(core, true);
  ASSERT_TRUE(mesg::sdk::Eventually([&] { return core.listeners() == 2; }));
  const std::string before = core.acknowledged("webhook-to-http/orders");
  core.CutBeforeCreated();
  core.Append("orders", "request", kEvent);
  EXPECT_TRUE(
      mesg::sdk::Eventually([&] { return core.acknowledged("webhook-to-http/orders") != before; }));
  EXPECT_EQ(core.executions(), 1U);
  kill(pid, SIGTERM);
  EXPECT_EQ(WTERMSIG(WaitFor(pid)), SIGTERM);
  core.Stop();
  EXPECT_THAT(performed, ElementsAre("request " + CallFor(kEvent, "http://b/").value()));
}

TEST(ApplicationTest, SaysHowItIsUsed) {
  const mesg::sdk::FakeCore core;
  const int status = WaitFor(Spawn(core, false));
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 2);
}

}  // namespace
}  // namespace webhook_to_http
