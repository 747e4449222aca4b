#include <gmock/gmock.h>

#include "engine/run_fixture_test.h"

/// Every kind of step: when it goes well, when it does not, and with a restart in the middle.
namespace mesg::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using StepsTest = RunTest;

TEST_F(StepsTest, AnEventRunsTasksOneAfterTheOther) {
  Install(R"(
  sell:
    on: shop.order
    if: .total > 10
    steps:
      - { id: bill, task: shop.bill, with: { amount: "${ .total }" } }
      - { id: ship, task: shop.ship, with: { to: "order ${ .id }, ${ $steps.bill.ok }" } }
)");
  Emit("order", R"({"id":1,"total":5})");
  EXPECT_THAT(States(), IsEmpty());
  Emit("order", R"({"id":2,"total":50})");
  EXPECT_THAT(Tasks(), ElementsAre(R"(bill {"amount":50})"));
  Restart();
  Succeed("bill", R"({"ok":true})");
  EXPECT_THAT(Tasks(), ElementsAre(R"(ship {"to":"order 2, true"})"));
  Restart();
  Succeed("ship", R"({"number":7})");
  EXPECT_THAT(States(), ElementsAre("completed"));
  EXPECT_THAT(Story(),
              ElementsAre(R"(bill completed {"ok":true})", R"(ship completed {"number":7})"));
}

TEST_F(StepsTest, AFailedTaskFailsTheRunAndIsNoDeadLetterOfItsOwn) {
  Install(R"(
  sell:
    on: shop.order
    steps: [ { id: bill, task: shop.bill, with: { amount: 1 }, retry: { attempts: 2, initial: 1s } } ]
)");
  Emit("order", R"({"id":1})");
  Fail("bill", "no money", false);
  EXPECT_THAT(States(), ElementsAre("running"));
  Fail("bill", "still none", false);
  EXPECT_THAT(States(), ElementsAre("failed: still none"));
  EXPECT_THAT(Story(), ElementsAre("bill failed: still none"));
  EXPECT_EQ(engine_->Current().DeadLetters(), 0u);
}

TEST_F(StepsTest, AFailedRunGoesOnWhereItFailed) {
  Install(R"(
  sell:
    on: shop.order
    steps:
      - { id: bill, task: shop.bill, with: { amount: 1 } }
      - if: $steps.bill.ok
        then: [ { id: ship, task: shop.ship, with: { to: "${ .id | tostring }" } } ]
)");
  Emit("order", R"({"id":1})");
  Succeed("bill", R"({"ok":true})");
  Fail("ship", "no truck");
  EXPECT_THAT(States(), ElementsAre("failed: no truck"));
  Restart();
  const RunId id = Runs()[0]->id;
  ASSERT_TRUE(Apply(RetryRun{id, {}, true}));
  ASSERT_TRUE(Apply(RetryRun{id}));
  EXPECT_THAT(Tasks(), ElementsAre(R"(ship {"to":"1"})"));
  Succeed("ship", R"({"number":1})");
  EXPECT_THAT(States(), ElementsAre("completed"));

  ASSERT_TRUE(Apply(RetryRun{id, "bill"}));
  EXPECT_THAT(Tasks(), ElementsAre(R"(bill {"amount":1})"));
  EXPECT_FALSE(Apply(RetryRun{id, "bill"}));
  Succeed("bill", R"({"ok":false})");
  EXPECT_THAT(States(), ElementsAre("completed"));
}

TEST_F(StepsTest, WhatUndoesAnItemSeesTheItem) {
  Install(R"(
  go:
    on: { manual: {} }
    steps:
      - foreach: '["a", "b"]'
        steps:
          - { set: 1, compensate: [ { task: shop.refund, with: { amount: "${ $item }" } } ] }
      - { id: ship, task: shop.ship, with: { to: x } }
      - { id: last, task: shop.ship, with: { to: y } }
)");
  ASSERT_TRUE(Start("go"));
  Succeed("ship", R"({"number":1})");
  Fail("ship");
  EXPECT_THAT(Tasks(), ElementsAre(R"(refund {"amount":"b"})"));
  Restart();
  Succeed("refund", R"({"ok":true})");
  EXPECT_THAT(Tasks(), ElementsAre(R"(refund {"amount":"a"})"));
  Succeed("refund", R"({"ok":true})");
  EXPECT_THAT(States(), ElementsAre("failed: no"));
}

TEST_F(StepsTest, WhatUndoesAnItemSeesTheItemAfterAReset) {
  Install(R"(
  go:
    on: { manual: {} }
    steps:
      - foreach: '["a"]'
        steps:
          - { set: 1, compensate: [ { task: shop.refund, with: { amount: "${ $item }" } } ] }
      - { id: ship, task: shop.ship, with: { to: x } }
)");
  ASSERT_TRUE(Start("go"));
  Succeed("ship", R"({"number":1})");
  ASSERT_TRUE(Apply(RetryRun{Runs()[0]->id, "ship"}));
  Fail("ship");
  EXPECT_THAT(Tasks(), ElementsAre(R"(refund {"amount":"a"})"));
}

