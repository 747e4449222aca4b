#include "engine/message.h"

#include <utility>

#include "mesg/stored/v1/records.pb.h"

namespace mesg::engine {
namespace {

namespace pb = mesg::stored::v1;

std::string Bytes(const ExecutionId& id) { return id.empty() ? "" : std::string(id.Bytes()); }

Result<ExecutionId> ReadId(const std::string& bytes) {
  if (bytes.empty()) return ExecutionId();
  if (const auto id = ExecutionId::FromBytes(bytes)) return *id;
  return DataLoss("a stored message between partitions has an id of {} bytes, expected {}",
                  bytes.size(), ExecutionId::kSize);
}

class Writer {
 public:
  explicit Writer(pb::Message& into) : into_(into) {}

  void operator()(const HoldMoved& body) {
    auto* to = into_.mutable_hold_moved();
    to->set_subscription(body.subscription);
    to->set_sequence(body.sequence);
    to->set_removed(body.removed);
  }
  void operator()(const HoldBroke& body) {
    into_.mutable_hold_broken()->set_subscription(body.subscription);
    into_.mutable_hold_broken()->set_reason(body.reason);
  }
  void operator()(const ApplicationMoved& body) {
    into_.set_application_put(EncodeApplication(*body.application));
  }
  void operator()(const StartRun& body) {
    auto* to = into_.mutable_start_run();
    to->set_id(Bytes(body.id));
    to->set_application(body.application);
    to->set_version(body.version);
    to->set_workflow(body.workflow);
    auto* trigger = to->mutable_trigger();
    trigger->set_kind(static_cast<std::uint32_t>(body.trigger.kind));
    trigger->set_service(body.trigger.service);
    trigger->set_key(body.trigger.key);
    trigger->set_data(body.trigger.data);
    trigger->set_id(body.trigger.id);
    trigger->set_time_us(ToMicros(body.trigger.time));
    trigger->set_execution(Bytes(body.trigger.execution));
    trigger->set_error(body.trigger.error);
    to->set_parent(Bytes(body.parent));
    to->set_parent_visit(body.parent_visit);
    to->set_depth(body.depth);
    to->set_deployed_us(ToMicros(body.deployed));
  }
  void operator()(const StopRun& body) {
    into_.mutable_cancel_run()->set_id(Bytes(body.id));
    into_.mutable_cancel_run()->set_reason(body.reason);
  }
  void operator()(const RunEnded& body) {
    auto* to = into_.mutable_run_ended();
    to->set_id(Bytes(body.run));
    to->set_visit(body.visit);
    to->set_child(Bytes(body.child));
    to->set_state(static_cast<std::uint32_t>(body.state));
    to->set_output(body.output);
    to->set_error(body.error);
  }
  void operator()(const CreateForStep& body) {
    auto* to = into_.mutable_create_execution();
    to->set_id(Bytes(body.id));
    to->set_service(body.service);
    to->set_task(body.task);
    to->set_inputs(body.inputs);
    if (body.retry) {
      auto* retry = to->mutable_retry();
      retry->set_attempts(body.retry->attempts);
      retry->set_initial_us(body.retry->initial.count());
      retry->set_factor(body.retry->factor);
      retry->set_max_us(body.retry->max.count());
      retry->set_jitter(body.retry->jitter);
    }
    to->set_run(Bytes(body.run));
    to->set_visit(body.visit);
    to->set_deferred(body.deferred);
  }
  void operator()(const CancelForStep& body) {
    into_.mutable_cancel_execution()->set_id(Bytes(body.id));
    into_.mutable_cancel_execution()->set_reason(body.reason);
  }
  void operator()(const ExecutionEnded& body) {
    auto* to = into_.mutable_execution_ended();
    to->set_run(Bytes(body.run));
    to->set_visit(body.visit);
    to->set_id(Bytes(body.id));
    if (body.execution != nullptr) Encode(*body.execution, *to->mutable_execution());
    to->set_error(body.error);
    to->set_code(body.code);
    to->set_later(body.later);
  }
  void operator()(const EmitOwn& body) {
    auto* to = into_.mutable_emit_own();
    to->set_application(body.application);
    to->set_version(body.version);
    to->set_event(body.event);
    to->set_data(body.data);
  }
  void operator()(const AwaitEvent& body) {
    auto* to = into_.mutable_await_event();
    to->set_run(Bytes(body.run));
    to->set_visit(body.visit);
    to->set_service(body.service);
    to->set_key(body.key);
    to->set_waiter(body.waiter);
  }
  void operator()(const StopAwaiting& body) {
    auto* to = into_.mutable_stop_awaiting();
    to->set_run(Bytes(body.run));
    to->set_visit(body.visit);
    to->set_service(body.service);
    to->set_key(body.key);
  }
  void operator()(const EventArrived& body) {
    auto* to = into_.mutable_event_arrived();
    to->set_run(Bytes(body.run));
    to->set_visit(body.visit);
    to->set_attempt(body.attempt);
    to->set_data(body.data);
    to->set_error(body.error);
    to->set_unjudged(body.unjudged);
  }

