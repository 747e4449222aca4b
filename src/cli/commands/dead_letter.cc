#include "cli/command.h"
#include "cli/context.h"
#include "cli/inputs.h"
#include "cli/json_text.h"
#include "cli/message_json.h"
#include "cli/paging.h"
#include "cli/run_story.h"
#include "cli/show.h"

namespace mesg::cli {
namespace {

/// The latest runs that failed. They belong to no service, so that a narrower list has none.
Result<v1::ListRunsResponse> FailedRuns(const Arguments& arguments, Context& context) {
  if (arguments.Has("--service") || arguments.Has("--task") || arguments.Has("--page")) {
    return v1::ListRunsResponse();
  }
  v1::ListRunsRequest request;
  request.mutable_filter()->add_states(v1::RUN_FAILED);
  *request.mutable_page() = MESG_TRY(PageFrom(arguments));
  Result<v1::ListRunsResponse> list = context.client().ListRuns(request);
  // A Core from before there were runs has none.
  if (!list && list.error().code == Code::kUnimplemented) return v1::ListRunsResponse();
  return list;
}

void PrintFailedRuns(const v1::ListRunsResponse& runs, bool first, Context& context) {
  if (runs.runs().empty()) return;
  Terminal& terminal = context.terminal();
  terminal.Print((first ? "" : "\n") + terminal.ForOutput(Style::kBold, "Failed runs"));
  PrintRuns(runs.runs(), context);
  context.Tell(
      "`mesg run retry ID` lets one go on from its failed step, `mesg run retry --all` "
      "each of them.");
  if (!runs.next_page_token().empty()) {
    context.Tell("There are more failed runs: `mesg run list --failed`.");
  }
}

Result<int> RunList(const Arguments& arguments, Context& context) {
  v1::ListDeadLettersRequest request;
  request.set_service(arguments.Get("--service"));
  request.set_task(arguments.Get("--task"));
  *request.mutable_page() = MESG_TRY(PageFrom(arguments));
  const v1::ListDeadLettersResponse list = MESG_TRY(context.client().ListDeadLetters(request));
  const v1::ListRunsResponse runs = MESG_TRY(FailedRuns(arguments, context));
  if (context.json()) {
    JsonMembers members = MESG_TRY(ParseJsonObject(MessageToJson(list)));
    for (auto& [key, value] : MESG_TRY(ParseJsonObject(MessageToJson(runs)))) {
      if (key == "runs") members.emplace_back(key, std::move(value));
    }
    context.terminal().Print(ToJsonObject(members));
    return 0;
  }
  if (list.executions().empty() && runs.runs().empty()) {
    context.Tell("There are no dead letters.");
    return 0;
  }
  if (!list.executions().empty()) PrintExecutions(list.executions(), context);
  TellNextPage(list.next_page_token(), context);
  PrintFailedRuns(runs, list.executions().empty(), context);
  return 0;
}

Result<int> RunShow(const Arguments& arguments, Context& context) {
  const std::string id = arguments.Get("ID");
  const v1::Execution execution = MESG_TRY(context.client().GetExecution(id));
  if (!execution.dead_letter()) {
    return FailedPrecondition(
        "execution {} is no dead letter, it is {}: see `mesg execution show {}`", id,
        StateName(execution.state()), id);
  }
  PrintExecution(execution, context);
  return 0;
}

/// Ids, or --all with what narrows it down.
Result<v1::DeadLetterSelection> Selection(const Arguments& arguments) {
  v1::DeadLetterSelection selection;
  for (const std::string& id : arguments.All("ID")) selection.add_ids(id);
  selection.set_all(arguments.Has("--all"));
  selection.set_service(arguments.Get("--service"));
  selection.set_task(arguments.Get("--task"));
  if (selection.all() == !selection.ids().empty()) {
    return WrongUsage(
        InvalidArgument("give either ids or --all (with --service and --task to narrow it down)"));
  }
  if (!selection.all() && (arguments.Has("--service") || arguments.Has("--task"))) {
    return WrongUsage(
        InvalidArgument("--service and --task narrow down --all, they do not go with ids"));
  }
  return selection;
}

Result<int> RunRetry(const Arguments& arguments, Context& context) {
  const v1::DeadLetterSelection selection = MESG_TRY(Selection(arguments));
  const v1::RetryDeadLettersResponse response =
      MESG_TRY(context.client().RetryDeadLetters(selection));
  if (context.json()) {
    context.Print(response);
    return 0;
  }
  for (const auto& retried : response.retried()) context.terminal().Print(retried.new_id());
  context.Tell(fmt::format("{} tried again, under the ids printed.", response.retried_size()));
  return 0;
}

Result<int> RunDrop(const Arguments& arguments, Context& context) {
  const v1::DeadLetterSelection selection = MESG_TRY(Selection(arguments));
  if (selection.all() && !arguments.Has("--yes")) {
    if (!context.terminal().traits().input_is_terminal) {
      return FailedPrecondition("dropping all of them needs a confirmation: add --yes");
    }
    const bool sure = MESG_TRY(context.terminal().Confirm("Drop all that match?"));
    if (!sure) return 1;
  }
  const v1::DropDeadLettersResponse response =
      MESG_TRY(context.client().DropDeadLetters(selection));
  if (context.json()) {
    context.Print(response);
  } else {
    context.Tell(fmt::format("{} dropped.", response.ids_size()));
  }
  return 0;
}

Result<int> RunResolve(const Arguments& arguments, Context& context) {
  v1::ResolveDeadLetterRequest request;
  request.set_id(arguments.Get("ID"));
  if (arguments.Has("--failure") == arguments.Has("--success")) {
    return WrongUsage(
        InvalidArgument("say what became of it: either --success or --failure REASON"));
  }
  if (arguments.Has("--failure")) {
    if (arguments.Has("--outputs") || arguments.Has("--output-key")) {
      return WrongUsage(InvalidArgument("a failure has no outputs"));
    }
    request.set_failure(arguments.Get("--failure"));
  } else {
    request.mutable_success()->set_output_key(arguments.Get("--output-key"));
    request.mutable_success()->set_outputs(
        arguments.Has("--outputs")
            ? MESG_TRY(ReadFileOrInput(arguments.Get("--outputs"), context.terminal()))
            : std::string("{}"));
  }
  PrintExecution(MESG_TRY(context.client().ResolveDeadLetter(request)), context);
  return 0;
}

const Option kAll = {"--all", "", "All that match --service and --task"};
const Option kService = {"--service", "SERVICE", "Only this service's"};
const Option kTask = {"--task", "TASK", "Only this task's"};
const Positional kIds = {"ID", "Ids of executions", Positional::Count::kAny};

}  // namespace

std::vector<Command> DeadLetterCommands() {
  return {
      {.path = "dead-letter list",
       .summary = "List the executions and runs that ended badly and wait for a person",
       .details =
           "Executions whose retries are used up or whose outcome is unknown, and, unless it "
           "is narrowed down,\nruns that failed.",
       .example = "mesg dead-letter list --service http",
       .positionals = {},
       .options = {kService, kTask, SizeOption(), PageOption()},
       .run = RunList},
      {.path = "dead-letter show",
       .summary = "Show one: what was tried, and why each attempt failed",
       .details = "",
       .example = "mesg dead-letter show K7heN6NBcVqSm1sSyCJbUn",
       .positionals = {{"ID", "The execution's id"}},
       .options = {},
       .run = RunShow},
      {.path = "dead-letter retry",
       .summary = "Try them again as new executions; prints the new ids",
       .details = "",
       .example = "mesg dead-letter retry --all --service http",
       .positionals = {kIds},
       .options = {kAll, kService, kTask},
       .run = RunRetry},
      {.path = "dead-letter drop",
       .summary = "Take them off the list; an unknown outcome becomes a failure",
       .details = "",
       .example = "mesg dead-letter drop --all --service http --yes",
       .positionals = {kIds},
       .options = {kAll, kService, kTask, {"-y,--yes", "", "Do not ask"}},
       .run = RunDrop},
      {.path = "dead-letter resolve",
       .summary = "Say what really became of an execution whose outcome is unknown",
       .details = "",
       .example = "mesg dead-letter resolve K7heN6NBcVqSm1sSyCJbUn --success",
       .positionals = {{"ID", "The execution's id"}},
       .options = {{"--success", "", "It happened"},
                   {"--output-key", "KEY", "With this named output"},
                   {"--outputs", "FILE|-",
                    "With these outputs, a JSON object in a file or on the input"},
                   {"--failure", "REASON", "It did not happen"}},
       .run = RunResolve},
  };
}

}  // namespace mesg::cli
