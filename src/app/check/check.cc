#include "app/check/check.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "app/check/type.h"
#include "app/schedule/schedule.h"
#include "base/encoding.h"
#include "model/data_validator.h"

namespace mesg::app {
namespace {

std::string DidYouMean(std::string_view name, const std::vector<std::string_view>& known) {
  const std::string_view near = Nearest(name, known);
  return near.empty() ? std::string() : fmt::format(", did you mean {}?", near);
}

std::string PathWith(const Place& place, std::string_view key) {
  return place.path + "." + std::string(key);
}

class Checker {
 public:
  Checker(const ApplicationFile& file, const Contracts& contracts)
      : file_(file), contracts_(contracts) {
    for (const Input& input : file.inputs) input_set_.parameters.push_back(input.parameter);
    input_set_.additional = false;
  }

  Findings Run() {
    for (const Input& input : file_.inputs) CheckDefault(input);
    for (const ServiceUse& service : file_.services) {
      for (const auto& [key, text] : service.env) {
        for (const Expression& expression : text.Expressions()) {
          CheckExpression(expression, service.place, Type(), {});
        }
      }
      CheckEnvironment(service);
    }
    for (const Workflow& workflow : file_.workflows) CheckWorkflow(workflow);
    for (const Input& input : file_.inputs) {
      if (used_inputs_.contains(input.parameter.key)) continue;
      Warn(input.place, fmt::format("nothing uses the input {}", input.parameter.key));
    }
    const auto by_place = [](const Violation& v) { return std::tuple(v.line, v.column); };
    std::ranges::stable_sort(findings_.errors, {}, by_place);
    std::ranges::stable_sort(findings_.warnings, {}, by_place);
    return std::move(findings_);
  }

 private:
  using Ids = std::map<std::string, Type, std::less<>>;

  void Report(const Place& place, std::string reason) {
    findings_.errors.push_back({place.path, std::move(reason), place.line, place.column});
  }
  void Warn(const Place& place, std::string reason) {
    findings_.warnings.push_back({place.path, std::move(reason), place.line, place.column});
  }

  void CheckDefault(const Input& input) {
    if (!input.otherwise) return;
    ParameterSet one;
    one.parameters.push_back(input.parameter);
    const auto validator = DataValidator::Compile(one);
    if (!validator) return Report(input.place, validator.error().message);
    const Value data =
        Value::Of(std::vector<Value::Member>{{input.parameter.key, *input.otherwise}});
    const auto valid = validator->Validate(data.Json(), "default");
    if (valid) return;
    for (const Violation& violation : valid.error().violations) {
      Report({input.place.line, input.place.column, PathWith(input.place, "default")},
             violation.reason);
    }
  }

  // --- what stands outside the file
  const ServiceDefinition* FindContract(const std::string& alias) const {
    const auto found = contracts_.find(alias);
    return found == contracts_.end() ? nullptr : found->second;
  }

  // False when there is no such service; true with nothing known of it when it was not found.
  bool CheckService(const Reference& reference) {
    if (file_.FindService(reference.alias) != nullptr) return true;
    std::vector<std::string_view> known;
    for (const ServiceUse& service : file_.services) known.push_back(service.alias);
    Report(reference.place, fmt::format("there is no service {} in this file{}", reference.alias,
                                        DidYouMean(reference.alias, known)));
    return false;
  }

  const EventDefinition* FindEvent(const Reference& reference) {
    const ServiceDefinition* const contract = FindContract(reference.alias);
    if (!CheckService(reference) || contract == nullptr) return nullptr;
    const EventDefinition* const event = contract->FindEvent(reference.key);
    if (event != nullptr) return event;
    std::vector<std::string_view> known;
    for (const EventDefinition& each : contract->Events()) known.push_back(each.key);
    Report(reference.place, fmt::format("{} has no event {}{}", reference.alias, reference.key,
                                        DidYouMean(reference.key, known)));
    return nullptr;
  }

  const TaskDefinition* FindTask(const Reference& reference) {
    const ServiceDefinition* const contract = FindContract(reference.alias);
    if (!CheckService(reference) || contract == nullptr) return nullptr;
    const TaskDefinition* const task = contract->FindTask(reference.key);
    if (task != nullptr) return task;
    std::vector<std::string_view> known;
    for (const TaskDefinition& each : contract->Tasks()) known.push_back(each.key);
    Report(reference.place, fmt::format("{} has no task {}{}", reference.alias, reference.key,
                                        DidYouMean(reference.key, known)));
    return nullptr;
  }

