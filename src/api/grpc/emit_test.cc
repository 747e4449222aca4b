#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/grpc/api_fixture_test.h"

namespace mesg::api {
namespace {

class EmitTest : public ApiTest {
 protected:
  std::uint64_t Accepted() { return broker_->Count().events_accepted; }
  v1::EmitResponse Send(Emitting& stream, const v1::EmitRequest& request) {
    EXPECT_TRUE(stream.Write(request));
    return stream.Read();
  }
};

TEST_F(EmitTest, AnswersWithPositionsAndWhatTheAnswerMeans) {
  v1::EmitRequest request = OrderedEvent("a");
  *request.add_events() = OrderedEvent("b").events(0);
  v1::EmitResponse response;
  ASSERT_EQ(Told(EmitOne(request, &response)), "OK");
  EXPECT_EQ(response.positions_size(), 2);
  EXPECT_EQ(response.positions(0), "1");
  EXPECT_EQ(response.positions(1), "2");
  EXPECT_EQ(response.durability(), "sync");
  EXPECT_FALSE(response.has_error());
}

TEST_F(EmitTest, AnIdThatWasSeenNamesTheFirstEvent) {
  v1::EmitRequest request = OrderedEvent("a");
  request.mutable_events(0)->set_id("x");
  v1::EmitResponse first;
  v1::EmitResponse second;
  ASSERT_EQ(Told(EmitOne(request, &first)), "OK");
  ASSERT_EQ(Told(EmitOne(request, &second)), "OK");
  EXPECT_EQ(second.positions(0), first.positions(0));
  ASSERT_EQ(second.duplicates_size(), 1);
  EXPECT_EQ(second.duplicates(0), 0U);
}

TEST_F(EmitTest, RefusesEveryKindOfBadEventAndChangesNothing) {
  EXPECT_EQ(Told(EmitOne(OrderedEvent("fine"))), "OK");
  EXPECT_EQ(Told(EmitOne(Event("{}", "orderd"))),
            "NOT_FOUND EVENT_NOT_FOUND events[0].data: "
            "Event \"orderd\" not found in service \"shop\"; did you mean \"ordered\"?;");
  v1::EmitRequest two = OrderedEvent("fine");
  *two.add_events() = Event(R"({"order":1,"amount":"x"})").events(0);
  const std::string wrong = Told(EmitOne(two));
  EXPECT_THAT(wrong, testing::HasSubstr("INVALID_ARGUMENT"));
  EXPECT_THAT(wrong, testing::HasSubstr("events[1].data.order: "));
  EXPECT_THAT(wrong, testing::HasSubstr("events[1].data.amount: "));
  EXPECT_THAT(wrong, testing::HasSubstr("String"));
  for (const std::string& bad :
       {std::string("{\"order\":\"\xC3\x28\"}"), std::string(R"({"order":"a","order":"b"})"),
        std::string("{\"order\":"), std::string("[]"), std::string()}) {
    const std::string told = Told(EmitOne(Event(bad)));
    EXPECT_THAT(told, testing::StartsWith("INVALID_ARGUMENT")) << bad;
    EXPECT_THAT(told, testing::HasSubstr("events[0].data")) << bad;
  }
  EXPECT_EQ(Accepted(), 1U);
}

TEST_F(EmitTest, RefusesAPayloadThatIsTooLargeByNamingTheLimit) {
  const std::string five_mib(5 << 20, 'x');
  const auto status = EmitOne(OrderedEvent(five_mib));
  EXPECT_THAT(Told(status), testing::StartsWith("INVALID_ARGUMENT PAYLOAD_TOO_LARGE"));
  EXPECT_THAT(status.error_message(), testing::HasSubstr("4194304"));
  const std::string fits((4 << 20) - 20, 'x');
  EXPECT_EQ(Told(EmitOne(OrderedEvent(fits))), "OK");
}

TEST_F(EmitTest, NeedsTheTokenOfAnInstance) {
  v1::EmitResponse response;
  const auto told = [&](std::unique_ptr<grpc::ClientContext> context) {
    return Told(events_->Emit(context.get(), OrderedEvent("a"), &response));
  };
  EXPECT_EQ(told(Anonymous()), "UNAUTHENTICATED TOKEN_MISSING");
  EXPECT_EQ(told(With("nobody's")), "UNAUTHENTICATED UNKNOWN_TOKEN");
  auto basic = Anonymous();
  basic->AddMetadata("authorization", "Basic abc");
  EXPECT_EQ(told(std::move(basic)), "UNAUTHENTICATED TOKEN_MALFORMED");
  auto twice = With();
  twice->AddMetadata("authorization", "Bearer other");
  EXPECT_EQ(told(std::move(twice)), "UNAUTHENTICATED TOKEN_MALFORMED");
  Emitting stream(Anonymous(), [&](auto* context) { return events_->EmitStream(context); });
  EXPECT_EQ(Told(stream.Finish()), "UNAUTHENTICATED TOKEN_MISSING");
}

TEST_F(EmitTest, RefusesTimesAndChangesThatMeanNothing) {
  v1::EmitRequest past = OrderedEvent("a");
  past.mutable_events(0)->set_time_us(-1);
  EXPECT_THAT(Told(EmitOne(past)), testing::HasSubstr("INVALID_TIME events[0].time_us: "));
  v1::EmitRequest neither = OrderedEvent("a");
  neither.add_changes()->set_key("k");
  EXPECT_THAT(Told(EmitOne(neither)), testing::HasSubstr("INVALID_CHANGE changes[0]: "));
  v1::EmitRequest many;
  for (int i = 0; i < 70'000; ++i) many.add_events();
  EXPECT_EQ(Told(EmitOne(many)), "INVALID_ARGUMENT TOO_MANY_EVENTS");
  EXPECT_EQ(Accepted(), 0U);
}

TEST_F(EmitTest, MovesKeysInTheSameCommitAndRefusesStaleVersions) {
  v1::EmitRequest request = OrderedEvent("a");
  auto& change = *request.add_changes();
  change.set_key("cursor");
  change.set_put("17");
  change.set_expected_version(0);
  v1::EmitResponse response;
  ASSERT_EQ(Told(EmitOne(request, &response)), "OK");
  ASSERT_EQ(response.versions_size(), 1);
  EXPECT_THAT(Told(EmitOne(request)), testing::StartsWith("ABORTED"));
  EXPECT_EQ(Accepted(), 1U);

  v1::GetKeysRequest get;
  get.add_keys("cursor");
  get.add_keys("none");
  v1::GetKeysResponse values;
  ASSERT_EQ(Told(worker_->GetKeys(With().get(), get, &values)), "OK");
  ASSERT_EQ(values.values_size(), 2);
  EXPECT_EQ(values.values(0).value(), "17");
  EXPECT_EQ(values.values(0).version(), response.versions(0));
  EXPECT_EQ(values.values(1).version(), 0U);
  EXPECT_EQ(Told(worker_->GetKeys(Anonymous().get(), get, &values)),
            "UNAUTHENTICATED TOKEN_MISSING");

  v1::ListKeysResponse listed;
  ASSERT_EQ(Told(worker_->ListKeys(With().get(), {}, &listed)), "OK");
  ASSERT_EQ(listed.values_size(), 1);
  EXPECT_EQ(listed.values(0).key(), "cursor");
  EXPECT_EQ(Told(worker_->ListKeys(Anonymous().get(), {}, &listed)),
            "UNAUTHENTICATED TOKEN_MISSING");
}

TEST_F(EmitTest, AStreamAnswersInOrderAndGoesOnAfterARefusal) {
  Emitting stream = OpenEmit();
  constexpr int kRequests = 1'000;
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) {
      stream.Write(i % 10 == 3 ? Event("{}", "unknown") : OrderedEvent(std::to_string(i)));
    }
    stream.WritesDone();
  });
  std::uint64_t next = 1;
  for (int i = 0; i < kRequests; ++i) {
    const auto response = stream.Read();
    ASSERT_FALSE(stream.over());
    if (i % 10 == 3) {
      EXPECT_THAT(Told(response.error()), testing::StartsWith("NOT_FOUND EVENT_NOT_FOUND"));
      continue;
    }
    ASSERT_EQ(response.positions_size(), 1) << Told(response.error());
    EXPECT_EQ(response.positions(0), std::to_string(next++));
  }
  writer.join();
  EXPECT_EQ(Told(stream.Finish()), "OK");
  EXPECT_EQ(Accepted(), kRequests * 9U / 10);
}

