#include "cli/application.h"

#include <algorithm>

#include "base/encoding.h"
#include "cli/deployment.h"
#include "cli/inputs.h"
#include "cli/installation.h"
#include "cli/json_text.h"

namespace mesg::cli {
namespace {

namespace fs = std::filesystem;
using v1::ApplicationOutline;
using v1::Diagnostic;

bool IsArchive(const std::string& use) { return use.ends_with(".tar.gz") || use.ends_with(".tgz"); }

/// The mesg.yml of each folder the file names. A folder without one is an error of the file.
Result<void> ReadContracts(CheckedApplication& application, Context& context,
                           std::vector<Diagnostic>& missing) {
  for (const ApplicationOutline::Use& use : application.outline().services()) {
    if (KindOf(use.use()) != UseKind::kPath) continue;
    const fs::path path = application.PathOf(use);
    std::error_code error;
    if (IsArchive(use.use()) && fs::is_regular_file(path, error)) continue;
    fs::path definition = path / "mesg.yml";
    if (!fs::exists(definition, error)) definition = path / "mesg.yaml";
    if (!fs::exists(definition, error)) {
      Diagnostic& diagnostic = missing.emplace_back();
      diagnostic.set_file(application.file);
      diagnostic.set_path("services." + use.alias());
      diagnostic.set_message(IsArchive(use.use())
                                 ? fmt::format("there is no file {}", path.string())
                                 : fmt::format("there is no mesg.yml in {}", path.string()));
      continue;
    }
    (*application.request.mutable_definitions())[use.alias()] =
        MESG_TRY(ReadFileOrInput(definition.string(), context.terminal()));
  }
  return {};
}

/// The contracts of what is not deployed and comes with MESG. True when there are some.
bool ReadAvailable(CheckedApplication& application, Context& context) {
  bool some = false;
  for (const ApplicationOutline::Use& use : application.outline().services()) {
    if (use.resolved() || KindOf(use.use()) != UseKind::kName) continue;
    const auto folder = FindAvailable(context.executable(), use.use());
    if (!folder) continue;
    const auto text = ReadFileOrInput((*folder / "mesg.yml").string(), context.terminal());
    if (!text) continue;
    (*application.request.mutable_definitions())[use.alias()] = *text;
    some = true;
  }
  return some;
}

std::vector<std::string> Unresolved(const ApplicationOutline& outline) {
  std::vector<std::string> aliases;
  for (const ApplicationOutline::Use& use : outline.services()) {
    if (!use.resolved()) aliases.push_back(use.alias());
  }
  return aliases;
}

Error WrongSet(const ApplicationOutline& outline, const std::string& key) {
  std::vector<std::string_view> keys;
  for (const ApplicationOutline::Input& input : outline.inputs()) keys.push_back(input.key());
  const std::string_view nearest = Nearest(key, keys);
  return InvalidArgument("{} has no input \"{}\"{}", outline.name(), key,
                         nearest.empty() ? "" : fmt::format(", did you mean \"{}\"?", nearest));
}

/// `text` as JSON of what the input declares.
Result<std::string> Cast(const ApplicationOutline::Input& input, std::string_view text) {
  v1::Parameter parameter;
  parameter.set_key(input.key());
  // Anything may be written as JSON; what is none is a text.
  if (input.type() != "Any") parameter.set_type(input.type());
  parameter.set_repeated(input.repeated());
  return CastValue(parameter, text);
}

Result<std::map<std::string, std::string>> Inputs(const std::vector<std::string>& words,
                                                  const ApplicationOutline& outline) {
  std::map<std::string, std::string> inputs;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    if (equals == std::string::npos || key.empty()) {
      return WrongUsage(InvalidArgument("--set takes INPUT=VALUE, got \"{}\"", word));
    }
    const auto input = std::ranges::find_if(
        outline.inputs(), [&](const auto& declared) { return declared.key() == key; });
    if (input == outline.inputs().end()) return WrongSet(outline, key);
    if (!inputs.emplace(key, MESG_TRY(Cast(*input, word.substr(equals + 1)))).second) {
      return WrongUsage(InvalidArgument("--set gives \"{}\" twice", key));
    }
  }
  for (const ApplicationOutline::Input& input : outline.inputs()) {
    if (inputs.contains(input.key())) continue;
    if (!input.default_value().empty()) {
      inputs.emplace(input.key(), input.default_value());
    } else if (!input.optional()) {
      return InvalidArgument(
          "{} needs the input \"{}\"{}: add `--set {}=VALUE`", outline.name(), input.key(),
          input.description().empty() ? "" : " (" + input.description() + ")", input.key());
    }
  }
  return inputs;
}

Result<Variables> Env(const Arguments& arguments, const CheckedApplication& application,
                      Context& context) {
  std::vector<std::string> files = arguments.All("--env-file");
  std::error_code error;
  const fs::path beside = application.folder / ".env";
  if (files.empty() && fs::is_regular_file(beside, error)) files.push_back(beside.string());
  Variables all;
  for (const std::string& file : files) {
    const std::string text = MESG_TRY(ReadFileOrInput(file, context.terminal()));
    for (auto& [key, value] : MESG_TRY(ParseEnvFile(text, file))) all[key] = value;
  }
  Result<Variables> words = ParseEnvWords(arguments.All("--env"), context.environment());
  if (!words) return WrongUsage(std::move(words).error());
  for (auto& [key, value] : *words) all[key] = value;
  Variables mentioned;
  for (const std::string& name : application.outline().env()) {
    if (const auto found = all.find(name); found != all.end()) mentioned.insert(*found);
  }
  return mentioned;
}

std::string Place(const Diagnostic& found) {
  std::string place = found.file();
  if (found.line() > 0) place += fmt::format(":{}:{}", found.line(), found.column());
  return found.path().empty() ? place + ": " : fmt::format("{}: {}: ", place, found.path());
}

}  // namespace

