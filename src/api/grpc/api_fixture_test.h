#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "api/grpc/auth.h"
#include "api/server.h"
#include "broker/broker_fixture_test.h"
#include "google/rpc/error_details.pb.h"
#include "mesg/v1/events.grpc.pb.h"
#include "mesg/v1/executions.grpc.pb.h"
#include "mesg/v1/worker.grpc.pb.h"

namespace mesg::api {

/// "INVALID_ARGUMENT REASON field: description; ..." of a status, "OK" when it is.
inline std::string Told(const grpc::Status& status) {
  if (status.ok()) return "OK";
  std::string text(Name(static_cast<Code>(status.error_code())));
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  for (const auto& detail : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    if (detail.UnpackTo(&info)) {
      EXPECT_EQ(info.domain(), "mesg");
      text += " " + info.reason();
    } else if (detail.UnpackTo(&bad)) {
      for (const auto& violation : bad.field_violations()) {
        text += " " + violation.field() + ": " + violation.description() + ";";
      }
    }
  }
  return text;
}
inline std::string Told(const v1::CallError& error) {
  std::string text(Name(static_cast<Code>(error.code())));
  if (!error.reason().empty()) text += " " + error.reason();
  for (const auto& violation : error.violations()) {
    text += " " + violation.field() + ": " + violation.description() + ";";
  }
  return text;
}

/// One bidirectional call, one message at a time.
template <typename Request, typename Response>
class Duplex {
 public:
  using Stream = grpc::ClientReaderWriter<Request, Response>;
  Duplex(std::unique_ptr<grpc::ClientContext> context,
         const std::function<std::unique_ptr<Stream>(grpc::ClientContext*)>& open)
      : context_(std::move(context)), stream_(open(context_.get())) {}
  ~Duplex() {
    if (stream_ == nullptr) return;
    context_->TryCancel();
    static_cast<void>(stream_->Finish());
  }
  Duplex(Duplex&&) noexcept = default;
  Duplex& operator=(Duplex&&) = delete;

  bool Write(const Request& request) { return stream_->Write(request); }
  void WritesDone() { stream_->WritesDone(); }
  void Cancel() { context_->TryCancel(); }
  /// An empty message when the call is over.
  Response Read() {
    Response response;
    over_ = !stream_->Read(&response);
    return response;
  }
  /// Reads until a message fits; fails when the call ends before.
  Response ReadUntil(const std::function<bool(const Response&)>& fits) {
    while (true) {
      Response response = Read();
      if (over_) {
        ADD_FAILURE() << "the call ended";
        return response;
      }
      if (fits(response)) return response;
    }
  }
  bool over() const { return over_; }
  /// How it ended, once it has.
  grpc::Status Finish() {
    Response response;
    while (stream_->Read(&response)) {
    }
    grpc::Status status = stream_->Finish();
    stream_ = nullptr;
    return status;
  }

 private:
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<Stream> stream_;
  bool over_ = false;
};
using Emitting = Duplex<v1::EmitRequest, v1::EmitResponse>;
using Listening = Duplex<v1::ListenRequest, v1::ListenResponse>;
using Executing = Duplex<v1::ExecuteStreamRequest, v1::ExecuteStreamResponse>;

/// A worker's end of its connection: sorts what comes, so that a test can ask for one kind.
class Working final : public Duplex<v1::WorkerMessage, v1::CoreMessage> {
 public:
  using Duplex::Duplex;

  v1::Delivery NextDelivery() { return Next(deliveries_); }
  v1::Accepted NextAccepted() { return Next(accepted_); }
  v1::Cancelled NextCancelled() { return Next(cancelled_); }
  v1::EmitResponse NextEmitted() { return Next(emitted_); }
  bool WaitDrain() {
    while (!drain_ && !over()) Sort();
    return drain_;
  }
  /// Everything that still comes until the call ends.
  void ReadAll() {
    while (!over()) Sort();
  }
  std::size_t accepted() const { return accepted_.size(); }
  std::size_t deliveries() const { return deliveries_.size(); }

 private:
  template <typename T>
  T Next(std::deque<T>& queue) {
    while (queue.empty() && !over()) Sort();
    if (queue.empty()) {
      ADD_FAILURE() << "the call ended";
      return {};
    }
    T next = std::move(queue.front());
    queue.pop_front();
    return next;
  }
  void Sort() {
    const v1::CoreMessage message = Read();
    for (const auto& one : message.accepted()) accepted_.push_back(one);
    for (const auto& one : message.deliveries()) {
      EXPECT_TRUE(cancelled_.empty() || cancelled_.back().delivery_id() != one.delivery_id());
      deliveries_.push_back(one);
    }
    for (const auto& one : message.cancelled()) cancelled_.push_back(one);
    for (const auto& one : message.emitted()) emitted_.push_back(one);
    drain_ = drain_ || message.drain();
  }

