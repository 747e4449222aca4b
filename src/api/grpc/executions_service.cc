#include "api/grpc/executions_service.h"

#include <utility>

#include "api/grpc/execute_stream.h"
#include "api/grpc/execution_lists.h"
#include "api/grpc/translate.h"
#include "api/grpc/unary.h"
#include "api/grpc/waiting_call.h"
#include "mesg/v1/executions.grpc.pb.h"

namespace mesg::api {
namespace {

using Created = std::vector<Result<engine::Created>>;

class ExecutionsService final : public v1::Executions::CallbackService {
 public:
  explicit ExecutionsService(ContextPtr context)
      : context_(std::move(context)), broker_(context_->broker) {}

  grpc::ServerUnaryReactor* Create(grpc::CallbackServerContext* call,
                                   const v1::CreateExecutionRequest* request,
                                   v1::CreateExecutionResponse* response) override {
    auto read = Read(*request);
    if (!read) return Finish(*call, read.error());
    const UnaryCallPtr reactor = UnaryCall::Begin(context_->gate);
    auto reply = ReplyTo<engine::Created>(
        *context_, reactor, [this, response](const engine::Created& created) {
          response->set_id(created.id.Text());
          response->set_existed(created.existed);
          response->set_durability(std::string(Name(broker_.GetSettings().durability)));
        });
    broker_.Create(One(*std::move(read)), {}, {}, [reply = std::move(reply)](Created created) {
      reply(std::move(created.front()));
    });
    return reactor.get();
  }

  grpc::ServerUnaryReactor* Execute(grpc::CallbackServerContext* call,
                                    const v1::CreateExecutionRequest* request,
                                    v1::Execution* response) override {
    auto read = Read(*request);
    if (!read) return Finish(*call, read.error());
    const auto waiting = std::make_shared<WaitingCall>(*context_, *response);
    auto* const waiter = WaitingCall::Begin(waiting);
    broker_.Create(One(*std::move(read)), waiting, {0}, [waiting](const Created& created) {
      if (!created.front()) waiting->End(created.front().error());
    });
    return waiter;
  }

  grpc::ServerBidiReactor<v1::ExecuteStreamRequest, v1::ExecuteStreamResponse>* ExecuteStream(
      grpc::CallbackServerContext* call) override {
    return api::ExecuteStream::Begin(std::make_shared<api::ExecuteStream>(*context_, *call));
  }

  grpc::ServerUnaryReactor* Wait(grpc::CallbackServerContext* call,
                                 const v1::GetExecutionRequest* request,
                                 v1::Execution* response) override {
    const auto id = ReadId(request->id());
    if (!id) return Finish(*call, id.error());
    const auto waiting = std::make_shared<WaitingCall>(*context_, *response);
    auto* const waiter = WaitingCall::Begin(waiting);
    broker_.Wait(*id, waiting, 0, [waiting](const Result<void>& found) {
      if (!found) waiting->End(found.error());
    });
    return waiter;
  }

  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* call,
                                const v1::GetExecutionRequest* request,
                                v1::Execution* response) override {
    const auto id = ReadId(request->id());
    if (!id) return Finish(*call, id.error());
    const UnaryCallPtr reactor = UnaryCall::Begin(context_->gate);
    broker_.Get(*id, ReplyTo<broker::ExecutionView>(
                         *context_, reactor, [this, response](const broker::ExecutionView& view) {
                           ToWire(broker_, view, *response);
                         }));
    return reactor.get();
  }

  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* call,
                                 const v1::ListExecutionsRequest* request,
                                 v1::ListExecutionsResponse* response) override {
    return FinishLater(*context_, *call, [this, request, response] {
      return ListExecutions(broker_, *request, *response);
    });
  }

  grpc::ServerUnaryReactor* Cancel(grpc::CallbackServerContext* call,
                                   const v1::CancelExecutionRequest* request,
                                   v1::Execution* response) override {
    const auto id = ReadId(request->id());
    if (!id) return Finish(*call, id.error());
    const UnaryCallPtr reactor = UnaryCall::Begin(context_->gate);
    broker_.Cancel(*id, request->reason(),
                   ReplyTo<engine::ExecutionPtr>(
                       *context_, reactor, [this, response](const engine::ExecutionPtr& execution) {
                         ToWire(broker_, *execution, *response);
                       }));
    return reactor.get();
  }

 private:
  Result<broker::ExecutionRequest> Read(const v1::CreateExecutionRequest& request) {
    MESG_TRY(context_->gate->Check());
    // It is this call's alone: its payload can be taken out of it.
    return FromWire(broker_, const_cast<v1::CreateExecutionRequest&>(request));
  }
  Result<ExecutionId> ReadId(const std::string& text) {
    MESG_TRY(context_->gate->Check());
    return ExecutionId::FromText(text);
  }
  static std::vector<broker::ExecutionRequest> One(broker::ExecutionRequest request) {
    std::vector<broker::ExecutionRequest> one;
    one.push_back(std::move(request));
    return one;
  }

  const ContextPtr context_;
  broker::Broker& broker_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeExecutionsService(ContextPtr context) {
  return std::make_unique<ExecutionsService>(std::move(context));
}

}  // namespace mesg::api
