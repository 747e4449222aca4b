#include "api/server.h"

#include <chrono>
#include <future>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "api/port.h"
#include "broker/broker_fixture_test.h"
#include "mesg/v1/events.grpc.pb.h"
#include "mesg/v1/executions.grpc.pb.h"

namespace mesg::api {
namespace {

class ServerTest : public broker::BrokerTest {
 protected:
  void SetUp() override {
    Start();
    core_.broker = broker_.get();
  }
  Result<std::unique_ptr<Server>> Open(std::vector<std::string> addresses = {"127.0.0.1:0"}) {
    return Server::Start({std::move(addresses)}, core_);
  }
  static grpc::Status ListSubscriptions(const std::string& address) {
    const auto stub =
        v1::Events::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    v1::ListSubscriptionsResponse response;
    return stub->ListSubscriptions(&context, {}, &response);
  }
  Core core_;
};

TEST_F(ServerTest, RefusesCallsUntilItIsReady) {
  const auto server = Open();
  ASSERT_TRUE(server) << server.error().message;
  const std::string address = (*server)->addresses().front();
  EXPECT_EQ(ListSubscriptions(address).error_code(), grpc::StatusCode::UNAVAILABLE);
  (*server)->SetReady();
  EXPECT_TRUE(ListSubscriptions(address).ok());
  (*server)->Stop(Duration(0));
  (*server)->Stop(Duration(0));
}

TEST_F(ServerTest, TakesTheSameFreePortOnEveryAddress) {
  const auto server = Open({"127.0.0.1:0", "127.0.0.2:0"});
  ASSERT_TRUE(server) << server.error().message;
  (*server)->SetReady();
  std::set<std::string> ports;
  for (const std::string& address : (*server)->addresses()) {
    ports.insert(address.substr(address.rfind(':')));
    EXPECT_TRUE(ListSubscriptions(address).ok()) << address;
  }
  EXPECT_EQ(ports.size(), 1U);
}

TEST_F(ServerTest, ATakenAddressIsAnErrorThatNamesIt) {
  const auto first = Open();
  ASSERT_TRUE(first);
  const std::string taken = (*first)->addresses().front();
  const auto second = Open({taken});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(second.error().reason, "ADDRESS_TAKEN");
  EXPECT_THAT(second.error().message, testing::HasSubstr(taken));
}

TEST_F(ServerTest, ManyCallsAtOnceOnOneConnection) {
  const auto server = Open();
  ASSERT_TRUE(server);
  (*server)->SetReady();
  const auto channel =
      grpc::CreateChannel((*server)->addresses().front(), grpc::InsecureChannelCredentials());
  const auto stub = v1::Events::NewStub(channel);
  constexpr int kCalls = 1'000;
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReaderWriter<v1::ListenRequest, v1::ListenResponse>> stream;
  };
  std::vector<std::unique_ptr<Call>> calls;
  v1::ListenRequest request;
  request.mutable_open()->add_filters();
  for (int i = 0; i < kCalls; ++i) {
    auto& call = *calls.emplace_back(std::make_unique<Call>());
    call.context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(120));
    call.stream = stub->Listen(&call.context);
    ASSERT_TRUE(call.stream->Write(request));
  }
  for (const auto& call : calls) {
    v1::ListenResponse response;
    ASSERT_TRUE(call->stream->Read(&response));
    EXPECT_TRUE(response.ready());
  }
  EXPECT_EQ(broker_->Count().listeners, static_cast<std::uint64_t>(kCalls));
  (*server)->Stop(std::chrono::minutes(1));
  for (const auto& call : calls) {
    EXPECT_EQ(call->stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
}

/// Calls to a Core whose disk takes its time.
class StallingServerTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    shop_ = Deploy();
    auto server = Open();
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    server_->SetReady();
    events_ = v1::Events::NewStub(
        grpc::CreateChannel(server_->addresses().front(), grpc::InsecureChannelCredentials()));
  }
  /// Emits while commits stall; returns when the event is on its way to the disk.
  std::future<grpc::Status> EmitAndStall() {
    slow_.front()->Stall();
    auto emitted = std::async(std::launch::async, [this] {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
      context.AddMetadata("authorization", "Bearer " + shop_->Record().token);
      v1::EmitRequest request;
      request.add_events()->set_key("closed");
      request.mutable_events(0)->set_data("{}");
      v1::EmitResponse response;
      return events_->Emit(&context, request, &response);
    });
    slow_.front()->WaitHeld();
    return emitted;
  }

