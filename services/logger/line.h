#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace mesg::services::logger {

enum class Level : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class Format : std::uint8_t { kText, kJson };

/// "debug", "info", "warn", "error"; nothing else is one.
Result<Level> ParseLevel(std::string_view text);

/// What task `log` was given.
struct Entry {
  Level level = Level::kInfo;
  std::string message;
  std::string data;  ///< JSON; "" when there is none.
};

/// The inputs of task `log`, which Core has checked against mesg.yml.
Result<Entry> ReadInputs(const std::string& inputs);

/// One line with its end. A message cannot make another one, nor move a terminal's cursor: control
/// characters are written as in JSON. What is too long is cut, and says so; as JSON, data that is
/// too long is left out.
std::string WriteLine(const Entry& entry, Format format, TimePoint now);

}  // namespace mesg::services::logger
