#include "mesg/application.h"

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_core_test_support.h"

namespace mesg::sdk {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::SizeIs;

class ApplicationTest : public ::testing::Test {
 protected:
  ApplicationOptions Options() {
    ApplicationOptions options;
    options.endpoint = core_.endpoint();
    options.log = [](std::string_view) {};
    return options;
  }
  // A callback that notes what it heard.
  auto Note() {
    return [this](const ReceivedEvent& event) {
      const std::scoped_lock lock(mutex_);
      heard_.push_back(event.json);
    };
  }
  std::vector<std::string> Heard() {
    const std::scoped_lock lock(mutex_);
    return heard_;
  }
  bool HeardCount(std::size_t count) {
    return Eventually([&] { return Heard().size() >= count; });
  }
  FakeCore core_;
  std::mutex mutex_;
  std::vector<std::string> heard_;
};

TEST_F(ApplicationTest, ExecuteReturnsTheResult) {
  core_.Perform([](const std::string& task, const std::string& inputs) -> Result<std::string> {
    return R"({"task":")" + task + R"(","inputs":)" + inputs + "}";
  });
  Application application(Options());
  const auto result = application.Execute("greeter", "greet", "{}", {.tags = {"a"}});
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->ok());
  EXPECT_EQ(result->outputs, R"({"task":"greet","inputs":{}})");
  const auto execution = application.Get(result->id);
  ASSERT_TRUE(execution);
  EXPECT_EQ(execution->service, "greeter");
  EXPECT_THAT(execution->tags, ElementsAre("a"));
  EXPECT_EQ(Name(execution->state), "completed");
}

TEST_F(ApplicationTest, FailedExecutionIsAResultAndARefusalAnError) {
  core_.Perform([](const std::string&, const std::string&) -> Result<std::string> {
    return Internal("the disk is full");
  });
  Application application(Options());
  const auto failed = application.Execute("service", "task", "{}");
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->state, ExecutionState::kFailed);
  EXPECT_EQ(failed->error, "the disk is full");
  const auto refused = application.Execute("", "task", "{}");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
}

// Core made the execution and the connection broke before it could say so.
TEST_F(ApplicationTest, ReconnectNeverDoublesWork) {
  Application application(Options());
  core_.CutBeforeCreated();
  const auto result = application.Execute("service", "task", "{}");
  ASSERT_TRUE(result);
  EXPECT_EQ(core_.executions(), 1U);
}

TEST_F(ApplicationTest, WaitSurvivesARestartOfCore) {
  core_.FinishLater(true);
  Application application(Options());
  auto executing = application.ExecuteFuture("service", "task", "{}");
  ASSERT_TRUE(Eventually([&] { return core_.executions() == 1; }));
  core_.Stop();
  core_.Start();
  auto created = application.Create("service", "task", "{}");
  ASSERT_TRUE(created);
  auto waiting = std::async(std::launch::async, [&] { return application.Wait(*created); });
  core_.FinishAll();
  EXPECT_TRUE(executing.get());
  EXPECT_TRUE(waiting.get());
  EXPECT_EQ(core_.executions(), 2U);
}

TEST_F(ApplicationTest, WaitThatEndsLeavesTheExecutionAlone) {
  core_.FinishLater(true);
  Application application(Options());
  const auto result = application.Execute("service", "task", "{}", {.wait = 30ms});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kDeadlineExceeded);
  const auto id = application.Create("service", "task", "{}");
  ASSERT_TRUE(id);
  const auto waited = application.Wait(*id, 30ms);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, Code::kDeadlineExceeded);
  const auto cancelled = application.Cancel(*id, "no longer needed");
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->result.error, "no longer needed");
  const auto again = application.Cancel(*id);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(application.Get("nothing").error().code, Code::kNotFound);
}

TEST_F(ApplicationTest, EqualKeysAreOneExecution) {
  Application application(Options());
  const auto first = application.Create("service", "task", "{}", {.idempotency_key = "k"});
  const auto second = application.Create("service", "task", "{}", {.idempotency_key = "k"});
  EXPECT_EQ(*first, *second);
  EXPECT_NE(*first, *application.Create("service", "task", "{}"));
}

