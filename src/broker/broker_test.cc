#include "broker/broker.h"

#include <gmock/gmock.h>

#include "broker/broker_fixture_test.h"

namespace mesg::broker {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MainPathTest : public BrokerTest {
 protected:
  MainPathTest() { Start(); }
};

TEST_F(MainPathTest, AnEventReachesItsListenerAndATaskItsWorkerAndTheResultWhoWaits) {
  const InstancePtr shop = Deploy();
  const auto listener = std::make_shared<FakeListener>();
  Listen({Filter{}, Results()}, listener);

  const auto emitted = Emit(shop, {Ordered("a"), Ordered("b")});
  ASSERT_TRUE(emitted) << emitted.error().message;
  EXPECT_THAT(emitted->sequences, ElementsAre(1, 2));
  EXPECT_EQ(listener->log.Lines(2), R"(ordered {"order":"a"}; ordered {"order":"b"}; )");

  const auto caller = std::make_shared<FakeCaller>();
  const auto created = Create(Ship(), caller);
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(State(created->id), "created");
  const auto worker = std::make_shared<FakeWorker>();
  Connect(shop, worker);
  const FakeWorker::Taken taken = worker->Take(0);
  EXPECT_EQ(taken.execution, created->id);
  EXPECT_EQ(worker->log.Lines(1), R"(ship {"order":"a"} #1; )");
  EXPECT_EQ(State(created->id), "dispatched");

  const auto answered = Answer(Sent(taken.id), shop->GetSource()->instance_hash);
  ASSERT_TRUE(answered) << answered.error().message;
  EXPECT_EQ(caller->log.Lines(1), R"(0: completed sent{"tracking":"t"}; )");
  EXPECT_EQ(State(created->id), "completed sent");
  EXPECT_EQ(listener->log.Lines(3),
            R"(ordered {"order":"a"}; ordered {"order":"b"}; ship completed sent; )");
}

TEST_F(MainPathTest, EverythingAcknowledgedIsThereAfterARestart) {
  const InstancePtr shop = Deploy();
  ASSERT_TRUE(Emit(shop, {Ordered("a")}, {{"cursor", "7", {}}}));
  const auto open = Create(Ship("open"));
  const auto done = Create(Ship("done"));
  const auto worker = std::make_shared<FakeWorker>();
  Connect(shop, worker);
  worker->Take(1);
  ASSERT_TRUE(Answer(Sent(worker->Take(1).id)));
  Restart();
  EXPECT_EQ(State(done->id), "completed sent");
  EXPECT_EQ(State(open->id), "created");
  const InstancePtr again = broker_->Deployed()->Find("shop").value_or(nullptr);
  ASSERT_NE(again, nullptr);
  const auto keys = broker_->GetKeys(again, {"cursor"});
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->front().value, "7");
  // An answer to a delivery of the life before is still taken.
  ASSERT_TRUE(Answer(Sent(worker->Take(0).id)));
  EXPECT_EQ(State(open->id), "completed sent");
}

TEST_F(MainPathTest, WhatWasAcknowledgedIsSeenByTheNextCallAtOnce) {
  const auto listener = std::make_shared<FakeListener>();
  ASSERT_TRUE(Subscribe("s"));
  for (int i = 0; i < 50; ++i) {
    // Inside the very callback, where nothing of the broker's has had time to happen.
    std::promise<std::string> seen;
    const engine::Instance record = Record(kShop, "shop" + std::to_string(i));
    broker_->Deploy(record, [&](const Result<void>&) {
      seen.set_value(broker_->Deployed()->Find(record.source->name) ? "deployed" : "not yet");
    });
    EXPECT_EQ(seen.get_future().get(), "deployed");

    std::promise<std::string> position;
    broker_->Emit(broker_->Deployed()->Find("shop0").value(), {Ordered("a")}, {},
                  [&](const Result<engine::Emitted>& emitted) {
                    position.set_value(emitted->sequences[0] == broker_->Newest().At(0) ? "newest"
                                                                                        : "behind");
                  });
    EXPECT_EQ(position.get_future().get(), "newest");
  }
}

// ---- Bad input ----

