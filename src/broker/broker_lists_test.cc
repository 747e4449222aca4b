#include <future>

#include <gmock/gmock.h>

#include "broker/broker_fixture_test.h"
#include "broker/history.h"

/// Lists of large things: every page stays within its bytes, and all pages together have everything
/// once.
namespace mesg::broker {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kPage = 256 * kKiB;

/// The number of partitions is the parameter.
class ListsTest : public BrokerTest, public testing::WithParamInterface<std::size_t> {
 protected:
  ListsTest() : BrokerTest(GetParam()) {
    settings_.limits.list_bytes = kPage;
    Start();
    for (const char* name : {"shop", "other", "third"}) shops_.push_back(Deploy(kShop, name));
  }

  /// Small ones, some of which fill a page, and one that is larger than any.
  static std::size_t SizeOfNumber(std::size_t number) {
    constexpr std::size_t kSizes[] = {10, 90, 200, 1'000, 30, 120};
    return kSizes[number % std::size(kSizes)] * kKiB;
  }
  static std::string Order(std::size_t number) {
    return fmt::format("{:03}{}", number, std::string(SizeOfNumber(number), 'x'));
  }
  /// The number in an order's data, and that all of it is there.
  static std::string NumberIn(const std::string& data) {
    constexpr std::size_t kBegin = std::string_view(R"({"order":")").size();
    std::string number = data.substr(kBegin, 3);
    EXPECT_EQ(data, Ordered(Order(std::stoul(number))).data) << "of number " << number;
    return number;
  }
  const InstancePtr& ShopOf(std::size_t number) const { return shops_[number % shops_.size()]; }
  static std::vector<std::string> Numbers(std::size_t count) {
    std::vector<std::string> numbers;
    for (std::size_t i = 0; i < count; ++i) numbers.push_back(fmt::format("{:03}", i));
    return numbers;
  }
  static void CheckPage(std::size_t items, std::size_t bytes) {
    EXPECT_TRUE(items <= 1 || bytes <= kPage) << items << " items with " << bytes << " bytes";
  }

  std::vector<std::string> AllEvents(EventQuery query) {
    std::vector<std::string> numbers;
    do {
      const auto page = broker_->ListEvents(query);
      EXPECT_TRUE(page) << page.error().message;
      if (!page) break;
      std::size_t bytes = 0;
      for (const auto& event : page->events) {
        numbers.push_back(NumberIn(event.entry.data));
        bytes += event.entry.data.size();
      }
      CheckPage(page->events.size(), bytes);
      query.token = page->next_token;
    } while (!query.token.empty());
    return numbers;
  }
  std::vector<std::string> AllExecutions(ExecutionQuery query) {
    std::vector<std::string> numbers;
    do {
      const auto page = Ask<ExecutionPage>([&](auto reply) { broker_->List(query, reply); });
      EXPECT_TRUE(page) << page.error().message;
      if (!page) break;
      std::size_t bytes = 0;
      for (const ExecutionView& view : page->executions) {
        numbers.push_back(NumberIn(view.execution->inputs));
        bytes += view.execution->inputs.size();
      }
      CheckPage(page->executions.size(), bytes);
      query.token = page->next_token;
    } while (!query.token.empty());
    return numbers;
  }
  void CreateLarge(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      ExecutionRequest request = Ship(Order(i));
      request.service = ShopOf(i)->Name();
      ASSERT_TRUE(Create(std::move(request)));
    }
  }
  std::shared_ptr<FakeWorker> ConnectToAll() {
    auto worker = std::make_shared<FakeWorker>();
    for (const InstancePtr& shop : shops_) Connect(shop, worker, 100);
    return worker;
  }
  void Complete(std::size_t count) {
    const auto worker = ConnectToAll();
    for (std::size_t i = 0; i < count; ++i) ASSERT_TRUE(Answer(Sent(worker->Take(i).id)));
  }

