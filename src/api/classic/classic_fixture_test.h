#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/client_unary_call.h>
#include <gtest/gtest.h>

#include "api/server.h"
#include "base/clock.h"
#include "broker/broker_fixture_test.h"
#include "classic/core.grpc.pb.h"
#include "classic/service.pb.h"
#include "runtime/process/testing.h"
#include "runtime/services/service_manager.h"
#include "store/memory/memory_store.h"

/// A client of 2018 against the real server, broker and service manager, over the memory store.
namespace mesg::api::classic {

namespace wire = ::api;
using runtime::Eventually;

/// What a generated stub of api.Service would be; gRPC cannot generate one for that name.
class WorkerStub {
 public:
  explicit WorkerStub(std::shared_ptr<grpc::Channel> channel) : channel_(std::move(channel)) {}

  template <typename Request, typename Reply>
  grpc::Status Call(const char* method, grpc::ClientContext& context, const Request& request,
                    Reply& reply) {
    const grpc::internal::RpcMethod rpc(method, grpc::internal::RpcMethod::NORMAL_RPC);
    return grpc::internal::BlockingUnaryCall<Request, Reply>(channel_.get(), rpc, &context, request,
                                                             &reply);
  }
  std::unique_ptr<grpc::ClientReader<wire::TaskData>> ListenTask(
      grpc::ClientContext& context, const wire::ListenTaskRequest& request) {
    const grpc::internal::RpcMethod rpc("/api.Service/ListenTask",
                                        grpc::internal::RpcMethod::SERVER_STREAMING);
    return std::unique_ptr<grpc::ClientReader<wire::TaskData>>(
        grpc::internal::ClientReaderFactory<wire::TaskData>::Create(channel_.get(), rpc, &context,
                                                                    request));
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
};

/// One open stream of the client.
template <typename Message>
struct Stream {
  // Generous, so that what never comes is a failure and not a hang.
  Stream() { context->set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1)); }

  std::unique_ptr<grpc::ClientContext> context = std::make_unique<grpc::ClientContext>();
  std::unique_ptr<grpc::ClientReader<Message>> reader = {};

  /// "ready", "" when the stream ended without a word; the words one by one when there are several.
  std::string Header() {
    reader->WaitForInitialMetadata();
    std::string header;
    const auto [first, last] = context->GetServerInitialMetadata().equal_range("status");
    for (auto found = first; found != last; ++found) {
      header += std::string(found->second.data(), found->second.size());
    }
    return header;
  }
  Message Next() {
    Message message;
    EXPECT_TRUE(reader->Read(&message)) << "the stream ended";
    return message;
  }
  /// Its status, once nothing more comes.
  grpc::Status End() {
    Message ignored;
    while (reader->Read(&ignored)) {
    }
    return reader->Finish();
  }
  void Cancel() {
    context->TryCancel();
    End();
  }
};

constexpr std::string_view kShop = R"(
name: Shop
sid: shop
description: Sells
repository: https://example.com/shop
configuration:
  ports: ["8080"]
dependencies:
  db: {image: mongo}
events:
  ordered:
    name: Ordered
    data:
      order: {type: String}
  closed:
    data: {}
tasks:
  ship:
    inputs:
      order: {type: String}
      items: {type: Object, optional: true, repeated: true, object: {price: {type: Number}}}
    outputs:
      sent: {data: {tracking: {type: String}}}
      missing: {data: {}}
  bill:
    retry: {attempts: 1}
    outputs:
      done: {data: {}}
)";

class ClassicTest : public testing::Test {
 protected:
  ClassicTest() {
    broker::Settings settings;
    settings.delivery_key = std::string(32, 'k');
    settings.engine.slice_bytes = 1;  // A deletion takes a commit for each execution.
    broker_ = broker::Broker::Start({&slow_}, clock_, settings, [](const Error& error) {
                ADD_FAILURE() << error.message;
              }).value();
    runtime::ServiceManager::Options options;
    options.endpoint = "127.0.0.1:1";
    options.standard_services = folder_.path() / "standard";
    options.fetcher.content_directory = folder_.path() / "services" / "content";
    options.fetcher.helper_program = runtime::HelperFolder() / "mesg-fetch";
    options.supervisor.data_directory = folder_.path();
    options.supervisor.guard_program = runtime::HelperFolder() / "mesg-guard";
    std::filesystem::create_directories(folder_.path() / "services");
    services_ = runtime::ServiceManager::Start(options, *broker_, clock_).value();
    server_ = Server::Start({{"127.0.0.1:0"}}, {broker_.get(), services_.get(), nullptr,
                                                [] {
                                                  CoreStatus status;
                                                  status.version = "1.2.3";
                                                  status.grpc_address = "here";
                                                  return status;
                                                },
                                                [] {}})
                  .value();
    server_->SetReady();
    Connect();
  }

