#pragma once

#include <memory>

#include "base/result.h"

struct termios;

namespace mesg::cli {

/// A terminal that does not show what is typed, as long as this lives; what was typed before is
/// dropped. Ctrl-C ends the line with kInterrupted instead of the program, which could not turn the
/// echo on again.
///
/// Threads: one.
class EchoOff {
 public:
  static constexpr char kInterrupted = '\x03';

  /// Of the terminal `descriptor`; nothing happens to what is none. FailedPrecondition when a
  /// terminal refuses.
  static Result<EchoOff> Of(int descriptor);

  EchoOff(EchoOff&&) noexcept;
  EchoOff& operator=(EchoOff&&) = delete;
  ~EchoOff();

 private:
  EchoOff(int descriptor, std::unique_ptr<termios> before);
  int descriptor_;
  std::unique_ptr<termios> before_;  // Null: there is nothing to undo.
};

}  // namespace mesg::cli
