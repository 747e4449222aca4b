#include "app/program/program.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "app/convert/read_application.h"
#include "base/encoding.h"

namespace mesg::app {
namespace {

/// Numbers the steps of one workflow.
class Numbering {
 public:
  explicit Numbering(std::vector<Node>& nodes) : nodes_(nodes) {}

  void Add(const Workflow& workflow) {
    nodes_.emplace_back();
    AddBlock(0, Node::kCatch, workflow.on_error, "catch");
    AddBlock(0, Node::kCompensate, {}, "");
    AddBlock(0, Node::kBody, workflow.steps, "steps");
  }

 private:
  void AddBlock(std::uint32_t parent, std::uint32_t block, const Steps& steps,
                const std::string& path) {
    std::optional<std::uint32_t> first;
    std::optional<std::uint32_t> before;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const std::uint32_t number = AddStep(steps[i], parent, block, fmt::format("{}[{}]", path, i));
      if (before) nodes_[*before].next = number;
      if (!first) first = number;
      before = number;
    }
    auto& blocks = nodes_[parent].blocks;
    if (blocks.size() <= block) blocks.resize(block + 1);
    blocks[block] = first;
  }

  std::uint32_t AddStep(const Step& step, std::uint32_t parent, std::uint32_t block,
                        std::string path) {
    const auto number = static_cast<std::uint32_t>(nodes_.size());
    Node& node = nodes_.emplace_back();
    node.step = &step;
    node.parent = parent;
    node.block = block;
    node.path = path;
    std::uint32_t body = Node::kBody;
    if (const auto* branch = std::get_if<BranchStep>(&step.action)) {
      AddBlock(number, body, branch->then, path + ".then");
      AddBlock(number, body + 1, branch->otherwise, path + ".else");
    } else if (const auto* way = std::get_if<SwitchStep>(&step.action)) {
      for (const auto& [key, steps] : way->cases) {
        AddBlock(number, body++, steps, fmt::format("{}.cases.{}", path, key));
      }
      AddBlock(number, body, way->otherwise, path + ".default");
    } else if (const auto* parallel = std::get_if<ParallelStep>(&step.action)) {
      for (std::size_t i = 0; i < parallel->branches.size(); ++i) {
        AddBlock(number, body++, parallel->branches[i], fmt::format("{}.parallel[{}]", path, i));
      }
    } else if (const auto* each = std::get_if<ForeachStep>(&step.action)) {
      AddBlock(number, body, each->steps, path + ".steps");
    }
    AddBlock(number, Node::kCatch, step.on_error, path + ".catch");
    AddBlock(number, Node::kCompensate, step.compensation, path + ".compensate");
    return number;
  }

  std::vector<Node>& nodes_;
};

Result<Value> ReadInputs(const ApplicationFile& file,
                         const std::map<std::string, std::string>& given) {
  ParameterSet declared;
  declared.additional = false;
  std::vector<Value::Member> members;
  for (const Input& input : file.inputs) {
    declared.parameters.push_back(input.parameter);
    if (const auto found = given.find(input.parameter.key); found != given.end()) {
      auto value = Value::Read(found->second);
      if (!value) return Annotate(std::move(value).error(), "input " + input.parameter.key);
      members.emplace_back(input.parameter.key, *std::move(value));
    } else if (input.otherwise) {
      members.emplace_back(input.parameter.key, *input.otherwise);
    }
  }
  for (const auto& each : given) {
    const std::string& key = each.first;
    const bool known = std::ranges::any_of(
        file.inputs, [&](const Input& input) { return input.parameter.key == key; });
    if (known) continue;
    std::vector<std::string_view> keys;
    for (const Input& input : file.inputs) keys.emplace_back(input.parameter.key);
    const std::string_view near = Nearest(key, keys);
    return InvalidArgument("application {} has no input {}{}", file.name, key,
                           near.empty() ? std::string() : fmt::format(", did you mean {}?", near))
        .Because("INVALID_INPUTS");
  }
  const Value inputs = Value::Of(std::move(members));
  const auto validator = MESG_TRY(DataValidator::Compile(declared));
  auto valid = validator.Validate(inputs.Json(), fmt::format("inputs of {}", file.name));
  if (!valid) return std::move(valid).error().Because("INVALID_INPUTS");
  return inputs;
}

// Those of the trigger and of the workflow. What the helper has to judge it judges at once.
Result<std::vector<Expression>> ConditionsOf(const Workflow& workflow) {
  std::vector<Expression> here;
  std::vector<Expression> elsewhere;
  for (const auto* condition : {&workflow.on.condition, &workflow.condition}) {
    if (!*condition) continue;
    const Expression& expression = (*condition)->expression;
    (expression.NeedsHelper() ? elsewhere : here).push_back(expression);
  }
  if (elsewhere.size() == 1) here.push_back(elsewhere[0]);
  if (elsewhere.size() == 2) {
    here.push_back(MESG_TRY(Expression::Parse(
        fmt::format("({}) and ({})", elsewhere[0].ToJq(), elsewhere[1].ToJq()), kVariables)));
  }
  return here;
}

Result<Flow> MakeFlow(const Workflow& workflow) {
  Flow flow;
  flow.workflow = &workflow;
  flow.conditions = MESG_TRY(ConditionsOf(workflow));
  Numbering(flow.nodes).Add(workflow);
  if (workflow.on.kind == Trigger::Kind::kSchedule) {
    flow.schedule = MESG_TRY(Schedule::Parse(workflow.on.schedule, workflow.on.timezone));
  } else if (workflow.on.kind == Trigger::Kind::kManual) {
    flow.inputs = MESG_TRY(DataValidator::Compile(workflow.on.inputs));
  }
  return flow;
}

}  // namespace

