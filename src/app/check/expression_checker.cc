#include "app/check/expression_checker.h"

#include <algorithm>

#include <fmt/format.h>

#include "app/check/names.h"
#include "app/check/step_walk.h"

namespace mesg::app {
namespace {

bool Is(const PathUse& path, Variable variable) {
  return path.variable == static_cast<std::uint32_t>(variable);
}

// How many keys of a path name what it begins with: $steps.ID, $event.data.
std::size_t RootKeys(const PathUse& path) {
  const bool event = Is(path, Variable::kEvent) && !path.keys.empty() && path.keys[0] == "data";
  return event || (Is(path, Variable::kSteps) && !path.keys.empty()) ? 1 : 0;
}

// The path up to and with the key of that index.
std::string Written(const PathUse& path, std::size_t last) {
  std::string text = path.variable == PathUse::kInput
                         ? std::string()
                         : fmt::format("${}", kVariables[path.variable]);
  for (std::size_t i = 0; i <= last; ++i) text += "." + path.keys[i];
  return text;
}

Type TypeOfKind(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kNull:
      return {};
    case Value::Kind::kBoolean:
      return Type::Of(ParameterType::kBoolean);
    case Value::Kind::kNumber:
      return Type::Of(ParameterType::kNumber);
    case Value::Kind::kString:
      return Type::Of(ParameterType::kString);
    case Value::Kind::kList:
      return Type::List();
    case Value::Kind::kObject:
      return Type::Of(ParameterType::kObject);
  }
  return {};
}

}  // namespace

const Type* DoneSteps::Find(std::string_view id) const {
  const auto found = known_.find(id);
  return found == known_.end() ? nullptr : &found->second;
}

void DoneSteps::Add(const std::string& id, Type type) {
  if (known_.emplace(id, type).second) order_.push_back(id);
}

std::vector<std::pair<std::string, Type>> DoneSteps::BackTo(std::size_t mark) {
  std::vector<std::pair<std::string, Type>> forgotten;
  for (std::size_t i = mark; i < order_.size(); ++i) {
    auto node = known_.extract(order_[i]);
    forgotten.emplace_back(std::move(node.key()), node.mapped());
  }
  order_.resize(mark);
  return forgotten;
}

ExpressionChecker::ExpressionChecker(const ApplicationFile& file, Findings& findings, bool whole)
    : file_(file), findings_(findings), whole_(whole) {
  for (const Input& input : file.inputs) inputs_.parameters.push_back(input.parameter);
  inputs_.additional = !whole && file.inputs.empty();
}

void ExpressionChecker::Enter(const Workflow& workflow) {
  step_ids_.clear();
  ForEachStep(workflow, [this](const Step& step) {
    if (!step.id.empty()) step_ids_.insert(step.id);
  });
}

void ExpressionChecker::Check(const Template& text, const Place& place, const Scope& scope) {
  for (const Expression& expression : text.Expressions()) Check(expression, place, scope);
}

void ExpressionChecker::Check(const Expression& expression, const Place& place,
                              const Scope& scope) {
  for (const PathUse& path : expression.Paths()) {
    NoteInput(path);
    const bool of_step = Is(path, Variable::kSteps) && !path.keys.empty();
    if (of_step && !CheckStepIsDone(path.keys.front(), place, scope)) continue;
    Type type = Root(path, scope);
    for (std::size_t i = RootKeys(path); i < path.keys.size(); ++i) {
      const auto known = type.Members();
      const std::optional<Type> member = type.Member(path.keys[i]);
      if (!member && !type.CanHaveMembers()) {
        findings_.Report(place, [&] {
          return fmt::format("there is no {}: {} is {}", Written(path, i),
                             i == 0 ? "it" : Written(path, i - 1), type.Describe());
        });
        break;
      }
      if (!member || !Misspelt(path.keys[i], known).empty()) {
        findings_.Report(place, [&] {
          return fmt::format("there is no {}{}", Written(path, i), Choice(path.keys[i], known));
        });
        break;
      }
      type = *member;
    }
  }
}

void ExpressionChecker::NoteInput(const PathUse& path) {
  if (!Is(path, Variable::kInputs)) return;
  if (!path.keys.empty()) {
    used_.insert(path.keys.front());
  } else {
    for (const Input& input : file_.inputs) used_.insert(input.parameter.key);
  }
}

bool ExpressionChecker::CheckStepIsDone(const std::string& id, const Place& place,
                                        const Scope& scope) {
  if (scope.done != nullptr && scope.done->Find(id) != nullptr) return true;
  if (step_ids_.contains(id)) {
    findings_.Report(
        place, [&] { return fmt::format("the step {} is not done before this on every way", id); });
    return false;
  }
  if (!whole_) return false;
  const std::vector<std::string_view> known(step_ids_.begin(), step_ids_.end());
  findings_.Report(place, [&] {
    return fmt::format("there is no step with the id {} in this workflow{}", id, Choice(id, known));
  });
  return false;
}

Type ExpressionChecker::Root(const PathUse& path, const Scope& scope) const {
  if (path.variable == PathUse::kInput) return scope.data;
  switch (static_cast<Variable>(path.variable)) {
    case Variable::kInputs:
      return Type::Of(inputs_);
    case Variable::kItem:
      return scope.item;
    case Variable::kEvent:
      return RootKeys(path) == 1 ? scope.trigger : Type();
    case Variable::kSteps: {
      const Type* const step = path.keys.empty() || scope.done == nullptr
                                   ? nullptr
                                   : scope.done->Find(path.keys.front());
      return step == nullptr ? Type() : *step;
    }
    case Variable::kError:
    case Variable::kRun:
    case Variable::kEnv:
    case Variable::kSecrets:
      break;
  }
  return {};
}

Type ExpressionChecker::TypeOf(const Expression& expression, const Scope& scope) const {
  const auto path = expression.AsPath();
  if (!path) {
    const auto kind = expression.KindOfValue();
    return kind ? TypeOfKind(*kind) : Type();
  }
  std::optional<Type> type = Root(*path, scope);
  for (std::size_t i = RootKeys(*path); type && i < path->keys.size(); ++i) {
    type = type->Member(path->keys[i]);
  }
  return type.value_or(Type());
}

}  // namespace mesg::app
