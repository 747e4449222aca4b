#include <gmock/gmock.h>

#include "engine/engine_fixture_test.h"

namespace mesg::engine {
namespace {

using std::chrono::hours;

class DecideRetentionTest : public EngineTest {
 protected:
  DecideRetentionTest() {
    Deploy();
    Commit();
  }
  void EmitBlock(std::size_t events) {
    std::vector<NewEvent> all(events, Event(std::string(100, 'x')));
    ASSERT_TRUE(Emit(std::move(all)));
    Commit();
  }
  std::uint64_t OldestAfterTick() {
    EXPECT_TRUE(Apply(Tick{}));
    if (engine_->HasChanges()) Commit();
    return engine_->Current().Numbers().oldest_sequence;
  }
  void Hold(const std::string& name, std::uint64_t sequence) {
    Subscription wanted;
    wanted.name = name;
    wanted.acknowledged = {{0, sequence}};
    ASSERT_TRUE(Apply(Subscribe{wanted}));
    Commit();
  }
};

TEST_F(DecideRetentionTest, HistoryGoesByAgeWithItsIndexAndResults) {
  const ExecutionId done = Create();
  ASSERT_EQ(Succeed(done), "ok");
  EmitBlock(3);
  now_ += hours(24 * 7);
  EXPECT_EQ(OldestAfterTick(), 1U);
  now_ += std::chrono::seconds(1);
  EXPECT_EQ(OldestAfterTick(), 5U);
  EXPECT_EQ(CountOf(keys::Table::kHistory), 0U);
  EXPECT_EQ(CountOf(keys::Table::kPostings), 0U);
  EXPECT_EQ(CountOf(keys::Table::kClosed), 0U);
  EXPECT_EQ(engine_->Current().Numbers().history_weight, 0U);
  EXPECT_EQ(State(done), "gone");
}

TEST_F(DecideRetentionTest, HistoryGoesBySizeOldestFirst) {
  settings_.retention_bytes = 2500;
  Open();
  for (int i = 0; i < 10; ++i) EmitBlock(5);
  const std::uint64_t oldest = OldestAfterTick();
  EXPECT_GT(oldest, 1U);
  EXPECT_EQ(oldest % 5, 1U) << "whole blocks";
  EXPECT_LE(engine_->Current().Numbers().history_weight, 2500U);
  EXPECT_GT(engine_->Current().Numbers().history_weight, 1000U) << "and no more than it must";
}

TEST_F(DecideRetentionTest, ASubscriptionKeepsWhatItHasNotAcknowledged) {
  settings_.retention_bytes = 0;
  Open();
  Hold("s", 7);
  for (int i = 0; i < 4; ++i) EmitBlock(5);
  EXPECT_EQ(OldestAfterTick(), 6U) << "the block that holds 8 stays";
  ASSERT_TRUE(Apply(Acknowledge{"s", {{0, 10}}}));
  EXPECT_EQ(OldestAfterTick(), 11U);
  ASSERT_TRUE(Apply(Unsubscribe{"s"}));
  EXPECT_EQ(OldestAfterTick(), 21U);
}

TEST_F(DecideRetentionTest, AHoldBeyondItsLimitBreaksWhereverItStandsInTheOldestBlock) {
  settings_.retention_bytes = 0;
  settings_.hold_bytes = 3000;
  Open();
  Hold("middle of the first", 3);
  Hold("end of the first", 10);
  EmitBlock(10);
  EXPECT_EQ(OldestAfterTick(), 1U);
  EmitBlock(10);
  EmitBlock(10);
  EXPECT_EQ(OldestAfterTick(), 11U);
  EXPECT_TRUE(engine_->Current().Subscriptions().at("middle of the first")->broken);
  EXPECT_FALSE(engine_->Current().Subscriptions().at("end of the first")->broken);
}

TEST_F(DecideRetentionTest, ATickWaitsForTheOneBefore) {
  EmitBlock(3);
  now_ += hours(24 * 8);
  ASSERT_TRUE(Apply(Tick{}));
  const Decided decided = engine_->TakeCommit(now_);
  ASSERT_TRUE(Apply(Tick{}));
  EXPECT_FALSE(engine_->HasChanges()) << "the store still shows what was trimmed";
  store_->Commit(decided.commit, decided.batch, {});
  engine_->Committed(decided.commit);
}

}  // namespace
}  // namespace mesg::engine
