#pragma once

#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "api/core.h"
#include "classic/service.pb.h"

namespace mesg::api::classic {

/// `api.Service`: what services call. Registers its methods itself, since gRPC's generator cannot
/// name a class after a service of that name.
class WorkerService final : public grpc::Service {
 public:
  explicit WorkerService(Core core);

 private:
  grpc::ServerUnaryReactor* EmitEvent(grpc::CallbackServerContext* context,
                                      const ::api::EmitEventRequest* request);
  grpc::ServerUnaryReactor* SubmitResult(grpc::CallbackServerContext* context,
                                         const ::api::SubmitResultRequest* request);

  const Core core_;
};

}  // namespace mesg::api::classic
