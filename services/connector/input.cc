#include "connector/input.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>

#include <simdjson.h>

#include "base/encoding.h"

namespace mesg::services {
namespace {

using simdjson::ondemand::json_type;
using simdjson::ondemand::value;

constexpr int kDeepest = 128;  // What Core takes.

Error Broken() { return InvalidArgument("the inputs are not JSON"); }

Result<Input> Convert(value from, int depth);

Result<void> ConvertList(value from, int depth, Input& into) {
  simdjson::ondemand::array list;
  if (from.get_array().get(list) != simdjson::SUCCESS) return Broken();
  for (auto element : list) {
    value item;
    if (element.get(item) != simdjson::SUCCESS) return Broken();
    into.items.push_back(MESG_TRY(Convert(item, depth + 1)));
  }
  return {};
}

Result<void> ConvertObject(value from, int depth, Input& into) {
  simdjson::ondemand::object object;
  if (from.get_object().get(object) != simdjson::SUCCESS) return Broken();
  for (auto field : object) {
    std::string_view name;
    value content;
    if (field.unescaped_key().get(name) != simdjson::SUCCESS ||
        field.value().get(content) != simdjson::SUCCESS) {
      return Broken();
    }
    into.names.emplace_back(name);
    into.items.push_back(MESG_TRY(Convert(content, depth + 1)));
  }
  return {};
}

Result<Input> Convert(value from, int depth) {
  if (depth > kDeepest) return Broken();
  Input input;
  json_type type{};
  std::string_view text;
  if (from.type().get(type) != simdjson::SUCCESS) return Broken();
  switch (type) {
    case json_type::null:
      return input;
    case json_type::string:
      input.kind = Input::Kind::kText;
      if (from.get_string().get(text) != simdjson::SUCCESS) return Broken();
      input.text = text;
      return input;
    case json_type::number:
    case json_type::boolean:
      input.kind = type == json_type::number ? Input::Kind::kNumber : Input::Kind::kBoolean;
      text = from.raw_json_token();
      input.text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
      return input;
    case json_type::array:
      input.kind = Input::Kind::kList;
      MESG_TRY(ConvertList(from, depth, input));
      return input;
    case json_type::object:
      input.kind = Input::Kind::kObject;
      MESG_TRY(ConvertObject(from, depth, input));
      return input;
  }
  return Broken();
}

}  // namespace

Result<Input> Input::Read(std::string_view json) {
  const simdjson::padded_string padded(json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  value root;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document.get_value().get(root) != simdjson::SUCCESS) {
    return Broken();
  }
  return Convert(root, 0);
}

const Input& Input::operator[](std::string_view key) const {
  static const Input null;
  const auto found = std::ranges::find(names, key);
  return found == names.end() ? null : items[static_cast<std::size_t>(found - names.begin())];
}

std::string Input::ToJson() const {
  if (kind == Kind::kNull) return "null";
  if (kind == Kind::kText) return QuoteJson(text);
  if (kind != Kind::kList && kind != Kind::kObject) return text;
  const bool is_object = kind == Kind::kObject;
  std::string json(1, is_object ? '{' : '[');
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) json += ',';
    if (is_object) json += QuoteJson(names[i]) + ":";
    json += items[i].ToJson();
  }
  return json + (is_object ? '}' : ']');
}

Result<std::string> Input::Plain(std::string_view name) const {
  if (kind == Kind::kText || kind == Kind::kNumber || kind == Kind::kBoolean) return text;
  return InvalidArgument("{}: expected text, a number or a boolean", name);
}

Result<std::int64_t> Input::Whole(std::string_view name, std::int64_t fallback, std::int64_t least,
                                  std::int64_t most) const {
  if (IsNull()) return fallback;
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (kind != Kind::kNumber || error != std::errc() || at != end || number < least ||
      number > most) {
    return InvalidArgument("{}: expected a whole number from {} to {}, got {}", name, least, most,
                           text);
  }
  return number;
}

}  // namespace mesg::services
