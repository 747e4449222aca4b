#include "cli/interrupt.h"

#include <atomic>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include "base/result.h"

namespace mesg::cli {
namespace {

/// Where the handler writes: a handler has no other way to learn it.
std::atomic<int> signal_pipe = -1;

extern "C" void OnSignal(int signal) {
  const int saved = errno;
  const char byte = static_cast<char>(signal);
  if (write(signal_pipe, &byte, 1) < 0) _exit(128 + signal);
  errno = saved;
}

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

}  // namespace

std::stop_token Interrupt::Watch() {
  if (thread_.joinable()) return source_.get_token();
  MESG_CHECK(pipe2(pipe_, O_CLOEXEC) == 0);
  signal_pipe = pipe_[1];
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
  thread_ = std::jthread([this] { WaitForSignals(); });
  return source_.get_token();
}

void Interrupt::WaitForSignals() {
  char signal = 0;
  while (true) {
    const ssize_t got = read(pipe_[0], &signal, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got != 1 || signal == 0) return;
    if (!source_.request_stop()) _exit(128 + signal);
  }
}

Interrupt::~Interrupt() {
  if (!thread_.joinable()) return;
  for (const int signal : kSignals) std::signal(signal, SIG_DFL);
  const char end = 0;
  static_cast<void>(write(pipe_[1], &end, 1));
  thread_.join();
  close(pipe_[0]);
  close(pipe_[1]);
}

}  // namespace mesg::cli
