#include "api/grpc/application_wire.h"

#include <map>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "api/grpc/errors.h"
#include "api/grpc/service_wire.h"
#include "app/check/check.h"
#include "app/convert/read_application.h"
#include "app/graph/drawing.h"
#include "app/graph/graph.h"
#include "model/service_definition.h"
#include "model/yaml_document.h"

namespace mesg::api {
namespace {

using Diagnostics = google::protobuf::RepeatedPtrField<v1::Diagnostic>;

void Add(std::string_view file, const Violation& violation, Diagnostics& into) {
  v1::Diagnostic& diagnostic = *into.Add();
  diagnostic.set_file(ToUtf8(file));
  diagnostic.set_line(violation.line);
  diagnostic.set_column(violation.column);
  diagnostic.set_path(ToUtf8(violation.path));
  diagnostic.set_message(ToUtf8(violation.reason));
}

void Add(std::string_view file, const Error& error, Diagnostics& into) {
  for (const Violation& violation : error.violations) Add(file, violation, into);
  if (error.violations.empty()) Add(file, Violation{"", error.message}, into);
}

/// Names that expressions take from `$env` and `$secrets`.
class Mentions {
 public:
  using Expression = app::Expression;
  using Template = app::Template;

  void In(const Template& text) {
    for (const Expression& expression : text.Expressions()) In(expression);
  }
  void In(const Expression& expression) {
    for (const app::PathUse& use : expression.Paths()) {
      if (use.keys.empty()) continue;
      if (use.variable == static_cast<std::uint32_t>(app::Variable::kEnv)) {
        env.insert(use.keys.front());
      } else if (use.variable == static_cast<std::uint32_t>(app::Variable::kSecrets)) {
        secrets.insert(use.keys.front());
      }
    }
  }
  void In(const app::Steps& steps) {
    for (const app::Step& step : steps) {
      std::visit([this](const auto& action) { In(action); }, step.action);
      In(step.on_error);
      In(step.compensation);
    }
  }

  std::set<std::string> env;
  std::set<std::string> secrets;

