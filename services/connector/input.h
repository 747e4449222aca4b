#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mesg::services {

/// The inputs of a task, or a value inside them, read once. Core has checked them against mesg.yml;
/// what mesg.yml cannot say is checked where it is read.
struct Input {
  enum class Kind : std::uint8_t { kNull, kBoolean, kNumber, kText, kList, kObject };

  Kind kind = Kind::kNull;
  /// Of kText, without quotes and escapes; of kBoolean and kNumber, as it is written.
  std::string text;
  std::vector<Input> items;        ///< Of kList and kObject.
  std::vector<std::string> names;  ///< Of kObject, one for each item.

  /// InvalidArgument when `json` is none.
  static Result<Input> Read(std::string_view json);

  /// A field of an object; kNull when there is none.
  const Input& operator[](std::string_view key) const;
  bool IsNull() const { return kind == Kind::kNull; }
  bool IsTrue() const { return kind == Kind::kBoolean && text == "true"; }
  std::string ToJson() const;
  /// Text as it is, a number or a boolean as it is written. `name` is for the error.
  Result<std::string> Plain(std::string_view name) const;
  /// A whole number; `fallback` for kNull.
  Result<std::int64_t> Whole(std::string_view name, std::int64_t fallback, std::int64_t least,
                             std::int64_t most) const;
};

}  // namespace mesg::services
