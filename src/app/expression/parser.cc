#include "app/expression/parser.h"

#include <algorithm>

#include <fmt/format.h>

#include "app/expression/expression_parser.h"
#include "base/encoding.h"

namespace mesg::app {
namespace {

constexpr std::size_t kMaxNodes = 2000;
constexpr int kMaxDepth = 100;

}  // namespace

ExpressionParser::ExpressionParser(std::span<const std::string_view> scope,
                                   std::vector<SyntaxError>& errors)
    : errors_(errors), scope_size_(scope.size()) {
  for (const std::string_view name : scope) Declare(std::string(name));
}

Parsed ExpressionParser::Run(const std::vector<Token>& tokens) {
  Parsed parsed;
  parsed.root = Whole(tokens);
  parsed.scope_size = static_cast<std::uint32_t>(scope_size_);
  parsed.slots = slots_;
  parsed.labels = labels_;
  parsed.needs_helper = needs_helper_;
  parsed.used.assign(used_.begin(), used_.end());
  return parsed;
}

// A whole token list: a string's inner expressions and definitions are parsed in the middle of
// another one.
ExpressionNodePtr ExpressionParser::Whole(const std::vector<Token>& tokens) {
  const Cursor outer = std::exchange(cursor_, Cursor{&tokens});
  ExpressionNodePtr node = Pipe();
  if (Peek().kind != Token::Kind::kEnd) Expected("an operator or the end");
  cursor_ = outer;
  if (broken_ && cursor_.tokens != nullptr) SkipAll();
  return node;
}

const Token& ExpressionParser::PeekSecond() const {
  return (*cursor_.tokens)[std::min(cursor_.next + 1, cursor_.tokens->size() - 1)];
}

const Token& ExpressionParser::Take() {
  const Token& token = Peek();
  if (token.kind != Token::Kind::kEnd) ++cursor_.next;
  return token;
}

bool ExpressionParser::Accept(std::string_view symbol) {
  if (!Peek().Is(symbol)) return false;
  Take();
  return true;
}

bool ExpressionParser::AcceptWord(std::string_view word) {
  if (!Peek().IsWord(word)) return false;
  Take();
  return true;
}

void ExpressionParser::Require(std::string_view symbol) {
  if (!Accept(symbol)) Expected(fmt::format("\"{}\"", symbol));
}

void ExpressionParser::RequireWord(std::string_view word) {
  if (!AcceptWord(word)) Expected(fmt::format("\"{}\"", word));
}

ExpressionNodePtr ExpressionParser::Expected(std::string_view what) {
  return Fail(Peek().at, fmt::format("expected {}, got {}", what, Describe(Peek())));
}

ExpressionNodePtr ExpressionParser::Fail(std::size_t at, std::string message) {
  if (!std::exchange(broken_, true)) errors_.push_back({at, std::move(message)});
  SkipAll();
  return nullptr;
}

void ExpressionParser::Report(std::size_t at, std::string message) {
  if (!broken_) errors_.push_back({at, std::move(message)});
}

ExpressionNodePtr ExpressionParser::Make(ExpressionNode node) {
  if (++nodes_ > kMaxNodes) {
    return Fail(node.at, fmt::format("the expression has more than {} parts", kMaxNodes));
  }
  return std::make_shared<const ExpressionNode>(std::move(node));
}

ExpressionNodePtr ExpressionParser::Make(ExpressionNode::Kind kind, std::size_t at,
                                         std::vector<ExpressionNodePtr> children,
                                         std::string text) {
  return Make({.kind = kind, .at = at, .text = std::move(text), .children = std::move(children)});
}

ExpressionNodePtr ExpressionParser::Text(std::size_t at, std::string text) {
  return Make(
      {.kind = ExpressionNode::Kind::kLiteral, .at = at, .literal = Value::Text(std::move(text))});
}

std::uint32_t ExpressionParser::Declare(std::string name) {
  variables_.emplace_back(std::move(name), slots_);
  return slots_++;
}

std::uint32_t ExpressionParser::Slot(const Token& token) {
  const auto found = std::ranges::find(variables_.rbegin(), variables_.rend(), token.text,
                                       &std::pair<std::string, std::uint32_t>::first);
  if (found != variables_.rend()) {
    if (found->second < scope_size_) used_.insert(found->second);
    return found->second;
  }
  std::vector<std::string_view> names;
  for (const auto& [name, slot] : variables_) names.push_back(name);
  const std::string_view near = Nearest(token.text, names);
  if (token.text == "ENV" || token.text == "__loc__" || token.text == "__prog_args") {
    Report(token.at,
           fmt::format("${} is refused: an expression sees only what it is given", token.text));
  } else if (near.empty()) {
    Report(token.at, fmt::format("unknown variable ${}", token.text));
  } else {
    Report(token.at, fmt::format("unknown variable ${}, did you mean ${}?", token.text, near));
  }
  return 0;
}

ExpressionParser::Deeper::Deeper(ExpressionParser& parser) : parser_(parser) {
  if (++parser_.depth_ > kMaxDepth) {
    parser_.Fail(parser_.Peek().at,
                 fmt::format("the expression is nested deeper than {} levels", kMaxDepth));
  }
}

Parsed ParseExpression(const std::vector<Token>& tokens, std::span<const std::string_view> scope,
                       std::vector<SyntaxError>& errors) {
  return ExpressionParser(scope, errors).Run(tokens);
}

}  // namespace mesg::app
