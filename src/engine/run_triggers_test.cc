#include <gmock/gmock.h>

#include "engine/run_fixture_test.h"

/// What starts runs, and when: triggers that keep up and those that do not, schedules, turns.
namespace mesg::engine {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using TriggersTest = RunTest;

constexpr const char* kHelped = R"(
  sell:
    on: shop.order
    if: '[.id] | combinations | . != null'
    steps: [ { id: got, set: "${ .id }" } ]
)";

TEST_F(TriggersTest, AConditionForTheHelperIsNotLostByACrash) {
  Install(kHelped);
  Emit("order", R"({"id":1})");
  Emit("order", R"({"id":2})");
  Pass(Duration(0));
  ASSERT_THAT(to_judge_, SizeIs(2));
  Restart();
  to_judge_.clear();
  Pass(Duration(0));
  ASSERT_THAT(to_judge_, SizeIs(2));
  // Answers in another order; runs begin in the order of the events.
  const auto judge = [this](std::size_t i, bool verdict) {
    const EvaluateTrigger& asked = to_judge_[i];
    ASSERT_TRUE(Apply(TriggerEvaluated{asked.application, asked.version, asked.workflow,
                                       asked.sequence, app::Value::Boolean(verdict)}));
    Pass(Duration(0));
  };
  judge(1, true);
  EXPECT_THAT(States(), IsEmpty());
  judge(0, true);
  EXPECT_THAT(States(), ElementsAre("completed", "completed"));
  EXPECT_THAT(Story(0), ElementsAre("got completed 1"));
  EXPECT_THAT(Story(1), ElementsAre("got completed 2"));
  Restart();
  to_judge_.clear();
  Pass(Duration(0));
  EXPECT_THAT(to_judge_, IsEmpty());  // The cursor is behind them.
  EXPECT_THAT(States(), SizeIs(2));
}

TEST_F(TriggersTest, ConditionsOfTriggerAndWorkflowAreJudgedTogether) {
  Install(R"(
  sell:
    on: { event: shop.order, if: '[.id] | combinations == [1]' }
    if: '[.id] | combinations == [2]'
    steps: [ { set: 1 } ]
  mixed:
    on: { event: shop.order, if: '[.id] | combinations == [1]' }
    if: .id > 10
    steps: [ { set: 1 } ]
)");
  Emit("order", R"({"id":1})");
  Pass(Duration(0));
  // Of one that is not true in Core, the helper is not asked the rest.
  ASSERT_THAT(to_judge_, SizeIs(1));
  EXPECT_EQ(to_judge_[0].workflow, "sell");
  EXPECT_EQ(to_judge_[0].call.expression.ToJq(),
            R"((([.["id"]] | (combinations == [1])) and ([.["id"]] | (combinations == [2]))))");
}

TEST_F(TriggersTest, TheHelperIsAskedAgainWhenItIsNotThere) {
  Install(kHelped);
  Emit("order", R"({"id":1})");
  Pass(Duration(0));
  ASSERT_THAT(to_judge_, SizeIs(1));
  const EvaluateTrigger asked = to_judge_[0];
  ASSERT_TRUE(Apply(TriggerEvaluated{asked.application, asked.version, asked.workflow,
                                     asked.sequence, Unavailable("gone")}));
  Pass(Duration(0));
  EXPECT_THAT(to_judge_, SizeIs(1));
  Pass(std::chrono::seconds(2));
  EXPECT_THAT(to_judge_, SizeIs(2));
}

TEST_F(TriggersTest, WithoutRoomForMoreRunsEventsWait) {
  settings_.max_open_runs = 2;
  Restart();
  Install(R"(
  sell: { on: shop.order, steps: [ { task: shop.bill, with: { amount: "${ .id }" } } ] }
)");
  for (int i = 0; i < 5; ++i) Emit("order", R"({"id":)" + std::to_string(i) + "}");
  EXPECT_THAT(States(), SizeIs(2));
  Restart();
  for (int i = 0; i < 5; ++i) {
    Succeed("bill", R"({"ok":true})");
    Pass(std::chrono::seconds(2));
  }
  EXPECT_THAT(States(), SizeIs(5));
  EXPECT_THAT(States(), testing::Each("completed"));
  EXPECT_THAT(engine_->Current().Runs().Cursors(), IsEmpty());  // It keeps up again.
  Emit("order", R"({"id":6})");
  EXPECT_THAT(States(), SizeIs(6));
}

