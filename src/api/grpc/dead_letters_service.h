#pragma once

#include <memory>

#include "api/grpc/context.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace mesg::api {

/// mesg.v1.DeadLetters.
std::unique_ptr<grpc::Service> MakeDeadLettersService(ContextPtr context);

}  // namespace mesg::api
