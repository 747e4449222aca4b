#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "model/service_definition.h"

namespace mesg {

/// Checks JSON text against a ParameterSet, compiled once and used for every event, input and
/// output.
///
/// Threads: Validate may be called from any thread at once. Cheap to copy (shared, immutable).
class DataValidator {
 public:
  /// InvalidArgument when a parameter's `schema` is not a usable JSON Schema (remote $ref and
  /// patterns RE2 does not take are refused).
  static Result<DataValidator> Compile(const ParameterSet& parameters);

  /// The rules: one JSON object, UTF-8, no duplicate keys, nesting of at most 128. A declared
  /// parameter that is missing or null is an error unless optional; elements of repeated ones and
  /// the insides of objects are all checked; null inside a list is an error. Numbers of any size
  /// are Numbers; nothing is converted. Undeclared fields pass unless `additional` is false. Where
  /// a parameter has a `schema`, that decides, also about null unless the parameter is optional.
  ///
  /// InvalidArgument with a Violation for each error, its full path (`items[3].price`), the
  /// expected and the actual type; the message names them all (at most 100, and says how many
  /// more). `what` begins the message: "data of event \"transfer\"".
  Result<void> Validate(std::string_view json, std::string_view what) const;

 private:
  struct Compiled;
  explicit DataValidator(std::shared_ptr<const Compiled> compiled)
      : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

/// Checks that `json` is one well-formed JSON value by the same rules, without parameters.
Result<void> CheckJson(std::string_view json, std::string_view what);

}  // namespace mesg
