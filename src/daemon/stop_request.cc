#include "daemon/stop_request.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace mesg::daemon {
namespace {

// A signal handler reaches nothing else.
std::atomic<int> wake_fd{-1};
std::atomic<int> stop_signal{0};

void Wake(int fd) {
  const std::uint64_t one = 1;
  static_cast<void>(!write(fd, &one, sizeof one));
}

void OnStopSignal(int signal) {
  const int before = errno;
  int none = 0;
  if (!stop_signal.compare_exchange_strong(none, signal)) _exit(128 + signal);
  Wake(wake_fd.load());
  errno = before;
}

void OnAlarm(int) { _exit(1); }

void Handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

}  // namespace

StopRequest::StopRequest() {
  stop_signal = 0;
  wake_fd = eventfd(0, EFD_CLOEXEC);
  Handle(SIGTERM, OnStopSignal);
  Handle(SIGINT, OnStopSignal);
  Handle(SIGALRM, OnAlarm);
  Handle(SIGPIPE, SIG_IGN);
  Handle(SIGXFSZ, SIG_IGN);
}

StopRequest::~StopRequest() {
  alarm(0);
  for (const int signal : {SIGTERM, SIGINT, SIGALRM, SIGPIPE, SIGXFSZ}) Handle(signal, SIG_DFL);
  close(wake_fd.exchange(-1));
}

void StopRequest::Ask(std::string why) {
  asked_.With([&](auto& asked) {
    if (!asked) asked = Asked{std::move(why), std::nullopt};
  });
  Wake(wake_fd.load());
}

void StopRequest::Fail(Error error) {
  asked_.With([&](auto& asked) {
    if (!asked || !asked->error) asked = Asked{"", std::move(error)};
  });
  Wake(wake_fd.load());
}

Result<std::string> StopRequest::Wait() {
  std::uint64_t count = 0;
  while (read(wake_fd.load(), &count, sizeof count) < 0 && errno == EINTR) continue;
  return asked_.With([](auto& asked) -> Result<std::string> {
    if (asked && asked->error) return *asked->error;
    if (asked) return asked->why;
    return std::string(stop_signal.load() == SIGINT ? "SIGINT" : "SIGTERM");
  });
}

void StopRequest::ForceAfter(unsigned seconds) { alarm(seconds); }

}  // namespace mesg::daemon