TEST_F(StepsTest, ARetriedStepHasItsTimeoutAgain) {
  Install(R"(
  go:
    on: { manual: {} }
    steps: [ { id: ship, task: shop.ship, with: { to: x }, timeout: 5s } ]
)");
  ASSERT_TRUE(Start("go"));
  Pass(std::chrono::seconds(6));
  EXPECT_THAT(States(), ElementsAre("failed: ship took longer than 5s"));
  ASSERT_TRUE(Apply(RetryRun{Runs()[0]->id}));
  EXPECT_THAT(States(), ElementsAre("running"));
  Pass(std::chrono::seconds(6));
  EXPECT_THAT(States(), ElementsAre("failed: ship took longer than 5s"));
}

TEST_F(StepsTest, InputsThatDoNotFitFailTheStep) {
  Install(R"(
  sell:
    on: shop.order
    steps: [ { id: bill, task: shop.bill, with: { amount: "${ .id | tostring }" } } ]
)");
  Emit("order", R"({"id":1})");
  ASSERT_EQ(Runs().size(), 1u);
  EXPECT_THAT(States()[0], HasSubstr("amount: expected a Number"));
}

TEST_F(StepsTest, AConditionThatFailsIsAFailedRun) {
  Install(R"(
  sell:
    on: shop.order
    if: (.id | tostring) + 1 == 2
    steps: [ { set: 1 } ]
)");
  Emit("order", R"({"id":1})");
  ASSERT_EQ(Runs().size(), 1u);
  EXPECT_THAT(States()[0], HasSubstr("failed: the condition of the workflow failed"));
}

TEST_F(StepsTest, WaysAndValues) {
  Install(R"(
  go:
    on: { manual: { kind: { type: String } } }
    steps:
      - { id: a, set: { x: "${ .kind }", y: [1, "${ 1 + 1 }"] } }
      - { id: skipped, if: "false", set: 1 }
      - id: way
        switch: .kind
        cases:
          one: [ { id: first, set: "is one" } ]
          two: [ { set: "is two" } ]
        default: [ { set: "is other" } ]
      - { id: end, set: "${ $steps.way } ${ $steps.a.y[1] } ${ $steps.skipped }" }
)");
  ASSERT_TRUE(Start("go", R"({"kind":"two"})"));
  ASSERT_TRUE(Start("go", R"({"kind":"x"})"));
  EXPECT_THAT(States(), ElementsAre("completed", "completed"));
  EXPECT_THAT(Story(0), testing::Contains(R"(end completed "is two 2 null")"));
  EXPECT_THAT(Story(1), testing::Contains(R"(end completed "is other 2 null")"));
}

TEST_F(StepsTest, BranchesRunAtOnceUntilEnoughAreDone) {
  Install(R"(
  go:
    on: { manual: {} }
    steps:
      - id: both
        parallel:
          - [ { id: b, task: shop.bill, with: { amount: 1 } } ]
          - [ { id: s, task: shop.ship, with: { to: x } } ]
      - id: any
        parallel:
          - [ { task: shop.bill, with: { amount: 2 } } ]
          - [ { task: shop.ship, with: { to: y } } ]
        join: any
)");
  ASSERT_TRUE(Start("go"));
  EXPECT_THAT(Tasks(), ElementsAre(R"(bill {"amount":1})", R"(ship {"to":"x"})"));
  Succeed("ship", R"({"number":1})");
  Restart();
  Succeed("bill", R"({"ok":true})");
  EXPECT_THAT(Tasks(), ElementsAre(R"(bill {"amount":2})", R"(ship {"to":"y"})"));
  Succeed("ship", R"({"number":2})");
  EXPECT_THAT(Tasks(), IsEmpty());  // The other one is cancelled.
  EXPECT_THAT(States(), ElementsAre("completed"));
  EXPECT_THAT(Story(), testing::Contains(R"(both completed [{"ok":true},{"number":1}])"));
  EXPECT_THAT(Story(), testing::Contains(R"(any completed [null,{"number":2}])"));
}

TEST_F(StepsTest, AFailedBranchCancelsTheOthersOnlyWhenItIsNeeded) {
  Install(R"(
  go:
    on: { manual: {} }
    steps:
      - parallel:
          - [ { task: shop.bill, with: { amount: 1 } } ]
          - [ { task: shop.ship, with: { to: x } } ]
          - [ { wait: 1h } ]
        join: 2
)");
  ASSERT_TRUE(Start("go"));
  Fail("bill", "one");
  EXPECT_THAT(States(), ElementsAre("running"));
  Fail("ship", "two");
  EXPECT_THAT(States(), ElementsAre("failed: two"));
}