  std::deque<v1::Delivery> deliveries_;
  std::deque<v1::Accepted> accepted_;
  std::deque<v1::Cancelled> cancelled_;
  std::deque<v1::EmitResponse> emitted_;
  bool drain_ = false;
};

/// A server over a broker with the shop deployed, and a client's stubs.
class ApiTest : public broker::BrokerTest {
 protected:
  void SetUp() override {
    Start();
    Serve();
    shop_ = Deploy();
  }
  void TearDown() override {
    server_.reset();
    Stop();
  }

  void Serve() {
    Core core;
    core.broker = broker_.get();
    auto started = Server::Start({{"127.0.0.1:0"}}, core);
    ASSERT_TRUE(started) << started.error().message;
    server_ = *std::move(started);
    server_->SetReady();
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel(server_->addresses().front(),
                                         grpc::InsecureChannelCredentials(), arguments);
    events_ = v1::Events::NewStub(channel_);
    executions_ = v1::Executions::NewStub(channel_);
    dead_letters_ = v1::DeadLetters::NewStub(channel_);
    worker_ = v1::Worker::NewStub(channel_);
  }

  /// The context of a call, with the shop's token unless another is wanted ("" for none).
  std::unique_ptr<grpc::ClientContext> With(const std::optional<std::string>& token = {}) {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    const std::string used = token ? *token : shop_->Record().token;
    if (!used.empty()) context->AddMetadata("authorization", "Bearer " + used);
    return context;
  }
  std::unique_ptr<grpc::ClientContext> Anonymous() { return With(""); }

  Emitting OpenEmit() {
    return {With(), [&](auto* context) { return events_->EmitStream(context); }};
  }
  Listening OpenListen() {
    return {Anonymous(), [&](auto* context) { return events_->Listen(context); }};
  }
  Executing OpenExecute() {
    return {Anonymous(), [&](auto* context) { return executions_->ExecuteStream(context); }};
  }
  Working OpenWorker(const std::optional<std::string>& token = {}) {
    return {With(token), [&](auto* context) { return worker_->Connect(context); }};
  }

  /// A worker that was welcomed.
  Working Work(std::uint32_t credits = 10) {
    Working worker = OpenWorker();
    v1::WorkerMessage hello;
    hello.mutable_hello()->set_name("w");
    hello.mutable_hello()->set_credits(credits);
    worker.Write(hello);
    EXPECT_TRUE(
        worker.ReadUntil([](const auto& message) { return message.has_welcome(); }).has_welcome());
    return worker;
  }
  static v1::WorkerMessage Sent(const std::string& delivery_id) {
    v1::WorkerMessage message;
    auto& answer = *message.add_answers();
    answer.set_delivery_id(delivery_id);
    answer.mutable_success()->set_output_key("sent");
    answer.mutable_success()->set_outputs(R"({"tracking":"t"})");
    return message;
  }
  static v1::WorkerMessage Failed(const std::string& delivery_id, bool permanent = true) {
    v1::WorkerMessage message;
    auto& answer = *message.add_answers();
    answer.set_delivery_id(delivery_id);
    answer.mutable_failure()->set_error("no stock");
    answer.mutable_failure()->set_permanent(permanent);
    return message;
  }
  static v1::EmitRequest Event(const std::string& data, const std::string& key = "ordered") {
    v1::EmitRequest request;
    auto& event = *request.add_events();
    event.set_key(key);
    event.set_data(data);
    return request;
  }
  static v1::EmitRequest OrderedEvent(const std::string& order) {
    return Event(fmt::format(R"({{"order":"{}"}})", order));
  }
  static v1::CreateExecutionRequest ShipRequest(const std::string& order = "a") {
    v1::CreateExecutionRequest request;
    request.set_service("shop");
    request.set_task("ship");
    request.set_inputs(fmt::format(R"({{"order":"{}"}})", order));
    return request;
  }
  grpc::Status EmitOne(const v1::EmitRequest& request, v1::EmitResponse* response = nullptr) {
    v1::EmitResponse ignored;
    return events_->Emit(With().get(), request, response == nullptr ? &ignored : response);
  }
  std::string CreateShip(const std::string& order = "a") {
    v1::CreateExecutionResponse response;
    const auto status = executions_->Create(Anonymous().get(), ShipRequest(order), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.id();
  }
  v1::Execution GetExecution(const std::string& id) {
    v1::GetExecutionRequest request;
    request.set_id(id);
    v1::Execution execution;
    const auto status = executions_->Get(Anonymous().get(), request, &execution);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return execution;
  }

  static bool Eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < end) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return condition();
  }

  broker::InstancePtr shop_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Events::Stub> events_;
  std::unique_ptr<v1::Executions::Stub> executions_;
  std::unique_ptr<v1::DeadLetters::Stub> dead_letters_;
  std::unique_ptr<v1::Worker::Stub> worker_;
};

}  // namespace mesg::api
