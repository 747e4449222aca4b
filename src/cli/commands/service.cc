#include "cli/commands/service.h"

#include "base/encoding.h"
#include "cli/context.h"
#include "cli/human.h"
#include "cli/inputs.h"
#include "cli/json_text.h"
#include "cli/message_json.h"
#include "cli/show.h"
#include "cli/table.h"
#include "cli/variables.h"

namespace mesg::cli {
namespace {

using v1::Service;

Result<int> ListAvailable(Context& context) {
  const v1::ListAvailableServicesResponse list = MESG_TRY(context.client().ListAvailableServices());
  if (context.json()) {
    context.Print(list);
    return 0;
  }
  Table table({"NAME", "VERSION", "DESCRIPTION"});
  for (const v1::Definition& service : list.services()) {
    table.Add({service.sid(), service.version(), service.description()});
  }
  context.terminal().Print(table.Render(context.terminal()));
  context.Tell(
      "\nDeploy one with `mesg service deploy NAME --start`, or say `use: NAME` in an "
      "application file. What it\ntells and does: `mesg service docs NAME`.");
  return 0;
}

Result<int> RunList(const Arguments& arguments, Context& context) {
  if (arguments.Has("--available")) return ListAvailable(context);
  const v1::ListServicesResponse list = MESG_TRY(context.client().ListServices());
  if (context.json()) {
    context.Print(list);
    return 0;
  }
  if (list.services().empty()) {
    context.Tell(
        "No service is deployed: see `mesg service list --available`, or write one with `mesg "
        "service init hello`.");
    return 0;
  }
  Table table({"NAME", "STATE", "VERSION", "WORKERS", "OPEN", "DEPLOYED", "INSTANCE"});
  table.Paint(1, StateColour);
  for (const Service& service : list.services()) {
    const std::string& version = service.definition().version();
    table.Add({service.name(), StateName(service.state()), version.empty() ? "-" : version,
               fmt::to_string(service.workers()), HumanCount(service.open_executions()),
               HumanTime(service.deployed_us(), context.Now()), service.instance_hash()});
  }
  context.terminal().Print(table.Render(context.terminal()));
  for (const Service& service : list.services()) {
    if (service.problem().empty()) continue;
    context.terminal().Print(fmt::format("\n{}: {}", service.name(), service.problem()));
  }
  return 0;
}

/// "name: String, amount: Number (optional)".
std::string Signature(const Parameters& parameters) {
  std::string text;
  for (const v1::Parameter& parameter : parameters) {
    text += fmt::format("{}{}: {}{}", text.empty() ? "" : ", ", parameter.key(),
                        TypeName(parameter), parameter.optional() ? " (optional)" : "");
  }
  return text.empty() ? "-" : text;
}

void PrintDefinition(const v1::Definition& definition, Context& context) {
  Terminal& terminal = context.terminal();
  if (!definition.events().empty()) {
    Table events({"EVENT", "DATA"});
    for (const auto& event : definition.events())
      events.Add({event.key(), Signature(event.data())});
    terminal.Print("\n" + events.Render(terminal));
  }
  if (!definition.tasks().empty()) {
    Table tasks({"TASK", "INPUTS", "OUTPUT", "OUTPUTS"});
    for (const auto& task : definition.tasks()) {
      if (task.outputs().empty()) tasks.Add({task.key(), Signature(task.inputs()), "-", "-"});
      for (const auto& output : task.outputs()) {
        tasks.Add({task.key(), Signature(task.inputs()), output.key().empty() ? "-" : output.key(),
                   Signature(output.data())});
      }
    }
    terminal.Print("\n" + tasks.Render(terminal));
  }
  if (!definition.env().empty()) {
    Table env({"VARIABLE", "DEFAULT", "NEEDED", "DESCRIPTION"});
    for (const auto& variable : definition.env()) {
      env.Add({variable.key(), variable.secret() ? "(secret)" : variable.value(),
               variable.required() ? "yes" : "no", variable.description()});
    }
    terminal.Print("\n" + env.Render(terminal));
  }
}

Result<int> RunShow(const Arguments& arguments, Context& context) {
  const Service service = MESG_TRY(context.client().GetService(arguments.Get("SERVICE")));
  if (context.json()) {
    context.Print(service);
    return 0;
  }
  const v1::Definition& definition = service.definition();
  PrintFields({{"Name", service.name()},
               {"Title", definition.name()},
               {"Description", definition.description()},
               {"Version", definition.version()},
               {"State", StateName(service.state())},
               {"Reason", service.state_reason()},
               {"Problem", service.problem()},
               {"Process", service.pid() == 0 ? "" : fmt::to_string(service.pid())},
               {"Restarts", service.restarts() == 0 ? "" : fmt::to_string(service.restarts())},
               {"Workers", fmt::to_string(service.workers())},
               {"Open executions", HumanCount(service.open_executions())},
               {"Pinned work", service.pinned() == 0 ? "" : HumanCount(service.pinned())},
               {"Deployed", HumanTime(service.deployed_us(), context.Now())},
               {"From", service.source()},
               {"Sid", definition.sid()},
               {"Hash", definition.hash()},
               {"Instance", service.instance_hash()}},
              context);
  PrintDefinition(definition, context);
  return 0;
}

/// Does `act` to each named service, in order; the first refusal ends it.
template <typename Act>
Result<int> ForEach(const Arguments& arguments, Context& context, std::string_view done, Act act) {
  for (const std::string& name : arguments.All("SERVICE")) {
    const Service service = MESG_TRY(act(name));
    if (context.json()) {
      context.Print(service);
    } else {
      context.terminal().Say(fmt::format(
          "{} {} is {}.", context.terminal().ForError(Style::kGreen, "✓"), service.name(), done));
    }
  }
  return 0;
}

Result<int> RunStart(const Arguments& arguments, Context& context) {
  return ForEach(arguments, context, "started", [&](const std::string& name) -> Result<Service> {
    const Service service = MESG_TRY(context.client().StartService(name));
    MESG_TRY(CheckRuns(service));
    return service;
  });
}

Result<int> RunStop(const Arguments& arguments, Context& context) {
  return ForEach(arguments, context, "stopped",
                 [&](const std::string& name) { return context.client().StopService(name); });
}

Result<std::vector<std::string>> ToDelete(const Arguments& arguments, Context& context) {
  std::vector<std::string> names = arguments.All("SERVICE");
  if (arguments.Has("--all")) {
    if (!names.empty())
      return WrongUsage(InvalidArgument("give either --all or names of services"));
    const v1::ListServicesResponse list = MESG_TRY(context.client().ListServices());
    for (const Service& service : list.services()) names.push_back(service.instance_hash());
  } else if (names.empty()) {
    return WrongUsage(InvalidArgument("say which service: `mesg service delete NAME`, or --all"));
  }
  return names;
}

Result<int> RunDelete(const Arguments& arguments, Context& context) {
  const std::vector<std::string> names = MESG_TRY(ToDelete(arguments, context));
  for (const std::string& name : names) {
    const Service service = MESG_TRY(context.client().GetService(name));
    bool keep_data = arguments.Has("--keep-data");
    if (!arguments.Has("--yes")) {
      if (!context.terminal().traits().input_is_terminal) {
        return FailedPrecondition("deleting {} needs a confirmation: add --yes", service.name());
      }
      const bool sure =
          MESG_TRY(context.terminal().Confirm(fmt::format("Delete {}?", service.name())));
      if (!sure) continue;
      if (!keep_data) {
        const bool data_too =
            MESG_TRY(context.terminal().Confirm("Delete its key-value store and history too?"));
        keep_data = !data_too;
      }
    }
    v1::DeleteServiceRequest request;
    request.set_service(name);
    request.set_keep_data(keep_data);
    request.set_force(arguments.Has("--force"));
    MESG_TRY(context.client().DeleteService(request));
    if (context.json()) {
      context.terminal().Print(ToJsonObject({{"deleted", QuoteJson(service.name())},
                                             {"instance", QuoteJson(service.instance_hash())},
                                             {"kept_data", keep_data ? "true" : "false"}}));
    } else {
      context.terminal().Say(fmt::format("{} {} is deleted{}.",
                                         context.terminal().ForError(Style::kGreen, "✓"),
                                         service.name(), keep_data ? ", its data is kept" : ""));
    }
  }
  return 0;
}

Result<int> RunEnv(const Arguments& arguments, Context& context) {
  const v1::GetEnvironmentResponse response =
      MESG_TRY(context.client().GetEnvironment(arguments.Get("SERVICE")));
  if (context.json()) {
    context.Print(response);
    return 0;
  }
  const Variables sorted(response.env().begin(), response.env().end());
  for (const auto& [key, value] : sorted) {
    context.terminal().Print(fmt::format("{}={}", key, ShellQuoted(value)));
  }
  return 0;
}

const Positional kService = {"SERVICE", "A service's name, or the hash of it or its instance"};
const Positional kServices = {"SERVICE", "Names or hashes of services", Positional::Count::kSome};

}  // namespace

std::vector<Command> ServiceCommands() {
  return {
      ServiceInitCommand(),
      ServiceValidateCommand(),
      ServiceDeployCommand(),
      ServiceDevCommand(),
      {.path = "service list",
       .summary = "List the services and how they are",
       .details =
           "Those that come with Core need no source: an application names them (use: NAME), "
           "and\n`mesg service deploy NAME` brings them in.",
       .example = "mesg service list\nmesg service list --available",
       .positionals = {},
       .options = {{"--available", "", "What comes with Core and can be deployed by name"}},
       .run = RunList},
      {.path = "service show",
       .summary = "Show one service: its state, events, tasks and variables",
       .details = "",
       .example = "mesg service show webhook",
       .positionals = {kService},
       .options = {},
       .run = RunShow},
      {.path = "service start",
       .summary = "Start the processes of services and keep them running",
       .details = "",
       .example = "mesg service start webhook http",
       .positionals = {kServices},
       .options = {},
       .run = RunStart},
      {.path = "service stop",
       .summary = "Stop the processes of services",
       .details = "",
       .example = "mesg service stop webhook",
       .positionals = {kServices},
       .options = {},
       .run = RunStop},
      {.path = "service delete",
       .summary = "Stop services and forget them",
       .details = "Asks for each service and for its data, unless --yes. Refused while work is "
                  "pinned to it.",
       .example = "mesg service delete webhook --yes --keep-data",
       .positionals = {{"SERVICE", "Names or hashes of services", Positional::Count::kAny}},
       .options = {{"--all", "", "Every service"},
                   {"-y,--yes", "", "Do not ask"},
                   {"--keep-data", "",
                    "Keep its key-value store and history for a later deployment"},
                   {"--force", "", "Cancel the work that is pinned to it"}},
       .run = RunDelete},
      ServiceLogsCommand(),
      {.path = "service env",
       .summary = "Print the environment of a service's process, its token included",
       .details = "For running it by hand or under a debugger. The lines are quoted for a shell.",
       .example = "env $(mesg service env hello | xargs) node index.js",
       .positionals = {kService},
       .options = {},
       .run = RunEnv},
      ServiceExecuteCommand(),
      ServiceDocsCommand(),
  };
}

}  // namespace mesg::cli
