#include <gmock/gmock.h>

#include "broker/broker_fixture_test.h"

namespace mesg::broker {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::HasSubstr;

class ListenersTest : public BrokerTest {
 protected:
  explicit ListenersTest(std::size_t partitions = 1) : BrokerTest(partitions) {
    Start();
    shop_ = Deploy();
  }
  void EmitMany(const std::string& prefix, int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(Emit(shop_, {Ordered(prefix + std::to_string(i))}));
  }
  static Position At(std::uint64_t sequence) {
    Position position;
    position.Set(0, sequence);
    return position;
  }
  static Filter Where(const std::string& path, Predicate::Operator op, const std::string& value) {
    Filter filter;
    filter.name = "shop";
    filter.key = "ordered";
    filter.predicates.push_back(Predicate::Make(path, op, value).value());
    return filter;
  }

  InstancePtr shop_;
  std::shared_ptr<FakeListener> listener_ = std::make_shared<FakeListener>();
};

TEST_F(ListenersTest, FiltersChooseByServiceKeyAndData) {
  const InstancePtr other = Deploy(kShop, "other");
  const auto equal = std::make_shared<FakeListener>();
  const auto greater = std::make_shared<FakeListener>();
  const auto by_name = std::make_shared<FakeListener>();
  Listen({Where("order", Predicate::Operator::kEq, "\"b\"")}, equal);
  Listen({Where("amount", Predicate::Operator::kGt, "10")}, greater);
  Listen({broker_->MakeFilter(false, "other", "*", "", {}, {}).value()}, by_name);
  ASSERT_TRUE(Emit(shop_, {Ordered("a"), Ordered("b")}));
  ASSERT_TRUE(Emit(shop_, {{"ordered", R"({"order":"c","amount":11})", "", {}, ""}}));
  ASSERT_TRUE(Emit(other, {Ordered("b")}));
  EXPECT_EQ(equal->log.Lines(1), R"(ordered {"order":"b"}; )");
  EXPECT_EQ(greater->log.Lines(1), R"(ordered {"order":"c","amount":11}; )");
  EXPECT_EQ(by_name->log.Lines(1), R"(ordered {"order":"b"}; )");
}

TEST_F(ListenersTest, ResultsAreChosenByTaskOutputAndAllTags) {
  const auto by_output = std::make_shared<FakeListener>();
  const auto by_tags = std::make_shared<FakeListener>();
  Listen({broker_->MakeFilter(true, "shop", "ship", "missing", {}, {}).value()}, by_output);
  Listen({broker_->MakeFilter(true, "shop", "ship", "", {"x", "y"}, {}).value()}, by_tags);
  const auto worker = std::make_shared<FakeWorker>();
  Connect(shop_, worker);
  const std::vector<std::vector<std::string>> tags = {{"x"}, {"y", "x"}, {}};
  for (std::size_t i = 0; i < tags.size(); ++i) {
    ExecutionRequest request = Ship(std::to_string(i));
    request.tags = tags[i];
    ASSERT_TRUE(Create(request));
    const std::string id = worker->Take(i).id;
    ASSERT_TRUE(Answer(i == 2 ? Success(id, "missing", "{}") : Sent(id)));
  }
  EXPECT_EQ(by_output->log.Lines(1), "ship completed missing; ");
  EXPECT_EQ(by_tags->log.Lines(1), "ship completed sent; ");
}

TEST_F(ListenersTest, AFilterForWhatDoesNotExistSaysSo) {
  const auto reason = [&](bool results, const std::string& service, const std::string& key,
                          const std::string& output) {
    const auto filter = broker_->MakeFilter(results, service, key, output, {}, {});
    return filter ? "made" : filter.error().reason;
  };
  EXPECT_EQ(reason(false, "nobody", "", ""), "SERVICE_NOT_FOUND");
  EXPECT_EQ(reason(false, "shop", "orderd", ""), "EVENT_NOT_FOUND");
  EXPECT_EQ(reason(true, "shop", "shi", ""), "TASK_NOT_FOUND");
  EXPECT_EQ(reason(true, "shop", "ship", "sen"), "OUTPUT_NOT_FOUND");
  EXPECT_EQ(reason(true, "*", "anything", ""), "made");
}

TEST_F(ListenersTest, APositionReplaysWhatIsBehindItThenGoesOnLive) {
  EmitMany("a", 200);  // More than is kept at hand.
  Listen({Filter{}}, listener_, At(150));
  EmitMany("b", 3);
  const std::string lines = listener_->log.Lines(53);
  EXPECT_EQ(listener_->log.size(), 53U);
  EXPECT_THAT(lines, ::testing::StartsWith(R"(ordered {"order":"a150"}; )"));
  EXPECT_THAT(lines, ::testing::EndsWith(R"(ordered {"order":"b2"}; )"));
  EXPECT_EQ(listener_->Told(1), At(203));
}

TEST_F(ListenersTest, AReplayOfOneKeyUsesTheIndexAndMissesNothing) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(Emit(shop_, {{i % 10 == 0 ? "closed" : "ordered",
                              i % 10 == 0 ? "{}" : R"({"order":"x"})",
                              "",
                              {},
                              ""}}));
  }
  Listen({broker_->MakeFilter(false, "shop", "closed", "", {}, {}).value()}, listener_, Position());
  listener_->log.Lines(10);
  ASSERT_TRUE(Emit(shop_, {{"closed", "{}", "", {}, ""}}));
  listener_->log.Lines(11);
  EXPECT_EQ(listener_->log.size(), 11U);
}

