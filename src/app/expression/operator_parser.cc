#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "app/expression/expression_parser.h"

// Operators, the loosest first, and the variables that pipes bind.

namespace mesg::app {
namespace {

using Kind = ExpressionNode::Kind;

constexpr std::array<std::string_view, 8> kAssignments = {
    "=", "|=", "+=", "-=", "*=", "/=", "%=", "//="};
constexpr std::array<std::string_view, 6> kComparisons = {"==", "!=", "<", "<=", ">", ">="};

template <typename List>
bool Among(const List& list, const Token& token) {
  return token.kind == Token::Kind::kSymbol && std::ranges::find(list, token.text) != list.end();
}

}  // namespace

// pipe := "label" $name "|" pipe | alternatives { "|" alternatives }, and a variable that is
// bound on the way is known in all that follows.
ExpressionNodePtr ExpressionParser::Pipe(bool comma) {
  const Deeper deeper(*this);
  const std::size_t known = variables_.size();
  ExpressionNodePtr node = PipeOf(comma);
  Forget(known);
  return node;
}

ExpressionNodePtr ExpressionParser::PipeOf(bool comma) {
  const std::size_t at = Peek().at;
  if (Peek().IsWord("label") && PeekSecond().kind == Token::Kind::kVariable) return Label(comma);
  if (Peek().IsWord("def"))
    return Fail(at, "def is refused: functions cannot be defined in an expression");
  if (Peek().IsWord("import") || Peek().IsWord("include")) {
    return Fail(at,
                fmt::format("{} is refused: modules cannot be used in an expression", Peek().text));
  }
  ExpressionNodePtr left = Binary(comma ? Level::kComma : Level::kAlternative);
  if (Peek().Is("|")) {
    Take();
    // A chain is a loop of the text, not of the reader.
    const Deeper deeper(*this);
    ExpressionNodePtr right = PipeOf(comma);
    return Make(Kind::kPipe, at, {std::move(left), std::move(right)});
  }
  return left;
}

ExpressionNodePtr ExpressionParser::Label(bool comma) {
  const std::size_t at = Take().at;
  const Token& name = Take();
  Require("|");
  label_names_.emplace_back(name.text, labels_);
  const std::uint32_t slot = labels_++;
  ExpressionNodePtr body = Pipe(comma);
  label_names_.pop_back();
  return Make({.kind = Kind::kLabel,
               .at = at,
               .text = name.text,
               .slot = slot,
               .children = {std::move(body)}});
}

// The level of what the operators of one level stand between.
ExpressionParser::Level ExpressionParser::Tighter(Level level) {
  return static_cast<Level>(static_cast<int>(level) + 1);
}

ExpressionNodePtr ExpressionParser::Binary(Level level) {
  if (level == Level::kOperand) return Operand();
  ExpressionNodePtr left = Binary(Tighter(level));
  for (;;) {
    const Token& token = Peek();
    if (!IsOperator(level, token)) return left;
    const std::string text = token.text;
    const std::size_t at = Take().at;
    if (level == Level::kAlternative) {  // The only one that groups to the right.
      const Deeper deeper(*this);
      ExpressionNodePtr right = Binary(level);
      return Make(Kind::kAlternative, at, {std::move(left), std::move(right)});
    }
    left = Make(KindOf(level), at, {left, Binary(Tighter(level))}, text);
    if (level == Level::kAssign) needs_helper_ = true;
    if ((level == Level::kAssign || level == Level::kCompare) && IsOperator(level, Peek())) {
      return Fail(Peek().at,
                  fmt::format("\"{}\" behind \"{}\" needs parentheses", Peek().text, text));
    }
  }
}

bool ExpressionParser::IsOperator(Level level, const Token& token) {
  switch (level) {
    case Level::kComma:
      return token.Is(",");
    case Level::kAlternative:
      return token.Is("//");
    case Level::kAssign:
      return Among(kAssignments, token);
    case Level::kOr:
      return token.IsWord("or");
    case Level::kAnd:
      return token.IsWord("and");
    case Level::kCompare:
      return Among(kComparisons, token);
    case Level::kSum:
      return token.Is("+") || token.Is("-");
    case Level::kProduct:
      return token.Is("*") || token.Is("/") || token.Is("%");
    case Level::kPipe:
    case Level::kOperand:
      return false;
  }
  return false;
}

Kind ExpressionParser::KindOf(Level level) {
  switch (level) {
    case Level::kComma:
      return Kind::kComma;
    case Level::kAssign:
      return Kind::kAssign;
    case Level::kOr:
      return Kind::kOr;
    case Level::kAnd:
      return Kind::kAnd;
    case Level::kPipe:
    case Level::kAlternative:
    case Level::kCompare:
    case Level::kSum:
    case Level::kProduct:
    case Level::kOperand:
      return Kind::kBinary;
  }
  return Kind::kBinary;
}

// --- operands
ExpressionNodePtr ExpressionParser::Operand() {
  const Token& token = Peek();
  if (token.Is("-")) {
    const Deeper deeper(*this);
    const std::size_t at = Take().at;
    return Make(Kind::kNegate, at, {Binary(Level::kProduct)});
  }
  ExpressionNodePtr term = Postfix();
  if (!Peek().IsWord("as")) return term;
  return Bind(std::move(term));
}

// term as pattern { "?//" pattern } "|" pipe
ExpressionNodePtr ExpressionParser::Bind(ExpressionNodePtr source) {
  const std::size_t at = Take().at;
  const std::size_t known = variables_.size();
  ExpressionNode node{.kind = Kind::kBind, .at = at};
  node.patterns.push_back(ReadPattern());
  while (Accept("?//")) {
    needs_helper_ = true;
    node.patterns.push_back(ReadPattern());
  }
  Require("|");
  ExpressionNodePtr body = PipeOf(true);
  Forget(known);
  node.children = {std::move(source), std::move(body)};
  return Make(std::move(node));
}

Pattern ExpressionParser::ReadPattern() {
  const Deeper deeper(*this);
  if (Peek().kind == Token::Kind::kVariable) {
    const Token& token = Take();
    Pattern pattern{.kind = Pattern::Kind::kVariable, .name = token.text};
    pattern.slot = Declare(token.text);
    return pattern;
  }
  needs_helper_ = true;
  Pattern pattern;
  if (Accept("[")) {
    pattern.kind = Pattern::Kind::kList;
    do {
      pattern.patterns.push_back(ReadPattern());
    } while (Accept(","));
    Require("]");
    return pattern;
  }
  if (!Accept("{")) {
    Expected("a variable, \"[\" or \"{\" behind \"as\"");
    return pattern;
  }
  pattern.kind = Pattern::Kind::kObject;
  do {
    ReadPatternMember(pattern);
  } while (Accept(","));
  Require("}");
  return pattern;
}

void ExpressionParser::ReadPatternMember(Pattern& into) {
  if (Peek().kind == Token::Kind::kVariable && !PeekSecond().Is(":")) {
    into.keys.push_back(nullptr);
    into.patterns.push_back(ReadPattern());
    return;
  }
  into.keys.push_back(Key());
  Require(":");
  into.patterns.push_back(ReadPattern());
}

}  // namespace mesg::app
