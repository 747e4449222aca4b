#pragma once

#include <cstring>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "base/result.h"

// simdjson's On-Demand parser, made strict: it only looks at what it is asked for, so its users
// visit every value through the functions below. Only for .cc files of this folder.

namespace mesg {

/// One JSON text being read. It is copied between brackets, so that its root is always a list of
/// one value and scalars at the root need no rules of their own.
class JsonDocument {
 public:
  JsonDocument() = default;
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;

  /// This thread's document, whose memory is reused. One reading at a time.
  static JsonDocument& OfThread() {
    static thread_local JsonDocument document;
    return document;
  }

  /// Reads `json` and gives its one value to `visit(ondemand::value)`, which returns false when it
  /// found an error (and reported it by Fail). The result is "" or what is wrong with the text.
  template <typename Visit>
  std::string Read(std::string_view json, Visit&& visit) {
    error_.clear();
    failed_ = false;
    Load(json);
    if (!failed_) Walk(std::forward<Visit>(visit));
    if (json.size() > kKept) {
      parser_ = simdjson::ondemand::parser();
      buffer_ = {};
      capacity_ = 0;
    }
    return failed_ ? std::move(error_) : std::string();
  }

  /// Notes an error of the text at the current place; the first one counts. Always false.
  bool Fail(simdjson::error_code code) { return Fail(simdjson::error_message(code)); }
  bool Fail(std::string_view what);

  /// The token of a scalar: a literal, a number, or a string with its quotes, without spaces.
  static std::string_view Token(simdjson::ondemand::value& value) {
    std::string_view token = value.raw_json_token();
    token.remove_suffix(token.size() - token.find_last_not_of(" \n\r\t") - 1);
    return token;
  }

  /// Checks a scalar of type `type`, whose token is `token`.
  bool CheckScalar(simdjson::ondemand::value& value, simdjson::ondemand::json_type type,
                   std::string_view token);

  /// The decoded key of a field, valid until the next Read. Call it before the field's value.
  bool ReadKey(simdjson::ondemand::field& field, std::string_view& key) {
    const char* const start = field.key().raw();
    const auto* const end = static_cast<const char*>(
        std::memchr(start, '"', static_cast<std::size_t>(buffer_.get() + size_ - start)));
    if (end == nullptr) return Fail("a key without an end");
    key = {start, static_cast<std::size_t>(end - start)};
    if (std::memchr(start, '\\', key.size()) == nullptr) return true;
    const auto error = field.unescaped_key().get(key);
    return error == simdjson::SUCCESS || Fail(error);
  }

 private:
  static constexpr std::size_t kKept = 256 << 10;  ///< Larger texts give their memory back.

  void Load(std::string_view json);
  /// After the root: nothing is left.
  bool AtEnd() { return document_.current_location().error() == simdjson::OUT_OF_BOUNDS; }

  template <typename Visit>
  void Walk(Visit&& visit) {
    simdjson::ondemand::array root;
    if (const auto error = document_.get_array().get(root)) {
      Fail(error);
      return;
    }
    std::size_t count = 0;
    for (auto element : root) {
      simdjson::ondemand::value value;
      if (const auto error = element.get(value)) {
        Fail(error);
        return;
      }
      if (++count > 1) {
        Fail("something follows the value");
        return;
      }
      if (!visit(value)) {
        if (!failed_) Fail("it cannot be read");
        return;
      }
    }
    if (count == 0) Fail("it is empty");
    if (!failed_ && !AtEnd()) Fail("something follows the value");
  }

  simdjson::ondemand::parser parser_;
  simdjson::ondemand::document document_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
  std::string error_;
  bool failed_ = false;
};

/// Whether two of `keys` are equal; may reorder them. Not quadratic, whoever chose the keys.
bool HasDuplicates(std::string_view* begin, std::string_view* end, std::string_view& duplicate);

}  // namespace mesg
