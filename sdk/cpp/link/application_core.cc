#include "link/application_core.h"

#include <utility>

namespace mesg::sdk::internal {

ApplicationCore::ApplicationCore(ApplicationOptions options)
    : options_(std::move(options)),
      connection_(options_.endpoint, options_.token, options_.log),
      executions_(v1::Executions::NewStub(connection_.channel())),
      events_(v1::Events::NewStub(connection_.channel())),
      executor_(connection_, options_.max_pending) {}

Result<ExecutionResult> ApplicationCore::Wait(const std::string& id,
                                              std::chrono::milliseconds timeout) {
  v1::GetExecutionRequest request;
  request.set_id(id);
  v1::Execution execution;
  MESG_TRY(CallUntil(connection_, timeout, [&](grpc::ClientContext& context) {
    return executions_->Wait(&context, request, &execution);
  }));
  return FromWire(execution.id(), execution.state(), execution.outcome());
}

Result<Execution> ApplicationCore::Get(const std::string& id) {
  v1::GetExecutionRequest request;
  request.set_id(id);
  v1::Execution execution;
  MESG_TRY(CallUntil(connection_, options_.call_timeout, [&](grpc::ClientContext& context) {
    return executions_->Get(&context, request, &execution);
  }));
  return FromWire(execution);
}

Result<Execution> ApplicationCore::Cancel(const std::string& id, std::string reason) {
  v1::CancelExecutionRequest request;
  request.set_id(id);
  request.set_reason(std::move(reason));
  v1::Execution execution;
  MESG_TRY(CallUntil(connection_, options_.call_timeout, [&](grpc::ClientContext& context) {
    return executions_->Cancel(&context, request, &execution);
  }));
  return FromWire(execution);
}

Result<std::unique_ptr<ListenerCore>> ApplicationCore::Listen(v1::ListenRequest::Open open,
                                                              const ListenFrom& from,
                                                              ListenerCore::Handle handle) {
  if (open.filters().empty()) {
    return InvalidArgument("a listener needs at least one filter; an empty one matches everything");
  }
  if (!from.subscription.empty()) {
    v1::CreateSubscriptionRequest request;
    request.set_name(from.subscription);
    *request.mutable_filters() = open.filters();
    request.set_after_position(from.after_position);
    v1::Subscription subscription;
    MESG_TRY(CallUntil(connection_, options_.call_timeout, [&](grpc::ClientContext& context) {
      return events_->CreateSubscription(&context, request, &subscription);
    }));
    open.clear_filters();  // They are the subscription's.
    open.set_subscription(from.subscription);
  } else if (!from.after_position.empty()) {
    open.set_after_position(from.after_position);
  } else {
    open.set_live(true);
  }
  auto core = std::make_unique<ListenerCore>(connection_, std::move(open), std::move(handle));
  MESG_TRY(core->WaitReady(options_.call_timeout));
  return core;
}

Result<void> ApplicationCore::DeleteSubscription(std::string name) {
  v1::DeleteSubscriptionRequest request;
  request.set_name(std::move(name));
  v1::DeleteSubscriptionResponse response;
  return CallUntil(connection_, options_.call_timeout, [&](grpc::ClientContext& context) {
    return events_->DeleteSubscription(&context, request, &response);
  });
}

}  // namespace mesg::sdk::internal