  void Connect() {
    channel_ =
        grpc::CreateChannel(server_->addresses().front(), grpc::InsecureChannelCredentials());
    core_ = wire::Core::NewStub(channel_);
    worker_ = std::make_unique<WorkerStub>(channel_);
  }

  // ---- What is deployed ----

  broker::InstancePtr Deploy(std::string_view yaml = kShop, const std::string& name = "shop",
                             const std::string& salt = "") {
    const ServiceDefinition definition = ServiceDefinition::Parse(yaml).value();
    engine::Instance record;
    record.source = std::make_shared<const Source>(
        Source{name, definition.Hash(), definition.Hash() + name + salt});
    record.sid = definition.Sid();
    record.definition = definition.Canonical();
    record.token = "token of " + name + salt;
    std::promise<void> deployed;
    broker_->Deploy(record, [&](const Result<void>& result) {
      EXPECT_TRUE(result) << (result ? "" : result.error().message);
      deployed.set_value();
    });
    deployed.get_future().wait();
    return broker_->Deployed()->FindInstance(record.source->instance_hash);
  }

  // ---- Calls ----

  Stream<wire::EventData> ListenEvent(const std::string& service, const std::string& filter = "") {
    wire::ListenEventRequest request;
    request.set_serviceid(service);
    request.set_eventfilter(filter);
    Stream<wire::EventData> stream;
    stream.reader = core_->ListenEvent(stream.context.get(), request);
    return stream;
  }
  Stream<wire::ResultData> ListenResult(const std::string& service, const std::string& task = "",
                                        const std::string& output = "",
                                        const std::vector<std::string>& tags = {}) {
    wire::ListenResultRequest request;
    request.set_serviceid(service);
    request.set_taskfilter(task);
    request.set_outputfilter(output);
    for (const std::string& tag : tags) request.add_tagfilters(tag);
    Stream<wire::ResultData> stream;
    stream.reader = core_->ListenResult(stream.context.get(), request);
    return stream;
  }
  Stream<wire::TaskData> ListenTask(const std::string& token = "token of shop") {
    wire::ListenTaskRequest request;
    request.set_token(token);
    Stream<wire::TaskData> stream;
    stream.reader = worker_->ListenTask(*stream.context, request);
    return stream;
  }
  grpc::Status Emit(const std::string& key, const std::string& data,
                    const std::string& token = "token of shop") {
    wire::EmitEventRequest request;
    request.set_token(token);
    request.set_eventkey(key);
    request.set_eventdata(data);
    grpc::ClientContext context;
    wire::EmitEventReply reply;
    return worker_->Call("/api.Service/EmitEvent", context, request, reply);
  }
  grpc::Status Execute(const std::string& task, const std::string& inputs,
                       const std::vector<std::string>& tags = {}, std::string* id = nullptr,
                       const std::string& service = "shop") {
    wire::ExecuteTaskRequest request;
    request.set_serviceid(service);
    request.set_taskkey(task);
    request.set_inputdata(inputs);
    for (const std::string& tag : tags) request.add_executiontags(tag);
    grpc::ClientContext context;
    wire::ExecuteTaskReply reply;
    grpc::Status status = core_->ExecuteTask(&context, request, &reply);
    if (id != nullptr) *id = reply.executionid();
    return status;
  }
  grpc::Status Submit(const std::string& id, const std::string& output, const std::string& data) {
    wire::SubmitResultRequest request;
    request.set_executionid(id);
    request.set_outputkey(output);
    request.set_outputdata(data);
    grpc::ClientContext context;
    wire::SubmitResultReply reply;
    return worker_->Call("/api.Service/SubmitResult", context, request, reply);
  }

  const SystemClock clock_;
  runtime::TemporaryFolder folder_;
  store::memory::MemoryDisk disk_;
  store::memory::MemoryStore store_{disk_};
  broker::SlowStore slow_{store_};
  std::unique_ptr<broker::Broker> broker_;
  std::unique_ptr<runtime::ServiceManager> services_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<wire::Core::Stub> core_;
  std::unique_ptr<WorkerStub> worker_;
};

}  // namespace mesg::api::classic
