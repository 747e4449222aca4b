#include <algorithm>

#include "base/encoding.h"
#include "cli/commands/run.h"
#include "cli/context.h"
#include "cli/inputs.h"
#include "cli/run_lines.h"
#include "cli/runs.h"

namespace mesg::cli {
namespace {

using Workflow = v1::ApplicationOutline::Workflow;

/// What the workflow declares; read from the file as Core keeps it.
Result<Workflow> FindWorkflow(const std::string& name, const std::string& key, Context& context) {
  const v1::Application application = MESG_TRY(context.client().GetApplication(name));
  v1::ValidateApplicationRequest request;
  request.mutable_file()->set_name(application.file_name());
  request.mutable_file()->set_content(application.content());
  const v1::ValidateApplicationResponse found = context.Validate(request);
  std::vector<std::string_view> keys;
  for (const Workflow& workflow : found.outline().workflows()) {
    if (workflow.key() == key) return workflow;
    keys.push_back(workflow.key());
  }
  const std::string_view nearest = Nearest(key, keys);
  return NotFound("{} has no workflow \"{}\"{}", name, key,
                  nearest.empty() ? "" : fmt::format(", did you mean \"{}\"?", nearest));
}

Result<std::string> Inputs(const Arguments& arguments, Context& context) {
  if (arguments.Has("--inputs")) {
    if (arguments.Has("--data")) {
      return WrongUsage(
          InvalidArgument("give the inputs either by --data or by --inputs, not both"));
    }
    return ReadFileOrInput(arguments.Get("--inputs"), context.terminal());
  }
  const std::vector<std::string> data = arguments.All("--data");
  // Machines are not asked: what is missing is for Core to say.
  const bool ask = context.terminal().traits().input_is_terminal && !context.json() && data.empty();
  if (data.empty() && !ask) return std::string("{}");
  const Workflow workflow =
      MESG_TRY(FindWorkflow(arguments.Get("APP"), arguments.Get("WORKFLOW"), context));
  return ask ? AskForData(workflow.inputs(), data, context.terminal())
             : CastData(workflow.inputs(), data);
}

/// Shows it until it has ended.
Result<int> Follow(const std::string& id, Context& context) {
  v1::WatchRunsRequest request;
  request.set_id(id);
  RunLines lines(context);
  v1::Run last;
  const auto on_run = [&](const v1::Run& run) {
    if (!context.json()) lines.Show(run);
    last = run;
    return true;
  };
  MESG_TRY(FollowRuns(context, request, on_run));
  if (!HasEnded(last.state())) {
    return Cancelled("stopped watching; run {} goes on: `mesg run cancel {}` ends it", id, id);
  }
  if (context.json()) context.Print(last);
  return last.state() == v1::RUN_COMPLETED ? 0 : 1;
}

Result<int> RunStart(const Arguments& arguments, Context& context) {
  v1::StartRunRequest request;
  request.set_application(arguments.Get("APP"));
  request.set_workflow(arguments.Get("WORKFLOW"));
  request.set_idempotency_key(arguments.Get("--idempotency-key"));
  request.set_inputs(MESG_TRY(Inputs(arguments, context)));
  const v1::Run run = MESG_TRY(context.client().StartRun(request));
  if (arguments.Has("--watch")) return Follow(run.id(), context);
  if (context.json()) {
    context.Print(run);
  } else {
    context.terminal().Print(run.id());
    context.Tell(fmt::format("Next: `mesg run show {}`.", ShortId(run.id())));
  }
  return 0;
}

}  // namespace

Command RunStartCommand() {
  return {
      .path = "run start",
      .summary = "Start a workflow by hand; prints the run's id",
      .details =
          "It is durable when the command returns. On a terminal it asks for the inputs that "
          "are not given.\nWith --watch it exits with 0 when the run completed.",
      .example = "mesg run start invoices remind --data customer=Ada --watch",
      .positionals = {{"APP", "An application's name"},
                      {"WORKFLOW", "One of its workflows with `on: {manual: ...}`"}},
      .options = {{"-d,--data", "KEY=VALUE", "One input, read by its declared type", true},
                  {"--inputs", "FILE|-", "All inputs, as a JSON object in a file or on the input"},
                  {"-w,--watch", "", "Show what happens until it has ended"},
                  {"--idempotency-key", "KEY", "A second start with it is the same run"}},
      .run = RunStart};
}

}  // namespace mesg::cli
