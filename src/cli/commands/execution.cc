#include "base/encoding.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/filters.h"
#include "cli/inputs.h"
#include "cli/paging.h"
#include "cli/show.h"
#include "cli/task_choice.h"

namespace mesg::cli {
namespace {

Result<std::string> Inputs(const Arguments& arguments, Context& context) {
  if (arguments.Has("--inputs")) {
    if (arguments.Has("--data")) {
      return WrongUsage(
          InvalidArgument("give the inputs either by --data or by --inputs, not both"));
    }
    return ReadFileOrInput(arguments.Get("--inputs"), context.terminal());
  }
  if (!arguments.Has("--data")) return std::string("{}");
  const v1::Service service = MESG_TRY(context.client().GetService(arguments.Get("SERVICE")));
  const v1::TaskDefinition* task = MESG_TRY(FindTask(service, arguments.Get("TASK")));
  return CastData(task->inputs(), arguments.All("--data"));
}

Result<int> RunCreate(const Arguments& arguments, Context& context) {
  v1::CreateExecutionRequest request = MESG_TRY(ExecutionOptionsFrom(arguments, context));
  request.set_service(arguments.Get("SERVICE"));
  request.set_task(arguments.Get("TASK"));
  request.set_inputs(MESG_TRY(Inputs(arguments, context)));
  const v1::CreateExecutionResponse created = MESG_TRY(context.client().CreateExecution(request));
  if (context.json()) {
    context.Print(created);
  } else {
    context.terminal().Print(created.id());
    if (created.existed()) context.Tell("It existed already, by its idempotency key.");
  }
  return 0;
}

Result<v1::ExecutionState> ParseState(const std::string& word) {
  std::vector<std::string> names;
  for (int number = v1::CREATED; number <= v1::OUTCOME_UNKNOWN; ++number) {
    const auto state = static_cast<v1::ExecutionState>(number);
    names.push_back(StateName(state));
    if (names.back() == word || v1::ExecutionState_Name(state) == word) return state;
    std::string dashed = names.back();
    for (char& c : dashed) c = c == ' ' ? '-' : c;
    if (dashed == word) return state;
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string_view nearest = Nearest(word, candidates);
  return WrongUsage(InvalidArgument(
      "--state must be created, dispatched, completed, failed, cancelled or outcome-unknown, got "
      "\"{}\"{}",
      word, nearest.empty() ? std::string() : fmt::format(": did you mean \"{}\"?", nearest)));
}

Result<int> RunList(const Arguments& arguments, Context& context) {
  v1::ListExecutionsRequest request;
  request.set_service(arguments.Get("--service", arguments.Get("SERVICE")));
  request.set_task(arguments.Get("--task"));
  for (const std::string& word : arguments.All("--state"))
    request.add_states(MESG_TRY(ParseState(word)));
  for (const std::string& tag : arguments.All("--tag")) request.add_tags(tag);
  if (arguments.Has("--since")) {
    Result<std::int64_t> since = ParseWhen(arguments.Get("--since"), context.Now());
    if (!since) return WrongUsage(std::move(since).error());
    request.set_after_us(*since);
  }
  *request.mutable_page() = MESG_TRY(PageFrom(arguments));
  v1::ListExecutionsResponse list = MESG_TRY(context.client().ListExecutions(request));
  // What fits may be rare in a long history, which Core reads a part at a time.
  while (list.executions().empty() && !list.next_page_token().empty()) {
    request.mutable_page()->set_token(list.next_page_token());
    list = MESG_TRY(context.client().ListExecutions(request));
  }
  if (context.json()) {
    context.Print(list);
    return 0;
  }
  PrintExecutions(list.executions(), context);
  TellNextPage(list.next_page_token(), context);
  return 0;
}

Result<int> RunShow(const Arguments& arguments, Context& context) {
  PrintExecution(MESG_TRY(context.client().GetExecution(arguments.Get("ID"))), context);
  return 0;
}

Result<int> RunWatch(const Arguments& arguments, Context& context) {
  Result<v1::Filter> filter = FilterFrom(arguments, v1::Filter::RESULTS);
  if (!filter) return WrongUsage(std::move(filter).error());
  v1::ListenRequest::Open open;
  *open.add_filters() = *std::move(filter);
  if (arguments.Has("--from")) {
    open.set_after_position(arguments.Get("--from"));
  } else {
    open.set_live(true);
  }
  return WatchAndPrint(arguments, context, std::move(open));
}

Result<int> RunCancel(const Arguments& arguments, Context& context) {
  for (const std::string& id : arguments.All("ID")) {
    v1::CancelExecutionRequest request;
    request.set_id(id);
    request.set_reason(arguments.Get("--reason"));
    const v1::Execution execution = MESG_TRY(context.client().CancelExecution(request));
    if (context.json()) {
      context.Print(execution);
    } else {
      context.Tell(fmt::format("Execution {} is {}.", id, StateName(execution.state())));
    }
  }
  return 0;
}

Result<int> RunRetry(const Arguments& arguments, Context& context) {
  v1::DeadLetterSelection selection;
  for (const std::string& id : arguments.All("ID")) selection.add_ids(id);
  const v1::RetryDeadLettersResponse response =
      MESG_TRY(context.client().RetryDeadLetters(selection));
  if (context.json()) {
    context.Print(response);
    return 0;
  }
  for (const auto& retried : response.retried()) {
    context.terminal().Print(retried.new_id());
    context.Tell(fmt::format("Execution {} is tried again as {}.", retried.id(), retried.new_id()));
  }
  return 0;
}

const Option kService = {"--service", "SERVICE", "The same as SERVICE"};
const Option kTask = {"--task", "TASK", "Only this task"};
const Option kTag = {"--tag", "TAG", "Only with this tag; all must be there", true};
const Positional kFrom = {"SERVICE", "Only this service's", Positional::Count::kOptional};

Command CreateCommand() {
  std::vector<Option> options = {
      {"-d,--data", "KEY=VALUE", "One input, read by its declared type", true},
      {"--inputs", "FILE|-", "All inputs, as a JSON object in a file or on the input"}};
  for (const Option& option : ExecutionOptions()) options.push_back(option);
  return {
      .path = "execution create",
      .summary = "Ask for a task without waiting for its result; prints the execution's id",
      .details = "It is durable when the command returns. `mesg service execute` waits.",
      .example = "mesg execution create http request --data url=https://example.org --tag nightly",
      .positionals = {{"SERVICE", "Whose task"}, {"TASK", "Which one"}},
      .options = std::move(options),
      .run = RunCreate};
}

}  // namespace

std::vector<Command> ExecutionCommands() {
  return {
      CreateCommand(),
      {.path = "execution list",
       .summary = "List executions, the newest first",
       .details = "",
       .example = "mesg execution list http --state failed --since 1d",
       .positionals = {kFrom},
       .options = {kService,
                   kTask,
                   {"--state", "STATE", "Only in this state, like failed or outcome-unknown", true},
                   kTag,
                   {"--since", "TIME",
                    "Created since: 2024-05-01T10:00:00Z, or how long ago, like 2h"},
                   SizeOption(),
                   PageOption()},
       .run = RunList},
      {.path = "execution show",
       .summary = "Show one execution: its attempts, its result, or what it waits for",
       .details = "",
       .example = "mesg execution show K7heN6NBcVqSm1sSyCJbUn",
       .positionals = {{"ID", "The execution's id"}},
       .options = {},
       .run = RunShow},
      {.path = "execution watch",
       .summary = "Print results as they become durable, until Ctrl-C",
       .details = "Goes on behind the last one when the connection to Core ends. With --json, one "
                  "line a result.",
       .example = "mesg execution watch http --task request --where 'status >= 400'",
       .positionals = {kFrom},
       .options = {kService,
                   kTask,
                   {"--output-key", "KEY", "Only with this named output"},
                   kTag,
                   {"--where", "'PATH OP VALUE'",
                    "On its outputs: ==, >, >=, <, <=, contains, exists; all must hold", true},
                   {"--from", "POSITION", "What stands behind it first; 0: from the oldest kept"},
                   CountOption()},
       .run = RunWatch},
      {.path = "execution cancel",
       .summary = "End executions that have no result yet",
       .details = "",
       .example = "mesg execution cancel K7heN6NBcVqSm1sSyCJbUn --reason 'not needed any more'",
       .positionals = {{"ID", "Ids of executions", Positional::Count::kSome}},
       .options = {{"--reason", "TEXT", "Recorded with it"}},
       .run = RunCancel},
      {.path = "execution retry",
       .summary = "Try executions in the dead letters again; prints the new ids",
       .details = "Makes new executions with the same inputs, tags and policy.",
       .example = "mesg execution retry K7heN6NBcVqSm1sSyCJbUn",
       .positionals = {{"ID", "Ids of executions", Positional::Count::kSome}},
       .options = {},
       .run = RunRetry},
  };
}

}  // namespace mesg::cli
