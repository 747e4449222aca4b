#pragma once

#include <memory>

#include "api/grpc/context.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace mesg::api {

/// `mesg.v1.Applications`.
std::unique_ptr<grpc::Service> MakeApplicationsService(ContextPtr context);

}  // namespace mesg::api