  std::vector<InstancePtr> shops_;
};

INSTANTIATE_TEST_SUITE_P(Partitions, ListsTest, testing::Values(1U, 7U));

TEST_P(ListsTest, LargeEventsAreListedOnceInBothDirections) {
  for (std::size_t i = 0; i < 24; ++i) ASSERT_TRUE(Emit(ShopOf(i), {Ordered(Order(i))}));
  // And many in one commit.
  std::vector<engine::NewEvent> batch;
  for (std::size_t i = 24; i < 36; ++i) batch.push_back(Ordered(Order(i)));
  ASSERT_TRUE(Emit(shops_.front(), std::move(batch)));
  for (const bool newest_first : {false, true}) {
    EventQuery query;
    query.newest_first = newest_first;
    auto numbers = AllEvents(query);
    std::ranges::sort(numbers);
    EXPECT_THAT(numbers, ElementsAreArray(Numbers(36)));
  }
  EventQuery query;
  query.filter = broker_->MakeFilter(false, "other", "ordered", "", {}, {}).value();
  EXPECT_THAT(AllEvents(query),
              testing::ElementsAre("001", "004", "007", "010", "013", "016", "019", "022"));
  query.newest_first = true;
  EXPECT_THAT(AllEvents(query),
              testing::ElementsAre("022", "019", "016", "013", "010", "007", "004", "001"));
}

TEST_P(ListsTest, LargeExecutionsAreListedOnceWhereverTheyStand) {
  CreateLarge(30);
  const auto all = [this] {
    auto numbers = AllExecutions({});
    std::ranges::sort(numbers);
    return numbers;
  };
  EXPECT_THAT(all(), ElementsAreArray(Numbers(30)));
  Complete(13);
  EXPECT_THAT(all(), ElementsAreArray(Numbers(30)));
  ExecutionQuery query;
  query.name = "other";
  query.limit = 2;
  EXPECT_EQ(AllExecutions(query).size(), 10U);
  std::size_t found = 0;
  query = {};
  for (const ExecutionState state : {ExecutionState::kDispatched, ExecutionState::kCompleted}) {
    query.states = {state};
    found += AllExecutions(query).size();
  }
  EXPECT_EQ(found, 30U);
}

TEST_P(ListsTest, LargeDeadLettersAreListedOnce) {
  CreateLarge(20);
  const auto worker = ConnectToAll();
  for (std::size_t i = 0; i < 40; ++i) {
    if (i == 20) Advance(std::chrono::seconds(10));  // The second attempts.
    ASSERT_TRUE(Answer(Failed(worker->Take(i).id)));
  }
  ExecutionQuery query;
  query.dead_letters = true;
  auto numbers = AllExecutions(query);
  std::ranges::sort(numbers);
  EXPECT_THAT(numbers, ElementsAreArray(Numbers(20)));
}

// Its end is decided, so that it is not open any more, and not on the disk yet.
TEST_P(ListsTest, WhatIsBeingFinishedIsListedOnce) {
  CreateLarge(1);
  const auto worker = ConnectToAll();
  const std::string delivery = worker->Take(0).id;
  for (const auto& store : slow_) store->Stall();
  std::promise<void> answered;
  broker_->Answer("", "w", {Sent(delivery)}, [&](auto) { answered.set_value(); });
  Settle();
  auto listed = std::async(std::launch::async, [this] { return AllExecutions({}); });
  Settle();
  for (const auto& store : slow_) store->Release();
  answered.get_future().get();
  EXPECT_THAT(listed.get(), ElementsAre("000"));
}

TEST_P(ListsTest, LargeKeysAreListedAndGotOnce) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < 20; ++i) {
    keys.push_back(fmt::format("k{:03}", i));
    ASSERT_TRUE(Emit(shops_.front(), {}, {{keys.back(), Ordered(Order(i)).data, std::nullopt}}));
  }
  keys.insert(keys.begin(), "absent");
  std::vector<std::string> numbers;
  for (std::string after; true;) {
    const auto page = broker_->ListKeys(shops_.front(), "k", after, 1'000);
    ASSERT_TRUE(page);
    ASSERT_FALSE(page->values.empty());
    std::size_t bytes = 0;
    for (const KeyValue& value : page->values) {
      numbers.push_back(NumberIn(value.value));
      bytes += value.value.size();
    }
    CheckPage(page->values.size(), bytes);
    after = page->values.back().key;
    if (!page->more) break;
  }
  EXPECT_THAT(numbers, ElementsAreArray(Numbers(20)));

  std::vector<std::string> got;
  while (!keys.empty()) {
    const auto values = broker_->GetKeys(shops_.front(), keys);
    ASSERT_TRUE(values);
    ASSERT_FALSE(values->empty());
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < values->size(); ++i) {
      const KeyValue& value = (*values)[i];
      EXPECT_EQ(value.key, keys[i]);
      got.push_back(value.version == 0 ? value.key : NumberIn(value.value));
      bytes += value.value.size();
    }
    CheckPage(values->size(), bytes);
    keys.erase(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(values->size()));
  }
  auto wanted = Numbers(20);
  wanted.insert(wanted.begin(), "absent");
  EXPECT_THAT(got, ElementsAreArray(wanted));
}

