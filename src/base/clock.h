#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mesg {

using Duration = std::chrono::microseconds;

/// Wall-clock time in UTC, to the microsecond. The default value, the epoch, means "not set".
using TimePoint = std::chrono::sys_time<Duration>;

inline TimePoint FromMicros(std::int64_t micros) { return TimePoint(Duration(micros)); }
inline std::int64_t ToMicros(TimePoint time) { return time.time_since_epoch().count(); }

/// Where time comes from. Decisions never read it: time reaches them as an argument.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() const = 0;
};

/// The machine's clock. Any thread.
class SystemClock final : public Clock {
 public:
  TimePoint Now() const override;
};

/// A clock that moves only when told to, for tests and simulation. One thread.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(TimePoint start = FromMicros(1'700'000'000'000'000)) : now_(start) {}
  TimePoint Now() const override { return now_; }
  void Advance(Duration by) { now_ += by; }

 private:
  TimePoint now_;
};

/// RFC 3339 in UTC with microseconds when there are any: "2024-05-01T10:00:00Z".
std::string FormatTime(TimePoint time);

/// The reverse of FormatTime; also takes offsets ("+02:00") and up to nine fractional digits.
Result<TimePoint> ParseTime(std::string_view text);

/// "100ms", "5s", "10m", "2h", "2d" and sums of them ("1m30s"). At least one unit; no sign.
Result<Duration> ParseDuration(std::string_view text);

/// The shortest text ParseDuration reads back as the same value.
std::string FormatDuration(Duration duration);

}  // namespace mesg
