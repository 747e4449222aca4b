#include "base/encoding.h"
#include "cli/application.h"
#include "cli/application_deployment.h"
#include "cli/commands/app.h"
#include "cli/context.h"
#include "cli/json_text.h"
#include "cli/show.h"

namespace mesg::cli {
namespace {

/// What a deployment would do.
Result<int> Compare(const WantedApplication& wanted, Context& context) {
  const ApplicationServices services = MESG_TRY(PlanServices(wanted.application, context));
  const v1::DeployApplicationResponse response =
      MESG_TRY(DeployApplication(wanted.application, wanted.values, services, true, context));
  if (context.json()) {
    context.Print(response);
    return 0;
  }
  for (const std::string& change : response.changes()) context.terminal().Print(change);
  if (response.changes().empty()) {
    context.Tell(
        fmt::format("{} is deployed as the file says.", wanted.application.outline().name()));
  }
  return 0;
}

std::string ServicesJson(const v1::Application& application) {
  const std::map<std::string, std::string> sorted(application.services().begin(),
                                                  application.services().end());
  JsonMembers members;
  for (const auto& [alias, name] : sorted) members.emplace_back(alias, QuoteJson(name));
  return ToJsonObject(members);
}

void TellNext(const v1::Application& application, Context& context) {
  for (const v1::Application::Workflow& workflow : application.workflows()) {
    if (workflow.trigger() != "manual") continue;
    return context.Tell(
        fmt::format("Next: `mesg run start {} {}`.", application.name(), workflow.key()));
  }
  context.Tell(fmt::format("Next: `mesg run watch --app {}` shows its runs as they come.",
                           application.name()));
}

Result<int> RunDeploy(const Arguments& arguments, Context& context) {
  const WantedApplication wanted = MESG_TRY(ReadWanted(arguments, context));
  if (arguments.Has("--dry-run")) return Compare(wanted, context);
  ApplicationServices services;
  MESG_TRY(DeployServices(wanted.application, wanted.values, context, services));
  const v1::DeployApplicationResponse response =
      MESG_TRY(DeployApplication(wanted.application, wanted.values, services, false, context));
  MESG_TRY(StartServices(services, context));
  const v1::Application& application = response.application();
  if (context.json()) {
    context.terminal().Print(ToJsonObject({{"name", QuoteJson(application.name())},
                                           {"hash", QuoteJson(application.hash())},
                                           {"services", ServicesJson(application)}}));
    return 0;
  }
  Terminal& terminal = context.terminal();
  terminal.Say(
      fmt::format("{} {} is deployed.", terminal.ForError(Style::kGreen, "✓"), application.name()));
  PrintDeployment(response, context);
  PrintFields({{"Name", application.name()}, {"Hash", application.hash()}}, context);
  TellNext(application, context);
  return 0;
}

Result<int> RunDiff(const Arguments& arguments, Context& context) {
  const WantedApplication wanted = MESG_TRY(ReadWanted(arguments, context));
  return Compare(wanted, context);
}

const Positional kFile = {"FILE", "An application file, or - for the input (app.yml)",
                          Positional::Count::kOptional};

}  // namespace

Command AppDeployCommand() {
  std::vector<Option> options = ApplicationOptions();
  options.push_back({"--dry-run", "", "Only say what would change"});
  return {
      .path = "app deploy",
      .summary = "Bring an application in, or a new version of it, with its services",
      .details =
          "Folders, archives and URLs it uses are deployed with it, and so are services it gives "
          "an environment,\nas APPLICATION-ALIAS; they are started last, so that it misses none of "
          "their events. A new version takes\nnew triggers; runs stay on theirs. --json prints one "
          "line with name, hash and services.",
      .example =
          "mesg app deploy app.yml --set limit=500\n"
          "mesg app deploy app.yml --env RPC_URL --dry-run",
      .positionals = {kFile},
      .options = std::move(options),
      .run = RunDeploy};
}

Command AppDiffCommand() {
  return {.path = "app diff",
          .summary = "Say what deploying a file would change",
          .details = "",
          .example = "mesg app diff app.yml --set limit=500",
          .positionals = {kFile},
          .options = ApplicationOptions(),
          .run = RunDiff};
}

}  // namespace mesg::cli