std::string ProgramSource::Hash() const {
  std::string all = fmt::format("{}\n{}{}\n{}", file_name.size(), file_name, text.size(), text);
  for (const auto* pairs : {&inputs, &env, &services}) {
    all += fmt::format("{}\n", pairs->size());
    for (const auto& [key, value] : *pairs) {
      all += fmt::format("{}\n{}{}\n{}", key.size(), key, value.size(), value);
    }
  }
  return ToBase58(Sha256(all));
}

std::optional<std::uint32_t> Flow::FindStep(std::string_view id) const {
  for (std::uint32_t number = 1; number < nodes.size(); ++number) {
    if (nodes[number].step->id == id) return number;
  }
  return std::nullopt;
}

Result<std::shared_ptr<const Program>> Program::Compile(const ProgramSource& source) {
  const std::shared_ptr<Program> program(new Program());
  program->file_ = MESG_TRY(ReadAnyApplication(source.text, source.file_name)).file;
  program->hash_ = source.Hash();
  const ApplicationFile& file = program->file_;
  program->inputs_ = MESG_TRY(ReadInputs(file, source.inputs));
  std::vector<Value::Member> env;
  for (const auto& [key, value] : source.env) env.emplace_back(key, Value::Text(value));
  program->env_ = Value::Of(std::move(env));
  for (const Workflow& workflow : file.workflows) {
    program->flows_.push_back(MESG_TRY(MakeFlow(workflow)));
  }
  for (const ServiceUse& service : file.services) {
    const auto bound = source.services.find(service.alias);
    program->instances_[service.alias] =
        bound == source.services.end() ? service.use : bound->second;
  }
  program->instances_[file.name] = file.name;
  for (const EventDefinition& event : file.events) {
    program->events_.emplace(event.key, MESG_TRY(DataValidator::Compile(event.data)));
  }
  return std::shared_ptr<const Program>(program);
}

const Flow* Program::FindFlow(std::string_view workflow) const {
  const auto found = std::ranges::find_if(
      flows_, [&](const Flow& flow) { return flow.workflow->key == workflow; });
  return found == flows_.end() ? nullptr : &*found;
}

const std::string& Program::InstanceOf(std::string_view alias) const {
  const auto found = instances_.find(alias);
  MESG_CHECK(found != instances_.end(), "application {} uses no service {}", file_.name, alias);
  return found->second;
}

Result<void> Program::CheckEvent(std::string_view event, std::string_view data) const {
  const auto found = events_.find(event);
  if (found == events_.end()) {
    return NotFound("application {} declares no event {}", file_.name, event);
  }
  return found->second.Validate(data, fmt::format("data of event \"{}\"", event));
}

}  // namespace mesg::app
