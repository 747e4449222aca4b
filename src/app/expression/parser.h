#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "app/expression/lexer.h"
#include "app/expression/node.h"

namespace mesg::app {

/// A parsed expression and what is known of it.
struct Parsed {
  ExpressionNodePtr root;
  std::uint32_t scope_size = 0;
  std::uint32_t slots = 0;  ///< For variables; those of the scope are first, in their order.
  std::uint32_t labels = 0;
  bool needs_helper = false;
  std::vector<std::uint32_t> used;  ///< Slots of the scope's variables, ascending.
};

/// Reads one expression. `scope` names the variables that exist. Everything wrong beyond the first
/// mistake of grammar is added to `errors`; with any, the result is of no use.
///
/// The grammar is jq 1.6's without `def`, modules and the functions that functions.cc refuses; and
/// as in later versions, `else` may be left out, and an object's value may be any expression
/// without a comma. At most 2,000 nodes, 100 levels deep.
Parsed ParseExpression(const std::vector<Token>& tokens, std::span<const std::string_view> scope,
                       std::vector<SyntaxError>& errors);

}  // namespace mesg::app
