#include "support/core_process.h"

#include <cstdlib>
#include <utility>

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/eventually.h"
#include "support/temporary_folder.h"

namespace mesg::testing {
namespace {

std::string FreeEndpoint() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  close(fd);
  return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

}  // namespace

CoreProcess::CoreProcess(std::filesystem::path home, Options options)
    : home_(std::move(home)), endpoint_(FreeEndpoint()), options_(std::move(options)) {}

Environment CoreProcess::AllVariables() const {
  Environment all = options_.environment;
  all.try_emplace("MESG_HOME", home_.string());
  all.try_emplace("MESG_GRPC_ADDRESS", endpoint_);
  all.try_emplace("HOME", home_.string());
  all.try_emplace("PATH", "/usr/local/bin:/usr/bin:/bin");
  return all;
}

bool CoreProcess::Start() {
  std::vector<std::string> arguments = {MESG_EXECUTABLE, "core"};
  arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
  process_ = ChildProcess(std::move(arguments), AllVariables(), home_ / "core.out",
                          home_ / "core.err", options_.file_bytes);
  Eventually([&] { return !process_.Running() || Log().find(" ready at ") != std::string::npos; });
  return process_.Running() && Log().find(" ready at ") != std::string::npos;
}

int CoreProcess::Stop() {
  process_.Signal(SIGTERM);
  return process_.AwaitExit();
}

std::string CoreProcess::Log() const { return ReadText(home_ / "core.err"); }

ChildProcess CoreProcess::Begin(const std::vector<std::string>& arguments,
                                const std::filesystem::path& output,
                                const std::filesystem::path& errors) const {
  Environment environment = AllVariables();
  environment["MESG_ENDPOINT"] = endpoint_;
  std::vector<std::string> words = {MESG_EXECUTABLE};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return {std::move(words), environment, output, errors};
}

CoreProcess::Ran CoreProcess::Run(const std::vector<std::string>& arguments) const {
  const TemporaryFolder folder;
  ChildProcess process = Begin(arguments, folder.path() / "out", folder.path() / "err");
  const int status = process.AwaitExit();
  return {status, ReadText(folder.path() / "out"), ReadText(folder.path() / "err")};
}

}  // namespace mesg::testing
