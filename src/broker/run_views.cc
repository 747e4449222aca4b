#include "broker/run_views.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "broker/partition.h"

namespace mesg::broker {
namespace {

using engine::VisitState;

/// The kind of a step and what it is about: "task", "mail.send".
struct ActionText {
  std::string action;
  std::string what;
};

std::string TextOf(const app::Reference& reference) {
  return reference.alias + "." + reference.key;
}

struct Describe {
  ActionText operator()(const app::TaskStep& step) const { return {"task", TextOf(step.task)}; }
  ActionText operator()(const app::BranchStep&) const { return {"if", ""}; }
  ActionText operator()(const app::SwitchStep&) const { return {"switch", ""}; }
  ActionText operator()(const app::ParallelStep& step) const {
    return {"parallel", fmt::format("{} branches", step.branches.size())};
  }
  ActionText operator()(const app::ForeachStep&) const { return {"foreach", ""}; }
  ActionText operator()(const app::SetStep&) const { return {"set", ""}; }
  ActionText operator()(const app::WaitStep& step) const {
    const auto* duration = std::get_if<Duration>(&step.until);
    return {"wait", duration == nullptr ? "" : FormatDuration(*duration)};
  }
  ActionText operator()(const app::AwaitStep& step) const { return {"await", TextOf(step.event)}; }
  ActionText operator()(const app::ApproveStep&) const { return {"approve", ""}; }
  ActionText operator()(const app::EmitStep& step) const { return {"emit", step.event}; }
  ActionText operator()(const app::RunStep& step) const { return {"run", step.workflow}; }
  ActionText operator()(const app::StopStep&) const { return {"stop", ""}; }
  ActionText operator()(const app::FailStep&) const { return {"fail", ""}; }
};

// `lane` is the engine's: an item by its number, else a block of the parent.
void DescribeNode(const app::Flow& flow, std::uint32_t number, std::uint32_t lane, StepView& into) {
  const app::Node& node = flow.nodes[number];
  into.path = node.path;
  if (node.step == nullptr) return;
  const app::Step* const parent = flow.nodes[node.parent].step;
  if (node.block >= app::Node::kBody) {
    const bool item = parent != nullptr && std::holds_alternative<app::ForeachStep>(parent->action);
    into.lane = item ? lane : node.block - app::Node::kBody;
  }
  into.id = node.step->id;
  auto [action, what] = std::visit(Describe(), node.step->action);
  into.action = std::move(action);
  into.what = std::move(what);
}

void SetPending(const app::Node& node, const ExecutionId& pending, StepView& into) {
  if (node.step != nullptr && std::holds_alternative<app::RunStep>(node.step->action)) {
    into.run = pending;
  } else {
    into.execution = pending;
  }
}

std::string WaitingForTask(const Partition& partition, const engine::Visit& visit) {
  const Execution* const execution = partition.GetEngine().Current().FindOpen(visit.pending);
  if (execution == nullptr) return fmt::format("execution {}", visit.pending.Text());
  if (execution->state == ExecutionState::kOutcomeUnknown) {
    return fmt::format("somebody to say what became of execution {}: mesg dead-letter resolve {}",
                       visit.pending.Text(), visit.pending.Text());
  }
  return partition.Workers().WaitsFor(*execution).first;
}

std::string WaitingFor(const Partition& partition, const engine::Run& run,
                       const engine::Visit& visit, const StepView& step) {
  switch (visit.state) {
    case VisitState::kReady:
      return "its turn";
    case VisitState::kEvaluating:
      return "the helper that evaluates its expressions";
    case VisitState::kPerforming:
      return WaitingForTask(partition, visit);
    case VisitState::kWaiting:
      return "the time " + FormatTime(*visit.wake);
    case VisitState::kAwaiting:
      return "an event " + step.what +
             (visit.wake ? ", at most until " + FormatTime(*visit.wake) : "");
    case VisitState::kApproving:
      return fmt::format("a decision: mesg run approve {} --step {}, or reject", run.id.Text(),
                         visit.number) +
             (visit.wake ? "; at most until " + FormatTime(*visit.wake) : "");
    case VisitState::kRunning:
      return fmt::format("run {} of workflow {}", visit.pending.Text(), step.what);
    case VisitState::kPausing:
      return fmt::format("its attempt {} at {}", visit.attempt,
                         visit.wake ? FormatTime(*visit.wake) : "once");
    case VisitState::kInside:
    case VisitState::kCatching:
    case VisitState::kUndoing:
      return "";  // For the steps inside it.
  }
  return "";
}

StepView ViewOfActive(const Partition& partition, const engine::Run& run,
                      const engine::Visit& visit, const app::Flow& flow) {
  const app::Node& node = flow.nodes[visit.node];
  StepView step;
  step.number = visit.number;
  step.parent = visit.parent;
  DescribeNode(flow, visit.node, visit.lane, step);
  step.purpose = visit.purpose;
  step.started = visit.started;
  step.attempt = visit.attempt;
  step.attempts = visit.attempts;
  step.inputs = visit.inputs;
  if (visit.error) step.error = visit.error->message;
  SetPending(node, visit.pending, step);
  if (visit.state == VisitState::kPerforming) {
    const Execution* const execution = partition.GetEngine().Current().FindOpen(visit.pending);
    if (execution != nullptr) {
      step.inputs = execution->inputs;
      step.attempts = execution->attempts;
    }
  }
  step.waiting_for = WaitingFor(partition, run, visit, step);
  if (!step.waiting_for.empty()) step.waiting_since = visit.since;
  return step;
}

}  // namespace

std::string TextOf(const app::Trigger& trigger) {
  switch (trigger.kind) {
    case app::Trigger::Kind::kEvent:
      return TextOf(trigger.reference);
    case app::Trigger::Kind::kResult:
      return "result of " + TextOf(trigger.reference);
    case app::Trigger::Kind::kSchedule:
      return trigger.schedule;
    case app::Trigger::Kind::kManual:
      return "manual";
  }
  return "";
}

Result<std::vector<PartOfApplication>> LookAtApplications(const engine::Engine& engine) {
  const engine::RunTable& runs = engine.Current().Runs();
  std::vector<PartOfApplication> parts;
  for (const auto& [key, application] : runs.Applications()) {
    PartOfApplication part;
    part.application = application;
    part.open_runs = runs.Runs(key.first, key.second).open;
    const app::ProgramPtr program = MESG_TRY(engine.ProgramOf(key.first, key.second));
    for (const app::Flow& flow : program->Flows()) {
      WorkflowView view;
      view.key = flow.workflow->key;
      view.trigger = TextOf(flow.workflow->on);
      view.open_runs = runs.Runs(key.first, key.second, view.key).open;
      if (const auto cursor = runs.Cursors().find({key.first, view.key});
          cursor != runs.Cursors().end()) {
        view.problem = cursor->second.problem;
        view.behind = engine.Current().Numbers().next_sequence - cursor->second.next;
      }
      view.next = engine.NextSchedule(key.first, view.key).value_or(TimePoint());
      part.workflows.push_back(std::move(view));
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

void Combine(const PartOfApplication& part, ApplicationView& into) {
  into.application = part.application;
  if (into.workflows.empty()) {
    into.workflows = part.workflows;
    return;
  }
  for (std::size_t i = 0; i < into.workflows.size() && i < part.workflows.size(); ++i) {
    WorkflowView& sum = into.workflows[i];
    const WorkflowView& one = part.workflows[i];
    sum.open_runs += one.open_runs;
    sum.behind += one.behind;
    if (sum.problem.empty()) sum.problem = one.problem;
    if (sum.next == TimePoint()) sum.next = one.next;
  }
}

Result<RunView> LookAtRun(const Partition& partition, const engine::RunId& id) {
  const engine::Engine& engine = partition.GetEngine();
  RunView view;
  view.run = MESG_TRY(engine.Current().Runs().Find(id));
  if (view.run == nullptr) return view;
  const engine::Run& run = *view.run;
  const app::ProgramPtr program = MESG_TRY(engine.ProgramOf(run.application, run.version));
  const app::Flow* const flow = program->FindFlow(run.workflow);
  if (flow == nullptr) return DataLoss("run {} is of no workflow of its application", id.Text());
  view.trigger = run.trigger.kind == engine::RunTrigger::Kind::kRun ? "workflow " + run.trigger.key
                                                                    : TextOf(flow->workflow->on);
  if (run.state == engine::RunState::kQueued) {
    view.waiting_for = "its turn: other runs of the workflow go first";
    view.waiting_since = run.created;
  }
  for (const engine::Visit& visit : run.active) {
    StepView step = ViewOfActive(partition, run, visit, *flow);
    if (!step.waiting_for.empty() &&
        (view.waiting_for.empty() || step.waiting_since < view.waiting_since)) {
      view.waiting_for = step.waiting_for;
      view.waiting_since = step.waiting_since;
    }
    view.steps.push_back(std::move(step));
  }
  std::ranges::sort(view.steps, {}, &StepView::number);
  return view;
}

StepView ViewOf(const engine::StepRecord& record, const app::Program& program,
                const engine::Run& run) {
  StepView step;
  step.number = record.number;
  step.parent = record.parent;
  const app::Flow* const flow = program.FindFlow(run.workflow);
  if (flow != nullptr && record.node < flow->nodes.size()) {
    DescribeNode(*flow, record.node, record.lane, step);
    SetPending(flow->nodes[record.node], record.pending, step);
  }
  step.state = record.state;
  step.purpose = record.purpose;
  step.started = record.started;
  step.ended = record.ended;
  step.attempt = record.attempt;
  step.attempts = record.attempts;
  step.inputs = record.inputs;
  step.output = record.output;
  step.error = record.error;
  return step;
}

}  // namespace mesg::broker
