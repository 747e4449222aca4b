#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "runtime/process/unique_fd.h"

namespace mesg::runtime {

enum class LogStream : std::uint8_t {
  kOut,   ///< The service's standard output.
  kErr,   ///< Its standard error.
  kCore,  ///< What Core notes about it: started, ended, restarted.
};
std::string_view Name(LogStream stream);  ///< "out", "err", "core"

struct LogLine {
  TimePoint time{};
  LogStream stream = LogStream::kOut;
  std::string text = {};  ///< Without the line end. Bytes as the service wrote them.
  bool continued =
      false;  ///< The line was longer than kMaxLineBytes: the next one goes on with it.
  bool operator==(const LogLine&) const = default;
};

/// Longer lines are cut into pieces.
inline constexpr std::size_t kMaxLineBytes = 16 * 1024;

/// One line of a log file, with its line end: "2024-05-01T10:00:00.25Z out text", and "out+" when
/// the next line goes on with it.
std::string FormatLogLine(const LogLine& line);

/// The reverse, without the line end; nothing for what FormatLogLine does not write.
std::optional<LogLine> ParseLogLine(std::string_view text);

/// Cuts a stream of bytes into lines.
class LineSplitter {
 public:
  using OnLine = std::function<void(std::string text, bool continued)>;
  void Append(std::string_view bytes, const OnLine& on_line);
  /// The stream ended: what has no line end becomes a line too.
  void Finish(const OnLine& on_line);

 private:
  std::string rest_;
};

struct LogOptions {
  std::uint64_t max_bytes = 4 << 20;  ///< Of one file, before the next is begun.
  int old_files = 3;                  ///< Kept beside the current one.
};

/// Writes the log of one instance: `current.log`, and older files `1.log` (the newest of them) to
/// `N.log`. One thread.
class LogWriter {
 public:
  static Result<LogWriter> Open(const std::filesystem::path& folder, LogOptions options);

  /// One write for all of them. When the disk does not take them they are dropped and counted, and
  /// the first write that succeeds again says how many were.
  void Append(const std::vector<LogLine>& lines);

 private:
  LogWriter(std::filesystem::path folder, LogOptions options)
      : folder_(std::move(folder)), options_(options) {}
  Result<void> OpenCurrent();
  void Rotate();
  std::filesystem::path folder_;
  LogOptions options_;
  UniqueFd file_;
  std::uint64_t size_ = 0;
  std::uint64_t dropped_ = 0;
};

/// The last `count` lines (0: all that are kept), oldest first; none when there is no log yet. Any
/// thread, also while a LogWriter writes.
Result<std::vector<LogLine>> ReadLogTail(const std::filesystem::path& folder, std::size_t count);

}  // namespace mesg::runtime
