#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace mesg::runtime {

/// A process as the kernel describes it.
struct ProcessInfo {
  pid_t pid = 0;
  char state = '?';  ///< 'Z' is a zombie.
  pid_t group = 0;
  pid_t session = 0;
  std::uint64_t start = 0;  ///< Clock ticks after boot: with `pid` it names one process for ever.
};

/// Reads the second half of a line of /proc/PID/stat; nothing when it is malformed.
std::optional<ProcessInfo> ParseProcessStat(std::string_view line);

std::optional<ProcessInfo> ReadProcess(pid_t pid);

/// Every living process of a session; zombies are left out.
std::vector<ProcessInfo> SessionMembers(pid_t session);

/// Sends `signal` to every process of `session`, also those that made a group of their own. The
/// caller makes sure that the session is still the one it means. How many were reached.
int SignalSession(pid_t session, int signal);

/// Whether the environment a process was started with has an entry "NAME=value" with this SHA-256
/// (hex).
bool HasEnvironmentEntry(pid_t pid, std::string_view entry_hash);

/// Changes with every boot: pids and start times mean something within one boot only.
std::string BootId();

}  // namespace mesg::runtime
