#include "app/file/application_reader.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace mesg::app {
namespace {

using Kind = YamlNode::Kind;

constexpr std::size_t kMostRuns = 1'000'000;

constexpr std::initializer_list<Variable> kTriggerVariables = {Variable::kEvent, Variable::kInputs};
constexpr std::initializer_list<Variable> kEnvVariables = {Variable::kInputs, Variable::kEnv,
                                                           Variable::kSecrets};

}  // namespace

ApplicationFile ApplicationReader::Read(const YamlNode& root) {
  ApplicationFile file;
  if (root.kind == Kind::kNull) {
    Report({&root, 1, 1, ""}, "the file is empty, expected an application: a name and workflows");
    return file;
  }
  const Cursor at{&root, root.line, root.column, ""};
  if (const YamlNode* name = root.Find("name")) name_ = name->text;
  ReadMap(at, "a mapping that describes an application", file);
  if (root.kind == Kind::kMap) CheckWhole(root, file);
  return file;
}

// Whatever is an instance's name may be an application's: its events are those of an instance.
void ApplicationReader::ReadName(const Cursor& at, ApplicationFile& into) {
  constexpr std::size_t kLongest = 255;
  if (!ReadText(at, into.name)) return;
  const bool plain = std::ranges::none_of(
      into.name, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
  if (into.name.empty() || into.name.size() > kLongest || !plain) {
    Expected(
        at, fmt::format("a name of 1 to {} bytes without spaces, such as big-transfers", kLongest));
  }
}

// What concerns more than one key.
void ApplicationReader::CheckWhole(const YamlNode& root, const ApplicationFile& file) {
  const auto required = [&](std::string_view key, std::string_view what) {
    if (root.Find(key) != nullptr) return true;
    Report({&root, root.line, root.column, std::string(key)},
           fmt::format("required: expected {}", what));
    return false;
  };
  required("name", "the application's name");
  for (const ServiceUse& service : file.services) {
    if (service.alias != file.name) continue;
    Report({&root, service.place.line, service.place.column, service.place.path},
           "is the name of the application, which stands for its own events: call the service "
           "something else");
  }
  if (required("workflows", "what the application does, at least one") && file.workflows.empty()) {
    const auto found = std::ranges::find(root.members, "workflows", &YamlNode::Member::key);
    if (found->value->kind == Kind::kMap || found->value->kind == Kind::kNull) {
      Report({found->value.get(), found->line, found->column, "workflows"},
             "expected at least one workflow");
    }
  }
}

void ApplicationReader::ReadInputs(const Cursor& at, ApplicationFile& into) {
  ForEachMember(
      at, "a mapping of inputs", [&](const YamlNode::Member& member, const Cursor& value) {
        Input& input = into.inputs.emplace_back();
        input.parameter.key = member.key;
        input.place = {value.line, value.column, value.path};
        CheckIdentifier(value, member.key, "a name");
        if (value.node->kind != Kind::kMap) return ReadParameter(value, input.parameter);
        // A parameter with one key more.
        YamlNode rest = *value.node;
        const auto found = std::ranges::find(rest.members, "default", &YamlNode::Member::key);
        if (found != rest.members.end()) {
          const auto otherwise = Value::Read(YamlToJson(*found->value));
          if (otherwise) {
            input.otherwise = *otherwise;
          } else {
            Report(value.Member(*found), otherwise.error().message);
          }
          rest.members.erase(found);
        }
        ReadParameter({&rest, value.line, value.column, value.path}, input.parameter);
      });
}

void ApplicationReader::ReadServices(const Cursor& at, ApplicationFile& into) {
  ForEachMember(
      at, "a mapping of services", [&](const YamlNode::Member& member, const Cursor& value) {
        ServiceUse& service = into.services.emplace_back();
        service.alias = member.key;
        service.place = {value.line, value.column, value.path};
        const std::size_t before = Violations().size();
        CheckIdentifier(value, member.key, "a name");
        if (value.node->kind == Kind::kScalar) {  // mail: email
          service.use = value.node->text;
        } else {
          ReadMap(value, "a service's name, or a mapping such as {use: email}", service);
        }
        const bool readable = value.node->kind == Kind::kScalar || value.node->kind == Kind::kMap;
        if (readable && service.use.empty()) {
          Report({value.node, value.line, value.column, value.path + ".use"},
                 "required: expected a service: its name, hash, folder, archive or git URL");
        }
        service.unread = Violations().size() != before;
      });
}

void ApplicationReader::ReadServiceEnv(const Cursor& at, ServiceUse& into) {
  ForEachMember(at, "a mapping of variables",
                [&](const YamlNode::Member& member, const Cursor& value) {
                  auto& [key, text] = into.env.emplace_back();
                  key = member.key;
                  ReadTemplate(value, kEnvVariables, text);
                });
}

void ApplicationReader::ReadWorkflows(const Cursor& at, ApplicationFile& into) {
  ForEachMember(at, "a mapping of workflows",
                [&](const YamlNode::Member& member, const Cursor& value) {
                  Workflow& workflow = into.workflows.emplace_back();
                  workflow.key = member.key;
                  workflow.place = {value.line, value.column, value.path};
                  CheckKey(value, member.key);
                  ids_.clear();
                  ReadMap(value, "a mapping with `on` and `steps`", workflow);
                  if (value.node->kind != Kind::kMap) return;
                  for (const auto& [key, what] : {std::pair{"on", "what starts the workflow"},
                                                  std::pair{"steps", "what the workflow does"}}) {
                    if (value.node->Find(key) != nullptr) continue;
                    Report({value.node, value.line, value.column, value.path + "." + key},
                           fmt::format("required: expected {}", what));
                  }
                });
}

void ApplicationReader::ReadOn(const Cursor& at, Workflow& into) {
  Trigger& trigger = into.on;
  trigger.place = {at.line, at.column, at.path};
  if (at.node->kind == Kind::kScalar) return ReadOnEvent(at, trigger);
  ReadMap(at, "an event such as chain.transfer, or a mapping such as {schedule: \"0 9 1 * *\"}",
          trigger);
  if (at.node->kind != Kind::kMap) return;
  constexpr std::array<std::string_view, 4> kKinds = {"event", "result", "schedule", "manual"};
  std::string_view kind;
  for (const YamlNode::Member& member : at.node->members) {
    if (std::ranges::find(kKinds, member.key) == kKinds.end()) continue;
    if (!kind.empty()) {
      Report(at.Member(member),
             fmt::format("a workflow is started by one thing, it has {} already", kind));
    } else {
      kind = member.key;
    }
  }
  if (kind.empty()) return Report(at, "expected one of event, result, schedule, manual");
  const auto belongs = [&](std::string_view key, std::string_view to) {
    const auto found = std::ranges::find(at.node->members, key, &YamlNode::Member::key);
    if (found == at.node->members.end() || kind == to) return;
    Report(at.Member(*found), fmt::format("belongs to {} only", to));
  };
  belongs("output", "result");
  for (const char* key : {"timezone", "missed", "jitter"}) belongs(key, "schedule");
}

void ApplicationReader::ReadOnEvent(const Cursor& at, Trigger& into) {
  into.kind = Trigger::Kind::kEvent;
  ReadReference(at, "an event of it, such as chain.transfer", into.reference);
}

void ApplicationReader::ReadOnResult(const Cursor& at, Trigger& into) {
  into.kind = Trigger::Kind::kResult;
  ReadReference(at, "a task of it, such as chain.send", into.reference);
}

void ApplicationReader::ReadOnSchedule(const Cursor& at, Trigger& into) {
  into.kind = Trigger::Kind::kSchedule;
  if (at.node->kind != Kind::kScalar || at.node->text.empty()) {
    return Expected(at, "times as cron writes them, such as \"0 9 * * 1\" (mondays at nine)");
  }
  into.schedule = at.node->text;
}

void ApplicationReader::ReadOnManual(const Cursor& at, Trigger& into) {
  into.kind = Trigger::Kind::kManual;
  if (at.node->kind == Kind::kScalar) return Expected(at, "{} or a mapping of parameters");
  ReadParameters(at, into.inputs.parameters);
}

void ApplicationReader::ReadOnIf(const Cursor& at, Trigger& into) {
  ReadExpression(at, kTriggerVariables, into.condition);
}

void ApplicationReader::ReadMissed(const Cursor& at, Trigger& into) {
  const std::string_view text = at.node->kind == Kind::kScalar ? at.node->text : std::string_view();
  if (text == "all") {
    into.missed = Trigger::Missed::kAll;
  } else if (text == "latest") {
    into.missed = Trigger::Missed::kLatest;
  } else if (text == "skip") {
    into.missed = Trigger::Missed::kSkip;
  } else {
    Expected(at, "all, latest or skip");
  }
}

void ApplicationReader::ReadWorkflowIf(const Cursor& at, Workflow& into) {
  ReadExpression(at, kTriggerVariables, into.condition);
}

void ApplicationReader::ReadWorkflowCatch(const Cursor& at, Workflow& into) {
  ++catches_;
  ReadSteps(at, into.on_error);
  --catches_;
}

void ApplicationReader::ReadConcurrency(const Cursor& at, Workflow& into) {
  Concurrency& concurrency = into.concurrency.emplace();
  if (at.node->kind == Kind::kScalar) return ReadLimit(at, concurrency);
  ReadMap(at, "a whole number, or a mapping such as {limit: 5}", concurrency);
}

void ApplicationReader::ReadLimit(const Cursor& at, Concurrency& into) {
  ReadCount(at, "a whole number", kMostRuns, into.limit);
}

void ApplicationReader::ReadConcurrencyKey(const Cursor& at, Concurrency& into) {
  ReadExpression(at, kTriggerVariables, into.key);
}

void ApplicationReader::ReadWhenFull(const Cursor& at, Concurrency& into) {
  const std::string_view text = at.node->kind == Kind::kScalar ? at.node->text : std::string_view();
  if (text == "queue") {
    into.when_full = Concurrency::WhenFull::kQueue;
  } else if (text == "drop") {
    into.when_full = Concurrency::WhenFull::kDrop;
  } else if (text == "replace") {
    into.when_full = Concurrency::WhenFull::kReplace;
  } else {
    Expected(at, "queue, drop or replace");
  }
}

void ApplicationReader::ReadDedupe(const Cursor& at, Workflow& into) {
  Dedupe& dedupe = into.dedupe.emplace();
  if (at.node->kind == Kind::kScalar) return ReadDedupeKey(at, dedupe);
  ReadMap(at, "an expression, or a mapping such as {key: .id, window: 1h}", dedupe);
  if (at.node->kind == Kind::kMap && at.node->Find("key") == nullptr) {
    Report({at.node, at.line, at.column, at.path + ".key"}, "required: expected an expression");
  }
}

void ApplicationReader::ReadDedupeKey(const Cursor& at, Dedupe& into) {
  ReadExpression(at, kTriggerVariables, into.key);
}

void ApplicationReader::ReadOrder(const Cursor& at, Workflow& into) {
  ReadExpression(at, kTriggerVariables, into.order);
}

Result<ApplicationFile> ApplicationFile::Parse(std::string_view yaml, std::string_view file) {
  ApplicationReading reading = Read(yaml);
  if (reading.IsWhole()) return std::move(reading.file);
  return RefuseFile(file, std::move(reading.violations), reading.not_listed, "INVALID_APPLICATION");
}

ApplicationReading ApplicationFile::Read(std::string_view yaml) {
  auto document = YamlDocument::Read(yaml);
  if (!document) return {.violations = std::move(document).error().violations};
  ApplicationReader reader(std::move(document->violations));
  ApplicationReading reading;
  reading.file = reader.Read(*document->root);
  reading.violations = reader.Violations();
  reading.not_listed = reader.NotListed();
  return reading;
}

const ServiceUse* ApplicationFile::FindService(std::string_view alias) const {
  const auto found = std::ranges::find(services, alias, &ServiceUse::alias);
  return found == services.end() ? nullptr : &*found;
}

const EventDefinition* ApplicationFile::FindEvent(std::string_view key) const {
  const auto found = std::ranges::find(events, key, &EventDefinition::key);
  return found == events.end() ? nullptr : &*found;
}

const Workflow* ApplicationFile::FindWorkflow(std::string_view key) const {
  const auto found = std::ranges::find(workflows, key, &Workflow::key);
  return found == workflows.end() ? nullptr : &*found;
}

}  // namespace mesg::app
