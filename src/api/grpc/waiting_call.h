#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include <grpcpp/support/server_callback.h>

#include "api/grpc/context.h"
#include "api/grpc/errors.h"
#include "broker/broker.h"
#include "mesg/v1/types.pb.h"

namespace mesg::api {

/// A unary call that ends when an execution has its result, when it is cancelled, or when Core
/// stops. Owns itself from Begin until gRPC is done with it.
class WaitingCall final : public grpc::ServerUnaryReactor,
                          public broker::ResultSink,
                          public std::enable_shared_from_this<WaitingCall> {
 public:
  WaitingCall(Context& context, v1::Execution& response)
      : context_(context), broker_(context.broker), response_(response) {}

  /// For gRPC, which is handed a bare pointer.
  static WaitingCall* Begin(const std::shared_ptr<WaitingCall>& call);

  /// Any thread; the first end counts.
  void End(const Error& error);

  // From the broker's threads.
  void Finished(std::uint64_t ref, const engine::ExecutionPtr& execution) override;
  void Flush() override {}

 private:
  void OnCancel() override { End(mesg::Cancelled("the call was cancelled")); }
  void OnDone() override;
  bool Claim();

  Context& context_;
  broker::Broker& broker_;
  v1::Execution& response_;
  std::shared_ptr<WaitingCall> self_;
  Gate::Id gate_id_ = 0;
  std::mutex mutex_;
  bool ended_ = false;
};

}  // namespace mesg::api
