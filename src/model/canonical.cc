#include <algorithm>

#include "base/encoding.h"
#include "model/definition_reader.h"
#include "model/json_value.h"

// The canonical form of a definition: a mesg.yml in JSON, so that one reader serves both. Keys of
// descriptions are sorted and defaults left out. Mappings whose keys the author chose (events,
// tasks, parameters, outputs, variables, dependencies) keep his order, except in what is hashed.

namespace mesg {
namespace {

/// Writes one JSON object, leaving out members that are at their default.
class ObjectWriter {
 public:
  void Raw(std::string_view key, std::string_view json) {
    if (json_.size() > 1) json_ += ',';
    json_ += QuoteJson(key);
    json_ += ':';
    json_ += json;
  }
  void Text(std::string_view key, const std::string& value) {
    if (!value.empty()) Raw(key, QuoteJson(value));
  }
  void Flag(std::string_view key, bool value, bool usual) {
    if (value != usual) Raw(key, value ? "true" : "false");
  }
  void Span(std::string_view key, Duration value, Duration usual) {
    if (value != usual) Raw(key, QuoteJson(FormatDuration(value)));
  }
  void Texts(std::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    std::string list = "[";
    for (const std::string& value : values) {
      if (list.size() > 1) list += ',';
      list += QuoteJson(value);
    }
    Raw(key, list + "]");
  }
  void Object(std::string_view key, const std::string& json) {
    if (json != "{}") Raw(key, json);
  }
  bool empty() const { return json_.size() == 1; }
  std::string Take() { return std::move(json_) + "}"; }

 private:
  std::string json_ = "{";
};

class Writer {
 public:
  explicit Writer(bool sorted) : sorted_(sorted) {}
  std::string Service(const ServiceDefinition& definition) const;

 private:
  /// A mapping from the keys of `values` to what `write` makes of each.
  template <typename T, typename Write>
  std::string Keyed(const std::vector<T>& values, Write&& write) const {
    std::vector<const T*> order;
    for (const T& value : values) order.push_back(&value);
    if (sorted_)
      std::ranges::sort(order, {}, [](const T* value) { return std::string_view(value->key); });
    ObjectWriter object;
    for (const T* value : order) object.Raw(value->key, write(*value));
    return object.Take();
  }

  std::string Parameters(const std::vector<Parameter>& parameters) const {
    return Keyed(parameters, [this](const Parameter& parameter) { return One(parameter); });
  }
  std::string One(const Parameter& parameter) const;
  std::string One(const EventDefinition& event) const;
  std::string One(const OutputDefinition& output) const;
  std::string One(const TaskDefinition& task) const;
  static std::string One(const RetryPolicy& retry);
  static std::string One(const EnvDefinition& env);
  static std::string One(const HealthCheck& health);
  static std::string One(const ContainerConfiguration& container);

