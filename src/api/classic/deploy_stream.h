#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "api/core.h"
#include "classic/core.pb.h"

namespace mesg::api::classic {

/// Takes an archive in chunks until the client has closed its side, or a url, which begins the
/// deployment at once; reports its progress. Ends with the service's ids, with a validationError,
/// or with a status. A client that goes away stops the deployment.
grpc::ServerBidiReactor<::api::DeployServiceRequest, ::api::DeployServiceReply>* Deploy(
    grpc::CallbackServerContext& context, const Core& core);

}  // namespace mesg::api::classic