TEST_F(MainPathTest, BadInputIsRefusedWithWhereAndWhy) {
  const InstancePtr shop = Deploy();
  const auto unknown = Emit(shop, {{"order", "{}", "", {}, ""}});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kNotFound);
  EXPECT_THAT(unknown.error().message, HasSubstr("did you mean \"ordered\"?"));

  const auto wrong = Emit(
      shop,
      {Ordered("a"), {"ordered", R"({"order":1})", "", {}, ""}, {"ordered", "{}", "", {}, ""}});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::kInvalidArgument);
  ASSERT_EQ(wrong.error().violations.size(), 2U);
  EXPECT_EQ(wrong.error().violations[0].path, "events[1].data.order");
  EXPECT_EQ(wrong.error().violations[1].path, "events[2].data.order");

  settings_.limits.payload_bytes = 1000;
  Restart();
  const auto huge = Emit(shop, {Ordered(std::string(1001, 'x'))});
  ASSERT_FALSE(huge);
  EXPECT_THAT(huge.error().message, HasSubstr("the limit is 1000"));
  EXPECT_EQ(broker_->Newest().At(0), 0U) << "nothing of it was kept";

  const auto refused = [&](const std::string& service, const std::string& task,
                           const std::string& inputs,
                           const std::function<void(ExecutionRequest&)>& change = {}) {
    ExecutionRequest request;
    request.service = service;
    request.task = task;
    request.inputs = inputs;
    if (change) change(request);
    const auto created = Create(request);
    if (created) return std::string("accepted");
    return created.error().reason.empty() ? std::string(Name(created.error().code))
                                          : created.error().reason;
  };
  EXPECT_EQ(refused("shopp", "ship", ""), "SERVICE_NOT_FOUND");
  EXPECT_EQ(refused("shop", "shipp", ""), "TASK_NOT_FOUND");
  EXPECT_EQ(refused("shop", "ship", "{"), "INVALID_JSON");
  EXPECT_EQ(refused("shop", "ship", "{}"), "INVALID_DATA");
  EXPECT_EQ(refused("shop", "charge", R"({"x":")" + std::string(1001, 'x') + "\"}"),
            "PAYLOAD_TOO_LARGE");
  EXPECT_EQ(refused("shop", "charge", "", [](auto& request) { request.retry = {.attempts = 0}; }),
            "INVALID_RETRY_POLICY");
  EXPECT_EQ(refused("shop", "charge", "", [](auto& request) { request.tags.resize(65); }),
            "INVALID_ARGUMENT");
  EXPECT_EQ(refused("shop", "charge", "", [](auto& request) { request.tags = {"\xff"}; }),
            "INVALID_ARGUMENT");
  EXPECT_EQ(refused("shop", "charge", "",
                    [](auto& request) { request.idempotency_key = std::string(513, 'k'); }),
            "INVALID_ARGUMENT");
  EXPECT_EQ(broker_->Count().executions_created, 0U);
}

TEST_F(MainPathTest, EachRequestOfABatchIsAcceptedOrRefusedByItself) {
  Deploy();
  const auto created = CreateAll({Ship(), Task("nothing"), Ship("b")});
  ASSERT_EQ(created.size(), 3U);
  EXPECT_TRUE(created[0]);
  EXPECT_FALSE(created[1]);
  EXPECT_TRUE(created[2]);
}

// ---- Deduplication ----

TEST_F(MainPathTest, AnEventIdCountsOnceWithinItsWindow) {
  const InstancePtr shop = Deploy();
  ASSERT_TRUE(Emit(shop, {Ordered("a", "1")}));
  const auto again = Emit(shop, {Ordered("b", "2"), Ordered("a", "1"), Ordered("b", "2")});
  ASSERT_TRUE(again);
  EXPECT_THAT(again->sequences, ElementsAre(2, 1, 2));
  EXPECT_THAT(again->duplicates, ElementsAre(1, 2));
  // Without an id two equal events are two facts.
  ASSERT_TRUE(Emit(shop, {Ordered("a"), Ordered("a")}));
  EXPECT_EQ(broker_->Newest().At(0), 4U);
  Restart();
  EXPECT_THAT(Emit(shop, {Ordered("a", "1")})->duplicates, ElementsAre(0));
  Advance(hours(25));
  Settle();
  EXPECT_THAT(Emit(shop, {Ordered("a", "1")})->sequences, ElementsAre(5));
}

TEST_F(MainPathTest, AnIdempotencyKeyNamesOneExecution) {
  Deploy();
  ExecutionRequest request = Ship();
  request.idempotency_key = "k";
  const auto first = Create(request);
  const auto second = Create(request);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->id, second->id);
  EXPECT_FALSE(first->existed);
  EXPECT_TRUE(second->existed);
  request.inputs = R"({"order":"b"})";
  const auto other = Create(request);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().reason, "IDEMPOTENCY_KEY_REUSED");
}

