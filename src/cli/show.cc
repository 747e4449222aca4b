#include "cli/show.h"

#include <algorithm>

#include "cli/human.h"
#include "cli/json_text.h"
#include "cli/table.h"

namespace mesg::cli {
namespace {

using ::mesg::v1::Attempt;
using ::mesg::v1::Event;
using ::mesg::v1::Execution;

std::string Line(const std::string& text, Context& context) {
  const auto& traits = context.terminal().traits();
  return traits.output_is_terminal && traits.width > 0 ? Shorten(text, traits.width)
                                                       : Harmless(text);
}

std::string Joined(const google::protobuf::RepeatedPtrField<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string OutcomeText(const Execution& execution) {
  if (!execution.has_outcome()) return execution.waiting_for();
  const auto& outcome = execution.outcome();
  if (!outcome.error().empty()) return outcome.error();
  const std::string json = CompactJson(outcome.outputs()).value_or(outcome.outputs());
  return outcome.output_key().empty() ? json : outcome.output_key() + " " + json;
}

}  // namespace

std::string StateName(::mesg::v1::ExecutionState state) {
  return Words(::mesg::v1::ExecutionState_Name(state));
}
std::string StateName(::mesg::v1::Service::State state) {
  return Words(::mesg::v1::Service::State_Name(state));
}

void Complain(const Error& error, Context& context) {
  Terminal& terminal = context.terminal();
  terminal.Say(fmt::format("{} {}", terminal.ForError(Style::kRed, "!"), error.message));
  for (const Violation& violation : error.violations) {
    terminal.Say(violation.path.empty()
                     ? fmt::format("  {}", violation.reason)
                     : fmt::format("  {}: {}", violation.path, violation.reason));
  }
}

Result<void> CheckRuns(const ::mesg::v1::Service& service) {
  if (service.state() != ::mesg::v1::Service::FAILED_TO_RUN) return {};
  return FailedPrecondition("{} does not run: {} (see `mesg service logs {}`)", service.name(),
                            service.state_reason(), service.name());
}

void PrintItem(const ::mesg::v1::Item& item, Context& context) {
  if (context.json()) return context.Print(item);
  if (item.has_event()) {
    const Event& event = item.event();
    context.terminal().Print(
        Line(fmt::format("{}  event   {}  {}  {}", ClockTime(event.recorded_us()),
                         event.source().service(), event.key(),
                         CompactJson(event.data()).value_or(event.data())),
             context));
  } else {
    const Execution& result = item.result();
    context.terminal().Print(
        Line(fmt::format("{}  result  {}  {}  {}  {}", ClockTime(result.outcome().recorded_us()),
                         result.source().service(), result.task(), StateName(result.state()),
                         OutcomeText(result)),
             context));
  }
}

void PrintExecutions(const google::protobuf::RepeatedPtrField<Execution>& executions,
                     Context& context) {
  Table table({"ID", "SERVICE", "TASK", "STATE", "CREATED", "OUTCOME"});
  table.Paint(3, StateColour);
  for (const Execution& execution : executions) {
    table.Add({execution.id(), execution.source().service(), execution.task(),
               StateName(execution.state()), HumanTime(execution.created_us(), context.Now()),
               OutcomeText(execution)});
  }
  context.terminal().Print(table.Render(context.terminal()));
}

void PrintExecution(const Execution& execution, Context& context) {
  if (context.json()) return context.Print(execution);
  const TimePoint now = context.Now();
  PrintFields(
      {{"Id", execution.id()},
       {"Service", execution.source().service()},
       {"Task", execution.task()},
       {"State", StateName(execution.state())},
       {"Dead letter", execution.dead_letter() ? "yes" : ""},
       {"Created", HumanTime(execution.created_us(), now)},
       {"Tags", Joined(execution.tags())},
       {"Idempotency key", execution.idempotency_key()},
       {"Retry of", execution.retry_of()},
       {"Waits for", execution.waiting_for()},
       {"Waits since",
        execution.waiting_since_us() == 0 ? "" : HumanTime(execution.waiting_since_us(), now)},
       {"Output", execution.outcome().output_key()},
       {"Error", execution.outcome().error()},
       {"Ended", execution.has_outcome() ? HumanTime(execution.outcome().recorded_us(), now) : ""}},
      context);
  Terminal& terminal = context.terminal();
  if (execution.attempts_size() > 0) {
    Table table({"ATTEMPT", "OUTCOME", "ENDED", "WORKER", "REASON"});
    for (const Attempt& attempt : execution.attempts()) {
      table.Add({fmt::to_string(attempt.number()), Words(Attempt::Outcome_Name(attempt.outcome())),
                 HumanTime(attempt.ended_us(), now), attempt.worker(), attempt.reason()});
    }
    terminal.Print("\n" + table.Render(terminal));
  }
  if (!execution.inputs().empty())
    terminal.Print("\nInputs\n" + ShownJson(execution.inputs(), context));
  if (!execution.outcome().outputs().empty()) {
    terminal.Print("\nOutputs\n" + ShownJson(execution.outcome().outputs(), context));
  }
}

void PrintFields(const std::vector<std::pair<std::string, std::string>>& fields, Context& context) {
  std::size_t width = 0;
  for (const auto& [key, value] : fields) {
    if (!value.empty()) width = std::max(width, key.size());
  }
  for (const auto& [key, value] : fields) {
    if (value.empty()) continue;
    const std::string padding(width - key.size(), ' ');
    context.terminal().Print(fmt::format(
        "{}{}  {}", context.terminal().ForOutput(Style::kBold, key), padding, Harmless(value)));
  }
}

std::string ShownJson(const std::string& json, Context& context) {
  const bool people = context.terminal().traits().output_is_terminal;
  return (people ? IndentedJson(json) : CompactJson(json)).value_or(json);
}

}  // namespace mesg::cli
