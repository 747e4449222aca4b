#pragma once

#include <memory>

#include "api/grpc/context.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace mesg::api {

/// `mesg.v1.Secrets`: sets, lists and removes. There is no way from here to a value.
///
/// Asks for no token, as MakeServicesService. `context->core` must have secrets.
std::unique_ptr<grpc::Service> MakeSecretsService(ContextPtr context);

}  // namespace mesg::api