TEST_F(StepsTest, ItemsRunSoManyAtOnceAndAreCollected) {
  Install(R"(
  go:
    on: { manual: {} }
    steps:
      - id: all
        foreach: "[10, 20, 30]"
        concurrency: 2
        steps:
          - { id: b, task: shop.bill, with: { amount: "${ $item }" } }
          - { set: "${ $item }: ${ $steps.b.ok }" }
)");
  ASSERT_TRUE(Start("go"));
  EXPECT_THAT(Tasks(), ElementsAre(R"(bill {"amount":10})", R"(bill {"amount":20})"));
  Succeed("bill", R"({"ok":true})");
  Restart();
  EXPECT_THAT(Tasks(), ElementsAre(R"(bill {"amount":20})", R"(bill {"amount":30})"));
  Succeed("bill", R"({"ok":false})");
  Succeed("bill", R"({"ok":true})");
  EXPECT_THAT(States(), ElementsAre("completed"));
  EXPECT_THAT(Story(), testing::Contains(R"(all completed ["10: true","20: false","30: true"])"));
  EXPECT_THAT(Runs()[0]->scopes, IsEmpty());
}

TEST_F(StepsTest, ARetryGoesOnWithTheItemsThatAreLeft) {
  Install(R"(
  go:
    on: { manual: {} }
    steps:
      - id: all
        foreach: "[10, 20, 30]"
        steps: [ { task: shop.bill, with: { amount: "${ $item }" } } ]
)");
  ASSERT_TRUE(Start("go"));
  Succeed("bill", R"({"ok":true})");
  Fail("bill", "no");
  EXPECT_THAT(States(), ElementsAre("failed: no"));
  Restart();
  ASSERT_TRUE(Apply(RetryRun{Runs()[0]->id}));
  EXPECT_THAT(Tasks(), ElementsAre(R"(bill {"amount":20})"));
  Succeed("bill", R"({"ok":false})");
  Succeed("bill", R"({"ok":true})");
  EXPECT_THAT(States(), ElementsAre("completed"));
  EXPECT_THAT(Story(),
              testing::Contains(R"(all completed [{"ok":true},{"ok":false},{"ok":true}])"));
}

TEST_F(StepsTest, ManyItemsTakeManyTurns) {
  Install(R"(
  go:
    on: { manual: {} }
    steps:
      - { id: all, foreach: "[range(0; 2000)]", concurrency: 1000, steps: [ { set: "${ $item + 1 }" } ] }
      - { id: sum, set: "${ $steps.all | add }" }
)");
  ASSERT_TRUE(Start("go"));
  EXPECT_THAT(States(), ElementsAre("running"));
  Pass(Duration(0));
  EXPECT_THAT(States(), ElementsAre("completed"));
  EXPECT_THAT(Story().back(), "sum completed 2001000");
}

TEST_F(StepsTest, WaitsAreKeptOverARestart) {
  Install(R"(
  go:
    on: { manual: {} }
    steps:
      - { id: nap, wait: 2d }
      - { id: late, wait: { until: "\"2023-11-20T00:00:00Z\"" } }
)");
  ASSERT_TRUE(Start("go"));
  Restart();
  Pass(std::chrono::hours(47));
  EXPECT_THAT(Story(), IsEmpty());
  Pass(std::chrono::hours(1));
  EXPECT_THAT(Story(), ElementsAre("nap completed null"));
  Restart();
  Pass(std::chrono::hours(24 * 10));
  EXPECT_THAT(States(), ElementsAre("completed"));
}

TEST_F(StepsTest, AnAwaitHearsTheEventItIsFor) {
  Install(R"(
  go:
    on: { manual: { id: { type: Number } } }
    steps:
      - { id: me, set: "${ .id }" }
      - { id: paid, await: { event: shop.paid, if: .id == $steps.me, timeout: 1h } }
)");
  ASSERT_TRUE(Start("go", R"({"id":1})"));
  ASSERT_TRUE(Start("go", R"({"id":2})"));
  Emit("paid", R"({"id":3})");
  Restart();
  Emit("paid", R"({"id":2})");
  EXPECT_THAT(States(), ElementsAre("running", "completed"));
  EXPECT_THAT(Story(1), testing::Contains(R"(paid completed {"id":2})"));
  Pass(std::chrono::hours(2));
  EXPECT_THAT(States()[0], HasSubstr("failed: paid waited too long"));
  Emit("paid", R"({"id":1})");  // Nobody listens any more.
  EXPECT_FALSE(engine_->Current().Runs().HasWaiters("shop", "paid"));
}

