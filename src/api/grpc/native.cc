#include "api/grpc/native.h"

#include <grpcpp/impl/service_type.h>

namespace mesg::api {

std::vector<std::unique_ptr<grpc::Service>> MakeNativeServices(const Core& core) {
  static_cast<void>(core);
  std::vector<std::unique_ptr<grpc::Service>> services;
  return services;
}

}  // namespace mesg::api
