#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "api/grpc/context.h"
#include "api/grpc/errors.h"

namespace mesg::api {

/// Ends a call at once.
inline grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext& call, const Error& error) {
  auto* reactor = call.DefaultReactor();
  reactor->Finish(ToStatus(error));
  return reactor;
}

/// A reply for the broker that ends `reactor`'s call: with the error, or after `fill` wrote the
/// message, which happens on a thread of the crew.
template <typename T>
std::function<void(Result<T>)> ReplyTo(Context& context, grpc::ServerUnaryReactor* reactor,
                                       std::function<void(T&)> fill) {
  return [&context, reactor, fill = std::move(fill)](Result<T> result) {
    context.crew.Soon([reactor, fill, result = std::move(result)]() mutable {
      if (!result) {
        reactor->Finish(ToStatus(result.error()));
        return;
      }
      fill(*result);
      reactor->Finish(grpc::Status::OK);
    });
  };
}

inline std::function<void(Result<void>)> ReplyTo(Context& context,
                                                 grpc::ServerUnaryReactor* reactor,
                                                 std::function<void()> fill) {
  return [&context, reactor, fill = std::move(fill)](Result<void> result) {
    context.crew.Soon([reactor, fill, result = std::move(result)] {
      if (result && fill) fill();
      reactor->Finish(result ? grpc::Status::OK : ToStatus(result.error()));
    });
  };
}

/// Runs `work`, which may read a disk or wait for the broker, and ends the call with what it
/// returns.
inline grpc::ServerUnaryReactor* FinishLater(Context& context, grpc::CallbackServerContext& call,
                                             std::function<Result<void>()> work) {
  if (const auto open = context.gate->Check(); !open) return Finish(call, open.error());
  auto* reactor = call.DefaultReactor();
  const auto queued = context.crew.Later([reactor, work = std::move(work)] {
    const Result<void> done = work();
    reactor->Finish(done ? grpc::Status::OK : ToStatus(done.error()));
  });
  if (!queued) reactor->Finish(ToStatus(queued.error()));
  return reactor;
}

}  // namespace mesg::api
