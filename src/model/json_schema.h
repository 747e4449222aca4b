#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/json_value.h"

namespace mesg {

/// A JSON Schema (draft 7, and `$defs`, `dependentRequired` and `dependentSchemas` of later ones)
/// with exact numbers, patterns in linear time (RE2) and references within the schema only.
///
/// Not valijson: that turns limits and large numbers into doubles and runs patterns with
/// std::regex, which can overflow the stack. `format` is a remark, as the standard has it by
/// default.
///
/// Threads: Check may be called from any thread at once.
class JsonSchema {
 public:
  /// InvalidArgument names the place in the schema ("/properties/age/minimum"), what it holds and
  /// what is expected. Keywords nobody knows are errors, unless they begin with "x-".
  static Result<std::shared_ptr<const JsonSchema>> Compile(std::string_view json);
  ~JsonSchema();

  /// Reports each error by its path within the value (".items[3]", "" for the value) and its
  /// reason. Bounded: a value whose check takes more than a million steps is refused.
  using Report = std::function<void(const std::string& path, std::string reason)>;
  void Check(const JsonValue& value, const Report& report) const;

 private:
  struct Node;
  class Compiler;
  class Checker;
  JsonSchema();
  JsonValue text_;
  std::vector<std::unique_ptr<Node>> nodes_;
  const Node* root_ = nullptr;
};

/// `key` as a step of a path: ".key", with a backslash before what would end it.
std::string PathStep(std::string_view key);

}  // namespace mesg
