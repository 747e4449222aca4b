#pragma once

#include <cstdint>
#include <span>

#include "app/expression/node.h"
#include "app/expression/parser.h"

namespace mesg::app {

/// Evaluates what needs no helper. `scope` holds the values of the variables that the expression
/// was parsed with, in their order.
///
/// An expression gives a sequence of values; the result is its only one. InvalidArgument when it
/// gives none or several, or fails; ResourceExhausted when it takes more than `steps`.
Result<Value> EvaluateHere(const Parsed& parsed, const Value& input, std::span<const Value> scope,
                           std::uint64_t steps);

}  // namespace mesg::app
