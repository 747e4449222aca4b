#pragma once

#include <functional>
#include <span>
#include <variant>
#include <vector>

#include "app/expression/expression.h"
#include "app/expression/value.h"
#include "app/file/mapping.h"
#include "app/program/deferred.h"
#include "base/result.h"

namespace mesg::app {

/// What an expression sees.
struct Scene {
  std::function<Result<Value>()> input;  ///< `.`
  /// The values of the variables it mentions, in the order of kVariables; the others may be null.
  std::function<Result<std::vector<Value>>(const Expression&)> scope;
};

/// An expression that only the helper can evaluate, with all that it sees.
struct HelperCall {
  Expression expression;
  Value input;
  std::vector<Value> scope;
};

/// A value, or what the helper has to be asked before there is one.
using Evaluated = std::variant<Value, std::vector<HelperCall>>;

/// Evaluates what can be evaluated here. `answers` are the helper's, in the order of the calls that
/// were asked for; empty when it has not been asked. InvalidArgument when an expression fails.
Result<Evaluated> Evaluate(const Expression& expression, const Scene& scene,
                           std::span<const Value> answers);
Result<Evaluated> Evaluate(const Template& text, const Scene& scene,
                           std::span<const Value> answers);
Result<Evaluated> Evaluate(const Mapping& mapping, const Scene& scene,
                           std::span<const Value> answers);

/// The inputs of a task. What mentions $secrets becomes null here and goes to `deferred`.
Result<Evaluated> EvaluateInputs(const Mapping& mapping, const Scene& scene,
                                 std::span<const Value> answers, Deferred& deferred);

}  // namespace mesg::app
