#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "api/core.h"
#include "api/grpc/errors.h"
#include "api/grpc/gate.h"
#include "base/result.h"

namespace mesg::api::classic {

/// Calls `begin` with the call's reactor while calls are taken, else ends it with why not. An error
/// that `begin` returns ends it too; otherwise somebody calls Finish, once, from any thread.
template <typename Begin>
grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, const Core& core,
                                const Begin& begin) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Result<void> begun = core.gate ? core.gate->Check() : Result<void>();
  if (begun) begun = begin(reactor);
  if (!begun) reactor->Finish(ToStatus(begun.error()));
  return reactor;
}

/// Ends the call with what became of it.
template <typename T>
void Finish(grpc::ServerUnaryReactor* reactor, const Result<T>& result) {
  reactor->Finish(result ? grpc::Status::OK : ToStatus(result.error()));
}

}  // namespace mesg::api::classic
