#pragma once

#include <memory>
#include <vector>

#include "api/core.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace mesg::api {

/// The 2018 contract, packages `api`: services Core and Service, to be registered on a server. They
/// must outlive it.
std::vector<std::unique_ptr<grpc::Service>> MakeClassicServices(const Core& core);

}  // namespace mesg::api
