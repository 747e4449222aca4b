#pragma once

#include <memory>

#include "api/core.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace mesg::api {

/// `mesg.v1.Services`: validates, deploys, starts, stops and deletes services, and shows their logs
/// and environments.
///
/// Asks for no token: whoever reaches the port manages Core, which is why it listens on loopback
/// alone. What `core` refers to must outlive it.
std::unique_ptr<grpc::Service> MakeServicesService(const Core& core);

}  // namespace mesg::api
