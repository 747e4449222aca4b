#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "app/expression/meter.h"
#include "app/expression/value.h"
#include "base/result.h"

namespace mesg::app {

/// A function of the expression language.
struct Function {
  enum class Place : std::uint8_t {
    kHere,     ///< Total, evaluated in process.
    kHelper,   ///< Only where its libjq can do no harm.
    kRefused,  ///< Never: `meaning` says why.
  };
  /// What is evaluated in process is one of these.
  enum class Form : std::uint8_t {
    kNone,
    kPure,        ///< `compute`, for each combination of its arguments
    kDefinition,  ///< `meaning`, in jq, where `f` and `g` stand for the arguments
    kEmpty,       ///< `empty`
    kError,       ///< `error`, of its input or its argument
    kRange,       ///< `_range(from; to; by)`
  };
  using Compute = Result<Value> (*)(const Value& input, std::span<const Value> arguments,
                                    Meter& meter);

  std::string_view name;
  std::size_t arity = 0;
  Place place = Place::kHere;
  Form form = Form::kNone;
  Compute compute = nullptr;
  std::string_view meaning = {};
};

/// Null when there is none. A name that begins with _ is only for definitions.
const Function* FindFunction(std::string_view name, std::size_t arity);

/// All of that name; empty when there is none.
std::vector<const Function*> FindFunctions(std::string_view name);

/// Every function there is, by name and arity, those for definitions included.
const std::vector<Function>& AllFunctions();

/// The name nearest to one that does not exist, or "".
std::string_view NearestFunction(std::string_view name);

/// What the operators do. `operation` is one of + - * / %.
Result<Value> Calculate(char operation, const Value& left, const Value& right, Meter& meter);
/// `target[key]`, for texts, numbers, and slices as objects with `start` and `end`.
Result<Value> Index(const Value& target, const Value& key, Meter& meter);
/// A text as it is, anything else as JSON.
std::string ToText(const Value& value);

/// `value` in the format of that name ("text", "json", "base64", "uri", "html"). Whether it exists
/// here and in the helper is told by PlaceOfFormat; kRefused means unknown.
Result<std::string> Format(std::string_view format, const Value& value, Meter& meter);
Function::Place PlaceOfFormat(std::string_view format);

}  // namespace mesg::app
