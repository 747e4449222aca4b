#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <grpcpp/support/server_callback.h>

#include "api/grpc/gate.h"

namespace mesg::api {

class UnaryCall;
using UnaryCallPtr = std::shared_ptr<UnaryCall>;

/// A unary call that somebody answers later. Core's stop waits for it; when the grace is over it
/// ends as UNAVAILABLE, so that clients try again, and its messages are gone.
///
/// Owns itself from Begin until gRPC is done with it; whoever holds it longer may still call
/// everything here, to no effect. Threads: any.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  /// The bare pointer is for gRPC. `gate` may be null.
  static UnaryCallPtr Begin(std::shared_ptr<Gate> gate);

  /// Before request or response are touched outside of the handler: false when the call is over and
  /// they are gone. After true, Finish must come.
  bool Claim();
  /// The first end counts.
  void Finish(const grpc::Status& status);

 private:
  enum class State : std::uint8_t { kOpen, kClaimed, kOver };

  explicit UnaryCall(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}
  void GiveUp();
  void OnDone() override;

  const std::shared_ptr<Gate> gate_;
  Gate::Id gate_id_ = 0;
  std::atomic<State> state_ = State::kOpen;
  UnaryCallPtr self_;
};

}  // namespace mesg::api
