#include "api/classic/core_service.h"

#include <string>
#include <utility>
#include <vector>

#include "api/classic/definition_message.h"
#include "api/classic/deploy_stream.h"
#include "api/classic/listener_streams.h"
#include "api/classic/log_stream.h"
#include "api/classic/texts.h"
#include "api/classic/unary.h"
#include "broker/broker.h"
#include "runtime/services/service_manager.h"

namespace mesg::api::classic {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

Result<broker::ExecutionRequest> ExecutionOf(const wire::ExecuteTaskRequest& request) {
  MESG_TRY(CheckTexts({{"serviceID", request.serviceid()}, {"taskKey", request.taskkey()}}));
  MESG_TRY(CheckPayload("the inputs", request.inputdata()));
  broker::ExecutionRequest execution;
  execution.service = request.serviceid();
  execution.task = request.taskkey();
  execution.inputs = request.inputdata();
  execution.tags = Texts(request.executiontags());
  return execution;
}

Result<void> NoWorkflows() {
  return Unimplemented("workflows of this API were never finished; use an application file")
      .Because("NO_CLASSIC_WORKFLOWS");
}

}  // namespace

grpc::ServerWriteReactor<wire::EventData>* CoreService::ListenEvent(
    CallbackServerContext* context, const wire::ListenEventRequest* request) {
  return ListenEvents(*context, core_, *request);
}

grpc::ServerWriteReactor<wire::ResultData>* CoreService::ListenResult(
    CallbackServerContext* context, const wire::ListenResultRequest* request) {
  return ListenResults(*context, core_, *request);
}

ServerUnaryReactor* CoreService::ExecuteTask(CallbackServerContext* context,
                                             const wire::ExecuteTaskRequest* request,
                                             wire::ExecuteTaskReply* reply) {
  return Unary(context, core_, [&](const UnaryCallPtr& reactor) -> Result<void> {
    auto execution = MESG_TRY(ExecutionOf(*request));
    core_.broker->Create({std::move(execution)}, {}, {},
                         [reactor, reply](const std::vector<Result<engine::Created>>& created) {
                           if (!reactor->Claim()) return;
                           if (created.front()) reply->set_executionid(created.front()->id.Text());
                           Finish(reactor, created.front());
                         });
    return {};
  });
}

ServerUnaryReactor* CoreService::StartService(CallbackServerContext* context,
                                              const wire::StartServiceRequest* request,
                                              wire::StartServiceReply*) {
  return Unary(context, core_, [&](const UnaryCallPtr& reactor) -> Result<void> {
    MESG_TRY(CheckTexts({{"serviceID", request->serviceid()}}));
    runtime::ServiceManager* services = core_.services;
    const std::string& service = request->serviceid();
    // One that is being deleted is gone, as in ListServices.
    MESG_TRY(core_.broker->Deployed()->Find(service));
    services->Get(service, [=](const Result<runtime::ServiceStatus>& found) {
      // Old applications start what they are about to use, also what its user runs by hand.
      if (!found || !found->managed) {
        Finish(reactor, found);
        return;
      }
      services->StartService(service, [reactor](const Result<runtime::ServiceStatus>& started) {
        Finish(reactor, started);
      });
    });
    return {};
  });
}

ServerUnaryReactor* CoreService::StopService(CallbackServerContext* context,
                                             const wire::StopServiceRequest* request,
                                             wire::StopServiceReply*) {
  return Unary(context, core_, [&](const UnaryCallPtr& reactor) -> Result<void> {
    MESG_TRY(CheckTexts({{"serviceID", request->serviceid()}}));
    core_.services->StopService(
        request->serviceid(),
        [reactor](const Result<runtime::ServiceStatus>& stopped) { Finish(reactor, stopped); });
    return {};
  });
}

grpc::ServerBidiReactor<wire::DeployServiceRequest, wire::DeployServiceReply>*
CoreService::DeployService(CallbackServerContext* context) {
  return Deploy(*context, core_);
}

ServerUnaryReactor* CoreService::DeleteService(CallbackServerContext* context,
                                               const wire::DeleteServiceRequest* request,
                                               wire::DeleteServiceReply*) {
  return Unary(context, core_, [&](const UnaryCallPtr& reactor) -> Result<void> {
    MESG_TRY(CheckTexts({{"serviceID", request->serviceid()}}));
    // The contract has no way to be asked whether work that is left may be lost; a deletion in 2018
    // always went through.
    core_.services->Delete(request->serviceid(), /*keep_data=*/!request->deletedata(),
                           /*force=*/true,
                           [reactor](const Result<void>& deleted) { Finish(reactor, deleted); });
    return {};
  });
}

ServerUnaryReactor* CoreService::ListServices(CallbackServerContext* context,
                                              const wire::ListServicesRequest*,
                                              wire::ListServicesReply* reply) {
  return Unary(context, core_, [&](const UnaryCallPtr& reactor) -> Result<void> {
    core_.services->List([reactor, reply](const Result<std::vector<runtime::ServiceStatus>>& all) {
      if (!reactor->Claim()) return;
      if (all) {
        for (const runtime::ServiceStatus& service : *all) {
          // One that was replaced would stand there twice; one that is being deleted is gone.
          if (service.instance->Record().state != engine::Instance::State::kActive) continue;
          *reply->add_services() = ServiceMessage(service);
        }
      }
      Finish(reactor, all);
    });
    return {};
  });
}

ServerUnaryReactor* CoreService::GetService(CallbackServerContext* context,
                                            const wire::GetServiceRequest* request,
                                            wire::GetServiceReply* reply) {
  return Unary(context, core_, [&](const UnaryCallPtr& reactor) -> Result<void> {
    MESG_TRY(CheckTexts({{"serviceID", request->serviceid()}}));
    MESG_TRY(core_.broker->Deployed()->Find(request->serviceid()));
    core_.services->Get(request->serviceid(),
                        [reactor, reply](const Result<runtime::ServiceStatus>& found) {
                          if (!reactor->Claim()) return;
                          if (found) *reply->mutable_service() = ServiceMessage(*found);
                          Finish(reactor, found);
                        });
    return {};
  });
}

grpc::ServerWriteReactor<wire::LogData>* CoreService::ServiceLogs(
    CallbackServerContext* context, const wire::ServiceLogsRequest* request) {
  return FollowLogs(*context, core_, *request);
}

ServerUnaryReactor* CoreService::Info(CallbackServerContext* context, const wire::InfoRequest*,
                                      wire::InfoReply* reply) {
  return Unary(context, core_, [&](const UnaryCallPtr& reactor) -> Result<void> {
    const CoreStatus status = core_.status();
    reply->set_address(status.grpc_address);
    reply->set_version(status.version);
    reactor->Finish(grpc::Status::OK);
    return {};
  });
}

ServerUnaryReactor* CoreService::CreateWorkflow(CallbackServerContext* context,
                                                const wire::CreateWorkflowRequest*,
                                                wire::CreateWorkflowReply*) {
  return Unary(context, core_, [](const UnaryCallPtr&) { return NoWorkflows(); });
}

ServerUnaryReactor* CoreService::DeleteWorkflow(CallbackServerContext* context,
                                                const wire::DeleteWorkflowRequest*,
                                                wire::DeleteWorkflowReply*) {
  return Unary(context, core_, [](const UnaryCallPtr&) { return NoWorkflows(); });
}

}  // namespace mesg::api::classic
