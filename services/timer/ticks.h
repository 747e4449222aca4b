#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/schedule/schedule.h"

namespace mesg::services::timer {

/// One entry of TICKS: times that repeat, by a schedule or every so long. The latter are counted
/// from 1970, so that they stay the same over restarts. A value.
class Tick {
 public:
  struct Due {
    TimePoint scheduled;
    std::uint64_t missed = 0;  ///< Times before it, at most kMostMissed.
  };
  static constexpr std::uint64_t kMostMissed = 10'000;

  /// All of `text`, "NAME=TIMES; NAME=TIMES". InvalidArgument names the entry that is wrong.
  static Result<std::vector<Tick>> ParseAll(std::string_view text, const std::string& timezone);

  const std::string& name() const { return name_; }
  /// What decides its times: other times, another text.
  const std::string& text() const { return text_; }
  /// The first time after `after`; none in the next 40 years.
  std::optional<TimePoint> Next(TimePoint after) const;
  /// The last time after `after` and up to `now`.
  std::optional<Due> Latest(TimePoint after, TimePoint now) const;

 private:
  std::string name_;
  std::string text_;
  std::optional<Duration> every_;
  std::optional<Schedule> schedule_;
};

}  // namespace mesg::services::timer
