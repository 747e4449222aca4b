#include "core_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mesg/v1/admin.grpc.pb.h"
#include "report.h"

namespace mesg::bench {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::steady_clock;

std::filesystem::path Program() {
  if (const char* folder = std::getenv("MESG_BIN"); folder != nullptr && *folder != '\0') {
    return std::filesystem::path(folder) / "mesg";
  }
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "mesg";
}

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

Result<std::uint16_t> FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  const bool bound = fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (fd >= 0) close(fd);
  if (!bound) return Unavailable("no free port: {}", std::strerror(errno));
  return ntohs(address.sin_port);
}

bool Listens(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return connected;
}

pid_t Spawn(const std::vector<std::string>& words, const std::string& home,
            const std::string& endpoint) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const std::string log = home + "/core.log";
  const pid_t child = fork();
  if (child != 0) return child;
  setenv("MESG_HOME", home.c_str(), 1);
  setenv("MESG_GRPC_ADDRESS", endpoint.c_str(), 1);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

std::string LogOf(const std::string& home) {
  std::ifstream file(home + "/core.log");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::shared_ptr<grpc::Channel> Open(const std::string& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

Result<std::unique_ptr<CoreProcess>> CoreProcess::Start(const std::vector<std::string>& wrapper) {
  std::string home = (std::filesystem::temp_directory_path() / "mesg-bench-XXXXXX").string();
  if (mkdtemp(home.data()) == nullptr) {
    return Unavailable("no temporary directory: {}", std::strerror(errno));
  }
  std::unique_ptr<CoreProcess> core(new CoreProcess(home));
  core->port_ = MESG_TRY(FreePort());
  core->endpoint_ = fmt::format("127.0.0.1:{}", core->port_);
  MESG_TRY(core->Begin(wrapper));
  return core;
}

Result<void> CoreProcess::KillAndStart() {
  kill(pid_, SIGKILL);
  waitpid(child_, nullptr, 0);
  child_ = 0;
  pid_ = 0;
  return Begin({});
}

Result<void> CoreProcess::Begin(const std::vector<std::string>& wrapper) {
  std::vector<std::string> words = wrapper;
  words.push_back(Program().string());
  words.emplace_back("core");
  const auto started = steady_clock::now();
  child_ = Spawn(words, home_, endpoint_);
  while (!Listens(port_)) {
    if (waitpid(child_, nullptr, WNOHANG) != 0) {
      child_ = 0;
      return FailedPrecondition("{} ended:\n{}", Program().string(), LogOf(home_));
    }
    std::this_thread::sleep_for(microseconds(500));
  }
  return WaitUntilReady(started);
}

Result<void> CoreProcess::WaitUntilReady(steady_clock::time_point started) {
  channel_ = Open(endpoint_);
  const auto give_up = started + std::chrono::seconds(30);
  while (steady_clock::now() < give_up) {
    const auto status = Status();
    if (status && status->ready()) {
      time_to_ready_ = duration_cast<microseconds>(steady_clock::now() - started);
      pid_ = status->pid();
      return {};
    }
    std::this_thread::sleep_for(microseconds(500));
  }
  return DeadlineExceeded("Core did not get ready in 30 s:\n{}", LogOf(home_));
}

CoreProcess::~CoreProcess() {
  Stop();
  std::error_code ignored;
  std::filesystem::remove_all(home_, ignored);
}

void CoreProcess::Stop() {
  if (child_ == 0) return;
  kill(pid_ != 0 ? pid_ : child_, SIGTERM);
  waitpid(child_, nullptr, 0);
  child_ = 0;
}

std::shared_ptr<grpc::Channel> CoreProcess::Connect() const { return Open(endpoint_); }

Result<v1::StatusResponse> CoreProcess::Status() const {
  const auto stub = v1::Admin::NewStub(channel_);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  v1::StatusResponse response;
  const grpc::Status status = stub->Status(&context, {}, &response);
  if (!status.ok()) return Unavailable("Core's status: {}", status.error_message());
  return response;
}

Result<std::uint64_t> CoreProcess::Fsyncs() const {
  const v1::StatusResponse status = MESG_TRY(Status());
  for (const v1::Counter& counter : status.counters()) {
    if (counter.name() == "fsyncs_total") return counter.value();
  }
  return NotFound("Core counts no fsyncs_total");
}

microseconds CoreProcess::CpuTime() const {
  std::ifstream file(fmt::format("/proc/{}/stat", pid_));
  std::string text;
  std::getline(file, text);
  // Behind the program's name, which may hold anything, the fields are numbers: utime is the 12th.
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  long user = 0;
  long system = 0;
  fields >> user >> system;
  return microseconds((user + system) * (1'000'000 / sysconf(_SC_CLK_TCK)));
}

microseconds CoreProcess::ThreadsCpuTime() const {
  std::chrono::nanoseconds sum{0};
  std::error_code ignored;
  for (const auto& thread :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid_), ignored)) {
    std::ifstream file(thread.path() / "schedstat");
    std::int64_t ran = 0;
    if (file >> ran) sum += std::chrono::nanoseconds(ran);
  }
  return duration_cast<microseconds>(sum);
}

double CoreProcess::ResidentMiB() const {
  std::ifstream file(fmt::format("/proc/{}/status", pid_));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  return 0;
}

microseconds OwnCpuTime() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + microseconds(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

Result<microseconds> FsyncTime(const std::string& folder) {
  const std::string path = folder + "/fsync-time";
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return Unavailable("{}: {}", path, std::strerror(errno));
  std::array<char, 4096> block{};
  block.fill('x');
  std::vector<double> times;
  for (int i = 0; i < 200; ++i) {
    const auto before = steady_clock::now();
    if (write(fd, block.data(), block.size()) != static_cast<ssize_t>(block.size()) ||
        fdatasync(fd) != 0) {
      close(fd);
      return Unavailable("{}: {}", path, std::strerror(errno));
    }
    times.push_back(
        std::chrono::duration<double, std::micro>(steady_clock::now() - before).count());
  }
  close(fd);
  std::filesystem::remove(path);
  return microseconds(static_cast<std::int64_t>(Median(std::move(times))));
}

}  // namespace mesg::bench
