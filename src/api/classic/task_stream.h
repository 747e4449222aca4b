#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "api/core.h"
#include "classic/service.pb.h"

namespace mesg::api::classic {

/// A process of the instance that has the token takes its tasks, until the stream ends. It knows no
/// credits: it is sent whatever there is, up to the limit of a worker. What it does not read yet is
/// bounded by what may be open in Core, and is withdrawn when it is over.
grpc::ServerWriteReactor<::api::TaskData>* ListenTasks(grpc::CallbackServerContext& context,
                                                       const Core& core,
                                                       const ::api::ListenTaskRequest& request);

}  // namespace mesg::api::classic
