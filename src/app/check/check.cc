#include "app/check/check.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "app/check/data_checker.h"
#include "app/check/expression_checker.h"
#include "app/check/loops.h"
#include "app/check/names.h"
#include "app/check/step_walk.h"
#include "base/schedule/schedule.h"

namespace mesg::app {
namespace {

// Whether a way goes on behind its steps. When each way ends, but one of them by a failure, a catch
// may have it go on nevertheless.
enum class End : std::uint8_t { kGoesOn, kStops, kFails };

End Either(End a, End b) {
  if (a == End::kGoesOn || b == End::kGoesOn) return End::kGoesOn;
  return a == End::kFails ? a : b;
}

class Checker {
 public:
  /// `whole`: nothing is wrong with the file itself.
  Checker(const ApplicationFile& file, const Contracts& contracts, bool whole)
      : file_(file),
        whole_(whole),
        names_(file, contracts, findings_, whole),
        expressions_(file, findings_, whole),
        data_(expressions_, findings_) {}

  Findings Run() {
    for (const Input& input : file_.inputs) {
      if (input.otherwise) {
        data_.Check(*input.otherwise, input.parameter, Inside(input.place, "default"));
      }
    }
    for (const ServiceUse& service : file_.services) {
      for (const auto& [key, text] : service.env) {
        expressions_.Check(text, Inside(Inside(service.place, "env"), key), {});
      }
      names_.CheckEnvironment(service);
    }
    for (const Workflow& workflow : file_.workflows) CheckWorkflow(workflow);
    if (whole_) WarnOfMore();
    return std::move(findings_);
  }

 private:
  void WarnOfMore() {
    for (const Input& input : file_.inputs) {
      if (expressions_.IsUsed(input)) continue;
      findings_.Warn(input.place, fmt::format("nothing uses the input {}", input.parameter.key));
    }
    WarnOfLoops(file_, findings_);
  }

  void CheckWorkflow(const Workflow& workflow) {
    expressions_.Enter(workflow);
    done_ = {};
    Scope scope;
    scope.data = scope.trigger = TypeOfTrigger(workflow.on);
    const auto check = [&](const std::optional<PlacedExpression>& expression) {
      if (expression) expressions_.Check(*expression, scope);
    };
    check(workflow.condition);
    check(workflow.on.condition);
    check(workflow.order);
    CheckIsOurs(workflow.order);
    if (workflow.concurrency) {
      check(workflow.concurrency->key);
      CheckIsOurs(workflow.concurrency->key);
    }
    if (workflow.dedupe) {
      check(workflow.dedupe->key);
      CheckIsOurs(workflow.dedupe->key);
    }
    if (workflow.on.kind == Trigger::Kind::kSchedule) {
      CheckIsOurs(workflow.condition);
      CheckIsOurs(workflow.on.condition);
    }
    scope.done = &done_;
    CheckSteps(workflow.steps, scope);
    done_ = {};
    CheckSteps(workflow.on_error, scope);
  }

  // Where a decision depends on it that cannot wait for the helper.
  void CheckIsOurs(const std::optional<PlacedExpression>& expression) {
    if (!expression || !expression->expression.NeedsHelper()) return;
    findings_.Report(expression->place, [] {
      return "here only what Core evaluates itself can stand (docs/reference/expressions.md lists "
             "it), this needs the helper";
    });
  }

  Type TypeOfTrigger(const Trigger& trigger) {
    switch (trigger.kind) {
      case Trigger::Kind::kEvent: {
        const EventDefinition* const event = names_.Event(trigger.reference);
        return event == nullptr ? Type() : Type::Of(event->data);
      }
      case Trigger::Kind::kResult: {
        const TaskDefinition* const task = names_.Task(trigger.reference);
        if (trigger.output.empty()) return TypeOfOutput(task);
        const OutputDefinition* const output = names_.Output(task, trigger);
        return output == nullptr ? Type() : Type::Of(output->data);
      }
      case Trigger::Kind::kSchedule: {
        if (trigger.schedule.empty()) return {};  // As was said.
        const auto schedule = Schedule::Parse(trigger.schedule, trigger.timezone);
        if (!schedule) findings_.Report(trigger.place, [&] { return schedule.error().message; });
        return {};
      }
      case Trigger::Kind::kManual:
        return Type::Of(trigger.inputs);
    }
    return {};
  }

