#include "cli/main.h"

#include <cstdio>
#include <filesystem>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "api/grpc/application_wire.h"
#include "api/grpc/service_wire.h"
#include "daemon/config.h"
#include "daemon/core.h"
#include "daemon/log.h"

namespace mesg::daemon {
namespace {

Variables AllVariables() {
  Variables variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

int Run(const Config& config) {
  SetUpLog(config.log_level, config.log_format);
  std::error_code ignored;
  const auto executable = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const Result<void> ran = RunCore(config, Installation::Of(executable));
  if (ran) {
    spdlog::info("stopped");
    return 0;
  }
  spdlog::critical("{}", ran.error().message);
  return 1;
}

/// What `mesg core ARGUMENTS` does.
int CoreMain(const std::vector<std::string>& arguments) {
  const Result<Request> request = LoadConfig(arguments, AllVariables());
  if (!request) {
    static_cast<void>(std::fprintf(stderr, "mesg: %s\n", request.error().message.c_str()));
    return request.error().reason == kUsageReason ? 2 : 1;
  }
  switch (request->action) {
    case Request::Action::kRun:
      return Run(request->config);
    case Request::Action::kHelp:
      return std::fputs(CoreHelp().c_str(), stdout) < 0 ? 1 : 0;
    case Request::Action::kPrint:
      return std::fputs(PrintConfig(request->config).c_str(), stdout) < 0 ? 1 : 0;
    case Request::Action::kPrintJson:
      return std::fputs(PrintConfigJson(request->config).c_str(), stdout) < 0 ? 1 : 0;
  }
  return 1;
}

}  // namespace
}  // namespace mesg::daemon

int main(int argc, char** argv) {
  return mesg::cli::Main(argc, argv, mesg::daemon::CoreMain, mesg::api::ValidateDefinition,
                         mesg::api::ValidateApplication);
}
