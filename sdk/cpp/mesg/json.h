#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mesg::sdk {

/// Writes one JSON object, field by field, in the order of the calls.
///
///   JsonObject().Add("method", "GET").Add("status", 200).AddRaw("headers", headers.Take()).Take()
///
/// Strings that are not UTF-8 get U+FFFD where they are broken. Fields are not checked for repeats.
class JsonObject {
 public:
  JsonObject& Add(std::string_view key, std::string_view text);
  JsonObject& Add(std::string_view key, const char* text) {
    return Add(key, std::string_view(text));
  }
  JsonObject& Add(std::string_view key, std::integral auto number) {
    if constexpr (std::same_as<decltype(number), bool>) {
      return AddRaw(key, number ? "true" : "false");
    } else {
      return AddRaw(key, std::to_string(number));
    }
  }
  /// `json` is a JSON value already.
  JsonObject& AddRaw(std::string_view key, std::string_view json);
  /// The object's text; leaves an empty object behind.
  std::string Take();

 private:
  std::string text_ = "{";
};

/// True when Core takes `text` as a JSON value: well-formed UTF-8, no key twice in an object,
/// nested no deeper than 100.
bool IsJson(std::string_view text);

/// How bytes that are not text travel in JSON: base64 with padding (RFC 4648, section 4).
std::string ToBase64(std::string_view bytes);
Result<std::string> FromBase64(std::string_view text);

}  // namespace mesg::sdk
