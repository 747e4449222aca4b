#include "cli/daemon_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mesg::cli {
namespace {

/// In the child, between fork and exec: only calls that are safe there. Returns the errno of a
/// failure.
int BecomeDetached(int log, int report, const char* executable, char* const* arguments) {
  setsid();
  const int null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0) return errno;
  if (dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0) return errno;
  if (dup2(report, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0) return errno;
  close_range(4, ~0U, 0);
  execv(executable, arguments);
  return errno;
}

std::string FileContent(const std::filesystem::path& file) {
  const std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();  // Unlike an iterator, does not throw when the file cannot be read.
  return text.str();
}

}  // namespace

Result<pid_t> SpawnDetached(const std::filesystem::path& executable,
                            const std::vector<std::string>& arguments,
                            const std::filesystem::path& log) {
  const int log_file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_file < 0)
    return FailedPrecondition("cannot write {}: {}", log.string(), std::strerror(errno));
  std::array<int, 2> report{};
  if (pipe2(report.data(), O_CLOEXEC) != 0) {
    close(log_file);
    return ResourceExhausted("cannot make a pipe: {}", std::strerror(errno));
  }
  std::string program = executable.string();
  std::vector<std::string> words = arguments;
  std::vector<char*> argv = {program.data()};
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    const int error = BecomeDetached(log_file, report[1], program.c_str(), argv.data());
    static_cast<void>(!write(3, &error, sizeof error));
    _exit(127);
  }
  const int fork_error = errno;
  close(log_file);
  close(report[1]);
  int child_error = 0;
  const bool failed =
      pid > 0 && read(report[0], &child_error, sizeof child_error) == sizeof child_error;
  close(report[0]);
  if (pid < 0) return ResourceExhausted("cannot start a process: {}", std::strerror(fork_error));
  if (failed) {
    waitpid(pid, nullptr, 0);
    return FailedPrecondition("cannot run {}: {}", program, std::strerror(child_error));
  }
  return pid;
}

Result<void> RotateLog(const std::filesystem::path& log, int kept) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(log, error);
  if (error || size == 0) return {};
  const auto old = [&](int number) {
    return number == 0 ? log : std::filesystem::path(log.string() + "." + std::to_string(number));
  };
  for (int number = kept; number > 0; --number) {
    if (!std::filesystem::exists(old(number - 1), error)) continue;
    std::filesystem::rename(old(number - 1), old(number), error);
    if (error) {
      return FailedPrecondition("cannot rename {} to {}: {}", old(number - 1).string(),
                                old(number).string(), error.message());
    }
  }
  return {};
}

bool IsRunning(pid_t pid) {
  if (waitpid(pid, nullptr, WNOHANG) == pid) return false;  // Our own child: collect it.
  if (kill(pid, 0) != 0 && errno == ESRCH) return false;
  const std::string stat = FileContent("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = stat.rfind(')');
  return name_end == std::string::npos || name_end + 2 >= stat.size() || stat[name_end + 2] != 'Z';
}

std::optional<pid_t> RunningCore(const std::filesystem::path& pid_file) {
  std::ifstream in(pid_file);
  pid_t pid = 0;
  if (!(in >> pid) || pid <= 0 || !IsRunning(pid)) return std::nullopt;
  // The number may have gone to another process since: ask what that one is.
  const std::string command = FileContent("/proc/" + std::to_string(pid) + "/cmdline");
  const std::size_t end = command.find('\0');
  if (end == std::string::npos) return std::nullopt;
  const bool mesg =
      std::filesystem::path(command.substr(0, end)).filename().string().starts_with("mesg");
  const bool core = std::string_view(command).substr(end + 1).starts_with("core");
  if (!mesg || !core) return std::nullopt;
  return pid;
}

std::string LastLines(const std::filesystem::path& file, std::size_t count) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in || count == 0) return "";
  constexpr std::streamoff kChunk = 65536;
  std::streamoff at = in.tellg();
  std::string text;
  std::size_t lines = 0;
  while (at > 0 && lines <= count) {
    const std::streamoff size = std::min(at, kChunk);
    at -= size;
    std::string chunk(static_cast<std::size_t>(size), '\0');
    in.seekg(at);
    in.read(chunk.data(), size);
    text.insert(0, chunk);
    lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    if (!text.empty() && text.back() != '\n') ++lines;
  }
  std::size_t from = 0;
  for (; lines > count; --lines) from = text.find('\n', from) + 1;
  return text.substr(from);
}

}  // namespace mesg::cli
