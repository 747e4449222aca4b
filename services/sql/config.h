#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "connector/environment.h"
#include "sql/cursor.h"

namespace mesg::services::sql {

/// What mesg.yml's `env` says.
struct Config {
  std::string url;
  std::optional<CursorOptions> cursor;
  std::vector<std::string> channels;
  unsigned connections = 4;
  bool record = true;
  Duration keep{};
};

/// InvalidArgument names the variable; it never shows URL.
Result<Config> ReadConfig(const Environment& environment);

}  // namespace mesg::services::sql
