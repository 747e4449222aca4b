#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/fixture.h"
#include "e2e/raw_worker.h"
#include "google/rpc/error_details.pb.h"
#include "mesg/v1/worker.pb.h"

namespace mesg::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::string_view kShop = R"(name: Shop
sid: shop
events:
  sold:
    data:
      order:
        type: Object
        object:
          lines:
            type: Object
            repeated: true
            object:
              price: {type: Number}
tasks:
  ship:
    inputs:
      to:
        type: Object
        object:
          street: {type: String}
    outputs:
      parcel: {type: String}
)";
constexpr std::string_view kOther = "name: Other\nsid: other\ntasks:\n  ship:\n";

/// A status with its machine-readable details, as one line.
std::string Told(const grpc::Status& status) {
  std::string text = std::to_string(status.error_code()) + " " + status.error_message();
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  for (const google::protobuf::Any& any : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    if (any.UnpackTo(&info)) text += " [" + info.reason() + "]";
    if (!any.UnpackTo(&bad)) continue;
    for (const auto& violation : bad.field_violations()) {
      text += " <" + violation.field() + ": " + violation.description() + ">";
    }
  }
  return text;
}

/// Every bad input: a clear typed error, and Core's state is what it was.
class BadInputTest : public CoreTest {
 protected:
  /// To be called while every worker still holds what it was given.
  void ExpectUnchanged() { EXPECT_EQ(State(), before_) << "state has changed"; }

  void SetUp() override {
    Start();
    shop_ = DeployDefinition(kShop, "shop");
    other_ = DeployDefinition(kOther, "other");
    before_ = State();
  }
  void TearDown() override { ExpectUnchanged(); }

  /// All that a client can see of Core's state.
  std::string State() {
    std::string text;
    Call call;
    v1::ListServicesResponse services;
    EXPECT_TRUE(client_.services().List(call(), {}, &services).ok());
    for (const v1::Service& service : services.services()) {
      text += service.instance_hash() + " " + v1::Service::State_Name(service.state()) + "\n";
    }
    for (const v1::Event& event : client_.ListEvents("")) text += event.ShortDebugString() + "\n";
    for (const v1::Execution& execution : client_.List({})) {
      text += execution.id() + " " + v1::ExecutionState_Name(execution.state()) + " " +
              execution.outcome().ShortDebugString() + "\n";
    }
    Call listing;
    v1::ListSubscriptionsResponse subscriptions;
    EXPECT_TRUE(client_.events().ListSubscriptions(listing(), {}, &subscriptions).ok());
    for (const v1::Subscription& subscription : subscriptions.subscriptions()) {
      text += subscription.name() + "\n";
    }
    return text;
  }

  /// An execution in the hands of a worker becomes part of what must not change.
  v1::Delivery Dispatch(const RawWorker& worker) {
    EXPECT_TRUE(Create("shop", "ship", R"({"to":{"street":"Main"}})").ok());
    EXPECT_TRUE(Eventually([&] { return worker.DeliveryCount() == 1; }));
    before_ = State();
    return worker.Deliveries().front();
  }

  std::string shop_;
  std::string other_;
  std::string before_;
};

TEST_F(BadInputTest, MalformedYaml) {
  folder_.Write("bad/mesg.yml", "name: [unclosed\nsid: bad\n");
  const std::string told = Told(client_.Deploy(folder_.path() / "bad", false, nullptr));
  EXPECT_THAT(told, HasSubstr("3 "));
  EXPECT_THAT(told, HasSubstr("mesg.yml"));
}

TEST_F(BadInputTest, UnknownKeysOfADefinition) {
  folder_.Write("bad/mesg.yml", "name: Bad\nsid: bad\ntaks:\n  a:\n");
  EXPECT_THAT(Told(client_.Deploy(folder_.path() / "bad", false, nullptr)),
              AllOf(HasSubstr("3 "), HasSubstr("taks"), HasSubstr("tasks")));
}

TEST_F(BadInputTest, WrongTypesAtDepth) {
  EXPECT_THAT(Told(Emit(shop_, "sold", R"({"order":{"lines":[{"price":1},{"price":"two"}]}})")),
              AllOf(HasSubstr("3 "), HasSubstr("order.lines[1].price"), HasSubstr("Number")));
  EXPECT_THAT(Told(Create("shop", "ship", R"({"to":{"street":7}})")),
              AllOf(HasSubstr("3 "), HasSubstr("to.street"), HasSubstr("String")));
  EXPECT_THAT(Told(Create("shop", "ship", "{}")), AllOf(HasSubstr("3 "), HasSubstr("to")));
}

