#include "cli/commands/run.h"
#include "cli/context.h"
#include "cli/runs.h"

namespace mesg::cli {
namespace {

Result<int> Decide(bool approve, const Arguments& arguments, Context& context) {
  v1::DecideRequest request;
  const std::int64_t step = MESG_TRY(arguments.Number("--step", 0));
  if (step < 0 || (step == 0 && arguments.Has("--step"))) {
    return WrongUsage(InvalidArgument("--step must be the number of a step, got {}", step));
  }
  request.set_id(MESG_TRY(FindRun(arguments.Get("ID"), context)));
  request.set_step(static_cast<std::uint64_t>(step));
  request.set_approve(approve);
  request.set_comment(arguments.Get("--comment"));
  request.set_by(arguments.Get("--by", context.environment()("USER").value_or("")));
  const v1::Run run = MESG_TRY(context.client().Decide(request));
  if (context.json()) {
    context.Print(run);
    return 0;
  }
  Terminal& terminal = context.terminal();
  terminal.Say(fmt::format("{} {}; run {} is {}.", terminal.ForError(Style::kGreen, "✓"),
                           approve ? "Approved" : "Rejected", run.id(), StateName(run.state())));
  return 0;
}

Result<int> RunApprove(const Arguments& arguments, Context& context) {
  return Decide(true, arguments, context);
}
Result<int> RunReject(const Arguments& arguments, Context& context) {
  return Decide(false, arguments, context);
}

std::vector<Option> DecideOptions() {
  return {{"--step", "N", "Which step, when several wait: the number `mesg run show` gives"},
          {"--comment", "TEXT", "Recorded with it; the run can read it"},
          {"--by", "NAME", "Who decided; else your user name"}};
}

const Positional kId = {"ID", "A run's id, or the last characters of it"};

}  // namespace

Command RunApproveCommand() {
  return {.path = "run approve",
          .summary = "Let a run go on that waits for a person",
          .details = "",
          .example = "mesg run approve 7k2sQd --comment 'checked with Ada'",
          .positionals = {kId},
          .options = DecideOptions(),
          .run = RunApprove};
}

Command RunRejectCommand() {
  return {.path = "run reject",
          .summary = "Refuse what a run waits for",
          .details = "",
          .example = "mesg run reject 7k2sQd --comment 'too much'",
          .positionals = {kId},
          .options = DecideOptions(),
          .run = RunReject};
}

}  // namespace mesg::cli
