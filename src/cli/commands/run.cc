#include "cli/commands/run.h"

#include "cli/context.h"
#include "cli/paging.h"
#include "cli/run_lines.h"
#include "cli/run_story.h"
#include "cli/runs.h"

namespace mesg::cli {
namespace {

Result<int> RunList(const Arguments& arguments, Context& context) {
  v1::ListRunsRequest request;
  *request.mutable_filter() = MESG_TRY(RunFilterFrom(arguments, context));
  *request.mutable_page() = MESG_TRY(PageFrom(arguments));
  v1::ListRunsResponse list = MESG_TRY(context.client().ListRuns(request));
  // What fits may be rare in a long history, which Core reads a part at a time.
  while (list.runs().empty() && !list.next_page_token().empty()) {
    request.mutable_page()->set_token(list.next_page_token());
    list = MESG_TRY(context.client().ListRuns(request));
  }
  if (context.json()) {
    context.Print(list);
    return 0;
  }
  if (list.runs().empty()) {
    context.Tell("There are no such runs.");
    return 0;
  }
  PrintRuns(list.runs(), context);
  TellNextPage(list.next_page_token(), context);
  return 0;
}

Result<int> RunShow(const Arguments& arguments, Context& context) {
  const std::string id = MESG_TRY(FindRun(arguments.Get("ID"), context));
  const v1::Run run = MESG_TRY(GetWholeRun(id, 0, context));
  if (context.json()) {
    context.Print(run);
  } else {
    PrintRunStory(run, arguments.Has("--full"), context);
  }
  return 0;
}

Result<int> RunWatch(const Arguments& arguments, Context& context) {
  v1::WatchRunsRequest request;
  request.set_application(arguments.Get("--app"));
  if (arguments.Has("ID")) {
    if (arguments.Has("--app")) {
      return WrongUsage(InvalidArgument("give either the id of a run or --app, not both"));
    }
    request.set_id(MESG_TRY(FindRun(arguments.Get("ID"), context)));
  }
  RunLines lines(context);
  v1::Run last;
  const auto on_run = [&](const v1::Run& run) {
    if (context.json()) {
      context.Print(run);
    } else {
      lines.Show(run);
    }
    last = run;
    return context.terminal().OutputIsGood();
  };
  MESG_TRY(FollowRuns(context, request, on_run));
  const bool bad =
      !request.id().empty() && HasEnded(last.state()) && last.state() != v1::RUN_COMPLETED;
  return bad ? 1 : 0;
}

Result<int> RunCancel(const Arguments& arguments, Context& context) {
  const std::vector<std::string> ids = MESG_TRY(FindRuns(arguments.All("ID"), context));
  for (const std::string& id : ids) {
    v1::CancelRunRequest request;
    request.set_id(id);
    request.set_reason(arguments.Get("--reason"));
    const v1::Run run = MESG_TRY(context.client().CancelRun(request));
    if (context.json()) {
      context.Print(run);
    } else {
      context.Tell(fmt::format("Run {} is {}.", id, StateName(run.state())));
    }
  }
  return 0;
}

const Positional kId = {"ID", "A run's id, or the last characters of it"};

}  // namespace

std::vector<Command> RunCommands() {
  std::vector<Option> list = RunFilterOptions();
  list.push_back(SizeOption());
  list.push_back(PageOption());
  return {
      RunStartCommand(),
      {.path = "run list",
       .summary = "List runs, the newest first",
       .details = "",
       .example = "mesg run list --app big-transfers --failed --since 1d",
       .positionals = {},
       .options = std::move(list),
       .run = RunList},
      {.path = "run show",
       .summary = "Tell the whole story of a run: every step, and what it waits for",
       .details = "Steps stand inside the step they belong to, with times, attempts, inputs and "
                  "outputs.",
       .example = "mesg run show 7k2sQd",
       .positionals = {kId},
       .options = {{"--full", "", "Do not cut long data"}},
       .run = RunShow},
      {.path = "run watch",
       .summary = "Print what happens to a run until it ends, or to all runs until Ctrl-C",
       .details = "Goes on when the connection to Core ends. Of one run, exits with 0 when it "
                  "completed. With --json,\none line for each change.",
       .example = "mesg run watch 7k2sQd\nmesg run watch --app big-transfers",
       .positionals = {{"ID", "A run's id, or the last characters of it",
                        Positional::Count::kOptional}},
       .options = {{"--app", "APP", "Every run of this application"}},
       .run = RunWatch},
      {.path = "run cancel",
       .summary = "End runs, undoing what they have done",
       .details = "What is under way is cancelled; then the `compensate` steps of what was done "
                  "run. A second cancel ends\nthat too.",
       .example = "mesg run cancel 7k2sQd --reason 'sent by mistake'",
       .positionals = {{"ID", "Ids of runs, or the last characters of them",
                        Positional::Count::kSome}},
       .options = {{"--reason", "TEXT", "Recorded with it"}},
       .run = RunCancel},
      RunRetryCommand(),
      RunResetCommand(),
      RunApproveCommand(),
      RunRejectCommand(),
  };
}

}  // namespace mesg::cli
