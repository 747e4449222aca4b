#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/expression/functions.h"
#include "app/expression/value.h"

namespace mesg::app {

struct ExpressionNode;
using ExpressionNodePtr = std::shared_ptr<const ExpressionNode>;

/// What stands behind `as`: `$name`, `[pattern, ...]` or `{key: pattern, ...}`.
struct Pattern {
  enum class Kind : std::uint8_t { kVariable, kList, kObject };
  Kind kind = Kind::kVariable;
  std::string name = {};  ///< Of a variable.
  std::uint32_t slot = 0;
  std::vector<ExpressionNodePtr> keys = {};  ///< Of an object; null for `{$name}`.
  std::vector<Pattern> patterns = {};        ///< Of the items or keys.
};

/// One node of a parsed expression. Immutable.
struct ExpressionNode {
  enum class Kind : std::uint8_t {
    kIdentity,     ///< .
    kRecurse,      ///< ..
    kLiteral,      ///< `literal`
    kVariable,     ///< $`text`, in `slot`
    kFormat,       ///< @`text`
    kString,       ///< {text, value, text, ..., text} joined; `text` is the format of the values
    kIndex,        ///< {target, key}: target[key]
    kSlice,        ///< {target, from or null, to or null}
    kIterate,      ///< {target}: target[]
    kTry,          ///< {body} or {body, handler}
    kPipe,         ///< {left, right}
    kComma,        ///< {left, right}
    kAlternative,  ///< {left, right}: left // right
    kAnd,          ///< {left, right}
    kOr,           ///< {left, right}
    kNegate,       ///< {operand}
    kBinary,       ///< {left, right}; `text` is + - * / % == != < <= > >=
    kIf,           ///< {condition, then, else}
    kReduce,       ///< {source, start, update}, `patterns`
    kForeach,      ///< {source, start, update} or with {..., extract}, `patterns`
    kBind,         ///< {source, body}, `patterns`: source as pattern ?// pattern | body
    kList,         ///< {} or {items}
    kObject,       ///< {key, value, key, value, ...}
    kCall,         ///< `function` with children; {..., expansion} when it has a definition
    kLabel,        ///< {body}, `slot`
    kBreak,        ///< out of the label of `slot`
    kAssign,       ///< {path, value}; `text` is = |= += -= *= /= %= //=
  };

  Kind kind = Kind::kIdentity;
  std::size_t at = 0;  ///< Byte offset in the source.
  std::string text = {};
  std::uint32_t slot = 0;
  Value literal = {};
  std::vector<ExpressionNodePtr> children = {};
  std::vector<Pattern> patterns = {};
  const Function* function = nullptr;
};

/// The same as jq source, without regard to what was written: every operator in parentheses, an
/// `else` for each `if`, nothing that jq 1.6 does not know.
std::string ToJq(const ExpressionNode& node);

}  // namespace mesg::app
