#include <algorithm>

#include <fmt/format.h>

#include "app/file/application_reader.h"

// Steps: each a mapping with the key of one action, the keys that belong to it, and those of every
// step.

namespace mesg::app {
namespace {

using Kind = YamlNode::Kind;

constexpr std::size_t kMostAtOnce = 1000;

constexpr std::initializer_list<Variable> kStepVariables = {Variable::kEvent, Variable::kInputs,
                                                            Variable::kSteps, Variable::kItem,
                                                            Variable::kError, Variable::kRun};
constexpr std::initializer_list<Variable> kTaskVariables = {
    Variable::kEvent, Variable::kInputs, Variable::kSteps, Variable::kItem,
    Variable::kError, Variable::kRun,    Variable::kEnv,   Variable::kSecrets};

const YamlCursor* Find(const std::map<std::string_view, YamlCursor>& members,
                       std::string_view key) {
  const auto found = members.find(key);
  return found == members.end() ? nullptr : &found->second;
}

}  // namespace

void ApplicationReader::ReadSteps(const Cursor& at, Steps& into) {
  if (at.node->kind == Kind::kNull) return;
  if (at.node->kind != Kind::kList) return Expected(at, "a list of steps");
  if (nested_ >= kMaxNested) {
    return Report(at, fmt::format("steps are nested deeper than {} levels", kMaxNested));
  }
  ++nested_;
  for (std::size_t i = 0; i < at.node->items.size(); ++i) ReadStep(at.Item(i), into);
  --nested_;
}

void ApplicationReader::ReadStep(const Cursor& at, Steps& into) {
  if (at.node->kind != Kind::kMap) return Expected(at, "a step such as {task: mail.send}");
  StepMembers members;
  bool all_known = true;
  for (const YamlNode::Member& member : at.node->members) {
    const Cursor value = at.Member(member);
    const auto known = std::ranges::find(StepKeys(), member.key, &StepKey::key);
    if (known != StepKeys().end()) {
      members.emplace(known->key, value);
      continue;
    }
    std::vector<std::string_view> keys;
    for (const StepKey& each : StepKeys()) keys.push_back(each.key);
    UnknownKey(value, member.key, keys);
    all_known = false;
  }
  const std::string_view action = FindAction(at, members, all_known);
  Step step{.action = SetStep{}, .place = {at.line, at.column, at.path}};
  if (!action.empty()) {
    step.action = ReadAction(action, at, members);
  } else {  // It stands for what could not be read, so that its id is known.
    std::get<SetStep>(step.action).value.unread = true;
  }
  ReadCommon(members, step);
  into.push_back(std::move(step));
}

// The key of the one thing the step does; "" with a violation when it is none or several.
std::string_view ApplicationReader::FindAction(const Cursor& at, const StepMembers& members,
                                               bool all_known) {
  std::vector<std::pair<std::string_view, const Cursor*>> found;
  for (const auto& [key, value] : members) {
    const auto named = std::ranges::find(StepKeys(), key, &StepKey::key);
    if (named->IsAction()) found.emplace_back(key, &value);
  }
  std::ranges::sort(found, {}, [](const auto& each) {
    return std::pair(each.second->line, each.second->column);
  });
  for (std::size_t i = 1; i < found.size(); ++i) {
    Report(*found[i].second,
           fmt::format("a step does one thing, this one has {} already", found[0].first));
  }
  if (found.size() > 1) return {};
  const std::string_view action = found.empty() ? std::string_view() : found[0].first;
  if (action.empty()) {
    if (!all_known) return {};  // It may be the one that is misspelt.
    std::vector<std::string_view> actions;
    for (const StepKey& each : StepKeys()) {
      if (each.IsAction() && each.key != "then") actions.push_back(each.key);
    }
    Report(at, fmt::format("expected something to do: if with then, or one of {}",
                           fmt::join(actions, ", ")));
    return {};
  }
  for (const auto& [key, value] : members) {
    std::vector<std::string_view> owners;
    for (const StepKey& each : StepKeys()) {
      if (each.key == key) owners.push_back(each.action);
    }
    if (owners.front().empty() || std::ranges::find(owners, action) != owners.end()) continue;
    std::ranges::replace(owners, "then", "if with then");
    Report(value, fmt::format("belongs to {}, not to {}", fmt::join(owners, " or "),
                              action == "then" ? "if with then" : action));
  }
  return action;
}

void ApplicationReader::ReadCommon(const StepMembers& members, Step& into) {
  if (const Cursor* at = Find(members, "id")) {
    if (ReadText(*at, into.id) && CheckIdentifier(*at, into.id, "an id") &&
        !ids_.insert(into.id).second) {
      Report(*at, fmt::format("{} is the id of another step of this workflow", into.id));
    }
  }
  if (const Cursor* at = Find(members, "description")) ReadText(*at, into.description);
  // Beside `then` it is what decides the way.
  if (const Cursor* at = Find(members, "if"); at != nullptr && Find(members, "then") == nullptr) {
    ReadExpression(*at, kStepVariables, into.condition);
  }
  if (const Cursor* at = Find(members, "retry")) ReadRetry(*at, into.retry);
  if (const Cursor* at = Find(members, "timeout")) ReadDuration(*at, into.timeout);
  if (const Cursor* at = Find(members, "catch")) {
    ++catches_;
    ReadSteps(*at, into.on_error);
    --catches_;
  }
  if (const Cursor* at = Find(members, "compensate")) ReadSteps(*at, into.compensation);
}

const YamlCursor* ApplicationReader::Require(const Cursor& at, const StepMembers& members,
                                             std::string_view key, std::string_view what) {
  const Cursor* const found = Find(members, key);
  if (found == nullptr) {
    Report({at.node, at.line, at.column, at.path + "." + std::string(key)},
           fmt::format("required: expected {}", what));
  }
  return found;
}

Step::Action ApplicationReader::ReadAction(std::string_view action, const Cursor& at,
                                           const StepMembers& members) {
  const Cursor& value = members.at(action);
  if (action == "task") return ReadTask(at, members);
  if (action == "then") return ReadBranch(at, members);
  if (action == "switch") return ReadSwitch(at, members);
  if (action == "parallel") return ReadParallel(members);
  if (action == "foreach") return ReadForeach(at, members);
  if (action == "wait") return ReadWait(value);
  if (action == "await") return ReadAwait(value);
  if (action == "approve") return ReadApprove(value);
  if (action == "set") {
    SetStep step;
    ReadMapping(value, kStepVariables, step.value);
    return step;
  }
  if (action == "emit" || action == "run") {
    std::string name;
    const Place place{value.line, value.column, value.path};
    if (ReadText(value, name) && name.empty()) {
      Expected(value,
               action == "emit" ? "an event of this application" : "a workflow of this file");
    }
    Mapping with;
    ReadWith(at, members, action == "emit" ? "the event's data" : "the workflow's inputs",
             kStepVariables, with);
    if (action == "emit") return EmitStep{std::move(name), std::move(with), place};
    return RunStep{std::move(name), std::move(with), place};
  }
  if (action == "stop") {
    StopStep step{.reason = {}, .place = {value.line, value.column, value.path}};
    const bool nothing = value.node->kind == Kind::kNull ||
                         (value.node->kind == Kind::kMap && value.node->members.empty());
    if (!nothing) ReadTemplate(value, kStepVariables, step.reason.emplace());
    return step;
  }
  FailStep step{.message = {}, .place = {value.line, value.column, value.path}};
  ReadTemplate(value, kStepVariables, step.message);
  return step;
}

TaskStep ApplicationReader::ReadTask(const Cursor& at, const StepMembers& members) {
  TaskStep step;
  ReadReference(members.at("task"), "a task of it, such as mail.send", step.task);
  ReadWith(at, members, "the task's inputs", kTaskVariables, step.with);
  return step;
}

void ApplicationReader::ReadWith(const Cursor& step, const StepMembers& members,
                                 std::string_view what, Variables allowed, Mapping& into) {
  const Cursor* const at = Find(members, "with");
  if (at == nullptr) {  // One of the unknown keys may be it.
    into.unread = members.size() < step.node->members.size();
    return;
  }
  if (at->node->kind == Kind::kNull) return;
  ReadMapping(*at, allowed, into);
  const bool whole = into.kind == Mapping::Kind::kTemplate && into.text[0].IsExpression();
  if (at->node->kind == Kind::kMap || into.unread || whole) return;
  into.unread = true;
  Expected(*at, fmt::format("a mapping of {}, or one ${{ expression }} that gives it", what));
}

BranchStep ApplicationReader::ReadBranch(const Cursor& at, const StepMembers& members) {
  BranchStep step;
  if (const Cursor* condition =
          Require(at, members, "if", "an expression that decides between then and else")) {
    ReadExpression(*condition, kStepVariables, step.condition);
  }
  ReadSteps(members.at("then"), step.then);
  if (const Cursor* otherwise = Find(members, "else")) ReadSteps(*otherwise, step.otherwise);
  return step;
}

SwitchStep ApplicationReader::ReadSwitch(const Cursor& at, const StepMembers& members) {
  SwitchStep step;
  ReadExpression(members.at("switch"), kStepVariables, step.value);
  if (const Cursor* cases = Require(at, members, "cases", "a mapping from values to steps")) {
    ForEachMember(*cases, "a mapping from values to steps",
                  [&](const YamlNode::Member& member, const Cursor& value) {
                    auto& [key, steps] = step.cases.emplace_back();
                    key = member.key;
                    ReadSteps(value, steps);
                  });
  }
  if (const Cursor* otherwise = Find(members, "default")) ReadSteps(*otherwise, step.otherwise);
  return step;
}

ParallelStep ApplicationReader::ReadParallel(const StepMembers& members) {
  ParallelStep step;
  const Cursor& at = members.at("parallel");
  if (at.node->kind != Kind::kList) {
    Expected(at, "a list of branches, each a list of steps");
    return step;
  }
  if (at.node->items.empty()) {
    Report(at, "expected at least one branch, a list of steps");
    return step;
  }
  if (at.node->items.size() > kMostAtOnce) {
    Report(at, fmt::format("there are {} branches, at most {} are allowed", at.node->items.size(),
                           kMostAtOnce));
    return step;
  }
  for (std::size_t i = 0; i < at.node->items.size(); ++i) {
    ReadSteps(at.Item(i), step.branches.emplace_back());
  }
  step.join = step.branches.size();
  if (const Cursor* join = Find(members, "join"); join != nullptr && join->node->text != "all") {
    step.join = 1;  // "any"
    if (join->node->text != "any") {
      ReadCount(*join, "all, any or a whole number", step.branches.size(), step.join);
    }
  }
  return step;
}

ForeachStep ApplicationReader::ReadForeach(const Cursor& at, const StepMembers& members) {
  ForeachStep step;
  const Cursor& items = members.at("foreach");
  ReadExpression(items, kStepVariables, step.items);
  if (const Cursor* concurrency = Find(members, "concurrency")) {
    ReadCount(*concurrency, "a whole number", kMostAtOnce, step.concurrency);
  }
  if (const Cursor* steps = Require(at, members, "steps", "what is done for each item")) {
    ++loops_;
    ReadSteps(*steps, step.steps);
    --loops_;
  }
  return step;
}

WaitStep ApplicationReader::ReadWait(const Cursor& at) {
  if (at.node->kind == Kind::kScalar && !at.node->text.starts_with("${")) {
    Duration duration{};
    ReadDuration(at, duration);
    return {duration};
  }
  PlacedExpression until;
  if (at.node->kind == Kind::kScalar) {
    ReadExpression(at, kStepVariables, until);
  } else if (const YamlNode* found = at.node->Find("until");
             found == nullptr || at.node->members.size() != 1) {
    Expected(at, "a duration such as 10m, or {until: a time}");
  } else {
    ReadExpression(at.Member(at.node->members.front()), kStepVariables, until);
  }
  return {std::move(until)};
}

AwaitStep ApplicationReader::ReadAwait(const Cursor& at) {
  AwaitStep step;
  if (at.node->kind == Kind::kScalar) {
    ReadReference(at, "an event of it, such as chain.transfer", step.event);
    return step;
  }
  ReadMap(at, "an event such as chain.transfer, or a mapping such as {event: chain.transfer}",
          step);
  if (at.node->kind == Kind::kMap && at.node->Find("event") == nullptr) {
    Report({at.node, at.line, at.column, at.path + ".event"}, "required: expected an event");
  }
  return step;
}

void ApplicationReader::ReadAwaitEvent(const Cursor& at, AwaitStep& into) {
  ReadReference(at, "an event of it, such as chain.transfer", into.event);
}
void ApplicationReader::ReadAwaitIf(const Cursor& at, AwaitStep& into) {
  ReadExpression(at, kStepVariables, into.condition);
}

ApproveStep ApplicationReader::ReadApprove(const Cursor& at) {
  ApproveStep step;
  ReadMap(at, "{} or a mapping such as {by: ..., timeout: 2d}", step);
  return step;
}

void ApplicationReader::ReadApproveBy(const Cursor& at, ApproveStep& into) {
  into.place = {at.line, at.column, at.path};
  ReadTemplate(at, kStepVariables, into.by.emplace());
}

void ApplicationReader::ReadApproveDefault(const Cursor& at, ApproveStep& into) {
  const std::string_view text = at.node->kind == Kind::kScalar ? at.node->text : std::string_view();
  if (text == "approve") {
    into.otherwise = ApproveStep::Default::kApprove;
  } else if (text == "reject") {
    into.otherwise = ApproveStep::Default::kReject;
  } else {
    Expected(at, "approve or reject");
  }
}

}  // namespace mesg::app
