#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mesg {

/// A path into JSON: "customer.name", "items[0].price", "a\\.b" for a key with a dot.
class JsonPath {
 public:
  /// InvalidArgument for an empty or malformed path, or one deeper than 128.
  static Result<JsonPath> Parse(std::string_view text);
  const std::string& Text() const { return text_; }
  bool operator==(const JsonPath& other) const { return text_ == other.text_; }

  struct Step {
    std::string key;  ///< For objects, when `index` is unset.
    std::optional<std::size_t> index;
  };
  const std::vector<Step>& Steps() const { return steps_; }

 private:
  std::string text_;
  std::vector<Step> steps_;
};

/// A condition on one value inside event data or outputs. Numbers compare by exact value, of any
/// size (1, 1.0 and 1e0 are equal); strings by bytes; other pairs of types are never greater or
/// less.
class Predicate {
 public:
  enum class Operator : std::uint8_t { kEq = 1, kGt, kGte, kLt, kLte, kContains, kExists };

  /// `value` is JSON text of at most 64 KiB; ignored for kExists.
  static Result<Predicate> Make(std::string_view path, Operator op, std::string_view value);

  const JsonPath& Path() const { return path_; }
  Operator Op() const { return op_; }
  const std::string& Value() const { return value_; }  ///< As given, for showing.

  /// The canonical scalar a kEq predicate looks for, comparable with ScalarAt; empty for other
  /// operators and for EQ on an object or list.
  const std::string& EqScalar() const { return eq_scalar_; }

  /// Whether `json` (valid, one object) satisfies it. False when the path leads nowhere.
  bool Matches(std::string_view json) const;

 private:
  JsonPath path_;
  Operator op_ = Operator::kExists;
  std::string value_;
  std::string canonical_;
  std::string eq_scalar_;
};

/// The scalar at `path` in canonical form (a type letter and the value; equal numbers give equal
/// text), appended to `into`. False when there is none, or it is an object or list. Allocation-free
/// on the usual path: it is called for every event that a group of listeners could want.
bool ScalarAt(std::string_view json, const JsonPath& path, std::string& into);

}  // namespace mesg