// With a comparison, an event is looked at for those it may be for, however many wait.
TEST_F(StepsTest, AnAwaitIsFoundByWhatItCompares) {
  settings_.max_waiters = 2;
  Restart();
  Install(R"(
  go:
    on: { manual: { id: { type: Number } } }
    steps:
      - { id: me, set: "${ .id }" }
      - { id: paid, await: { event: shop.paid, if: .id == $steps.me and .note != "no", timeout: 1h } }
)");
  for (const char* id : {"1", "2", "3", "1", "1"}) {
    ASSERT_TRUE(Start("go", fmt::format(R"({{"id":{}}})", id)));
  }
  EXPECT_THAT(States(),
              ElementsAre("running", "running", "running", "running",
                          "failed: 2 steps wait for the event paid of shop with the same value, "
                          "the limit"));
  const auto may_be_for = [&](const char* data) {
    const RunTable& runs = engine_->Current().Runs();
    return runs.WaitersFor("shop", "paid", *app::Value::Read(data)).size();
  };
  EXPECT_EQ(may_be_for(R"({"id":1})"), 2U);
  Restart();
  EXPECT_EQ(may_be_for(R"({"id":1.0})"), 2U);
  EXPECT_EQ(may_be_for(R"({"id":2})"), 1U);
  EXPECT_EQ(may_be_for(R"({"id":"2"})"), 0U);
  EXPECT_EQ(may_be_for("{}"), 0U);
  Emit("paid", R"({"id":2,"note":"no"})");
  Emit("paid", R"({"id":1,"note":"yes"})");
  EXPECT_THAT(States(), ElementsAre("completed", "running", "running", "completed",
                                    testing::StartsWith("failed")));
  EXPECT_EQ(may_be_for(R"({"id":1})"), 0U);
  Pass(std::chrono::hours(2));
  EXPECT_FALSE(engine_->Current().Runs().HasWaiters("shop", "paid"));
}

TEST_F(StepsTest, WhatAnAwaitComparesHasToBeThere) {
  Install(R"(
  go:
    on: { manual: { id: { type: Number } } }
    steps: [ { await: { event: shop.paid, if: .id == $event.data.id.number } } ]
)");
  ASSERT_TRUE(Start("go", R"({"id":1})"));
  EXPECT_THAT(States(), ElementsAre(testing::StartsWith("failed: ")));
}

// However much there is to do, a commit takes so much of it, and the next one goes on.
TEST_F(StepsTest, ACommitTakesSoManyBytesOfRuns) {
  settings_.slice_bytes = 16 << 10;
  Restart();
  Install(R"(
  go:
    on: { manual: { text: { type: String } } }
    steps:
      - id: all
        foreach: "[range(100)]"
        concurrency: 100
        steps: [ { set: { text: "${ .text }", n: "${ $item }" } } ]
      - { set: "${ $steps.all | length }" }
)");
  const std::string large = R"({"text":")" + std::string(4 << 10, 'x') + "\"}";
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Start("go", large));
  for (int commits = 0; engine_->Current().Runs().OpenRuns() > 0; ++commits) {
    ASSERT_LT(commits, 10'000);
    EXPECT_LT(engine_->PendingBytes(), 600U << 10);  // The list of all alone has 400 KiB.
    CommitOnce();
    if (!messages_.empty()) {
      ASSERT_TRUE(Apply(Command(messages_.front())));
      messages_.pop_front();
    } else {
      ASSERT_TRUE(Apply(Wake{}));
    }
  }
  const std::vector<std::string> states = States();
  EXPECT_EQ(std::ranges::count(states, "completed"), 20);
  EXPECT_EQ(Story(19).back(), "steps[1] completed 100");
}

TEST_F(StepsTest, AStepGivesSoManyBytes) {
  settings_.payload_bytes = 4 << 10;
  Restart();
  Install(R"(
  set: { on: { manual: { text: { type: String } } }, steps: [ { set: "${ [range(20)] | map($event.data.text) }" } ] }
  task:
    on: { manual: { text: { type: String } } }
    steps: [ { task: shop.ship, with: { to: "${ [range(20)] | map($event.data.text) | add }" } } ]
  named:
    on: { manual: { text: { type: String } } }
    steps: [ { id: all, foreach: "[range(20)]", steps: [ { set: "${ .text }" } ] }, { set: 1 } ]
  unread:
    on: { manual: { text: { type: String } } }
    steps: [ { foreach: "[range(20)]", steps: [ { set: "${ .text }" } ] }, { set: 1 } ]
)");
  const std::string text = R"({"text":")" + std::string(1 << 10, 'x') + "\"}";
  for (const char* workflow : {"set", "task", "named", "unread"})
    ASSERT_TRUE(Start(workflow, text));
  EXPECT_THAT(
      States(),
      ElementsAre("failed: steps[0] made a value of more than 4096 bytes, the limit",
                  "failed: steps[0] made a value of more than 4096 bytes, the limit",
                  "failed: all made a value of more than 4096 bytes, the limit", "completed"));
}

// What is wrong with one that waits is nobody else's.
TEST_F(StepsTest, AnAwaitThatCannotBeJudgedFailsAlone) {
  Install(R"(
  go:
    on: { manual: { id: { type: Number } } }
    steps: [ { await: { event: shop.paid, if: "(.note | tonumber) == 1" } } ]
  heard: { on: shop.paid, steps: [ { set: 1 } ] }
)");
  ASSERT_TRUE(Start("go", R"({"id":1})"));
  Emit("paid", R"({"id":1,"note":"no number"})");
  const std::vector<std::string> states = States();
  ASSERT_EQ(states.size(), 2U);
  EXPECT_THAT(states[0], testing::StartsWith("failed: "));
  EXPECT_EQ(states[1], "completed");
}