 private:
  // Only a task's `with` may mention them; other steps count for the steps inside them.
  void In(const app::TaskStep& task) {
    task.with.ForEachExpression(
        [this](const Expression& expression, const app::Place&) { In(expression); });
  }
  void In(const app::BranchStep& branch) {
    In(branch.then);
    In(branch.otherwise);
  }
  void In(const app::SwitchStep& choice) {
    for (const auto& [key, steps] : choice.cases) In(steps);
    In(choice.otherwise);
  }
  void In(const app::ParallelStep& parallel) {
    for (const app::Steps& branch : parallel.branches) In(branch);
  }
  void In(const app::ForeachStep& foreach) { In(foreach.steps); }
  void In(const app::SetStep&) {}
  void In(const app::WaitStep&) {}
  void In(const app::AwaitStep&) {}
  void In(const app::ApproveStep&) {}
  void In(const app::EmitStep&) {}
  void In(const app::RunStep&) {}
  void In(const app::StopStep&) {}
  void In(const app::FailStep&) {}
};

/// The texts of `services.ALIAS.env` as they stand in the file.
std::map<std::string, std::string> EnvTexts(const YamlDocument& document,
                                            const std::string& alias) {
  std::map<std::string, std::string> texts;
  const YamlNode* at = document.root.get();
  for (const std::string& key : {std::string("services"), alias, std::string("env")}) {
    at = at == nullptr ? nullptr : at->Find(key);
  }
  if (at == nullptr) return texts;
  for (const YamlNode::Member& member : at->members) texts[member.key] = member.value->text;
  return texts;
}

void OutlineInput(const app::Input& input, v1::ApplicationOutline::Input& wire) {
  wire.set_key(input.parameter.key);
  wire.set_description(input.parameter.description);
  if (input.parameter.schema.empty()) wire.set_type(std::string(Name(input.parameter.type)));
  wire.set_repeated(input.parameter.repeated);
  wire.set_optional(input.parameter.optional);
  if (input.otherwise) wire.set_default_value(input.otherwise->Json());
}

/// What a file of the original says in another place, or in another way.
void OutlineConverted(const app::ReadApplication& read, v1::ApplicationOutline& outline) {
  outline.set_format(std::string(Name(read.format)));
  for (const std::string& note : read.notes) outline.add_notes(ToUtf8(note));
  std::set<std::string> env(outline.env().begin(), outline.env().end());
  for (v1::ApplicationOutline::Use& use : *outline.mutable_services()) {
    if (const auto texts = read.env_texts.find(use.alias()); texts != read.env_texts.end()) {
      for (const auto& [key, text] : texts->second) (*use.mutable_env())[key] = text;
    }
    // A service may be named by a variable: "${ $env.X }".
    const auto named = app::Template::Parse(use.use(), app::kVariables);
    if (!named) continue;
    Mentions mentions;
    mentions.In(*named);
    env.insert(mentions.env.begin(), mentions.env.end());
  }
  outline.mutable_env()->Assign(env.begin(), env.end());
}

}  // namespace

void Outline(const app::ApplicationReading& reading, std::string_view yaml,
             v1::ApplicationOutline& outline) {
  const app::ApplicationFile& file = reading.file;
  outline.set_name(file.name);
  outline.set_description(file.description);
  outline.set_format("application");
  Mentions mentions;
  const auto document = YamlDocument::Read(yaml);
  for (const app::ServiceUse& service : file.services) {
    v1::ApplicationOutline::Use& wire = *outline.add_services();
    wire.set_alias(service.alias);
    wire.set_use(service.use);
    for (const auto& [key, text] : service.env) mentions.In(text);
    if (!document) continue;
    for (auto& [key, text] : EnvTexts(*document, service.alias)) {
      (*wire.mutable_env())[key] = std::move(text);
    }
  }
  if (!reading.IsWhole()) return;
  for (const app::Input& input : file.inputs) OutlineInput(input, *outline.add_inputs());
  for (const app::Workflow& workflow : file.workflows) {
    v1::ApplicationOutline::Workflow& wire = *outline.add_workflows();
    wire.set_key(workflow.key);
    wire.set_description(workflow.description);
    wire.set_trigger(app::Describe(workflow.on));
    wire.set_mermaid(app::Mermaid(workflow));
    wire.set_dot(app::Dot(workflow));
    ToWire(workflow.on.inputs.parameters, *wire.mutable_inputs());
    mentions.In(workflow.steps);
    mentions.In(workflow.on_error);
  }
  for (const std::string& name : mentions.env) outline.add_env(name);
  for (const std::string& name : mentions.secrets) outline.add_secrets(name);
}

v1::ValidateApplicationResponse ValidateApplication(const v1::ValidateApplicationRequest& request) {
  v1::ValidateApplicationResponse response;
  const std::string& name = request.file().name();
  const std::string& content = request.file().content();
  const auto format = app::FormatOf(content);
  app::ApplicationReading reading;
  if (format == app::ApplicationFormat::kApplication) {
    // Also what could be read of one with mistakes is compared with its services.
    reading = app::ApplicationFile::Read(content);
    Outline(reading, content, *response.mutable_outline());
  } else {
    auto read = app::ReadAnyApplication(content, name);
    if (!read) {
      Add(name, read.error(), *response.mutable_errors());
      return response;
    }
    reading.file = read->file;
    Outline(reading, content, *response.mutable_outline());
    OutlineConverted(*read, *response.mutable_outline());
  }
  std::map<std::string, ServiceDefinition> definitions;
  for (v1::ApplicationOutline::Use& use : *response.mutable_outline()->mutable_services()) {
    const auto given = request.definitions().find(use.alias());
    if (given == request.definitions().end()) continue;
    auto definition = ServiceDefinition::Parse(given->second);
    if (definition) {
      use.set_resolved(true);
      definitions.emplace(use.alias(), *std::move(definition));
    } else {
      Add(use.use() + "/mesg.yml", definition.error(), *response.mutable_errors());
    }
  }
  app::Contracts contracts;
  for (const auto& [alias, definition] : definitions) contracts.emplace(alias, &definition);
  const app::Findings findings = app::Check(reading, contracts);
  for (const Violation& found : findings.errors) Add(name, found, *response.mutable_errors());
  if (findings.not_listed > 0) {
    Add(name, Violation{"", fmt::format("{} more errors are not listed", findings.not_listed)},
        *response.mutable_errors());
  }
  for (const Violation& found : findings.warnings) Add(name, found, *response.mutable_warnings());
  return response;
}

}  // namespace mesg::api