TEST_F(TriggersTest, APausedApplicationTakesWhatCameMeanwhileAndAStoppedOneDoesNot) {
  Install(R"(
  sell: { on: shop.order, steps: [ { id: got, set: "${ .id }" } ] }
)");
  using State = Application::State;
  ASSERT_TRUE(Apply(SetApplicationState{"app", State::kPaused}));
  Emit("order", R"({"id":1})");
  Restart();
  Emit("order", R"({"id":2})");
  Pass(Duration(0));
  EXPECT_THAT(States(), IsEmpty());
  ASSERT_TRUE(Apply(SetApplicationState{"app", State::kActive}));
  Pass(Duration(0));
  EXPECT_THAT(States(), SizeIs(2));
  EXPECT_THAT(Story(0), ElementsAre("got completed 1"));
  ASSERT_TRUE(Apply(SetApplicationState{"app", State::kStopped}));
  Emit("order", R"({"id":3})");
  ASSERT_TRUE(Apply(SetApplicationState{"app", State::kActive}));
  Pass(Duration(0));
  EXPECT_THAT(States(), SizeIs(2));
  EXPECT_FALSE(Apply(SetApplicationState{"nobody", State::kActive}));
}

TEST_F(TriggersTest, AResultStartsAWorkflow) {
  Install(R"(
  sell: { on: { result: shop.bill, if: .ok }, steps: [ { id: got, set: "${ .ok } ${ $event.kind }" } ] }
  bill: { on: { manual: {} }, steps: [ { task: shop.bill, with: { amount: 1 } } ] }
)");
  ASSERT_TRUE(Start("bill"));
  Succeed("bill", R"({"ok":false})");
  ASSERT_TRUE(Start("bill"));
  Succeed("bill", R"({"ok":true})");
  EXPECT_THAT(States(), ElementsAre("completed", "completed", "completed"));
  EXPECT_THAT(Story(2), ElementsAre(R"(got completed "true result")"));
}

TEST_F(TriggersTest, ANewVersionTakesNewTriggersAndRunsStayOnTheirs) {
  Install(R"(
  sell: { on: shop.order, steps: [ { task: shop.bill, with: { amount: 1 } }, { id: end, set: old } ] }
)");
  Emit("order", R"({"id":1})");
  Install(R"(
  sell: { on: shop.order, steps: [ { task: shop.bill, with: { amount: 1 } }, { id: end, set: new } ] }
)");
  Emit("order", R"({"id":2})");
  Restart();
  Succeed("bill", R"({"ok":true})");
  Succeed("bill", R"({"ok":true})");
  EXPECT_THAT(Story(0), Contains(R"(end completed "old")"));
  EXPECT_THAT(Story(1), Contains(R"(end completed "new")"));
  EXPECT_THAT(engine_->Current().Runs().Applications(), SizeIs(2));
  // The old version goes with the last run that is kept of it.
  now_ += settings_.run_retention + std::chrono::hours(1);
  ASSERT_TRUE(Apply(Tick{}));
  EXPECT_THAT(States(), IsEmpty());
  EXPECT_THAT(engine_->Current().Runs().Applications(), SizeIs(1));
}

TEST_F(TriggersTest, DeletingCancelsWhatIsUnderWay) {
  Install(R"(
  sell: { on: shop.order, steps: [ { task: shop.bill, with: { amount: 1 } } ] }
)");
  for (int i = 0; i < 600; ++i) Emit("order", R"({"id":1})");
  const auto refused = Apply(DeleteApplication{"app", false});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "RUNS_UNDER_WAY");
  Commit();
  ASSERT_TRUE(Apply(DeleteApplication{"app", true}));
  Restart();
  for (int i = 0; i < 20; ++i) Pass(std::chrono::seconds(1));
  EXPECT_THAT(Tasks(), IsEmpty());
  EXPECT_THAT(States(), testing::Each(HasSubstr("cancelled: its application was deleted")));
  EXPECT_EQ(engine_->Current().Runs().CurrentApplication("app"), nullptr);
  Emit("order", R"({"id":1})");
  EXPECT_THAT(States(), SizeIs(600));
  Install(R"(
  sell: { on: shop.order, steps: [ { set: 1 } ] }
)");
  Emit("order", R"({"id":1})");
  EXPECT_THAT(States(), SizeIs(601));
}

