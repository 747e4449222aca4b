#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "api/core.h"
#include "api/grpc/errors.h"
#include "api/grpc/gate.h"
#include "api/grpc/unary_call.h"
#include "base/result.h"

namespace mesg::api::classic {

/// Calls `begin` with the call, a UnaryCallPtr, while calls are taken, else ends it with why not.
/// An error that `begin` returns ends it too; otherwise somebody calls Finish, once, from any
/// thread.
template <typename Begin>
grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, const Core& core,
                                const Begin& begin) {
  if (const auto open = core.gate ? core.gate->Check() : Result<void>(); !open) {
    auto* const refused = context->DefaultReactor();
    refused->Finish(ToStatus(open.error()));
    return refused;
  }
  const UnaryCallPtr call = UnaryCall::Begin(core.gate);
  if (const Result<void> begun = begin(call); !begun) call->Finish(ToStatus(begun.error()));
  return call.get();
}

/// Ends the call with what became of it.
template <typename T>
void Finish(const UnaryCallPtr& call, const Result<T>& result) {
  call->Finish(result ? grpc::Status::OK : ToStatus(result.error()));
}

}  // namespace mesg::api::classic
