#pragma once

#include <stop_token>
#include <thread>

namespace mesg::cli {

/// Turns Ctrl-C, SIGTERM and SIGHUP into a stop request once somebody watches for it; until then
/// they end the program as usual. A second signal ends it at once. One per process.
class Interrupt {
 public:
  Interrupt() = default;
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// One thread.
  std::stop_token Watch();

 private:
  void WaitForSignals();

  std::stop_source source_;
  int pipe_[2] = {-1, -1};
  std::jthread thread_;
};

}  // namespace mesg::cli
