#pragma once

#include <memory>

#include "api/grpc/context.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace mesg::api {

/// `mesg.v1.Runs`.
std::unique_ptr<grpc::Service> MakeRunsService(ContextPtr context);

}  // namespace mesg::api
