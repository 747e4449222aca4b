#pragma once

#include <memory>
#include <vector>

#include "api/core.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace mesg::api {

/// The services of `mesg.v1`, to be registered on a server. They must outlive it.
std::vector<std::unique_ptr<grpc::Service>> MakeNativeServices(const Core& core);

}  // namespace mesg::api
