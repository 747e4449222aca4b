#include "timer/ticks.h"

#include <algorithm>
#include <cctype>
#include <chrono>

namespace mesg::services::timer {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostTicks = 1000;
constexpr std::size_t kLongestName = 100;
constexpr Duration kShortest = 1s;

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName &&
         std::ranges::all_of(text, [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

}  // namespace

Result<std::vector<Tick>> Tick::ParseAll(std::string_view text, const std::string& timezone) {
  std::vector<Tick> ticks;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view entry = Trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (entry.empty()) continue;
    const std::size_t equals = entry.find('=');
    Tick tick;
    tick.name_ = Trim(entry.substr(0, std::min(equals, entry.size())));
    if (equals == std::string_view::npos || !IsName(tick.name_)) {
      return InvalidArgument(
          "TICKS: expected entries like hourly=0 * * * * or pulse=every 30s, got \"{}\"", entry);
    }
    if (std::ranges::any_of(ticks, [&](const Tick& other) { return other.name_ == tick.name_; })) {
      return InvalidArgument("TICKS: \"{}\" is there twice", tick.name_);
    }
    const std::string_view times = Trim(entry.substr(equals + 1));
    constexpr std::string_view kEvery = "every ";
    if (times.starts_with(kEvery)) {
      const auto every = ParseDuration(Trim(times.substr(kEvery.size())));
      if (!every || *every < kShortest) {
        return InvalidArgument("TICKS: {}: expected every and a duration from 1s, got \"{}\"",
                               tick.name_, times);
      }
      tick.every_ = *every;
      tick.text_ = times;
    } else {
      auto schedule = Schedule::Parse(times, timezone);
      if (!schedule) return InvalidArgument("TICKS: {}: {}", tick.name_, schedule.error().message);
      tick.schedule_ = *std::move(schedule);
      tick.text_ = std::string(times) + " in " + timezone;
    }
    ticks.push_back(std::move(tick));
  }
  if (ticks.size() > kMostTicks) {
    return InvalidArgument("TICKS: expected at most {} entries, got {}", kMostTicks, ticks.size());
  }
  return ticks;
}

std::optional<TimePoint> Tick::Next(TimePoint after) const {
  if (schedule_) return schedule_->Next(after);
  const std::int64_t every = every_->count();
  const std::int64_t since = ToMicros(after);
  const std::int64_t begun = since / every - (since % every < 0 ? 1 : 0);
  return FromMicros((begun + 1) * every);
}

std::optional<Tick::Due> Tick::Latest(TimePoint after, TimePoint now) const {
  auto next = Next(after);
  if (!next || *next > now) return std::nullopt;
  Due due{*next, 0};
  if (every_) {
    const auto more = (now - *next) / *every_;
    return Due{*next + more * *every_, std::min(static_cast<std::uint64_t>(more), kMostMissed)};
  }
  const auto advance = [&](TimePoint from, auto&& more) {
    for (next = Next(from); next && *next <= now && more(); next = Next(*next)) {
      due.scheduled = *next;
    }
  };
  advance(due.scheduled, [&] { return ++due.missed < kMostMissed; });
  if (!next || *next > now) return due;
  // Too many to count: from the nearest window that has one.
  for (const Duration window :
       {Duration(1min), Duration(1h), Duration(24h), Duration(24h * 40), Duration(24h * 366 * 5)}) {
    const TimePoint from = std::max(now - window, due.scheduled);
    next = Next(from);
    if (!next || *next > now) continue;
    due.scheduled = *next;
    advance(due.scheduled, [] { return true; });
    break;
  }
  due.missed = kMostMissed;
  return due;
}

}  // namespace mesg::services::timer
