#include "cli/human.h"

#include <array>
#include <cstdlib>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace mesg::cli {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string HumanTime(std::int64_t micros, TimePoint now) {
  if (micros == 0) return "-";
  const std::int64_t ago = ToMicros(now) - micros;
  const std::int64_t distance = ago < 0 ? -ago : ago;
  if (distance > 30 * kDay) return FormatTime(FromMicros(micros)).substr(0, 10);
  std::int64_t count = distance / kSecond;
  std::string_view unit = "second";
  if (distance >= kDay) {
    count = distance / kDay;
    unit = "day";
  } else if (distance >= kHour) {
    count = distance / kHour;
    unit = "hour";
  } else if (distance >= kMinute) {
    count = distance / kMinute;
    unit = "minute";
  } else if (count < 2) {
    return "just now";
  }
  const std::string_view plural = count == 1 ? "" : "s";
  return ago < 0 ? fmt::format("in {} {}{}", count, unit, plural)
                 : fmt::format("{} {}{} ago", count, unit, plural);
}

std::string ClockTime(std::int64_t micros) {
  const std::time_t seconds = static_cast<std::time_t>(micros / kSecond);
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:02}:{:02}:{:02}.{:03}", local.tm_hour, local.tm_min, local.tm_sec,
                     micros % kSecond / 1000);
}

std::string HumanDuration(std::int64_t micros) {
  if (micros < 1000) return fmt::format("{} us", micros);
  if (micros < kSecond) return fmt::format("{} ms", micros / 1000);
  if (micros < kMinute) return fmt::format("{:.1f} s", static_cast<double>(micros) / kSecond);
  if (micros < kHour) return fmt::format("{}m {}s", micros / kMinute, micros % kMinute / kSecond);
  if (micros < kDay) return fmt::format("{}h {}m", micros / kHour, micros % kHour / kMinute);
  return fmt::format("{}d {}h", micros / kDay, micros % kDay / kHour);
}

std::string HumanBytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::string number = fmt::format("{:.1f}", value);
  if (number.ends_with(".0")) number.resize(number.size() - 2);
  return fmt::format("{} {}", number, kUnits.at(unit));
}

std::string HumanCount(std::uint64_t count) {
  std::string digits = fmt::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::size_t ShownWidth(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\x1b') {
      const std::size_t end = text.find('m', at);
      if (end == std::string_view::npos) break;
      at = end;
    } else if (!IsContinuation(text[at])) {
      ++width;
    }
  }
  return width;
}

std::string Harmless(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return out;
}

std::string Shorten(std::string_view text, std::size_t width) {
  std::string out = Harmless(text);
  if (ShownWidth(out) <= width) return out;
  std::size_t columns = 0;
  std::size_t at = 0;
  for (; at < out.size(); ++at) {
    if (IsContinuation(out[at])) continue;
    if (columns + 1 >= width) break;
    ++columns;
  }
  out.resize(at);
  if (width > 0) out += "…";
  return out;
}

}  // namespace mesg::cli