TEST_F(ApplicationTest, ThousandsAtOnceThroughACut) {
  Application application(Options());
  std::atomic<int> done = 0;
  for (int i = 0; i < 3'000; ++i) {
    ASSERT_TRUE(application.ExecuteAsync("service", "task", "{}", {},
                                         [&](const Result<ExecutionResult>& result) {
                                           if (result && result->ok()) ++done;
                                         }));
    if (i % 1'000 == 500) core_.CutStreams();
  }
  EXPECT_TRUE(Eventually([&] { return done == 3'000; }));
  EXPECT_EQ(core_.executions(), 3'000U);
}

TEST_F(ApplicationTest, TooManyUnderWayAreRefused) {
  auto options = Options();
  options.max_pending = 1;
  core_.FinishLater(true);
  Application application(options);
  auto first = application.ExecuteFuture("service", "task", "{}");
  const auto second = application.Execute("service", "task", "{}");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kResourceExhausted);
  ASSERT_TRUE(Eventually([&] { return core_.executions() == 1; }));
  core_.FinishAll();
  EXPECT_TRUE(first.get());
}

TEST_F(ApplicationTest, DestructionFailsWhatIsPending) {
  core_.FinishLater(true);
  std::future<Result<ExecutionResult>> pending;
  {
    Application application(Options());
    pending = application.ExecuteFuture("service", "task", "{}");
  }
  EXPECT_EQ(pending.get().error().code, Code::kCancelled);
}

TEST_F(ApplicationTest, LiveListenerHearsWhatComesAfterItsStart) {
  core_.Append("s", "k", "old");
  Application application(Options());
  auto listener = application.ListenEvents({{.service = "s"}}, {}, Note());
  ASSERT_TRUE(listener);
  for (const char* each : {"1", "2", "3", "4", "5"}) core_.Append("s", "k", each);
  ASSERT_TRUE(HeardCount(5));
  EXPECT_THAT(Heard(), ElementsAre("1", "2", "3", "4", "5"));
  EXPECT_TRUE(Eventually([&] { return listener->Position() == "6"; }));
}

TEST_F(ApplicationTest, ListenerGoesOnBehindTheLastItemAfterARestart) {
  Application application(Options());
  auto listener = application.ListenEvents({{}}, {.after_position = "0"}, Note());
  ASSERT_TRUE(listener);
  for (int i = 0; i < 10; ++i) core_.Append("s", "k", std::to_string(i));
  ASSERT_TRUE(HeardCount(10));
  core_.Stop();
  for (int i = 10; i < 20; ++i) core_.Append("s", "k", std::to_string(i));
  core_.Start();
  ASSERT_TRUE(HeardCount(20));
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(Heard()[i], std::to_string(i));
  EXPECT_THAT(Heard(), SizeIs(20));
}

// A live listener that heard nothing yet still misses nothing of what came while it was cut off.
TEST_F(ApplicationTest, LiveListenerMissesNothingWhileCutOff) {
  Application application(Options());
  auto listener = application.ListenEvents({{}}, {}, Note());
  ASSERT_TRUE(listener);
  core_.Stop();
  core_.Append("s", "k", "meanwhile");
  core_.Start();
  ASSERT_TRUE(HeardCount(1));
  EXPECT_THAT(Heard(), ElementsAre("meanwhile"));
}

TEST_F(ApplicationTest, SubscriptionAcknowledgesAfterTheCallbackAndRepeatsNothing) {
  for (int i = 0; i < 9; ++i) core_.Append("s", "k", std::to_string(i));
  std::promise<void> release;
  auto released = release.get_future().share();
  {
    Application application(Options());
    auto listener = application.ListenEvents({{}}, {.after_position = "0", .subscription = "sub"},
                                             [&](const ReceivedEvent& event) {
                                               if (event.json == "4") released.wait();
                                               Note()(event);
                                             });
    ASSERT_TRUE(listener);
    // The fake sends three items a message: 0..2 are acknowledged, 3 is dealt with, 4 is in hand.
    ASSERT_TRUE(HeardCount(4));
    EXPECT_TRUE(Eventually([&] { return core_.acknowledged("sub") == "3"; }));
    core_.CutStreams();  // Core will send 3 and 4 again.
    ASSERT_TRUE(Eventually([&] { return core_.listeners() == 1; }));
    release.set_value();
    ASSERT_TRUE(HeardCount(9));
    EXPECT_TRUE(Eventually([&] { return core_.acknowledged("sub") == "9"; }));
    EXPECT_THAT(Heard(), ElementsAre("0", "1", "2", "3", "4", "5", "6", "7", "8"));
  }
  core_.Append("s", "k", "9");
  Application application(Options());
  auto listener = application.ListenEvents({{}}, {.subscription = "sub"}, Note());
  ASSERT_TRUE(HeardCount(10));
  EXPECT_EQ(Heard().back(), "9");
  listener->Stop();
  EXPECT_TRUE(listener->Wait());
  EXPECT_TRUE(application.DeleteSubscription("sub"));
  EXPECT_EQ(application.DeleteSubscription("sub").error().code, Code::kNotFound);
}

TEST_F(ApplicationTest, StoppedSubscriptionHasAcknowledgedWhatItDealtWith) {
  for (int i = 0; i < 3; ++i) core_.Append("s", "k", std::to_string(i));
  Application application(Options());
  {
    std::promise<void> heard;
    auto listener = application.ListenEvents({{}}, {.after_position = "0", .subscription = "sub"},
                                             [&](const ReceivedEvent& event) {
                                               if (event.json == "2") heard.set_value();
                                             });
    ASSERT_TRUE(listener);
    heard.get_future().wait();
  }
  EXPECT_TRUE(Eventually([&] { return core_.acknowledged("sub") == "3"; }));
}

TEST_F(ApplicationTest, PositionThatIsGoneIsOutOfRange) {
  core_.ForgetHistoryBefore(5);
  Application application(Options());
  const auto listener = application.ListenEvents({{}}, {.after_position = "1"}, Note());
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code, Code::kOutOfRange);
  EXPECT_EQ(application.ListenEvents({}, {}, Note()).error().code, Code::kInvalidArgument);
}

TEST_F(ApplicationTest, ListenerWithoutCoreIsUnavailableInTime) {
  core_.Stop();
  auto options = Options();
  options.call_timeout = 50ms;
  Application application(options);
  EXPECT_EQ(application.ListenEvents({{}}, {}, Note()).error().code, Code::kUnavailable);
  core_.Start();
}

TEST_F(ApplicationTest, ListenerCallbackMayExecute) {
  Application application(Options());
  std::atomic<int> executed = 0;
  auto listener = application.ListenEvents({{}}, {}, [&](const ReceivedEvent& event) {
    if (application.Execute("service", "task", event.json)) ++executed;
  });
  ASSERT_TRUE(listener);
  for (int i = 0; i < 10; ++i) core_.Append("s", "k", "{}");
  EXPECT_TRUE(Eventually([&] { return executed == 10; }));
}

}  // namespace
}  // namespace mesg::sdk
