#include "mesg/json.h"

#include <array>
#include <set>
#include <utility>

#include <simdjson.h>

#include "base/encoding.h"

namespace mesg::sdk {
namespace {

constexpr int kDeepest = 100;  // Core's own limit is 128, and a value travels inside others.
constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Visits every value: On-Demand parsing says nothing about what is not looked at. A number is only
// checked for its form, since Core keeps numbers of any size.
bool Sound(simdjson::ondemand::value value, int depth);

bool SoundNumber(std::string_view token) {
  while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' ||
                            token.back() == '\t')) {
    token.remove_suffix(1);
  }
  std::size_t at = token.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const std::size_t from = at;
    while (at < token.size() && token[at] >= '0' && token[at] <= '9') ++at;
    return at - from;
  };
  const std::size_t first = at;
  const std::size_t whole = digits();
  if (whole == 0 || (whole > 1 && token[first] == '0')) return false;
  if (at < token.size() && token[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < token.size() && (token[at] == 'e' || token[at] == 'E')) {
    ++at;
    if (at < token.size() && (token[at] == '+' || token[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == token.size();
}

bool SoundObject(simdjson::ondemand::object object, int depth) {
  std::set<std::string, std::less<>> keys;
  for (auto field : object) {
    std::string_view key;
    simdjson::ondemand::value value;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS || !keys.emplace(key).second ||
        field.value().get(value) != simdjson::SUCCESS || !Sound(value, depth)) {
      return false;
    }
  }
  return true;
}

bool SoundArray(simdjson::ondemand::array array, int depth) {
  for (auto element : array) {
    simdjson::ondemand::value value;
    if (element.get(value) != simdjson::SUCCESS || !Sound(value, depth)) return false;
  }
  return true;
}

bool Sound(simdjson::ondemand::value value, int depth) {
  if (depth > kDeepest) return false;
  simdjson::ondemand::json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return false;
  switch (type) {
    case simdjson::ondemand::json_type::object: {
      simdjson::ondemand::object object;
      return value.get_object().get(object) == simdjson::SUCCESS && SoundObject(object, depth + 1);
    }
    case simdjson::ondemand::json_type::array: {
      simdjson::ondemand::array array;
      return value.get_array().get(array) == simdjson::SUCCESS && SoundArray(array, depth + 1);
    }
    case simdjson::ondemand::json_type::string: {
      std::string_view text;
      return value.get_string().get(text) == simdjson::SUCCESS;
    }
    case simdjson::ondemand::json_type::number: {
      return SoundNumber(value.raw_json_token());
    }
    case simdjson::ondemand::json_type::boolean: {
      bool flag = false;
      return value.get_bool().get(flag) == simdjson::SUCCESS;
    }
    case simdjson::ondemand::json_type::null: {
      bool null = false;
      return simdjson::simdjson_result<bool>(value.is_null()).get(null) == simdjson::SUCCESS &&
             null;
    }
  }
  return false;
}

int DigitOf(char c) {
  const auto at = kDigits.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

JsonObject& JsonObject::Add(std::string_view key, std::string_view text) {
  return AddRaw(key, QuoteJson(text));
}

JsonObject& JsonObject::AddRaw(std::string_view key, std::string_view json) {
  if (text_.size() > 1) text_ += ',';
  text_ += QuoteJson(key);
  text_ += ':';
  text_ += json;
  return *this;
}

std::string JsonObject::Take() { return std::exchange(text_, "{") + '}'; }

bool IsJson(std::string_view text) {
  if (!IsUtf8(text)) return false;
  // Inside a list a lone number is checked like any other value.
  const std::string list = "[" + std::string(text) + "]";
  const simdjson::padded_string padded(list);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::array array;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document.get_array().get(array) != simdjson::SUCCESS) {
    return false;
  }
  int values = 0;
  for (auto element : array) {
    simdjson::ondemand::value value;
    if (element.get(value) != simdjson::SUCCESS || !Sound(value, 0)) return false;
    ++values;
  }
  // Past the end there is no location: what has one is left over.
  return values == 1 && document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

std::string ToBase64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto byte = [&](std::size_t i) -> unsigned {
      return at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U;
    };
    const unsigned group = byte(0) << 16 | byte(1) << 8 | byte(2);
    text += kDigits[group >> 18];
    text += kDigits[group >> 12 & 63];
    text += at + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=';
    text += at + 2 < bytes.size() ? kDigits[group & 63] : '=';
  }
  return text;
}

Result<std::string> FromBase64(std::string_view text) {
  const Error broken = InvalidArgument("this is not base64 with padding");
  if (text.size() % 4 != 0) return broken;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += 4) {
    const std::string_view group = text.substr(at, 4);
    const bool last = at + 4 == text.size();
    const std::size_t digits = !last || group[3] != '=' ? 4 : group[2] != '=' ? 3 : 2;
    unsigned bits = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const int digit = i < digits ? DigitOf(group[i]) : 0;
      if (digit < 0) return broken;
      bits = bits << 6 | static_cast<unsigned>(digit);
    }
    bytes += static_cast<char>(bits >> 16 & 255);
    if (digits > 2) bytes += static_cast<char>(bits >> 8 & 255);
    if (digits > 3) bytes += static_cast<char>(bits & 255);
  }
  return bytes;
}

}  // namespace mesg::sdk
