#include "cli/main.h"

#include <iostream>

#include "cli/endpoint.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/parser.h"

namespace mesg::cli {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

void PrintError(const Error& error, Terminal& terminal) {
  terminal.Say(fmt::format("{} {}", terminal.ForError(Style::kRed, "mesg:"), error.message));
  for (const Violation& violation : error.violations) {
    if (error.message.find(violation.reason) != std::string::npos) continue;
    terminal.Say(violation.path.empty()
                     ? fmt::format("  {}", violation.reason)
                     : fmt::format("  {}: {}", violation.path, violation.reason));
  }
}

int Fail(const Error& error, Terminal& terminal) {
  PrintError(error, terminal);
  return error.reason == kUsageReason ? kWrongUsage : kFailed;
}

/// What the parser has made of --json and --output.
Result<bool> WantsJson(const ParsedLine& line) {
  const std::string output = line.arguments.Get("--output", "text");
  if (output != "text" && output != "json") {
    return WrongUsage(InvalidArgument("--output must be text or json, got \"{}\"", output));
  }
  return output == "json";
}

Result<int> RunCommand(const ParsedLine& line, const Context::World& world) {
  const bool json = MESG_TRY(WantsJson(line));
  Result<std::string> endpoint = FindEndpoint(line.arguments.Get("--endpoint"), world.environment);
  if (!endpoint) return WrongUsage(std::move(endpoint).error());
  Context context(world, *endpoint, json);
  const int status = MESG_TRY(line.command->run(line.arguments, context));
  if (!world.terminal.OutputIsGood())
    return Unknown("not everything could be written to the output");
  return status;
}

}  // namespace

int Run(const std::vector<std::string>& arguments, const Context::World& world) {
  if (!arguments.empty() && arguments.front() == "core") {
    return world.core({arguments.begin() + 1, arguments.end()});
  }
  Terminal& terminal = world.terminal;
  const Result<ParsedLine> line = ParseCommandLine(arguments);
  if (!line) {
    PrintError(line.error(), terminal);
    return kWrongUsage;
  }
  if (line->arguments.Has("--no-color")) terminal.traits().colour = false;
  if (line->arguments.Has("--no-spinner")) terminal.traits().spinner = false;
  if (line->version) {
    terminal.Print("mesg " MESG_VERSION);
    return 0;
  }
  if (line->command == nullptr) {
    const std::string help =
        line->group.empty() ? HelpOfAll(terminal) : HelpOfGroup(line->group, terminal);
    if (line->help) {
      terminal.Print(help);
      return 0;
    }
    terminal.Say(help);
    return kWrongUsage;
  }
  if (line->help) {
    terminal.Print(HelpOf(*line->command, terminal));
    return 0;
  }
  const Result<int> status = RunCommand(*line, world);
  return status ? *status : Fail(status.error(), terminal);
}

int Main(int argc, char** argv, CoreCommand core, ValidateDefinition validate,
         ValidateApplication validate_application) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const SystemClock clock;
  Terminal terminal(std::cin, std::cout, std::cerr, Terminal::Detect());
  Interrupt interrupt;
  std::error_code ignored;
  return Run(arguments, {.terminal = terminal,
                         .environment = ProcessEnvironment,
                         .clock = clock,
                         .executable = std::filesystem::read_symlink("/proc/self/exe", ignored),
                         .core = std::move(core),
                         .validate = std::move(validate),
                         .validate_application = std::move(validate_application),
                         .stop = [&interrupt] { return interrupt.Watch(); }});
}

}  // namespace mesg::cli
