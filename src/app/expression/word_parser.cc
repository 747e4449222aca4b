#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "app/expression/expression_parser.h"

// What begins with a word: `if`, `try`, loops, and the functions with their definitions.

namespace mesg::app {
namespace {

using Kind = ExpressionNode::Kind;

constexpr std::array<std::string_view, 11> kKeywords = {
    "as", "and", "or", "if", "then", "elif", "else", "end", "reduce", "foreach", "catch"};

bool Mentions(const std::vector<ExpressionNodePtr>& nodes, std::string_view function) {
  return std::ranges::any_of(nodes, [&](const ExpressionNodePtr& node) {
    return node && ((node->kind == Kind::kCall && node->text == function) ||
                    Mentions(node->children, function));
  });
}

std::string NoSuchFunction(const std::string& name, std::size_t arity) {
  const auto others = FindFunctions(name);
  if (!others.empty()) {
    std::string takes;
    for (const Function* other : others) {
      if (!takes.empty()) takes += " or ";
      takes += std::to_string(other->arity);
    }
    return fmt::format("{} takes {} argument{}, got {}", name, takes, takes == "1" ? "" : "s",
                       arity);
  }
  const std::string_view near = NearestFunction(name);
  if (near.empty()) return fmt::format("unknown function {}", name);
  return fmt::format("unknown function {}, did you mean {}?", name, near);
}

}  // namespace

ExpressionNodePtr ExpressionParser::WordTerm() {
  const Token& token = Peek();
  if (token.text == "if") return If();
  if (token.text == "try") return Try();
  if (token.text == "reduce" || token.text == "foreach") return Loop();
  if (token.text == "break") return Break();
  if (std::ranges::find(kKeywords, token.text) != kKeywords.end()) {
    return Expected("an expression");
  }
  if (const auto parameter = parameters_.find(token.text);
      parameter != parameters_.end() && !PeekSecond().Is("(")) {
    Take();
    return parameter->second;
  }
  Take();
  if (token.text == "true" || token.text == "false") {
    return Make(
        {.kind = Kind::kLiteral, .at = token.at, .literal = Value::Boolean(token.text == "true")});
  }
  if (token.text == "null") return Make({.kind = Kind::kLiteral, .at = token.at});
  return Call(token);
}

ExpressionNodePtr ExpressionParser::If() {
  const std::size_t at = Take().at;
  ExpressionNodePtr condition = Pipe();
  RequireWord("then");
  ExpressionNodePtr yes = Pipe();
  ExpressionNodePtr no;
  if (Peek().IsWord("elif")) {
    const Deeper deeper(*this);
    no = If();  // Takes "elif" for its "if", and the common "end".
  } else {
    no = AcceptWord("else") ? Pipe() : Make(Kind::kIdentity, at, {});
    RequireWord("end");
  }
  return Make(Kind::kIf, at, {std::move(condition), std::move(yes), std::move(no)});
}

ExpressionNodePtr ExpressionParser::Try() {
  const std::size_t at = Take().at;
  const Deeper deeper(*this);
  ExpressionNodePtr body = Postfix();
  if (!AcceptWord("catch")) return Make(Kind::kTry, at, {std::move(body)});
  return Make(Kind::kTry, at, {std::move(body), Postfix()});
}

ExpressionNodePtr ExpressionParser::Loop() {
  const bool reduce = Peek().text == "reduce";
  const std::size_t at = Take().at;
  ExpressionNode node{.kind = reduce ? Kind::kReduce : Kind::kForeach, .at = at};
  node.children.push_back(Postfix());
  RequireWord("as");
  const std::size_t known = variables_.size();
  node.patterns.push_back(ReadPattern());
  const std::size_t bound = variables_.size();
  Require("(");
  // What it starts with does not see the variable.
  std::vector<std::pair<std::string, std::uint32_t>> hidden(
      variables_.begin() + static_cast<std::ptrdiff_t>(known), variables_.end());
  Forget(known);
  node.children.push_back(Pipe());
  variables_.insert(variables_.end(), hidden.begin(), hidden.end());
  MESG_CHECK(variables_.size() == bound);
  Require(";");
  node.children.push_back(Pipe());
  if (!reduce && Accept(";")) node.children.push_back(Pipe());
  Require(")");
  Forget(known);
  return Make(std::move(node));
}

ExpressionNodePtr ExpressionParser::Break() {
  const std::size_t at = Take().at;
  if (Peek().kind != Token::Kind::kVariable) {
    return Expected("the name of a label behind \"break\"");
  }
  const Token& token = Take();
  const auto found = std::ranges::find(label_names_.rbegin(), label_names_.rend(), token.text,
                                       &std::pair<std::string, std::uint32_t>::first);
  if (found == label_names_.rend()) {
    Report(token.at, fmt::format("there is no label ${} around this", token.text));
    return Make(Kind::kIdentity, at, {});
  }
  return Make({.kind = Kind::kBreak, .at = at, .text = token.text, .slot = found->second});
}

// --- functions
ExpressionNodePtr ExpressionParser::Call(const Token& name) {
  std::vector<ExpressionNodePtr> arguments;
  if (Accept("(")) {
    do {
      arguments.push_back(Pipe());
    } while (Accept(";"));
    Require(")");
  }
  const Function* function = FindFunction(name.text, arguments.size());
  if (function == nullptr || (name.text.front() == '_' && parameters_.empty() && !defining_)) {
    Report(name.at, NoSuchFunction(name.text, arguments.size()));
    return Make(Kind::kIdentity, name.at, {});
  }
  ExpressionNode node{.kind = Kind::kCall,
                      .at = name.at,
                      .text = name.text,
                      .children = std::move(arguments),
                      .function = function};
  switch (function->place) {
    case Function::Place::kRefused:
      Report(name.at, fmt::format("{} is refused: {}", name.text, function->meaning));
      break;
    case Function::Place::kHelper:
      needs_helper_ = true;
      break;
    case Function::Place::kHere:
      if (name.text == "range" && Mentions(node.children, "infinite")) {
        Report(name.at, "range is refused with an infinite bound: it would never end");
      }
      if (function->form == Function::Form::kDefinition) {
        node.children.push_back(Expand(*function, node.children));
      }
      break;
  }
  return Make(std::move(node));
}

// The definition with the arguments in the place of its parameters. Variables of the definition
// get slots of their own, so that an argument never sees them.
ExpressionNodePtr ExpressionParser::Expand(const Function& function,
                                           const std::vector<ExpressionNodePtr>& arguments) {
  std::vector<Token> tokens;
  SyntaxError error;
  MESG_CHECK(Tokenize(function.meaning, 0, false, tokens, error), "{}", error.message);
  constexpr std::array<const char*, 3> kParameters = {"f", "g", "h"};
  std::map<std::string, ExpressionNodePtr> parameters;
  for (std::size_t i = 0; i < arguments.size(); ++i) parameters[kParameters.at(i)] = arguments[i];
  std::swap(parameters_, parameters);
  const bool outer = std::exchange(defining_, true);
  const auto variables = std::exchange(variables_, {});
  const auto labels = std::exchange(label_names_, {});
  ExpressionNodePtr node = Whole(tokens);
  label_names_ = labels;
  variables_ = variables;
  defining_ = outer;
  std::swap(parameters_, parameters);
  return node;
}

}  // namespace mesg::app