TEST_F(TriggersTest, AnApplicationAndAServiceCannotShareAName) {
  Application application = Make(R"(
  sell: { on: shop.order, steps: [ { set: 1 } ] }
)");
  application.name = "shop";
  const auto reply = Apply(DeployApplication{application});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().reason, "NAME_TAKEN");
}

TEST_F(TriggersTest, ACommitTakesSoManyRunsHoweverManyEventsItHolds) {
  settings_.slice_bytes = 16 << 10;
  Restart();
  Install(R"(
  sell: { on: shop.order, steps: [ { id: got, set: "${ .id }" } ] }
)");
  Commit();
  constexpr std::size_t kEvents = 1000;
  engine::Emit emit;
  emit.source = source_.at("shop");
  emit.events.resize(kEvents);
  for (std::size_t i = 0; i < kEvents; ++i) {
    emit.events[i].key = "order";
    emit.events[i].data = R"({"id":)" + std::to_string(i) + "}";
  }
  ASSERT_TRUE(Apply(std::move(emit)));
  EXPECT_LT(engine_->PendingBytes(), 256U << 10);
  Restart();
  Pass(Duration(0));
  EXPECT_THAT(States(), SizeIs(kEvents));
  EXPECT_THAT(Story(kEvents - 1), ElementsAre("got completed 999"));
  EXPECT_THAT(engine_->Current().Runs().Cursors(), IsEmpty());
}

// ---- Turns ----

TEST_F(TriggersTest, RunsOfOneKeyGoOneAfterTheOther) {
  Install(R"(
  sell: { on: shop.order, order: .id, steps: [ { task: shop.bill, with: { amount: "${ .total }" } } ] }
)");
  Emit("order", R"({"id":1,"total":1})");
  Emit("order", R"({"id":1,"total":2})");
  Emit("order", R"({"id":2,"total":3})");
  EXPECT_THAT(Tasks(), ElementsAre(R"(bill {"amount":1})", R"(bill {"amount":3})"));
  Restart();
  Fail("bill");
  Pass(Duration(0));
  EXPECT_THAT(Tasks(), ElementsAre(R"(bill {"amount":3})", R"(bill {"amount":2})"));
  EXPECT_THAT(States(), ElementsAre("failed: no", "running", "running"));
}

// One that waits for its order takes no room from others.
TEST_F(TriggersTest, OrderHoldsUpNobodyElseInTheSameConcurrency) {
  Install(R"(
  sell:
    on: shop.order
    order: .id
    concurrency: { limit: 2 }
    steps: [ { task: shop.bill, with: { amount: "${ .total }" } } ]
)");
  const auto emit = [&](int id, int total) {
    Emit("order", fmt::format(R"({{"id":{},"total":{}}})", id, total));
  };
  emit(1, 1);
  for (int total = 2; total <= 4; ++total) emit(1, total);  // Behind the first.
  emit(2, 5);
  emit(3, 6);  // No room.
  EXPECT_THAT(States(), ElementsAre("running", "queued", "queued", "queued", "running", "queued"));
  Restart();
  // The one of another order goes before those that are not first in theirs.
  ASSERT_TRUE(Apply(CancelRun{Runs()[4]->id, "enough"}));
  Pass(Duration(0));
  EXPECT_THAT(States(), ElementsAre("running", "queued", "queued", "queued",
                                    testing::StartsWith("cancelled"), "running"));
  // Then it is theirs: what waited longest, when there is room.
  emit(4, 7);
  ASSERT_TRUE(Apply(CancelRun{Runs()[1]->id, "not needed"}));
  ASSERT_TRUE(Apply(CancelRun{Runs()[0]->id, "enough"}));
  Restart();
  Pass(Duration(0));
  EXPECT_THAT(States(), ElementsAre(testing::StartsWith("cancelled"),
                                    testing::StartsWith("cancelled"), "running", "queued",
                                    testing::StartsWith("cancelled"), "running", "queued"));
  for (int i = 0; i < 4; ++i) {
    Succeed("bill", R"({"ok":true})");
    Pass(Duration(0));
  }
  const std::vector<std::string> states = States();
  EXPECT_EQ(std::ranges::count(states, "completed"), 4);
  EXPECT_EQ(engine_->Current().Runs().OpenRuns(), 0U);
}

