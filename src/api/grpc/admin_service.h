#pragma once

#include <memory>

#include "api/core.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace mesg::api {

/// `mesg.v1.Admin`: what Core is doing, and its end. Asks for no token, as MakeServicesService.
std::unique_ptr<grpc::Service> MakeAdminService(const Core& core);

}  // namespace mesg::api