  const bool sorted_;
};

std::string Writer::One(const Parameter& parameter) const {
  ObjectWriter object;
  object.Flag("additional", parameter.additional, true);
  object.Text("description", parameter.description);
  object.Text("name", parameter.name);
  object.Object("object", Parameters(parameter.object));
  object.Flag("optional", parameter.optional, false);
  object.Flag("repeated", parameter.repeated, false);
  if (parameter.schema.empty()) {
    object.Text("type", std::string(Name(parameter.type)));
  } else {
    object.Raw("schema", parameter.schema);
  }
  return object.Take();
}

std::string Writer::One(const EventDefinition& event) const {
  ObjectWriter object;
  object.Flag("additional", event.data.additional, true);
  object.Object("data", Parameters(event.data.parameters));
  object.Text("description", event.description);
  object.Text("name", event.name);
  return object.Take();
}

std::string Writer::One(const OutputDefinition& output) const {
  ObjectWriter object;
  object.Flag("additional", output.data.additional, true);
  object.Object("data", Parameters(output.data.parameters));
  object.Text("description", output.description);
  object.Text("name", output.name);
  return object.Take();
}

std::string Writer::One(const TaskDefinition& task) const {
  const bool one_set = task.outputs.size() == 1 && task.outputs.front().key.empty();
  ObjectWriter additional;
  additional.Flag("inputs", task.inputs.additional, true);
  if (one_set) additional.Flag("outputs", task.outputs.front().data.additional, true);

  ObjectWriter object;
  object.Object("additional", additional.Take());
  object.Text("description", task.description);
  if (task.effect != Effect::kIdempotent) object.Text("effect", std::string(Name(task.effect)));
  object.Object("inputs", Parameters(task.inputs.parameters));
  object.Text("name", task.name);
  object.Object("outputs", one_set ? Parameters(task.outputs.front().data.parameters)
                                   : Keyed(task.outputs,
                                           [this](const OutputDefinition& o) { return One(o); }));
  if (task.retry) object.Raw("retry", One(*task.retry));
  if (task.timeout) object.Span("timeout", *task.timeout, Duration::zero());
  return object.Take();
}

std::string Writer::One(const RetryPolicy& retry) {
  const RetryPolicy usual;
  ObjectWriter object;
  if (retry.attempts != usual.attempts) object.Raw("attempts", std::to_string(retry.attempts));
  if (retry.factor != usual.factor) object.Raw("factor", fmt::format("{}", retry.factor));
  object.Span("initial", retry.initial, usual.initial);
  if (retry.jitter != usual.jitter) object.Raw("jitter", fmt::format("{}", retry.jitter));
  object.Span("max", retry.max, usual.max);
  return object.Take();
}

std::string Writer::One(const EnvDefinition& env) {
  ObjectWriter object;
  object.Text("description", env.description);
  object.Texts("enum", env.choices);
  object.Flag("required", env.required, false);
  object.Flag("secret", env.secret, false);
  if (env.type != EnvType::kString) object.Text("type", std::string(Name(env.type)));
  if (env.value) object.Raw("value", QuoteJson(*env.value));
  return object.Take();
}

std::string Writer::One(const HealthCheck& health) {
  const HealthCheck usual;
  ObjectWriter object;
  object.Texts("command", health.command);
  object.Span("interval", health.interval, usual.interval);
  object.Span("timeout", health.timeout, usual.timeout);
  return object.Take();
}

std::string Writer::One(const ContainerConfiguration& container) {
  ObjectWriter object;
  object.Texts("args", container.args);
  object.Text("command", container.command);
  object.Texts("env", container.env);
  object.Text("image", container.image);
  object.Texts("ports", container.ports);
  object.Texts("volumes", container.volumes);
  object.Texts("volumesFrom", container.volumes_from);
  return object.Take();
}

std::string Writer::Service(const ServiceDefinition& definition) const {
  ObjectWriter object;
  object.Object("configuration", One(definition.Configuration()));
  object.Object("dependencies", Keyed(definition.Dependencies(), [](const DependencyDefinition& d) {
                  return One(d.container);
                }));
  object.Text("description", definition.Description());
  object.Object("env", Keyed(definition.Env(), [](const EnvDefinition& env) { return One(env); }));
  object.Object("events",
                Keyed(definition.Events(), [this](const EventDefinition& e) { return One(e); }));
  if (definition.Health()) object.Raw("health", One(*definition.Health()));
  object.Text("name", definition.Name());
  object.Text("repository", definition.Repository());
  object.Texts("run", definition.Run());
  object.Text("sid", definition.Sid());
  object.Object("tasks",
                Keyed(definition.Tasks(), [this](const TaskDefinition& t) { return One(t); }));
  object.Text("version", definition.Version());
  return object.Take();
}

/// JSON as the tree that YAML gives.
YamlNodePtr ToYaml(const JsonValue& value) {
  auto node = std::make_shared<YamlNode>();
  switch (value.kind) {
    case JsonValue::Kind::kNull:
      break;
    case JsonValue::Kind::kBoolean:
      node->kind = YamlNode::Kind::kScalar;
      node->text = value.boolean ? "true" : "false";
      break;
    case JsonValue::Kind::kNumber:
    case JsonValue::Kind::kString:
      node->kind = YamlNode::Kind::kScalar;
      node->text = value.text;
      node->quoted = value.kind == JsonValue::Kind::kString;
      break;
    case JsonValue::Kind::kList:
      node->kind = YamlNode::Kind::kList;
      for (const JsonValue& item : value.items) node->items.push_back(ToYaml(item));
      break;
    case JsonValue::Kind::kObject:
      node->kind = YamlNode::Kind::kMap;
      for (const auto& [key, member] : value.members) {
        node->members.push_back({key, 0, 0, ToYaml(member)});
      }
      break;
  }
  return node;
}

}  // namespace

void DefinitionReader::Finish(ServiceDefinition& definition) {
  definition.canonical_ = Writer(false).Service(definition);
  definition.hash_ = ToBase58(Sha256(Writer(true).Service(definition)));
  if (definition.sid_.empty()) definition.sid_ = "_" + definition.hash_;
}

Result<ServiceDefinition> ServiceDefinition::FromCanonical(std::string_view json) {
  const auto value = ReadJson(json);
  if (!value) return Annotate(value.error(), "canonical service definition");
  DefinitionReader reader(std::vector<Violation>{});
  ServiceDefinition definition = reader.Read(*ToYaml(*value));
  if (!reader.Violations().empty()) {
    const Violation& first = reader.Violations().front();
    return Error{.code = Code::kInvalidArgument,
                 .message = fmt::format("canonical service definition: {}{}{}", first.path,
                                        first.path.empty() ? "" : ": ", first.reason),
                 .reason = "INVALID_DEFINITION",
                 .violations = reader.Violations()};
  }
  DefinitionReader::Finish(definition);
  if (definition.canonical_ != json) {
    return InvalidArgument("canonical service definition: it means something, but is not canonical")
        .Because("INVALID_DEFINITION");
  }
  return definition;
}

}  // namespace mesg
