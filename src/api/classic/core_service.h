#pragma once

#include <utility>

#include "api/core.h"
#include "classic/core.grpc.pb.h"

namespace mesg::api::classic {

/// `api.Core`: what applications and tools call.
class CoreService final : public ::api::Core::CallbackService {
 public:
  explicit CoreService(api::Core core) : core_(std::move(core)) {}

  grpc::ServerWriteReactor<::api::EventData>* ListenEvent(
      grpc::CallbackServerContext* context, const ::api::ListenEventRequest* request) override;
  grpc::ServerWriteReactor<::api::ResultData>* ListenResult(
      grpc::CallbackServerContext* context, const ::api::ListenResultRequest* request) override;
  grpc::ServerUnaryReactor* ExecuteTask(grpc::CallbackServerContext* context,
                                        const ::api::ExecuteTaskRequest* request,
                                        ::api::ExecuteTaskReply* reply) override;
  grpc::ServerUnaryReactor* StartService(grpc::CallbackServerContext* context,
                                         const ::api::StartServiceRequest* request,
                                         ::api::StartServiceReply* reply) override;
  grpc::ServerUnaryReactor* StopService(grpc::CallbackServerContext* context,
                                        const ::api::StopServiceRequest* request,
                                        ::api::StopServiceReply* reply) override;
  grpc::ServerBidiReactor<::api::DeployServiceRequest, ::api::DeployServiceReply>* DeployService(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* DeleteService(grpc::CallbackServerContext* context,
                                          const ::api::DeleteServiceRequest* request,
                                          ::api::DeleteServiceReply* reply) override;
  grpc::ServerUnaryReactor* ListServices(grpc::CallbackServerContext* context,
                                         const ::api::ListServicesRequest* request,
                                         ::api::ListServicesReply* reply) override;
  grpc::ServerUnaryReactor* GetService(grpc::CallbackServerContext* context,
                                       const ::api::GetServiceRequest* request,
                                       ::api::GetServiceReply* reply) override;
  grpc::ServerWriteReactor<::api::LogData>* ServiceLogs(
      grpc::CallbackServerContext* context, const ::api::ServiceLogsRequest* request) override;
  grpc::ServerUnaryReactor* Info(grpc::CallbackServerContext* context,
                                 const ::api::InfoRequest* request,
                                 ::api::InfoReply* reply) override;
  grpc::ServerUnaryReactor* CreateWorkflow(grpc::CallbackServerContext* context,
                                           const ::api::CreateWorkflowRequest* request,
                                           ::api::CreateWorkflowReply* reply) override;
  grpc::ServerUnaryReactor* DeleteWorkflow(grpc::CallbackServerContext* context,
                                           const ::api::DeleteWorkflowRequest* request,
                                           ::api::DeleteWorkflowReply* reply) override;

 private:
  const api::Core core_;
};

}  // namespace mesg::api::classic
