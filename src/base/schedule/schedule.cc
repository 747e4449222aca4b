#include "base/schedule/schedule.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <vector>

#include <date/date.h>
#include <date/tz.h>
#include <fmt/format.h>

#include "base/encoding.h"

namespace mesg {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kHorizon = 40 * 366 * kDay;

struct FieldRule {
  const char* name;
  unsigned least;
  unsigned most;
  const std::vector<std::string_view>* words;  // The first stands for `least`.
};

const std::vector<std::string_view> kMonths = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                               "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
const std::vector<std::string_view> kWeekdays = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

std::vector<std::string_view> Split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t start = text.find_first_not_of(separators);
    if (start == std::string_view::npos) return parts;
    text.remove_prefix(start);
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::string_view Expand(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kShort = {{
      {"@hourly", "0 * * * *"},
      {"@daily", "0 0 * * *"},
      {"@midnight", "0 0 * * *"},
      {"@weekly", "0 0 * * 0"},
      {"@monthly", "0 0 1 * *"},
      {"@yearly", "0 0 1 1 *"},
      {"@annually", "0 0 1 1 *"},
  }};
  for (const auto& [name, fields] : kShort) {
    if (text == name) return fields;
  }
  return text;
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 0x20);
  }
  return upper;
}

Error Wrong(const FieldRule& rule, std::string_view text) {
  return InvalidArgument("{} \"{}\": expected *, {} to {}, a range, steps such as */5, or a list",
                         rule.name, text, rule.least, rule.most);
}

std::optional<unsigned> ReadNumber(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<unsigned> ReadValue(const FieldRule& rule, std::string_view text) {
  if (rule.words != nullptr) {
    const auto word = std::ranges::find(*rule.words, Upper(text));
    if (word != rule.words->end()) {
      return rule.least + static_cast<unsigned>(word - rule.words->begin());
    }
  }
  const auto number = ReadNumber(text);
  return number && *number >= rule.least && *number <= rule.most ? number : std::nullopt;
}

// Sets the values that `text` names.
template <std::size_t Size>
Result<void> ReadField(const FieldRule& rule, std::string_view text, std::bitset<Size>& into) {
  for (const std::string_view item : Split(text, ",")) {
    const std::size_t slash = item.find('/');
    const std::string_view range = item.substr(0, slash);
    unsigned step = 1;
    if (slash != std::string_view::npos) {
      step = ReadNumber(item.substr(slash + 1)).value_or(0);
      if (step == 0) return Wrong(rule, text);
    }
    unsigned from = rule.least;
    unsigned to = rule.most;
    if (range != "*" && range != "?") {
      const std::size_t hyphen = range.find('-');
      const auto first = ReadValue(rule, range.substr(0, hyphen));
      const auto last =
          hyphen == std::string_view::npos ? first : ReadValue(rule, range.substr(hyphen + 1));
      if (!first || !last || *last < *first) return Wrong(rule, text);
      from = *first;
      // 5/10 goes on from 5 to the end.
      if (hyphen != std::string_view::npos || slash == std::string_view::npos) to = *last;
    }
    for (unsigned value = from; value <= to; value += step) into.set(value % Size);
  }
  if (into.none()) return Wrong(rule, text);
  return {};
}

bool IsAny(std::string_view text) { return text == "*" || text == "?"; }

}  // namespace

struct Schedule::Zone {
  const date::time_zone* zone;
};

Result<Schedule> Schedule::Parse(std::string_view text, std::string_view timezone) {
  Schedule schedule;
  auto read = schedule.ReadFields(text);
  if (!read) return std::move(read).error();
  try {
    schedule.zone_ = std::make_shared<const Zone>(Zone{date::locate_zone(std::string(timezone))});
  } catch (const std::runtime_error&) {
    std::vector<std::string_view> names;
    for (const date::time_zone& zone : date::get_tzdb().zones) names.push_back(zone.name());
    const std::string_view near = Nearest(timezone, names);
    return InvalidArgument("\"{}\" is no time zone{}", timezone,
                           near.empty() ? std::string(", expected a name such as Europe/Paris")
                                        : fmt::format(", did you mean {}?", near));
  }
  if (!schedule.NextLocal(0, kHorizon)) {
    return InvalidArgument("\"{}\" never comes: no month has such a day", text);
  }
  return schedule;
}

