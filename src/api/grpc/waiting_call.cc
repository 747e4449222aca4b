#include "api/grpc/waiting_call.h"

#include "api/grpc/translate.h"

namespace mesg::api {

WaitingCall* WaitingCall::Begin(const std::shared_ptr<WaitingCall>& call) {
  call->self_ = call;
  call->gate_id_ = call->context_.gate->Register([weak = std::weak_ptr(call)] {
    if (const auto alive = weak.lock()) alive->End(Stopping());
  });
  return call.get();
}

bool WaitingCall::Claim() {
  const std::scoped_lock lock(mutex_);
  return !std::exchange(ended_, true);
}

void WaitingCall::End(const Error& error) {
  if (Claim()) Finish(ToStatus(error));
}

void WaitingCall::Finished(std::uint64_t /*ref*/, const engine::ExecutionPtr& execution) {
  if (!Claim()) return;
  context_.crew.Soon([self = shared_from_this(), execution] {
    ToWire(self->broker_, *execution, self->response_);
    self->Finish(grpc::Status::OK);
  });
}

void WaitingCall::OnDone() {
  context_.gate->Leave(gate_id_);
  const auto last = std::move(self_);  // Keeps it for the rest of this function.
}

}  // namespace mesg::api