class AwaitWithHelperTest : public StepsTest {
 protected:
  void SetUp() override {
    StepsTest::SetUp();
    Install(R"(
  go:
    on: { manual: { id: { type: Number } } }
    steps:
      - { id: me, set: "${ .id }" }
      - id: paid
        await:
          event: shop.paid
          if: .id == $steps.me and ([[.note]] | combinations | .[0] == "yes")
          timeout: 1h
        catch: [ { set: gone } ]
)");
    ASSERT_TRUE(Start("go", R"({"id":1})"));
  }
  void Answer(Result<app::Value> value) {
    ASSERT_FALSE(to_evaluate_.empty());
    const EvaluateStep asked = std::move(to_evaluate_.front());
    to_evaluate_.erase(to_evaluate_.begin());
    StepEvaluated evaluated{asked.run, asked.visit, asked.attempt, std::vector<app::Value>()};
    if (value) {
      evaluated.answers = std::vector<app::Value>{*value};
    } else {
      evaluated.answers = value.error();
    }
    ASSERT_TRUE(Apply(std::move(evaluated)));
  }
  bool IsAwaited() const { return engine_->Current().Runs().HasWaiters("shop", "paid"); }
  static constexpr const char* kNo = R"({"id":1,"note":"no"})";
  static constexpr const char* kYes = R"({"id":1,"note":"yes"})";
};

TEST_F(AwaitWithHelperTest, EventsAreJudgedInTheirOrder) {
  Emit("paid", R"({"id":2,"note":"yes"})");  // Not for it: nobody needs to judge that.
  EXPECT_TRUE(to_evaluate_.empty());
  Emit("paid", kNo);
  Emit("paid", kYes);  // Comes while the first is judged.
  ASSERT_EQ(to_evaluate_.size(), 1U);
  Answer(app::Value::Boolean(false));
  EXPECT_THAT(States(), ElementsAre("running"));
  EXPECT_TRUE(IsAwaited());
  Answer(app::Value::Boolean(true));
  EXPECT_THAT(States(), ElementsAre("completed"));
  EXPECT_THAT(Story(), testing::Contains(std::string("paid completed ") + kYes));
  EXPECT_FALSE(IsAwaited());
}

TEST_F(AwaitWithHelperTest, ACrashForgetsNothingThatWasHeard) {
  Emit("paid", kNo);
  Emit("paid", kYes);
  Restart();
  to_evaluate_.clear();
  Pass(Duration(0));
  Answer(app::Value::Boolean(false));
  Restart();
  to_evaluate_.clear();
  Pass(Duration(0));
  Answer(Unavailable("the helper is busy"));
  Pass(std::chrono::seconds(2));
  Answer(app::Value::Boolean(true));
  EXPECT_THAT(Story(), testing::Contains(std::string("paid completed ") + kYes));
  EXPECT_FALSE(IsAwaited());
}

TEST_F(AwaitWithHelperTest, ItWaitsOnUntilItsTimeout) {
  Emit("paid", kNo);
  Answer(app::Value::Boolean(false));
  Pass(std::chrono::minutes(30));
  Emit("paid", kNo);
  Answer(app::Value::Boolean(false));
  EXPECT_THAT(States(), ElementsAre("running"));
  Pass(std::chrono::minutes(31));
  EXPECT_THAT(States(), ElementsAre("completed"));
  EXPECT_THAT(Story(), testing::Contains(HasSubstr("paid caught")));
  EXPECT_FALSE(IsAwaited());
}

TEST_F(AwaitWithHelperTest, AConditionThatFailsAndTooManyEventsFailIt) {
  Emit("paid", kNo);
  Answer(InvalidArgument("cannot compare"));
  EXPECT_THAT(States(), ElementsAre("completed"));  // By its catch.
  EXPECT_FALSE(IsAwaited());
  ASSERT_TRUE(Start("go", R"({"id":1})"));
  for (int i = 0; i < 101; ++i) Emit("paid", kNo);
  EXPECT_THAT(States(), ElementsAre("completed", "completed"));
  EXPECT_FALSE(IsAwaited());
  Answer(app::Value::Boolean(true));  // Too late.
  EXPECT_THAT(States(), ElementsAre("completed", "completed"));
}

TEST_F(AwaitWithHelperTest, CancellingItStopsTheWait) {
  Emit("paid", kNo);
  ASSERT_TRUE(Apply(CancelRun{Runs()[0]->id, "enough"}));
  Pass(Duration(0));
  EXPECT_FALSE(IsAwaited());
  Answer(app::Value::Boolean(true));
  EXPECT_THAT(States(), ElementsAre(testing::StartsWith("cancelled")));
}