UseKind KindOf(const std::string& use) {
  if (IsUrl(use)) return UseKind::kUrl;
  const bool path =
      use.find('/') != std::string::npos || use == "." || use == ".." || IsArchive(use);
  return path ? UseKind::kPath : UseKind::kName;
}

fs::path CheckedApplication::PathOf(const ApplicationOutline::Use& use) const {
  return (folder / use.use()).lexically_normal();
}

namespace {

/// Checks once more, with what Core knows. Wrong is what the result says.
Result<void> AskCore(CheckedApplication& application, Context& context) {
  auto answer = context.client().ValidateApplication(application.request);
  if (!answer && answer.error().reason == kCoreNotRunning) {
    application.core_answered = false;
    return {};
  }
  if (!answer) return std::move(answer).error();
  application.found = *std::move(answer);
  return {};
}

}  // namespace

Result<CheckedApplication> CheckApplication(const std::string& what, Context& context) {
  CheckedApplication application;
  std::error_code error;
  const bool in_folder = fs::is_directory(what, error);
  const std::string file =
      in_folder ? (fs::path(what) / "app.yml").lexically_normal().string() : what;
  application.file = file;
  application.folder = file == "-" ? fs::path(".") : fs::path(file).parent_path();
  if (application.folder.empty()) application.folder = ".";
  v1::ApplicationFile& content = *application.request.mutable_file();
  content.set_name(file == "-" ? "app.yml" : file);
  content.set_content(MESG_TRY(ReadFileOrInput(file, context.terminal())));
  application.found = context.Validate(application.request);
  if (application.outline().services().empty()) return application;
  std::vector<Diagnostic> missing;
  MESG_TRY(ReadContracts(application, context, missing));
  application.found = context.Validate(application.request);
  const bool only_paths =
      std::ranges::all_of(application.outline().services(),
                          [](const auto& use) { return KindOf(use.use()) == UseKind::kPath; });
  if (!Unresolved(application.outline()).empty() && !only_paths) {
    MESG_TRY(AskCore(application, context));
    // What is deployed goes before what could be.
    if (ReadAvailable(application, context)) {
      application.found = context.Validate(application.request);
      if (application.core_answered) MESG_TRY(AskCore(application, context));
    }
  }
  application.unchecked = Unresolved(application.outline());
  for (Diagnostic& one : missing) *application.found.add_errors() = std::move(one);
  return application;
}

void PrintFindings(const CheckedApplication& application, Context& context) {
  Terminal& terminal = context.terminal();
  for (const Diagnostic& found : application.found.errors()) {
    terminal.Print(Place(found) + found.message());
  }
  for (const Diagnostic& found : application.found.warnings()) {
    terminal.Print(fmt::format("{}{} {}", Place(found),
                               terminal.ForOutput(Style::kYellow, "warning:"), found.message()));
  }
  TellNotes(application, context);
  std::string unchecked;
  for (const std::string& alias : application.unchecked) {
    unchecked += (unchecked.empty() ? "" : ", ") + alias;
  }
  if (unchecked.empty()) return;
  context.Tell(application.core_answered
                   ? fmt::format("Not checked, because they are not deployed yet: {}.", unchecked)
                   : fmt::format("Not checked, because Core is not running at {}: {}.",
                                 context.endpoint(), unchecked));
}

void TellNotes(const CheckedApplication& application, Context& context) {
  for (const std::string& note : application.outline().notes()) context.Tell("Note: " + note);
}

Result<void> Sound(const CheckedApplication& application) {
  const int errors = application.found.errors_size();
  if (errors == 0) return {};
  return InvalidArgument("{} has {} error{}: correct what is listed above", application.file,
                         errors, errors == 1 ? "" : "s");
}

Result<ApplicationValues> ValuesFrom(const Arguments& arguments,
                                     const CheckedApplication& application, Context& context) {
  ApplicationValues values;
  values.inputs = MESG_TRY(Inputs(arguments.All("--set"), application.outline()));
  values.env = MESG_TRY(Env(arguments, application, context));
  return values;
}

std::vector<Option> ApplicationOptions() {
  return {
      {"--set", "INPUT=VALUE", "A value of an input: a text where it is a String, else JSON", true},
      {"--env", "K=V", "What $env.K stands for; K alone takes the value from your environment",
       true},
      {"--env-file", "FILE",
       "Variables from lines of KEY=value instead of from .env beside the file; --env goes before",
       true}};
}

}  // namespace mesg::cli