TEST_F(TriggersTest, ConcurrencyQueuesDropsOrReplaces) {
  Install(R"(
  queue:
    on: shop.order
    concurrency: { limit: 2, key: .id }
    steps: [ { task: shop.bill, with: { amount: "${ .total }" } } ]
  drop:
    on: shop.order
    concurrency: { limit: 1, when_full: drop }
    steps: [ { task: shop.ship, with: { to: "no ${ .total }" } } ]
  replace:
    on: shop.order
    concurrency: { limit: 1, when_full: replace }
    steps: [ { task: shop.refund, with: { amount: "${ .total }" } } ]
)");
  for (int i = 1; i <= 3; ++i) Emit("order", R"({"id":1,"total":)" + std::to_string(i) + "}");
  Pass(Duration(0));
  std::vector<std::string> tasks = Tasks();
  std::ranges::sort(tasks);
  EXPECT_THAT(tasks, ElementsAre(R"(bill {"amount":1})", R"(bill {"amount":2})",
                                 R"(refund {"amount":3})", R"(ship {"to":"no 1"})"));
  Succeed("bill", R"({"ok":true})");
  Pass(Duration(0));
  EXPECT_THAT(Tasks(), Contains(R"(bill {"amount":3})"));
}

TEST_F(TriggersTest, TheSameKeyStartsOneRunWithinItsWindow) {
  Install(R"(
  sell: { on: shop.order, dedupe: { key: .id, window: 1h }, steps: [ { set: 1 } ] }
)");
  Emit("order", R"({"id":1})");
  Emit("order", R"({"id":1})");
  Restart();
  Emit("order", R"({"id":1})");
  Emit("order", R"({"id":2})");
  EXPECT_THAT(States(), SizeIs(2));
  now_ += std::chrono::hours(2);
  Emit("order", R"({"id":1})");
  EXPECT_THAT(States(), SizeIs(3));
}

TEST_F(TriggersTest, AManualStartIsDoneOnceForItsKey) {
  Install(R"(
  go: { on: { manual: {} }, steps: [ { set: 1 } ] }
)");
  const auto version = engine_->Current().Runs().CurrentApplication("app")->version;
  const auto start = [&](const std::string& inputs) {
    return Apply(StartWorkflow{DerivedId(0, now_, std::to_string(started_++)), "app", version, "go",
                               inputs, "key"});
  };
  ASSERT_TRUE(start("{}"));
  ASSERT_TRUE(start("{}"));
  EXPECT_FALSE(start(R"({"other":1})"));
  EXPECT_THAT(States(), SizeIs(1));
}

// ---- Schedules ----

TEST_F(TriggersTest, AScheduleStartsRunsAtItsTimes) {
  Install(R"(
  tick: { on: { schedule: "0 * * * *" }, steps: [ { id: at, set: "${ .time }" } ] }
)");
  Pass(std::chrono::hours(1));
  Restart();
  Pass(std::chrono::hours(1));
  EXPECT_THAT(States(), ElementsAre("completed", "completed"));
  EXPECT_THAT(Story(0), ElementsAre(R"(at completed "2023-11-14T23:00:00Z")"));
  EXPECT_THAT(Story(1), ElementsAre(R"(at completed "2023-11-15T00:00:00Z")"));
}

