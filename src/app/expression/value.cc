#include "app/expression/value.h"

#include <algorithm>
#include <numeric>

#include "base/encoding.h"
#include "model/json_value.h"

namespace mesg::app {
namespace {

// Consumes `from`: its texts are moved.
Value Convert(JsonValue&& from) {
  switch (from.kind) {
    case JsonValue::Kind::kNull:
      return {};
    case JsonValue::Kind::kBoolean:
      return Value::Boolean(from.boolean);
    case JsonValue::Kind::kNumber:
      return Value::Of(Number::Read(from.text));
    case JsonValue::Kind::kString:
      return Value::Text(std::move(from.text));
    case JsonValue::Kind::kList: {
      Value::List items;
      items.reserve(from.items.size());
      for (JsonValue& item : from.items) items.push_back(Convert(std::move(item)));
      return Value::Of(std::move(items));
    }
    case JsonValue::Kind::kObject: {
      std::vector<Value::Member> members;
      members.reserve(from.members.size());
      for (auto& [key, value] : from.members) {
        members.emplace_back(std::move(key), Convert(std::move(value)));
      }
      return Value::Of(std::move(members));
    }
  }
  return {};
}

int Sign(int value) { return value < 0 ? -1 : (value > 0 ? 1 : 0); }

template <typename T>
int CompareOrdered(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

int CompareLists(const Value::List& a, const Value::List& b) {
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (const int order = Value::Compare(a[i], b[i]); order != 0) return order;
  }
  return CompareOrdered(a.size(), b.size());
}

int CompareObjects(const Value::Object& a, const Value::Object& b) {
  const auto left = a.Sorted();
  const auto right = b.Sorted();
  for (std::size_t i = 0; i < left.size() && i < right.size(); ++i) {
    if (const int order = left[i]->first.compare(right[i]->first); order != 0) return Sign(order);
  }
  if (left.size() != right.size()) return CompareOrdered(left.size(), right.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (const int order = Value::Compare(left[i]->second, right[i]->second); order != 0) {
      return order;
    }
  }
  return 0;
}

}  // namespace

Value::Items::Items(List list) : items(std::move(list)) {
  for (const Value& item : items) depth = std::max(depth, 1 + item.Depth());
}

Value::Object::Object(std::vector<Member> members) : members_(std::move(members)) {
  Index();
  for (const auto& [key, value] : members_) depth_ = std::max(depth_, 1 + value.Depth());
}

void Value::Object::Index() {
  by_key_.resize(members_.size());
  std::iota(by_key_.begin(), by_key_.end(), 0U);
  const auto key = [this](std::uint32_t i) -> const std::string& { return members_[i].first; };
  std::ranges::stable_sort(by_key_, {}, key);
  const auto same = [&](std::uint32_t a, std::uint32_t b) { return key(a) == key(b); };
  if (std::ranges::adjacent_find(by_key_, same) == by_key_.end()) return;

  std::vector<Member> kept;
  std::vector<bool> superseded(members_.size());
  for (std::size_t i = 0; i < by_key_.size();) {
    std::size_t last = i;
    while (last + 1 < by_key_.size() && same(by_key_[i], by_key_[last + 1])) ++last;
    for (std::size_t j = i + 1; j <= last; ++j) superseded[by_key_[j]] = true;
    if (last != i) members_[by_key_[i]].second = members_[by_key_[last]].second;
    i = last + 1;
  }
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (!superseded[i]) kept.push_back(std::move(members_[i]));
  }
  members_ = std::move(kept);
  by_key_.resize(members_.size());
  std::iota(by_key_.begin(), by_key_.end(), 0U);
  std::ranges::sort(by_key_, {}, key);
}

const Value* Value::Object::Find(std::string_view key) const {
  const auto found = std::ranges::lower_bound(
      by_key_, key, {}, [this](std::uint32_t i) { return std::string_view(members_[i].first); });
  if (found == by_key_.end() || members_[*found].first != key) return nullptr;
  return &members_[*found].second;
}

std::vector<const Value::Member*> Value::Object::Sorted() const {
  std::vector<const Member*> sorted;
  sorted.reserve(members_.size());
  for (const std::uint32_t i : by_key_) sorted.push_back(&members_[i]);
  return sorted;
}

Result<Value> Value::Read(std::string_view json) { return Convert(MESG_TRY(ReadJson(json))); }

int Value::Depth() const {
  if (kind() == Kind::kList) return std::get<std::shared_ptr<const Items>>(value_)->depth;
  return kind() == Kind::kObject ? object().Depth() : 0;
}

Result<void> CheckDepth(const Value& value) {
  if (value.Depth() <= kMaxJsonDepth) return {};
  return InvalidArgument("the value is nested deeper than {} levels", kMaxJsonDepth);
}

bool Value::Truthy() const {
  return kind() != Kind::kNull && (kind() != Kind::kBoolean || boolean());
}

std::string Value::Json() const {
  std::string json;
  AppendJson(json);
  return json;
}

void Value::AppendJson(std::string& into) const { AppendJson(into, std::string::npos); }

std::optional<std::string> Value::JsonWithin(std::size_t bytes) const {
  std::string json;
  if (!AppendJson(json, bytes) || json.size() > bytes) return std::nullopt;
  return json;
}

// False, and less than the whole, once there are more bytes.
bool Value::AppendJson(std::string& into, std::size_t most) const {
  switch (kind()) {
    case Kind::kNull:
      into += "null";
      break;
    case Kind::kBoolean:
      into += boolean() ? "true" : "false";
      break;
    case Kind::kNumber:
      into += number().Text();
      break;
    case Kind::kString:
      into += QuoteJson(text());
      break;
    case Kind::kList: {
      into += '[';
      const char* separator = "";
      for (const Value& item : list()) {
        into += std::exchange(separator, ",");
        if (!item.AppendJson(into, most)) return false;
      }
      into += ']';
      break;
    }
    case Kind::kObject: {
      into += '{';
      const char* separator = "";
      for (const auto& [key, value] : object().Members()) {
        into += std::exchange(separator, ",");
        into += QuoteJson(key);
        into += ':';
        if (!value.AppendJson(into, most)) return false;
      }
      into += '}';
      break;
    }
  }
  return into.size() <= most;
}

int Value::Compare(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return CompareOrdered(a.kind(), b.kind());
  switch (a.kind()) {
    case Kind::kNull:
      return 0;
    case Kind::kBoolean:
      return CompareOrdered(a.boolean(), b.boolean());
    case Kind::kNumber:
      return Number::Compare(a.number(), b.number());
    case Kind::kString:
      return Sign(a.text().compare(b.text()));
    case Kind::kList:
      return &a.list() == &b.list() ? 0 : CompareLists(a.list(), b.list());
    case Kind::kObject:
      return &a.object() == &b.object() ? 0 : CompareObjects(a.object(), b.object());
  }
  return 0;
}

std::string_view Name(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBoolean:
      return "boolean";
    case Value::Kind::kNumber:
      return "number";
    case Value::Kind::kString:
      return "string";
    case Value::Kind::kList:
      return "array";
    case Value::Kind::kObject:
      return "object";
  }
  return "value";
}

}  // namespace mesg::app