TEST_F(ListenersTest, APositionThatIsGoneOrAheadIsOutOfRange) {
  settings_.engine.retention_bytes = 1000;
  Restart();
  shop_ = broker_->Deployed()->Find("shop").value();
  EmitMany("a", 100);
  Advance(seconds(2));
  Settle();
  ASSERT_GT(broker_->Oldest().At(0), 1U);
  for (const std::uint64_t sequence : {std::uint64_t{1}, std::uint64_t{1000}}) {
    const auto refused = Ask<ListenerId>([&](auto reply) {
      broker_->Listen({Filter{}}, At(sequence), listener_, std::move(reply));
    });
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kOutOfRange);
    EXPECT_EQ(refused.error().reason, sequence == 1 ? "POSITION_TOO_OLD" : "POSITION_AHEAD");
    const auto subscribed = Subscribe("s", std::to_string(sequence));
    ASSERT_FALSE(subscribed);
    EXPECT_EQ(subscribed.error().code, Code::kOutOfRange);
  }
  EXPECT_EQ(broker_->Count().listeners, 0U);
  ASSERT_TRUE(Subscribe("s", "0")) << "the beginning is whatever is kept";
}

TEST_F(ListenersTest, AListenerWithoutRoomIsCaughtUpLaterAndHoldsUpNobody) {
  const auto quick = std::make_shared<FakeListener>();
  const ListenerId slow = Listen({Filter{}}, listener_);
  Listen({Filter{}}, quick);
  ASSERT_TRUE(Emit(shop_, {Ordered("first")}));
  listener_->log.Lines(1);
  listener_->room = false;
  EmitMany("a", 150);
  quick->log.Lines(151);
  EXPECT_EQ(listener_->log.size(), 1U);
  listener_->room = true;
  broker_->Resume(slow);
  EmitMany("b", 5);
  EXPECT_EQ(listener_->log.Lines(156), quick->log.Lines(156));
}

TEST_F(ListenersTest, AnAcknowledgementLeavesTheCatalogAsItIs) {
  ASSERT_TRUE(Subscribe("s"));
  ASSERT_TRUE(Emit(shop_, {Ordered("a")}));
  const CatalogPtr before = broker_->Deployed();
  ASSERT_TRUE(Acknowledge("s", broker_->Newest()));
  EXPECT_EQ(broker_->Deployed(), before);
  EXPECT_EQ(broker_->FindSubscription("s")->acknowledged.at(0), 1U);
  EXPECT_EQ(broker_->Subscriptions().size(), 1U);
  EXPECT_EQ(broker_->FindSubscription("other"), nullptr);
}

TEST_F(ListenersTest, AListenerThatBeginsWithoutRoomIsToldNothingUntilItHasSome) {
  EmitMany("a", 20);
  listener_->room = false;
  const ListenerId id = Listen({Filter{}}, listener_, Position(1));
  Settle();
  EXPECT_EQ(listener_->log.size(), 0U);
  listener_->room = true;
  broker_->Resume(id);
  listener_->log.Lines(20);
  EmitMany("b", 5);
  listener_->log.Lines(25);
  EXPECT_EQ(listener_->log.size(), 25U);
}

