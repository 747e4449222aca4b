#include "app/convert/workflow_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/encoding.h"

namespace mesg::app {
namespace {

using Kind = YamlNode::Kind;

constexpr std::string_view kOpen = "${workflow:";
constexpr char kClose = '}';

std::string StepSource(const std::string& task) {
  const std::vector<JsonPath::Step> path = {{task, std::nullopt}};
  return JqPath("$steps", path);
}

ParameterType TypeOf(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kString:
      return ParameterType::kString;
    case Value::Kind::kNumber:
      return ParameterType::kNumber;
    case Value::Kind::kBoolean:
      return ParameterType::kBoolean;
    case Value::Kind::kObject:
      return ParameterType::kObject;
    case Value::Kind::kNull:
    case Value::Kind::kList:
      break;
  }
  return ParameterType::kAny;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

}  // namespace

WorkflowReader::WorkflowReader(std::vector<Violation> violations)
    : ConversionReader(std::move(violations), ApplicationFormat::kWorkflow, kOpen, kClose) {}

void WorkflowReader::Read(const YamlNode& root) {
  using W = WorkflowReader;
  static const std::vector<Field<ApplicationFile>> kFields = {
      {"title", "text, required", "Read before the rest.", &W::ReadLater},
      {"description", "text", "What it is for.", &W::ReadDescription},
      {"source", "mapping, required", "The event that starts it.", &W::ReadSource},
      {"tasks", "mapping of tasks, required", "What it does.", &W::ReadTasks},
      {"inputs", "mapping of constants", "Read before the rest.", &W::ReadLater},
  };
  const Cursor at{&root, root.line, root.column, ""};
  TheWorkflow().place = PlaceOf(at);
  for (const YamlNode::Member& member : root.members) {
    if (member.key == "title") ReadName(at.Member(member));
    if (member.key == "inputs") ReadInputs(at.Member(member));
  }
  ReadMap(at, "a workflow", kFields, File());
  for (const auto& [key, what] : {std::pair{"title", "the workflow's name"},
                                  std::pair{"source", "the service and the event that start it"},
                                  std::pair{"tasks", "what it does"}}) {
    if (root.Find(key) == nullptr) Missing(at, key, what);
  }
}

// Constants that somebody may want to change: what is deployed without them has them as they are.
void WorkflowReader::ReadInputs(const Cursor& at) {
  ForEachMember(at, "a mapping of constants",
                [&](const YamlNode::Member& member, const Cursor& value) {
                  if (!CheckKey(value, member.key)) return;
                  if (YamlToJson(*value.node).find(kOpen) != std::string::npos) {
                    return Report(value, "an input is a constant, it refers to nothing");
                  }
                  const auto literal = ReadLiteral(value);
                  if (!literal) return;
                  Input& input = File().inputs.emplace_back();
                  input.parameter.key = member.key;
                  input.parameter.type = TypeOf(*literal);
                  input.parameter.optional = true;
                  input.otherwise = *literal;
                  input.place = PlaceOf(value);
                });
}

void WorkflowReader::ReadDescription(const Cursor& at, ApplicationFile& into) {
  std::string text;  // Of none, the title stays.
  if (ReadText(at, text) && !text.empty()) into.description = std::move(text);
}

void WorkflowReader::ReadSource(const Cursor& at, ApplicationFile&) {
  using W = WorkflowReader;
  static const std::vector<Field<Part>> kFields = {
      {"service", "service, required", "Whose event.", &W::ReadService},
      {"event", "event, required", "Which event.", &W::ReadKey},
      {"whitelist", "list of nodes", "The only ones whose events count.", &W::ReadWhitelist},
      {"blacklist", "list of nodes", "Those whose events do not count.", &W::ReadBlacklist},
  };
  Trigger& trigger = TheWorkflow().on;
  trigger.place = PlaceOf(at);
  constexpr std::string_view kWhat = "a mapping such as {service: ethereum, event: transfer}";
  if (at.node->kind != Kind::kMap) return Expected(at, kWhat);
  Part part;
  ReadMap(at, kWhat, kFields, part);
  if (at.node->Find("service") == nullptr) Missing(at, "service", "a service");
  if (at.node->Find("event") == nullptr) Missing(at, "event", "an event of the service");
  trigger.kind = Trigger::Kind::kEvent;
  trigger.reference = {part.service, part.key, part.key_place};
}

void WorkflowReader::ReadTasks(const Cursor& at, ApplicationFile&) {
  if (at.node->kind != Kind::kMap) return Expected(at, "a mapping of tasks");
  if (at.node->members.empty()) return Report(at, "expected at least one task");
  if (at.node->members.size() > kMaxListSize) {
    return Report(at, fmt::format("there are {} tasks, at most {} are allowed",
                                  at.node->members.size(), kMaxListSize));
  }
  for (const YamlNode::Member& member : at.node->members) tasks_.push_back(member.key);
  for (const YamlNode::Member& member : at.node->members) {
    const Cursor value = at.Member(member);
    if (member.key == "source" || member.key == "inputs") {
      Report(value, fmt::format("{} is taken: expressions mean something else by it", member.key));
    } else if (CheckKey(value, member.key)) {
      ReadTask(value, member.key);
    }
    done_.insert(member.key);
  }
}

void WorkflowReader::ReadTask(const Cursor& at, const std::string& name) {
  using W = WorkflowReader;
  static const std::vector<Field<Part>> kFields = {
      {"service", "service, required", "Who performs it.", &W::ReadService},
      {"task", "task, required", "Which task.", &W::ReadKey},
      {"parameters", "mapping", "Its inputs.", &W::ReadParameters},
      {"filters", "mapping", "When it is performed.", &W::ReadFilters},
      {"whitelist", "list of nodes", "The only ones that may perform it.", &W::ReadWhitelist},
      {"blacklist", "list of nodes", "Those that may not.", &W::ReadBlacklist},
  };
  task_ = name;
  needed_.clear();
  Part part;
  part.name = name;
  part.parameters = {.place = PlaceOf(at)};
  part.parameters.literal = Value::Of(std::vector<Value::Member>());
  constexpr std::string_view kWhat = "a mapping such as {service: slack, task: notify}";
  if (at.node->kind != Kind::kMap) return Expected(at, kWhat);
  ReadMap(at, kWhat, kFields, part);
  if (at.node->Find("service") == nullptr) Missing(at, "service", "a service");
  if (at.node->Find("task") == nullptr) Missing(at, "task", "a task of the service");

  // What was not performed has no result: neither is what needs it.
  std::vector<std::string> conditions;
  for (const std::string& needed : needed_) {
    if (sometimes_.contains(needed)) conditions.push_back(StepSource(needed) + " != null");
  }
  std::ranges::move(part.conditions, std::back_inserter(conditions));
  Step step{
      .action = TaskStep{{part.service, part.key, part.key_place}, std::move(part.parameters)},
      .id = name,
      .place = PlaceOf(at)};
  if (!conditions.empty()) {
    sometimes_.insert(name);
    step.condition = MakeExpression(part.filters.value_or(at), JqAll(conditions));
  }
  TheWorkflow().steps.push_back(std::move(step));
}

void WorkflowReader::ReadService(const Cursor& at, Part& into) {
  std::string use;
  if (ReadPlainText(at, use)) into.service = UseService(at, use, use, {});
}

void WorkflowReader::ReadKey(const Cursor& at, Part& into) {
  into.key_place = PlaceOf(at);
  ReadPlainText(at, into.key);
}

void WorkflowReader::ReadParameters(const Cursor& at, Part& into) {
  if (at.node->kind == Kind::kNull) return;
  if (at.node->kind != Kind::kMap) return Expected(at, "a mapping of the task's parameters");
  into.parameters = ConversionReader::ReadData(at);
}

void WorkflowReader::ReadFilters(const Cursor& at, Part& into) {
  using W = WorkflowReader;
  static const std::vector<Field<Part>> kFields = {
      {"data", "mapping of fields to values", "Each must equal its value.", &W::ReadData},
  };
  ReadMap(at, "a mapping such as {data: {from: me}}", kFields, into);
}

void WorkflowReader::ReadData(const Cursor& at, Part& into) {
  // One condition is where it stands, of several only all together have a place.
  into.filters = at.node->members.size() == 1 ? at.Member(at.node->members.front()) : at;
  ForEachMember(at, "a mapping of fields to values",
                [&](const YamlNode::Member& member, const Cursor& value) {
                  const auto path = JsonPath::Parse(member.key);
                  if (!path) return Report(value, path.error().message);
                  const auto operand = ReadOperand(value);
                  if (!operand) return;
                  into.conditions.push_back(
                      JqCondition(".", path->Steps(), Predicate::Operator::kEq, *operand));
                });
}

void WorkflowReader::ReadNodes(const Cursor& at, const Part& part, bool allowed) {
  NodeList list{.step = part.name, .allowed = allowed, .place = PlaceOf(at)};
  ReadUniqueTexts(at, list.nodes);
  if (list.nodes.empty()) return;
  Note(at, "is kept and not yet effective: any node may still do it");
  NodeLists().push_back(std::move(list));
}

// "source.from", "inputs.limit", "title.result".
std::optional<std::string> WorkflowReader::Resolve(const Cursor& at, std::string_view name) {
  const auto path = JsonPath::Parse(Trim(name));
  if (!path || path->Steps().front().index) {
    Report(at,
           path ? fmt::format("{}{}}}: expected source, inputs or a task, then a path", kOpen, name)
                : path.error().message);
    return std::nullopt;
  }
  const std::span<const JsonPath::Step> steps = path->Steps();
  const std::string& first = steps.front().key;
  if (first == "source") return JqPath(".", steps.subspan(1));
  if (first != "inputs") {
    const auto task = ResolveTask(at, first);
    if (!task) return std::nullopt;
    return JqPath(*task, steps.subspan(1));
  }
  std::vector<std::string_view> known;
  for (const Input& input : File().inputs) known.push_back(input.parameter.key);
  if (steps.size() == 1 || std::ranges::find(known, steps[1].key) != known.end()) {
    return JqPath("$inputs", steps.subspan(1));
  }
  const std::string_view near = Nearest(steps[1].key, known);
  Report(at, fmt::format("there is no input {}{}", steps[1].key,
                         near.empty() ? "" : fmt::format(", did you mean {}?", near)));
  return std::nullopt;
}

std::optional<std::string> WorkflowReader::ResolveTask(const Cursor& at, const std::string& task) {
  if (done_.contains(task)) {
    needed_.insert(task);
    return StepSource(task);
  }
  if (std::ranges::find(tasks_, task) != tasks_.end()) {
    Report(at, fmt::format("the task {} is not before {}", task, task_));
    return std::nullopt;
  }
  std::vector<std::string_view> known = {"source", "inputs"};
  known.insert(known.end(), tasks_.begin(), tasks_.end());
  const std::string_view near = Nearest(task, known);
  Report(at, fmt::format("there is no task {}{}", task,
                         near.empty() ? "" : fmt::format(", did you mean {}?", near)));
  return std::nullopt;
}

}  // namespace mesg::app
