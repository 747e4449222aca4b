#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mesg::services {

/// The variables of a service's process, as its mesg.yml declares them. Core has filled in the
/// defaults; a variable that is missing or empty is not set.
///
/// Errors are InvalidArgument and name the variable, what was expected and, unless it may be a
/// secret (Text), what came.
class Environment {
 public:
  using Get = std::function<std::string(const char*)>;

  /// Of this process.
  Environment();
  /// Of a test: `get` returns "" for what is not set.
  explicit Environment(Get get) : get_(std::move(get)) {}

  std::string Text(const char* name, std::string fallback = {}) const;
  Result<std::string> Required(const char* name) const;
  Result<std::int64_t> Number(const char* name, std::int64_t fallback, std::int64_t least,
                              std::int64_t most) const;
  /// true or false.
  Result<bool> Flag(const char* name, bool fallback) const;
  /// As in mesg.yml: 30s, 1m30s. Longer than nothing.
  Result<Duration> Time(const char* name, Duration fallback) const;
  Result<std::string> OneOf(const char* name, std::string fallback,
                            std::initializer_list<std::string_view> choices) const;
  /// Items between commas, without spaces around them; none is empty.
  std::vector<std::string> List(const char* name) const;

 private:
  Get get_;
};

}  // namespace mesg::services
