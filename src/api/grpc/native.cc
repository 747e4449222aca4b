#include "api/grpc/native.h"

#include <grpcpp/impl/service_type.h>

#include "api/grpc/admin_service.h"
#include "api/grpc/applications_service.h"
#include "api/grpc/context.h"
#include "api/grpc/dead_letters_service.h"
#include "api/grpc/events_service.h"
#include "api/grpc/executions_service.h"
#include "api/grpc/runs_service.h"
#include "api/grpc/secrets_service.h"
#include "api/grpc/services_service.h"
#include "api/grpc/worker_service.h"

namespace mesg::api {

std::vector<std::unique_ptr<grpc::Service>> MakeNativeServices(const Core& core) {
  const auto context = std::make_shared<Context>(core);
  std::vector<std::unique_ptr<grpc::Service>> services;
  services.push_back(MakeEventsService(context));
  services.push_back(MakeExecutionsService(context));
  services.push_back(MakeDeadLettersService(context));
  services.push_back(MakeWorkerService(context));
  services.push_back(MakeServicesService(core));
  services.push_back(MakeApplicationsService(context));
  services.push_back(MakeRunsService(context));
  if (core.secrets != nullptr) services.push_back(MakeSecretsService(context));
  services.push_back(MakeAdminService(core));
  return services;
}

}  // namespace mesg::api
