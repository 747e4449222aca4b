#include "app/check/names.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "base/encoding.h"

namespace mesg::app {
namespace {

template <typename Things, typename Key>
std::vector<std::string_view> Keys(const Things& things, Key key) {
  std::vector<std::string_view> keys;
  for (const auto& each : things) keys.push_back(std::invoke(key, each));
  return keys;
}

}  // namespace

std::string DidYouMean(std::string_view name, const std::vector<std::string_view>& known) {
  const std::string_view near = Nearest(name, known);
  return near.empty() ? std::string() : fmt::format(", did you mean {}?", near);
}

std::string Choice(std::string_view name, const std::vector<std::string_view>& known) {
  constexpr std::size_t kMostShown = 10;
  std::string near = DidYouMean(name, known);
  if (!near.empty() || known.empty() || known.size() > kMostShown) return near;
  return fmt::format(", expected {}{}", known.size() > 1 ? "one of " : "", fmt::join(known, ", "));
}

std::string_view Misspelt(std::string_view name, const std::vector<std::string_view>& known) {
  constexpr std::size_t kMostCompared = 1000;  // It is asked for every name of a file.
  if (known.size() > kMostCompared) return {};
  const std::string_view near = Nearest(name, known);
  const bool meant = !near.empty() && near != name && EditDistance(name, near) <= name.size() / 3;
  return meant ? near : std::string_view();
}

Place Inside(const Place& place, std::string_view key) {
  return {place.line, place.column, place.path + "." + std::string(key)};
}

const ServiceDefinition* Names::Contract(const std::string& alias) const {
  const auto found = contracts_.find(alias);
  return found == contracts_.end() ? nullptr : found->second;
}

bool Names::IsService(const Reference& reference) {
  if (file_.FindService(reference.alias) != nullptr) return true;
  if (!whole_ && file_.services.empty()) return false;
  auto known = Keys(file_.services, &ServiceUse::alias);
  known.push_back(file_.name);
  findings_.Report(reference.place, [&] {
    return fmt::format("there is no service {} in this file{}", reference.alias,
                       Choice(reference.alias, known));
  });
  return false;
}

const EventDefinition* Names::Event(const Reference& reference) {
  if (reference.alias.empty()) return nullptr;  // It could not be read.
  if (file_.IsOwn(reference)) return OwnEvent(reference.key, reference.place);
  const ServiceDefinition* const contract = Contract(reference.alias);
  if (!IsService(reference) || contract == nullptr) return nullptr;
  const EventDefinition* const event = contract->FindEvent(reference.key);
  if (event != nullptr) return event;
  const auto known = Keys(contract->Events(), &EventDefinition::key);
  findings_.Report(reference.place, [&] {
    return fmt::format("{} has no event {}{}", reference.alias, reference.key,
                       Choice(reference.key, known));
  });
  return nullptr;
}

const TaskDefinition* Names::Task(const Reference& reference) {
  if (reference.alias.empty()) return nullptr;
  if (file_.IsOwn(reference)) {
    findings_.Report(reference.place, [&] {
      return fmt::format(
          "{} is this application, which has events and no tasks: to do "
          "what another workflow does, `run` it",
          reference.alias);
    });
    return nullptr;
  }
  const ServiceDefinition* const contract = Contract(reference.alias);
  if (!IsService(reference) || contract == nullptr) return nullptr;
  const TaskDefinition* const task = contract->FindTask(reference.key);
  if (task != nullptr) return task;
  const auto known = Keys(contract->Tasks(), &TaskDefinition::key);
  findings_.Report(reference.place, [&] {
    return fmt::format("{} has no task {}{}", reference.alias, reference.key,
                       Choice(reference.key, known));
  });
  return nullptr;
}

const OutputDefinition* Names::Output(const TaskDefinition* task, const Trigger& trigger) {
  if (task == nullptr) return nullptr;
  const OutputDefinition* const output = task->FindOutput(trigger.output);
  if (output != nullptr) return output;
  const auto known = Keys(task->outputs, &OutputDefinition::key);
  findings_.Report(Inside(trigger.place, "output"), [&] {
    return fmt::format("{} has no output {}{}", trigger.reference.key, trigger.output,
                       Choice(trigger.output, known));
  });
  return nullptr;
}

const EventDefinition* Names::OwnEvent(std::string_view key, const Place& place) {
  const EventDefinition* const event = file_.FindEvent(key);
  if (event != nullptr || key.empty() || (!whole_ && file_.events.empty())) return event;
  findings_.Report(place, [&] {
    const std::string near = Choice(key, Keys(file_.events, &EventDefinition::key));
    return fmt::format("this application declares no event {}{}", key,
                       near.empty() ? " under `events`" : near);
  });
  return nullptr;
}

const Workflow* Names::ManualWorkflow(std::string_view key, const Place& place) {
  const Workflow* const workflow = file_.FindWorkflow(key);
  if (workflow == nullptr) {
    if (key.empty()) return nullptr;
    findings_.Report(place, [&] {
      return fmt::format("there is no workflow {} in this file{}", key,
                         Choice(key, Keys(file_.workflows, &Workflow::key)));
    });
    return nullptr;
  }
  if (workflow->on.kind == Trigger::Kind::kManual) return workflow;
  findings_.Report(place, [&] {
    return fmt::format(
        "the workflow {} is started by something else: only one "
        "with `on: {{manual: {{}}}}` can be run",
        key);
  });
  return nullptr;
}

void Names::CheckEnvironment(const ServiceUse& service) {
  const ServiceDefinition* const contract = Contract(service.alias);
  if (contract == nullptr || service.unread) return;
  for (const EnvDefinition& variable : contract->Env()) {
    const bool given = std::ranges::any_of(
        service.env, [&](const auto& each) { return each.first == variable.key; });
    if (variable.required && !variable.value && !given) {
      findings_.Report(service.place, [&] {
        return fmt::format("{} needs the variable {} under env", service.use, variable.key);
      });
    }
  }
  const auto known = Keys(contract->Env(), &EnvDefinition::key);
  for (const auto& each : service.env) {
    if (std::ranges::find(known, each.first) != known.end()) continue;
    findings_.Report(Inside(service.place, "env"), [&] {
      return fmt::format("{} knows no variable {}{}", service.use, each.first,
                         Choice(each.first, known));
    });
  }
}

}  // namespace mesg::app