TEST_F(MainPathTest, WhoeverRepeatsARequestHearsTheSameEnd) {
  const InstancePtr shop = Deploy();
  ExecutionRequest request = Ship();
  request.idempotency_key = "k";
  const auto first = std::make_shared<FakeCaller>();
  const auto second = std::make_shared<FakeCaller>();
  ASSERT_TRUE(Create(request, first));
  ASSERT_TRUE(Create(request, second));
  const auto worker = std::make_shared<FakeWorker>();
  Connect(shop, worker);
  ASSERT_TRUE(Answer(Sent(worker->Take(0).id)));
  EXPECT_EQ(first->log.Lines(1), second->log.Lines(1));
  const auto late = std::make_shared<FakeCaller>();
  ASSERT_TRUE(Create(request, late));
  EXPECT_EQ(late->log.Lines(1), first->log.Lines(1));
  EXPECT_EQ(worker->Deliveries(), 1U);
}

// ---- Key-value ----

TEST_F(MainPathTest, EventsAndKeysMoveTogetherOrNotAtAll) {
  const InstancePtr shop = Deploy();
  const auto first = Emit(shop, {Ordered("a")}, {{"block", "10", 0}});
  ASSERT_TRUE(first);
  const std::uint64_t version = first->versions[0];
  ASSERT_TRUE(Emit(shop, {Ordered("b")}, {{"block", "11", version}}));
  const auto stale = Emit(shop, {Ordered("b again")}, {{"block", "11", version}});
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, Code::kAborted);
  EXPECT_EQ(stale.error().reason, "VERSION_MISMATCH");
  EXPECT_EQ(broker_->Newest().At(0), 2U) << "the event of a refused move is not emitted";

  const auto gone = Emit(shop, {}, {{"block", {}, {}}});
  ASSERT_TRUE(gone);
  EXPECT_THAT(gone->versions, ElementsAre(0));
  EXPECT_EQ(broker_->GetKeys(shop, {"block"})->front().version, 0U);
  const auto back = Emit(shop, {}, {{"block", "1", 0}});
  ASSERT_TRUE(back);
  EXPECT_GT(back->versions[0], version + 1) << "no version ever comes again";

  EXPECT_FALSE(Emit(shop, {}, {{"", "1", {}}}));
  EXPECT_FALSE(Emit(shop, {}, {{"k", "{", {}}}));
  EXPECT_FALSE(Emit(shop, {}, {{std::string(1025, 'k'), "1", {}}}));
}

TEST_F(MainPathTest, WhatWaitsIsCountedAndWhatIsDoneIsNot) {
  settings_.limits.commit_bytes = 1 << 20;
  Restart();
  const InstancePtr shop = Deploy();
  slow_.front()->Stall();
  constexpr std::size_t kEvents = 30;
  std::vector<std::future<Result<engine::Emitted>>> emitted;
  for (std::size_t i = 0; i < kEvents; ++i) {
    auto promise = std::make_shared<std::promise<Result<engine::Emitted>>>();
    emitted.push_back(promise->get_future());
    broker_->Emit(shop, {Ordered(std::string(100'000, 'x'))}, {},
                  [promise](auto result) { promise->set_value(std::move(result)); });
  }
  // The first commit does not end, the second is full, and what comes then waits.
  const auto waits = [](const Counters& now) {
    return now.pending_bytes >= (1U << 20) && now.inbox > 0 &&
           now.inbox_bytes >= now.inbox * 100'000;
  };
  while (!waits(broker_->Count())) std::this_thread::yield();
  slow_.front()->Release();
  for (auto& one : emitted) EXPECT_TRUE(one.get());
  const auto done = [](const Counters& now) {
    return now.pending_bytes == 0 && now.inbox == 0 && now.inbox_bytes == 0;
  };
  while (!done(broker_->Count())) std::this_thread::yield();
}

TEST_F(MainPathTest, KeysAreListedByPrefixInPages) {
  const InstancePtr shop = Deploy();
  ASSERT_TRUE(
      Emit(shop, {}, {{"a/1", "1", {}}, {"a/2", "2", {}}, {"a/3", "3", {}}, {"b/1", "4", {}}}));
  const auto keys = [&](std::string_view prefix, std::string_view after, std::size_t limit) {
    std::string text;
    const auto listed = broker_->ListKeys(shop, prefix, after, limit);
    for (const KeyValue& value : listed->values) text += value.key + "=" + value.value + " ";
    return text + (listed->more ? "..." : "");
  };
  EXPECT_EQ(keys("a/", "", 2), "a/1=1 a/2=2 ...");
  EXPECT_EQ(keys("a/", "", 3), "a/1=1 a/2=2 a/3=3 ");
  EXPECT_EQ(keys("a/", "a/2", 2), "a/3=3 ");
  EXPECT_EQ(keys("", "", 10), "a/1=1 a/2=2 a/3=3 b/1=4 ");
  EXPECT_EQ(keys("c", "", 10), "");
}

}  // namespace
}  // namespace mesg::broker
