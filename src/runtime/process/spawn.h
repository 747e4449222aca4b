#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "runtime/process/unique_fd.h"

namespace mesg::runtime {

using Environment = std::map<std::string, std::string, std::less<>>;

/// What a service inherits from Core: PATH, HOME, LANG and LC_*, nothing else. PATH has a usual
/// value when Core has none.
Environment InheritedEnvironment();

/// Those variables of Core's environment whose name `wanted` accepts.
Environment EnvironmentWhere(bool (*wanted)(std::string_view name));

/// Where Core's helper programs are: ../libexec/mesg beside the folder of this executable.
std::filesystem::path HelperFolder();

/// What a process may use; 0 leaves Core's own limit.
struct ResourceLimits {
  std::uint64_t address_space = 0;  ///< Bytes.
  std::uint64_t file_size = 0;      ///< Bytes, of any file it writes.
  std::uint64_t cpu_seconds = 0;
};

struct SpawnRequest {
  std::vector<std::string> argv = {};  ///< A program without a slash is looked up in env's PATH.
  Environment env = {};                ///< All of it.
  std::filesystem::path directory = {};
  int in = -1;  ///< Borrowed; -1 is /dev/null.
  int out = -1;
  int err = -1;
  ResourceLimits limits = {};
  /// The kernel kills the process when the thread that calls Spawn ends, however it ends. So call
  /// from a thread that outlives the process.
  bool die_with_thread = true;
  bool no_new_privileges = false;
};

/// A child that was not waited for yet. Whoever holds it calls Reap once `pidfd` polls readable.
struct Process {
  pid_t pid = -1;  ///< Also its session and its process group.
  UniqueFd pidfd;
};

/// Starts a program in a session of its own, with default signal handling and no open files but 0,
/// 1 and 2. Any thread.
///
/// NotFound when the program or the directory is not there, FailedPrecondition when it cannot be
/// executed, ResourceExhausted when the system has no process left.
Result<Process> Spawn(const SpawnRequest& request);

/// How a process ended.
struct ExitStatus {
  int code = 0;    ///< Its exit status, when `signal` is 0.
  int signal = 0;  ///< What killed it.
  bool Succeeded() const { return code == 0 && signal == 0; }
};

/// "exited with status 1", "was killed by signal 9 (Killed)".
std::string Describe(ExitStatus status);

/// How an ended child ended, and leaves it a zombie: its pid cannot be given to another process, so
/// its session can still be signalled safely.
ExitStatus PeekExit(const Process& process);

/// Waits for `process` and releases its pid. Touches no other child of Core.
ExitStatus Reap(const Process& process);

/// A pipe whose ends are closed on exec.
struct Pipe {
  UniqueFd read;
  UniqueFd write;
};
Result<Pipe> MakePipe();

/// For messages: the text of `error`, an errno.
std::string ErrnoText(int error);

}  // namespace mesg::runtime
