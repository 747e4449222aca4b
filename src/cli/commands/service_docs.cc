#include "cli/service_docs.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/encoding.h"
#include "cli/commands/service.h"
#include "cli/context.h"
#include "cli/deployment.h"
#include "cli/installation.h"
#include "cli/json_text.h"

namespace mesg::cli {
namespace {

/// The definition in a folder, as Core reads it, or of a service that is deployed or comes with
/// MESG.
Result<v1::Definition> DefinitionOf(const std::string& source, bool is_folder, Context& context) {
  if (is_folder) return DefinitionIn(source, context);
  const auto service = context.client().GetService(source);
  if (service) return service->definition();
  if (const auto available = FindAvailable(context.executable(), source)) {
    return DefinitionIn(available->string(), context);
  }
  return service.error();
}

Result<int> RunDocs(const Arguments& arguments, Context& context) {
  const std::string source = arguments.Get("SOURCE", ".");
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(source, ignored);
  const std::string text = ServiceDocs(MESG_TRY(DefinitionOf(source, is_folder, context)));
  const bool to_output = arguments.Has("--print") || !is_folder || context.json();
  if (to_output) {
    if (context.json()) {
      context.terminal().Print(ToJsonObject({{"markdown", QuoteJson(text)}}));
    } else {
      context.terminal().Write(text);
    }
    return 0;
  }
  const std::filesystem::path file = std::filesystem::path(source) / "README.md";
  if (std::filesystem::exists(file, ignored) && !arguments.Has("--force")) {
    if (!context.terminal().traits().input_is_terminal) {
      return FailedPrecondition("{} exists: add --force to overwrite it, or --print",
                                file.string());
    }
    const bool sure =
        MESG_TRY(context.terminal().Confirm(fmt::format("Overwrite {}?", file.string())));
    if (!sure) return 1;
  }
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text << std::flush;
  if (!out) return FailedPrecondition("cannot write {}: {}", file.string(), std::strerror(errno));
  context.Tell(fmt::format("{} {} is written.", context.terminal().ForError(Style::kGreen, "✓"),
                           file.string()));
  return 0;
}

}  // namespace

Command ServiceDocsCommand() {
  return {.path = "service docs",
          .summary = "Write a service's README.md from its definition",
          .details =
              "For a folder it writes README.md there and asks before it overwrites one; that of a "
              "service\nwhich is deployed or comes with Core it prints.",
          .example = "mesg service docs ./hello --force\nmesg service docs webhook",
          .positionals = {{"SOURCE", "A folder with a mesg.yml, or the name of a service (.)",
                           Positional::Count::kOptional}},
          .options = {{"-f,--force", "", "Overwrite README.md without asking"},
                      {"--print", "", "Print it instead of writing it"}},
          .run = RunDocs};
}

}  // namespace mesg::cli