TEST_F(BadInputTest, APayloadOfFiveMebibytes) {
  const std::string large = R"({"to":{"street":")" + std::string(5 << 20, 'x') + R"("}})";
  EXPECT_THAT(Told(Create("shop", "ship", large)), HasSubstr("4194304"));
  const std::string event = R"({"order":{"lines":[]},"note":")" + std::string(5 << 20, 'x') + "\"}";
  EXPECT_THAT(Told(Emit(shop_, "sold", event)), HasSubstr("4194304"));
}

TEST_F(BadInputTest, WhatIsNoJson) {
  EXPECT_THAT(Told(Create("shop", "ship", "{\"to\":{\"street\":\"\xff\xfe\"}}")),
              AllOf(HasSubstr("3 "), HasSubstr("UTF-8")));
  EXPECT_THAT(Told(Create("shop", "ship", R"({"to":{"street":"a","street":"b"}})")),
              AllOf(HasSubstr("3 "), HasSubstr("street")));
  EXPECT_THAT(Told(Create("shop", "ship", R"({"to":)")), HasSubstr("3 "));
  EXPECT_THAT(Told(Create("shop", "ship", "[]")), HasSubstr("3 "));
}

TEST_F(BadInputTest, WhatDoesNotExist) {
  EXPECT_THAT(Told(Create("shp", "ship", "{}")), AllOf(HasSubstr("5 "), HasSubstr("shp")));
  EXPECT_THAT(Told(Create("shop", "shipp", "{}")), AllOf(HasSubstr("5 "), HasSubstr("shipp")));
  EXPECT_THAT(Told(Emit(shop_, "solt", "{}")), AllOf(HasSubstr("5 "), HasSubstr("solt")));
  Call call;
  v1::GetExecutionRequest request;
  request.set_id("7YWHMfk9JZe0LM0g1ZauHuiSxhI");
  v1::Execution execution;
  EXPECT_FALSE(client_.executions().Get(call(), request, &execution).ok());
  Call subscribing;
  v1::CreateSubscriptionRequest subscription;
  subscription.set_name("nothing");
  subscription.add_filters()->set_service("nowhere");
  v1::Subscription made;
  EXPECT_THAT(Told(client_.events().CreateSubscription(subscribing(), subscription, &made)),
              AllOf(HasSubstr("5 "), HasSubstr("nowhere")));
}

TEST_F(BadInputTest, ATokenThatIsNone) {
  const std::string data = R"({"order":{"lines":[]}})";
  EXPECT_THAT(Told(Emit("made-up", "sold", data)), HasSubstr("16 "));
  EXPECT_THAT(Told(Emit("", "sold", data)), HasSubstr("16 "));
  EXPECT_THAT(Told(Emit(other_, "sold", data)), HasSubstr("5 "))
      << "the other service has no such event";
}

TEST_F(BadInputTest, ADeliveryOfSomebodyElse) {
  RawWorker mine(core_.endpoint(), shop_, 1);
  const v1::Delivery delivery = Dispatch(mine);
  RawWorker other(core_.endpoint(), other_, 1);
  other.Succeed(delivery.delivery_id(), "{}");
  EXPECT_EQ(other.AwaitAccepted(delivery.delivery_id()).error().code(),
            grpc::StatusCode::PERMISSION_DENIED);
  other.Succeed("made-up", "{}");
  EXPECT_NE(other.AwaitAccepted("made-up").error().code(), 0);
  ExpectUnchanged();
  EXPECT_EQ(Get(delivery.execution_id()).state(), v1::DISPATCHED);
  mine.Succeed(delivery.delivery_id(), R"({"parcel":"mine"})");
  EXPECT_FALSE(mine.AwaitAccepted(delivery.delivery_id()).has_error());
  before_ = State();
}

TEST_F(BadInputTest, ASecondResult) {
  RawWorker worker(core_.endpoint(), shop_, 1);
  const v1::Delivery delivery = Dispatch(worker);
  worker.Succeed(delivery.delivery_id(), R"({"parcel":"first"})");
  ASSERT_FALSE(worker.AwaitAccepted(delivery.delivery_id()).has_error());
  before_ = State();
  EXPECT_THAT(before_, HasSubstr("first"));
  worker.Succeed(delivery.delivery_id(), R"({"parcel":"second"})");
  EXPECT_EQ(worker.AwaitAccepted(delivery.delivery_id()).error().code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(BadInputTest, ACancelAfterTheResult) {
  RawWorker worker(core_.endpoint(), shop_, 1);
  const v1::Delivery delivery = Dispatch(worker);
  worker.Succeed(delivery.delivery_id(), R"({"parcel":"sent"})");
  ASSERT_FALSE(worker.AwaitAccepted(delivery.delivery_id()).has_error());
  before_ = State();
  Call call;
  v1::CancelExecutionRequest cancel;
  cancel.set_id(delivery.execution_id());
  v1::Execution execution;
  EXPECT_THAT(Told(client_.executions().Cancel(call(), cancel, &execution)), HasSubstr("9 "));
}

}  // namespace
}  // namespace mesg::testing
