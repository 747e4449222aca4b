#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

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
  /// The bare pointer is for gRPC. `gate` may be null. `given_up`, from any thread, says what it
  /// ends with when the grace is over.
  static UnaryCallPtr Begin(std::shared_ptr<Gate> gate, std::function<Error()> given_up = Stopping);

  /// Before request or response are touched outside of the handler: false when the call is over and
  /// they are gone. After true, Finish must come.
  bool Claim();
  /// The caller does not want it any more.
  bool IsCancelled() const { return cancelled_; }
  /// The first end counts.
  void Finish(const grpc::Status& status);

 private:
  enum class State : std::uint8_t { kOpen, kClaimed, kOver };

  UnaryCall(std::shared_ptr<Gate> gate, std::function<Error()> given_up)
      : gate_(std::move(gate)), given_up_(std::move(given_up)) {}
  void GiveUp();
  void OnCancel() override { cancelled_ = true; }
  void OnDone() override;

  const std::shared_ptr<Gate> gate_;
  const std::function<Error()> given_up_;
  Gate::Id gate_id_ = 0;
  std::atomic<State> state_ = State::kOpen;
  std::atomic<bool> cancelled_ = false;
  UnaryCallPtr self_;
};

}  // namespace mesg::api
