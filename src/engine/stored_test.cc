#include "engine/stored.h"

#include <gtest/gtest.h>

#include "engine/keys.h"
#include "engine/message.h"

namespace mesg::engine {
namespace {

TEST(StoredTest, EverythingComesBackAsItWas) {
  const auto value = DecodeValue(EncodeValue("{}", 7));
  ASSERT_TRUE(value);
  EXPECT_EQ(value->value, "{}");
  EXPECT_EQ(value->version, 7U);

  const ExecutionId id = ExecutionId::Make(3, FromMicros(5'000'000), "12345678");
  const auto remembered = DecodeRemembered(EncodeRemembered({4, id, "print", FromMicros(9)}));
  ASSERT_TRUE(remembered);
  EXPECT_EQ(remembered->sequence, 4U);
  EXPECT_EQ(remembered->execution, id);
  EXPECT_EQ(remembered->fingerprint, "print");
  EXPECT_EQ(remembered->expires, FromMicros(9));

  EXPECT_EQ(DecodeExpiry(EncodeExpiry({"a", "b"})).value(), (std::vector<std::string>{"a", "b"}));

  Instance instance;
  instance.source = std::make_shared<const Source>(Source{"shop", "service", "hash"});
  instance.sid = "sid";
  instance.definition = "{}";
  instance.env = {{"A", "1"}, {"B", "2"}};
  instance.token = "t";
  instance.state = Instance::State::kDraining;
  instance.started = true;
  instance.deployed = FromMicros(11);
  instance.origin = "folder";
  instance.content_hash = "content";
  instance.deferred_env = "later";
  const auto again = DecodeInstance(EncodeInstance(instance));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again->source, *instance.source);
  EXPECT_EQ(again->env, instance.env);
  EXPECT_EQ(again->deferred_env, "later");
  EXPECT_EQ(again->state, instance.state);
  EXPECT_EQ(EncodeInstance(*again), EncodeInstance(instance));

  Subscription subscription{"s", "filters", {{0, 1}, {6, 2}}, FromMicros(3), true, "too much"};
  const auto subscribed = DecodeSubscription(EncodeSubscription(subscription));
  ASSERT_TRUE(subscribed);
  EXPECT_EQ(subscribed->acknowledged, subscription.acknowledged);
  EXPECT_EQ(subscribed->broken_reason, "too much");

  EXPECT_EQ(DecodeHold(EncodeHold({5, true}))->sequence, 5U);
  EXPECT_EQ(DecodePostings(EncodePostings({0, 4, 9})).value(),
            (std::vector<std::uint32_t>{0, 4, 9}));
  EXPECT_EQ(DecodeNumber(EncodeNumber(12)).value(), 12U);
  EXPECT_EQ(DecodeCounters(EncodeCounters({5, 2, 7, 100, 3}))->history_weight, 100U);
  EXPECT_EQ(DecodeDecided(EncodeCounters({5, 2, 7, 100, 3}, FromMicros(9)))->time_since_epoch(),
            Duration(9));
  EXPECT_EQ(std::get<HoldBroke>(*DecodeBody(EncodeBody(HoldBroke{"s", "why"}))).reason, "why");
}

TEST(StoredTest, WhatNobodyWroteIsDataLoss) {
  const std::string rubbish = "\xff\xff\xff";
  EXPECT_EQ(DecodeValue(rubbish).error().code, Code::kDataLoss);
  EXPECT_EQ(DecodeRemembered(rubbish).error().code, Code::kDataLoss);
  EXPECT_EQ(DecodeExpiry(rubbish).error().code, Code::kDataLoss);
  EXPECT_EQ(DecodeInstance(rubbish).error().code, Code::kDataLoss);
  EXPECT_EQ(DecodeInstance("").error().code, Code::kDataLoss) << "an instance has a name";
  EXPECT_EQ(DecodeSubscription("").error().code, Code::kDataLoss);
  EXPECT_EQ(DecodeHold(rubbish).error().code, Code::kDataLoss);
  EXPECT_EQ(DecodePostings(rubbish).error().code, Code::kDataLoss);
  EXPECT_EQ(DecodeNumber(rubbish).error().code, Code::kDataLoss);
  EXPECT_EQ(DecodeCounters(rubbish).error().code, Code::kDataLoss);
  EXPECT_EQ(DecodeDecided(rubbish).error().code, Code::kDataLoss);
  EXPECT_EQ(DecodeBody("").error().code, Code::kDataLoss) << "a message says something";
}

TEST(KeysTest, NumbersSortAndNamesKeepApart) {
  EXPECT_LT(keys::History(255), keys::History(256));
  EXPECT_EQ(keys::HistorySequence(keys::History(0x0102030405060708)), 0x0102030405060708U);
  EXPECT_LT(keys::Expiry(FromMicros(1), 9), keys::Expiry(FromMicros(2), 1));
  EXPECT_EQ(keys::ExpiryTime(keys::Expiry(FromMicros(77), 1)), FromMicros(77));
  EXPECT_NE(keys::Value("ab", "c"), keys::Value("a", "bc"));
  const keys::Range range = keys::OfName(keys::Table::kValue, "a");
  EXPECT_TRUE(keys::Value("a", "\xff\xff") >= range.from &&
              keys::Value("a", "\xff\xff") < range.to);
  EXPECT_FALSE(keys::Value("ab", "") >= range.from && keys::Value("ab", "") < range.to);
  EXPECT_EQ(keys::After("a\xff"), "b");
  EXPECT_EQ(keys::After("\xff\xff"), "") << "no end";
  const ExecutionId id = ExecutionId::Make(3, FromMicros(5'000'000), "12345678");
  EXPECT_EQ(keys::DeadLetterId(keys::DeadLetter(9, id)), id);
  EXPECT_EQ(keys::DeadLetterId("q"), std::nullopt);
}

}  // namespace
}  // namespace mesg::engine
