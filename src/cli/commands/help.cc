#include "cli/help.h"

#include "cli/command.h"
#include "cli/completion.h"
#include "cli/context.h"

namespace mesg::cli {
namespace {

Result<int> RunHelp(const Arguments& arguments, Context& context) {
  Terminal& terminal = context.terminal();
  if (arguments.Has("--markdown")) {
    terminal.Print(MarkdownReference());
    return 0;
  }
  std::string path;
  for (const std::string& word : arguments.All("COMMAND")) path += (path.empty() ? "" : " ") + word;
  if (path.empty()) {
    terminal.Print(HelpOfAll(terminal));
    return 0;
  }
  if (const Command* command = FindCommand(path)) {
    terminal.Print(HelpOf(*command, terminal));
    return 0;
  }
  for (const CommandGroup& group : AllCommands()) {
    for (const Command& command : group.commands) {
      if (!command.path.starts_with(path + " ")) continue;
      terminal.Print(HelpOfGroup(path, terminal));
      return 0;
    }
  }
  return WrongUsage(InvalidArgument("there is no command \"{}\": see `mesg --help`", path));
}

Result<int> RunCompletion(const Arguments& arguments, Context& context) {
  context.terminal().Print(MESG_TRY(CompletionScript(arguments.Get("SHELL"))));
  return 0;
}

/// For the completion scripts: silent when Core does not run.
Result<int> RunServices(const Arguments&, Context& context) {
  const Result<v1::ListServicesResponse> list = context.client().ListServices();
  if (!list) return 1;
  for (const v1::Service& service : list->services()) context.terminal().Print(service.name());
  return 0;
}

}  // namespace

std::vector<Command> HelpCommands() {
  return {
      {.path = "help",
       .summary = "Print help, of everything or of one command",
       .details = "",
       .example = "mesg help service deploy\nmesg help --markdown",
       .positionals = {{"COMMAND", "The words of a command", Positional::Count::kAny}},
       .options = {{"--markdown", "", "The whole reference as Markdown"}},
       .run = RunHelp},
      {.path = "completion",
       .summary = "Print the script that completes mesg in a shell",
       .details = "",
       .example = "source <(mesg completion bash)\nmesg completion fish | source",
       .positionals = {{"SHELL", "bash, zsh or fish"}},
       .options = {},
       .run = RunCompletion},
      {.path = "__services",
       .summary = "Print the names of services, for completion",
       .details = "",
       .example = "mesg __services",
       .positionals = {},
       .options = {},
       .run = RunServices,
       .hidden = true},
  };
}

}  // namespace mesg::cli
