#include "api/grpc/run_wire.h"

#include "api/grpc/errors.h"
#include "api/grpc/translate.h"

namespace mesg::api {
namespace {

std::string KindText(const engine::RunTrigger& trigger) {
  switch (trigger.kind) {
    case engine::RunTrigger::Kind::kEvent:
      return trigger.service + "." + trigger.key;
    case engine::RunTrigger::Kind::kResult:
      return "result of " + trigger.service + "." + trigger.key;
    case engine::RunTrigger::Kind::kSchedule:
      return trigger.key;
    case engine::RunTrigger::Kind::kManual:
      return "manual";
    case engine::RunTrigger::Kind::kRun:
      return "workflow " + trigger.key;
  }
  return "";
}

std::int64_t Micros(TimePoint time) { return time == TimePoint() ? 0 : ToMicros(time); }

void ToWire(const broker::StepView& step, v1::Run::Step& wire) {
  wire.set_number(step.number);
  wire.set_parent(step.parent);
  wire.set_lane(step.lane);
  wire.set_id(step.id);
  wire.set_path(ToUtf8(step.path));
  wire.set_action(step.action);
  wire.set_what(ToUtf8(step.what));
  // The numbers are the same.
  wire.set_state(static_cast<v1::StepState>(step.state));
  wire.set_started_us(Micros(step.started));
  wire.set_ended_us(Micros(step.ended));
  wire.set_attempt(step.attempt);
  for (const Attempt& attempt : step.attempts) {
    v1::Attempt& into = *wire.add_attempts();
    into.set_number(attempt.number);
    into.set_outcome(static_cast<v1::Attempt::Outcome>(attempt.outcome));
    into.set_reason(ToUtf8(attempt.reason));
    into.set_ended_us(Micros(attempt.ended));
    into.set_worker(ToUtf8(attempt.worker));
  }
  wire.set_inputs(step.inputs);
  wire.set_output(step.output);
  wire.set_error(ToUtf8(step.error));
  wire.set_execution(step.execution.Text());
  wire.set_run(step.run.Text());
  wire.set_waiting_for(ToUtf8(step.waiting_for));
  wire.set_waiting_since_us(Micros(step.waiting_since));
  if (step.purpose == engine::Purpose::kCatch) wire.set_purpose("catch");
  if (step.purpose == engine::Purpose::kCompensate) wire.set_purpose("compensate");
}

}  // namespace

void ToWire(const engine::Run& run, v1::Run& wire) {
  wire.set_id(run.id.Text());
  wire.set_application(run.application);
  wire.set_application_hash(run.version);
  wire.set_workflow(run.workflow);
  wire.set_state(static_cast<v1::RunState>(run.state));
  wire.set_created_us(Micros(run.created));
  wire.set_ended_us(Micros(run.ended));
  wire.set_trigger(ToUtf8(KindText(run.trigger)));
  if (run.error) wire.set_error(ToUtf8(run.error->message));
  wire.set_parent_run(run.parent.Text());
  wire.set_steps_done(run.steps_done);
  wire.set_undone(run.undone);
}

void ToWire(const broker::RunView& view, v1::Run& wire) {
  ToWire(*view.run, wire);
  wire.set_data(view.data);
  wire.set_waiting_for(ToUtf8(view.waiting_for));
  wire.set_waiting_since_us(Micros(view.waiting_since));
  for (const broker::StepView& step : view.steps) ToWire(step, *wire.add_steps());
  wire.set_steps_cut(view.steps_cut);
}

v1::ApplicationState ToWire(engine::Application::State state) {
  switch (state) {
    case engine::Application::State::kActive:
      return v1::APPLICATION_ACTIVE;
    case engine::Application::State::kPaused:
      return v1::APPLICATION_PAUSED;
    case engine::Application::State::kStopped:
      return v1::APPLICATION_STOPPED;
    case engine::Application::State::kDeleting:
    case engine::Application::State::kReplaced:
      return v1::APPLICATION_DELETING;
  }
  return v1::APPLICATION_STATE_UNSPECIFIED;
}

void ToWire(const broker::ApplicationView& view, bool whole, v1::Application& wire) {
  const engine::Application& application = *view.application;
  wire.set_name(application.name);
  wire.set_hash(application.version);
  wire.set_state(ToWire(application.state));
  wire.set_deployed_us(Micros(application.deployed));
  wire.set_file_name(ToUtf8(application.file_name));
  for (const broker::WorkflowView& workflow : view.workflows) {
    v1::Application::Workflow& into = *wire.add_workflows();
    into.set_key(workflow.key);
    into.set_trigger(ToUtf8(workflow.trigger));
    into.set_open_runs(workflow.open_runs);
    into.set_problem(ToUtf8(workflow.problem));
    into.set_next_us(Micros(workflow.next));
    into.set_behind(workflow.behind);
  }
  wire.mutable_services()->insert(application.services.begin(), application.services.end());
  wire.set_open_runs(view.open_runs);
  for (const std::string& version : view.older_versions) wire.add_older_versions(version);
  if (whole) wire.set_content(application.text);
}

Result<broker::RunQuery> FromWire(const v1::RunFilter& filter) {
  broker::RunQuery query;
  query.application = filter.application();
  query.workflow = filter.workflow();
  for (const int state : filter.states()) {
    if (state < v1::RUN_QUEUED || state > v1::RUN_CANCELLED) {
      return InvalidArgument("{} is no state of a run", state);
    }
    query.states.push_back(static_cast<engine::RunState>(state));
  }
  if (filter.after_us() > 0) query.after = FromMicros(filter.after_us());
  if (filter.before_us() > 0) query.before = FromMicros(filter.before_us());
  return query;
}

}  // namespace mesg::api