TEST_F(ListenersTest, AThousandListenersComeAndGoWithoutATrace) {
  for (int i = 0; i < 1000; ++i) StopListening(Listen({Filter{}, Results()}, listener_));
  EXPECT_EQ(broker_->Count().listeners, 0U);
  ASSERT_TRUE(Emit(shop_, {Ordered("a")}));
  EXPECT_EQ(listener_->log.size(), 0U);
  EXPECT_EQ(broker_->Count().items_pushed, 0U);
}

TEST_F(ListenersTest, TooManyListenersAreRefused) {
  settings_.limits.listeners = 1;
  Restart();
  Listen({Filter{}}, listener_);
  const auto refused = Ask<ListenerId>(
      [&](auto reply) { broker_->Listen({Filter{}}, {}, listener_, std::move(reply)); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "TOO_MANY_LISTENERS");
}

// ---- Subscriptions ----

TEST_F(ListenersTest, ASubscriptionMissesNothingAndRepeatsNothingAcknowledged) {
  ASSERT_TRUE(Emit(shop_, {Ordered("before")}));
  ASSERT_TRUE(Subscribe("s"));
  EmitMany("a", 3);
  const auto first = ListenNamed("s", listener_);
  ASSERT_TRUE(first);
  EXPECT_EQ(listener_->log.Lines(3),
            R"(ordered {"order":"a0"}; ordered {"order":"a1"}; ordered {"order":"a2"}; )");
  ASSERT_TRUE(Acknowledge("s", At(3)));
  StopListening(*first);
  EXPECT_FALSE(broker_->IsConnected("s"));
  EmitMany("b", 1);
  Restart();
  const auto second = std::make_shared<FakeListener>();
  ASSERT_TRUE(ListenNamed("s", second));
  EXPECT_TRUE(broker_->IsConnected("s"));
  EXPECT_EQ(second->log.Lines(2), R"(ordered {"order":"a2"}; ordered {"order":"b0"}; )");
}

TEST_F(ListenersTest, APositionMayBeAcknowledgedAsSoonAsItIsTold) {
  ASSERT_TRUE(Subscribe("s"));
  std::atomic<int> refused = 0;
  std::atomic<int> taken = 0;
  listener_->on_push = [&](engine::PartitionId, std::uint64_t sequence) {
    broker_->Acknowledge("s", At(sequence),
                         [&](const Result<void>& done) { ++(done ? taken : refused); });
  };
  ASSERT_TRUE(ListenNamed("s", listener_));
  EmitMany("a", 100);
  listener_->log.Lines(100);
  Settle();
  EXPECT_EQ(refused, 0);
  EXPECT_GT(taken, 0);
  EXPECT_EQ(Acknowledge("s", At(1000)).error().reason, "POSITION_AHEAD");
  Stop();
}

TEST_F(ListenersTest, AnotherConnectionTakesTheSubscriptionOver) {
  ASSERT_TRUE(Subscribe("s"));
  ASSERT_TRUE(ListenNamed("s", listener_));
  const auto second = std::make_shared<FakeListener>();
  ASSERT_TRUE(ListenNamed("s", second));
  EXPECT_EQ(listener_->log.Lines(1), "failed: SUBSCRIPTION_TAKEN_OVER; ");
  EmitMany("a", 1);
  EXPECT_EQ(second->log.Lines(1), R"(ordered {"order":"a0"}; )");
}

TEST_F(ListenersTest, SubscriptionsAreMadeOnceAndDeleted) {
  ASSERT_TRUE(Subscribe("s"));
  ASSERT_TRUE(Subscribe("s")) << "the same again is no error";
  EXPECT_EQ(Subscribe("s", "", "other filters").error().reason, "SUBSCRIPTION_EXISTS");
  EXPECT_EQ(Subscribe("").error().code, Code::kInvalidArgument);
  EXPECT_EQ(Subscribe("t", "not a position").error().reason, "INVALID_POSITION");
  ASSERT_TRUE(ListenNamed("s", listener_));
  const auto remove = [&] {
    return Ask<void>([&](auto reply) { broker_->Unsubscribe("s", std::move(reply)); });
  };
  ASSERT_TRUE(remove());
  EXPECT_EQ(listener_->log.Lines(1), "failed: SUBSCRIPTION_NOT_FOUND; ");
  EXPECT_EQ(remove().error().reason, "SUBSCRIPTION_NOT_FOUND");
  EXPECT_EQ(ListenNamed("s", listener_).error().reason, "SUBSCRIPTION_NOT_FOUND");
  EXPECT_EQ(Acknowledge("s", At(0)).error().reason, "SUBSCRIPTION_NOT_FOUND");
}

TEST_F(ListenersTest, ASubscriptionHoldsBackRetentionUpToItsLimitThenBreaks) {
  settings_.engine.retention_bytes = 1000;
  settings_.engine.hold_bytes = 10'000;
  Restart();
  shop_ = broker_->Deployed()->Find("shop").value();
  ASSERT_TRUE(Subscribe("s", "0"));
  EmitMany("a", 50);
  Advance(seconds(2));
  Settle();
  EXPECT_EQ(broker_->Oldest().At(0), 0U) << "held";
  const Counters counted = broker_->Count();
  EXPECT_GT(counted.held_bytes, 0U);
  EXPECT_EQ(counted.held_bytes, counted.history_bytes - settings_.engine.retention_bytes);
  ASSERT_TRUE(ListenNamed("s", listener_));
  listener_->log.Lines(50);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Emit(shop_, {Ordered(std::string(1000, 'x'))}));
  for (int i = 0; i < 10 && broker_->Oldest().At(0) == 0; ++i) Advance(seconds(2));
  EXPECT_GT(broker_->Oldest().At(0), 0U) << "no longer held";
  EXPECT_THAT(listener_->log.Lines(71), HasSubstr("failed: SUBSCRIPTION_BROKEN"));
  EXPECT_TRUE(broker_->FindSubscription("s")->broken);
  EXPECT_EQ(ListenNamed("s", listener_).error().reason, "SUBSCRIPTION_BROKEN");
}

