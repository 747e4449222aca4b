#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "app/expression/number.h"
#include "base/result.h"

namespace mesg::app {

/// A JSON value that expressions work on: immutable and shared, so that a copy costs a counter,
/// however large it is. Numbers are exact. Const from any thread.
class Value {
 public:
  /// In the order in which jq sorts; true follows false.
  enum class Kind : std::uint8_t { kNull, kBoolean, kNumber, kString, kList, kObject };
  using List = std::vector<Value>;
  using Member = std::pair<std::string, Value>;

  /// Members keep their order; a key is found in logarithmic time.
  class Object {
   public:
    /// The last of several members with one key counts, in the place of the first.
    explicit Object(std::vector<Member> members);
    const std::vector<Member>& Members() const { return members_; }
    /// Null when there is none.
    const Value* Find(std::string_view key) const;
    /// The members in byte order of their keys.
    std::vector<const Member*> Sorted() const;
    int Depth() const { return depth_; }

   private:
    void Index();
    std::vector<Member> members_;
    std::vector<std::uint32_t> by_key_;
    int depth_ = 1;
  };

  Value() = default;  ///< null
  static Value Boolean(bool value) { return Value(value); }
  static Value Of(Number value) { return Value(std::move(value)); }
  static Value Of(std::int64_t value) { return Value(Number(value)); }
  static Value Text(std::string value) {
    return Value(std::make_shared<const std::string>(std::move(value)));
  }
  static Value Of(List items) { return Value(std::make_shared<const Items>(std::move(items))); }
  static Value Of(std::vector<Member> members) {
    return Value(std::make_shared<const Object>(std::move(members)));
  }
  /// One JSON text, by the rules of ReadJson.
  static Result<Value> Read(std::string_view json);

  Kind kind() const { return static_cast<Kind>(value_.index()); }
  /// Everything but null and false.
  bool Truthy() const;

  /// Only for the kind they name; anything else is a bug and throws.
  bool boolean() const { return std::get<bool>(value_); }
  const Number& number() const { return std::get<Number>(value_); }
  const std::string& text() const { return *std::get<std::shared_ptr<const std::string>>(value_); }
  const List& list() const { return std::get<std::shared_ptr<const Items>>(value_)->items; }
  const Object& object() const { return *std::get<std::shared_ptr<const Object>>(value_); }

  /// How many lists and objects are inside one another; 0 of anything else. Costs nothing.
  int Depth() const;
  /// As JSON without spaces.
  std::string Json() const;
  void AppendJson(std::string& into) const;
  /// The same, none when that is more than `bytes`: parts that are shared count each time.
  std::optional<std::string> JsonWithin(std::size_t bytes) const;

  /// jq's total order: by kind, then numbers by value, texts by code point, lists item by item,
  /// objects by their sorted keys and then by their values.
  static int Compare(const Value& a, const Value& b);
  bool operator==(const Value& other) const { return Compare(*this, other) == 0; }

 private:
  struct Items {
    explicit Items(List list);
    List items;
    int depth = 1;
  };
  using Shared = std::variant<std::monostate, bool, Number, std::shared_ptr<const std::string>,
                              std::shared_ptr<const Items>, std::shared_ptr<const Object>>;
  bool AppendJson(std::string& into, std::size_t most) const;
  explicit Value(Shared value) : value_(std::move(value)) {}
  Shared value_;
};

/// InvalidArgument for what Core would not take as JSON, since it is nested deeper than that. All
/// that expressions make keeps to it, so that what goes through a value may do so recursively.
Result<void> CheckDepth(const Value& value);

/// "null", "boolean", "number", "string", "array", "object": what `type` gives.
std::string_view Name(Value::Kind kind);

}  // namespace mesg::app
