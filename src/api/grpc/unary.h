#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "api/grpc/context.h"
#include "api/grpc/errors.h"
#include "api/grpc/unary_call.h"

namespace mesg::api {

/// Ends a call at once.
inline grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext& call, const Error& error) {
  auto* reactor = call.DefaultReactor();
  reactor->Finish(ToStatus(error));
  return reactor;
}

/// A reply for the broker that ends `call`: with the error, or after `fill` wrote the message,
/// which happens on a thread of the crew. It may come when all of the API is gone.
template <typename T>
std::function<void(Result<T>)> ReplyTo(Context& context, UnaryCallPtr call,
                                       std::function<void(T&)> fill) {
  return [crew = context.crew.door(), call = std::move(call),
          fill = std::move(fill)](Result<T> result) {
    crew.Soon([call, fill, result = std::move(result)]() mutable {
      if (!call->Claim()) return;
      if (result) fill(*result);
      call->Finish(result ? grpc::Status::OK : ToStatus(result.error()));
    });
  };
}

inline std::function<void(Result<void>)> ReplyTo(Context& context, UnaryCallPtr call) {
  return [crew = context.crew.door(), call = std::move(call)](Result<void> result) {
    crew.Soon([call, result = std::move(result)] {
      call->Finish(result ? grpc::Status::OK : ToStatus(result.error()));
    });
  };
}

/// Runs `work`, which may read a disk or wait for the broker, and ends the call with what it
/// returns.
inline grpc::ServerUnaryReactor* FinishLater(Context& context, grpc::CallbackServerContext& call,
                                             std::function<Result<void>()> work) {
  if (const auto open = context.gate->Check(); !open) return Finish(call, open.error());
  const UnaryCallPtr answered = UnaryCall::Begin(context.gate);
  const auto queued = context.crew.Later([answered, work = std::move(work)] {
    if (!answered->Claim()) return;
    const Result<void> done = work();
    answered->Finish(done ? grpc::Status::OK : ToStatus(done.error()));
  });
  if (!queued) answered->Finish(ToStatus(queued.error()));
  return answered.get();
}

}  // namespace mesg::api
