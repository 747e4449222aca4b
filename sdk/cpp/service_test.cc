#include "mesg/service.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_core_test_support.h"

namespace mesg::sdk {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ServiceTest : public ::testing::Test {
 protected:
  ServiceOptions Options() {
    ServiceOptions options;
    options.endpoint = core_.endpoint();
    options.token = "secret";
    options.threads = 2;
    options.log = [](std::string_view) {};
    return options;
  }
  bool Answered(std::size_t count) {
    return Eventually([&] { return core_.answers().size() >= count; });
  }
  FakeCore core_;
};

TEST_F(ServiceTest, TaskGetsItsDeliveryAndItsAnswerReachesCore) {
  Service service(Options());
  service.OnTask("greet", [](const Task& task) -> Result<Outputs> {
    EXPECT_EQ(task.key(), "greet");
    EXPECT_EQ(task.execution_id(), "e1");
    EXPECT_EQ(task.attempt(), 2U);
    EXPECT_EQ(task.deadline(), FromMicros(1'800'000'000'000'000));
    EXPECT_THAT(task.tags(), ElementsAre("tag"));
    EXPECT_FALSE(task.Cancelled());
    return Outputs{.output_key = "done", .json = task.inputs()};
  });
  service.Start();
  core_.Deliver("greet", R"({"name":"Ada"})", "e1", 2);
  ASSERT_TRUE(Answered(1));
  const auto answer = core_.answers().front();
  EXPECT_TRUE(answer.success);
  EXPECT_EQ(answer.output_key, "done");
  EXPECT_EQ(answer.text, R"({"name":"Ada"})");
  EXPECT_THAT(core_.hello_tasks(), ElementsAre("greet"));
  EXPECT_TRUE(service.Connected());
}

TEST_F(ServiceTest, BufferedEventsAndKeysTravelWithASuccessAndNotWithAFailure) {
  Service service(Options());
  service.OnTask("task", [](const Task& task) -> Result<Outputs> {
    task.Emit({.key = "moved", .json = "{}"});
    task.Change(KeyChange::Put("position", "7"));
    if (task.inputs() == "fail") return Unavailable("the peer is down");
    return Outputs{};
  });
  service.Start();
  core_.Deliver("task", "{}", "good");
  ASSERT_TRUE(Answered(1));
  core_.Deliver("task", "fail", "bad");
  ASSERT_TRUE(Answered(2));
  EXPECT_THAT(core_.answers()[0].events, ElementsAre("moved={}"));
  EXPECT_THAT(core_.answers()[0].changes, ElementsAre("position=7"));
  EXPECT_THAT(core_.answers()[1].events, SizeIs(0));
  EXPECT_EQ(core_.answers()[1].text, "the peer is down");
  EXPECT_FALSE(core_.answers()[1].permanent);
}

TEST_F(ServiceTest, PermanentFailureSaysSo) {
  Service service(Options());
  service.OnTask("task", [](const Task&) -> Result<Outputs> {
    return Permanent(InvalidArgument("no such address"));
  });
  service.Start();
  core_.Deliver("task", "{}", "e1");
  ASSERT_TRUE(Answered(1));
  EXPECT_FALSE(core_.answers()[0].success);
  EXPECT_TRUE(core_.answers()[0].permanent);
}

TEST_F(ServiceTest, HandlerThatThrowsHasFailed) {
  Service service(Options());
  service.OnTask("sync", [](const Task&) -> Result<Outputs> { throw std::runtime_error("ouch"); });
  service.OnTaskAsync("async", [](const Responder&) { throw std::runtime_error("ouch"); });
  service.Start();
  core_.Deliver("sync", "{}", "e1");
  core_.Deliver("async", "{}", "e2");
  ASSERT_TRUE(Answered(2));
  EXPECT_THAT(core_.answers()[0].text, HasSubstr("threw"));
  EXPECT_FALSE(core_.answers()[0].permanent);
}

TEST_F(ServiceTest, ResponderAnswersLaterFromAnotherThread) {
  Service service(Options());
  std::promise<Responder> promise;
  service.OnTaskAsync("task",
                      [&](Responder responder) { promise.set_value(std::move(responder)); });
  service.Start();
  core_.Deliver("task", "{}", "e1");
  Responder responder = promise.get_future().get();
  std::thread([&] { responder.Succeed({.json = "[1]"}); }).join();
  ASSERT_TRUE(Answered(1));
  responder.Fail(Internal("a second answer goes nowhere"));
  EXPECT_EQ(core_.answers()[0].text, "[1]");
}

TEST_F(ServiceTest, ResponderDroppedUnansweredHandsTheTaskBack) {
  Service service(Options());
  service.OnTaskAsync("task", [](const Responder&) {});
  service.Start();
  core_.Deliver("task", "{}", "e1");
  EXPECT_TRUE(Eventually([&] { return core_.refusals().size() == 1; }));
  EXPECT_THAT(core_.refusals(), ElementsAre("e1"));
  EXPECT_THAT(core_.answers(), SizeIs(0));
}

TEST_F(ServiceTest, ResponderMayOutliveItsService) {
  std::promise<Responder> promise;
  std::optional<Responder> responder;
  {
    Service service(Options());
    service.OnTaskAsync("task", [&](Responder given) { promise.set_value(std::move(given)); });
    service.Start();
    core_.Deliver("task", "{}", "e1");
    responder.emplace(promise.get_future().get());
  }
  EXPECT_TRUE(responder->task().Cancelled());
  responder->Succeed({});
  EXPECT_THAT(core_.answers(), SizeIs(0));
}

// The answer was recorded, the acknowledgement lost: it is sent again and Core takes it once.
TEST_F(ServiceTest, AnswerLostOnTheWayIsSentAgain) {
  Service service(Options());
  std::atomic<int> calls = 0;
  service.OnTask("task", [&](const Task&) -> Result<Outputs> {
    ++calls;
    return Outputs{};
  });
  service.Start();
  core_.CutBeforeAccepting();
  core_.Deliver("task", "{}", "e1");
  ASSERT_TRUE(Answered(1));
  ASSERT_TRUE(Eventually([&] { return core_.workers() >= 2; }));
  core_.Deliver("task", "{}", "e2");
  ASSERT_TRUE(Answered(2));
  EXPECT_EQ(core_.answers()[1].execution_id, "e2");
  EXPECT_EQ(calls, 2);
}

// The connection broke while a task ran. Core delivers the execution again; it is not run twice,
// and its answer names the new delivery.
TEST_F(ServiceTest, RedeliveredExecutionThatStillRunsIsNotRunTwice) {
  Service service(Options());
  std::promise<void> release;
  auto released = release.get_future().share();
  std::atomic<int> calls = 0;
  service.OnTask("task", [&](const Task&) -> Result<Outputs> {
    ++calls;
    released.wait();
    return Outputs{};
  });
  service.Start();
  core_.Deliver("task", "{}", "e1");
  ASSERT_TRUE(Eventually([&] { return calls == 1; }));
  core_.CutStreams();
  ASSERT_TRUE(Eventually([&] { return core_.workers() == 2; }));
  const std::string second = core_.Deliver("task", "{}", "e1", 2);
  core_.Deliver("task", "{}", "marker");  // Is begun by the second thread, behind the redelivery.
  ASSERT_TRUE(Eventually([&] { return calls == 2; }));
  release.set_value();
  ASSERT_TRUE(Answered(2));
  EXPECT_EQ(calls, 2);
  std::vector<std::string> deliveries;
  for (const auto& answer : core_.answers()) {
    if (answer.execution_id == "e1") deliveries.push_back(answer.delivery_id);
  }
  EXPECT_THAT(deliveries, ElementsAre(second));
}

// After a kill Core gives a delivery out again under the same id; by then its answer may be on its
// way.
TEST_F(ServiceTest, ADeliveryThatCrossesItsAnswerIsNotRunTwice) {
  Service service(Options());
  std::promise<void> release;
  auto released = release.get_future().share();
  std::atomic<int> calls = 0;
  service.OnTask("task", [&](const Task&) -> Result<Outputs> {
    ++calls;
    released.wait();
    return Outputs{};
  });
  service.Start();
  const std::string delivery = core_.Deliver("task", "{}", "e1");
  ASSERT_TRUE(Eventually([&] { return calls == 1; }));
  core_.CutStreams();
  ASSERT_TRUE(Eventually([&] { return core_.workers() == 2; }));
  release.set_value();
  ASSERT_TRUE(Answered(1));
  core_.Deliver("task", "{}", "e1", 1, delivery);
  core_.Deliver("task", "{}", "e2");
  ASSERT_TRUE(Answered(2));
  EXPECT_EQ(core_.answers()[1].execution_id, "e2");
  EXPECT_EQ(calls, 2);
}

TEST_F(ServiceTest, ADeliveryThatCrossesItsRepeatedAnswerIsNotRunTwice) {
  Service service(Options());
  std::atomic<int> calls = 0;
  service.OnTask("task", [&](const Task&) -> Result<Outputs> {
    ++calls;
    return Outputs{};
  });
  service.Start();
  core_.CutBeforeAccepting();
  const std::string delivery = core_.Deliver("task", "{}", "e1");
  ASSERT_TRUE(Answered(1));
  ASSERT_TRUE(Eventually([&] { return core_.workers() >= 2; }));
  core_.Deliver("task", "{}", "e1", 1, delivery);
  core_.Deliver("task", "{}", "e2");
  ASSERT_TRUE(Answered(2));
  EXPECT_EQ(core_.answers()[1].execution_id, "e2");
  EXPECT_EQ(calls, 2);
}

TEST_F(ServiceTest, RestartOfCoreIsSurvived) {
  Service service(Options());
  service.OnTask("task", [](const Task&) -> Result<Outputs> { return Outputs{}; });
  service.Start();
  core_.Deliver("task", "{}", "e1");
  ASSERT_TRUE(Answered(1));
  core_.Stop();
  EXPECT_TRUE(Eventually([&] { return !service.Connected(); }));
  core_.Start();
  core_.Deliver("task", "{}", "e2");
  EXPECT_TRUE(Answered(2));
}

TEST_F(ServiceTest, CancelReachesTheRunningTask) {
  Service service(Options());
  std::promise<void> begun;
  std::promise<void> told;
  service.OnTask("task", [&](const Task& task) -> Result<Outputs> {
    std::promise<void> cancelled;
    task.OnCancel([&] { cancelled.set_value(); });
    begun.set_value();
    cancelled.get_future().wait();
    EXPECT_TRUE(task.Cancelled());
    bool at_once = false;
    task.OnCancel([&] { at_once = true; });
    EXPECT_TRUE(at_once);
    told.set_value();
    return Cancelled("stopped");
  });
  service.Start();
  const auto delivery = core_.Deliver("task", "{}", "e1");
  begun.get_future().wait();
  core_.CancelDelivery(delivery);
  EXPECT_EQ(told.get_future().wait_for(20s), std::future_status::ready);
  EXPECT_TRUE(Answered(1));
}

// Work goes on over the loss of a connection, since Core takes its success all the same; but not
// beyond its time, which Core cannot say any more.
TEST_F(ServiceTest, WithoutCoreATaskPastItsDeadlineIsCancelled) {
  Service service(Options());
  std::promise<void> begun;
  std::promise<void> told;
  service.OnTask("task", [&](const Task& task) -> Result<Outputs> {
    if (task.execution_id() == "next") return Outputs{};
    std::promise<void> cancelled;
    task.OnCancel([&] { cancelled.set_value(); });
    begun.set_value();
    cancelled.get_future().wait();
    EXPECT_TRUE(task.Cancelled());
    told.set_value();
    return Cancelled("out of time");
  });
  service.Start();
  core_.SetDeadline(SystemClock().Now() + 20ms);
  core_.Deliver("task", "{}", "e1");
  begun.get_future().wait();
  core_.Stop();
  ASSERT_EQ(told.get_future().wait_for(20s), std::future_status::ready);
  core_.SetDeadline(FromMicros(1'800'000'000'000'000));
  core_.Start();
  core_.Deliver("task", "{}", "next");
  EXPECT_TRUE(Eventually([&] {
    const auto answers = core_.answers();
    return std::ranges::any_of(answers, [](const auto& a) { return a.execution_id == "next"; });
  }));
}

TEST_F(ServiceTest, CancelledTaskThatWaitsIsNotBegun) {
  auto options = Options();
  options.threads = 1;
  Service service(options);
  std::promise<void> release;
  auto released = release.get_future().share();
  std::atomic<int> calls = 0;
  service.OnTask("task", [&](const Task&) -> Result<Outputs> {
    ++calls;
    released.wait();
    return Outputs{};
  });
  service.Start();
  core_.Deliver("task", "{}", "e1");
  ASSERT_TRUE(Eventually([&] { return calls == 1; }));
  core_.CancelDelivery(core_.Deliver("task", "{}", "e2"));
  EXPECT_TRUE(Eventually([&] { return core_.refusals().size() == 1; }));
  release.set_value();
  EXPECT_TRUE(Answered(1));
  EXPECT_EQ(calls, 1);
}

// Outputs that break the contract must not leave the execution waiting for its timeout.
TEST_F(ServiceTest, RefusedOutputsBecomeAPermanentFailure) {
  Service service(Options());
  service.OnTask("task",
                 [](const Task&) -> Result<Outputs> { return Outputs{.json = "{\"x\":1}"}; });
  service.Start();
  core_.RefuseNextAnswer(InvalidArgument("x: expected a String, got a Number"));
  core_.Deliver("task", "{}", "e1");
  ASSERT_TRUE(Answered(1));
  EXPECT_FALSE(core_.answers()[0].success);
  EXPECT_TRUE(core_.answers()[0].permanent);
  EXPECT_THAT(core_.answers()[0].text, HasSubstr("expected a String"));
}

TEST_F(ServiceTest, StopFinishesWhatRunsAndHandsBackWhatWaits) {
  auto options = Options();
  options.threads = 1;
  Service service(options);
  std::promise<void> release;
  auto released = release.get_future().share();
  std::atomic<int> calls = 0;
  service.OnTask("task", [&](const Task&) -> Result<Outputs> {
    ++calls;
    released.wait();
    return Outputs{};
  });
  auto run = std::async(std::launch::async, [&] { return service.Run(); });
  core_.Deliver("task", "{}", "running");
  ASSERT_TRUE(Eventually([&] { return calls == 1; }));
  core_.Deliver("task", "{}", "waiting");
  service.Stop();
  EXPECT_TRUE(Eventually([&] { return core_.refusals().size() == 1; }));
  EXPECT_TRUE(Eventually([&] { return core_.worker_drained(); }));
  release.set_value();
  EXPECT_TRUE(run.get());
  EXPECT_THAT(core_.refusals(), ElementsAre("waiting"));
  ASSERT_THAT(core_.answers(), SizeIs(1));
  EXPECT_EQ(core_.answers()[0].execution_id, "running");
}

TEST_F(ServiceTest, StopCancelsWhatOutlastsTheGrace) {
  auto options = Options();
  options.drain_grace = 1ms;
  Service service(options);
  std::atomic<bool> begun = false;
  service.OnTask("task", [&](const Task& task) -> Result<Outputs> {
    begun = true;
    EXPECT_TRUE(Eventually([&] { return task.Cancelled(); }));
    return Outputs{};
  });
  auto run = std::async(std::launch::async, [&] { return service.Run(); });
  core_.Deliver("task", "{}", "e1");
  ASSERT_TRUE(Eventually([&] { return begun.load(); }));
  service.Stop();
  EXPECT_TRUE(run.get());
}

TEST_F(ServiceTest, DrainFromCoreLeadsToANewConnection) {
  Service service(Options());
  service.OnTask("task", [](const Task&) -> Result<Outputs> { return Outputs{}; });
  service.Start();
  core_.Deliver("task", "{}", "e1");
  ASSERT_TRUE(Answered(1));
  core_.SendDrain();
  EXPECT_TRUE(Eventually([&] { return core_.workers() == 2; }));
}

TEST_F(ServiceTest, HealthIsToldWhenItChangesAndOnEachConnection) {
  Service service(Options());
  service.OnTask("task", [](const Task&) -> Result<Outputs> { return Outputs{}; });
  service.ReportHealth("the database is away");
  service.Start();
  ASSERT_TRUE(Eventually([&] { return core_.reported().size() == 1; }));
  service.ReportHealth("the database is away");
  core_.CutStreams();
  ASSERT_TRUE(Eventually([&] { return core_.reported().size() == 2; }));
  service.ReportHealth("");
  ASSERT_TRUE(Eventually([&] { return core_.reported().size() == 3; }));
  core_.CutStreams();
  ASSERT_TRUE(Eventually([&] { return core_.workers() == 3; }));
  core_.Deliver("task", "{}", "e1");
  ASSERT_TRUE(Answered(1));
  EXPECT_THAT(core_.reported(), ElementsAre("the database is away", "the database is away", ""));
}

TEST_F(ServiceTest, WrongTokenEndsTheRunWithCoresReason) {
  core_.RequireToken("another");
  Service service(Options());
  service.OnTask("task", [](const Task&) -> Result<Outputs> { return Outputs{}; });
  const auto run = service.Run();
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, Code::kUnauthenticated);
  const auto emitted = service.Emit({.key = "event", .json = "{}"});
  ASSERT_FALSE(emitted);
  EXPECT_EQ(emitted.error().code, Code::kUnauthenticated);
}

TEST_F(ServiceTest, SignalEndsTheRun) {
  Service service(Options());
  std::promise<void> begun;
  service.OnTask("task", [&](const Task&) -> Result<Outputs> {
    begun.set_value();
    return Outputs{};
  });
  auto run = std::async(std::launch::async, [&] { return service.RunUntilSignal(); });
  core_.Deliver("task", "{}", "e1");
  begun.get_future().wait();
  ASSERT_TRUE(Answered(1));
  ::raise(SIGTERM);
  EXPECT_TRUE(run.get());
}

TEST_F(ServiceTest, ThousandsOfTasksAndEmitsAllArrive) {
  Service service(Options());
  std::atomic<int> emitted = 0;
  service.OnTask("task", [&](const Task&) -> Result<Outputs> {
    const auto sent =
        service.EmitAsync({{.key = "a", .json = "{}"}}, {}, [&](const Result<Emitted>& e) {
          if (e) ++emitted;
        });
    if (!sent) return sent.error();
    return Outputs{};
  });
  service.Start();
  for (int i = 0; i < 3'000; ++i) core_.Deliver("task", "{}", "e" + std::to_string(i));
  EXPECT_TRUE(Answered(3'000));
  EXPECT_TRUE(Eventually([&] { return emitted == 3'000; }));
  EXPECT_THAT(core_.events(), SizeIs(3'000));
  EXPECT_LT(core_.emit_requests(), 3'000U);
}

}  // namespace
}  // namespace mesg::sdk