 private:
  pb::Message& into_;
};

Result<Body> ReadStartRun(const pb::Message::StartRun& from) {
  StartRun body;
  body.id = MESG_TRY(ReadId(from.id()));
  body.application = from.application();
  body.version = from.version();
  body.workflow = from.workflow();
  const pb::Trigger& trigger = from.trigger();
  if (trigger.kind() < 1 || trigger.kind() > static_cast<std::uint32_t>(RunTrigger::Kind::kRun)) {
    return DataLoss("{} is no kind of a trigger", trigger.kind());
  }
  body.trigger.kind = static_cast<RunTrigger::Kind>(trigger.kind());
  body.trigger.service = trigger.service();
  body.trigger.key = trigger.key();
  body.trigger.data = trigger.data();
  body.trigger.id = trigger.id();
  body.trigger.time = FromMicros(trigger.time_us());
  body.trigger.execution = MESG_TRY(ReadId(trigger.execution()));
  body.trigger.error = trigger.error();
  body.parent = MESG_TRY(ReadId(from.parent()));
  body.parent_visit = from.parent_visit();
  body.depth = from.depth();
  body.deployed = FromMicros(from.deployed_us());
  return Body(std::move(body));
}

Result<Body> ReadCreate(const pb::Message::CreateExecution& from) {
  CreateForStep body;
  body.id = MESG_TRY(ReadId(from.id()));
  body.service = from.service();
  body.task = from.task();
  body.inputs = from.inputs();
  if (from.has_retry()) {
    body.retry =
        RetryPolicy{from.retry().attempts(), Duration(from.retry().initial_us()),
                    from.retry().factor(), Duration(from.retry().max_us()), from.retry().jitter()};
  }
  body.run = MESG_TRY(ReadId(from.run()));
  body.visit = from.visit();
  body.deferred = from.deferred();
  return Body(std::move(body));
}

Result<Body> ReadExecutionEnded(const pb::Message::ExecutionEnded& from) {
  ExecutionEnded body;
  body.run = MESG_TRY(ReadId(from.run()));
  body.visit = from.visit();
  body.id = MESG_TRY(ReadId(from.id()));
  if (!from.execution().empty()) {
    body.execution = std::make_shared<const Execution>(MESG_TRY(DecodeExecution(from.execution())));
  }
  body.error = from.error();
  body.code = from.code();
  body.later = from.later();
  return Body(std::move(body));
}

Result<Body> ReadRunEnded(const pb::Message::RunEnded& from) {
  if (from.state() < static_cast<std::uint32_t>(RunState::kCompleted) ||
      from.state() > static_cast<std::uint32_t>(RunState::kCancelled)) {
    return DataLoss("{} is no state of an ended run", from.state());
  }
  return Body(RunEnded{MESG_TRY(ReadId(from.id())), from.visit(), MESG_TRY(ReadId(from.child())),
                       static_cast<RunState>(from.state()), from.output(), from.error()});
}

}  // namespace

std::string EncodeBody(const Body& body) {
  pb::Message message;
  std::visit(Writer(message), body);
  return message.SerializeAsString();
}

Result<Body> DecodeBody(std::string_view bytes) {
  pb::Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return DataLoss(
        "a stored message between partitions of {} bytes cannot be read: it is damaged or of a "
        "newer format",
        bytes.size());
  }
  switch (message.body_case()) {
    case pb::Message::kHoldMoved:
      return Body(HoldMoved{message.hold_moved().subscription(), message.hold_moved().sequence(),
                            message.hold_moved().removed()});
    case pb::Message::kHoldBroken:
      return Body(HoldBroke{message.hold_broken().subscription(), message.hold_broken().reason()});
    case pb::Message::kApplicationPut:
      return Body(ApplicationMoved{std::make_shared<const Application>(
          MESG_TRY(DecodeApplication(message.application_put())))});
    case pb::Message::kStartRun:
      return ReadStartRun(message.start_run());
    case pb::Message::kCancelRun:
      return Body(
          StopRun{MESG_TRY(ReadId(message.cancel_run().id())), message.cancel_run().reason()});
    case pb::Message::kRunEnded:
      return ReadRunEnded(message.run_ended());
    case pb::Message::kCreateExecution:
      return ReadCreate(message.create_execution());
    case pb::Message::kCancelExecution:
      return Body(CancelForStep{MESG_TRY(ReadId(message.cancel_execution().id())),
                                message.cancel_execution().reason()});
    case pb::Message::kExecutionEnded:
      return ReadExecutionEnded(message.execution_ended());
    case pb::Message::kEmitOwn: {
      const auto& from = message.emit_own();
      return Body(EmitOwn{from.application(), from.version(), from.event(), from.data()});
    }
    case pb::Message::kAwaitEvent: {
      const auto& from = message.await_event();
      return Body(AwaitEvent{MESG_TRY(ReadId(from.run())), from.visit(), from.service(), from.key(),
                             from.waiter()});
    }
    case pb::Message::kStopAwaiting: {
      const auto& from = message.stop_awaiting();
      return Body(
          StopAwaiting{MESG_TRY(ReadId(from.run())), from.visit(), from.service(), from.key()});
    }
    case pb::Message::kEventArrived: {
      const auto& from = message.event_arrived();
      return Body(EventArrived{MESG_TRY(ReadId(from.run())), from.visit(), from.attempt(),
                               from.data(), from.error(), from.unjudged()});
    }
    case pb::Message::BODY_NOT_SET:
      break;
  }
  return DataLoss("a stored message between partitions says nothing this version knows");
}

std::string EncodeWaiter(const Waiter& waiter) {
  pb::Waiter message;
  message.set_application(waiter.application);
  message.set_version(waiter.version);
  message.set_workflow(waiter.workflow);
  message.set_node(waiter.node);
  message.set_scope(waiter.scope);
  message.set_attempt(waiter.attempt);
  message.mutable_path()->Assign(waiter.path.begin(), waiter.path.end());
  message.set_digest(waiter.digest);
  return message.SerializeAsString();
}

Result<Waiter> DecodeWaiter(std::string_view bytes) {
  pb::Waiter message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return DataLoss("a stored waiter of {} bytes cannot be read", bytes.size());
  }
  return Waiter{message.application(),
                message.version(),
                message.workflow(),
                message.node(),
                message.scope(),
                message.attempt(),
                {message.path().begin(), message.path().end()},
                message.digest()};
}

}  // namespace mesg::engine
