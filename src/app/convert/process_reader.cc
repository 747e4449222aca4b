#include "app/convert/process_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/encoding.h"

// The steps of a process file and what they refer to.

namespace mesg::app {
namespace {

using Kind = YamlNode::Kind;

constexpr std::string_view kOpen = "$(env:";
constexpr char kClose = ')';

// What the original's compiler called the inputs of a step.
constexpr std::string_view kInputsOf = "-inputs";

bool IsSet(const YamlNode& step, std::string_view key) {
  const YamlNode* const found = step.Find(key);
  return found != nullptr && found->kind != Kind::kNull;
}

}  // namespace

ProcessReader::ProcessReader(std::vector<Violation> violations)
    : ConversionReader(std::move(violations), ApplicationFormat::kProcess, kOpen, kClose) {}

void ProcessReader::Read(const YamlNode& root) {
  const Cursor at{&root, root.line, root.column, ""};
  TheWorkflow().place = PlaceOf(at);
  // Files for versions of the original before 0.18 say `key`; its compiler preferred `name`.
  const std::string_view name = root.Find("name") != nullptr ? "name" : "key";
  for (const YamlNode::Member& member : root.members) {
    if (member.key == name) ReadName(at.Member(member));
  }
  if (root.Find(name) == nullptr) Missing(at, "name", "the name of the process");
  for (const YamlNode::Member& member : root.members) {
    const Cursor value = at.Member(member);
    if (member.key == "steps") {
      ReadSteps(value);
    } else if (member.key != "name" && member.key != "key") {
      UnknownKey(value, member.key, {"name", "steps"});
    }
  }
  if (root.Find("steps") == nullptr) Missing(at, "steps", "a trigger, filters and tasks");
}

ProcessReader::Type ProcessReader::TypeOf(const YamlNode& step) {
  const YamlNode* const type = step.kind == Kind::kMap ? step.Find("type") : nullptr;
  if (type == nullptr || type->kind != Kind::kScalar) return Type::kUnknown;
  if (type->text == "trigger") return Type::kTrigger;
  if (type->text == "filter") return Type::kFilter;
  return type->text == "task" ? Type::kTask : Type::kUnknown;
}

// The name of a step without a key is its number, counting as the original did: `inputs` were a
// node of their own.
void ProcessReader::NameSteps(const Cursor& steps) {
  std::size_t number = 0;
  for (std::size_t i = 0; i < steps.node->items.size(); ++i) {
    const Cursor at = steps.Item(i);
    NamedStep step{fmt::format("node-{}", number), TypeOf(*at.node)};
    Cursor key_at = at;
    for (const YamlNode::Member& member : at.node->members) {
      if (member.key != "key" || member.value->kind == Kind::kNull) continue;
      key_at = at.Member(member);
      std::string key;
      if (ReadPlainText(key_at, key) && CheckKey(key_at, key)) step.key = std::move(key);
    }
    number += step.type == Type::kTask && IsSet(*at.node, "inputs") ? 2 : 1;
    if (!index_.emplace(step.key, i).second) {
      Report(key_at, fmt::format("{} is the key of another step", step.key));
    }
    steps_.push_back(std::move(step));
    if (TypeOf(*at.node) != Type::kFilter) continue;
    if (const YamlNode* const conditions = at.node->Find("conditions")) {
      AddFilterInputs(*conditions, at.path + ".conditions");
    }
  }
}

// A condition is decided where no $env is known: its variables are inputs of the application, and
// so that nobody has to give them twice, they are wherever they stand.
void ProcessReader::AddFilterInputs(const YamlNode& node, const std::string& path) {
  for (std::string& name : MarkedNames(node.text)) {
    if (name.empty() || !filter_variables_.insert(name).second) continue;
    Note({&node, node.line, node.column, path},
         fmt::format("needs {} to compare with: it is an input now, given with --set {}=VALUE",
                     name, name));
    Input& input = File().inputs.emplace_back();
    input.parameter.key = std::move(name);
    input.parameter.type = ParameterType::kString;
    input.place = {node.line, node.column, path};
  }
  for (const YamlNodePtr& item : node.items) AddFilterInputs(*item, path);
  for (const YamlNode::Member& member : node.members) AddFilterInputs(*member.value, path);
}

void ProcessReader::ReadSteps(const Cursor& at) {
  if (at.node->kind != Kind::kList) {
    return Expected(at, "a list of steps, the first of them a trigger");
  }
  if (at.node->items.empty()) return Report(at, "expected at least one step, a trigger");
  if (at.node->items.size() > kMaxListSize) {
    return Report(at, fmt::format("there are {} steps, at most {} are allowed",
                                  at.node->items.size(), kMaxListSize));
  }
  NameSteps(at);
  for (std::size_t i = 0; i < steps_.size(); ++i) ReadStep(at.Item(i), i);
  if (!first_filter_) return;
  TheWorkflow().condition = MakeExpression(*first_filter_, JqAll(first_conditions_));
}

void ProcessReader::ReadStep(const Cursor& at, std::size_t index) {
  NamedStep& step = steps_[index];
  if (at.node->kind != Kind::kMap) {
    return Expected(at, "a step such as {type: task, instance: {src: ./mail}, taskKey: send}");
  }
  if (step.type == Type::kUnknown) {
    for (const YamlNode::Member& member : at.node->members) {
      if (member.key == "type") return Expected(at.Member(member), "trigger, filter or task");
    }
    return Missing(at, "type", "trigger, filter or task");
  }
  if (index == 0 && step.type != Type::kTrigger) {
    Report(at, "expected a trigger: the first step says what starts the process");
  } else if (index > 0 && step.type == Type::kTrigger) {
    step.type = Type::kUnknown;  // Nothing can refer to it.
    return Report(at, "a process has one trigger, its first step");
  }
  const Members members = ReadMembers(at, step.type);
  switch (step.type) {
    case Type::kTrigger:
      ReadTrigger(at, members);
      break;
    case Type::kFilter:
      ReadFilter(at, members, step);
      break;
    case Type::kTask:
      ReadTask(at, members, step);
      break;
    case Type::kUnknown:
      break;
  }
  step.source = previous_;
}

ProcessReader::Members ProcessReader::ReadMembers(const Cursor& at, Type type) {
  static const std::map<Type, std::vector<std::string_view>> kKeys = {
      {Type::kTrigger, {"type", "key", "instanceHash", "instance", "eventKey", "taskKey"}},
      {Type::kFilter, {"type", "key", "conditions", "stepKey"}},
      {Type::kTask, {"type", "key", "instanceHash", "instance", "taskKey", "inputs"}},
  };
  const auto& known = kKeys.at(type);
  Members members;
  for (const YamlNode::Member& member : at.node->members) {
    const Cursor value = at.Member(member);
    const auto found = std::ranges::find(known, member.key);
    if (found == known.end()) {
      UnknownKey(value, member.key, known);
    } else if (value.node->kind != Kind::kNull) {
      members.emplace(*found, value);
    }
  }
  return members;
}

void ProcessReader::ReadTrigger(const Cursor& at, const Members& members) {
  Trigger& trigger = TheWorkflow().on;
  trigger.place = PlaceOf(at);
  trigger.reference.alias = ReadService(at, members);
  const auto event = members.find("eventKey");
  const auto task = members.find("taskKey");
  if (event != members.end() && task != members.end()) {
    return Report(task->second, "a trigger has one of eventKey and taskKey");
  }
  if (event == members.end() && task == members.end()) {
    return Report(at, "expected eventKey or taskKey: what starts the process");
  }
  const bool by_event = event != members.end();
  const Cursor& key = by_event ? event->second : task->second;
  trigger.kind = by_event ? Trigger::Kind::kEvent : Trigger::Kind::kResult;
  trigger.reference.place = PlaceOf(key);
  ReadPlainText(key, trigger.reference.key);
}

void ProcessReader::ReadTask(const Cursor& at, const Members& members, NamedStep& step) {
  TaskStep task;
  task.task.place = PlaceOf(at);
  task.task.alias = ReadService(at, members);
  if (const auto key = members.find("taskKey"); key != members.end()) {
    task.task.place = PlaceOf(key->second);
    ReadPlainText(key->second, task.task.key);
  } else {
    Missing(at, "taskKey", "a task of the service");
  }
  if (const auto inputs = members.find("inputs"); inputs == members.end()) {
    task.with.place = task.task.place;
    if (auto all = MakeTemplate(at, fmt::format("${{ {} }}", previous_))) {
      task.with.kind = Mapping::Kind::kTemplate;
      task.with.text.push_back(*std::move(all));
    }
  } else if (inputs->second.node->kind != Kind::kMap) {
    Expected(inputs->second, "a mapping of the task's inputs");
  } else {
    // An input may be called `key`: this mapping is never a reference itself.
    task.with.kind = Mapping::Kind::kObject;
    task.with.place = PlaceOf(inputs->second);
    for (const YamlNode::Member& member : inputs->second.node->members) {
      task.with.keys.push_back(member.key);
      task.with.items.push_back(ReadData(inputs->second.Member(member)));
    }
    task.with.Simplify();
  }
  TheWorkflow().steps.push_back({.action = std::move(task), .id = step.key, .place = PlaceOf(at)});
  const std::vector<JsonPath::Step> id = {{step.key, std::nullopt}};
  previous_ = JqPath("$steps", id);
}

std::optional<std::string> ProcessReader::Resolve(const Cursor& at, std::string_view name) {
  if (name.empty()) {
    Report(at, "$(env:) names no variable, expected one such as $(env:TOKEN)");
    return std::nullopt;
  }
  if (name.find(kOpen) != std::string_view::npos) {
    Report(at, fmt::format("the \"{}\" in this text has no \"{}\"", kOpen, kClose));
    return std::nullopt;
  }
  const std::vector<JsonPath::Step> path = {{std::string(name), std::nullopt}};
  return JqPath(filter_variables_.contains(name) ? "$inputs" : "$env", path);
}

bool ProcessReader::ReadReference(const Cursor& at, std::optional<std::string>& into) {
  const YamlNode* const key = at.node->Find("key");
  if (key == nullptr || key->kind != Kind::kScalar) return false;
  std::optional<Cursor> path;
  std::string source = previous_;
  for (const YamlNode::Member& member : at.node->members) {
    const Cursor value = at.Member(member);
    if (member.key == "key") {
      path = value;
    } else if (member.key != "stepKey") {
      const bool misspelt = at.node->members.size() == 2 &&
                            !Nearest(member.key, {std::string_view("stepKey")}).empty();
      if (!misspelt) {
        Note(at,
             "is data, since it has more than key and stepKey; the original took any object "
             "with a key for a reference");
        return false;
      }
      UnknownKey(value, member.key, {"key", "stepKey"});
      return true;
    }
  }
  if (const YamlNode* const step = at.node->Find("stepKey")) {
    const auto member = std::ranges::find(at.node->members, "stepKey", &YamlNode::Member::key);
    const Cursor step_at = at.Member(*member);
    std::string step_key;
    if (step->kind != Kind::kNull) {
      if (!ReadPlainText(step_at, step_key)) return true;
      const auto found = SourceOf(step_at, step_key);
      if (!found) return true;
      source = *found;
    }
  }
  std::string text;
  if (!ReadPlainText(*path, text)) return true;
  if (const auto steps = ReadPath(*path, text)) into = JqPath(source, *steps);
  return true;
}

std::optional<std::vector<JsonPath::Step>> ProcessReader::ReadPath(const Cursor& at,
                                                                   std::string_view text) {
  auto path = JsonPath::Parse(text);
  if (!path) {
    Report(at, path.error().message);
    return std::nullopt;
  }
  const auto large = [](const JsonPath::Step& step) { return step.index && *step.index > 9; };
  if (std::ranges::any_of(path->Steps(), large)) {
    Note(at, "reads an item by its index; the original understood indexes of one digit only");
  }
  return path->Steps();
}

// jq source of the data of the step with that key, which must be earlier.
std::optional<std::string> ProcessReader::SourceOf(const Cursor& at, const std::string& key) {
  const auto found = index_.find(key);
  if (found != index_.end() && !steps_[found->second].source.empty()) {
    const bool trigger = steps_[found->second].type == Type::kTrigger;
    if (trigger && previous_ != ".") {
      Note(at, "reads the trigger's data behind a task, which the original could not");
    }
    return steps_[found->second].source;
  }
  if (found != index_.end()) {
    // One that is wrong itself was reported already.
    if (steps_[found->second].type != Type::kUnknown) {
      Report(at, fmt::format("the step {} is not before this one", key));
    }
    return std::nullopt;
  }
  if (key.ends_with(kInputsOf) && index_.contains(key.substr(0, key.size() - kInputsOf.size()))) {
    Report(at, fmt::format("{} is what the original called the inputs of a step: refer to what "
                           "stands there instead",
                           key));
    return std::nullopt;
  }
  std::vector<std::string_view> known;
  for (const auto& [name, index] : index_) known.push_back(name);
  const std::string_view near = Nearest(key, known);
  Report(at, fmt::format("there is no step {}{}", key,
                         near.empty() ? "" : fmt::format(", did you mean {}?", near)));
  return std::nullopt;
}

}  // namespace mesg::app
