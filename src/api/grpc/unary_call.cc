#include "api/grpc/unary_call.h"

#include <utility>

#include "api/grpc/errors.h"

namespace mesg::api {

UnaryCallPtr UnaryCall::Begin(std::shared_ptr<Gate> gate, std::function<Error()> given_up) {
  UnaryCallPtr call(new UnaryCall(std::move(gate), std::move(given_up)));
  call->self_ = call;
  if (call->gate_) {
    call->gate_id_ = call->gate_->RegisterUntilGivenUp([weak = std::weak_ptr(call)] {
      if (const auto alive = weak.lock()) alive->GiveUp();
    });
  }
  return call;
}

bool UnaryCall::Claim() {
  State expected = State::kOpen;
  return state_.compare_exchange_strong(expected, State::kClaimed);
}

void UnaryCall::Finish(const grpc::Status& status) {
  if (state_.exchange(State::kOver) != State::kOver) grpc::ServerUnaryReactor::Finish(status);
}

void UnaryCall::GiveUp() {
  State expected = State::kOpen;
  if (state_.compare_exchange_strong(expected, State::kOver))
    grpc::ServerUnaryReactor::Finish(ToStatus(given_up_()));
}

void UnaryCall::OnDone() {
  if (gate_) gate_->Leave(gate_id_);
  const auto last = std::move(self_);  // Keeps it for the rest of this function.
}

}  // namespace mesg::api
