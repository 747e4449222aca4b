#include <functional>

#include "cli/commands/run.h"
#include "cli/context.h"
#include "cli/human.h"
#include "cli/runs.h"

namespace mesg::cli {
namespace {

using v1::RunsProgress;

/// Ids, or --all with what narrows it down.
Result<v1::RunSelection> Selection(const Arguments& arguments, Context& context) {
  v1::RunSelection selection;
  selection.set_all(arguments.Has("--all"));
  selection.set_dry_run(arguments.Has("--dry-run"));
  const std::vector<std::string> ids = arguments.All("ID");
  if (selection.all() == !ids.empty()) {
    return WrongUsage(
        InvalidArgument("give either ids or --all (with --app and the like to narrow it down)"));
  }
  *selection.mutable_filter() = MESG_TRY(RunFilterFrom(arguments, context));
  if (!selection.all() && selection.filter().ByteSizeLong() > 0) {
    return WrongUsage(InvalidArgument("--app and the like narrow down --all, not ids"));
  }
  for (std::string& id : MESG_TRY(FindRuns(ids, context))) selection.add_ids(std::move(id));
  return selection;
}

using Call = std::function<Result<void>(const Client::OnRunsProgress&)>;

/// Shows how far it is, and in the end what was refused.
Result<int> Work(std::string_view what, bool dry_run, const Call& call, Context& context) {
  Terminal& terminal = context.terminal();
  RunsProgress all;
  const std::string done = dry_run ? "would go on" : "go on";
  Result<void> ended;
  {
    Progress progress(terminal, std::string(what));
    ended = call([&](const RunsProgress& batch) {
      all.set_matched(batch.matched());
      all.set_done(batch.done());
      if (context.json()) return context.Print(batch);
      progress.Step(
          fmt::format("{}: {} of {}", what, HumanCount(batch.done()), HumanCount(batch.matched())));
      for (const std::string& id : batch.ids()) terminal.Print(id);
      for (const RunsProgress::Refused& refused : batch.refused()) {
        *all.add_refused() = refused;
        terminal.Say(fmt::format("{} {}: {}", terminal.ForError(Style::kYellow, "!"), refused.id(),
                                 refused.reason()));
      }
    });
  }
  if (!ended) {
    const bool stopped = context.stop().stop_requested();
    if (!stopped) return ended.error();
    return Cancelled("stopped; {} of {} {} already", all.done(), all.matched(), done);
  }
  if (all.matched() == 0) {
    context.Tell("There are no such runs.");
    return 0;
  }
  context.Tell(
      fmt::format("{} of {} {}.", HumanCount(all.done()), HumanCount(all.matched()), done));
  return all.done() == all.matched() ? 0 : 1;
}

Result<int> RunRetry(const Arguments& arguments, Context& context) {
  const v1::RunSelection selection = MESG_TRY(Selection(arguments, context));
  return Work(
      "Retrying", selection.dry_run(),
      [&](const Client::OnRunsProgress& on_progress) {
        return context.client().RetryRuns(selection, on_progress, context.stop());
      },
      context);
}

Result<int> RunReset(const Arguments& arguments, Context& context) {
  v1::ResetRunsRequest request;
  if (arguments.Has("--step") == arguments.Has("--from-start")) {
    return WrongUsage(InvalidArgument("say from where: either --step STEP or --from-start"));
  }
  request.set_step(arguments.Get("--step"));
  *request.mutable_selection() = MESG_TRY(Selection(arguments, context));
  v1::RunSelection& selection = *request.mutable_selection();
  if (selection.all() && selection.filter().states().empty()) {
    selection.mutable_filter()->add_states(v1::RUN_FAILED);
  }
  return Work(
      "Resetting", request.selection().dry_run(),
      [&](const Client::OnRunsProgress& on_progress) {
        return context.client().ResetRuns(request, on_progress, context.stop());
      },
      context);
}

std::vector<Option> SelectionOptions() {
  std::vector<Option> options = {{"--all", "", "All that match the options below"}};
  for (const Option& option : RunFilterOptions()) options.push_back(option);
  options.push_back({"--dry-run", "", "Only say which"});
  return options;
}

const Positional kIds = {"ID", "Ids of runs, or the last characters of them",
                         Positional::Count::kAny};

}  // namespace

Command RunRetryCommand() {
  return {.path = "run retry",
          .summary = "Let failed runs go on from the step that failed; prints their ids",
          .details =
              "Works through all that match on the server; Ctrl-C leaves the rest as it was. "
              "A run that\nanother run started goes on with that one: --all leaves it out.",
          .example = "mesg run retry 7k2sQd\nmesg run retry --all --app big-transfers --dry-run",
          .positionals = {kIds},
          .options = SelectionOptions(),
          .run = RunRetry};
}

Command RunResetCommand() {
  std::vector<Option> options = {{"--step", "STEP", "The id of the step to go on from"},
                                 {"--from-start", "", "From its first step"}};
  for (const Option& option : SelectionOptions()) options.push_back(option);
  return {.path = "run reset",
          .summary = "Take runs back to a step and let them go on from there; prints their ids",
          .details =
              "What the steps before gave is kept. What comes behind is done again. --all "
              "takes failed\nruns only, unless --state names others. A run that another run "
              "started is done again by that\none: --all leaves it out.",
          .example =
              "mesg run reset 7k2sQd --step price\n"
              "mesg run reset --all --app big-transfers --failed --step price --dry-run",
          .positionals = {kIds},
          .options = std::move(options),
          .run = RunReset};
}

}  // namespace mesg::cli