  broker::InstancePtr shop_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::Events::Stub> events_;
};

TEST_F(StallingServerTest, ACallInProgressIsAnsweredWithinTheGrace) {
  auto emitted = EmitAndStall();
  auto stopped = std::async(std::launch::async, [this] { server_->Stop(std::chrono::minutes(1)); });
  // It stops taking calls first.
  while (ListSubscriptions(server_->addresses().front()).ok()) std::this_thread::yield();
  slow_.front()->Release();
  EXPECT_TRUE(emitted.get().ok());
  stopped.get();
}

// CANCELLED would say that the caller did not want it any more, and nobody tries that again.
TEST_F(StallingServerTest, ACallInProgressThatCannotBeAnsweredEndsAsUnavailable) {
  auto emitted = EmitAndStall();
  server_->Stop(Duration(0));
  const grpc::Status status = emitted.get();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), testing::HasSubstr("Core is shutting down"));
  // The broker's reply comes when nobody is there any more.
  server_.reset();
  slow_.front()->Release();
}

/// Three batches of dead letters, of which the first is on its way to the disk.
class StallingBulkTest : public StallingServerTest {
 protected:
  static constexpr std::size_t kMany = 600;

  void SetUp() override {
    StallingServerTest::SetUp();
    const auto worker = std::make_shared<broker::FakeWorker>();
    Connect(shop_, worker, kMany);
    broker::ExecutionRequest request = Ship();
    request.retry = RetryPolicy{1, {}, 1, {}, 0};
    for (const auto& created : CreateAll(std::vector<broker::ExecutionRequest>(kMany, request)))
      ASSERT_TRUE(created);
    for (std::size_t i = 0; i < kMany; ++i) ASSERT_TRUE(Answer(Failed(worker->Take(i).id)));
    Settle();
    slow_.front()->Stall();
    dropped_ = std::async(std::launch::async, [this] {
      const auto stub = v1::DeadLetters::NewStub(
          grpc::CreateChannel(server_->addresses().front(), grpc::InsecureChannelCredentials()));
      context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
      v1::DeadLetterSelection all;
      all.set_all(true);
      v1::DropDeadLettersResponse response;
      return stub->Drop(&context_, all, &response);
    });
    slow_.front()->WaitHeld();
  }
  std::size_t Left() const { return broker_->Count().dead_letters; }

  grpc::ClientContext context_;
  std::future<grpc::Status> dropped_;
};

TEST_F(StallingBulkTest, ABulkInProgressEndsBehindItsBatchAndTellsHowFarItCame) {
  auto stopped = std::async(std::launch::async, [this] { server_->Stop(std::chrono::minutes(1)); });
  while (ListSubscriptions(server_->addresses().front()).ok()) std::this_thread::yield();
  slow_.front()->Release();
  const grpc::Status status = dropped_.get();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), testing::EndsWith("(256 were dropped)"));
  stopped.get();
  EXPECT_EQ(Left(), kMany - 256);
}

TEST_F(StallingBulkTest, ABulkWhoseBatchTakesTooLongEndsAsUnavailable) {
  while (Left() >= kMany - 256) {  // Until its second batch is on its way.
    slow_.front()->ReleaseOne();
    slow_.front()->WaitHeld();
  }
  server_->Stop(Duration(0));
  const grpc::Status status = dropped_.get();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), testing::MatchesRegex(".*\\((256|512) were dropped\\)"));
  // The broker's reply comes when nobody is there any more.
  server_.reset();
  slow_.front()->Release();
}

TEST(PortTest, WhatIsNoAddressIsRefused) {
  for (const char* bad : {"", "127.0.0.1", ":1", "127.0.0.1:", "127.0.0.1:99999", "host name:1"}) {
    const auto chosen = ChoosePorts({bad});
    ASSERT_FALSE(chosen) << bad;
    EXPECT_EQ(chosen.error().code, Code::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(ChoosePorts({}));
}

TEST(PortTest, AnAddressThatIsNotHereIsLeftOutWhenAnotherRemains) {
  const auto chosen = ChoosePorts({"192.0.2.1:0", "127.0.0.1:0"});
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->size(), 1U);
  const auto none = ChoosePorts({"192.0.2.1:0"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().reason, "ADDRESS_UNAVAILABLE");
}

}  // namespace
}  // namespace mesg::api
