#include "api/classic/worker_service.h"

#include <utility>

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/support/method_handler.h>

#include "api/classic/task_stream.h"
#include "api/classic/texts.h"
#include "api/classic/unary.h"
#include "broker/broker.h"

namespace mesg::api::classic {
namespace {

/// What the message says became of the task. Outputs that no listener could be sent fail the
/// execution, as outputs that break the contract do.
std::variant<engine::Success, engine::Failure> ResultOf(const wire::SubmitResultRequest& request,
                                                        const Result<void>& size) {
  if (!size) return engine::Failure{size.error().message, /*permanent=*/true};
  return engine::Success{request.outputkey(), request.outputdata()};
}

}  // namespace

WorkerService::WorkerService(Core core) : core_(std::move(core)) {
  using grpc::CallbackServerContext;
  using grpc::internal::CallbackServerStreamingHandler;
  using grpc::internal::CallbackUnaryHandler;
  using grpc::internal::RpcMethod;
  using grpc::internal::RpcServiceMethod;
  // As generated code does it; the service owns methods and handlers.
  AddMethod(new RpcServiceMethod("/api.Service/EmitEvent", RpcMethod::NORMAL_RPC, nullptr));
  AddMethod(new RpcServiceMethod("/api.Service/ListenTask", RpcMethod::SERVER_STREAMING, nullptr));
  AddMethod(new RpcServiceMethod("/api.Service/SubmitResult", RpcMethod::NORMAL_RPC, nullptr));
  MarkMethodCallback(0, new CallbackUnaryHandler<wire::EmitEventRequest, wire::EmitEventReply>(
                            [this](CallbackServerContext* context, const auto* request, auto*) {
                              return EmitEvent(context, request);
                            }));
  MarkMethodCallback(1, new CallbackServerStreamingHandler<wire::ListenTaskRequest, wire::TaskData>(
                            [this](CallbackServerContext* context, const auto* request) {
                              return ListenTasks(*context, core_, *request);
                            }));
  MarkMethodCallback(2,
                     new CallbackUnaryHandler<wire::SubmitResultRequest, wire::SubmitResultReply>(
                         [this](CallbackServerContext* context, const auto* request, auto*) {
                           return SubmitResult(context, request);
                         }));
}

grpc::ServerUnaryReactor* WorkerService::EmitEvent(grpc::CallbackServerContext* context,
                                                   const wire::EmitEventRequest* request) {
  return Unary(context, core_, [&](const UnaryCallPtr& reactor) -> Result<void> {
    MESG_TRY(CheckTexts({{"token", request->token()}, {"eventKey", request->eventkey()}}));
    const auto instance = MESG_TRY(core_.broker->Deployed()->FindByToken(request->token()));
    MESG_TRY(CheckPayload("the event's data", request->eventdata()));
    core_.broker->Emit(
        instance, {{request->eventkey(), request->eventdata(), "", {}, ""}}, {},
        [reactor](const Result<engine::Emitted>& emitted) { Finish(reactor, emitted); });
    return {};
  });
}

grpc::ServerUnaryReactor* WorkerService::SubmitResult(grpc::CallbackServerContext* context,
                                                      const wire::SubmitResultRequest* request) {
  return Unary(context, core_, [&](const UnaryCallPtr& reactor) -> Result<void> {
    MESG_TRY(
        CheckTexts({{"executionID", request->executionid()}, {"outputKey", request->outputkey()}}));
    Result<void> size = CheckPayload("the outputs", request->outputdata());
    // The delivery id is the proof of who answers; there is no token in this contract.
    core_.broker->Answer("", WorkerName(*context),
                         {{request->executionid(), ResultOf(*request, size), {}, {}}},
                         [reactor, size](const std::vector<Result<engine::Emitted>>& recorded) {
                           if (recorded.front() && !size) {
                             Finish(reactor, size);
                           } else {
                             Finish(reactor, recorded.front());
                           }
                         });
    return {};
  });
}

}  // namespace mesg::api::classic