  void CheckEnvironment(const ServiceUse& service) {
    const ServiceDefinition* const contract = FindContract(service.alias);
    if (contract == nullptr) return;
    std::vector<std::string_view> known;
    for (const EnvDefinition& variable : contract->Env()) {
      known.push_back(variable.key);
      const bool given = std::ranges::any_of(
          service.env, [&](const auto& each) { return each.first == variable.key; });
      if (variable.required && !variable.value && !given) {
        Report(service.place,
               fmt::format("{} needs the variable {} under env", service.use, variable.key));
      }
    }
    for (const auto& each : service.env) {
      if (std::ranges::find(known, each.first) != known.end()) continue;
      Report({service.place.line, service.place.column, PathWith(service.place, "env")},
             fmt::format("{} knows no variable {}{}", service.use, each.first,
                         DidYouMean(each.first, known)));
    }
  }

  // --- workflows
  void CheckWorkflow(const Workflow& workflow) {
    all_ids_.clear();
    CollectIds(workflow.steps);
    CollectIds(workflow.on_error);
    const Type data = TypeOfTrigger(workflow.on);
    const auto check = [&](const std::optional<PlacedExpression>& expression) {
      if (expression) CheckExpression(*expression, data, {});
    };
    check(workflow.condition);
    check(workflow.on.condition);
    check(workflow.order);
    if (workflow.concurrency) check(workflow.concurrency->key);
    if (workflow.dedupe) check(workflow.dedupe->key);
    Ids ids;
    CheckSteps(workflow.steps, data, ids);
    Ids none;
    CheckSteps(workflow.on_error, data, none);
    WarnOfLoop(workflow);
  }

  Type TypeOfTrigger(const Trigger& trigger) {
    switch (trigger.kind) {
      case Trigger::Kind::kEvent: {
        const EventDefinition* const event = FindEvent(trigger.reference);
        return event == nullptr ? Type() : Type::Of(event->data);
      }
      case Trigger::Kind::kResult:
        return TypeOfOutput(FindTask(trigger.reference), trigger);
      case Trigger::Kind::kSchedule: {
        const auto schedule = Schedule::Parse(trigger.schedule, trigger.timezone);
        if (!schedule) Report(trigger.place, schedule.error().message);
        return {};
      }
      case Trigger::Kind::kManual:
        return Type::Of(trigger.inputs);
    }
    return {};
  }

  Type TypeOfOutput(const TaskDefinition* task, const Trigger& trigger) {
    if (task == nullptr) return {};
    if (trigger.output.empty()) return TypeOfOutput(*task);
    const OutputDefinition* const output = task->FindOutput(trigger.output);
    if (output != nullptr) return Type::Of(output->data);
    std::vector<std::string_view> known;
    for (const OutputDefinition& each : task->outputs) known.push_back(each.key);
    Report({trigger.place.line, trigger.place.column, PathWith(trigger.place, "output")},
           fmt::format("{} has no output {}{}", trigger.reference.key, trigger.output,
                       DidYouMean(trigger.output, known)));
    return {};
  }

  static Type TypeOfOutput(const TaskDefinition& task) {
    return task.outputs.size() == 1 ? Type::Of(task.outputs.front().data) : Type();
  }

  void CollectIds(const Steps& steps) {
    for (const Step& step : steps) {
      if (!step.id.empty()) all_ids_.insert(step.id);
      ForEachBranch(step, [this](const Steps& branch) { CollectIds(branch); });
      CollectIds(step.on_error);
      CollectIds(step.compensation);
    }
  }

  template <typename Visit>
  static void ForEachBranch(const Step& step, Visit&& visit) {
    if (const auto* branch = std::get_if<BranchStep>(&step.action)) {
      visit(branch->then);
      visit(branch->otherwise);
    } else if (const auto* way = std::get_if<SwitchStep>(&step.action)) {
      for (const auto& [key, steps] : way->cases) visit(steps);
      visit(way->otherwise);
    } else if (const auto* parallel = std::get_if<ParallelStep>(&step.action)) {
      for (const Steps& steps : parallel->branches) visit(steps);
    } else if (const auto* each = std::get_if<ForeachStep>(&step.action)) {
      visit(each->steps);
    }
  }

  // Adds to `ids` what has been done on every way through `steps`.
  void CheckSteps(const Steps& steps, const Type& data, Ids& ids) {
    bool ended = false;
    for (const Step& step : steps) {
      if (ended) {
        Report(step.place, "is never reached: the step before it ends the run");
      }
      CheckStep(step, data, ids);
      const bool ends = std::holds_alternative<StopStep>(step.action) ||
                        std::holds_alternative<FailStep>(step.action);
      ended = ends && !step.condition;
    }
  }