// A list looks at a part of the open executions in each turn of the partition, and a page at most
// at some parts.
TEST_P(ListsTest, ManyOpenExecutionsAreListedOnceInTheOrderOfTheirCreation) {
  constexpr std::size_t kCount = 3'000;
  std::vector<ExecutionRequest> requests;
  for (std::size_t i = 0; i < kCount; ++i) {
    requests.push_back(Ship(std::to_string(i)));
    if (i % 1'000 == 7) requests.back().tags = {"rare"};
  }
  for (const auto& created : CreateAll(std::move(requests))) ASSERT_TRUE(created);
  const auto list = [this](ExecutionQuery query) {
    std::vector<std::string> orders;
    do {
      const auto page = Ask<ExecutionPage>([&](auto reply) { broker_->List(query, reply); });
      for (const ExecutionView& view : page->executions) {
        orders.push_back(view.execution->inputs);
        EXPECT_THAT(view.waiting_for, testing::StartsWith("a worker of shop"));
      }
      query.token = page->next_token;
      // What comes meanwhile is in no page, and disturbs none.
      EXPECT_TRUE(Create(Task("charge")));
    } while (!query.token.empty());
    return orders;
  };
  ExecutionQuery query;
  query.task = "ship";
  query.limit = 700;
  std::vector<std::string> newest_first;
  for (std::size_t i = kCount; i-- > 0;)
    newest_first.push_back(fmt::format(R"({{"order":"{}"}})", i));
  EXPECT_THAT(list(query), ElementsAreArray(newest_first));
  query.tags = {"rare"};
  EXPECT_THAT(list(query), testing::ElementsAre(R"({"order":"2007"})", R"({"order":"1007"})",
                                                R"({"order":"7"})"));
}

/// Measures what it is told at once.
class MeteredListener final : public ListenerSink {
 public:
  void Push(engine::PartitionId, std::span<const Item> items, std::uint64_t) override {
    std::size_t bytes = 0;
    for (const Item& item : items) {
      bytes += SizeOf(item.entry) + (item.result == nullptr ? 0 : SizeOf(*item.result));
      log.Add(item.result == nullptr ? item.entry.data : item.result->inputs);
    }
    if (items.size() > 1) largest_batch = std::max(largest_batch.load(), bytes);
  }
  bool HasRoom() const override { return true; }
  void Fail(const Error& error) override { log.Add("failed: " + error.message); }

  Log log;
  std::atomic<std::size_t> largest_batch = 0;
};

TEST_P(ListsTest, ListenerThatCatchesUpIsToldALittleAtATime) {
  CreateLarge(24);
  Complete(24);
  Restart();  // Nothing recent is in memory: all of it comes from the store.
  const auto listener = std::make_shared<MeteredListener>();
  Filter results;
  results.results = true;
  ASSERT_TRUE(Ask<ListenerId>([&](auto reply) {
    broker_->Listen({results}, Position(GetParam()), listener, std::move(reply));
  }));
  listener->log.Lines(24);
  EXPECT_EQ(listener->log.size(), 24U);
  // A read goes on until it has 256 KiB, so that one item may come on top.
  EXPECT_LE(listener->largest_batch, 256 * kKiB + 1'010 * kKiB);
}

}  // namespace
}  // namespace mesg::broker