// ---- Retention ----

TEST_F(ListenersTest, OldHistoryGoesByAgeWithItsResultsButDeadLettersStay) {
  const auto worker = std::make_shared<FakeWorker>();
  Connect(shop_, worker);
  const auto done = Create(Ship("done"));
  ASSERT_TRUE(Answer(Sent(worker->Take(0).id)));
  ExecutionRequest request = Ship("failed");
  request.retry = RetryPolicy{1, {}, 1, {}, 0};
  const auto failed = Create(request);
  ASSERT_TRUE(Answer(Failed(worker->Take(1).id)));
  Advance(hours(24 * 8));
  for (int i = 0; i < 10 && State(done->id) != "EXECUTION_NOT_FOUND"; ++i) Advance(seconds(2));
  EXPECT_EQ(State(done->id), "EXECUTION_NOT_FOUND");
  EXPECT_EQ(State(failed->id), "failed no stock (dead letter)");
  EXPECT_EQ(DeadLetters(), R"(ship{"order":"failed"} )");
  const auto dropped = DropDeadLetters({failed->id}).front();
  ASSERT_TRUE(dropped);
  EXPECT_EQ(State(failed->id), "EXECUTION_NOT_FOUND");
  EXPECT_EQ(broker_->Count().history_bytes, 0U);
}

// ---- Pages ----

TEST_F(ListenersTest, EventsComeInPagesInBothDirections) {
  const InstancePtr other = Deploy(kShop, "other");
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Emit(shop_, {Ordered(std::to_string(i))}));
    ASSERT_TRUE(Emit(other, {{"closed", "{}", "", {}, ""}}));
  }
  const auto pages = [&](EventQuery query) {
    std::string text;
    for (int i = 0; i < 10; ++i) {
      const auto page = broker_->ListEvents(query);
      if (!page) return text + page.error().message;
      for (const auto& entry : page->events) text += entry.position + " ";
      text += "| ";
      if (page->next_token.empty()) break;
      query.token = page->next_token;
    }
    return text;
  };
  EventQuery query;
  query.limit = 4;
  EXPECT_EQ(pages(query), "1 2 3 4 | 5 6 7 8 | 9 10 | ");
  query.newest_first = true;
  EXPECT_EQ(pages(query), "10 9 8 7 | 6 5 4 3 | 2 1 | ");
  query.filter = broker_->MakeFilter(false, "shop", "ordered", "", {}, {}).value();
  query.limit = 3;
  EXPECT_EQ(pages(query), "9 7 5 | 3 1 | ");
  query.newest_first = false;
  query.after_position = "4";
  EXPECT_EQ(pages(query), "5 7 9 | | ");
  query.token = "nonsense";
  EXPECT_THAT(pages(query), HasSubstr("is not a page token"));
}

