#include <gmock/gmock.h>

#include "engine/run_fixture_test.h"

/// What a deploy means for what the version before it has begun.
namespace mesg::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using std::chrono::hours;
using std::chrono::minutes;

using VersionsTest = RunTest;

// The clock begins at 22:13:20.
TEST_F(VersionsTest, ASchedulesTimesBeginWhenItIsDeployed) {
  Install(R"(
  hourly: { on: { schedule: "0 * * * *", missed: all }, steps: [ { set: 1 } ] }
  half: { on: { schedule: "50 * * * *", missed: all }, steps: [ { set: 1 } ] }
)");
  Pass(minutes(10));
  ASSERT_THAT(States(), IsEmpty());
  // At 22:15 and 22:20, and with the other time zone at 22:20, the new ones did not exist.
  Install(R"(
  hourly: { on: { schedule: "*/5 * * * *", missed: all }, steps: [ { set: 1 } ] }
  half: { on: { schedule: "50 * * * *", timezone: Asia/Kolkata, missed: all }, steps: [ { set: 1 } ] }
)");
  Pass(Duration(0));
  EXPECT_THAT(States(), IsEmpty());
  Pass(minutes(2));
  EXPECT_THAT(States(), SizeIs(1));
}

TEST_F(VersionsTest, ASchedulesTimesGoOnWhenSomethingElseChanges) {
  Install(R"(
  hourly: { on: { schedule: "0 * * * *", missed: all }, steps: [ { set: 1 } ] }
)");
  Pass(Duration(0));
  now_ += hours(2);  // Too busy to look.
  Install(R"(
  hourly: { on: { schedule: "0 * * * *", missed: all }, steps: [ { set: 2 } ] }
)");
  Pass(Duration(0));
  EXPECT_THAT(States(), ElementsAre("completed", "completed"));
}

TEST_F(VersionsTest, AWorkflowThatWasBehindDoesNotLookBackForAnotherEvent) {
  const std::string condition = R"(, if: '[.id] | combinations | . != null')";
  Install("  sell: { on: shop.order" + condition + ", steps: [ { set: 1 } ] }\n");
  Emit("order", R"({"id":1})");
  Emit("paid", R"({"id":1})");
  Pass(Duration(0));
  ASSERT_THAT(to_judge_, SizeIs(1));
  Install("  sell: { on: shop.paid" + condition + ", steps: [ { set: 1 } ] }\n");
  to_judge_.clear();
  Pass(Duration(0));
  EXPECT_THAT(to_judge_, IsEmpty());
  Emit("paid", R"({"id":2})");
  Pass(Duration(0));
  EXPECT_THAT(to_judge_, SizeIs(1));

  // The same one under another condition: nothing is lost.
  Install("  sell: { on: shop.paid, if: '[.id, 1] | combinations', steps: [ { set: 1 } ] }\n");
  to_judge_.clear();
  Pass(Duration(0));
  EXPECT_THAT(to_judge_, SizeIs(1));
}

std::string Sell(int limit) {
  return fmt::format(
      "  sell: {{ on: shop.order, concurrency: {}, steps: [ {{ task: shop.bill, with: {{ amount: "
      "1 }} }} ] }}\n",
      limit);
}

TEST_F(VersionsTest, RunsOfAnOldVersionTakeTurnsByTheLimitOfTheNewOne) {
  Install(Sell(1));
  for (int i = 0; i < 2; ++i) Emit("order", R"({"id":1})");
  EXPECT_THAT(States(), ElementsAre("running", "queued"));
  Install(Sell(3));
  for (int i = 0; i < 3; ++i) Emit("order", R"({"id":2})");
  EXPECT_THAT(States(), ElementsAre("running", "queued", "running", "running", "queued"));
  // As many as the old limit allowed still run; but the new one has room.
  Succeed("bill", R"({"ok":true})");
  Pass(Duration(0));
  EXPECT_THAT(States(), ElementsAre("completed", "running", "running", "running", "queued"));
}

TEST_F(VersionsTest, ALowerLimitIsOneForOldRunsToo) {
  Install(Sell(2));
  for (int i = 0; i < 3; ++i) Emit("order", R"({"id":1})");
  Install(Sell(1));
  Succeed("bill", R"({"ok":true})");
  Pass(Duration(0));
  EXPECT_THAT(States(), ElementsAre("completed", "running", "queued"));
  Succeed("bill", R"({"ok":true})");
  Pass(Duration(0));
  EXPECT_THAT(States(), ElementsAre("completed", "completed", "running"));
}

TEST_F(VersionsTest, AnOldRunKeepsItsLimitWhenTheNewVersionHasNone) {
  Install(Sell(1));
  for (int i = 0; i < 2; ++i) Emit("order", R"({"id":1})");
  Install("  sell: { on: shop.order, steps: [ { set: 1 } ] }\n");
  Emit("order", R"({"id":2})");
  EXPECT_THAT(States(), ElementsAre("running", "queued", "completed"));
  Succeed("bill", R"({"ok":true})");
  Pass(Duration(0));
  EXPECT_THAT(States(), ElementsAre("completed", "running", "completed"));
}

}  // namespace
}  // namespace mesg::engine
