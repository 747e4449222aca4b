#include <algorithm>
#include <charconv>

#include "base/encoding.h"
#include "cli/commands/service.h"
#include "cli/context.h"
#include "cli/human.h"
#include "cli/inputs.h"
#include "cli/json_text.h"
#include "cli/show.h"
#include "cli/task_choice.h"

namespace mesg::cli {
namespace {

using v1::Execution;
using v1::TaskDefinition;

/// A task that several could be meant by: a person chooses from a list, a pipe gets an error.
Result<const TaskDefinition*> AskForTask(const v1::Service& service, Terminal& terminal) {
  const auto& tasks = service.definition().tasks();
  if (!terminal.traits().input_is_terminal) {
    return WrongUsage(
        InvalidArgument("{} has {} tasks: name one, like `mesg service execute {} {}`",
                        service.name(), tasks.size(), service.name(), tasks.Get(0).key()));
  }
  for (int i = 0; i < tasks.size(); ++i) {
    terminal.Say(fmt::format("  {}  {}  {}", i + 1,
                             terminal.ForError(Style::kBold, tasks.Get(i).key()),
                             terminal.ForError(Style::kDim, tasks.Get(i).description())));
  }
  const std::string answer = MESG_TRY(terminal.Ask("Which task (number or name)?"));
  int number = 0;
  const auto parsed = std::from_chars(answer.data(), answer.data() + answer.size(), number);
  const bool whole = parsed.ptr == answer.data() + answer.size();
  if (whole && number >= 1 && number <= tasks.size()) return &tasks.Get(number - 1);
  return FindTask(service, answer);
}

Result<const TaskDefinition*> ChooseTask(const v1::Service& service, const Arguments& arguments,
                                         Terminal& terminal) {
  const auto& tasks = service.definition().tasks();
  const std::string name = arguments.Get("TASK", arguments.Get("--task"));
  if (!name.empty()) return FindTask(service, name);
  if (tasks.empty()) return FailedPrecondition("service {} has no task to execute", service.name());
  if (tasks.size() == 1) return &tasks.Get(0);
  return AskForTask(service, terminal);
}

Result<std::string> Inputs(const TaskDefinition& task, const Arguments& arguments,
                           Context& context) {
  const std::string file = arguments.Get("--inputs", arguments.Get("--json"));
  if (!file.empty() && arguments.Has("--data")) {
    return WrongUsage(InvalidArgument("give the inputs either by --data or by --json, not both"));
  }
  if (!file.empty()) return ReadFileOrInput(file, context.terminal());
  const std::vector<std::string> data = arguments.All("--data");
  // Machines are not asked: what is missing is for Core to say.
  const bool ask = context.terminal().traits().input_is_terminal && !context.json() && data.empty();
  return ask ? AskForData(task.inputs(), data, context.terminal()) : CastData(task.inputs(), data);
}

/// The declared outputs in their order, each with its type; what is undeclared comes behind.
void PrintOutputs(const TaskDefinition& task, const Execution& execution, Context& context) {
  const v1::Outcome& outcome = execution.outcome();
  Terminal& terminal = context.terminal();
  const Result<JsonMembers> members = ParseJsonObject(outcome.outputs());
  if (!terminal.traits().output_is_terminal || !members) {
    terminal.Print(ShownJson(outcome.outputs(), context));
    return;
  }
  const auto declared = std::ranges::find_if(
      task.outputs(), [&](const auto& output) { return output.key() == outcome.output_key(); });
  JsonMembers rest = *members;
  if (declared != task.outputs().end()) {
    for (const v1::Parameter& parameter : declared->data()) {
      const auto found = std::ranges::find_if(
          rest, [&](const auto& member) { return member.first == parameter.key(); });
      if (found == rest.end()) continue;
      terminal.Print(fmt::format("{} {} {}", terminal.ForOutput(Style::kBold, parameter.key()),
                                 terminal.ForOutput(Style::kDim, TypeName(parameter)),
                                 ShownJson(found->second, context)));
      rest.erase(found);
    }
  }
  for (const auto& [key, value] : rest) {
    terminal.Print(fmt::format("{} {}", terminal.ForOutput(Style::kBold, Harmless(key)),
                               ShownJson(value, context)));
  }
}

Result<int> PrintResult(const TaskDefinition& task, const Execution& execution, Context& context) {
  const bool completed = execution.state() == v1::COMPLETED;
  if (context.json()) {
    context.Print(execution);
    return completed ? 0 : 1;
  }
  const v1::Outcome& outcome = execution.outcome();
  if (!completed) {
    return Unknown("task {} of {} is {}: {} (execution {}, see `mesg execution show {}`)",
                   task.key(), execution.source().service(), StateName(execution.state()),
                   outcome.error().empty() ? "no reason is known" : outcome.error(), execution.id(),
                   execution.id());
  }
  Terminal& terminal = context.terminal();
  const std::string output =
      outcome.output_key().empty() ? "" : " with output " + outcome.output_key();
  terminal.Say(fmt::format("{} Task {} completed{} in {}.", terminal.ForError(Style::kGreen, "✓"),
                           task.key(), output,
                           HumanDuration(outcome.recorded_us() - execution.created_us())));
  PrintOutputs(task, execution, context);
  return 0;
}

Result<int> RunExecute(const Arguments& arguments, Context& context) {
  const v1::Service service = MESG_TRY(context.client().GetService(arguments.Get("SERVICE")));
  const TaskDefinition* task = MESG_TRY(ChooseTask(service, arguments, context.terminal()));
  v1::CreateExecutionRequest request = MESG_TRY(ExecutionOptionsFrom(arguments, context));
  request.set_service(arguments.Get("SERVICE"));
  request.set_task(task->key());
  request.set_inputs(MESG_TRY(Inputs(*task, arguments, context)));
  const v1::CreateExecutionResponse created = MESG_TRY(context.client().CreateExecution(request));
  const std::stop_token stop = context.stop();
  Result<Execution> execution = [&] {
    const Progress progress(context.terminal(), fmt::format("Task {} of {} ({})", task->key(),
                                                            service.name(), created.id()));
    return context.client().WaitExecution(created.id(), stop);
  }();
  if (!execution && stop.stop_requested()) {
    return Cancelled("stopped waiting; execution {} goes on: `mesg execution cancel {}` ends it",
                     created.id(), created.id());
  }
  if (!execution) {
    return Annotate(std::move(execution).error(),
                    fmt::format("waiting for execution {}", created.id()));
  }
  return PrintResult(*task, *execution, context);
}

}  // namespace

Command ServiceExecuteCommand() {
  std::vector<Option> options = {
      {"-d,--data", "KEY=VALUE", "One input, read by its declared type; a list is comma-separated",
       true},
      {"-j,--json,--inputs", "FILE|-", "All inputs, as a JSON object in a file or on the input"},
      {"-t,--task", "TASK", "The same as TASK"}};
  for (const Option& option : ExecutionOptions()) options.push_back(option);
  return {
      .path = "service execute",
      .summary = "Execute a task, wait, and print its result",
      .details =
          "On a terminal it asks which task and for the inputs that are not given. Exits with 1 "
          "unless the task\n"
          "completed. Here --json names the inputs; the result as JSON is --output json.",
      .example =
          "mesg service execute http request --data url=https://example.org --data headers='{}'\n"
          "echo '{\"name\":\"Ada\"}' | mesg service execute hello greet --json - --output json",
      .positionals = {{"SERVICE", "A service's name, or the hash of it or its instance"},
                      {"TASK", "Which task, when it has several", Positional::Count::kOptional}},
      .options = std::move(options),
      .run = RunExecute};
}

}  // namespace mesg::cli
