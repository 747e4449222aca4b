#include "base/clock.h"

#include <array>
#include <charconv>
#include <limits>

namespace mesg {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t micros;
};
// Longest names first, so that "ms" is not read as "m".
constexpr std::array<Unit, 6> kUnits{{{"ms", 1'000},
                                      {"us", 1},
                                      {"d", 86'400'000'000},
                                      {"h", 3'600'000'000},
                                      {"m", 60'000'000},
                                      {"s", 1'000'000}}};

Error BadDuration(std::string_view text) {
  return InvalidArgument(
      "\"{}\" is not a duration, expected a number and a unit such as 100ms, 5s, 10m, 2h or 2d",
      text);
}

// Reads exactly `digits` digits at the front of `text` and removes them.
bool TakeNumber(std::string_view& text, std::size_t digits, int& value) {
  if (text.size() < digits) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc() || end != text.data() + digits || text[0] == '-') return false;
  text.remove_prefix(digits);
  return true;
}

bool Take(std::string_view& text, char expected) {
  if (text.empty() || text[0] != expected) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

TimePoint SystemClock::Now() const {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

std::string FormatTime(TimePoint time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(time - days);
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (const auto micros = clock.subseconds().count(); micros != 0)
    text += fmt::format(".{:06}", micros);
  return text + "Z";
}

Result<TimePoint> ParseTime(std::string_view text) {
  const Error bad =
      InvalidArgument("\"{}\" is not a time, expected RFC 3339 such as 2024-05-01T10:00:00Z", text);
  std::string_view rest = text;
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!TakeNumber(rest, 4, year) || !Take(rest, '-') || !TakeNumber(rest, 2, month) ||
      !Take(rest, '-') || !TakeNumber(rest, 2, day) || !(Take(rest, 'T') || Take(rest, ' ')) ||
      !TakeNumber(rest, 2, hour) || !Take(rest, ':') || !TakeNumber(rest, 2, minute) ||
      !Take(rest, ':') || !TakeNumber(rest, 2, second)) {
    return bad;
  }
  std::int64_t nanos = 0;
  if (Take(rest, '.')) {
    std::int64_t scale = 100'000'000;
    std::size_t digits = 0;
    for (; digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9';
         ++digits, scale /= 10) {
      nanos += (rest[digits] - '0') * scale;
    }
    if (digits == 0 || digits > 9) return bad;
    rest.remove_prefix(digits);
  }
  int offset_minutes = 0;
  if (!Take(rest, 'Z')) {
    const int sign = Take(rest, '+') ? 1 : (Take(rest, '-') ? -1 : 0);
    int offset_hour = 0, offset_minute = 0;
    if (sign == 0 || !TakeNumber(rest, 2, offset_hour) || !Take(rest, ':') ||
        !TakeNumber(rest, 2, offset_minute)) {
      return bad;
    }
    offset_minutes = sign * (offset_hour * 60 + offset_minute);
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!rest.empty() || !date.ok() || hour > 23 || minute > 59 || second > 60) return bad;
  return TimePoint(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute - offset_minutes) + std::chrono::seconds(second) +
         Duration(nanos / 1000);
}

Result<Duration> ParseDuration(std::string_view text) {
  std::string_view rest = text;
  std::int64_t total = 0;
  if (rest.empty()) return BadDuration(text);
  while (!rest.empty()) {
    std::uint32_t count = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (error != std::errc()) return BadDuration(text);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const Unit* unit = nullptr;
    for (const Unit& candidate : kUnits) {
      if (rest.starts_with(candidate.name)) {
        unit = &candidate;
        break;
      }
    }
    if (unit == nullptr) return BadDuration(text);
    rest.remove_prefix(unit->name.size());
    // A century is more than anything waits, and leaves room to add it to any time.
    constexpr std::int64_t kLongest = 100 * 366 * 86'400'000'000;
    if (count > kLongest / unit->micros || total + count * unit->micros > kLongest) {
      return InvalidArgument("\"{}\" is longer than a century, the longest duration", text);
    }
    total += count * unit->micros;
  }
  return Duration(total);
}

std::string FormatDuration(Duration duration) {
  constexpr std::array<Unit, 6> kLargestFirst{{{"d", 86'400'000'000},
                                               {"h", 3'600'000'000},
                                               {"m", 60'000'000},
                                               {"s", 1'000'000},
                                               {"ms", 1'000},
                                               {"us", 1}}};
  std::int64_t rest = duration.count();
  if (rest <= 0) return "0s";
  std::string text;
  for (const Unit& unit : kLargestFirst) {
    if (const std::int64_t count = rest / unit.micros; count > 0) {
      text += fmt::format("{}{}", count, unit.name);
      rest -= count * unit.micros;
    }
  }
  return text;
}

}  // namespace mesg