  void CheckStep(const Step& step, const Type& data, Ids& ids) {
    if (step.condition) CheckExpression(*step.condition, data, ids);
    Type value =
        std::visit([&](const auto& action) { return CheckAction(action, data, ids); }, step.action);
    Ids failed = ids;
    CheckSteps(step.on_error, data, failed);
    if (!step.id.empty()) ids.insert_or_assign(step.id, value);
    Ids undone = ids;
    CheckSteps(step.compensation, data, undone);
  }

  Type CheckAction(const TaskStep& step, const Type& data, const Ids& ids) {
    const TaskDefinition* const task = FindTask(step.task);
    CheckData(step.with, task == nullptr ? nullptr : &task->inputs, step.task.place, data, ids);
    return task == nullptr ? Type() : TypeOfOutput(*task);
  }
  Type CheckAction(const BranchStep& step, const Type& data, Ids& ids) {
    CheckExpression(step.condition, data, ids);
    Join({&step.then, &step.otherwise}, 2, data, ids);
    return {};
  }
  Type CheckAction(const SwitchStep& step, const Type& data, Ids& ids) {
    CheckExpression(step.value, data, ids);
    std::vector<const Steps*> ways = {&step.otherwise};
    for (const auto& [key, steps] : step.cases) ways.push_back(&steps);
    Join(ways, ways.size(), data, ids);
    return {};
  }
  Type CheckAction(const ParallelStep& step, const Type& data, Ids& ids) {
    Ids all = ids;
    for (const Steps& branch : step.branches) {
      Ids way = ids;
      CheckSteps(branch, data, way);
      all.merge(way);
    }
    if (step.join == step.branches.size()) ids = std::move(all);
    return {};
  }
  Type CheckAction(const ForeachStep& step, const Type& data, const Ids& ids) {
    CheckExpression(step.items, data, ids);
    Ids inside = ids;
    CheckSteps(step.steps, data, inside);
    return Type::Of(Value::Of(Value::List{}));
  }
  Type CheckAction(const SetStep& step, const Type& data, const Ids& ids) {
    CheckData(step.value, nullptr, step.value.place, data, ids);
    return step.value.kind == Mapping::Kind::kLiteral ? Type::Of(step.value.literal) : Type();
  }
  Type CheckAction(const WaitStep& step, const Type& data, const Ids& ids) {
    if (const auto* until = std::get_if<PlacedExpression>(&step.until)) {
      CheckExpression(*until, data, ids);
    }
    return {};
  }
  Type CheckAction(const AwaitStep& step, const Type&, const Ids& ids) {
    const EventDefinition* const event = FindEvent(step.event);
    const Type awaited = event == nullptr ? Type() : Type::Of(event->data);
    if (step.condition) CheckExpression(*step.condition, awaited, ids);
    return awaited;
  }
  Type CheckAction(const ApproveStep& step, const Type& data, const Ids& ids) {
    if (step.by) CheckTemplate(*step.by, {}, data, ids);
    return {};
  }
  Type CheckAction(const EmitStep& step, const Type& data, const Ids& ids) {
    const auto event = std::ranges::find(file_.events, step.event, &EventDefinition::key);
    const bool known = event != file_.events.end();
    if (!known) {
      std::vector<std::string_view> keys;
      for (const EventDefinition& each : file_.events) keys.push_back(each.key);
      Report(step.place, fmt::format("this application declares no event {}{}", step.event,
                                     DidYouMean(step.event, keys)));
    }
    CheckData(step.with, known ? &event->data : nullptr, step.place, data, ids);
    return {};
  }
  Type CheckAction(const RunStep& step, const Type& data, const Ids& ids) {
    const Workflow* const workflow = file_.FindWorkflow(step.workflow);
    if (workflow == nullptr) {
      std::vector<std::string_view> keys;
      for (const Workflow& each : file_.workflows) keys.push_back(each.key);
      Report(step.place, fmt::format("there is no workflow {} in this file{}", step.workflow,
                                     DidYouMean(step.workflow, keys)));
    } else if (workflow->on.kind != Trigger::Kind::kManual) {
      Report(step.place, fmt::format("the workflow {} is started by something else: only one "
                                     "with `on: {{manual: {{}}}}` can be run",
                                     step.workflow));
    }
    const bool manual = workflow != nullptr && workflow->on.kind == Trigger::Kind::kManual;
    CheckData(step.with, manual ? &workflow->on.inputs : nullptr, step.place, data, ids);
    return {};
  }
  Type CheckAction(const StopStep& step, const Type& data, const Ids& ids) {
    if (step.reason) CheckTemplate(*step.reason, {}, data, ids);
    return {};
  }
  Type CheckAction(const FailStep& step, const Type& data, const Ids& ids) {
    CheckTemplate(step.message, {}, data, ids);
    return {};
  }

