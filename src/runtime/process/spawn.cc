#include "runtime/process/spawn.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mesg::runtime {
namespace {

constexpr std::string_view kUsualPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

enum class Stage : int { kNone, kDescriptors, kLimits, kDirectory, kExec };

/// Everything the child needs, ready before it exists: between vfork and exec it may neither
/// allocate nor lock.
struct ChildPlan {
  const char* program;
  char* const* argv;
  char* const* envp;
  const char* directory;
  std::array<int, 3> fds;
  ResourceLimits limits;
  bool die_with_thread;
  bool no_new_privileges;
  pid_t parent;
  int report;  ///< The pipe for a Failure; exec closes it.
};

/// What the child says through a pipe when it could not become the program. Not through the memory
/// that vfork shares: the thread sanitizer makes a fork of it.
struct Failure {
  Stage stage = Stage::kNone;
  int error = 0;
};

[[noreturn]] void Fail(const ChildPlan& plan, Stage stage) {
  const Failure failure{stage, errno};
  // Fits the pipe at once; a parent that is gone needs no answer.
  _exit(write(plan.report, &failure, sizeof(failure)) == sizeof(failure) ? 127 : 126);
}

void ResetSignals() {
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool PlaceDescriptors(const std::array<int, 3>& fds) {
  // First out of the way of 0 to 2, so that placing one cannot overwrite another.
  std::array<int, 3> safe = {};
  for (std::size_t i = 0; i < fds.size(); ++i) {
    safe[i] = fcntl(fds[i], F_DUPFD, 10);
    if (safe[i] < 0) return false;
  }
  for (std::size_t i = 0; i < fds.size(); ++i) {
    if (dup2(safe[i], static_cast<int>(i)) < 0) return false;
  }
  // On exec, not now: the pipe for a failure has to live until then.
  return syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

bool Limit(__rlimit_resource_t resource, std::uint64_t value) {
  if (value == 0) return true;
  const struct rlimit limit = {value, value};
  return setrlimit(resource, &limit) == 0;
}

[[noreturn]] void BecomeProgram(const ChildPlan& plan) {
  setsid();
  if (plan.die_with_thread) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != plan.parent) _exit(127);  // Core died before the line above.
  }
  if (plan.no_new_privileges) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (!PlaceDescriptors(plan.fds)) Fail(plan, Stage::kDescriptors);
  if (!Limit(RLIMIT_AS, plan.limits.address_space) || !Limit(RLIMIT_FSIZE, plan.limits.file_size) ||
      !Limit(RLIMIT_CPU, plan.limits.cpu_seconds)) {
    Fail(plan, Stage::kLimits);
  }
  if (chdir(plan.directory) != 0) Fail(plan, Stage::kDirectory);
  ResetSignals();
  execve(plan.program, plan.argv, plan.envp);
  Fail(plan, Stage::kExec);
}

/// Its own function, so that no variable of the caller lives in a register across vfork.
[[gnu::noinline]] pid_t VforkAndExec(const ChildPlan& plan) {
  // posix_spawn knows neither limits nor the death signal. Between here and exec nothing is called
  // but what is safe after vfork: no allocation, no lock, no return.
  const pid_t pid = vfork();          // NOLINT(clang-analyzer-security.insecureAPI.vfork)
  if (pid == 0) BecomeProgram(plan);  // NOLINT(clang-analyzer-unix.Vfork)
  return pid;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// The file to execute, or "" when PATH does not lead to one.
std::string FindProgram(const std::string& name, const Environment& env) {
  if (name.find('/') != std::string::npos) return name;
  const auto path = env.find("PATH");
  std::string_view rest = path == env.end() ? kUsualPath : std::string_view(path->second);
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
    if (folder.empty()) continue;
    std::string candidate = std::string(folder) + "/" + name;
    std::error_code ignored;
    if (access(candidate.c_str(), X_OK) == 0 &&
        std::filesystem::is_regular_file(candidate, ignored)) {
      return candidate;
    }
  }
  return {};
}

Error Explain(const Failure& failure, const SpawnRequest& request) {
  const std::string& program = request.argv.front();
  switch (failure.stage) {
    case Stage::kDirectory:
      return NotFound("cannot start \"{}\" in {}: {}", program, request.directory.string(),
                      ErrnoText(failure.error));
    case Stage::kExec:
      if (failure.error == ENOENT) {
        return NotFound(
            "cannot start \"{}\": there is no such program in {}, or the interpreter in "
            "its first line is missing",
            program, request.directory.string());
      }
      if (failure.error == ENOEXEC) {
        return FailedPrecondition(
            "cannot start \"{}\": it is neither a binary of this machine nor a script with a #! "
            "line",
            program);
      }
      return FailedPrecondition("cannot start \"{}\": {}", program, ErrnoText(failure.error));
    case Stage::kNone:
    case Stage::kDescriptors:
    case Stage::kLimits:
      break;
  }
  return Internal("cannot start \"{}\": preparing its process failed: {}", program,
                  ErrnoText(failure.error));
}

void WaitFor(pid_t pid) {
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

/// One try: fills `process`, or says at which stage the child failed and is gone.
Result<Failure> Start(ChildPlan plan, Process& process) {
  Pipe report = MESG_TRY(MakePipe());
  plan.report = report.write.get();
  // No handler of Core may run in the child while it shares Core's memory.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = VforkAndExec(plan);
  const int vfork_error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return ResourceExhausted("no process can be made: {}", ErrnoText(vfork_error));

  report.write.Reset();
  Failure failure;
  ssize_t count = 0;
  do {  // Ends when exec closes the other end.
    count = read(report.read.get(), &failure, sizeof(failure));
  } while (count < 0 && errno == EINTR);
  if (count == sizeof(failure)) {
    WaitFor(pid);
    return failure;
  }
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0U)));
  if (!pidfd) {
    const int error = errno;
    kill(-pid, SIGKILL);
    WaitFor(pid);
    return ResourceExhausted("a process cannot be watched: {}", ErrnoText(error));
  }
  process = {pid, std::move(pidfd)};
  return Failure{};
}