  static Type TypeOfOutput(const TaskDefinition* task) {
    return task != nullptr && task->outputs.size() == 1 ? Type::Of(task->outputs.front().data)
                                                        : Type();
  }

  // --- steps: what is done behind them is added to done_.
  End CheckSteps(const Steps& steps, const Scope& scope) {
    End end = End::kGoesOn;
    bool told = false;
    for (const Step& step : steps) {
      if (end != End::kGoesOn && !told) {
        findings_.Report(step.place, [&] {
          return "is never reached: the run has ended before it on every way";
        });
        told = true;
      }
      const End next = CheckStep(step, scope);
      if (end == End::kGoesOn) end = next;
    }
    return end;
  }

  End CheckStep(const Step& step, const Scope& scope) {
    if (step.condition) expressions_.Check(*step.condition, scope);
    const std::size_t before = done_.Mark();
    end_ = End::kGoesOn;
    Type value =
        std::visit([&](const auto& action) { return CheckAction(action, scope); }, step.action);
    End end = std::exchange(end_, End::kGoesOn);
    if (!step.on_error.empty()) {
      const auto inside = done_.BackTo(before);
      const End caught = CheckSteps(step.on_error, scope);
      done_.BackTo(before);
      if (end == End::kFails) end = caught;
      if (caught == End::kGoesOn) {
        value = Type();  // Or what the catch gives.
      } else {
        for (const auto& [id, type] : inside) done_.Add(id, type);
      }
    }
    if (step.condition) {
      end = End::kGoesOn;
      done_.BackTo(before);
    }
    if (!step.id.empty()) done_.Add(step.id, value);
    const std::size_t behind = done_.Mark();
    const bool inside = std::exchange(compensating_, true);
    CheckSteps(step.compensation, scope);
    compensating_ = inside;
    done_.BackTo(behind);
    return end;
  }

  // Each gives the type of the step's value, and sets end_ when the step ends the run.
  Type CheckAction(const TaskStep& step, const Scope& scope) {
    const TaskDefinition* const task = names_.Task(step.task);
    data_.Check(step.with, task == nullptr ? nullptr : &task->inputs, step.task.place, scope);
    return TypeOfOutput(task);
  }
  Type CheckAction(const BranchStep& step, const Scope& scope) {
    expressions_.Check(step.condition, scope);
    GoOneOf({&step.then, &step.otherwise}, scope);
    return {};
  }
  Type CheckAction(const SwitchStep& step, const Scope& scope) {
    expressions_.Check(step.value, scope);
    std::vector<const Steps*> ways;
    for (const auto& [key, steps] : step.cases) ways.push_back(&steps);
    ways.push_back(&step.otherwise);
    GoOneOf(ways, scope);
    return {};
  }
  Type CheckAction(const ParallelStep& step, const Scope& scope) {
    std::vector<std::pair<std::string, Type>> done;
    End end = End::kStops;
    std::size_t goes_on = 0;
    for (const Steps& branch : step.branches) {
      const std::size_t before = done_.Mark();
      const End way = CheckSteps(branch, scope);
      auto inside = done_.BackTo(before);
      std::ranges::move(inside, std::back_inserter(done));
      if (way == End::kGoesOn) {
        ++goes_on;
      } else {
        end = Either(end, way);
      }
    }
    end_ = goes_on >= step.join ? End::kGoesOn : end;
    if (step.join == step.branches.size()) {
      for (const auto& [id, type] : done) done_.Add(id, type);
    }
    return {};
  }
  Type CheckAction(const ForeachStep& step, const Scope& scope) {
    expressions_.Check(step.items, scope);
    Scope inside = scope;
    inside.item = expressions_.TypeOf(step.items.expression, scope).Item();
    const std::size_t before = done_.Mark();
    CheckSteps(step.steps, inside);
    done_.BackTo(before);
    return Type::List();
  }
  Type CheckAction(const SetStep& step, const Scope& scope) {
    data_.Check(step.value, nullptr, step.value.place, scope);
    return data_.TypeOf(step.value, scope);
  }
  Type CheckAction(const WaitStep& step, const Scope& scope) {
    if (const auto* until = std::get_if<PlacedExpression>(&step.until)) {
      expressions_.Check(*until, scope);
    }
    return {};
  }
  Type CheckAction(const AwaitStep& step, const Scope& scope) {
    const EventDefinition* const event = names_.Event(step.event);
    Scope awaited = scope;
    awaited.data = event == nullptr ? Type() : Type::Of(event->data);
    if (step.condition) expressions_.Check(*step.condition, awaited);
    return awaited.data;
  }
  Type CheckAction(const ApproveStep& step, const Scope& scope) {
    if (step.by) expressions_.Check(*step.by, step.place, scope);
    return {};
  }
  Type CheckAction(const EmitStep& step, const Scope& scope) {
    const EventDefinition* const event = names_.OwnEvent(step.event, step.place);
    data_.Check(step.with, event == nullptr ? nullptr : &event->data, step.place, scope);
    return {};
  }
  Type CheckAction(const RunStep& step, const Scope& scope) {
    const Workflow* const workflow = names_.ManualWorkflow(step.workflow, step.place);
    data_.Check(step.with, workflow == nullptr ? nullptr : &workflow->on.inputs, step.place, scope);
    return {};
  }
  Type CheckAction(const StopStep& step, const Scope& scope) {
    if (step.reason) expressions_.Check(*step.reason, step.place, scope);
    if (compensating_) {
      findings_.Report(step.place, [] {
        return "nothing is stopped inside compensate: the steps before are still to be undone; "
               "decide by if with then what is done, or fail this undoing";
      });
    }
    end_ = End::kStops;
    return {};
  }
  Type CheckAction(const FailStep& step, const Scope& scope) {
    expressions_.Check(step.message, step.place, scope);
    end_ = End::kFails;
    return {};
  }

