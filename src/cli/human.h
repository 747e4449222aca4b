#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace mesg::cli {

/// How long ago a time lies, as people say it: "just now", "5 minutes ago", "in 3 hours", and the
/// date beyond a month. "-" for a time that is not set.
std::string HumanTime(std::int64_t micros, TimePoint now);

/// The local clock time with milliseconds: "10:00:03.250".
std::string ClockTime(std::int64_t micros);

/// In one or two units: "850 ms", "12.3 s", "2h 5m".
std::string HumanDuration(std::int64_t micros);

/// "512 B", "4 MiB", "1.5 GiB".
std::string HumanBytes(std::uint64_t bytes);

/// "1,234,567".
std::string HumanCount(std::uint64_t count);

/// How many columns `text` takes: code points, not bytes; colours take none.
std::size_t ShownWidth(std::string_view text);

/// `text` cut to `width` columns, ending in "…" when something was left out. Control characters
/// become blanks, so that data cannot move the cursor. Must hold no colours.
std::string Shorten(std::string_view text, std::size_t width);

/// `text` with its control characters made visible blanks.
std::string Harmless(std::string_view text);

}  // namespace mesg::cli
