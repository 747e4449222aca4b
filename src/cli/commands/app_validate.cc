#include "cli/application.h"
#include "cli/commands/app.h"
#include "cli/context.h"

namespace mesg::cli {
namespace {

/// "2 workflows, 3 services".
std::string Contents(const v1::ApplicationOutline& outline) {
  const auto count = [](int number, std::string_view what) {
    return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
  };
  return fmt::format("{}, {}", count(outline.workflows_size(), "workflow"),
                     count(outline.services_size(), "service"));
}

Result<int> RunValidate(const Arguments& arguments, Context& context) {
  const CheckedApplication application =
      MESG_TRY(CheckApplication(arguments.Get("FILE", "app.yml"), context));
  if (context.json()) {
    context.Print(application.found);
    return application.found.errors().empty() ? 0 : 1;
  }
  PrintFindings(application, context);
  MESG_TRY(Sound(application));
  Terminal& terminal = context.terminal();
  terminal.Say(fmt::format("{} {} is valid: {} {}, {}.", terminal.ForError(Style::kGreen, "✓"),
                           application.file, application.outline().format(),
                           application.outline().name(), Contents(application.outline())));
  return 0;
}

}  // namespace

Command AppValidateCommand() {
  return {.path = "app validate",
          .summary = "Check an application file and print everything that is wrong with it",
          .details =
              "Prints FILE:LINE:COLUMN: PATH: MESSAGE for each error and warning, and exits with 1 "
              "when there is an\nerror. Needs no Core where all services are folders.",
          .example = "mesg app validate app.yml",
          .positionals = {{"FILE", "An application file, or - for the input (app.yml)",
                           Positional::Count::kOptional}},
          .options = {},
          .run = RunValidate};
}

}  // namespace mesg::cli
