#include "model/json_walk.h"

#include <algorithm>
#include <bit>

#include "model/decimal.h"

namespace mesg {

using simdjson::ondemand::json_type;

bool JsonDocument::Fail(std::string_view what) {
  if (failed_) return false;
  failed_ = true;
  const char* at = nullptr;
  if (size_ != 0 && document_.current_location().get(at) != simdjson::SUCCESS) at = nullptr;
  if (at != nullptr && at > buffer_.get() && at < buffer_.get() + size_) {
    error_ = fmt::format("{} (near byte {})", what, at - buffer_.get() - 1);
  } else {
    error_ = what;
  }
  return false;
}

void JsonDocument::Load(std::string_view json) {
  size_ = 0;
  const std::size_t needed = json.size() + 2 + simdjson::SIMDJSON_PADDING;
  if (needed > capacity_) {
    capacity_ = std::bit_ceil(std::max<std::size_t>(needed, 4096));
    buffer_ = std::make_unique<char[]>(capacity_);
    if (parser_.allocate(capacity_)) {
      capacity_ = 0;
      Fail("there is no memory to read it");
      return;
    }
  }
  char* const start = buffer_.get();
  start[0] = '[';
  std::memcpy(start + 1, json.data(), json.size());
  start[json.size() + 1] = ']';
  std::memset(start + json.size() + 2, ' ', simdjson::SIMDJSON_PADDING);
  const auto error =
      parser_.iterate(simdjson::padded_string_view(start, json.size() + 2, capacity_))
          .get(document_);
  if (error) {
    Fail(error);
    return;
  }
  size_ = json.size() + 2;
}

bool JsonDocument::CheckScalar(simdjson::ondemand::value& value, json_type type,
                               std::string_view token) {
  switch (type) {
    case json_type::string: {
      if (std::memchr(token.data(), '\\', token.size()) == nullptr) {
        // Taken, since the parser skips a string it was not asked for as if it were a key: a colon
        // behind it and what follows would go unseen.
        return value.get_raw_json_string().error() == simdjson::SUCCESS ||
               Fail("expected a string");
      }
      std::string_view decoded;
      const auto error = value.get_string().get(decoded);
      return error == simdjson::SUCCESS || Fail("a string has an escape that JSON does not know");
    }
    case json_type::number:
      return IsNumber(token) || Fail("a number is malformed");
    case json_type::boolean:
      return token == "true" || token == "false" || Fail("expected true or false");
    case json_type::null:
      return token == "null" || Fail("expected null");
    case json_type::object:
    case json_type::array:
      break;
  }
  return Fail("expected a value");
}

bool HasDuplicates(std::string_view* begin, std::string_view* end, std::string_view& duplicate) {
  std::sort(begin, end);
  const auto* const found = std::adjacent_find(begin, end);
  if (found == end) return false;
  duplicate = *found;
  return true;
}

}  // namespace mesg
