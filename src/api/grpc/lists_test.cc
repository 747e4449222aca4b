#include "api/grpc/api_fixture_test.h"

/// Lists as a gRPC client reads them that takes 4 MiB a message, as it does unless it says
/// otherwise.
namespace mesg::api {
namespace {

class ListsApiTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel(server_->addresses().front(),
                                         grpc::InsecureChannelCredentials(), arguments);
    events_ = v1::Events::NewStub(channel_);
    executions_ = v1::Executions::NewStub(channel_);
    worker_ = v1::Worker::NewStub(channel_);
  }

  static constexpr int kCount = 12;
  static std::string Large(int number) {
    return fmt::format("{:02}{}", number, std::string(700 << 10, 'x'));
  }
};

TEST_F(ListsApiTest, EventsOfManyMiBComeInPagesThatEveryClientTakes) {
  for (int i = 0; i < kCount; ++i) ASSERT_TRUE(EmitOne(OrderedEvent(Large(i))).ok());
  v1::ListEventsRequest request;
  request.mutable_page()->set_size(1'000);
  std::string numbers;
  int pages = 0;
  do {
    v1::ListEventsResponse response;
    const auto status = events_->List(Anonymous().get(), request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    for (const v1::Event& event : response.events()) numbers += event.data().substr(10, 2) + " ";
    request.mutable_page()->set_token(response.next_page_token());
    ++pages;
  } while (!request.page().token().empty());
  EXPECT_EQ(numbers, "00 01 02 03 04 05 06 07 08 09 10 11 ");
  EXPECT_EQ(pages, 3);
}

TEST_F(ListsApiTest, ExecutionsOfManyMiBComeInPagesThatEveryClientTakes) {
  for (int i = 0; i < kCount; ++i) CreateShip(Large(i));
  v1::ListExecutionsRequest request;
  request.mutable_page()->set_size(1'000);
  std::string numbers;
  do {
    v1::ListExecutionsResponse response;
    const auto status = executions_->List(Anonymous().get(), request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    for (const auto& execution : response.executions())
      numbers += execution.inputs().substr(10, 2) + " ";
    request.mutable_page()->set_token(response.next_page_token());
  } while (!request.page().token().empty());
  EXPECT_EQ(numbers, "11 10 09 08 07 06 05 04 03 02 01 00 ");
}

TEST_F(ListsApiTest, KeysOfManyMiBComeInAnswersThatEveryClientTakes) {
  v1::GetKeysRequest get;
  for (int i = 0; i < kCount; ++i) {
    v1::EmitRequest put;
    auto& change = *put.add_changes();
    change.set_key(fmt::format("k{:02}", i));
    change.set_put(fmt::format("\"{}\"", Large(i)));
    ASSERT_TRUE(EmitOne(put).ok());
    get.add_keys(change.key());
  }
  v1::ListKeysRequest list;
  std::string listed;
  for (bool more = true; more;) {
    v1::ListKeysResponse response;
    const auto status = worker_->ListKeys(With().get(), list, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_FALSE(response.values().empty());
    for (const v1::KeyValue& value : response.values()) listed += value.value().substr(1, 2) + " ";
    more = response.more();
    list.set_after(response.values().rbegin()->key());
  }
  EXPECT_EQ(listed, "00 01 02 03 04 05 06 07 08 09 10 11 ");
  std::string got;
  while (!get.keys().empty()) {
    v1::GetKeysResponse response;
    const auto status = worker_->GetKeys(With().get(), get, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_FALSE(response.values().empty());
    for (const v1::KeyValue& value : response.values()) got += value.value().substr(1, 2) + " ";
    get.mutable_keys()->DeleteSubrange(0, response.values_size());
  }
  EXPECT_EQ(got, listed);
}

class GoneServiceTest : public ApiTest {
 protected:
  void Undeploy() {
    const auto undeployed = Ask<void>([&](auto reply) {
      broker_->Undeploy("shop", /*keep_data=*/false, /*force=*/true, std::move(reply));
    });
    ASSERT_TRUE(undeployed) << undeployed.error().message;
    ASSERT_TRUE(Eventually([&] { return broker_->Deployed()->Instances().empty(); }));
  }
  /// The states of its executions, or why not.
  std::string States(const std::string& service, std::optional<v1::ExecutionState> state = {}) {
    v1::ListExecutionsRequest request;
    request.set_service(service);
    if (state) request.add_states(*state);
    v1::ListExecutionsResponse response;
    const auto status = executions_->List(Anonymous().get(), request, &response);
    if (!status.ok()) return Told(status) + ": " + status.error_message();
    std::string states;
    for (const auto& execution : response.executions())
      states += v1::ExecutionState_Name(execution.state()) + " ";
    return states;
  }
};

TEST_F(GoneServiceTest, ItsExecutionsAndEventsAreStillListedByNameAndHash) {
  ASSERT_TRUE(EmitOne(OrderedEvent("a")).ok());
  CreateShip();
  CreateShip();
  const auto source = shop_->GetSource();
  Undeploy();
  for (const std::string& name : {source->name, source->service_hash})
    EXPECT_EQ(States(name), "CANCELLED CANCELLED ") << name;
  EXPECT_EQ(States("shop", v1::FAILED), "") << "there are some, in another state";
  v1::ListEventsRequest request;
  request.set_service("shop");
  v1::ListEventsResponse events;
  ASSERT_TRUE(events_->List(Anonymous().get(), request, &events).ok());
  EXPECT_EQ(events.events_size(), 1);
}

TEST_F(GoneServiceTest, OneThatNeverWasIsSaidToBeUnknown) {
  CreateShip();
  EXPECT_EQ(States("shop", v1::FAILED), "") << "it is deployed";
  EXPECT_EQ(
      States("shopp"),
      "NOT_FOUND SERVICE_NOT_FOUND: no executions of \"shopp\" are kept. Service \"shopp\" not "
      "found: it is not deployed; did you mean \"shop\"?");
  const std::string hash = "63hs27P9o78dd2p9AvJi3FvcPS4N67ALFyophbLsMofr";
  EXPECT_THAT(States(hash), testing::StartsWith("NOT_FOUND SERVICE_NOT_FOUND: no executions of"));
  v1::ListDeadLettersRequest dead;
  dead.set_service("shopp");
  v1::ListDeadLettersResponse letters;
  EXPECT_EQ(Told(dead_letters_->List(Anonymous().get(), dead, &letters)),
            "NOT_FOUND SERVICE_NOT_FOUND");
  v1::ListEventsRequest events;
  events.set_service("shopp");
  v1::ListEventsResponse none;
  EXPECT_EQ(Told(events_->List(Anonymous().get(), events, &none)), "NOT_FOUND SERVICE_NOT_FOUND");
}

}  // namespace
}  // namespace mesg::api
