#include "runtime/process/log_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/process/spawn.h"

namespace mesg::runtime {
namespace {

namespace fs = std::filesystem;

fs::path OldFile(const fs::path& folder, int number) {
  return folder / (std::to_string(number) + ".log");
}

/// Reads a file's lines from its end, `count` of them at most (0: all), newest first.
Result<void> ReadBackwards(int fd, std::uint64_t size, std::size_t count,
                           std::vector<LogLine>& newest_first) {
  constexpr std::uint64_t kBlock = 64 * 1024;
  std::string pending;  // The beginning of a line whose end was already read.
  const auto take = [&](std::string_view text) {
    if (auto line = ParseLogLine(text)) newest_first.push_back(std::move(*line));
    return count == 0 || newest_first.size() < count;
  };
  bool at_end = true;
  while (size > 0) {
    const std::uint64_t length = std::min(kBlock, size);
    size -= length;
    std::string block(length, '\0');
    const ssize_t got = pread(fd, block.data(), length, static_cast<off_t>(size));
    if (got != static_cast<ssize_t>(length)) return Unavailable("cannot read a log file");
    block += pending;
    if (at_end && block.back() == '\n') block.pop_back();
    at_end = false;
    std::size_t end = block.size();
    while (end > 0) {
      const auto newline = block.rfind('\n', end - 1);
      if (newline == std::string::npos) break;
      if (!take(std::string_view(block).substr(newline + 1, end - newline - 1))) return {};
      end = newline;
    }
    pending = block.substr(0, end);
  }
  if (!pending.empty()) take(pending);
  return {};
}

}  // namespace

std::string_view Name(LogStream stream) {
  switch (stream) {
    case LogStream::kOut:
      return "out";
    case LogStream::kErr:
      return "err";
    case LogStream::kCore:
      return "core";
  }
  return "?";
}

std::string FormatLogLine(const LogLine& line) {
  return fmt::format("{} {}{} {}\n", FormatTime(line.time), Name(line.stream),
                     line.continued ? "+" : "", line.text);
}

std::optional<LogLine> ParseLogLine(std::string_view text) {
  const auto first = text.find(' ');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = text.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto time = ParseTime(text.substr(0, first));
  if (!time) return std::nullopt;
  LogLine line{.time = *time};
  std::string_view stream = text.substr(first + 1, second - first - 1);
  if (stream.ends_with('+')) {
    line.continued = true;
    stream.remove_suffix(1);
  }
  for (const LogStream known : {LogStream::kOut, LogStream::kErr, LogStream::kCore}) {
    if (stream != Name(known)) continue;
    line.stream = known;
    line.text = text.substr(second + 1);
    return line;
  }
  return std::nullopt;
}

void LineSplitter::Append(std::string_view bytes, const OnLine& on_line) {
  while (!bytes.empty()) {
    const auto newline = bytes.find('\n');
    const std::size_t wanted = newline == std::string_view::npos ? bytes.size() : newline;
    const std::size_t room = kMaxLineBytes - rest_.size();
    if (wanted > room) {
      rest_.append(bytes.substr(0, room));
      bytes.remove_prefix(room);
      on_line(std::exchange(rest_, {}), true);
      continue;
    }
    rest_.append(bytes.substr(0, wanted));
    if (newline == std::string_view::npos) return;
    bytes.remove_prefix(newline + 1);
    if (rest_.ends_with('\r')) rest_.pop_back();
    on_line(std::exchange(rest_, {}), false);
  }
}

void LineSplitter::Finish(const OnLine& on_line) {
  if (!rest_.empty()) on_line(std::exchange(rest_, {}), false);
}

Result<LogWriter> LogWriter::Open(const fs::path& folder, LogOptions options) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Unavailable("cannot make the folder {}: {}", folder.string(), error.message());
  LogWriter writer(folder, options);
  MESG_TRY(writer.OpenCurrent());
  return writer;
}

Result<void> LogWriter::OpenCurrent() {
  const fs::path path = folder_ / "current.log";
  // Logs may hold what is private to the service: for the owner only.
  file_ = UniqueFd(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  struct stat info = {};
  if (!file_ || fstat(file_.get(), &info) != 0) {
    return Unavailable("cannot open the log {}: {}", path.string(), ErrnoText(errno));
  }
  size_ = static_cast<std::uint64_t>(info.st_size);
  return {};
}

void LogWriter::Rotate() {
  std::error_code ignored;
  file_.Reset();
  fs::remove(OldFile(folder_, options_.old_files), ignored);
  for (int number = options_.old_files; number > 1; --number) {
    fs::rename(OldFile(folder_, number - 1), OldFile(folder_, number), ignored);
  }
  if (options_.old_files > 0) {
    fs::rename(folder_ / "current.log", OldFile(folder_, 1), ignored);
  } else {
    fs::remove(folder_ / "current.log", ignored);
  }
}

void LogWriter::Append(const std::vector<LogLine>& lines) {
  if (lines.empty()) return;
  std::string text;
  if (dropped_ > 0) {
    text = FormatLogLine({.time = lines.front().time,
                          .stream = LogStream::kCore,
                          .text = fmt::format("{} lines could not be written here", dropped_)});
  }
  for (const LogLine& line : lines) text += FormatLogLine(line);
  if (file_ && size_ > 0 && size_ + text.size() > options_.max_bytes) Rotate();
  if (!file_ && !OpenCurrent()) {
    dropped_ += lines.size();
    return;
  }
  const ssize_t written = write(file_.get(), text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) {
    size_ += text.size();
    dropped_ = 0;
    return;
  }
  // A torn line would spoil the next one: cut back to the last whole write.
  dropped_ += lines.size();
  if (written > 0 && ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) file_.Reset();
}

Result<std::vector<LogLine>> ReadLogTail(const fs::path& folder, std::size_t count) {
  std::vector<LogLine> newest_first;
  std::set<std::pair<dev_t, ino_t>> seen;
  // From the newest file to the oldest: a rotation meanwhile can show a file twice, which is
  // noticed, but never hide one.
  for (int number = 0;; ++number) {
    const fs::path path = number == 0 ? folder / "current.log" : OldFile(folder, number);
    const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
      if (number == 0) continue;  // Between two files; the older ones may be there.
      break;
    }
    struct stat info = {};
    if (fstat(file.get(), &info) != 0 || !seen.emplace(info.st_dev, info.st_ino).second) continue;
    MESG_TRY(
        ReadBackwards(file.get(), static_cast<std::uint64_t>(info.st_size), count, newest_first));
    if (count != 0 && newest_first.size() >= count) break;
  }
  std::reverse(newest_first.begin(), newest_first.end());
  return newest_first;
}

}  // namespace mesg::runtime
