#pragma once

#include <grpcpp/server_context.h>

#include "base/result.h"
#include "broker/broker.h"

namespace mesg::api {

/// The instance that makes the call, by the token in its metadata ("authorization: Bearer TOKEN").
/// Unauthenticated, with what to do, when there is none, it is malformed, or it is nobody's.
Result<broker::InstancePtr> Authenticate(const grpc::ServerContextBase& context,
                                         const broker::Broker& broker);

}  // namespace mesg::api
