#include <filesystem>

#include "base/encoding.h"
#include "cli/commands/service.h"
#include "cli/context.h"
#include "cli/deployment.h"
#include "cli/inputs.h"
#include "cli/json_text.h"
#include "cli/show.h"

namespace mesg::cli {
namespace {

Result<int> RunDeploy(const Arguments& arguments, Context& context) {
  v1::DeployRequest::Open open = MESG_TRY(OpenFrom(arguments, context));
  open.set_start(arguments.Has("--start"));
  const v1::Service service = MESG_TRY(Deploy(context, arguments.Get("SOURCE", "."), open));
  Terminal& terminal = context.terminal();
  if (context.json()) {
    terminal.Print(ToJsonObject({{"sid", QuoteJson(service.definition().sid())},
                                 {"hash", QuoteJson(service.definition().hash())},
                                 {"instance", QuoteJson(service.instance_hash())},
                                 {"name", QuoteJson(service.name())},
                                 {"state", QuoteJson(v1::Service::State_Name(service.state()))}}));
    if (open.start()) MESG_TRY(CheckRuns(service));
    return 0;
  }
  terminal.Say(
      fmt::format("{} {} is deployed.", terminal.ForError(Style::kGreen, "✓"), service.name()));
  PrintFields({{"Sid", service.definition().sid()},
               {"Hash", service.definition().hash()},
               {"Instance", service.instance_hash()},
               {"State", StateName(service.state())}},
              context);
  if (open.start()) MESG_TRY(CheckRuns(service));
  if (!open.start()) {
    terminal.Say(service.managed()
                     ? fmt::format("Next: `mesg service start {}`.", service.name())
                     : fmt::format("Next: run its process with what `mesg service env {}` prints.",
                                   service.name()));
  }
  return 0;
}

Result<int> RunValidate(const Arguments& arguments, Context& context) {
  std::string file = arguments.Get("SOURCE", ".");
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) {
    file = file == "." ? "mesg.yml" : (std::filesystem::path(file) / "mesg.yml").string();
  }
  const std::string text = MESG_TRY(ReadFileOrInput(file, context.terminal()));
  const v1::ValidateServiceResponse response = context.Validate(text);
  if (context.json()) {
    context.Print(response);
    return response.errors().empty() ? 0 : 1;
  }
  Terminal& terminal = context.terminal();
  for (const v1::Diagnostic& found : response.errors()) {
    const std::string path = found.path().empty() ? "" : found.path() + ": ";
    terminal.Print(
        fmt::format("{}:{}:{}: {}{}", file, found.line(), found.column(), path, found.message()));
  }
  if (response.errors().empty()) {
    terminal.Say(fmt::format("{} {} is valid: service {}, hash {}.",
                             terminal.ForError(Style::kGreen, "✓"), file,
                             response.definition().sid(), response.definition().hash()));
    return 0;
  }
  return InvalidArgument("{} has {} error{}: correct what is listed above", file,
                         response.errors_size(), response.errors_size() == 1 ? "" : "s");
}

}  // namespace

Command ServiceDeployCommand() {
  std::vector<Option> options = DeployOptions();
  options.push_back({"--start", "", "Start it as well"});
  return {
      .path = "service deploy",
      .summary = "Bring a service in from a folder, an archive or a URL",
      .details =
          "Deploying does not start. A name that is deployed already is replaced: the old instance "
          "takes no "
          "new work,\nfinishes what it has, then stops. --json prints one line with sid, hash and "
          "instance.",
      .example =
          "mesg service deploy ./hello --start\n"
          "mesg service deploy https://example.org/service.git#v1 --env API_KEY",
      .positionals =
          {{"SOURCE",
            "A folder, a .tar.gz file, an http(s) or git URL with an optional #ref, or the "
            "name of one that comes with Core (.)",
            Positional::Count::kOptional}},
      .options = std::move(options),
      .run = RunDeploy};
}

Command ServiceValidateCommand() {
  return {.path = "service validate",
          .summary = "Check a mesg.yml and print everything that is wrong with it",
          .details =
              "Prints FILE:LINE:COLUMN: PATH: MESSAGE for each error and exits with 1 when there "
              "is one.\nNeeds no Core.",
          .example = "mesg service validate ./hello",
          .positionals = {{"SOURCE", "A folder with a mesg.yml, a file, or - for the input (.)",
                           Positional::Count::kOptional}},
          .options = {},
          .run = RunValidate};
}

}  // namespace mesg::cli
