#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/grpc/api_fixture_test.h"

namespace mesg::api {
namespace {

class ListenTest : public ApiTest {
 protected:
  static v1::ListenRequest Everything() {
    v1::ListenRequest request;
    request.mutable_open()->add_filters();
    return request;
  }
  static v1::ListenRequest Named(const std::string& name, std::uint32_t window = 0) {
    v1::ListenRequest request;
    request.mutable_open()->set_subscription(name);
    request.mutable_open()->set_window(window);
    return request;
  }
  static v1::ListenRequest Acknowledge(const std::string& position) {
    v1::ListenRequest request;
    request.set_acknowledge(position);
    return request;
  }
  /// A listener that has said `ready`; `position` gets where it begins.
  Listening Ready(const v1::ListenRequest& request, std::string* position = nullptr) {
    Listening listener = OpenListen();
    listener.Write(request);
    const auto ready = listener.Read();
    EXPECT_TRUE(ready.ready()) << "the first message says ready";
    EXPECT_EQ(ready.items_size(), 0);
    EXPECT_FALSE(ready.position().empty());
    if (position != nullptr) *position = ready.position();
    return listener;
  }
  /// What the next `count` items are: positions of events, tasks of results.
  static std::vector<std::string> Next(Listening& listener, std::size_t count) {
    std::vector<std::string> items;
    while (items.size() < count) {
      const auto response = listener.Read();
      if (listener.over()) break;
      for (const auto& item : response.items()) {
        items.push_back(item.has_event() ? item.event().position() : item.result().task());
      }
    }
    return items;
  }
  /// How a listener that is opened like this ends.
  std::string Refused(const v1::ListenRequest& request) {
    Listening listener = OpenListen();
    listener.Write(request);
    return Told(listener.Finish());
  }
  std::string Subscribe(const std::string& name, const std::string& key = "ordered",
                        const std::string& after = "") {
    v1::CreateSubscriptionRequest request;
    request.set_name(name);
    request.set_after_position(after);
    auto& filter = *request.add_filters();
    filter.set_service("shop");
    filter.set_key(key);
    v1::Subscription subscription;
    return Told(events_->CreateSubscription(Anonymous().get(), request, &subscription));
  }
  v1::Subscription Show(const std::string& name) {
    v1::ListSubscriptionsResponse response;
    EXPECT_EQ(Told(events_->ListSubscriptions(Anonymous().get(), {}, &response)), "OK");
    for (const auto& subscription : response.subscriptions()) {
      if (subscription.name() == name) return subscription;
    }
    return {};
  }
  void EmitMany(int count) {
    v1::EmitRequest request;
    for (int i = 0; i < count; ++i) {
      *request.add_events() = OrderedEvent(std::to_string(i)).events(0);
    }
    ASSERT_EQ(Told(EmitOne(request)), "OK");
  }
};

using testing::ElementsAre;

TEST_F(ListenTest, HearsEventsAndResultsAfterReady) {
  v1::ListenRequest request = Everything();
  auto& results = *request.mutable_open()->add_filters();
  results.set_kind(v1::Filter::RESULTS);
  results.set_service("shop");
  results.set_key("ship");
  EXPECT_EQ(Told(EmitOne(OrderedEvent("before"))), "OK");
  std::string position;
  Listening listener = Ready(request, &position);
  EXPECT_EQ(position, "1");
  EXPECT_EQ(Told(EmitOne(OrderedEvent("a"))), "OK");
  const auto heard = listener.ReadUntil([](const auto& read) { return read.items_size() == 1; });
  const auto& event = heard.items(0).event();
  EXPECT_EQ(event.position(), "2");
  EXPECT_EQ(heard.position(), "2");
  EXPECT_EQ(event.key(), "ordered");
  EXPECT_EQ(event.data(), R"({"order":"a"})");
  EXPECT_EQ(event.source().service(), "shop");
  EXPECT_NE(event.recorded_us(), 0);

  Working worker = Work();
  const std::string id = CreateShip();
  worker.Write(Sent(worker.NextDelivery().delivery_id()));
  const auto result = listener.ReadUntil([](const auto& read) { return read.items_size() == 1; });
  EXPECT_EQ(result.items(0).result().id(), id);
  EXPECT_EQ(result.items(0).result().state(), v1::COMPLETED);
  EXPECT_EQ(result.items(0).result().inputs(), "") << "inputs are left out";
  EXPECT_EQ(result.items(0).result().position(), "3");
  listener.WritesDone();
  EXPECT_EQ(Told(listener.Finish()), "OK");
}

TEST_F(ListenTest, BeginsBehindAPosition) {
  EmitMany(5);
  v1::ListenRequest request = Everything();
  request.mutable_open()->set_after_position("2");
  Listening listener = Ready(request);
  EXPECT_THAT(Next(listener, 3), ElementsAre("3", "4", "5"));
  EmitMany(1);
  EXPECT_THAT(Next(listener, 1), ElementsAre("6"));
}

TEST_F(ListenTest, FiltersByKeyAndPredicate) {
  v1::ListenRequest request = Everything();
  auto& filter = *request.mutable_open()->mutable_filters(0);
  filter.set_service("shop");
  filter.set_key("ordered");
  auto& predicate = *filter.add_predicates();
  predicate.set_path("order");
  predicate.set_op(v1::Predicate::EQ);
  predicate.set_value("\"b\"");
  Listening listener = Ready(request);
  for (const char* order : {"a", "b", "c", "b"}) {
    EXPECT_EQ(Told(EmitOne(OrderedEvent(order))), "OK");
  }
  EXPECT_THAT(Next(listener, 2), ElementsAre("2", "4"));
}

TEST_F(ListenTest, RefusesWhatCannotBeHeard) {
  v1::ListenRequest none;
  none.mutable_open();
  EXPECT_THAT(Refused(none), testing::HasSubstr("FILTER_MISSING filters: "));
  EXPECT_EQ(Refused(Acknowledge("1")), "INVALID_ARGUMENT UNEXPECTED_MESSAGE");
  EXPECT_EQ(Refused(v1::ListenRequest()), "INVALID_ARGUMENT UNEXPECTED_MESSAGE");
  v1::ListenRequest request = Everything();
  auto& filter = *request.mutable_open()->mutable_filters(0);
  filter.set_service("shp");
  EXPECT_EQ(Refused(request), "NOT_FOUND SERVICE_NOT_FOUND");
  filter.set_service("shop");
  filter.set_key("orderd");
  EXPECT_EQ(Refused(request), "NOT_FOUND EVENT_NOT_FOUND");
  filter.set_kind(v1::Filter::RESULTS);
  EXPECT_EQ(Refused(request), "NOT_FOUND TASK_NOT_FOUND");
  filter.set_key("ship");
  filter.set_output_key("snt");
  EXPECT_EQ(Refused(request), "NOT_FOUND OUTPUT_NOT_FOUND");
  filter.set_kind(v1::Filter::EVENTS);
  EXPECT_THAT(Refused(request), testing::HasSubstr("INVALID_FILTER filters[0].kind: "));
  v1::ListenRequest predicate = Everything();
  predicate.mutable_open()->mutable_filters(0)->add_predicates()->set_path("a..b");
  EXPECT_THAT(Refused(predicate), testing::HasSubstr("filters[0].predicates[0]"));
  v1::ListenRequest position = Everything();
  position.mutable_open()->set_after_position("soon");
  EXPECT_EQ(Refused(position), "INVALID_ARGUMENT INVALID_POSITION");
  position.mutable_open()->set_after_position("99");
  EXPECT_EQ(Refused(position), "OUT_OF_RANGE POSITION_AHEAD");
  EXPECT_EQ(Refused(Named("none")), "NOT_FOUND SUBSCRIPTION_NOT_FOUND");
  v1::ListenRequest both = Named("none");
  both.mutable_open()->add_filters();
  EXPECT_EQ(Refused(both), "INVALID_ARGUMENT UNEXPECTED_FILTERS");

  Listening listener = Ready(Everything());
  listener.Write(Everything());
  EXPECT_EQ(Told(listener.Finish()), "INVALID_ARGUMENT UNEXPECTED_MESSAGE");
  Listening unnamed = Ready(Everything());
  unnamed.Write(Acknowledge("0"));
  EXPECT_EQ(Told(unnamed.Finish()), "INVALID_ARGUMENT NOT_A_SUBSCRIPTION");
  EXPECT_TRUE(Eventually([&] { return broker_->Count().listeners == 0; }));
}

TEST_F(ListenTest, ASlowListenerHoldsUpNobodyAndMissesNothing) {
  constexpr int kRequests = 60;
  constexpr int kBatch = 1'000;
  Listening slow = Ready(Everything());
  Listening quick = Ready(Everything());
  std::thread emitting([&] {
    for (int i = 0; i < kRequests; ++i) EmitMany(kBatch);
  });
  std::uint64_t next = 1;
  while (next <= kRequests * kBatch) {
    const auto heard = Next(quick, 1);
    for (const auto& position : heard) {
      ASSERT_EQ(position, std::to_string(next));
      ++next;
    }
    ASSERT_FALSE(quick.over());
  }
  emitting.join();
  next = 1;
  while (next <= kRequests * kBatch) {
    const auto heard = Next(slow, 1);
    for (const auto& position : heard) {
      ASSERT_EQ(position, std::to_string(next));
      ++next;
    }
    ASSERT_FALSE(slow.over());
  }
}

TEST_F(ListenTest, AThousandListenersComeAndGoWithoutATrace) {
  for (int i = 0; i < 1'000; ++i) {
    Listening listener = OpenListen();
    listener.Write(Everything());
    if (i % 3 == 0) {
      EXPECT_TRUE(listener.Read().ready());
    }
    if (i % 3 == 1) {
      listener.WritesDone();
      EXPECT_EQ(Told(listener.Finish()), "OK");
    } else {
      listener.Cancel();
    }
  }
  EXPECT_TRUE(Eventually([&] { return broker_->Count().listeners == 0; }));
  EmitMany(1);
}

TEST_F(ListenTest, ThreeThousandCancelledCallsLeaveTheConnectionWhole) {
  for (int i = 0; i < 3'000; ++i) {
    Listening listener = OpenListen();
    listener.Cancel();
  }
  EmitMany(1);
  EXPECT_TRUE(Eventually([&] { return broker_->Count().listeners == 0; }));
}

// ---- Named subscriptions ----

TEST_F(ListenTest, ASubscriptionGoesOnBehindWhatItAcknowledged) {
  ASSERT_EQ(Subscribe("s"), "OK");
  EmitMany(5);
  std::string position;
  {
    Listening listener = Ready(Named("s"), &position);
    EXPECT_EQ(position, "0");
    EXPECT_TRUE(Show("s").connected());
    EXPECT_THAT(Next(listener, 5), ElementsAre("1", "2", "3", "4", "5"));
    listener.Write(Acknowledge("2"));
    listener.WritesDone();
    bool confirmed = false;
    while (!listener.over()) confirmed = listener.Read().acknowledged() == "2" || confirmed;
    EXPECT_TRUE(confirmed) << "said before the call ends";
    EXPECT_EQ(Told(listener.Finish()), "OK");
  }
  EXPECT_TRUE(Eventually([&] { return !Show("s").connected(); }));
  EXPECT_EQ(Show("s").acknowledged(), "2");
  EXPECT_EQ(Show("s").behind(), 3);
  Listening again = Ready(Named("s"), &position);
  EXPECT_EQ(position, "2");
  EXPECT_THAT(Next(again, 3), ElementsAre("3", "4", "5"));
}

TEST_F(ListenTest, AWindowBoundsWhatIsSentUnacknowledged) {
  ASSERT_EQ(Subscribe("s"), "OK");
  Listening listener = Ready(Named("s", 4));
  EmitMany(10);
  EXPECT_THAT(Next(listener, 4), ElementsAre("1", "2", "3", "4"));
  // The next message is the acknowledgement: nothing was sent beyond the window.
  listener.Write(Acknowledge("2"));
  const auto confirmed = listener.Read();
  EXPECT_EQ(confirmed.acknowledged(), "2");
  std::vector<std::string> more;
  for (const auto& item : confirmed.items()) more.push_back(item.event().position());
  while (more.size() < 2) {
    const auto heard = Next(listener, 1);
    for (const auto& position : heard) more.push_back(position);
    ASSERT_FALSE(listener.over());
  }
  EXPECT_THAT(more, ElementsAre("5", "6"));
  listener.Write(Acknowledge("6"));
  EXPECT_THAT(Next(listener, 4), ElementsAre("7", "8", "9", "10"));
}

TEST_F(ListenTest, AWindowOfOneGoesThroughEverything) {
  ASSERT_EQ(Subscribe("s"), "OK");
  EmitMany(5);
  Listening listener = Ready(Named("s", 1));
  for (int i = 1; i <= 5; ++i) {
    ASSERT_THAT(Next(listener, 1), ElementsAre(std::to_string(i)));
    listener.Write(Acknowledge(std::to_string(i)));
  }
}

TEST_F(ListenTest, AnotherConnectionTakesASubscriptionOver) {
  ASSERT_EQ(Subscribe("s"), "OK");
  Listening first = Ready(Named("s"));
  Listening second = Ready(Named("s"));
  EXPECT_EQ(Told(first.Finish()), "ABORTED SUBSCRIPTION_TAKEN_OVER");
  EmitMany(1);
  EXPECT_THAT(Next(second, 1), ElementsAre("1"));
}

TEST_F(ListenTest, AnAcknowledgementThatCannotBeEndsTheCall) {
  ASSERT_EQ(Subscribe("s"), "OK");
  Listening ahead = Ready(Named("s"));
  ahead.Write(Acknowledge("17"));
  EXPECT_EQ(Told(ahead.Finish()), "INVALID_ARGUMENT POSITION_AHEAD");
  Listening malformed = Ready(Named("s"));
  malformed.Write(Acknowledge("x"));
  EXPECT_EQ(Told(malformed.Finish()), "INVALID_ARGUMENT INVALID_POSITION");
}

TEST_F(ListenTest, ASubscriptionIsMadeOnceAndDeleted) {
  ASSERT_EQ(Subscribe("s"), "OK");
  EXPECT_EQ(Subscribe("s"), "OK") << "an equal one";
  EXPECT_THAT(Subscribe("s", "closed"), testing::StartsWith("ALREADY_EXISTS"));
  EXPECT_EQ(Subscribe("t", "orderd"), "NOT_FOUND EVENT_NOT_FOUND");
  EXPECT_THAT(Subscribe(""), testing::StartsWith("INVALID_ARGUMENT"));
  EXPECT_EQ(Subscribe("t", "ordered", "x"), "INVALID_ARGUMENT INVALID_POSITION");
  EXPECT_EQ(Show("s").filters(0).key(), "ordered");
  Listening listener = Ready(Named("s"));
  v1::DeleteSubscriptionRequest request;
  request.set_name("s");
  v1::DeleteSubscriptionResponse response;
  EXPECT_EQ(Told(events_->DeleteSubscription(Anonymous().get(), request, &response)), "OK");
  EXPECT_EQ(Told(listener.Finish()), "NOT_FOUND SUBSCRIPTION_NOT_FOUND");
  EXPECT_THAT(Told(events_->DeleteSubscription(Anonymous().get(), request, &response)),
              testing::StartsWith("NOT_FOUND"));
}

TEST_F(ListenTest, ASubscriptionOutlivesItsService) {
  ASSERT_EQ(Subscribe("s"), "OK");
  ASSERT_TRUE(
      Ask<void>([&](auto reply) { broker_->Undeploy("shop", false, true, std::move(reply)); }));
  Listening listener = Ready(Named("s"));
  shop_ = Deploy();
  EmitMany(1);
  EXPECT_EQ(Next(listener, 1).size(), 1U);
}

TEST_F(ListenTest, StoppingCoreEndsListenersSoThatTheyComeBack) {
  Listening listener = Ready(Everything());
  server_->Stop(std::chrono::seconds(30));
  EXPECT_EQ(Told(listener.Finish()), "UNAVAILABLE CORE_STOPPING");
}

}  // namespace
}  // namespace mesg::api
