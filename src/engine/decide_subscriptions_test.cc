#include <gmock/gmock.h>

#include "engine/engine_fixture_test.h"

namespace mesg::engine {
namespace {

class DecideSubscriptionsTest : public EngineTest {
 protected:
  std::string Subscribe(const std::string& name, const std::string& filters = "f",
                        std::map<PartitionId, std::uint64_t> from = {{0, 0}}) {
    Subscription wanted;
    wanted.name = name;
    wanted.filters = filters;
    wanted.acknowledged = std::move(from);
    return Said(Apply(engine::Subscribe{wanted}));
  }
  /// "s@3" for each hold, "s@3!" when it is broken.
  std::string Holds() const {
    std::string text;
    for (const auto& [name, held] : engine_->Current().Holds())
      text += fmt::format("{}@{}{} ", name, held.sequence, held.broken ? "!" : "");
    return text;
  }
};

TEST_F(DecideSubscriptionsTest, OneNameHasOneSetOfFilters) {
  EXPECT_EQ(Subscribe("s"), "ok");
  Commit();
  EXPECT_EQ(Subscribe("s"), "ok");
  EXPECT_FALSE(engine_->HasChanges());
  EXPECT_EQ(Subscribe("s", "other"), "SUBSCRIPTION_EXISTS");
  settings_.max_subscriptions = 1;
  Open();
  EXPECT_EQ(Subscribe("t"), "TOO_MANY_SUBSCRIPTIONS");
}

TEST_F(DecideSubscriptionsTest, AnAcknowledgementOnlyMovesForward) {
  EXPECT_EQ(Said(Apply(Acknowledge{"s", {{0, 1}}})), "SUBSCRIPTION_NOT_FOUND");
  Subscribe("s");
  EXPECT_EQ(Holds(), "s@0 ");
  EXPECT_EQ(Said(Apply(Acknowledge{"s", {{0, 5}}})), "ok");
  EXPECT_EQ(Holds(), "s@5 ");
  Commit();
  EXPECT_EQ(Said(Apply(Acknowledge{"s", {{0, 3}, {9, 100}}})), "ok");
  EXPECT_FALSE(engine_->HasChanges()) << "neither back nor to a partition that is not there";
  EXPECT_EQ(Said(Apply(Unsubscribe{"s"})), "ok");
  EXPECT_EQ(Holds(), "");
  EXPECT_EQ(Said(Apply(Unsubscribe{"s"})), "SUBSCRIPTION_NOT_FOUND");
}

TEST_F(DecideSubscriptionsTest, OtherPartitionsAreToldByMessagesThatAreKeptUntilConfirmed) {
  settings_.partitions = 3;
  Open();
  Subscribe("s", "f", {{0, 1}, {1, 2}, {2, 3}});
  EXPECT_EQ(Effects(), "subscription message message");
  EXPECT_EQ(Said(Apply(Acknowledge{"s", {{1, 7}}})), "ok");
  EXPECT_EQ(engine_->Current().Outgoing().size(), 3U);
  Commit();
  Open();  // A crash: they are sent again.
  std::size_t messages = 0;
  for (const AnyEffect& effect : engine_->RecoveryEffects())
    messages += std::holds_alternative<SendMessage>(effect) ? 1 : 0;
  EXPECT_EQ(messages, 3U);
  ASSERT_TRUE(Apply(Delivered{1, 1}));
  EXPECT_EQ(engine_->Current().Outgoing().size(), 2U);
  ASSERT_TRUE(Apply(Delivered{1, 2}));
  ASSERT_TRUE(Apply(Delivered{2, 1}));
  Commit();
  ASSERT_TRUE(Apply(Delivered{2, 1}));
  EXPECT_FALSE(engine_->HasChanges()) << "told twice";
  Open();
  EXPECT_EQ(engine_->Current().NextOutgoing(1), 3U) << "no number is used again";
}

TEST_F(DecideSubscriptionsTest, AMessageIsTakenOnceAndInOrder) {
  const auto receive = [&](std::uint64_t number, std::uint64_t sequence) {
    EXPECT_TRUE(Apply(Receive{4, number, EncodeBody(HoldMoved{"s", sequence, false})}));
    return Effects();
  };
  EXPECT_EQ(receive(2, 20), "") << "the one before it is still on its way";
  EXPECT_EQ(receive(1, 10), "confirm");
  EXPECT_EQ(Holds(), "s@10 ");
  Commit();
  EXPECT_EQ(receive(1, 99), "confirm");
  EXPECT_FALSE(engine_->HasChanges());
  EXPECT_EQ(receive(2, 20), "confirm");
  EXPECT_EQ(Holds(), "s@20 ");
  EXPECT_EQ(Apply(Receive{4, 3, "rubbish"}).error().code, Code::kDataLoss);
}

TEST_F(DecideSubscriptionsTest, ABrokenHoldBreaksItsSubscriptionOnce) {
  Subscribe("s");
  Effects();
  ASSERT_TRUE(Apply(Receive{4, 1, EncodeBody(HoldBroke{"s", "too much"})}));
  EXPECT_EQ(Effects(), "confirm subscription");
  EXPECT_EQ(engine_->Current().Subscriptions().at("s")->broken_reason, "too much");
  ASSERT_TRUE(Apply(Receive{4, 2, EncodeBody(HoldBroke{"s", "again"})}));
  ASSERT_TRUE(Apply(Receive{4, 3, EncodeBody(HoldBroke{"nobody", ""})}));
  EXPECT_EQ(engine_->Current().Subscriptions().at("s")->broken_reason, "too much");
}

// Retention may go on between the request and its turn.
TEST_F(DecideSubscriptionsTest, TheBeginningIsWhateverIsKeptWhenItIsDecided) {
  settings_.partitions = 3;
  settings_.retention_bytes = 0;
  Open();
  Deploy();
  ASSERT_TRUE(Emit({Event("1"), Event("2")}));
  Commit();
  ASSERT_TRUE(Apply(Tick{}));
  Commit();
  ASSERT_EQ(engine_->Current().Numbers().oldest_sequence, 3U);
  EXPECT_EQ(Subscribe("s", "f", {{0, 0}, {1, 0}}), "ok");
  EXPECT_EQ(engine_->Current().Subscriptions().at("s")->acknowledged.at(0), 2U);
  ASSERT_TRUE(Apply(Receive{1, 1, EncodeBody(HoldMoved{"u", 0, false})}));
  EXPECT_EQ(Holds(), "s@2 u@2 ");
}

TEST_F(DecideSubscriptionsTest, WhatBeginsBeforeTheHistoryThatIsKeptIsRefusedOrBrokenAtOnce) {
  settings_.partitions = 3;
  settings_.retention_bytes = 0;
  Open();
  Deploy();
  ASSERT_TRUE(Emit({Event("1"), Event("2")}));
  Commit();
  ASSERT_TRUE(Apply(Tick{}));
  Commit();
  ASSERT_EQ(engine_->Current().Numbers().oldest_sequence, 3U);
  EXPECT_EQ(Subscribe("s", "f", {{0, 1}}), "POSITION_TOO_OLD");
  EXPECT_EQ(Subscribe("t", "f", {{0, 2}}), "ok");
  // One of another partition is known already when the word of it comes here.
  Effects();
  ASSERT_TRUE(Apply(Receive{1, 1, EncodeBody(HoldMoved{"u", 1, false})}));
  EXPECT_EQ(Holds(), "t@2 u@1! ");
  ASSERT_TRUE(Apply(Receive{1, 2, EncodeBody(HoldMoved{"u", 2, false})}));
  EXPECT_EQ(Holds(), "t@2 u@1! ") << "it stays broken";
  const PartitionId home = PartitionOf(SlotOf(SubscriptionPartitionKey("u")), 3);
  ASSERT_NE(home, 0) << "choose another name for this test";
  ASSERT_EQ(engine_->Current().Outgoing().size(), 1U);
  const auto& [to, body] = *engine_->Current().Outgoing().begin();
  EXPECT_EQ(to.first, home);
  EXPECT_EQ(std::get<HoldBroke>(DecodeBody(body).value()).subscription, "u");
  ASSERT_TRUE(Apply(Receive{1, 3, EncodeBody(HoldMoved{"u", 2, true})}));
  EXPECT_EQ(Holds(), "t@2 ");
}

}  // namespace
}  // namespace mesg::engine