// What is kept has to be read again, and by others than the step whose fault it is.
TEST_F(StepsTest, WhatIsNestedTooDeeplyFailsTheStepThatMakesIt) {
  Install(R"(
  items:
    on: { manual: { x: { type: Any } } }
    steps:
      - foreach: "[1]"
        steps: [ { parallel: [ [ { set: "${ .x }" } ], [ { set: "[" } ] ] } ]
        catch: [ { set: "${ $error.message }" } ]
      - { id: end, set: done }
  wait:
    on: { manual: { x: { type: Any } } }
    steps: [ { id: paid, await: { event: shop.paid, if: $event.data.x != .id } } ]
)");
  const auto start = [this](const char* workflow, std::size_t depth) {
    ASSERT_TRUE(
        Start(workflow, "{\"x\":" + std::string(depth, '[') + std::string(depth, ']') + "}"));
  };
  start("items", 126);
  start("items", 127);
  EXPECT_THAT(Story(0), testing::Contains("end completed \"done\""));
  EXPECT_THAT(Story(0), testing::Contains(HasSubstr("steps[0] completed [[[[")));
  EXPECT_THAT(Story(1),
              testing::Contains("steps[0] caught: what it gives is nested deeper than 128 levels"));
  EXPECT_THAT(Story(1), testing::Contains("end completed \"done\""));
  start("wait", 125);
  start("wait", 126);
  Restart();
  Emit("paid", R"({"id":1})");
  EXPECT_THAT(States(), ElementsAre("completed", "completed", "completed",
                                    "failed: the value is nested deeper than 128 levels"));
}

TEST_F(StepsTest, SoManyStepsMayWaitForOneEvent) {
  settings_.max_waiters = 2;
  Restart();
  Install(R"(
  go: { on: { manual: {} }, steps: [ { await: shop.paid } ] }
)");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Start("go"));
  EXPECT_THAT(States(), ElementsAre("running", "running",
                                    "failed: 2 steps wait for the event paid of shop, the limit"));
  Emit("paid", R"({"id":1})");
  EXPECT_THAT(States(), ElementsAre("completed", "completed", testing::StartsWith("failed")));
}

TEST_F(StepsTest, WhatOneEventMeansForAllThatWaitIsBounded) {
  settings_.slice_bytes = 16 << 10;
  Restart();
  Install(R"(
  go: { on: { manual: {} }, steps: [ { await: shop.paid } ] }
)");
  constexpr int kRuns = 20;
  for (int i = 0; i < kRuns; ++i) ASSERT_TRUE(Start("go"));
  Commit();
  Emit("paid", R"({"id":1,"note":")" + std::string(8 << 10, 'x') + "\"}");
  EXPECT_LT(engine_->PendingBytes(), 128U << 10);
  const std::vector<std::string> states = States();
  EXPECT_GE(std::ranges::count(states, "completed"), 1);
  EXPECT_GE(std::ranges::count_if(states,
                                  [](const std::string& state) {
                                    return state.find("than one commit takes") != std::string::npos;
                                  }),
            1);
  EXPECT_EQ(engine_->Current().Runs().OpenRuns(), 0u);
}

TEST_F(StepsTest, APersonDecides) {
  Install(R"(
  go:
    on: { manual: {} }
    steps: [ { id: ok, approve: { by: boss, timeout: 1d, default: reject } }, { set: 1 } ]
)");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Start("go"));
  Restart();
  ASSERT_TRUE(Apply(DecideStep{Runs()[0]->id, 0, true, "eve", "fine"}));
  ASSERT_TRUE(Apply(DecideStep{Runs()[1]->id, 0, false, "eve", "too dear"}));
  EXPECT_FALSE(Apply(DecideStep{Runs()[1]->id, 0, false, "eve", ""}));
  Pass(std::chrono::hours(25));
  EXPECT_THAT(States(), ElementsAre("completed", "failed: rejected by eve: too dear",
                                    "failed: nobody decided within 1d"));
  EXPECT_THAT(Story(0),
              testing::Contains(R"(ok completed {"approved":true,"by":"eve","comment":"fine"})"));
}

TEST_F(StepsTest, AnApplicationEmitsItsOwnEvents) {
  Install(R"(
  go:
    on: { manual: {} }
    steps: [ { emit: done, with: { n: "${ 1 + 1 }" } } ]
  heard:
    on: app.done
    steps: [ { id: got, set: "${ .n }" } ]
)",
          "events:\n  done: { data: { n: { type: Number } } }\n");
  ASSERT_TRUE(Start("go"));
  EXPECT_THAT(States(), ElementsAre("completed", "completed"));
  EXPECT_THAT(Story(1), ElementsAre("got completed 2"));
}

