#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mesg {

/// Deepest nesting of objects and lists in JSON that Core takes.
inline constexpr int kMaxJsonDepth = 128;

/// A JSON value in memory, for what is small and read once (schemas, stored definitions). Event
/// data never becomes one. Numbers keep the text they came as.
struct JsonValue {
  enum class Kind : std::uint8_t { kNull, kBoolean, kNumber, kString, kList, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  std::string text = {};  ///< A number as it was written; a string without quotes and escapes.
  std::vector<JsonValue> items = {};
  std::vector<std::pair<std::string, JsonValue>> members = {};  ///< In the order they came.

  /// The member of that key, or null.
  const JsonValue* Find(std::string_view key) const;
};

/// "an object", "a list", "a string" ... for messages.
std::string_view Describe(JsonValue::Kind kind);

/// Reads exactly one value by the rules of CheckJson; `depth` levels of nesting already surround
/// it. InvalidArgument says what is wrong and at which byte.
Result<JsonValue> ReadJson(std::string_view json, int depth = 0);

/// How many objects and lists are inside one another in a valid JSON text, at most.
int JsonDepth(std::string_view json);

/// Appends one text for all that mean the same: no spaces, keys sorted, numbers by value (1.0 is
/// 1). It is for comparing; it is not JSON.
void AppendComparable(const JsonValue& value, std::string& into);

}  // namespace mesg
