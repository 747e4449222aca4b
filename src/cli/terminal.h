#pragma once

#include <iosfwd>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mesg::cli {

enum class Style { kPlain, kBold, kDim, kRed, kGreen, kYellow, kCyan };

/// Where a command reads and writes: data to the output, everything else to the error stream.
///
/// Threads: any may print; a line is never mixed with another. Asking is for one thread.
/// Lifetime: borrows the streams.
class Terminal {
 public:
  struct Traits {
    bool input_is_terminal = false;
    bool output_is_terminal = false;
    bool error_is_terminal = false;
    bool colour = false;    ///< Where the stream is a terminal.
    bool spinner = true;    ///< Where the error stream is a terminal.
    std::size_t width = 0;  ///< Columns of the output; 0: do not cut.
  };

  Terminal(std::istream& input, std::ostream& output, std::ostream& error, Traits traits);

  /// This process's streams, as they are.
  static Traits Detect();

  /// Data: `text` and a line end on the output, flushed.
  void Print(std::string_view text);
  /// Anything a person reads and a pipe does not: `text` and a line end on the error stream.
  void Say(std::string_view text);
  /// Data without a line end of its own.
  void Write(std::string_view text);
  /// Replaces the current line of the error stream. Only on a terminal; nothing otherwise.
  void ShowProgress(std::string_view line);

  /// `text` in a style, for the output or the error stream; plain where there is no colour.
  std::string ForOutput(Style style, std::string_view text) const;
  std::string ForError(Style style, std::string_view text) const;

  /// Asks on the error stream and reads one line. FailedPrecondition when the input is no terminal
  /// or has ended.
  Result<std::string> Ask(std::string_view question);
  /// The same for what must not be shown: where the input is this process's terminal, it does not
  /// echo. Cancelled after Ctrl-C, InvalidArgument for more than the 4 KiB a terminal's line holds.
  Result<std::string> AskHidden(std::string_view question);
  /// Ask for yes or no; an empty answer is no.
  Result<bool> Confirm(std::string_view question);

  /// All that is left of the input. InvalidArgument beyond 64 MiB.
  Result<std::string> ReadAll();

  /// False when something that was printed could not be written.
  bool OutputIsGood() const;

  const Traits& traits() const { return traits_; }
  Traits& traits() { return traits_; }

 private:
  std::istream& input_;
  std::ostream& output_;
  std::ostream& error_;
  Traits traits_;
  std::mutex mutex_;
  bool progress_shown_ = false;
};

/// A step that takes a while: a spinner with `what` on a terminal, nothing in a pipe.
///
/// Threads: has one of its own while the error stream is a terminal.
class Progress {
 public:
  Progress(Terminal& terminal, std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// The step now under way.
  void Step(std::string what);
  /// Leaves a line behind for a step that is over.
  void Done(std::string_view what);

 private:
  struct Turning;
  Terminal& terminal_;
  std::unique_ptr<Turning> turning_;
};

}  // namespace mesg::cli
