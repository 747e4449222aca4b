#include "cli/terminal.h"

#include <array>
#include <condition_variable>
#include <cstdlib>
#include <istream>
#include <iterator>
#include <ostream>
#include <thread>

#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/echo_off.h"

namespace mesg::cli {
namespace {

constexpr std::size_t kMaxInput = std::size_t{64} << 20;

std::string Coloured(Style style, std::string_view text) {
  const char* code = "";
  switch (style) {
    case Style::kPlain:
      return std::string(text);
    case Style::kBold:
      code = "1";
      break;
    case Style::kDim:
      code = "2";
      break;
    case Style::kRed:
      code = "31";
      break;
    case Style::kGreen:
      code = "32";
      break;
    case Style::kYellow:
      code = "33";
      break;
    case Style::kCyan:
      code = "36";
      break;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

}  // namespace

Terminal::Terminal(std::istream& input, std::ostream& output, std::ostream& error, Traits traits)
    : input_(input), output_(output), error_(error), traits_(traits) {}

Terminal::Traits Terminal::Detect() {
  Traits traits;
  traits.input_is_terminal = isatty(STDIN_FILENO) == 1;
  traits.output_is_terminal = isatty(STDOUT_FILENO) == 1;
  traits.error_is_terminal = isatty(STDERR_FILENO) == 1;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term != nullptr && std::string_view(term) == "dumb";
  traits.colour = (no_color == nullptr || *no_color == '\0') && !dumb;
  traits.spinner = !dumb;
  winsize size{};
  if (traits.output_is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
    traits.width = size.ws_col;
  }
  return traits;
}

void Terminal::Print(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  if (progress_shown_) error_ << "\r\x1b[K" << std::flush;
  progress_shown_ = false;
  output_ << text << '\n' << std::flush;
}

void Terminal::Write(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  output_ << text << std::flush;
}

void Terminal::Say(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  if (progress_shown_) error_ << "\r\x1b[K";
  progress_shown_ = false;
  error_ << text << '\n' << std::flush;
}

void Terminal::ShowProgress(std::string_view line) {
  if (!traits_.error_is_terminal || !traits_.spinner) return;
  const std::scoped_lock lock(mutex_);
  error_ << "\r\x1b[K" << line << std::flush;
  progress_shown_ = !line.empty();
}

std::string Terminal::ForOutput(Style style, std::string_view text) const {
  return traits_.colour && traits_.output_is_terminal ? Coloured(style, text) : std::string(text);
}

std::string Terminal::ForError(Style style, std::string_view text) const {
  return traits_.colour && traits_.error_is_terminal ? Coloured(style, text) : std::string(text);
}

Result<std::string> Terminal::Ask(std::string_view question) {
  if (!traits_.input_is_terminal) {
    return FailedPrecondition("cannot ask \"{}\": the input is not a terminal", question);
  }
  {
    const std::scoped_lock lock(mutex_);
    error_ << question << ' ' << std::flush;
  }
  std::string line;
  if (!std::getline(input_, line))
    return FailedPrecondition("the input ended before an answer came");
  return line;
}

Result<std::string> Terminal::AskHidden(std::string_view question) {
  if (!traits_.input_is_terminal) {
    return FailedPrecondition("cannot ask \"{}\": the input is not a terminal", question);
  }
  constexpr std::size_t kLineBytes = 4095;  // What is beyond it, the terminal drops.
  const EchoOff off = MESG_TRY(EchoOff::Of(STDIN_FILENO));
  {
    const std::scoped_lock lock(mutex_);
    error_ << question << ' ' << std::flush;
  }
  std::string line;
  char c = 0;
  while (input_.get(c) && c != '\n' && c != EchoOff::kInterrupted) line += c;
  const bool ended = !input_;
  {
    const std::scoped_lock lock(mutex_);
    error_ << '\n' << std::flush;  // The one that was typed was not shown either.
  }
  if (c == EchoOff::kInterrupted) return Cancelled("nothing was done");
  if (ended) return FailedPrecondition("the input ended before an answer came");
  if (line.size() >= kLineBytes) {
    return InvalidArgument("a terminal's line has less than {} bytes: take a file or a pipe",
                           kLineBytes);
  }
  return line;
}

Result<bool> Terminal::Confirm(std::string_view question) {
  const std::string answer = MESG_TRY(Ask(fmt::format("{} [y/N]", question)));
  return answer == "y" || answer == "Y" || answer == "yes";
}

Result<std::string> Terminal::ReadAll() {
  std::string all;
  std::array<char, 65536> chunk;
  while (input_.read(chunk.data(), chunk.size()) || input_.gcount() > 0) {
    all.append(chunk.data(), static_cast<std::size_t>(input_.gcount()));
    if (all.size() > kMaxInput) return InvalidArgument("the input is longer than 64 MiB");
  }
  return all;
}

bool Terminal::OutputIsGood() const { return output_.good(); }

struct Progress::Turning {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::string what;
  std::jthread thread;
};

Progress::Progress(Terminal& terminal, std::string what) : terminal_(terminal) {
  const Terminal::Traits& traits = terminal.traits();
  if (!traits.error_is_terminal || !traits.spinner) return;
  turning_ = std::make_unique<Turning>();
  turning_->what = std::move(what);
  turning_->thread = std::jthread([this](const std::stop_token& stop) {
    constexpr std::array<const char*, 8> kFrames = {"⣾", "⣽", "⣻", "⢿", "⡿", "⣟", "⣯", "⣷"};
    std::unique_lock lock(turning_->mutex);
    for (std::size_t frame = 0; !stop.stop_requested(); ++frame) {
      terminal_.ShowProgress(
          fmt::format("{} {}", terminal_.ForError(Style::kCyan, kFrames.at(frame % kFrames.size())),
                      turning_->what));
      turning_->wake.wait_for(lock, stop, std::chrono::milliseconds(100), [] { return false; });
    }
  });
}

Progress::~Progress() {
  if (!turning_) return;
  turning_->thread.request_stop();
  turning_->thread.join();
  terminal_.ShowProgress("");
}

void Progress::Step(std::string what) {
  if (!turning_) return;
  const std::scoped_lock lock(turning_->mutex);
  turning_->what = std::move(what);
}

void Progress::Done(std::string_view what) {
  if (!turning_) return;
  terminal_.Say(fmt::format("{} {}", terminal_.ForError(Style::kGreen, "✓"), what));
}

}  // namespace mesg::cli