TEST_F(StepsTest, AWorkflowRunsAnother) {
  Install(R"(
  go:
    on: { manual: {} }
    steps:
      - { id: sub, run: part, with: { n: 4 } }
      - { id: end, set: "${ $steps.sub }" }
  part:
    on: { manual: { n: { type: Number } } }
    steps: [ { task: shop.bill, with: { amount: "${ .n }" } } ]
)");
  ASSERT_TRUE(Start("go"));
  Pass(Duration(0));
  Restart();
  EXPECT_THAT(Tasks(), ElementsAre(R"(bill {"amount":4})"));
  Succeed("bill", R"({"ok":true})");
  EXPECT_THAT(States(), ElementsAre("completed", "completed"));
  EXPECT_THAT(Story(), testing::Contains(R"(end completed {"ok":true})"));
  ASSERT_TRUE(Start("go"));
  Pass(Duration(0));
  ASSERT_TRUE(Apply(CancelRun{Runs()[2]->id, "enough"}));
  EXPECT_THAT(States(), ElementsAre("completed", "completed", "cancelled: cancelled: enough",
                                    "cancelled: cancelled: cancelled: enough"));
  EXPECT_THAT(Tasks(), IsEmpty());
}

// Its parent has had its answer, and has gone on: what it went on with must not be done twice.
TEST_F(StepsTest, ARunThatAnotherOneStartedIsRetriedByThatOne) {
  Install(R"(
  go:
    on: { manual: {} }
    steps: [ { id: sub, run: part } ]
  part:
    on: { manual: {} }
    steps: [ { task: shop.bill, with: { amount: 1 } } ]
)");
  ASSERT_TRUE(Start("go"));
  Pass(Duration(0));
  Fail("bill");
  EXPECT_THAT(States(), ElementsAre("failed: no", "failed: no"));
  const auto [parent, child] = std::pair(Runs()[0]->id, Runs()[1]->id);
  for (const bool dry_run : {true, false}) {
    const auto refused = Apply(RetryRun{child, {}, dry_run});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, "RUN_HAS_PARENT");
    EXPECT_THAT(refused.error().message, HasSubstr("retry or reset that one"));
  }
  EXPECT_THAT(Tasks(), IsEmpty());
  ASSERT_TRUE(Apply(RetryRun{parent}));
  Pass(Duration(0));
  Succeed("bill", R"({"ok":true})");
  EXPECT_THAT(States(), ElementsAre("completed", "failed: no", "completed"));
}

TEST_F(StepsTest, StopAndFailEndTheRun) {
  Install(R"(
  stops: { on: { manual: {} }, steps: [ { if: "true", then: [ { stop: enough } ] }, { set: 1 } ] }
  fails: { on: { manual: {} }, steps: [ { fail: "no ${ 1 + 1 }" }, { set: 1 } ] }
)");
  ASSERT_TRUE(Start("stops"));
  ASSERT_TRUE(Start("fails"));
  EXPECT_THAT(States(), ElementsAre("completed", "failed: no 2"));
}

// The check refuses such a file; one that is deployed already must not lose what is to be undone.
TEST_F(StepsTest, StopAndFailInsideACompensateEndThatUndoingOnly) {
  Install(R"(
  go:
    on: { manual: {} }
    steps:
      - { id: one, set: 1, compensate: [ { task: shop.refund, with: { amount: 1 } } ] }
      - { id: two, set: 2, compensate: [ { fail: cannot }, { task: shop.refund, with: { amount: 2 } } ] }
      - id: three
        set: 3
        compensate:
          - parallel: [ [ { task: shop.refund, with: { amount: 3 } } ], [ { if: "true", then: [ { stop: enough } ] } ] ]
          - { task: shop.refund, with: { amount: 4 } }
      - { fail: "no" }
)");
  ASSERT_TRUE(Start("go"));
  EXPECT_THAT(Tasks(), ElementsAre(R"(refund {"amount":1})"));
  EXPECT_THAT(States(), ElementsAre("compensating: no"));
  EXPECT_THAT(Story(), testing::Contains("two failed: cannot"));
  EXPECT_THAT(Story(), testing::Contains(R"(three completed "enough")"));
  Restart();
  Succeed("refund", R"({"ok":true})");
  EXPECT_THAT(States(), ElementsAre("failed: no"));
}

TEST_F(StepsTest, ARunThatFailedStaysFailedWhenItsCatchStops) {
  Install(R"(
  go:
    on: { manual: {} }
    steps: [ { fail: "no" } ]
    catch: [ { if: "true", then: [ { stop: enough } ] }, { task: shop.refund } ]
)");
  ASSERT_TRUE(Start("go"));
  EXPECT_THAT(Tasks(), IsEmpty());
  EXPECT_THAT(States(), ElementsAre("failed: no"));
}

TEST_F(StepsTest, ACatchTakesCareOfAStep) {
  Install(R"(
  go:
    on: { manual: {} }
    steps:
      - id: bill
        task: shop.bill
        with: { amount: 1 }
        catch: [ { set: "${ $error.message } ${ $error.code } ${ $error.step }" } ]
      - { id: end, set: "${ $steps.bill }" }
)");
  ASSERT_TRUE(Start("go"));
  Fail("bill", "no money");
  EXPECT_THAT(States(), ElementsAre("completed"));
  EXPECT_THAT(Story(), testing::Contains(R"(end completed "no money TASK_FAILED bill")"));
}