TEST_F(EmitTest, AStreamRefusesOneHugePayloadAndGoesOn) {
  Emitting stream = OpenEmit();
  const auto refused = Send(stream, OrderedEvent(std::string(5 << 20, 'x')));
  EXPECT_THAT(Told(refused.error()), testing::HasSubstr("PAYLOAD_TOO_LARGE"));
  EXPECT_EQ(Send(stream, OrderedEvent("a")).positions_size(), 1);
}

TEST_F(EmitTest, AStreamWhoseAnswersNobodyReadsStopsBeingRead) {
  Emitting stream = OpenEmit();
  v1::EmitRequest request;
  for (int i = 0; i < 1'000; ++i) *request.add_events() = OrderedEvent("abc").events(0);
  std::atomic<int> written = 0;
  std::thread writer([&] {
    for (int i = 0; i < 3'000 && stream.Write(request); ++i) ++written;
  });
  // It comes to a stop long before the end, and stays there.
  std::uint64_t seen = 0;
  EXPECT_TRUE(Eventually([&] {
    const std::uint64_t now = Accepted();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    seen = Accepted();
    return now != 0 && now == seen;
  }));
  EXPECT_LT(written, 3'000);
  stream.Cancel();
  writer.join();
}

TEST_F(EmitTest, AStreamOfADeletedServiceIsRefused) {
  Emitting stream = OpenEmit();
  EXPECT_EQ(Send(stream, OrderedEvent("a")).positions_size(), 1);
  ASSERT_TRUE(
      Ask<void>([&](auto reply) { broker_->Undeploy("shop", false, true, std::move(reply)); }));
  EXPECT_THAT(Told(Send(stream, OrderedEvent("b")).error()),
              testing::HasSubstr("NOT_FOUND INSTANCE_NOT_FOUND"));
}

TEST_F(EmitTest, ACancelledStreamLeavesNothingBehind) {
  for (int i = 0; i < 100; ++i) {
    Emitting stream = OpenEmit();
    stream.Write(OrderedEvent("a"));
    stream.Cancel();
  }
  EXPECT_EQ(Told(EmitOne(OrderedEvent("b"))), "OK");
  server_->Stop(Duration(0));  // Waits for every call.
}

// ---- History ----

TEST_F(EmitTest, ListsPagesBothWaysAndGetsOne) {
  for (int i = 0; i < 25; ++i) ASSERT_EQ(Told(EmitOne(OrderedEvent(std::to_string(i)))), "OK");
  v1::ListEventsRequest request;
  request.set_service("shop");
  request.set_key("ordered");
  request.mutable_page()->set_size(10);
  std::vector<std::string> seen;
  while (true) {
    v1::ListEventsResponse page;
    ASSERT_EQ(Told(events_->List(Anonymous().get(), request, &page)), "OK");
    for (const auto& event : page.events()) seen.push_back(event.position());
    if (page.next_page_token().empty()) break;
    request.mutable_page()->set_token(page.next_page_token());
  }
  ASSERT_EQ(seen.size(), 25U);
  EXPECT_EQ(seen.front(), "1");
  EXPECT_EQ(seen.back(), "25");

  request.clear_page();
  request.set_newest_first(true);
  v1::ListEventsResponse newest;
  ASSERT_EQ(Told(events_->List(Anonymous().get(), request, &newest)), "OK");
  EXPECT_EQ(newest.events(0).position(), "25");
  EXPECT_EQ(newest.events(0).data(), R"({"order":"24"})");
  EXPECT_EQ(newest.events(0).source().service(), "shop");
  EXPECT_EQ(newest.events(0).id(), "25@shop");

  v1::GetEventRequest get;
  get.set_position("7");
  v1::Event event;
  ASSERT_EQ(Told(events_->Get(Anonymous().get(), get, &event)), "OK");
  EXPECT_EQ(event.data(), R"({"order":"6"})");
  get.set_position("99");
  EXPECT_EQ(Told(events_->Get(Anonymous().get(), get, &event)), "NOT_FOUND EVENT_NOT_FOUND");
  get.set_position("x");
  EXPECT_EQ(Told(events_->Get(Anonymous().get(), get, &event)),
            "INVALID_ARGUMENT INVALID_POSITION");
}

TEST_F(EmitTest, ListsByPredicateAndRefusesBadQueries) {
  EXPECT_EQ(Told(EmitOne(Event(R"({"order":"a","amount":5})"))), "OK");
  EXPECT_EQ(Told(EmitOne(Event(R"({"order":"b","amount":50})"))), "OK");
  v1::ListEventsRequest request;
  auto& predicate = *request.add_predicates();
  predicate.set_path("amount");
  predicate.set_op(v1::Predicate::GT);
  predicate.set_value("10");
  v1::ListEventsResponse page;
  ASSERT_EQ(Told(events_->List(Anonymous().get(), request, &page)), "OK");
  ASSERT_EQ(page.events_size(), 1);
  EXPECT_EQ(page.events(0).position(), "2");

  const auto told = [&](const v1::ListEventsRequest& query) {
    return Told(events_->List(Anonymous().get(), query, &page));
  };
  predicate.set_op(v1::Predicate::OPERATOR_UNSPECIFIED);
  EXPECT_THAT(told(request), testing::HasSubstr("INVALID_PREDICATE predicates[0].op: "));
  predicate.set_op(v1::Predicate::EQ);
  predicate.set_value("{");
  EXPECT_THAT(told(request), testing::HasSubstr("INVALID_PREDICATE predicates[0]: "));
  v1::ListEventsRequest unknown;
  unknown.set_service("shp");
  EXPECT_EQ(told(unknown), "NOT_FOUND SERVICE_NOT_FOUND");
  v1::ListEventsRequest token;
  token.mutable_page()->set_token("x");
  EXPECT_THAT(told(token), testing::StartsWith("INVALID_ARGUMENT"));
  v1::ListEventsRequest time;
  time.set_after_us(-5);
  EXPECT_THAT(told(time), testing::HasSubstr("INVALID_TIME after_us"));
}

}  // namespace
}  // namespace mesg::api