Result<void> Schedule::ReadFields(std::string_view text) {
  auto fields = Split(Expand(text), " \t");
  if (fields.size() == 5) fields.insert(fields.begin(), "0");
  if (fields.size() != 6) {
    return InvalidArgument(
        "\"{}\" has {} fields, expected five: minute, hour, day of the month, month, day of the "
        "week",
        text, fields.size());
  }
  MESG_TRY(ReadField({"second", 0, 59, nullptr}, fields[0], seconds_));
  MESG_TRY(ReadField({"minute", 0, 59, nullptr}, fields[1], minutes_));
  MESG_TRY(ReadField({"hour", 0, 23, nullptr}, fields[2], hours_));
  last_day_ = fields[3] == "L" || fields[3] == "l";
  any_day_ = IsAny(fields[3]);
  if (!last_day_) MESG_TRY(ReadField({"day of the month", 1, 31, nullptr}, fields[3], days_));
  MESG_TRY(ReadField({"month", 1, 12, &kMonths}, fields[4], months_));
  any_weekday_ = IsAny(fields[5]);
  return ReadField({"day of the week", 0, 7, &kWeekdays}, fields[5], weekdays_);
}

bool Schedule::MatchesDay(int year, unsigned month, unsigned day, unsigned weekday) const {
  bool of_month = days_.test(day);
  if (last_day_) {
    const date::year_month_day_last last{date::year(year),
                                         date::month_day_last(date::month(month))};
    of_month = static_cast<unsigned>(last.day()) == day;
  }
  const bool of_week = weekdays_.test(weekday);
  if (any_day_) return of_week;
  if (any_weekday_) return of_month;
  return of_month || of_week;
}

std::optional<std::int64_t> Schedule::NextInDay(std::int64_t from) const {
  for (std::int64_t hour = from / 3600; hour < 24; ++hour) {
    if (!hours_.test(static_cast<std::size_t>(hour))) continue;
    const std::int64_t start = std::max(from, hour * 3600) - hour * 3600;
    for (std::int64_t minute = start / 60; minute < 60; ++minute) {
      if (!minutes_.test(static_cast<std::size_t>(minute))) continue;
      for (std::int64_t second = std::max<std::int64_t>(start - minute * 60, 0); second < 60;
           ++second) {
        if (seconds_.test(static_cast<std::size_t>(second))) {
          return hour * 3600 + minute * 60 + second;
        }
      }
    }
  }
  return std::nullopt;
}

std::optional<Schedule::LocalSeconds> Schedule::NextLocal(LocalSeconds from,
                                                          LocalSeconds end) const {
  auto day = date::floor<date::days>(date::local_seconds(std::chrono::seconds(from)));
  std::int64_t second = from - day.time_since_epoch().count() * kDay;
  while (day.time_since_epoch().count() * kDay < end) {
    const date::year_month_day ymd(day);
    const auto month = static_cast<unsigned>(ymd.month());
    if (!months_.test(month)) {
      day = date::local_days((ymd.year() / ymd.month() + date::months(1)) / 1);
      second = 0;
      continue;
    }
    if (MatchesDay(static_cast<int>(ymd.year()), month, static_cast<unsigned>(ymd.day()),
                   date::weekday(day).c_encoding())) {
      if (const auto found = NextInDay(second)) {
        const LocalSeconds local = day.time_since_epoch().count() * kDay + *found;
        return local < end ? std::optional(local) : std::nullopt;
      }
    }
    day += date::days(1);
    second = 0;
  }
  return std::nullopt;
}

std::optional<TimePoint> Schedule::Next(TimePoint after) const {
  const bool every_hour = hours_.all();
  std::int64_t at = std::chrono::floor<std::chrono::seconds>(after).time_since_epoch().count() + 1;
  const std::int64_t horizon = at + kHorizon;
  const auto info_at = [this](std::int64_t time) {
    return zone_->zone->get_info(date::sys_seconds(std::chrono::seconds(time)));
  };
  date::sys_info info = info_at(at);
  LocalSeconds from = at + info.offset.count();
  // A time of day that came before the clocks went back does not come again.
  if (!every_hour) {
    const std::int64_t begin = info.begin.time_since_epoch().count();
    const date::sys_info before = info_at(begin - 1);
    from = std::max(from, begin + std::max(before.offset, info.offset).count());
  }
  while (at < horizon) {
    const std::int64_t change = info.end.time_since_epoch().count();
    const std::int64_t last = std::min(change, horizon);
    if (const auto local = NextLocal(from, last + info.offset.count())) {
      return TimePoint(std::chrono::seconds(*local - info.offset.count()));
    }
    if (last == horizon) return std::nullopt;
    const date::sys_info next = info_at(change);
    const LocalSeconds old_clock = change + info.offset.count();
    const LocalSeconds new_clock = change + next.offset.count();
    if (!every_hour && new_clock > old_clock && NextLocal(old_clock, new_clock)) {
      return TimePoint(std::chrono::seconds(change));
    }
    from = every_hour ? new_clock : std::max(old_clock, new_clock);
    at = change;
    info = next;
  }
  return std::nullopt;
}

}  // namespace mesg
