#include "classic_load.h"

#include <vector>

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>  // Makes protobuf messages serializable.

#include "classic/core.pb.h"
#include "classic/service.pb.h"
#include "duplex.h"

namespace mesg::bench {
namespace {

// There is no generated stub: its name for the service called Service does not compile.
template <typename Request, typename Response>
void Call(const std::shared_ptr<grpc::Channel>& channel, const char* method,
          grpc::ClientContext& context, const Request& request, Response& response,
          const std::function<void(grpc::Status)>& done) {
  grpc::TemplatedGenericStub<Request, Response> stub(channel);
  stub.UnaryCall(&context, method, {}, &request, &response, done);
}

// A stream of Core's messages that follows one request. Core sends headers once it listens.
template <typename Request, typename Response>
class Subscription : public Duplex<Request, Response> {
 public:
  using Duplex<Request, Response>::WaitHeaders;

 protected:
  void Open(const std::shared_ptr<grpc::Channel>& channel, const char* method, Request request) {
    first_ = std::move(request);
    grpc::TemplatedGenericStub<Request, Response> stub(channel);
    stub.PrepareBidiStreamingCall(&this->context_, method, {}, this);
    this->Begin();
    const std::scoped_lock lock(this->mutex_);
    this->Push();
  }

 private:
  bool Fill(Request& request) final {
    if (!first_) return false;
    request = std::move(*first_);
    first_.reset();
    return true;
  }
  std::optional<Request> first_;
};

// Unary calls whose answers are looked at only when they are failures.
template <typename Request, typename Response>
class Calls {
 public:
  Calls(std::shared_ptr<grpc::Channel> channel, const char* method)
      : channel_(std::move(channel)), method_(method) {}
  ~Calls() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return under_way_ == 0; });
  }
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  void Begin(Request request, std::function<void(const grpc::Status&)> failed) {
    auto call = std::make_shared<One>();
    call->request = std::move(request);
    {
      const std::scoped_lock lock(mutex_);
      ++under_way_;
    }
    Call(channel_, method_, call->context, call->request, call->response,
         [this, call, failed = std::move(failed)](const grpc::Status& status) {
           if (!status.ok()) failed(status);
           const std::scoped_lock lock(mutex_);
           if (--under_way_ == 0) ended_.notify_all();
         });
  }

 private:
  struct One {
    grpc::ClientContext context;
    Request request;
    Response response;
  };
  const std::shared_ptr<grpc::Channel> channel_;
  const char* const method_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t under_way_ = 0;
};

class Worker final : public Subscription<api::ListenTaskRequest, api::TaskData> {
 public:
  Worker(const std::shared_ptr<grpc::Channel>& channel, const MeasuredService& service,
         std::function<void(const grpc::Status&)> failed)
      : failed_(std::move(failed)), submits_(channel, "/api.Service/SubmitResult") {
    api::ListenTaskRequest request;
    request.set_token(service.token);
    Open(channel, "/api.Service/ListenTask", std::move(request));
  }
  ~Worker() override { Close(); }

 private:
  void Received(api::TaskData& task) override {
    api::SubmitResultRequest request;
    request.set_executionid(task.executionid());
    request.set_outputdata(task.inputdata());
    submits_.Begin(std::move(request), failed_);
  }
  const std::function<void(const grpc::Status&)> failed_;
  Calls<api::SubmitResultRequest, api::SubmitResultReply> submits_;
};

class Application final : public Subscription<api::ListenResultRequest, api::ResultData> {
 public:
  Application(const std::shared_ptr<grpc::Channel>& channel, std::size_t executions)
      : left_(executions), to_come_(executions), calls_(channel, "/api.Core/ExecuteTask") {
    api::ListenResultRequest request;
    request.set_serviceid(MeasuredService::kName);
    Open(channel, "/api.Core/ListenResult", std::move(request));
  }
  ~Application() override { Close(); }

  Result<void> Run(std::size_t in_flight) {
    std::unique_lock lock(mutex_);
    for (std::size_t i = 0; i < in_flight; ++i) Execute();
    return WaitFor(lock, [this] { return to_come_ == 0; });
  }
  void Abandon(const grpc::Status& status) {
    const std::scoped_lock lock(mutex_);
    Fail(Failed("a classic call", status.error_code(), status.error_message()));
    Notify();
  }

 private:
  void Received(api::ResultData& result) override {
    if (!result.error().empty()) return Fail(Internal("an execution failed: {}", result.error()));
    --to_come_;
    Execute();
  }
  void Execute() {
    if (left_ == 0) return;
    --left_;
    api::ExecuteTaskRequest request;
    request.set_serviceid(MeasuredService::kName);
    request.set_taskkey(MeasuredService::kTask);
    request.set_inputdata(payload_);
    calls_.Begin(std::move(request), [this](const grpc::Status& status) { Abandon(status); });
  }

  const std::string payload_ = Payload();
  std::size_t left_;
  std::size_t to_come_;
  Calls<api::ExecuteTaskRequest, api::ExecuteTaskReply> calls_;
};

}  // namespace

Result<UnaryTimes> EmitClassic(const std::shared_ptr<grpc::Channel>& channel,
                               const MeasuredService& service, std::size_t events,
                               std::size_t in_flight) {
  api::EmitEventRequest request;
  request.set_token(service.token);
  request.set_eventkey(MeasuredService::kEvent);
  request.set_eventdata(Payload());
  std::vector<api::EmitEventReply> replies(in_flight);
  return RunUnary(
      events, in_flight, [&](std::size_t slot, grpc::ClientContext& context, auto done) {
        Call(channel, "/api.Service/EmitEvent", context, request, replies[slot], std::move(done));
      });
}

Result<std::chrono::duration<double>> ExecuteClassic(const std::shared_ptr<grpc::Channel>& channel,
                                                     const MeasuredService& service,
                                                     std::size_t executions,
                                                     std::size_t in_flight) {
  Application application(channel, executions);
  Worker worker(channel, service, [&](const grpc::Status& status) { application.Abandon(status); });
  MESG_TRY(application.WaitHeaders());
  MESG_TRY(worker.WaitHeaders());
  const auto started = std::chrono::steady_clock::now();
  MESG_TRY(application.Run(in_flight));
  return std::chrono::steady_clock::now() - started;
}

}  // namespace mesg::bench