TEST_F(TriggersTest, WhatWasMissedIsAllTheLastOneOrNothing) {
  Install(R"(
  all: { on: { schedule: "0 * * * *", missed: all }, steps: [ { set: 1 } ] }
  latest: { on: { schedule: "0 * * * *", missed: latest }, steps: [ { set: 1 } ] }
  skip: { on: { schedule: "0 * * * *", missed: skip }, steps: [ { set: 1 } ] }
)");
  Pass(Duration(0));
  Commit();
  now_ += std::chrono::hours(10) + std::chrono::minutes(10);
  Open();
  Pass(Duration(0));
  std::map<std::string, int> runs;
  for (const RunPtr& run : Runs()) ++runs[run->workflow];
  EXPECT_EQ(runs["all"], 10);
  EXPECT_EQ(runs["latest"], 1);
  EXPECT_EQ(runs["skip"], 0);
  Pass(std::chrono::hours(1));
  runs.clear();
  for (const RunPtr& run : Runs()) ++runs[run->workflow];
  EXPECT_EQ(runs["skip"], 0);  // Pass is one jump of an hour: ten minutes late.
}

TEST_F(TriggersTest, AYearOfMissedMinutesIsNoStorm) {
  Install(R"(
  tick: { on: { schedule: "* * * * *", missed: latest }, steps: [ { set: 1 } ] }
)");
  Pass(Duration(0));
  Commit();
  now_ += std::chrono::hours(24 * 30);
  Open();
  Pass(Duration(0));
  EXPECT_THAT(States(), SizeIs(1));
}

TEST_F(TriggersTest, JitterIsTheSameAfterARestart) {
  Install(R"(
  tick: { on: { schedule: "0 * * * *", jitter: 30m }, steps: [ { set: 1 } ] }
)");
  Pass(Duration(0));
  const auto due = engine_->NextSchedule("app", "tick");
  ASSERT_TRUE(due);
  Restart();
  Pass(Duration(0));
  EXPECT_EQ(engine_->NextSchedule("app", "tick"), due);
}

// ---- Many ----

TEST_F(TriggersTest, ParkedRunsAreInTheStoreOnly) {
  Install(R"(
  nap: { on: shop.order, steps: [ { wait: 1h } ] }
)");
  constexpr std::size_t kRuns = 100'000;
  for (std::size_t i = 0; i < kRuns; ++i) {
    Emit("order", R"({"id":1})");
    if (i % 1000 == 0) {
      now_ += std::chrono::milliseconds(1);
      Commit();
    }
  }
  Restart();
  EXPECT_EQ(engine_->Current().Runs().OpenRuns(), kRuns);
  Pass(std::chrono::hours(2));
  EXPECT_EQ(engine_->Current().Runs().OpenRuns(), 0u);
}

TEST_F(TriggersTest, ARetriedRunWaitsForItsTurn) {
  Install(R"(
  sell:
    on: shop.order
    concurrency: 1
    steps: [ { task: shop.bill, with: { amount: "${ .id }" } } ]
  row:
    on: shop.paid
    order: "1"
    steps: [ { task: shop.ship, with: { to: "${ .id | tostring }" } } ]
)");
  for (const auto* event : {"order", "paid"}) {
    Emit(event, R"({"id":1})");
    Emit(event, R"({"id":2})");
  }
  Fail("bill");
  Fail("ship");
  Pass(Duration(0));
  EXPECT_THAT(States(), ElementsAre("failed: no", "running", "failed: no", "running"));
  ASSERT_TRUE(Apply(RetryRun{Runs()[0]->id}));
  ASSERT_TRUE(Apply(RetryRun{Runs()[2]->id}));
  EXPECT_THAT(States(), ElementsAre("queued", "running", "queued", "running"));
  Restart();
  Succeed("bill", R"({"ok":true})");
  Succeed("ship", R"({"number":1})");
  Pass(Duration(0));
  EXPECT_THAT(States(), ElementsAre("running", "completed", "running", "completed"));
  EXPECT_THAT(Tasks(), ElementsAre(R"(bill {"amount":1})", R"(ship {"to":"1"})"));
  ASSERT_TRUE(Apply(RetryRun{Runs()[1]->id, ""}));
  ASSERT_TRUE(Apply(CancelRun{Runs()[1]->id, ""}));
  EXPECT_THAT(States()[1], "cancelled: cancelled");
}

