#include "cli/core_process.h"

#include <chrono>

#include "cli/daemon_process.h"

namespace mesg::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPoll{25};

}  // namespace

Result<v1::StatusResponse> AwaitReady(const std::string& address, pid_t pid, Duration patience,
                                      const std::filesystem::path& log, Context& context) {
  const auto deadline = SteadyClock::now() + patience;
  const std::stop_token stop = context.stop();
  while (true) {
    // A connection that was refused tries again only while somebody waits for it: a new one is
    // quicker.
    Result<v1::StatusResponse> status = Client(address).Status();
    if (status && status->ready()) return status;
    if (!IsRunning(pid)) {
      std::string said = LastLines(log, 5);
      while (said.ends_with('\n')) said.pop_back();
      return FailedPrecondition("Core ended while it started, {} says:\n{}", log.string(), said);
    }
    if (SteadyClock::now() > deadline) {
      return DeadlineExceeded("Core (process {}) is not ready yet: look at `mesg logs --follow`",
                              pid);
    }
    if (!Pause(stop, kPoll))
      return Cancelled("stopped waiting: Core (process {}) still starts", pid);
  }
}

Result<void> AwaitEnd(pid_t pid, Duration patience, const std::stop_token& stop) {
  const auto deadline = SteadyClock::now() + patience;
  while (IsRunning(pid)) {
    if (SteadyClock::now() > deadline) {
      return DeadlineExceeded(
          "Core (process {}) has not ended yet: see `mesg logs`, or end it with `kill -9 {}`; "
          "nothing it "
          "acknowledged is lost",
          pid, pid);
    }
    if (!Pause(stop, kPoll)) return Cancelled("stopped waiting: Core (process {}) still ends", pid);
  }
  return {};
}

}  // namespace mesg::cli