TEST_F(ListenersTest, ExecutionsComeInPagesOpenOnesFirst) {
  const auto worker = std::make_shared<FakeWorker>();
  Connect(shop_, worker, 4);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Create(Ship(std::to_string(i))));
  for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(Answer(Sent(worker->Take(i).id)));
  worker->Take(6);
  const auto pages = [&](ExecutionQuery query) {
    std::string text;
    for (int i = 0; i < 10; ++i) {
      const auto page = Ask<ExecutionPage>([&](auto reply) { broker_->List(query, reply); });
      if (!page) return text + page.error().message;
      for (const ExecutionView& view : page->executions) {
        text += view.execution->inputs.substr(10, 1) +
                std::string(Name(view.execution->state)).substr(0, 1) + " ";
      }
      text += "| ";
      if (page->next_token.empty()) break;
      query.token = page->next_token;
    }
    return text;
  };
  ExecutionQuery query;
  query.limit = 4;
  EXPECT_EQ(pages(query), "9c 8c 7c 6d | 5d 4d 3d 2c | 1c 0c | ");
  query.states = {ExecutionState::kDispatched};
  EXPECT_EQ(pages(query), "6d 5d 4d 3d | | ");
  query.states = {ExecutionState::kCompleted};
  query.name = "shop";
  query.limit = 2;
  EXPECT_EQ(pages(query), "2c 1c | 0c | ");
  query.token = "5";
  EXPECT_THAT(pages(query), HasSubstr("is not a page token"));
}

// ---- Seven partitions ----

class SevenPartitionsTest : public ListenersTest {
 protected:
  SevenPartitionsTest() : ListenersTest(7) {}
};

TEST_F(SevenPartitionsTest, OneListenerAndOneSubscriptionHearAllOfThem) {
  ASSERT_TRUE(Subscribe("s"));
  Listen({Filter{}, Results()}, listener_);
  std::vector<InstancePtr> shops;
  for (int i = 0; i < 20; ++i) shops.push_back(Deploy(kShop, "shop" + std::to_string(i)));
  for (const InstancePtr& shop : shops) ASSERT_TRUE(Emit(shop, {Ordered(shop->Name())}));
  listener_->log.Lines(20);
  EXPECT_EQ(listener_->log.size(), 20U);
  const auto named = std::make_shared<FakeListener>();
  const auto id = ListenNamed("s", named);
  ASSERT_TRUE(id);
  named->log.Lines(20);
  ASSERT_TRUE(Acknowledge("s", named->Told(7)));
  StopListening(*id);
  Restart();
  const auto again = std::make_shared<FakeListener>();
  ASSERT_TRUE(ListenNamed("s", again));
  ASSERT_TRUE(Emit(broker_->Deployed()->Find("shop3").value(), {Ordered("new")}));
  EXPECT_EQ(again->log.Lines(1), R"(ordered {"order":"new"}; )");
}

TEST_F(SevenPartitionsTest, OneCallCreatesInAllOfThemAndEachAnswerFindsItsWay) {
  const auto worker = std::make_shared<FakeWorker>();
  const auto caller = std::make_shared<FakeCaller>();
  std::vector<ExecutionRequest> requests;
  for (int i = 0; i < 20; ++i) {
    const InstancePtr shop = Deploy(kShop, "shop" + std::to_string(i));
    Connect(shop, worker);
    requests.push_back(Ship());
    requests.back().service = shop->Name();
  }
  for (const auto& created : CreateAll(requests, caller)) ASSERT_TRUE(created);
  std::vector<DeliveryAnswer> answers;
  for (std::size_t i = 0; i < 20; ++i) answers.push_back(Sent(worker->Take(i).id));
  answers.push_back(Sent("nonsense"));
  std::promise<std::vector<Result<engine::Emitted>>> promise;
  broker_->Answer("", "w", std::move(answers),
                  [&](auto results) { promise.set_value(std::move(results)); });
  const auto results = promise.get_future().get();
  for (std::size_t i = 0; i < 20; ++i) EXPECT_TRUE(results[i]);
  EXPECT_FALSE(results[20]);
  caller->log.Lines(20);
  ExecutionQuery query;
  query.limit = 15;
  const auto page = Ask<ExecutionPage>([&](auto reply) { broker_->List(query, reply); });
  ASSERT_TRUE(page);
  EXPECT_EQ(page->executions.size(), 15U);
}

}  // namespace
}  // namespace mesg::broker
