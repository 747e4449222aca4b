#include "api/classic/classic.h"

#include "api/classic/core_service.h"
#include "api/classic/worker_service.h"

namespace mesg::api {

std::vector<std::unique_ptr<grpc::Service>> MakeClassicServices(const Core& core) {
  std::vector<std::unique_ptr<grpc::Service>> services;
  services.push_back(std::make_unique<classic::CoreService>(core));
  services.push_back(std::make_unique<classic::WorkerService>(core));
  return services;
}

}  // namespace mesg::api
