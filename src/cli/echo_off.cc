#include "cli/echo_off.h"

#include <cerrno>
#include <cstring>

#include <termios.h>
#include <unistd.h>

namespace mesg::cli {

EchoOff::EchoOff(int descriptor, std::unique_ptr<termios> before)
    : descriptor_(descriptor), before_(std::move(before)) {}
EchoOff::EchoOff(EchoOff&&) noexcept = default;

Result<EchoOff> EchoOff::Of(int descriptor) {
  auto before = std::make_unique<termios>();
  if (tcgetattr(descriptor, before.get()) != 0) return EchoOff(descriptor, nullptr);
  termios silent = *before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ISIG);
  silent.c_lflag |= ICANON;
  silent.c_cc[VEOL] = kInterrupted;
  if (tcsetattr(descriptor, TCSAFLUSH, &silent) != 0) {
    return FailedPrecondition("cannot turn off the terminal's echo: {}", std::strerror(errno));
  }
  return EchoOff(descriptor, std::move(before));
}

EchoOff::~EchoOff() {
  if (before_) tcsetattr(descriptor_, TCSADRAIN, before_.get());
}

}  // namespace mesg::cli
