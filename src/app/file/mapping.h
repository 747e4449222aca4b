#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "app/expression/expression.h"
#include "app/expression/value.h"

namespace mesg::app {

/// Where something stands in the file, for what is found out later.
struct Place {
  int line = 0;
  int column = 0;
  std::string path = {};
};

/// An expression and where it stands.
struct PlacedExpression {
  Expression expression = {};
  Place place = {};
};

/// Data with expressions in it, as it stands in a file: what becomes a task's inputs.
struct Mapping {
  enum class Kind : std::uint8_t { kLiteral, kTemplate, kList, kObject };

  Kind kind = Kind::kLiteral;
  Value literal = {};               ///< Without any expression, at any depth.
  std::vector<Template> text = {};  ///< One, for kTemplate.
  std::vector<Mapping> items = {};  ///< Of a list, or of an object beside `keys`.
  std::vector<std::string> keys = {};
  Place place = {};
  bool unread = false;  ///< It is wrong: nothing is known of it.

  /// Makes a list or an object that holds no expression a literal.
  void Simplify();

  /// Calls `visit(const Expression&, const Place&)` for each expression, in the order of the file.
  template <typename Visit>
  void ForEachExpression(Visit&& visit) const {
    for (const Template& one : text) {
      for (const Expression& expression : one.Expressions()) visit(expression, place);
    }
    for (const Mapping& item : items) item.ForEachExpression(visit);
  }
};

/// The variables of an application file, in the order of every scope.
inline constexpr std::string_view kVariables[] = {"event", "inputs", "steps", "item",
                                                  "error", "run",    "env",   "secrets"};
enum class Variable : std::uint8_t { kEvent, kInputs, kSteps, kItem, kError, kRun, kEnv, kSecrets };

}  // namespace mesg::app