  // One of several ways is gone. No two steps share an id, so that one is done behind them only
  // when each other way has ended.
  void GoOneOf(const std::vector<const Steps*>& ways, const Scope& scope) {
    std::vector<std::pair<std::string, Type>> done;
    std::size_t going_on = 0;
    End end = End::kStops;
    for (const Steps* way : ways) {
      const std::size_t before = done_.Mark();
      const End way_end = CheckSteps(*way, scope);
      auto inside = done_.BackTo(before);
      end = Either(end, way_end);
      if (way_end != End::kGoesOn) continue;
      ++going_on;
      done = std::move(inside);
    }
    end_ = end;
    if (going_on != 1) return;
    for (const auto& [id, type] : done) done_.Add(id, type);
  }

  const ApplicationFile& file_;
  const bool whole_;
  Findings findings_;
  Names names_;
  ExpressionChecker expressions_;
  DataChecker data_;
  DoneSteps done_;  // Of the workflow that is being checked.
  End end_ = End::kGoesOn;
  bool compensating_ = false;  // Inside a `compensate`.
};

Findings InOrder(Findings findings) {
  const auto by_place = [](const Violation& v) { return std::tuple(v.line, v.column); };
  std::ranges::stable_sort(findings.errors, {}, by_place);
  std::ranges::stable_sort(findings.warnings, {}, by_place);
  return findings;
}

}  // namespace

void Findings::Warn(const Place& place, std::string reason) {
  if (HasAllWarnings()) return;
  warnings.push_back({place.path, std::move(reason), place.line, place.column});
}

Findings Check(const ApplicationFile& file, const Contracts& contracts) {
  return InOrder(Checker(file, contracts, true).Run());
}

Findings Check(const ApplicationReading& reading, const Contracts& contracts) {
  Findings findings = Checker(reading.file, contracts, reading.IsWhole()).Run();
  const std::size_t room =
      Findings::kMostListed - std::min(Findings::kMostListed, reading.violations.size());
  if (findings.errors.size() > room) {
    findings.not_listed += findings.errors.size() - room;
    findings.errors.resize(room);
  }
  findings.not_listed += reading.not_listed;
  findings.errors.insert(findings.errors.begin(), reading.violations.begin(),
                         reading.violations.end());
  return InOrder(std::move(findings));
}

}  // namespace mesg::app
