#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "support/child_process.h"

namespace mesg::testing {

/// A real Core: the `mesg` executable in a process of its own, with its own MESG_HOME, listening on
/// a loopback port that was free and that it keeps over restarts. The process dies with the test.
/// One thread at a time.
class CoreProcess {
 public:
  struct Options {
    std::vector<std::string> arguments = {};  ///< Of `mesg core`.
    Environment environment = {};
    std::uint64_t file_bytes = 0;  ///< See ChildProcess.
  };

  /// Starts nothing yet. `home` is MESG_HOME.
  CoreProcess(std::filesystem::path home, Options options);
  explicit CoreProcess(std::filesystem::path home) : CoreProcess(std::move(home), Options()) {}
  CoreProcess(const CoreProcess&) = delete;
  CoreProcess& operator=(const CoreProcess&) = delete;

  /// Starts it and waits until it says that it is ready. False when it ends before; its log says
  /// why.
  bool Start();
  /// kill -9, and waits for the end.
  void Kill() { process_.Kill(); }
  /// TERM, and waits for the end: its exit status, -1 when a signal ended it or it hangs.
  int Stop();
  /// Waits for an end that comes by itself, as Stop does.
  int AwaitExit() { return process_.AwaitExit(); }
  void Signal(int signal) { process_.Signal(signal); }

  pid_t pid() const { return process_.pid(); }
  const std::string& endpoint() const { return endpoint_; }
  const std::filesystem::path& home() const { return home_; }
  Options& options() { return options_; }

  /// What it has written to standard error since it was last started.
  std::string Log() const;

  /// Runs `mesg ARGUMENTS` against this Core to its end.
  struct Ran {
    int status = -1;
    std::string output;
    std::string errors;
  };
  Ran Run(const std::vector<std::string>& arguments) const;
  /// Starts it and leaves it running.
  ChildProcess Begin(const std::vector<std::string>& arguments, const std::filesystem::path& output,
                     const std::filesystem::path& errors) const;

 private:
  Environment AllVariables() const;

  const std::filesystem::path home_;
  const std::string endpoint_;
  Options options_;
  ChildProcess process_;
};

}  // namespace mesg::testing
