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

}  // namespace
}  // namespace mesg::api
