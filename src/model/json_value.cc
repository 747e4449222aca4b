#include "model/json_value.h"

#include <algorithm>

#include "base/encoding.h"
#include "model/decimal.h"
#include "model/json_walk.h"

namespace mesg {
namespace {

using simdjson::ondemand::json_type;
using simdjson::ondemand::value;
using Kind = JsonValue::Kind;

class Builder {
 public:
  explicit Builder(JsonDocument& document) : document_(document) {}

  bool Build(value from, int depth, JsonValue& into) {
    json_type type{};
    if (const auto error = from.type().get(type)) return document_.Fail(error);
    if (type == json_type::object || type == json_type::array) {
      if (depth >= kMaxJsonDepth) {
        return document_.Fail(fmt::format("it is nested deeper than {} levels", kMaxJsonDepth));
      }
      return type == json_type::object ? Object(from, depth + 1, into)
                                       : List(from, depth + 1, into);
    }
    const std::string_view token = JsonDocument::Token(from);
    if (type != json_type::string && !document_.CheckScalar(from, type, token)) return false;
    switch (type) {
      case json_type::string: {
        std::string_view decoded;
        if (const auto error = from.get_string().get(decoded)) return document_.Fail(error);
        into = {.kind = Kind::kString, .text = std::string(decoded)};
        break;
      }
      case json_type::number:
        into = {.kind = Kind::kNumber, .text = std::string(token)};
        break;
      case json_type::boolean:
        into = {.kind = Kind::kBoolean, .boolean = token == "true"};
        break;
      default:
        into = {};
        break;
    }
    return true;
  }

 private:
  bool List(value from, int depth, JsonValue& into) {
    into.kind = Kind::kList;
    simdjson::ondemand::array list;
    if (const auto error = from.get_array().get(list)) return document_.Fail(error);
    for (auto element : list) {
      value item;
      if (const auto error = element.get(item)) return document_.Fail(error);
      if (!Build(item, depth, into.items.emplace_back())) return false;
    }
    return true;
  }

  bool Object(value from, int depth, JsonValue& into) {
    into.kind = Kind::kObject;
    simdjson::ondemand::object object;
    if (const auto error = from.get_object().get(object)) return document_.Fail(error);
    for (auto element : object) {
      simdjson::ondemand::field field;
      if (const auto error = std::move(element).get(field)) return document_.Fail(error);
      std::string_view key;
      if (!document_.ReadKey(field, key)) return false;
      auto& member = into.members.emplace_back(std::string(key), JsonValue());
      if (!Build(field.value(), depth, member.second)) return false;
    }
    std::vector<std::string_view> keys;
    keys.reserve(into.members.size());
    for (const auto& [key, unused] : into.members) keys.push_back(key);
    std::string_view twice;
    if (HasDuplicates(keys.data(), keys.data() + keys.size(), twice)) {
      return document_.Fail(fmt::format("the key {} is there twice", QuoteJson(twice)));
    }
    return true;
  }

  JsonDocument& document_;
};

}  // namespace

const JsonValue* JsonValue::Find(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &std::pair<std::string, JsonValue>::first);
  return found == members.end() ? nullptr : &found->second;
}

std::string_view Describe(JsonValue::Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBoolean:
      return "a boolean";
    case Kind::kNumber:
      return "a number";
    case Kind::kString:
      return "a string";
    case Kind::kList:
      return "a list";
    case Kind::kObject:
      return "an object";
  }
  return "a value";
}

Result<JsonValue> ReadJson(std::string_view json, int depth) {
  JsonDocument document;  // Not the thread's: that one may be in the middle of an event.
  JsonValue root;
  const std::string error =
      document.Read(json, [&](value from) { return Builder(document).Build(from, depth, root); });
  if (!error.empty()) return InvalidArgument("not valid JSON: {}", error);
  return root;
}

int JsonDepth(std::string_view json) {
  int depth = 0;
  int deepest = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') in_text = !in_text;
    if (in_text) {
      if (c == '\\') ++i;  // Whatever is escaped ends no text.
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return deepest;
}

void AppendComparable(const JsonValue& value, std::string& into) {
  switch (value.kind) {
    case Kind::kNull:
      into += '0';
      return;
    case Kind::kBoolean:
      into += value.boolean ? 't' : 'f';
      return;
    case Kind::kNumber:
      AppendDecimal(value.text, into += 'n');
      return;
    case Kind::kString:
      into += QuoteJson(value.text);
      return;
    case Kind::kList:
      into += '[';
      for (const JsonValue& item : value.items) {
        AppendComparable(item, into);
        into += ',';
      }
      into += ']';
      return;
    case Kind::kObject: {
      std::vector<const std::pair<std::string, JsonValue>*> sorted;
      for (const auto& member : value.members) sorted.push_back(&member);
      std::ranges::sort(sorted, {},
                        [](const auto* member) { return std::string_view(member->first); });
      into += '{';
      for (const auto* member : sorted) {
        into += QuoteJson(member->first) + ':';
        AppendComparable(member->second, into);
        into += ',';
      }
      into += '}';
      return;
    }
  }
}

}  // namespace mesg
