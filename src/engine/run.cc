#include "engine/run.h"

#include <algorithm>
#include <utility>

#include "mesg/stored/v1/records.pb.h"

namespace mesg::engine {
namespace {

namespace pb = mesg::stored::v1;

/// One message of each kind a thread, reused with the memory of its fields: for the time of one
/// encoding or decoding.
template <typename Message>
Message& Scratch() {
  static thread_local Message message;
  message.Clear();
  return message;
}

template <typename Message>
Result<void> Parse(std::string_view bytes, std::string_view what, Message& into) {
  if (into.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  return DataLoss("a stored {} of {} bytes cannot be read: it is damaged or of a newer format",
                  what, bytes.size());
}

Result<ExecutionId> ReadId(const std::string& bytes, std::string_view what) {
  if (bytes.empty()) return ExecutionId();
  if (const auto id = ExecutionId::FromBytes(bytes)) return *id;
  return DataLoss("a stored {} has an id of {} bytes, expected {}", what, bytes.size(),
                  ExecutionId::kSize);
}

template <typename Enum>
Result<Enum> ReadEnum(std::uint32_t number, Enum last, std::string_view what) {
  if (number > static_cast<std::uint32_t>(last)) return DataLoss("{} is no {}", number, what);
  return static_cast<Enum>(number);
}

std::optional<TimePoint> ReadTime(std::int64_t micros) {
  if (micros == 0) return std::nullopt;
  return FromMicros(micros);
}

std::int64_t WriteTime(const std::optional<TimePoint>& time) { return time ? ToMicros(*time) : 0; }

void Write(const Attempt& attempt, pb::Attempt& into) {
  into.set_number(attempt.number);
  into.set_outcome(static_cast<std::uint32_t>(attempt.outcome));
  into.set_reason(attempt.reason);
  into.set_ended_us(ToMicros(attempt.ended));
  into.set_worker(attempt.worker);
}

Result<Attempt> Read(const pb::Attempt& from) {
  return Attempt{
      from.number(),
      MESG_TRY(ReadEnum(from.outcome(), AttemptOutcome::kSuperseded, "outcome of an attempt")),
      from.reason(), FromMicros(from.ended_us()), from.worker()};
}

void Write(const StepError& error, pb::StepError& into) {
  into.set_message(error.message);
  into.set_code(error.code);
  into.set_step(error.step);
}

StepError Read(const pb::StepError& from) { return {from.message(), from.code(), from.step()}; }

void Write(const Visit& visit, pb::Visit& into) {
  into.set_number(visit.number);
  into.set_parent(visit.parent);
  into.set_lane(visit.lane);
  into.set_node(visit.node);
  into.set_scope(visit.scope);
  into.set_state(static_cast<std::uint32_t>(visit.state));
  into.set_purpose(static_cast<std::uint32_t>(visit.purpose));
  into.set_attempt(visit.attempt);
  into.set_started_us(ToMicros(visit.started));
  into.set_since_us(ToMicros(visit.since));
  into.set_deadline_us(WriteTime(visit.deadline));
  into.set_wake_us(WriteTime(visit.wake));
  if (!visit.pending.empty()) into.set_pending(std::string(visit.pending.Bytes()));
  into.set_lanes(visit.lanes);
  into.set_lanes_started(visit.lanes_started);
  into.set_lanes_done(visit.lanes_done);
  into.set_lanes_failed(visit.lanes_failed);
  for (const Attempt& attempt : visit.attempts) Write(attempt, *into.add_attempts());
  if (visit.error) Write(*visit.error, *into.mutable_error());
  into.set_inputs(visit.inputs);
  into.set_phase_done(visit.admitted);
  into.set_until_us(WriteTime(visit.until));
}

Result<Visit> Read(const pb::Visit& from) {
  Visit visit;
  visit.number = from.number();
  visit.parent = from.parent();
  visit.lane = from.lane();
  visit.node = from.node();
  visit.scope = from.scope();
  visit.state = MESG_TRY(ReadEnum(from.state(), VisitState::kUndoing, "state of a step"));
  visit.purpose = MESG_TRY(ReadEnum(from.purpose(), Purpose::kCompensate, "purpose of a step"));
  visit.attempt = from.attempt();
  visit.started = FromMicros(from.started_us());
  visit.since = FromMicros(from.since_us());
  visit.deadline = ReadTime(from.deadline_us());
  visit.wake = ReadTime(from.wake_us());
  visit.pending = MESG_TRY(ReadId(from.pending(), "step"));
  visit.lanes = from.lanes();
  visit.lanes_started = from.lanes_started();
  visit.lanes_done = from.lanes_done();
  visit.lanes_failed = from.lanes_failed();
  for (const auto& attempt : from.attempts()) visit.attempts.push_back(MESG_TRY(Read(attempt)));
  if (from.has_error()) visit.error = Read(from.error());
  visit.inputs = from.inputs();
  visit.admitted = from.phase_done();
  visit.until = ReadTime(from.until_us());
  return visit;
}

void Write(const Run::Done& done, auto& into) {
  into.set_node(done.node);
  into.set_scope(done.scope);
  into.set_visit(done.visit);
}

}  // namespace

std::string_view Name(RunState state) {
  switch (state) {
    case RunState::kQueued:
      return "queued";
    case RunState::kRunning:
      return "running";
    case RunState::kCompensating:
      return "compensating";
    case RunState::kCompleted:
      return "completed";
    case RunState::kFailed:
      return "failed";
    case RunState::kCancelled:
      return "cancelled";
  }
  return "invalid";
}

std::string_view Name(StepState state) {
  switch (state) {
    case StepState::kRunning:
      return "running";
    case StepState::kCompleted:
      return "completed";
    case StepState::kSkipped:
      return "skipped";
    case StepState::kFailed:
      return "failed";
    case StepState::kCaught:
      return "caught";
    case StepState::kCancelled:
      return "cancelled";
  }
  return "invalid";
}

Visit* Run::Find(std::uint32_t number) {
  const auto found = std::ranges::find(active, number, &Visit::number);
  return found == active.end() ? nullptr : &*found;
}

const Visit* Run::Find(std::uint32_t number) const { return const_cast<Run*>(this)->Find(number); }

std::optional<TimePoint> Run::Wake() const {
  std::optional<TimePoint> first = deadline;
  const auto consider = [&first](const std::optional<TimePoint>& time) {
    if (time && (!first || *time < *first)) first = time;
  };
  for (const Visit& visit : active) {
    consider(visit.deadline);
    consider(visit.wake);
  }
  return first;
}

std::string EncodeApplication(const Application& application) {
  auto& message = Scratch<pb::Application>();
  message.set_name(application.name);
  message.set_version(application.version);
  message.set_file_name(application.file_name);
  message.set_text(application.text);
  const auto write = [](const std::map<std::string, std::string>& pairs, auto* into) {
    for (const auto& [key, value] : pairs) {
      auto* pair = into->Add();
      pair->set_key(key);
      pair->set_value(value);
    }
  };
  write(application.inputs, message.mutable_inputs());
  write(application.env, message.mutable_env());
  write(application.services, message.mutable_services());
  message.set_state(static_cast<std::uint32_t>(application.state));
  message.set_deployed_us(ToMicros(application.deployed));
  return message.SerializeAsString();
}

Result<Application> DecodeApplication(std::string_view bytes) {
  auto& message = Scratch<pb::Application>();
  MESG_TRY(Parse(bytes, "application", message));
  Application application;
  application.name = message.name();
  application.version = message.version();
  application.file_name = message.file_name();
  application.text = message.text();
  const auto read = [](const auto& from, std::map<std::string, std::string>& into) {
    for (const auto& pair : from) into[pair.key()] = pair.value();
  };
  read(message.inputs(), application.inputs);
  read(message.env(), application.env);
  read(message.services(), application.services);
  application.state =
      MESG_TRY(ReadEnum(message.state(), Application::State::kReplaced, "state of an application"));
  application.deployed = FromMicros(message.deployed_us());
  if (application.name.empty() || application.version.empty() || message.state() == 0) {
    return DataLoss("a stored application lacks its name, version or state");
  }
  return application;
}

std::string EncodeRun(const Run& run) {
  auto& message = Scratch<pb::Run>();
  message.set_id(std::string(run.id.Bytes()));
  message.set_application(run.application);
  message.set_version(run.version);
  message.set_workflow(run.workflow);
  message.set_state(static_cast<std::uint32_t>(run.state));
  message.set_created_us(ToMicros(run.created));
  message.set_ended_us(ToMicros(run.ended));
  message.set_created_number(run.created_number);
  message.set_trigger_kind(static_cast<std::uint32_t>(run.trigger.kind));
  message.set_trigger_service(run.trigger.service);
  message.set_trigger_key(run.trigger.key);
  message.set_trigger_id(run.trigger.id);
  message.set_trigger_time_us(ToMicros(run.trigger.time));
  if (!run.trigger.execution.empty()) {
    message.set_trigger_execution(std::string(run.trigger.execution.Bytes()));
  }
  if (!run.parent.empty()) message.set_parent(std::string(run.parent.Bytes()));
  message.set_parent_visit(run.parent_visit);
  for (const std::string& lane : run.lanes) message.add_lanes(lane);
  for (const Visit& visit : run.active) Write(visit, *message.add_active());
  for (const Run::Done& done : run.done) Write(done, *message.add_done());
  for (const Run::Scope& scope : run.scopes) {
    auto* into = message.add_scopes();
    into->set_number(scope.number);
    into->set_parent(scope.parent);
    into->set_visit(scope.visit);
    into->set_lane(scope.lane);
  }
  for (const Run::Done& undo : run.undo) Write(undo, *message.add_undo());
  message.set_next_visit(run.next_visit);
  message.set_next_scope(run.next_scope);
  if (run.error) Write(*run.error, *message.mutable_error());
  message.set_deadline_us(WriteTime(run.deadline));
  for (const Visit& visit : run.interrupted) Write(visit, *message.add_interrupted());
  message.set_undone(run.undone);
  message.set_cancelled(run.cancelled);
  message.set_depth(run.depth);
  message.set_steps_done(run.steps_done);
  return message.SerializeAsString();
}

Result<Run> DecodeRun(std::string_view bytes) {
  auto& message = Scratch<pb::Run>();
  MESG_TRY(Parse(bytes, "run", message));
  Run run;
  run.id = MESG_TRY(ReadId(message.id(), "run"));
  run.application = message.application();
  run.version = message.version();
  run.workflow = message.workflow();
  run.state = MESG_TRY(ReadEnum(message.state(), RunState::kCancelled, "state of a run"));
  if (run.id.empty() || message.state() == 0) return DataLoss("a stored run has no id or state");
  run.created = FromMicros(message.created_us());
  run.ended = FromMicros(message.ended_us());
  run.created_number = message.created_number();
  run.trigger.kind =
      MESG_TRY(ReadEnum(message.trigger_kind(), RunTrigger::Kind::kRun, "kind of a trigger"));
  run.trigger.service = message.trigger_service();
  run.trigger.key = message.trigger_key();
  run.trigger.id = message.trigger_id();
  run.trigger.time = FromMicros(message.trigger_time_us());
  run.trigger.execution = MESG_TRY(ReadId(message.trigger_execution(), "trigger"));
  run.parent = MESG_TRY(ReadId(message.parent(), "run"));
  run.parent_visit = message.parent_visit();
  for (const std::string& lane : message.lanes()) run.lanes.push_back(lane);
  for (const auto& visit : message.active()) run.active.push_back(MESG_TRY(Read(visit)));
  for (const auto& done : message.done()) {
    run.done.push_back({done.node(), done.scope(), done.visit()});
  }
  for (const auto& scope : message.scopes()) {
    run.scopes.push_back({scope.number(), scope.parent(), scope.visit(), scope.lane()});
  }
  for (const auto& undo : message.undo()) {
    run.undo.push_back({undo.node(), undo.scope(), undo.visit()});
  }
  run.next_visit = message.next_visit();
  run.next_scope = message.next_scope();
  if (message.has_error()) run.error = Read(message.error());
  run.deadline = ReadTime(message.deadline_us());
  for (const auto& visit : message.interrupted()) {
    run.interrupted.push_back(MESG_TRY(Read(visit)));
  }
  run.undone = message.undone();
  run.cancelled = message.cancelled();
  run.depth = message.depth();
  run.steps_done = message.steps_done();
  return run;
}

std::string EncodeStep(const StepRecord& step) {
  auto& message = Scratch<pb::StepRecord>();
  message.set_number(step.number);
  message.set_parent(step.parent);
  message.set_lane(step.lane);
  message.set_node(step.node);
  message.set_state(static_cast<std::uint32_t>(step.state));
  message.set_purpose(static_cast<std::uint32_t>(step.purpose));
  message.set_started_us(ToMicros(step.started));
  message.set_ended_us(ToMicros(step.ended));
  message.set_attempt(step.attempt);
  for (const Attempt& attempt : step.attempts) Write(attempt, *message.add_attempts());
  message.set_inputs(step.inputs);
  message.set_output(step.output);
  message.set_error(step.error);
  if (!step.pending.empty()) message.set_pending(std::string(step.pending.Bytes()));
  return message.SerializeAsString();
}

Result<StepRecord> DecodeStep(std::string_view bytes) {
  auto& message = Scratch<pb::StepRecord>();
  MESG_TRY(Parse(bytes, "step", message));
  StepRecord step;
  step.number = message.number();
  step.parent = message.parent();
  step.lane = message.lane();
  step.node = message.node();
  step.state = MESG_TRY(ReadEnum(message.state(), StepState::kCancelled, "state of a step"));
  step.purpose = MESG_TRY(ReadEnum(message.purpose(), Purpose::kCompensate, "purpose of a step"));
  step.started = FromMicros(message.started_us());
  step.ended = FromMicros(message.ended_us());
  step.attempt = message.attempt();
  for (const auto& attempt : message.attempts()) step.attempts.push_back(MESG_TRY(Read(attempt)));
  step.inputs = std::move(*message.mutable_inputs());
  step.output = std::move(*message.mutable_output());
  step.error = std::move(*message.mutable_error());
  step.pending = MESG_TRY(ReadId(message.pending(), "step"));
  return step;
}

}  // namespace mesg::engine