  // One of several ways is gone: done is what is done on each.
  void Join(const std::vector<const Steps*>& ways, std::size_t count, const Type& data, Ids& ids) {
    std::map<std::string, std::size_t, std::less<>> done;
    Ids types;
    for (const Steps* way : ways) {
      Ids inside = ids;
      CheckSteps(*way, data, inside);
      for (const auto& [id, type] : inside) {
        if (ids.contains(id)) continue;
        ++done[id];
        types.emplace(id, type);
      }
    }
    for (const auto& [id, times] : done) {
      if (times == count) ids.emplace(id, types.at(id));
    }
  }

  // A workflow that causes what starts it.
  void WarnOfLoop(const Workflow& workflow) {
    if (workflow.on.kind != Trigger::Kind::kResult) return;
    const Reference& on = workflow.on.reference;
    const auto performs = [&](const auto& self, const Steps& steps) -> bool {
      return std::ranges::any_of(steps, [&](const Step& step) {
        const auto* task = std::get_if<TaskStep>(&step.action);
        bool found = task != nullptr && task->task.alias == on.alias && task->task.key == on.key;
        ForEachBranch(step, [&](const Steps& branch) { found = found || self(self, branch); });
        return found || self(self, step.on_error) || self(self, step.compensation);
      });
    };
    if (performs(performs, workflow.steps) || performs(performs, workflow.on_error)) {
      Warn(workflow.on.place,
           fmt::format("the workflow performs {}.{} and is started by its results: it may start "
                       "itself without end",
                       on.alias, on.key));
    }
  }

  // --- data and expressions
  // `with` against what is declared; null when that is not known.
  void CheckData(const Mapping& with, const ParameterSet* declared, const Place& place,
                 const Type& data, const Ids& ids) {
    with.ForEachExpression([&](const Expression& expression, const Place& at) {
      CheckExpression(expression, at, data, ids);
    });
    if (declared == nullptr) return;
    if (with.kind == Mapping::Kind::kTemplate) {
      if (!TypeOf(with, data, ids).CouldBe(Type::Of(*declared))) {
        Report(with.place, "expected an object with the inputs");
      }
      return;
    }
    CheckMembers(with, declared->parameters, declared->additional, place, data, ids);
  }

  void CheckMembers(const Mapping& with, const std::vector<Parameter>& declared, bool additional,
                    const Place& place, const Type& data, const Ids& ids) {
    const auto members = MembersOf(with);
    std::vector<std::string_view> known;
    for (const Parameter& parameter : declared) {
      known.push_back(parameter.key);
      const auto found = std::ranges::find(members, parameter.key,
                                           [](const auto& member) { return member.first; });
      if (found != members.end()) {
        CheckValue(found->second, parameter, data, ids);
      } else if (!parameter.optional) {
        const Place& at = with.place.line == 0 ? place : with.place;
        Report(at, fmt::format("{} is required: expected {}", parameter.key,
                               Type::Of(parameter).Describe()));
      }
    }
    for (const auto& [key, value] : members) {
      if (std::ranges::find(known, key) != known.end()) continue;
      const std::string near = DidYouMean(key, known);
      if (additional && near.empty()) continue;
      Report(value.place, fmt::format("{} is not declared{}", key, near));
    }
  }

  static std::vector<std::pair<std::string, Mapping>> MembersOf(const Mapping& mapping) {
    std::vector<std::pair<std::string, Mapping>> members;
    for (std::size_t i = 0; i < mapping.keys.size(); ++i) {
      members.emplace_back(mapping.keys[i], mapping.items[i]);
    }
    return members;
  }

  void CheckValue(const Mapping& value, const Parameter& parameter, const Type& data,
                  const Ids& ids) {
    const Type wanted = Type::Of(parameter);
    const Type got = TypeOf(value, data, ids);
    const bool null =
        value.kind == Mapping::Kind::kLiteral && value.literal.kind() == Value::Kind::kNull;
    if (null && !parameter.optional && parameter.schema.empty()) {
      return Report(value.place, fmt::format("expected {}, got nothing", wanted.Describe()));
    }
    if (!got.CouldBe(wanted)) {
      return Report(value.place,
                    fmt::format("expected {}, got {}", wanted.Describe(), got.Describe()));
    }
    const bool object =
        value.kind == Mapping::Kind::kObject ||
        (value.kind == Mapping::Kind::kLiteral && value.literal.kind() == Value::Kind::kObject);
    if (object && !parameter.repeated && parameter.schema.empty() && !parameter.object.empty()) {
      CheckMembers(value, parameter.object, parameter.additional, value.place, data, ids);
    }
  }

