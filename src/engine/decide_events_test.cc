#include <gmock/gmock.h>

#include "engine/engine_fixture_test.h"

namespace mesg::engine {
namespace {

using std::chrono::hours;
using ::testing::ElementsAre;

class DecideEventsTest : public EngineTest {
 protected:
  DecideEventsTest() {
    Deploy();
    Commit();
  }
};

TEST_F(DecideEventsTest, SequencesLeaveNoGapAndACommitIsOneBlock) {
  EXPECT_THAT(Emit({Event("1"), Event("2")})->sequences, ElementsAre(1, 2));
  EXPECT_THAT(Emit({Event("3")})->sequences, ElementsAre(3));
  const Decided first = Commit();
  EXPECT_EQ(first.history->first, 1U);
  EXPECT_EQ(first.history->entries.size(), 3U);
  EXPECT_EQ(first.history->entries[0].time, now_) << "the commit's, when the caller gave none";
  EXPECT_THAT(Emit({Event("4")})->sequences, ElementsAre(4));
  EXPECT_EQ(Commit().history->first, 4U);
}

TEST_F(DecideEventsTest, OnlyDeployedInstancesEmit) {
  EXPECT_EQ(Said(Emit({Event("1")}, {}, "shop", "unknown")), "INSTANCE_NOT_FOUND");
  Create();
  Deploy("shop", "two");
  EXPECT_EQ(Said(Emit({Event("1")})), "ok") << "one that drains, too";
}

TEST_F(DecideEventsTest, AnIdStandsForItsFirstEventWithinABatchACommitAndTheWindow) {
  const auto batch = Emit({Event("1", "a"), Event("2", "b"), Event("3", "a")});
  EXPECT_THAT(batch->sequences, ElementsAre(1, 2, 1));
  EXPECT_THAT(batch->duplicates, ElementsAre(2));
  EXPECT_THAT(Emit({Event("4", "b")})->sequences, ElementsAre(2));
  Commit();
  EXPECT_THAT(Emit({Event("5", "b")})->duplicates, ElementsAre(0));
  EXPECT_FALSE(engine_->HasChanges()) << "nothing new was said";
  now_ += hours(24) - std::chrono::seconds(1);
  ASSERT_TRUE(Apply(Tick{}));
  EXPECT_THAT(Emit({Event("5", "b")})->duplicates, ElementsAre(0));
  now_ += std::chrono::seconds(1);
  ASSERT_TRUE(Apply(Tick{}));
  Commit();
  EXPECT_THAT(Emit({Event("5", "b")})->sequences, ElementsAre(3));
}

TEST_F(DecideEventsTest, IdsOfOneServiceAreNotThoseOfAnother) {
  Deploy("other", "two");
  ASSERT_TRUE(Emit({Event("1", "a")}));
  EXPECT_THAT(Emit({Event("1", "a")}, {}, "other", "two")->sequences, ElementsAre(2));
}

TEST_F(DecideEventsTest, AnIdGivenAgainAfterItsServiceWasDeletedHasItsWholeWindow) {
  ASSERT_TRUE(Emit({Event("1", "a")}));
  Commit();
  now_ += hours(12);
  ASSERT_EQ(Said(Apply(Undeploy{"shop", /*keep_data=*/false, false})), "ok");
  Deploy();
  EXPECT_THAT(Emit({Event("1", "a")})->sequences, ElementsAre(2));
  Commit();
  now_ += hours(13);  // Beyond the first window, within the second.
  ASSERT_TRUE(Apply(Tick{}));
  Commit();
  EXPECT_THAT(Emit({Event("1", "a")})->sequences, ElementsAre(2));
}

TEST_F(DecideEventsTest, KeysMoveByVersionAndSeeEachOther) {
  const auto versions = [](const Result<Emitted>& emitted) { return emitted->versions; };
  EXPECT_THAT(versions(Emit({}, {{"k", "1", 0}})), ElementsAre(1));
  EXPECT_EQ(Said(Emit({Event("1")}, {{"k", "2", 0}})), "VERSION_MISMATCH");
  EXPECT_THAT(versions(Emit({}, {{"k", "2", 1}, {"k", "3", 2}, {"l", "1", 0}})),
              ElementsAre(2, 3, 4));
  EXPECT_THAT(versions(Emit({}, {{"k", {}, 3}, {"k", "4", 0}})), ElementsAre(0, 5));
  EXPECT_EQ(engine_->Current().FindValue("shop", "k").value()->value, "4");
  EXPECT_EQ(engine_->Current().Numbers().next_sequence, 1U) << "the refused event left no gap";
  Commit();
  EXPECT_EQ(engine_->Current().FindValue("shop", "k").value()->version, 5U);
}

TEST_F(DecideEventsTest, ALaterCommitSeesWhatAnEarlierHasNotYetWritten) {
  ASSERT_TRUE(Emit({}, {{"k", "1", {}}}));
  const Decided first = engine_->TakeCommit(now_);
  ASSERT_TRUE(Emit({}, {{"k", "2", 1}}));
  const Decided second = engine_->TakeCommit(now_);
  engine_->Committed(first.commit);
  EXPECT_EQ(engine_->Current().FindValue("shop", "k").value()->value, "2")
      << "the first being durable must not hide the second";
}

TEST_F(DecideEventsTest, TimeInTheHistoryNeverGoesBack) {
  ASSERT_TRUE(Emit({Event("1")}));
  const TimePoint first = Commit().history->recorded;
  now_ -= hours(1);
  ASSERT_TRUE(Emit({Event("2")}));
  EXPECT_EQ(Commit().history->recorded, first);
  Open();
  ASSERT_TRUE(Emit({Event("3")}));
  EXPECT_EQ(Commit().history->recorded, first);
}

}  // namespace
}  // namespace mesg::engine