// Nobody knows whether it may run: its condition would fail again.
TEST_F(TriggersTest, ARunWhoseConditionOrKeyFailedCannotBeRetried) {
  Install(R"(
  sell:
    on: shop.order
    if: .total + 1 > 0
    steps: [ { task: shop.bill, with: { amount: "${ .id }" } } ]
  keyed:
    on: shop.order
    dedupe: { key: .total + 1, window: 1h }
    steps: [ { task: shop.ship, with: { to: "${ .id | tostring }" } } ]
)");
  Emit("order", R"({"id":1,"total":"none"})");
  ASSERT_THAT(States(), SizeIs(2));
  for (const RunPtr& run : Runs()) {
    for (const std::optional<std::string>& step :
         {std::optional<std::string>(), std::optional<std::string>("")}) {
      const auto reply = Apply(RetryRun{run->id, step});
      ASSERT_FALSE(reply);
      EXPECT_EQ(reply.error().reason, "RUN_NEVER_BEGAN");
    }
  }
  EXPECT_THAT(Tasks(), ElementsAre());
}

TEST_F(TriggersTest, WhatIsBeingUndoneIsNotReplacedAgain) {
  Install(R"(
  sell:
    on: shop.order
    concurrency: { limit: 1, when_full: replace }
    steps:
      - { set: 1, compensate: [ { task: shop.refund, with: { amount: "${ .id }" } } ] }
      - { task: shop.bill, with: { amount: "${ .id }" } }
)");
  for (int i = 1; i <= 3; ++i) Emit("order", R"({"id":)" + std::to_string(i) + "}");
  EXPECT_THAT(States(), ElementsAre("compensating: cancelled: a newer run took its place",
                                    "cancelled: cancelled: a newer run took its place", "queued"));
  EXPECT_THAT(Tasks(), ElementsAre(R"(refund {"amount":1})"));
  Succeed("refund", R"({"ok":true})");
  Pass(Duration(0));
  EXPECT_THAT(Tasks(), ElementsAre(R"(bill {"amount":3})"));
}

TEST_F(TriggersTest, WhatARunUndoesIsNotCutShortByTheRunThatStartedIt) {
  Install(R"(
  go: { on: { manual: {} }, steps: [ { run: inner } ] }
  inner:
    on: { manual: {} }
    steps:
      - { set: 1, compensate: [ { task: shop.refund, with: { amount: 1 } } ] }
      - { task: shop.bill, with: { amount: 1 } }
)");
  ASSERT_TRUE(Start("go"));
  Pass(Duration(0));
  ASSERT_TRUE(Apply(CancelRun{Runs()[1]->id, ""}));
  ASSERT_TRUE(Apply(CancelRun{Runs()[0]->id, ""}));
  EXPECT_THAT(States(), ElementsAre("cancelled: cancelled", "compensating: cancelled"));
  Succeed("refund", R"({"ok":true})");
  EXPECT_THAT(States(), ElementsAre("cancelled: cancelled", "cancelled: cancelled"));
}

TEST_F(TriggersTest, WhatWasDroppedDoesNotCountAsHavingRun) {
  Install(R"(
  sell:
    on: shop.order
    dedupe: .id
    concurrency: { limit: 1, when_full: drop }
    steps: [ { task: shop.bill, with: { amount: "${ .id }" } } ]
)");
  Emit("order", R"({"id":1})");
  Emit("order", R"({"id":2})");
  EXPECT_THAT(States(), SizeIs(1));
  Succeed("bill", R"({"ok":true})");
  Emit("order", R"({"id":2})");
  EXPECT_THAT(States(), ElementsAre("completed", "running"));
}

TEST_F(TriggersTest, AKeyOfAStartThatFoundNoRoomIsNotUsedUp) {
  Install(R"(
  go:
    on: { manual: {} }
    concurrency: { limit: 1, when_full: drop }
    steps: [ { task: shop.bill, with: { amount: 1 } } ]
)");
  ASSERT_TRUE(Start("go"));
  const std::string version = engine_->Current().Runs().CurrentApplication("app")->version;
  const StartWorkflow command{DerivedId(0, now_, "keyed"), "app", version, "go", "{}", "key"};
  EXPECT_FALSE(Apply(command));
  Succeed("bill", R"({"ok":true})");
  EXPECT_TRUE(Apply(command));
  EXPECT_THAT(States(), ElementsAre("completed", "running"));
}

}  // namespace
}  // namespace mesg::engine