  Type TypeOf(const Mapping& mapping, const Type& data, const Ids& ids) {
    switch (mapping.kind) {
      case Mapping::Kind::kLiteral:
        return Type::Of(mapping.literal);
      case Mapping::Kind::kList:
        return Type::Of(Value::Of(Value::List{}));
      case Mapping::Kind::kObject:
        return Type::Of(ParameterType::kObject);
      case Mapping::Kind::kTemplate:
        if (!mapping.text.front().IsExpression()) return Type::Of(ParameterType::kString);
        return TypeOf(mapping.text.front().Expressions().front(), data, ids);
    }
    return {};
  }

  // Of an expression that is one path and nothing else.
  Type TypeOf(const Expression& expression, const Type& data, const Ids& ids) const {
    const auto path = expression.AsPath();
    if (!path) return {};
    std::optional<Type> type = Root(*path, data, ids);
    const std::size_t first =
        path->variable == static_cast<std::uint32_t>(Variable::kSteps) ? 1 : 0;
    for (std::size_t i = first; type && i < path->keys.size(); ++i)
      type = type->Member(path->keys[i]);
    return type.value_or(Type());
  }

  std::optional<Type> Root(const PathUse& path, const Type& data, const Ids& ids) const {
    if (path.variable == PathUse::kInput) return data;
    if (path.variable == static_cast<std::uint32_t>(Variable::kInputs)) return Type::Of(input_set_);
    if (path.variable != static_cast<std::uint32_t>(Variable::kSteps) || path.keys.empty()) {
      return Type();
    }
    const auto found = ids.find(path.keys.front());
    return found == ids.end() ? Type() : found->second;
  }

  void CheckTemplate(const Template& text, const Place& place, const Type& data, const Ids& ids) {
    for (const Expression& expression : text.Expressions()) {
      CheckExpression(expression, place, data, ids);
    }
  }

  void CheckExpression(const PlacedExpression& placed, const Type& data, const Ids& ids) {
    CheckExpression(placed.expression, placed.place, data, ids);
  }

  void CheckExpression(const Expression& expression, const Place& place, const Type& data,
                       const Ids& ids) {
    for (const PathUse& path : expression.Paths()) {
      const bool steps = path.variable == static_cast<std::uint32_t>(Variable::kSteps);
      if (path.variable == static_cast<std::uint32_t>(Variable::kInputs)) {
        if (path.keys.empty()) {
          for (const Input& input : file_.inputs) used_inputs_.insert(input.parameter.key);
        } else {
          used_inputs_.insert(path.keys.front());
        }
      }
      if (steps && !path.keys.empty() && !CheckStepIsDone(path.keys.front(), place, ids)) continue;
      std::optional<Type> type = Root(path, data, ids);
      for (std::size_t i = steps ? 1 : 0; i < path.keys.size(); ++i) {
        const auto known = type->Members();
        const std::optional<Type> member = type->Member(path.keys[i]);
        const bool declared = std::ranges::find(known, path.keys[i]) != known.end();
        const std::string near = declared ? "" : DidYouMean(path.keys[i], known);
        if (!member || !near.empty()) {
          Report(place, fmt::format("there is no {}{}", Written(path, i), near));
          break;
        }
        type = member;
      }
    }
  }

  bool CheckStepIsDone(const std::string& id, const Place& place, const Ids& ids) {
    if (ids.contains(id)) return true;
    if (all_ids_.contains(id)) {
      Report(place, fmt::format("the step {} is not done before this on every way", id));
      return false;
    }
    const std::vector<std::string_view> known(all_ids_.begin(), all_ids_.end());
    Report(place, fmt::format("there is no step {}{}", id, DidYouMean(id, known)));
    return false;
  }

  // The path up to and with the key of that index.
  static std::string Written(const PathUse& path, std::size_t last) {
    std::string text = path.variable == PathUse::kInput
                           ? std::string()
                           : fmt::format("${}", kVariables[path.variable]);
    for (std::size_t i = 0; i <= last; ++i) text += "." + path.keys[i];
    return text;
  }

  const ApplicationFile& file_;
  const Contracts& contracts_;
  ParameterSet input_set_;
  std::set<std::string, std::less<>> used_inputs_;
  std::set<std::string, std::less<>> all_ids_;  // Of the workflow that is being checked.
  Findings findings_;
};

}  // namespace

Findings Check(const ApplicationFile& file, const Contracts& contracts) {
  return Checker(file, contracts).Run();
}

}  // namespace mesg::app