TEST_F(StepsTest, AFailedRunIsUndoneInReverseAndThenCaught) {
  Install(R"(
  go:
    on: { manual: {} }
    steps:
      - { id: one, set: 1, compensate: [ { task: shop.refund, with: { amount: "${ $steps.one }" } } ] }
      - { id: two, set: 2, compensate: [ { task: shop.refund, with: { amount: "${ $steps.two }" } } ] }
      - { id: bad, task: shop.bill, with: { amount: 9 } }
    catch: [ { task: shop.ship, with: { to: "${ $error.message }" } } ]
)");
  ASSERT_TRUE(Start("go"));
  Fail("bill", "no money");
  EXPECT_THAT(Tasks(), ElementsAre(R"(refund {"amount":2})"));
  Restart();
  EXPECT_THAT(States(), ElementsAre("compensating: no money"));
  Succeed("refund", R"({"ok":true})");
  EXPECT_THAT(Tasks(), ElementsAre(R"(refund {"amount":1})"));
  Fail("refund", "broken");
  EXPECT_THAT(Tasks(), ElementsAre(R"(ship {"to":"no money"})"));
  Succeed("ship", R"({"number":1})");
  EXPECT_THAT(States(), ElementsAre("failed: no money"));
  const auto refused = Apply(RetryRun{Runs()[0]->id});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "RUN_UNDONE");
  ASSERT_TRUE(Apply(RetryRun{Runs()[0]->id, ""}));
  EXPECT_THAT(Tasks(), ElementsAre(R"(bill {"amount":9})"));
}

TEST_F(StepsTest, ACancelledRunIsUndoneAndASecondCancelEndsThat) {
  Install(R"(
  go:
    on: { manual: {} }
    steps:
      - { set: 1, compensate: [ { task: shop.refund, with: {} } ] }
      - { task: shop.bill, with: { amount: 9 } }
)");
  ASSERT_TRUE(Start("go"));
  ASSERT_TRUE(Apply(CancelRun{Runs()[0]->id, "why"}));
  EXPECT_THAT(Tasks(), ElementsAre("refund {}"));
  ASSERT_TRUE(Apply(CancelRun{Runs()[0]->id, "now"}));
  EXPECT_THAT(Tasks(), IsEmpty());
  EXPECT_THAT(States(), ElementsAre("cancelled: cancelled: now"));
  EXPECT_FALSE(Apply(CancelRun{Runs()[0]->id, "again"}));
}

TEST_F(StepsTest, AStepThatTakesTooLongFails) {
  Install(R"(
  step: { on: { manual: {} }, steps: [ { id: slow, task: shop.bill, with: { amount: 1 }, timeout: 5s } ] }
  run: { on: { manual: {} }, timeout: 10s, steps: [ { task: shop.bill, with: { amount: 1 } } ] }
)");
  ASSERT_TRUE(Start("step"));
  ASSERT_TRUE(Start("run"));
  Restart();
  Pass(std::chrono::seconds(6));
  EXPECT_THAT(States(), ElementsAre("failed: slow took longer than 5s", "running"));
  Pass(std::chrono::seconds(5));
  EXPECT_THAT(States(), ElementsAre("failed: slow took longer than 5s",
                                    "failed: the run took longer than 10s"));
  EXPECT_THAT(Tasks(), IsEmpty());
}

TEST_F(StepsTest, AStepWithStepsInsideIsTriedAgain) {
  Install(R"(
  go:
    on: { manual: {} }
    steps:
      - id: outer
        if: "true"
        then:
          - { id: bill, task: shop.bill, with: { amount: 1 } }
        retry: { attempts: 2, initial: 1s, jitter: 0 }
)");
  ASSERT_TRUE(Start("go"));
  Fail("bill", "one");
  EXPECT_THAT(States(), ElementsAre("running"));
  EXPECT_THAT(Tasks(), IsEmpty());
  Restart();
  Pass(std::chrono::seconds(1));
  Fail("bill", "two");
  EXPECT_THAT(States(), ElementsAre("failed: two"));
}

TEST_F(StepsTest, WhatTheHelperThinksIsRecordedAndAskedAgainAfterACrash) {
  Install(R"(
  go:
    on: { manual: {} }
    steps: [ { id: x, set: "${ [1,2] | combinations }" } ]
)");
  ASSERT_TRUE(Start("go"));
  ASSERT_EQ(to_evaluate_.size(), 1u);
  Restart();
  to_evaluate_.clear();
  Pass(Duration(0));
  ASSERT_EQ(to_evaluate_.size(), 1u);
  const EvaluateStep asked = to_evaluate_[0];
  ASSERT_TRUE(Apply(StepEvaluated{asked.run, asked.visit, asked.attempt,
                                  std::vector<app::Value>{app::Value::Of(std::int64_t{5})}}));
  EXPECT_THAT(Story(), ElementsAre("x completed 5"));
}

}  // namespace
}  // namespace mesg::engine
