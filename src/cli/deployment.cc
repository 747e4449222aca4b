#include "cli/deployment.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/endpoint.h"
#include "cli/inputs.h"
#include "cli/installation.h"
#include "cli/variables.h"

namespace mesg::cli {
namespace {

using ::mesg::v1::DeployRequest;
using ::mesg::v1::DeployResponse;
using ::mesg::v1::Service;

constexpr std::size_t kChunk = std::size_t{256} << 10;

Result<std::string> NoChunk() { return std::string(); }

/// Where the folder or the file is put in; the stream that the bytes of a file come from.
Result<void> SetSource(const std::string& what, Context& context, DeployRequest::Open& open,
                       std::ifstream& archive) {
  if (IsUrl(what)) {
    open.set_url(what);
    return {};
  }
  std::error_code error;
  const auto path = std::filesystem::canonical(what, error);
  if (error && IsName(what)) {
    open.set_available(what);
    return {};
  }
  if (error) {
    return NotFound(
        "there is no folder or file {}: give a folder with a mesg.yml, a .tar.gz or a URL", what);
  }
  if (std::filesystem::is_directory(path, error)) {
    if (!IsLoopback(context.endpoint())) {
      return FailedPrecondition(
          "Core at {} cannot see this machine's folders: pack it with `tar -czf service.tar.gz -C "
          "{} .` and "
          "deploy that file",
          context.endpoint(), what);
    }
    MESG_TRY(CheckSdkJsOf(path));
    open.set_folder(path.string());
    return {};
  }
  archive.open(path, std::ios::binary);
  if (!archive) return PermissionDenied("cannot read {}: {}", what, std::strerror(errno));
  open.set_archive(true);
  return {};
}

}  // namespace

bool IsName(const std::string& what) {
  const bool archive = what.ends_with(".tar.gz") || what.ends_with(".tgz");
  return !IsUrl(what) && !archive && what.find('/') == std::string::npos && !what.starts_with('.');
}

bool IsUrl(const std::string& what) {
  return what.find("://") != std::string::npos || what.starts_with("git@");
}

Result<Service> Deploy(Context& context, const std::string& what, DeployRequest::Open open) {
  std::ifstream archive;
  const bool known = open.has_service() || open.has_available();
  if (!known) MESG_TRY(SetSource(what, context, open, archive));
  const auto next_chunk = [&]() -> Result<std::string> {
    std::string chunk(kChunk, '\0');
    archive.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    if (archive.bad()) return Unknown("reading {} failed: {}", what, std::strerror(errno));
    chunk.resize(static_cast<std::size_t>(archive.gcount()));
    return chunk;
  };
  Progress progress(context.terminal(), "Deploying " + what);
  const auto on_progress = [&](const DeployResponse::Progress& step) {
    const std::string text = step.message().empty() ? step.step() : step.message();
    if (step.done()) {
      progress.Done(text);
    } else {
      progress.Step(text);
    }
  };
  using Next = std::function<Result<std::string>()>;
  auto deployed = context.client().Deploy(open, open.archive() ? Next(next_chunk) : Next(NoChunk),
                                          on_progress, context.stop());
  if (!known && open.has_available() && !deployed && deployed.error().code == Code::kNotFound) {
    return NotFound("there is no folder or file {}, and {}", what, deployed.error().message);
  }
  return deployed;
}

Result<::mesg::v1::Definition> DefinitionIn(const std::string& folder, Context& context) {
  const std::string file = (std::filesystem::path(folder) / "mesg.yml").lexically_normal().string();
  const std::string text = MESG_TRY(ReadFileOrInput(file, context.terminal()));
  ::mesg::v1::ValidateServiceResponse response = context.Validate(text);
  if (response.errors().empty()) return std::move(*response.mutable_definition());
  const ::mesg::v1::Diagnostic& first = response.errors(0);
  return InvalidArgument("{}:{}:{}: {}{}{} (see `mesg service validate {}`)", file, first.line(),
                         first.column(), first.path(), first.path().empty() ? "" : ": ",
                         first.message(), folder);
}

Result<DeployRequest::Open> OpenFrom(const Arguments& arguments, Context& context) {
  DeployRequest::Open open;
  Variables variables;
  for (const std::string& file : arguments.All("--env-file")) {
    const std::string text = MESG_TRY(ReadFileOrInput(file, context.terminal()));
    for (auto& [key, value] : MESG_TRY(ParseEnvFile(text, file))) variables[key] = value;
  }
  Result<Variables> words = ParseEnvWords(arguments.All("--env"), context.environment());
  if (!words) return WrongUsage(std::move(words).error());
  for (auto& [key, value] : *words) variables[key] = value;
  open.mutable_env()->insert(variables.begin(), variables.end());
  open.set_name(arguments.Get("--name"));
  return open;
}

std::vector<Option> DeployOptions() {
  return {
      {"--env", "K=V",
       "A variable of its environment; K alone takes the value from yours, as is best for a secret",
       true},
      {"--env-file", "FILE", "Variables from lines of KEY=value; --env goes before", true},
      {"--name", "NAME",
       "The instance's name; else the service's sid. A name deployed again is replaced"}};
}

}  // namespace mesg::cli
