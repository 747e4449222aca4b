#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/run_stepper.h"

namespace mesg::engine {
namespace {

// Of a run whose condition or key could not be evaluated.
constexpr std::string_view kNeverBegan = "NEVER_BEGAN";

// Pauses between attempts of a step are the same for every replay.
constexpr double kMiddle = 0.5;

}  // namespace

StepError RunStepper::ErrorOf(const Visit& visit, const Error& error) const {
  return {error.message, error.reason.empty() ? std::string(Name(error.code)) : error.reason,
          NameOf(visit)};
}

// ---- Failing ----

bool RunStepper::MayRetry(const Visit& visit, const StepError& error) const {
  const app::Step& step = *NodeOf(visit).step;
  if (!step.retry || visit.attempt >= step.retry->attempts) return false;
  // Attempts of a task are made where its execution is; here only one that could not be created.
  if (std::holds_alternative<app::TaskStep>(step.action) && !visit.pending.empty()) return false;
  const bool busy = visit.state == VisitState::kCatching || visit.state == VisitState::kUndoing;
  return !busy && error.code != "TIMEOUT" && error.code != "REJECTED" && error.code != "CANCELLED";
}

bool RunStepper::MayCatch(const Visit& visit) const {
  return NodeOf(visit).First(app::Node::kCatch) && visit.state != VisitState::kCatching &&
         visit.state != VisitState::kUndoing;
}

bool RunStepper::IsHandled(std::uint32_t number, const StepError& error) const {
  for (const Visit* visit = run_.Find(number); visit != nullptr; visit = run_.Find(visit->parent)) {
    if (visit->state == VisitState::kUndoing || MayCatch(*visit) || MayRetry(*visit, error)) {
      return true;
    }
    const Visit* const parent = run_.Find(visit->parent);
    if (parent == nullptr) return visit->lane == app::Node::kCatch;
    const app::Step& step = *NodeOf(*parent).step;
    const auto* parallel = std::get_if<app::ParallelStep>(&step.action);
    if (parallel != nullptr && parent->state == VisitState::kInside) {
      const std::size_t join = parallel->join == 0 ? parallel->branches.size() : parallel->join;
      if (parent->lanes - (parent->lanes_failed + 1) >= join) return true;
    }
  }
  return false;
}

Result<void> RunStepper::FailVisit(std::uint32_t number, StepError error, std::string inputs) {
  if (!IsHandled(number, error)) {
    Visit& visit = Get(number);
    if (!inputs.empty()) visit.inputs = std::move(inputs);
    visit.error = error;
    return FailRun(std::move(error));
  }
  const Visit visit = Get(number);
  if (MayRetry(visit, error)) {
    CancelInside(number, "the step is tried again");
    StopWaiting(visit, "the step is tried again");
    std::erase_if(run_.active, [number](const Visit& each) { return each.number == number; });
    Record(visit, StepState::kFailed, std::move(inputs), "", error.message);
    Visit& again = Open(visit.node, visit.parent, visit.lane, visit.scope, visit.purpose);
    again.attempt = visit.attempt + 1;
    again.admitted = true;
    again.deadline = visit.deadline;
    again.wake = now_ + NodeOf(visit).step->retry->PauseAfter(visit.attempt, kMiddle);
    Move(again, VisitState::kPausing);
    return {};
  }
  if (MayCatch(visit)) {
    if (!inputs.empty()) Get(number).inputs = std::move(inputs);
    return Catch(number, std::move(error));
  }
  CancelInside(number, "the step failed");
  StopWaiting(visit, "the step failed");
  std::erase_if(run_.active, [number](const Visit& each) { return each.number == number; });
  if (inputs.empty()) inputs = visit.inputs;
  Record(visit, StepState::kFailed, std::move(inputs), "", error.message);
  if (visit.state == VisitState::kUndoing) return UndoNext();
  return FailLane(visit.parent, visit.lane, error);
}

Result<void> RunStepper::Catch(std::uint32_t number, StepError error) {
  CancelInside(number, "the step failed");
  Visit& visit = Get(number);
  StopWaiting(visit, "the step failed");
  visit.error = std::move(error);
  visit.lanes_done = visit.lanes;
  visit.deadline.reset();
  visit.wake.reset();
  Move(visit, VisitState::kCatching);
  const auto scope = visit.scope;
  const auto first = NodeOf(visit).First(app::Node::kCatch);
  const Purpose purpose =
      visit.purpose == Purpose::kCompensate ? Purpose::kCompensate : Purpose::kCatch;
  Open(*first, number, app::Node::kCatch, scope, purpose);
  return {};
}

Result<void> RunStepper::FailLane(std::uint32_t parent, std::uint32_t lane,
                                  const StepError& error) {
  if (parent == 0) {
    MESG_CHECK(lane == app::Node::kCatch, "a failure reached run {} unseen", run_.id.Text());
    return EndRun(RunState::kFailed, "");
  }
  Visit& visit = Get(parent);
  const auto* parallel = std::get_if<app::ParallelStep>(&NodeOf(visit).step->action);
  if (parallel != nullptr && visit.state == VisitState::kInside) {
    ++visit.lanes_failed;
    const std::size_t join = parallel->join == 0 ? parallel->branches.size() : parallel->join;
    if (visit.lanes - visit.lanes_failed >= join) return {};
  }
  return FailVisit(parent, error);
}

// Nobody takes care of it.
Result<void> RunStepper::FailRun(StepError error) {
  if (run_.state == RunState::kCompensating) {
    // By its own timeout, or too many steps: it ends as it is.
    run_.interrupted.clear();
    return EndRun(run_.cancelled ? RunState::kCancelled : RunState::kFailed, "");
  }
  run_.error = std::move(error);
  run_.interrupted = run_.active;
  CancelAll("the run failed");
  run_.state = RunState::kCompensating;
  run_.deadline.reset();
  return UndoNext();
}

Result<void> RunStepper::FailAtOnce(std::string error) {
  run_.error = StepError{std::move(error), std::string(kNeverBegan), ""};
  return EndRun(RunState::kFailed, "");
}

// ---- Undoing ----

Result<void> RunStepper::UndoNext() {
  if (!run_.undo.empty()) {
    run_.undone = true;
    const Run::Done undo = run_.undo.back();
    run_.undo.pop_back();
    const auto first = flow_.nodes[undo.node].First(app::Node::kCompensate);
    Visit& visit = Open(undo.node, 0, app::Node::kCompensate, undo.scope, Purpose::kCompensate);
    visit.deadline.reset();
    Move(visit, VisitState::kUndoing);
    const std::uint32_t number = visit.number;
    Open(*first, number, app::Node::kCompensate, undo.scope, Purpose::kCompensate);
    return {};
  }
  if (run_.cancelled) return EndRun(RunState::kCancelled, "");
  const auto first = flow_.nodes[0].First(app::Node::kCatch);
  if (!first) return EndRun(RunState::kFailed, "");
  Open(*first, 0, app::Node::kCatch, 0, Purpose::kCatch);
  return {};
}

// ---- Ending ----

// What undoes a step stops nothing but itself; and a run that failed stays failed, whatever its
// `catch` does.
Result<void> RunStepper::Stop(const Visit& from, const std::string& output) {
  if (run_.state != RunState::kCompensating) return EndRun(RunState::kCompleted, output);
  const Visit* root = &from;
  while (root->parent != 0) root = &Get(root->parent);
  if (root->state != VisitState::kUndoing) return EndRun(RunState::kFailed, "");
  const std::uint32_t number = root->number;
  CancelInside(number, "the undoing stopped");
  return EndLane(number, app::Node::kCompensate, output);
}

Result<void> RunStepper::EndRun(RunState state, std::string output) {
  CancelAll("the run ended");
  run_.state = state;
  run_.ended = now_;
  run_.deadline.reset();
  if (state != RunState::kFailed) run_.interrupted.clear();
  if (run_.parent.empty()) return {};
  host_.Send(run_.parent.Slot(),
             RunEnded{run_.parent, run_.parent_visit, run_.id, state, std::move(output),
                      run_.error ? run_.error->message : ""});
  return {};
}

bool RunStepper::Listens(const Visit& visit) const {
  if (visit.state == VisitState::kAwaiting) return true;
  const bool awaits = std::holds_alternative<app::AwaitStep>(NodeOf(visit).step->action);
  return awaits && visit.lanes > visit.lanes_done;
}

void RunStepper::StopWaiting(const Visit& visit, const std::string& reason) {
  if (Listens(visit)) {
    const auto& step = std::get<app::AwaitStep>(NodeOf(visit).step->action);
    const std::string& instance = program_.InstanceOf(step.event.alias);
    host_.Send(SlotOfName(instance), StopAwaiting{run_.id, visit.number, instance, step.event.key});
    return;
  }
  switch (visit.state) {
    case VisitState::kPerforming:
      host_.Send(visit.pending.Slot(), CancelForStep{visit.pending, reason});
      break;
    case VisitState::kRunning:
      host_.Send(visit.pending.Slot(), StopRun{visit.pending, reason});
      break;
    default:
      break;
  }
}

void RunStepper::CancelInside(std::uint32_t number, const std::string& reason) {
  std::vector<std::uint32_t> inside;
  for (const Visit& visit : run_.active) {
    if (visit.parent == number) inside.push_back(visit.number);
  }
  for (const std::uint32_t child : inside) {
    CancelInside(child, reason);
    const Visit visit = Get(child);
    StopWaiting(visit, reason);
    std::erase_if(run_.active, [child](const Visit& each) { return each.number == child; });
    Record(visit, StepState::kCancelled, visit.inputs, "", reason);
  }
}

void RunStepper::CancelAll(const std::string& reason) {
  // Those that failed by themselves or by what is inside them say so.
  std::vector<std::uint32_t> failed;
  for (const Visit& visit : run_.active) {
    if (!visit.error || visit.state == VisitState::kCatching) continue;
    for (const Visit* up = &visit; up != nullptr; up = run_.Find(up->parent)) {
      failed.push_back(up->number);
    }
  }
  const std::vector<Visit> all = std::exchange(run_.active, {});
  for (const Visit& visit : all) {
    const bool by_itself = std::ranges::find(failed, visit.number) != failed.end();
    StopWaiting(visit, reason);
    Record(visit, by_itself ? StepState::kFailed : StepState::kCancelled, visit.inputs, "",
           visit.error               ? visit.error->message
           : by_itself && run_.error ? run_.error->message
                                     : reason);
  }
}

Result<void> RunStepper::Cancel(const std::string& reason) {
  if (IsEnded(run_.state)) {
    return FailedPrecondition("run {} is {} already", run_.id.Text(), Name(run_.state))
        .Because("RUN_ENDED");
  }
  const std::string why = reason.empty() ? "cancelled" : "cancelled: " + reason;
  // A queued one has something to undo when it was reset to a later step.
  if ((run_.state == RunState::kQueued && run_.undo.empty()) || run_.cancelled) {
    run_.error = StepError{why, "CANCELLED", ""};
    return EndRun(RunState::kCancelled, "");
  }
  run_.cancelled = true;
  if (run_.state == RunState::kCompensating) {
    // It undoes already; with the failure as its reason.
    return {};
  }
  run_.error = StepError{why, "CANCELLED", ""};
  CancelAll(why);
  run_.state = RunState::kCompensating;
  run_.deadline.reset();
  MESG_TRY(UndoNext());
  return Advance();
}

// ---- Going on ----

Result<void> RunStepper::MayGoOn(const std::optional<std::string>& reset_to) const {
  if (reset_to) {
    MESG_TRY(NodeToResetTo(*reset_to));
    return {};
  }
  if (run_.state != RunState::kFailed) {
    return FailedPrecondition("run {} is {}, only a failed one can be retried", run_.id.Text(),
                              Name(run_.state))
        .Because("RUN_NOT_FAILED");
  }
  MESG_TRY(HasNoParent());
  if (run_.undone) {
    return FailedPrecondition(
               "what run {} had done was undone, so that it cannot go on where it failed; reset it "
               "to its first step",
               run_.id.Text())
        .Because("RUN_UNDONE");
  }
  // It failed before its first step.
  if (run_.interrupted.empty()) return MayGoOn("");
  return {};
}

// Whoever ran it has had its answer, and may have run another one since.
Result<void> RunStepper::HasNoParent() const {
  if (run_.parent.empty()) return {};
  return FailedPrecondition(
             "run {} was run by run {}, which went on without it; retry or reset that one",
             run_.id.Text(), run_.parent.Text())
      .Because("RUN_HAS_PARENT");
}

Result<void> RunStepper::Retry() {
  MESG_TRY(MayGoOn(std::nullopt));
  if (run_.interrupted.empty()) return Reset("");
  GoOn();
  run_.active = std::exchange(run_.interrupted, {});
  for (Visit& visit : run_.active) {
    if (visit.state != VisitState::kCatching) visit.error.reset();
    visit.deadline.reset();
    if (HasChildren(visit.number)) continue;
    Visit again = visit;
    again.number = run_.next_visit++;
    again.attempt = 1;
    again.attempts.clear();
    again.pending = ExecutionId();
    again.wake.reset();
    again.lanes = again.lanes_started = again.lanes_done = again.lanes_failed = 0;
    again.started = now_;
    again.inputs.clear();
    again.error.reset();
    Move(again, VisitState::kReady);
    visit = std::move(again);
  }
  return {};
}

Result<std::uint32_t> RunStepper::NodeToResetTo(std::string_view step) const {
  if (!IsEnded(run_.state)) {
    return FailedPrecondition("run {} is {}; cancel it first", run_.id.Text(), Name(run_.state))
        .Because("RUN_NOT_ENDED");
  }
  MESG_TRY(HasNoParent());
  // Whether it may run at all is not known, and the same would come out again.
  if (run_.error && run_.error->code == kNeverBegan) {
    return FailedPrecondition("run {} never began: {}; what started it has to come again",
                              run_.id.Text(), run_.error->message)
        .Because("RUN_NEVER_BEGAN");
  }
  const std::uint32_t first = flow_.nodes[0].First(app::Node::kBody).value_or(0);
  if (step.empty()) return first;
  const auto node = flow_.FindStep(step);
  if (!node) {
    return NotFound("workflow {} has no step with the id {}", run_.workflow, step)
        .Because("STEP_NOT_FOUND");
  }
  if (flow_.nodes[*node].parent != 0 || flow_.nodes[*node].block != app::Node::kBody) {
    return FailedPrecondition(
               "step {} is inside of another one; a run can be reset to a step of the workflow's "
               "own list",
               step)
        .Because("STEP_INSIDE");
  }
  if (run_.undone && first != *node) {
    return FailedPrecondition(
               "what run {} had done was undone; it can only be reset to its first step",
               run_.id.Text())
        .Because("RUN_UNDONE");
  }
  return *node;
}

Result<void> RunStepper::Reset(std::string_view step) {
  const std::uint32_t node = MESG_TRY(NodeToResetTo(step));
  std::erase_if(run_.done, [node](const Run::Done& done) { return done.node >= node; });
  std::erase_if(run_.undo, [node](const Run::Done& undo) { return undo.node >= node; });
  // What is to be undone may have to see its item.
  if (run_.undo.empty()) run_.scopes.clear();
  run_.undone = false;
  GoOn();
  run_.interrupted.clear();
  if (node != 0) Open(node, 0, app::Node::kBody, 0, Purpose::kNormal).deadline.reset();
  return {};
}

void RunStepper::GoOn() {
  run_.state = RunState::kQueued;
  run_.error.reset();
  run_.ended = TimePoint();
  run_.cancelled = false;
}

}  // namespace mesg::engine
