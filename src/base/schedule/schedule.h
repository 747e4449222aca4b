#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace mesg {

/// Times that repeat, as cron writes them, in the clock of one place.
///
/// Five fields: minute, hour, day of the month, month, day of the week; six with seconds in front.
/// A field is `*`, a number, a name (JAN, MON), a range 1-5, steps */10 or 0-30/5, or a list of
/// these; `L` is the last day of a month. When both days are limited, either is enough. @hourly,
/// @daily, @weekly, @monthly and @yearly stand for what they say. Source: crontab(5).
///
/// When clocks go forward, a time of day that is left out comes at the moment of the change. When
/// they go back, one that comes twice counts once. A schedule for every hour follows the hours that
/// pass.
///
/// A value, const from any thread.
class Schedule {
 public:
  /// InvalidArgument when the text is no schedule, when none of its times ever comes, or when
  /// `timezone` is no name of the IANA database of this machine.
  static Result<Schedule> Parse(std::string_view text, std::string_view timezone = "UTC");

  /// The first time after `after`, on a whole second. None in the next 40 years: never.
  std::optional<TimePoint> Next(TimePoint after) const;

 private:
  struct Zone;
  using LocalSeconds = std::int64_t;  ///< What a clock on the wall shows, since 1970.

  Schedule() = default;
  Result<void> ReadFields(std::string_view text);
  bool MatchesDay(int year, unsigned month, unsigned day, unsigned weekday) const;
  /// The first local time from `from` on and before `end`.
  std::optional<LocalSeconds> NextLocal(LocalSeconds from, LocalSeconds end) const;
  std::optional<std::int64_t> NextInDay(std::int64_t from) const;

  std::bitset<60> seconds_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;
  bool any_day_ = false;
  bool any_weekday_ = false;
  bool last_day_ = false;
  std::shared_ptr<const Zone> zone_;
};

}  // namespace mesg
