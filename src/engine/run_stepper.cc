#include "engine/run_stepper.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/encoding.h"

namespace mesg::engine {
namespace {

// Steps that begin in one decision; a run with more goes on in the next turn, so that no commit
// grows without bound and others have their turn.
constexpr std::size_t kStepsAtOnce = 256;

// A run that does this many steps is a mistake.
constexpr std::uint32_t kMaxSteps = 1'000'000;

}  // namespace

std::uint16_t SlotOfRun(const std::string& application, const app::Workflow& workflow,
                        std::string_view seed) {
  const bool together = workflow.concurrency || workflow.dedupe || workflow.order;
  return SlotOf(together ? fmt::format("workflow {} {}", application, workflow.key)
                         : std::string(seed));
}

ExecutionId DerivedId(std::uint16_t slot, TimePoint now, std::string_view seed) {
  return ExecutionId::Make(slot, now, Sha256(seed));
}

RunStepper::RunStepper(RunHost& host, const app::Program& program, Run run, TimePoint now)
    : host_(host),
      program_(program),
      flow_(*program.FindFlow(run.workflow)),
      run_(std::move(run)),
      now_(now) {}

Visit& RunStepper::Get(std::uint32_t number) {
  Visit* const visit = run_.Find(number);
  MESG_CHECK(visit != nullptr, "run {} has no step {} under way", run_.id.Text(), number);
  return *visit;
}

std::string RunStepper::NameOf(const Visit& visit) const {
  const app::Node& node = NodeOf(visit);
  return node.step == nullptr || node.step->id.empty() ? node.path : node.step->id;
}

void RunStepper::Move(Visit& visit, VisitState state) {
  visit.state = state;
  visit.since = now_;
}

bool RunStepper::HasChildren(std::uint32_t number) const {
  return std::ranges::any_of(run_.active,
                             [number](const Visit& visit) { return visit.parent == number; });
}

RunPtr RunStepper::Finish() {
  auto run = std::make_shared<const Run>(std::move(run_));
  host_.Add(RunChanged{run});
  host_.Tell(RunMoved{run});
  return run;
}

// ---- What happens to it ----

Result<void> RunStepper::Begin() {
  run_.state = RunState::kRunning;
  if (flow_.workflow->timeout) run_.deadline = now_ + *flow_.workflow->timeout;
  if (!run_.active.empty()) {  // By a retry or reset: its steps have waited for their turn too.
    for (Visit& visit : run_.active) {
      const app::Step& step = *NodeOf(visit).step;
      if (step.timeout && visit.state != VisitState::kCatching)
        visit.deadline = now_ + *step.timeout;
    }
    return Advance();
  }
  const auto first = flow_.nodes[0].First(app::Node::kBody);
  if (!first) return EndRun(RunState::kCompleted, "null");
  Open(*first, 0, app::Node::kBody, 0, Purpose::kNormal);
  return Advance();
}

Result<void> RunStepper::BeginLater() {
  moves_ = kStepsAtOnce;
  return Begin();
}

Result<void> RunStepper::Wake() {
  if (run_.deadline && *run_.deadline <= now_) {
    run_.deadline.reset();
    MESG_TRY(FailRun(
        {fmt::format("the run took longer than {}", FormatDuration(*flow_.workflow->timeout)),
         "TIMEOUT", flow_.workflow->key}));
    return Advance();
  }
  std::vector<std::uint32_t> due;
  for (const Visit& visit : run_.active) {
    if ((visit.deadline && *visit.deadline <= now_) || (visit.wake && *visit.wake <= now_)) {
      due.push_back(visit.number);
    }
  }
  for (const std::uint32_t number : due) {
    // One before it may have ended it.
    if (run_.Find(number) != nullptr) MESG_TRY(WakeVisit(number));
  }
  return Advance();
}

Result<void> RunStepper::WakeVisit(std::uint32_t number) {
  Visit& visit = Get(number);
  const app::Step& step = *NodeOf(visit).step;
  if (visit.deadline && *visit.deadline <= now_) {
    visit.deadline.reset();
    return FailVisit(number, {fmt::format("{} took longer than {}", NameOf(visit),
                                          FormatDuration(*step.timeout)),
                              "TIMEOUT", NameOf(visit)});
  }
  visit.wake.reset();
  switch (visit.state) {
    case VisitState::kReady:
      return {};
    case VisitState::kPausing:
      Move(visit, VisitState::kReady);
      return {};
    case VisitState::kWaiting:
      return Complete(number, "null");
    case VisitState::kApproving: {
      const auto& approve = std::get<app::ApproveStep>(step.action);
      if (approve.otherwise == app::ApproveStep::Default::kApprove) {
        return Complete(number, R"({"approved":true,"by":"timeout","comment":""})", visit.inputs);
      }
      const bool reject = approve.otherwise == app::ApproveStep::Default::kReject;
      return FailVisit(number,
                       {fmt::format("nobody decided within {}", FormatDuration(*approve.timeout)),
                        reject ? "REJECTED" : "TIMEOUT", NameOf(visit)});
    }
    default:
      return FailVisit(
          number, {fmt::format("{} waited too long", NameOf(visit)), "TIMEOUT", NameOf(visit)});
  }
}

Result<void> RunStepper::OnExecution(const ExecutionEnded& ended) {
  Visit* const visit = run_.Find(ended.visit);
  if (visit == nullptr || visit->state != VisitState::kPerforming || visit->pending != ended.id) {
    return {};
  }
  if (ended.execution == nullptr) {
    visit->pending = ExecutionId();
    if (ended.later) {
      constexpr Duration kLater = std::chrono::seconds(1);
      Move(*visit, VisitState::kPausing);
      visit->wake = now_ + kLater;
      return {};
    }
    MESG_TRY(FailVisit(ended.visit, {ended.error, ended.code, NameOf(*visit)}));
    return Advance();
  }
  const Execution& execution = *ended.execution;
  visit->attempts = execution.attempts;
  if (execution.state == ExecutionState::kCompleted) {
    MESG_TRY(Complete(ended.visit, execution.outcome->outputs, execution.inputs));
    return Advance();
  }
  const bool cancelled = execution.state == ExecutionState::kCancelled;
  MESG_TRY(
      FailVisit(ended.visit,
                {execution.outcome->error, cancelled ? "CANCELLED" : "TASK_FAILED", NameOf(*visit)},
                execution.inputs));
  return Advance();
}

Result<void> RunStepper::OnRun(const RunEnded& ended) {
  const Visit* const visit = run_.Find(ended.visit);
  if (visit == nullptr || visit->state != VisitState::kRunning || visit->pending != ended.child) {
    return {};
  }
  if (ended.state == RunState::kCompleted) {
    MESG_TRY(Complete(ended.visit, ended.output, visit->inputs));
  } else {
    MESG_TRY(
        FailVisit(ended.visit,
                  {ended.error, ended.state == RunState::kCancelled ? "CANCELLED" : "RUN_FAILED",
                   NameOf(*visit)},
                  visit->inputs));
  }
  return Advance();
}

Result<void> RunStepper::OnEvent(const EventArrived& arrived) {
  Visit* const visit = run_.Find(arrived.visit);
  if (visit == nullptr || !Listens(*visit) || visit->attempt != arrived.attempt) return {};
  if (arrived.unjudged) {
    MESG_TRY(Hear(*visit, arrived.data));
    return Advance();
  }
  visit->lanes_done = visit->lanes;
  Move(*visit, VisitState::kInside);  // It listens no more.
  if (arrived.error.empty()) {
    MESG_TRY(Complete(arrived.visit, arrived.data));
  } else {
    MESG_TRY(FailVisit(arrived.visit, {arrived.error, "INVALID_ARGUMENT", NameOf(*visit)}));
  }
  return Advance();
}

// An event that may be the one comes behind those that are being judged.
Result<void> RunStepper::Hear(Visit& visit, const std::string& data) {
  constexpr std::uint32_t kMostUnjudged = 100;
  if (visit.lanes - visit.lanes_done >= kMostUnjudged) {
    return FailVisit(visit.number,
                     {fmt::format("more events came than the helper could judge: {} are waiting "
                                  "for it; compare a value of the event with == as well",
                                  kMostUnjudged),
                      "RESOURCE_EXHAUSTED", NameOf(visit)});
  }
  host_.Add(ItemEnded{run_.id, visit.number, visit.lanes++, data});
  if (visit.state == VisitState::kAwaiting) {
    visit.wake.reset();
    Move(visit, VisitState::kReady);
  }
  return {};
}

Result<void> RunStepper::OnEvaluated(std::uint32_t visit, std::uint32_t attempt,
                                     Result<std::vector<app::Value>> answers) {
  Visit* const found = run_.Find(visit);
  if (found == nullptr || found->state != VisitState::kEvaluating || found->attempt != attempt) {
    return {};
  }
  if (!answers && answers.error().code == Code::kUnavailable) {
    // It is not there right now, or has too much to do.
    constexpr Duration kLater = std::chrono::seconds(1);
    Move(*found, VisitState::kPausing);
    found->wake = now_ + kLater;
    return {};
  }
  Move(*found, VisitState::kReady);
  if (answers) {
    answers_ = *std::move(answers);
    MESG_TRY(BeginVisit(visit));
  } else {
    MESG_TRY(FailVisit(visit, ErrorOf(*found, answers.error())));
  }
  return Advance();
}

Result<void> RunStepper::AskAgain() {
  for (Visit& visit : run_.active) {
    if (visit.state == VisitState::kEvaluating) Move(visit, VisitState::kReady);
  }
  return Advance();
}

Result<void> RunStepper::Decide(std::uint32_t number, bool approve, const std::string& by,
                                const std::string& comment) {
  const auto waits = [](const Visit& visit) { return visit.state == VisitState::kApproving; };
  if (number == 0) {
    const auto count = std::ranges::count_if(run_.active, waits);
    if (count > 1) {
      return FailedPrecondition("{} steps of run {} wait for a decision; say which", count,
                                run_.id.Text())
          .Because("STEP_NEEDED");
    }
    const auto found = std::ranges::find_if(run_.active, waits);
    if (found != run_.active.end()) number = found->number;
  }
  const Visit* const visit = run_.Find(number);
  if (visit == nullptr || !waits(*visit)) {
    return FailedPrecondition("nothing in run {} waits for a decision{}", run_.id.Text(),
                              number == 0 ? "" : fmt::format(" as step {}", number))
        .Because("NOTHING_TO_DECIDE");
  }
  const std::string inputs = visit->inputs;
  const std::string name = NameOf(*visit);
  if (approve) {
    MESG_TRY(Complete(number,
                      fmt::format(R"({{"approved":true,"by":{},"comment":{}}})", QuoteJson(by),
                                  QuoteJson(comment)),
                      inputs));
  } else {
    std::string why = by.empty() ? "rejected" : "rejected by " + by;
    if (!comment.empty()) why += ": " + comment;
    MESG_TRY(FailVisit(number, {std::move(why), "REJECTED", name}, inputs));
  }
  return Advance();
}

// ---- The loop ----

Result<void> RunStepper::Advance() {
  while (!IsEnded(run_.state)) {
    const auto ready = std::ranges::find_if(run_.active, [](const Visit& visit) {
      return visit.state == VisitState::kReady && !visit.wake;
    });
    if (ready == run_.active.end()) return {};
    if (++moves_ > kStepsAtOnce || host_.IsFull()) {
      for (Visit& visit : run_.active) {
        if (visit.state == VisitState::kReady) visit.wake = now_;
      }
      return {};
    }
    answers_.clear();
    MESG_TRY(BeginVisit(ready->number));
  }
  return {};
}

Visit& RunStepper::Open(std::uint32_t node, std::uint32_t parent, std::uint32_t lane,
                        std::uint32_t scope, Purpose purpose) {
  Visit visit;
  visit.number = run_.next_visit++;
  visit.parent = parent;
  visit.lane = lane;
  visit.node = node;
  visit.scope = scope;
  visit.purpose = purpose;
  visit.started = now_;
  visit.since = now_;
  const app::Step* const step = flow_.nodes[node].step;
  if (step != nullptr && step->timeout) visit.deadline = now_ + *step->timeout;
  return run_.active.emplace_back(std::move(visit));
}

Result<void> RunStepper::BeginVisit(std::uint32_t number) {
  const app::Step& step = *NodeOf(Get(number)).step;
  if (run_.steps_done >= kMaxSteps) {
    return FailRun({fmt::format("the run did {} steps, the limit", kMaxSteps), "RESOURCE_EXHAUSTED",
                    NameOf(Get(number))});
  }
  if (step.condition && !Get(number).admitted) {
    const auto value = MESG_TRY(Evaluate(number, step.condition->expression));
    if (!value) return {};
    if (!value->Truthy()) return Skip(number);
    answers_.clear();
  }
  Get(number).admitted = true;
  return std::visit([&](const auto& action) { return Act(number, action); }, step.action);
}

void RunStepper::Record(const Visit& visit, StepState state, std::string inputs, std::string output,
                        std::string error) {
  ++run_.steps_done;
  host_.Add(StepEnded{run_.id,
                      {visit.number, visit.parent, visit.lane, visit.node, state, visit.purpose,
                       visit.started, now_, visit.attempt, visit.attempts, std::move(inputs),
                       std::move(output), std::move(error), visit.pending}});
}

Result<void> RunStepper::Skip(std::uint32_t number) {
  const Visit visit = Get(number);
  Record(visit, StepState::kSkipped, "", "", "");
  std::erase_if(run_.active, [number](const Visit& each) { return each.number == number; });
  if (const auto next = NodeOf(visit).next) {
    Open(*next, visit.parent, visit.lane, visit.scope, visit.purpose);
    return {};
  }
  return EndLane(visit.parent, visit.lane, "null");
}

Result<void> RunStepper::Complete(std::uint32_t number, std::string output, std::string inputs,
                                  StepState state) {
  const Visit visit = Get(number);
  const app::Node& node = NodeOf(visit);
  std::erase_if(run_.active, [number](const Visit& each) { return each.number == number; });
  if (!node.step->id.empty()) {
    const auto same = std::ranges::find_if(run_.done, [&](const Run::Done& done) {
      return done.node == visit.node && done.scope == visit.scope;
    });
    if (same != run_.done.end()) {
      same->visit = number;
    } else {
      run_.done.push_back({visit.node, visit.scope, number});
    }
  }
  // What undoes other steps is not undone itself.
  if (node.First(app::Node::kCompensate) && state == StepState::kCompleted &&
      visit.purpose == Purpose::kNormal) {
    run_.undo.push_back({visit.node, visit.scope, number});
  }
  // What an `if` or `switch` gives is what its last step gave: once is enough where nothing reads
  // it.
  const bool repeats = node.step->id.empty() && node.First(app::Node::kBody) &&
                       !std::holds_alternative<app::ForeachStep>(node.step->action) &&
                       !std::holds_alternative<app::ParallelStep>(node.step->action);
  Record(visit, state, std::move(inputs), repeats ? "" : output,
         visit.error ? visit.error->message : "");
  if (node.next) {
    Open(*node.next, visit.parent, visit.lane, visit.scope, visit.purpose);
    return {};
  }
  return EndLane(visit.parent, visit.lane, std::move(output));
}

Result<void> RunStepper::EndLane(std::uint32_t parent, std::uint32_t lane, std::string output) {
  if (parent == 0) {
    if (lane == app::Node::kCatch) return EndRun(RunState::kFailed, "");
    return EndRun(RunState::kCompleted, std::move(output));
  }
  const Visit& visit = Get(parent);
  if (visit.state == VisitState::kCatching) {
    return Complete(parent, std::move(output), visit.inputs, StepState::kCaught);
  }
  if (visit.state == VisitState::kUndoing) {
    Record(visit, StepState::kCompleted, "", std::move(output), "");
    std::erase_if(run_.active, [parent](const Visit& each) { return each.number == parent; });
    return UndoNext();
  }
  const app::Step& step = *NodeOf(visit).step;
  if (std::holds_alternative<app::ParallelStep>(step.action)) {
    host_.Add(ItemEnded{run_.id, parent, lane - app::Node::kBody, std::move(output)});
    return EndBranch(parent);
  }
  if (std::holds_alternative<app::ForeachStep>(step.action)) {
    host_.Add(ItemEnded{run_.id, parent, lane, std::move(output)});
    return EndItem(parent, lane);
  }
  return Complete(parent, std::move(output));
}

Result<void> RunStepper::Enter(std::uint32_t number, std::uint32_t block) {
  Visit& visit = Get(number);
  const auto first = NodeOf(visit).First(block);
  if (!first) return Complete(number, "null");
  Move(visit, VisitState::kInside);
  const auto [scope, purpose] = std::pair(visit.scope, visit.purpose);
  Open(*first, number, block, scope, purpose);
  return {};
}

}  // namespace mesg::engine
