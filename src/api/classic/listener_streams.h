#pragma once

#include <memory>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "api/core.h"
#include "classic/core.pb.h"

/// Streams of what happens: each registers a live listener, announces itself once nothing can be
/// missed any more, and passes on what the broker pushes. A client that reads slowly is caught up
/// from the store.
namespace mesg::api::classic {

grpc::ServerWriteReactor<::api::EventData>* ListenEvents(grpc::CallbackServerContext& context,
                                                         const Core& core,
                                                         const ::api::ListenEventRequest& request);
grpc::ServerWriteReactor<::api::ResultData>* ListenResults(
    grpc::CallbackServerContext& context, const Core& core,
    const ::api::ListenResultRequest& request);

}  // namespace mesg::api::classic
