#include <algorithm>
#include <array>
#include <optional>

#include "app/expression/expression.h"
#include "app/expression/parser.h"

// What kind of value an expression gives, whatever it is given.

namespace mesg::app {
namespace {

using Kind = ExpressionNode::Kind;
using Found = std::optional<Value::Kind>;

struct Group {
  Value::Kind kind;
  std::initializer_list<std::string_view> functions;
};

// Of functions without a definition in jq, which tells by itself.
Found KindOfFunction(std::string_view name) {
  static const std::array<Group, 4> groups = {{
      {Value::Kind::kNumber,
       {"length", "utf8bytelength", "floor", "ceil", "round", "trunc", "fabs", "tonumber", "sqrt",
        "pow", "mktime", "fromdate", "fromdateiso8601"}},
      {Value::Kind::kBoolean,
       {"not", "has", "contains", "any", "all", "startswith", "endswith", "test", "isnan",
        "isinfinite", "isnormal", "isfinite"}},
      {Value::Kind::kString,
       {"tostring", "tojson", "type", "implode", "join", "ascii_downcase", "ascii_upcase", "format",
        "todate", "todateiso8601", "strftime"}},
      {Value::Kind::kList,
       {"keys", "keys_unsorted", "flatten", "sort", "unique", "transpose", "explode", "split",
        "_sort_by", "_group_by", "_unique_by"}},
  }};
  for (const Group& group : groups) {
    if (std::ranges::find(group.functions, name) != group.functions.end()) return group.kind;
  }
  return name == "from_entries" ? Found(Value::Kind::kObject) : std::nullopt;
}

Found Of(const ExpressionNode& node);

Found Common(const ExpressionNode& a, const ExpressionNode& b) {
  const Found one = Of(a);
  return one && one == Of(b) ? one : std::nullopt;
}

Found OfOperator(const ExpressionNode& node) {
  constexpr std::array<std::string_view, 6> kComparisons = {"==", "!=", "<", "<=", ">", ">="};
  if (std::ranges::find(kComparisons, node.text) != kComparisons.end()) {
    return Value::Kind::kBoolean;
  }
  // Between two numbers each of them gives one; sums keep the kind, whatever it is.
  const Found both = Common(*node.children[0], *node.children[1]);
  if (both == Value::Kind::kNumber || node.text == "+") return both;
  return std::nullopt;
}

Found Of(const ExpressionNode& node) {
  switch (node.kind) {
    case Kind::kLiteral:
      return node.literal.kind();
    case Kind::kString:
    case Kind::kFormat:
      return Value::Kind::kString;
    case Kind::kList:
      return Value::Kind::kList;
    case Kind::kObject:
      return Value::Kind::kObject;
    case Kind::kAnd:
    case Kind::kOr:
      return Value::Kind::kBoolean;
    case Kind::kNegate:
      return Value::Kind::kNumber;
    case Kind::kBinary:
      return OfOperator(node);
    case Kind::kIf:
      return Common(*node.children[1], *node.children[2]);
    case Kind::kAlternative:
      return Common(*node.children[0], *node.children[1]);
    case Kind::kPipe:
    case Kind::kBind:
      return Of(*node.children[1]);
    case Kind::kCall:
      return node.function->form == Function::Form::kDefinition ? Of(*node.children.back())
                                                                : KindOfFunction(node.text);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Value::Kind> Expression::KindOfValue() const {
  return parsed_ == nullptr ? std::nullopt : Of(*parsed_->root);
}

}  // namespace mesg::app
