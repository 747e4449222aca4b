#include <algorithm>
#include <filesystem>

#include "base/encoding.h"
#include "cli/application.h"
#include "cli/commands/app.h"
#include "cli/context.h"
#include "cli/json_text.h"

namespace mesg::cli {
namespace {

using v1::ApplicationOutline;

/// What is in a file, or in what is deployed under that name.
Result<ApplicationOutline> OutlineOf(const std::string& what, Context& context) {
  std::error_code error;
  const bool file = what == "-" || std::filesystem::is_regular_file(what, error) ||
                    std::filesystem::exists(std::filesystem::path(what) / "app.yml", error);
  if (file) {
    CheckedApplication application = MESG_TRY(CheckApplication(what, context));
    if (!application.outline().workflows().empty())
      return std::move(*application.found.mutable_outline());
    PrintFindings(application, context);
    MESG_TRY(Sound(application));
  }
  if (KindOf(what) != UseKind::kName || what.ends_with(".yml") || what.ends_with(".yaml")) {
    return NotFound("there is no file {}: give an application file, or the name of one deployed",
                    what);
  }
  const v1::Application deployed = MESG_TRY(context.client().GetApplication(what));
  v1::ValidateApplicationRequest request;
  request.mutable_file()->set_name(deployed.file_name());
  request.mutable_file()->set_content(deployed.content());
  v1::ValidateApplicationResponse found = context.Validate(request);
  if (!found.outline().workflows().empty()) return std::move(*found.mutable_outline());
  return Internal("this program does not understand the file of {}, which Core does", what);
}

Result<std::vector<ApplicationOutline::Workflow>> Chosen(const ApplicationOutline& outline,
                                                         const std::string& key) {
  std::vector<ApplicationOutline::Workflow> chosen;
  std::vector<std::string_view> keys;
  for (const ApplicationOutline::Workflow& workflow : outline.workflows()) {
    keys.push_back(workflow.key());
    if (key.empty() || workflow.key() == key) chosen.push_back(workflow);
  }
  if (!chosen.empty()) return chosen;
  const std::string_view nearest = Nearest(key, keys);
  return NotFound("{} has no workflow \"{}\"{}", outline.name(), key,
                  nearest.empty() ? "" : fmt::format(", did you mean \"{}\"?", nearest));
}

Result<int> RunGraph(const Arguments& arguments, Context& context) {
  const ApplicationOutline outline = MESG_TRY(OutlineOf(arguments.Get("FILE", "app.yml"), context));
  const auto workflows = MESG_TRY(Chosen(outline, arguments.Get("WORKFLOW")));
  const bool dot = arguments.Has("--dot");
  std::string text;
  std::string json;
  for (const ApplicationOutline::Workflow& workflow : workflows) {
    const std::string& graph = dot ? workflow.dot() : workflow.mermaid();
    // A comment in its own language tells several apart.
    if (workflows.size() > 1) {
      text +=
          fmt::format("{}{} {}\n", text.empty() ? "" : "\n\n", dot ? "//" : "%%", workflow.key());
    }
    text += graph;
    json += (json.empty() ? "" : ",") + ToJsonObject({{"workflow", QuoteJson(workflow.key())},
                                                      {dot ? "dot" : "mermaid", QuoteJson(graph)}});
  }
  context.terminal().Print(context.json() ? ToJsonObject({{"name", QuoteJson(outline.name())},
                                                          {"graphs", "[" + json + "]"}})
                                          : text);
  return 0;
}

}  // namespace

Command AppGraphCommand() {
  return {.path = "app graph",
          .summary = "Print workflows as flowcharts",
          .details =
              "In the language of Mermaid, which GitHub and many editors draw; --dot is for "
              "Graphviz.",
          .example = "mesg app graph app.yml\nmesg app graph big-transfers alert --dot | dot -Tsvg",
          .positionals = {{"FILE", "An application file, or the name of a deployed one (app.yml)",
                           Positional::Count::kOptional},
                          {"WORKFLOW", "Only this one", Positional::Count::kOptional}},
          .options = {{"--dot", "", "For Graphviz"}},
          .run = RunGraph};
}

}  // namespace mesg::cli