ExitStatus ToStatus(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {.code = info.si_status};
  return {.signal = info.si_status};
}

ExitStatus WaitPidfd(const Process& process, int options) {
  siginfo_t info = {};
  int result = 0;
  do {
    result = waitid(P_PIDFD, static_cast<id_t>(process.pidfd.get()), &info, options);
  } while (result != 0 && errno == EINTR);
  return ToStatus(info);
}

}  // namespace

Environment EnvironmentWhere(bool (*wanted)(std::string_view name)) {
  Environment found;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || !wanted(text.substr(0, equals))) continue;
    found.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return found;
}

Environment InheritedEnvironment() {
  Environment inherited = EnvironmentWhere([](std::string_view name) {
    return name == "PATH" || name == "HOME" || name == "LANG" || name.starts_with("LC_");
  });
  inherited.try_emplace("PATH", kUsualPath);
  return inherited;
}

std::filesystem::path HelperFolder() {
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  return self.parent_path().parent_path() / "libexec" / "mesg";
}

Result<Process> Spawn(const SpawnRequest& request) {
  if (request.argv.empty() || request.argv.front().empty()) {
    return InvalidArgument("there is no program to start: the command is empty");
  }
  const std::string program = FindProgram(request.argv.front(), request.env);
  if (program.empty()) {
    return NotFound("cannot start \"{}\": there is no such program in PATH, install it",
                    request.argv.front());
  }
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return ResourceExhausted("cannot open /dev/null: {}", ErrnoText(errno));

  std::vector<std::string> arguments = request.argv;
  std::vector<std::string> variables;
  for (const auto& [name, value] : request.env)
    variables.push_back(fmt::format("{}={}", name, value));
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> envp = Pointers(variables);
  const std::string directory = request.directory.string();
  const auto or_null = [&null](int fd) { return fd >= 0 ? fd : null.get(); };
  const ChildPlan plan{.program = program.c_str(),
                       .argv = argv.data(),
                       .envp = envp.data(),
                       .directory = directory.c_str(),
                       .fds = {or_null(request.in), or_null(request.out), or_null(request.err)},
                       .limits = request.limits,
                       .die_with_thread = request.die_with_thread,
                       .no_new_privileges = request.no_new_privileges,
                       .parent = getpid(),
                       .report = -1};

  // A program that was just written can be "busy" while another thread's child, born before the
  // file was closed, has not reached its exec: that passes in milliseconds.
  constexpr int kBusyRetries = 20;
  for (int attempt = 0;; ++attempt) {
    Process process;
    const Failure failure = MESG_TRY(Start(plan, process));
    if (failure.stage == Stage::kNone) return process;
    if (failure.error != ETXTBSY || attempt >= kBusyRetries) return Explain(failure, request);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

std::string Describe(ExitStatus status) {
  if (status.signal == 0) return fmt::format("exited with status {}", status.code);
  const char* name = strsignal(status.signal);
  return fmt::format("was killed by signal {} ({})", status.signal, name == nullptr ? "?" : name);
}

ExitStatus PeekExit(const Process& process) { return WaitPidfd(process, WEXITED | WNOWAIT); }

ExitStatus Reap(const Process& process) { return WaitPidfd(process, WEXITED); }

Result<Pipe> MakePipe() {
  std::array<int, 2> ends = {};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return ResourceExhausted("cannot open a pipe: {}", ErrnoText(errno));
  }
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string ErrnoText(int error) { return std::generic_category().message(error); }

}  // namespace mesg::runtime
