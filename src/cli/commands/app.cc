#include "cli/commands/app.h"

#include "base/encoding.h"
#include "cli/context.h"
#include "cli/human.h"
#include "cli/json_text.h"
#include "cli/show.h"
#include "cli/table.h"

namespace mesg::cli {
namespace {

using v1::Application;

/// "active" of APPLICATION_ACTIVE.
std::string StateName(v1::ApplicationState state) {
  constexpr std::string_view kPrefix = "APPLICATION_";
  const std::string name = v1::ApplicationState_Name(state);
  return Words(name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name);
}

/// What a person should look at first: "" when all is well.
std::string ProblemOf(const Application& application) {
  for (const Application::Workflow& workflow : application.workflows()) {
    if (!workflow.problem().empty()) return workflow.key() + ": " + workflow.problem();
  }
  if (!application.problem().empty()) return application.problem();
  const std::map<std::string, std::string> services(application.service_problems().begin(),
                                                    application.service_problems().end());
  return services.empty() ? "" : services.begin()->second;
}

Result<int> RunList(const Arguments&, Context& context) {
  const v1::ListApplicationsResponse list = MESG_TRY(context.client().ListApplications());
  if (context.json()) {
    context.Print(list);
    return 0;
  }
  if (list.applications().empty()) {
    context.Tell("No application is deployed: try `mesg app run app.yml`.");
    return 0;
  }
  Table table({"NAME", "STATE", "WORKFLOWS", "RUNS", "DEPLOYED", "PROBLEM"});
  table.Paint(1, StateColour);
  for (const Application& application : list.applications()) {
    const std::string problem = ProblemOf(application);
    table.Add({application.name(), StateName(application.state()),
               fmt::to_string(application.workflows_size()), HumanCount(application.open_runs()),
               HumanTime(application.deployed_us(), context.Now()),
               problem.empty() ? "-" : problem});
  }
  context.terminal().Print(table.Render(context.terminal()));
  return 0;
}

std::string Joined(const google::protobuf::RepeatedPtrField<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

void PrintWorkflows(const Application& application, Context& context) {
  Table table({"WORKFLOW", "TRIGGER", "RUNS", "NEXT", "BEHIND", "PROBLEM"});
  for (const Application::Workflow& workflow : application.workflows()) {
    table.Add({workflow.key(), workflow.trigger(), HumanCount(workflow.open_runs()),
               HumanTime(workflow.next_us(), context.Now()),
               workflow.behind() == 0 ? "-" : HumanCount(workflow.behind()),
               workflow.problem().empty() ? "-" : workflow.problem()});
  }
  context.terminal().Print("\n" + table.Render(context.terminal()));
}

void PrintServices(const Application& application, Context& context) {
  if (application.services().empty()) return;
  const std::map<std::string, std::string> sorted(application.services().begin(),
                                                  application.services().end());
  Table table({"ALIAS", "SERVICE", "PROBLEM"});
  for (const auto& [alias, name] : sorted) {
    const auto problem = application.service_problems().find(alias);
    const bool is_well = problem == application.service_problems().end();
    table.Add({alias, name, is_well ? "-" : problem->second});
  }
  context.terminal().Print("\n" + table.Render(context.terminal()));
}

Result<int> RunShow(const Arguments& arguments, Context& context) {
  const Application application = MESG_TRY(context.client().GetApplication(arguments.Get("APP")));
  if (arguments.Has("--file")) {
    std::string_view text = application.content();
    if (text.ends_with('\n')) text.remove_suffix(1);
    context.terminal().Print(text);
    return 0;
  }
  if (context.json()) {
    context.Print(application);
    return 0;
  }
  PrintFields({{"Name", application.name()},
               {"State", StateName(application.state())},
               {"Problem", application.problem()},
               {"Deployed", HumanTime(application.deployed_us(), context.Now())},
               {"File", application.file_name()},
               {"Open runs", HumanCount(application.open_runs())},
               {"Hash", application.hash()},
               {"Still running", Joined(application.older_versions())}},
              context);
  PrintWorkflows(application, context);
  PrintServices(application, context);
  return 0;
}

/// Prints each named application as `act` leaves it; the first refusal ends it.
template <typename Act>
Result<int> ForEach(const Arguments& arguments, Context& context, std::string_view done, Act act) {
  for (const std::string& name : arguments.All("APP")) {
    const Application application = MESG_TRY(act(name));
    if (context.json()) {
      context.Print(application);
    } else {
      context.terminal().Say(
          fmt::format("{} {} {}.", context.terminal().ForError(Style::kGreen, "✓"), name, done));
    }
  }
  return 0;
}

Result<int> RunPause(const Arguments& arguments, Context& context) {
  return ForEach(arguments, context,
                 "is paused: it starts no runs, and what happens meanwhile is kept for it",
                 [&](const std::string& name) { return context.client().PauseApplication(name); });
}

Result<int> RunResume(const Arguments& arguments, Context& context) {
  return ForEach(arguments, context, "takes triggers again",
                 [&](const std::string& name) { return context.client().ResumeApplication(name); });
}

Result<int> RunStop(const Arguments& arguments, Context& context) {
  const bool cancel = arguments.Has("--cancel-runs");
  return ForEach(arguments, context,
                 cancel ? "is stopped, its runs are cancelled"
                        : "is stopped: runs under way go on, what happens meanwhile is missed",
                 [&](const std::string& name) {
                   v1::StopApplicationRequest request;
                   request.set_name(name);
                   request.set_cancel_runs(cancel);
                   return context.client().StopApplication(request);
                 });
}

Result<int> RunDelete(const Arguments& arguments, Context& context) {
  for (const std::string& name : arguments.All("APP")) {
    if (!arguments.Has("--yes")) {
      if (!context.terminal().traits().input_is_terminal) {
        return FailedPrecondition("deleting {} needs a confirmation: add --yes", name);
      }
      const bool sure = MESG_TRY(context.terminal().Confirm(fmt::format("Delete {}?", name)));
      if (!sure) continue;
    }
    v1::DeleteApplicationRequest request;
    request.set_name(name);
    request.set_force(arguments.Has("--force"));
    const v1::DeleteApplicationResponse response =
        MESG_TRY(context.client().DeleteApplication(request));
    if (context.json()) {
      context.terminal().Print(
          ToJsonObject({{"deleted", QuoteJson(name)},
                        {"cancelled_runs", fmt::to_string(response.cancelled_runs())}}));
      continue;
    }
    const std::string cancelled =
        response.cancelled_runs() == 0
            ? ""
            : fmt::format(", {} of its runs cancelled", HumanCount(response.cancelled_runs()));
    context.terminal().Say(fmt::format("{} {} is deleted{}; its services stay.",
                                       context.terminal().ForError(Style::kGreen, "✓"), name,
                                       cancelled));
  }
  return 0;
}

/// For the completion scripts: silent when Core does not run.
Result<int> RunNames(const Arguments&, Context& context) {
  const Result<v1::ListApplicationsResponse> list = context.client().ListApplications();
  if (!list) return 1;
  for (const Application& application : list->applications()) {
    context.terminal().Print(application.name());
  }
  return 0;
}

const Positional kApp = {"APP", "An application's name"};
const Positional kApps = {"APP", "Names of applications", Positional::Count::kSome};

}  // namespace

std::vector<Command> AppCommands() {
  return {
      AppValidateCommand(),
      AppRunCommand(),
      AppDevCommand(),
      AppDeployCommand(),
      {.path = "app list",
       .summary = "List the applications and how they are",
       .details = "",
       .example = "mesg app list",
       .positionals = {},
       .options = {},
       .run = RunList},
      {.path = "app show",
       .summary = "Show one application: its workflows, services and problems",
       .details = "",
       .example = "mesg app show big-transfers\nmesg app show big-transfers --file",
       .positionals = {kApp},
       .options = {{"--file", "", "Print its file as it was deployed instead"}},
       .run = RunShow},
      AppGraphCommand(),
      AppDiffCommand(),
      {.path = "app pause",
       .summary = "Start no runs for now; what happens meanwhile is kept",
       .details = "Runs under way go on. What comes meanwhile starts its runs after `mesg app "
                  "resume`, as far as\nevents are kept.",
       .example = "mesg app pause big-transfers",
       .positionals = {kApps},
       .options = {},
       .run = RunPause},
      {.path = "app resume",
       .summary = "Take triggers again, after a pause or a stop",
       .details = "",
       .example = "mesg app resume big-transfers",
       .positionals = {kApps},
       .options = {},
       .run = RunResume},
      {.path = "app stop",
       .summary = "Start no more runs; what happens meanwhile is missed",
       .details = "",
       .example = "mesg app stop big-transfers --cancel-runs",
       .positionals = {kApps},
       .options = {{"--cancel-runs", "", "Cancel the runs under way too"}},
       .run = RunStop},
      {.path = "app delete",
       .summary = "Forget applications; their services stay",
       .details = "Asks for each one, unless --yes. Refused while runs are under way.",
       .example = "mesg app delete big-transfers --yes",
       .positionals = {kApps},
       .options = {{"-y,--yes", "", "Do not ask"},
                   {"--force", "", "Cancel the runs that are under way"}},
       .run = RunDelete},
      {.path = "__applications",
       .summary = "Print the names of the applications",
       .details = "",
       .example = "mesg __applications",
       .positionals = {},
       .options = {},
       .run = RunNames,
       .hidden = true},
  };
}

}  // namespace mesg::cli
