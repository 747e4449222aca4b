#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "app/program/moment.h"
#include "base/encoding.h"
#include "engine/run_stepper.h"
#include "model/json_value.h"

namespace mesg::engine {
namespace {

// Workflows that run workflows that run workflows ...
constexpr std::uint32_t kMaxDepth = 16;

constexpr std::size_t kMaxItems = 100'000;

std::string ShortJson(const app::Value& value) {
  constexpr std::size_t kShown = 200;
  constexpr std::size_t kMost = std::size_t{64} << 10;
  const auto json = value.JsonWithin(kMost);
  return json ? Shortened(*json, kShown) : "of many bytes";
}

std::string AsText(const app::Value& value) {
  return value.kind() == app::Value::Kind::kString ? value.text() : ShortJson(value);
}

}  // namespace

template <typename Source>
Result<std::optional<app::Value>> RunStepper::Evaluate(std::uint32_t number, const Source& source) {
  return Take(number, app::Evaluate(source, SceneOf(Get(number)), answers_));
}
template Result<std::optional<app::Value>> RunStepper::Evaluate(std::uint32_t,
                                                                const app::Expression&);

Result<std::optional<app::Value>> RunStepper::Take(std::uint32_t number,
                                                   Result<app::Evaluated>&& evaluated) {
  Visit& visit = Get(number);
  if (!evaluated) {
    // The state itself cannot be read: that is nothing a step can fail of.
    if (evaluated.error().code == Code::kDataLoss) return std::move(evaluated).error();
    MESG_TRY(FailVisit(number, ErrorOf(visit, evaluated.error())));
    return std::optional<app::Value>();
  }
  if (auto* value = std::get_if<app::Value>(&*evaluated)) return std::optional(std::move(*value));
  Move(visit, VisitState::kEvaluating);
  host_.Tell(EvaluateStep{run_.id, number, visit.attempt,
                          std::get<std::vector<app::HelperCall>>(*std::move(evaluated))});
  return std::optional<app::Value>();
}

Result<std::optional<std::string>> RunStepper::JsonOf(std::uint32_t number,
                                                      const app::Value& value) {
  auto json = value.JsonWithin(host_.ValueBytes());
  if (!json) MESG_TRY(FailVisit(number, TooMuch(Get(number))));
  return json;
}

StepError RunStepper::TooMuch(const Visit& visit) const {
  return {fmt::format("{} made a value of more than {} bytes, the limit", NameOf(visit),
                      host_.ValueBytes()),
          "RESOURCE_EXHAUSTED", NameOf(visit)};
}

Result<void> RunStepper::Act(std::uint32_t number, const app::TaskStep& step) {
  const app::Scene scene = SceneOf(Get(number));
  app::Deferred deferred;
  auto value = MESG_TRY(Take(number, app::EvaluateInputs(step.with, scene, answers_, deferred)));
  if (!value) return {};
  if (value->kind() == app::Value::Kind::kNull)
    value = app::Value::Of(std::vector<app::Value::Member>());
  auto inputs = MESG_TRY(JsonOf(number, *value));
  if (!inputs) return {};
  Visit& visit = Get(number);
  const std::string& instance = program_.InstanceOf(step.task.alias);
  const std::uint16_t slot = SlotOfName(instance);
  // Once for each attempt: a retry of the step is another execution.
  visit.pending =
      DerivedId(slot, now_, fmt::format("step {} {} {}", run_.id.Bytes(), number, run_.steps_done));
  Move(visit, VisitState::kPerforming);
  host_.Send(slot, CreateForStep{visit.pending, instance, step.task.key, *std::move(inputs),
                                 NodeOf(visit).step->retry, run_.id, number, deferred.Encode()});
  return {};
}

Result<void> RunStepper::Act(std::uint32_t number, const app::BranchStep& step) {
  const auto value = MESG_TRY(Evaluate(number, step.condition.expression));
  if (!value) return {};
  return Enter(number, value->Truthy() ? app::Node::kBody : app::Node::kBody + 1);
}

Result<void> RunStepper::Act(std::uint32_t number, const app::SwitchStep& step) {
  const auto value = MESG_TRY(Evaluate(number, step.value.expression));
  if (!value) return {};
  const std::string text = AsText(*value);
  std::uint32_t block = app::Node::kBody;
  for (const auto& [key, steps] : step.cases) {
    if (key == text) break;
    ++block;
  }
  return Enter(number, block);
}

Result<void> RunStepper::Act(std::uint32_t number, const app::ParallelStep& step) {
  Visit& visit = Get(number);
  Move(visit, VisitState::kInside);
  visit.lanes = static_cast<std::uint32_t>(step.branches.size());
  visit.lanes_started = visit.lanes;
  const auto [scope, purpose, node] = std::tuple(visit.scope, visit.purpose, visit.node);
  std::uint32_t empty = 0;
  for (std::uint32_t branch = 0; branch < step.branches.size(); ++branch) {
    const std::uint32_t block = app::Node::kBody + branch;
    if (const auto first = flow_.nodes[node].First(block)) {
      Open(*first, number, block, scope, purpose);
    } else {
      ++empty;
    }
  }
  if (empty == 0) return {};
  Get(number).lanes_done = empty - 1;
  return EndBranch(number);
}

Result<void> RunStepper::EndBranch(std::uint32_t number) {
  Visit& visit = Get(number);
  const auto& step = std::get<app::ParallelStep>(NodeOf(visit).step->action);
  ++visit.lanes_done;
  const std::size_t join = step.join == 0 ? step.branches.size() : step.join;
  if (visit.lanes_done < join) return {};
  CancelInside(number, "the others were enough");
  return CompleteWithItems(number);
}

Result<void> RunStepper::Act(std::uint32_t number, const app::ForeachStep& step) {
  const auto value = MESG_TRY(Evaluate(number, step.items.expression));
  if (!value) return {};
  Visit& visit = Get(number);
  if (value->kind() != app::Value::Kind::kList) {
    return FailVisit(number, {fmt::format("foreach expected a list, got {} {}",
                                          app::Name(value->kind()), ShortJson(*value)),
                              "INVALID_ARGUMENT", NameOf(visit)});
  }
  if (value->list().size() > kMaxItems) {
    return FailVisit(number, {fmt::format("foreach got {} items, at most {} are allowed",
                                          value->list().size(), kMaxItems),
                              "RESOURCE_EXHAUSTED", NameOf(visit)});
  }
  if (value->list().empty()) return Complete(number, "[]");
  auto json = MESG_TRY(JsonOf(number, *value));
  if (!json) return {};
  Move(visit, VisitState::kInside);
  visit.lanes = static_cast<std::uint32_t>(value->list().size());
  StepRecord items;
  items.number = number | kItemsOf;
  items.output = *std::move(json);
  host_.Add(StepEnded{run_.id, std::move(items)});
  return StartItems(number);
}

Result<void> RunStepper::StartItems(std::uint32_t number) {
  Visit* visit = &Get(number);
  const auto& step = std::get<app::ForeachStep>(NodeOf(*visit).step->action);
  const auto first = NodeOf(*visit).First(app::Node::kBody);
  if (!first) return Complete(number, "[]");
  while (visit->lanes_started < visit->lanes &&
         visit->lanes_started - visit->lanes_done < step.concurrency) {
    const std::uint32_t lane = visit->lanes_started++;
    const std::uint32_t scope = run_.next_scope++;
    run_.scopes.push_back({scope, visit->scope, number, lane});
    Open(*first, number, lane, scope, visit->purpose);
    visit = &Get(number);  // Opening one may have moved it.
  }
  return {};
}

Result<void> RunStepper::EndItem(std::uint32_t number, std::uint32_t lane) {
  const auto scope = std::ranges::find_if(run_.scopes, [&](const Run::Scope& each) {
    return each.visit == number && each.lane == lane;
  });
  MESG_CHECK(scope != run_.scopes.end(), "item {} of step {} has no scope", lane, number);
  // What undoes a step of it will want to see what it saw.
  const std::uint32_t gone = scope->number;
  if (std::ranges::none_of(run_.undo,
                           [gone](const Run::Done& undo) { return undo.scope == gone; })) {
    run_.scopes.erase(scope);
    std::erase_if(run_.done, [gone](const Run::Done& done) { return done.scope == gone; });
  }
  Visit& visit = Get(number);
  ++visit.lanes_done;
  if (visit.lanes_done < visit.lanes) return StartItems(number);
  return CompleteWithItems(number);
}

// With what its items or branches gave, in their order. Too much of it is left away where nothing
// can read it.
Result<void> RunStepper::CompleteWithItems(std::uint32_t number) {
  const Visit& visit = Get(number);
  const app::Node& node = NodeOf(visit);
  std::string list = "[";
  for (std::uint32_t lane = 0; lane < visit.lanes; ++lane) {
    if (lane > 0) list += ',';
    const auto item = MESG_TRY(host_.Runs().FindItem(run_.id, number, lane));
    list += item && !item->empty() ? *item : "null";
    if (list.size() < host_.ValueBytes()) continue;
    const bool is_read = !node.step->id.empty() || !node.next;
    return is_read ? FailVisit(number, TooMuch(visit)) : Complete(number, "null");
  }
  list += ']';
  if (JsonDepth(list) > kMaxJsonDepth) {
    return FailVisit(number,
                     {fmt::format("what it gives is nested deeper than {} levels", kMaxJsonDepth),
                      "INVALID_ARGUMENT", NameOf(visit)});
  }
  return Complete(number, std::move(list));
}

Result<void> RunStepper::Act(std::uint32_t number, const app::SetStep& step) {
  const app::Scene scene = SceneOf(Get(number));
  const auto value = MESG_TRY(Take(number, app::Evaluate(step.value, scene, answers_)));
  if (!value) return {};
  auto json = MESG_TRY(JsonOf(number, *value));
  return json ? Complete(number, *std::move(json)) : Result<void>();
}

Result<void> RunStepper::Act(std::uint32_t number, const app::WaitStep& step) {
  TimePoint until;
  if (const auto* duration = std::get_if<Duration>(&step.until)) {
    until = now_ + *duration;
  } else {
    const auto& expression = std::get<app::PlacedExpression>(step.until).expression;
    const auto value = MESG_TRY(Evaluate(number, expression));
    if (!value) return {};
    const auto moment = app::MomentOf(*value);
    if (!moment) return FailVisit(number, ErrorOf(Get(number), moment.error()));
    until = *moment;
  }
  if (until <= now_) return Complete(number, "null");
  Visit& visit = Get(number);
  Move(visit, VisitState::kWaiting);
  visit.wake = until;
  return {};
}

Result<void> RunStepper::Act(std::uint32_t number, const app::AwaitStep& step) {
  Visit& visit = Get(number);
  if (visit.lanes > visit.lanes_done) return Judge(number, step);
  Waiter waiter{run_.application, run_.version, run_.workflow, visit.node, "{}", visit.attempt};
  if (step.condition) {
    const auto scope = ScopeOf(visit, step.condition->expression);
    if (!scope && scope.error().code == Code::kDataLoss) return scope.error();
    if (!scope) return FailVisit(number, ErrorOf(visit, scope.error()));
    if (!step.condition->expression.NeedsHelper()) {
      std::vector<app::Value::Member> members;
      for (const std::uint32_t used : step.condition->expression.Used()) {
        members.emplace_back(std::string(app::kVariables[used]), (*scope)[used]);
      }
      const app::Value kept = app::Value::Of(std::move(members));
      const auto fits = app::CheckDepth(kept);
      if (!fits) return FailVisit(number, ErrorOf(visit, fits.error()));
      auto json = MESG_TRY(JsonOf(number, kept));
      if (!json) return {};
      waiter.scope = *std::move(json);
    }
    if (const auto correlation = step.condition->expression.Correlated()) {
      const auto value = correlation->value.Evaluate(app::Value(), *scope);
      if (!value) return FailVisit(number, ErrorOf(visit, value.error()));
      waiter.path = correlation->path;
      waiter.digest = app::Correlation::Digest(correlation->path, *value);
    }
  }
  if (step.timeout) visit.until = now_ + *step.timeout;
  visit.wake = visit.until;
  Move(visit, VisitState::kAwaiting);
  const std::string& instance = program_.InstanceOf(step.event.alias);
  host_.Send(SlotOfName(instance),
             AwaitEvent{run_.id, number, instance, step.event.key, EncodeWaiter(waiter)});
  return {};
}

// It is listed as waiting all the while, so that no event is missed.
Result<void> RunStepper::Judge(std::uint32_t number, const app::AwaitStep& step) {
  while (Get(number).lanes > Get(number).lanes_done) {
    const std::uint32_t event = Get(number).lanes_done;
    const auto data = MESG_TRY(host_.Runs().FindItem(run_.id, number, event));
    MESG_CHECK(data.has_value(), "event {} that step {} heard is not stored", event, number);
    app::Scene scene = SceneOf(Get(number));
    scene.input = [&data] { return app::Value::Read(*data); };
    const auto value =
        MESG_TRY(Take(number, app::Evaluate(step.condition->expression, scene, answers_)));
    if (!value) return {};
    answers_.clear();
    Visit& visit = Get(number);
    if (value->Truthy()) {
      StopWaiting(visit, "");
      return Complete(number, *data);
    }
    host_.Add(ItemGone{run_.id, number, event});
    ++visit.lanes_done;
  }
  Visit& visit = Get(number);
  visit.wake = visit.until;
  Move(visit, VisitState::kAwaiting);
  return {};
}

Result<void> RunStepper::Act(std::uint32_t number, const app::ApproveStep& step) {
  std::string by;
  if (step.by) {
    const app::Scene scene = SceneOf(Get(number));
    const auto value = MESG_TRY(Take(number, app::Evaluate(*step.by, scene, answers_)));
    if (!value) return {};
    by = AsText(*value);
  }
  Visit& visit = Get(number);
  visit.inputs = fmt::format(R"({{"by":{}}})", QuoteJson(by));
  Move(visit, VisitState::kApproving);
  if (step.timeout) visit.wake = now_ + *step.timeout;
  return {};
}

Result<void> RunStepper::Act(std::uint32_t number, const app::EmitStep& step) {
  const app::Scene scene = SceneOf(Get(number));
  auto value = MESG_TRY(Take(number, app::Evaluate(step.with, scene, answers_)));
  if (!value) return {};
  if (value->kind() == app::Value::Kind::kNull)
    value = app::Value::Of(std::vector<app::Value::Member>());
  const auto json = MESG_TRY(JsonOf(number, *value));
  if (!json) return {};
  const std::string& data = *json;
  const auto valid = program_.CheckEvent(step.event, data);
  if (!valid) return FailVisit(number, ErrorOf(Get(number), valid.error()), data);
  host_.Send(SlotOfName(run_.application),
             EmitOwn{run_.application, run_.version, step.event, data});
  return Complete(number, data);
}

Result<void> RunStepper::Act(std::uint32_t number, const app::RunStep& step) {
  const app::Scene scene = SceneOf(Get(number));
  auto value = MESG_TRY(Take(number, app::Evaluate(step.with, scene, answers_)));
  if (!value) return {};
  if (value->kind() == app::Value::Kind::kNull)
    value = app::Value::Of(std::vector<app::Value::Member>());
  auto json = MESG_TRY(JsonOf(number, *value));
  if (!json) return {};
  std::string& data = *json;
  Visit& visit = Get(number);
  const app::Flow* const flow = program_.FindFlow(step.workflow);
  MESG_CHECK(flow != nullptr, "workflow {} is not in the file", step.workflow);
  if (flow->inputs) {
    const auto valid =
        flow->inputs->Validate(data, fmt::format("inputs of workflow {}", step.workflow));
    if (!valid) return FailVisit(number, ErrorOf(visit, valid.error()), data);
  }
  if (run_.depth + 1 > kMaxDepth) {
    return FailVisit(number, {fmt::format("workflows run each other {} deep, the limit", kMaxDepth),
                              "RESOURCE_EXHAUSTED", NameOf(visit)});
  }
  const std::string seed = fmt::format("run {} {} {}", run_.id.Bytes(), number, run_.steps_done);
  const std::uint16_t slot = SlotOfRun(run_.application, *flow->workflow, seed);
  visit.pending = DerivedId(slot, now_, seed);
  visit.inputs = data;
  Move(visit, VisitState::kRunning);
  RunTrigger trigger;
  trigger.kind = RunTrigger::Kind::kRun;
  trigger.key = run_.workflow;
  trigger.data = std::move(data);
  trigger.time = now_;
  host_.Send(slot, StartRun{visit.pending, run_.application, run_.version, step.workflow,
                            std::move(trigger), run_.id, number, run_.depth + 1});
  return {};
}

Result<void> RunStepper::Act(std::uint32_t number, const app::StopStep& step) {
  std::string reason;
  if (step.reason) {
    const app::Scene scene = SceneOf(Get(number));
    const auto value = MESG_TRY(Take(number, app::Evaluate(*step.reason, scene, answers_)));
    if (!value) return {};
    reason = AsText(*value);
  }
  const Visit visit = Get(number);
  std::erase_if(run_.active, [number](const Visit& each) { return each.number == number; });
  const std::string output = QuoteJson(reason);
  Record(visit, StepState::kCompleted, "", output, "");
  return Stop(visit, output);
}

Result<void> RunStepper::Act(std::uint32_t number, const app::FailStep& step) {
  const app::Scene scene = SceneOf(Get(number));
  const auto value = MESG_TRY(Take(number, app::Evaluate(step.message, scene, answers_)));
  if (!value) return {};
  return FailVisit(number, {AsText(*value), "FAILED", NameOf(Get(number))});
}

}  // namespace mesg::engine
