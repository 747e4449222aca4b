#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace mesg::testing {

using Environment = std::map<std::string, std::string>;

/// A program in a process of its own, which dies with the test. One thread at a time.
class ChildProcess {
 public:
  ChildProcess() = default;
  /// Starts `arguments[0]`; nothing but `environment` is inherited. No file it writes can become
  /// larger than `file_bytes`, as if the disk were full; 0: no limit.
  ChildProcess(std::vector<std::string> arguments, const Environment& environment,
               const std::filesystem::path& output, const std::filesystem::path& errors,
               std::uint64_t file_bytes = 0);
  /// kill -9, if it runs.
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;

  bool Running();
  void Signal(int signal);
  /// kill -9, and waits for the end.
  void Kill();
  /// Waits for the end: its exit status, -1 when a signal ended it or it does not end in a minute.
  int AwaitExit();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;  // Of waitpid, once it has ended.
};

/// False once there is no such process, or only its remains.
bool IsAlive(pid_t pid);

}  // namespace mesg::testing
