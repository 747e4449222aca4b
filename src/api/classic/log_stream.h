#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "api/core.h"
#include "classic/core.pb.h"

namespace mesg::api::classic {

/// What is kept of a service's log, then every line as it is written.
grpc::ServerWriteReactor<::api::LogData>* FollowLogs(grpc::CallbackServerContext& context,
                                                     const Core& core,
                                                     const ::api::ServiceLogsRequest& request);

}  // namespace mesg::api::classic
