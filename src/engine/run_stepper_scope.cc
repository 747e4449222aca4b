#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "engine/run_stepper.h"

namespace mesg::engine {
namespace {

using app::Value;

std::string_view KindName(RunTrigger::Kind kind) {
  switch (kind) {
    case RunTrigger::Kind::kEvent:
      return "event";
    case RunTrigger::Kind::kResult:
      return "result";
    case RunTrigger::Kind::kSchedule:
      return "schedule";
    case RunTrigger::Kind::kManual:
      return "manual";
    case RunTrigger::Kind::kRun:
      return "run";
  }
  return "";
}

Value EventValue(const RunTrigger& trigger, Value data) {
  return Value::Of(
      std::vector<Value::Member>{{"kind", Value::Text(std::string(KindName(trigger.kind)))},
                                 {"service", Value::Text(trigger.service)},
                                 {"key", Value::Text(trigger.key)},
                                 {"data", std::move(data)},
                                 {"id", Value::Text(trigger.id)},
                                 {"execution", Value::Text(trigger.execution.Text())},
                                 {"time", Value::Text(FormatTime(trigger.time))}});
}

}  // namespace

std::vector<Value> ScopeOfTrigger(const app::Program& program, const RunTrigger& trigger,
                                  const Value& data, const app::Expression& expression) {
  std::vector<Value> values(std::size(app::kVariables));
  for (const std::uint32_t used : expression.Used()) {
    const auto variable = static_cast<app::Variable>(used);
    if (variable == app::Variable::kEvent) values[used] = EventValue(trigger, data);
    if (variable == app::Variable::kInputs) values[used] = program.Inputs();
    if (variable == app::Variable::kEnv) values[used] = program.Env();
  }
  return values;
}

app::Scene RunStepper::SceneOf(const Visit& visit) const {
  // `.` is read only when something is evaluated at all, and once.
  app::Scene scene;
  const std::uint32_t number = visit.number;
  scene.input = [this] { return host_.Runs().ValueOf(run_.id, 0); };
  scene.scope = [this, number](const app::Expression& expression) {
    return ScopeOf(*run_.Find(number), expression);
  };
  return scene;
}

Result<std::vector<Value>> RunStepper::ScopeOf(const Visit& visit,
                                               const app::Expression& expression) const {
  std::vector<Value> values(std::size(app::kVariables));
  for (const std::uint32_t used : expression.Used()) {
    switch (static_cast<app::Variable>(used)) {
      case app::Variable::kEvent:
        values[used] = EventValue(run_.trigger, MESG_TRY(host_.Runs().ValueOf(run_.id, 0)));
        break;
      case app::Variable::kInputs:
        values[used] = program_.Inputs();
        break;
      case app::Variable::kSteps:
        values[used] = MESG_TRY(StepsFor(visit, expression));
        break;
      case app::Variable::kItem:
        values[used] = MESG_TRY(ItemOf(visit.scope));
        break;
      case app::Variable::kError:
        values[used] = ErrorFor(visit);
        break;
      case app::Variable::kRun:
        values[used] = RunValue();
        break;
      case app::Variable::kEnv:
        values[used] = program_.Env();
        break;
      case app::Variable::kSecrets:  // Known only where inputs are handed out.
        break;
    }
  }
  return values;
}

// Only those it reads: a run may have large ones.
Result<Value> RunStepper::StepsFor(const Visit& visit, const app::Expression& expression) const {
  std::set<std::string> wanted;
  bool all = false;
  for (const app::PathUse& path : expression.Paths()) {
    if (path.variable != static_cast<std::uint32_t>(app::Variable::kSteps)) continue;
    if (path.keys.empty()) {
      all = true;
    } else {
      wanted.insert(path.keys.front());
    }
  }
  // From the innermost scope outwards.
  std::vector<std::uint32_t> scopes = {visit.scope};
  while (scopes.back() != 0) {
    const auto scope = std::ranges::find(run_.scopes, scopes.back(), &Run::Scope::number);
    scopes.push_back(scope == run_.scopes.end() ? 0 : scope->parent);
  }
  std::vector<Value::Member> members;
  std::set<std::string_view> seen;
  for (const std::uint32_t scope : scopes) {
    for (const Run::Done& done : run_.done) {
      if (done.scope != scope) continue;
      const std::string& id = flow_.nodes[done.node].step->id;
      if ((!all && !wanted.contains(id)) || !seen.insert(id).second) continue;
      members.emplace_back(id, MESG_TRY(host_.Runs().ValueOf(run_.id, done.visit)));
    }
  }
  return Value::Of(std::move(members));
}

Result<Value> RunStepper::ItemOf(std::uint32_t number) const {
  const auto scope = std::ranges::find(run_.scopes, number, &Run::Scope::number);
  if (scope == run_.scopes.end()) return Value();
  const Value items = MESG_TRY(host_.Runs().ValueOf(run_.id, scope->visit | kItemsOf));
  if (items.kind() != Value::Kind::kList || scope->lane >= items.list().size()) return Value();
  return items.list()[scope->lane];
}

Value RunStepper::ErrorFor(const Visit& visit) const {
  const StepError* error = run_.error ? &*run_.error : nullptr;
  for (const Visit* up = &visit; up != nullptr; up = run_.Find(up->parent)) {
    if (up->state != VisitState::kCatching || !up->error) continue;
    error = &*up->error;
    break;
  }
  if (error == nullptr) return {};
  return Value::Of(std::vector<Value::Member>{{"message", Value::Text(error->message)},
                                              {"code", Value::Text(error->code)},
                                              {"step", Value::Text(error->step)}});
}

Value RunStepper::RunValue() const {
  return Value::Of(std::vector<Value::Member>{{"id", Value::Text(run_.id.Text())},
                                              {"application", Value::Text(run_.application)},
                                              {"workflow", Value::Text(run_.workflow)},
                                              {"started", Value::Text(FormatTime(run_.created))}});
}

}  // namespace mesg::engine
