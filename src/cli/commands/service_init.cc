#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/encoding.h"
#include "cli/commands/service.h"
#include "cli/context.h"
#include "cli/installation.h"
#include "cli/json_text.h"
#include "cli/templates.h"

namespace mesg::cli {
namespace {

using Path = std::filesystem::path;

struct Language {
  std::string_view name;
  std::string_view title;
  std::string_view remark;  ///< Said when the library is missing.
};
constexpr Language kLanguages[] = {
    {"javascript", "JavaScript (Node.js)",
     "The library @mesg/sdk was not found beside this program: write its folder into "
     "package.json."},
    {"cpp", "C++",
     "The sources of MESG were not found above this program: set MESG_SOURCE in CMakeLists.txt."}};

Result<const Language*> ChooseLanguage(const Arguments& arguments, Terminal& terminal) {
  std::string name = arguments.Get("--template");
  if (name.empty() && !terminal.traits().input_is_terminal) name = "javascript";
  if (name.empty()) {
    for (const Language& each : kLanguages)
      terminal.Say(fmt::format("  {:<12} {}", each.name, each.title));
    name = MESG_TRY(terminal.Ask("Which language (javascript)?"));
    if (name.empty()) name = "javascript";
  }
  if (name == "js") name = "javascript";
  if (name == "c++") name = "cpp";
  for (const Language& each : kLanguages) {
    if (each.name == name) return &each;
  }
  return WrongUsage(InvalidArgument("--template must be javascript or cpp, got \"{}\"", name));
}

/// What it is called: --name, else as its folder.
std::string ServiceName(const Arguments& arguments, const Path& folder) {
  std::string name = arguments.Get("--name");
  std::error_code ignored;
  const Path whole = std::filesystem::absolute(folder, ignored).lexically_normal();
  if (name.empty()) name = whole.filename().string();
  if (name.empty()) name = whole.parent_path().filename().string();  // "hello/"
  return name;
}

/// `name` as YAML takes it for text.
std::string YamlWord(const std::string& name) {
  const bool plain = std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  });
  std::string lower = name;
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return plain && !name.starts_with('-') && lower != "null" ? name : QuoteJson(name);
}

/// What @SDK@ stands for; empty when the library is not there.
std::string Library(const Language& language, const Path& executable, Context& context) {
  if (language.name == "cpp") {
    const auto sources = FindSdkCpp(executable);
    return sources ? sources->string() : "";
  }
  const auto library = FindSdkJs(executable);
  if (!library) return "";
  if (!library->built) {
    context.Tell(fmt::format("The JavaScript library is not built yet: run `{}`.",
                             SdkJsBuildCommand(library->folder)));
  }
  return library->folder.string();
}

std::string Filled(const TemplateFile& file, const std::string& name, const std::string& sdk) {
  std::string out(file.content);
  const auto fill = [&out](std::string_view mark, const std::string& value) {
    for (std::size_t at = out.find(mark); at != std::string::npos;
         at = out.find(mark, at + value.size())) {
      out.replace(at, mark.size(), value);
    }
  };
  fill("@NAME@", file.path.ends_with("/mesg.yml") ? YamlWord(name) : name);
  fill("@SDK@", sdk);
  return out;
}

/// "npmrc" lies without its dot in the repository, so that no tool takes it for its own there.
std::string FileName(std::string_view path, const Language& language) {
  const std::string name(path.substr(language.name.size() + 1));
  return name == "npmrc" || name == "mesgignore" ? "." + name : name;
}

/// Refused when the mesg.yml that is to be written would be, which is when the name is no sid.
Result<void> CheckName(const Arguments& arguments, const Language& language,
                       const std::string& name, const Context& context) {
  for (const TemplateFile& file : TemplateFiles()) {
    if (file.path != std::string(language.name) + "/mesg.yml") continue;
    const v1::ValidateServiceResponse response = context.Validate(Filled(file, name, ""));
    if (response.errors().empty()) return {};
    return WrongUsage(InvalidArgument("{}{}", response.errors(0).message(),
                                      arguments.Has("--name") ? "" : ": give a name with --name"));
  }
  return {};
}

Result<std::vector<std::string>> WriteFiles(const Language& language, const Path& folder,
                                            const std::string& name, const std::string& sdk) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return FailedPrecondition("cannot make {}: {}", folder.string(), error.message());
  std::vector<std::pair<std::string, std::string>> files;
  for (const TemplateFile& file : TemplateFiles()) {
    if (!file.path.starts_with(std::string(language.name) + "/")) continue;
    files.emplace_back(FileName(file.path, language), Filled(file, name, sdk));
    if (std::filesystem::exists(folder / files.back().first, error)) {
      return AlreadyExists("{} exists: choose another folder, nothing was written",
                           (folder / files.back().first).string());
    }
  }
  std::vector<std::string> written;
  for (const auto& [path, content] : files) {
    std::ofstream out(folder / path, std::ios::binary);
    out << content << std::flush;
    if (!out)
      return FailedPrecondition("cannot write {}: {}", (folder / path).string(),
                                std::strerror(errno));
    written.push_back(path);
  }
  return written;
}

Result<int> RunInit(const Arguments& arguments, Context& context) {
  const Path folder = arguments.Get("FOLDER", arguments.Get("--dir", "."));
  const std::string name = ServiceName(arguments, folder);
  const Language* language = MESG_TRY(ChooseLanguage(arguments, context.terminal()));
  MESG_TRY(CheckName(arguments, *language, name, context));
  const std::string sdk = Library(*language, context.executable(), context);
  const std::vector<std::string> written =
      MESG_TRY(WriteFiles(*language, folder, name, sdk.empty() ? "PATH-OF-THE-MESG-LIBRARY" : sdk));
  if (context.json()) {
    std::string files;
    for (const std::string& file : written) files += (files.empty() ? "" : ",") + QuoteJson(file);
    context.terminal().Print(ToJsonObject({{"name", QuoteJson(name)},
                                           {"folder", QuoteJson(folder.string())},
                                           {"template", QuoteJson(language->name)},
                                           {"sdk", QuoteJson(sdk)},
                                           {"files", "[" + files + "]"}}));
    return 0;
  }
  Terminal& terminal = context.terminal();
  terminal.Say(fmt::format("{} Service {} in {}:", terminal.ForError(Style::kGreen, "✓"), name,
                           folder.string()));
  for (const std::string& file : written)
    terminal.Print((folder / file).lexically_normal().string());
  if (sdk.empty()) terminal.Say(terminal.ForError(Style::kYellow, language->remark));
  const char* before = language->name == "cpp" ? "build it as its README.md says, then " : "";
  terminal.Say(fmt::format("Next: {}`mesg service dev {}`.", before, folder.string()));
  return 0;
}

}  // namespace

Command ServiceInitCommand() {
  return {.path = "service init",
          .summary = "Write a working service to begin with, in JavaScript or C++",
          .details = "Files that exist are never overwritten.",
          .example = "mesg service init hello --template javascript",
          .positionals = {{"FOLDER", "Where; it is made when missing (.)",
                           Positional::Count::kOptional}},
          .options = {{"-t,--template", "LANGUAGE", "javascript or cpp; asked for on a terminal"},
                      {"--name", "NAME", "The service's sid; else the folder's name"},
                      {"--dir", "FOLDER", "The same as FOLDER"}},
          .run = RunInit};
}

}  // namespace mesg::cli
