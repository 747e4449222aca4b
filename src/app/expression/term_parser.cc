#include <fmt/format.h>

#include "app/expression/expression_parser.h"

// What operators stand between: paths, literals, texts, lists and objects.

namespace mesg::app {
namespace {

using Kind = ExpressionNode::Kind;

}  // namespace

ExpressionNodePtr ExpressionParser::Postfix() {
  ExpressionNodePtr node = Term();
  for (;;) {
    const std::size_t at = Peek().at;
    if (Peek().kind == Token::Kind::kField) {
      node = Make(Kind::kIndex, at, {node, Text(at, Take().text)});
    } else if (Peek().Is(".") && PeekSecond().kind == Token::Kind::kString) {
      Take();
      node = Make(Kind::kIndex, at, {node, String("")});
    } else if (Peek().Is(".") && PeekSecond().Is("[")) {
      Take();
      node = Bracket(std::move(node));
    } else if (Peek().Is("[")) {
      node = Bracket(std::move(node));
    } else if (Accept("?")) {
      node = Make(Kind::kTry, at, {node});
    } else if (Peek().Is("?//")) {
      // "?" and "//", which jq 1.6 mistakes for the sign between patterns.
      Take();
      node = Make(Kind::kTry, at, {node});
      const Deeper deeper(*this);
      return Make(Kind::kAlternative, at, {std::move(node), Binary(Level::kAlternative)});
    } else {
      return node;
    }
  }
}

ExpressionNodePtr ExpressionParser::Bracket(ExpressionNodePtr target) {
  const std::size_t at = Take().at;
  if (Accept("]")) return Make(Kind::kIterate, at, {std::move(target)});
  if (Accept(":")) {
    ExpressionNodePtr to = Pipe();
    Require("]");
    return Make(Kind::kSlice, at, {std::move(target), nullptr, std::move(to)});
  }
  ExpressionNodePtr key = Pipe();
  if (!Accept(":")) {
    Require("]");
    return Make(Kind::kIndex, at, {std::move(target), std::move(key)});
  }
  ExpressionNodePtr to = Peek().Is("]") ? nullptr : Pipe();
  Require("]");
  return Make(Kind::kSlice, at, {std::move(target), std::move(key), std::move(to)});
}

ExpressionNodePtr ExpressionParser::Term() {
  const Token& token = Peek();
  switch (token.kind) {
    case Token::Kind::kNumber:
      Take();
      return Make(
          {.kind = Kind::kLiteral, .at = token.at, .literal = Value::Of(Number::Read(token.text))});
    case Token::Kind::kString:
      return String("");
    case Token::Kind::kFormat:
      return FormatTerm();
    case Token::Kind::kField:
      Take();
      return Make(Kind::kIndex, token.at,
                  {Make(Kind::kIdentity, token.at, {}), Text(token.at, token.text)});
    case Token::Kind::kVariable:
      return VariableTerm();
    case Token::Kind::kWord:
      return WordTerm();
    case Token::Kind::kSymbol:
      return SymbolTerm();
    case Token::Kind::kEnd:
      break;
  }
  return Expected("an expression");
}

ExpressionNodePtr ExpressionParser::VariableTerm() {
  const Token& token = Take();
  return Make({.kind = Kind::kVariable, .at = token.at, .text = token.text, .slot = Slot(token)});
}

ExpressionNodePtr ExpressionParser::SymbolTerm() {
  const std::size_t at = Peek().at;
  if (Accept("..")) return Make(Kind::kRecurse, at, {});
  if (Accept("(")) {
    ExpressionNodePtr inner = Pipe();
    Require(")");
    return inner;
  }
  if (Accept("[")) {
    if (Accept("]")) return Make(Kind::kList, at, {});
    ExpressionNodePtr items = Pipe();
    Require("]");
    return Make(Kind::kList, at, {std::move(items)});
  }
  if (Peek().Is("{")) return Object();
  if (Accept(".")) {
    ExpressionNodePtr identity = Make(Kind::kIdentity, at, {});
    if (Peek().kind != Token::Kind::kString) return identity;
    return Make(Kind::kIndex, at, {std::move(identity), String("")});
  }
  return Expected("an expression");
}

ExpressionNodePtr ExpressionParser::FormatTerm() {
  const Token& token = Take();
  switch (PlaceOfFormat(token.text)) {
    case Function::Place::kRefused:
      Report(token.at, fmt::format("unknown format @{}: expected @text, @json, @base64, @base64d, "
                                   "@uri, @html, @csv, @tsv or @sh",
                                   token.text));
      break;
    case Function::Place::kHelper:
      needs_helper_ = true;
      break;
    case Function::Place::kHere:
      break;
  }
  if (Peek().kind == Token::Kind::kString) return String(token.text);
  return Make(Kind::kFormat, token.at, {}, token.text);
}

ExpressionNodePtr ExpressionParser::String(std::string format) {
  const Token& token = Take();
  if (token.parts.empty()) return Text(token.at, "");
  if (token.parts.size() == 1 && token.parts[0].tokens.empty()) {
    return Text(token.at, token.parts[0].text);
  }
  // Texts and expressions take turns, a text first and last.
  std::vector<ExpressionNodePtr> children;
  for (const Token::Part& part : token.parts) {
    const bool text = part.tokens.empty();
    if (text == (children.size() % 2 != 0)) children.push_back(Text(token.at, ""));
    children.push_back(text ? Text(token.at, part.text) : Whole(part.tokens));
  }
  if (children.size() % 2 == 0) children.push_back(Text(token.at, ""));
  return Make(Kind::kString, token.at, std::move(children), std::move(format));
}

ExpressionNodePtr ExpressionParser::Object() {
  const std::size_t at = Take().at;
  std::vector<ExpressionNodePtr> children;
  while (!Peek().Is("}") && !broken_) {
    ReadMember(children);
    if (!Accept(",") && !Peek().Is("}")) Expected("\",\" or \"}\"");
  }
  Take();
  return Make(Kind::kObject, at, std::move(children));
}

void ExpressionParser::ReadMember(std::vector<ExpressionNodePtr>& into) {
  const Token& token = Peek();
  if (token.kind == Token::Kind::kVariable && !PeekSecond().Is(":")) {
    into.push_back(Text(token.at, token.text));
    into.push_back(VariableTerm());
    return;
  }
  const bool computed = token.Is("(");
  ExpressionNodePtr key = Key();
  if (!Accept(":")) {
    if (computed) Expected("\":\"");
    into.push_back(key);  // {name} is {name: .name}
    into.push_back(
        Make(Kind::kIndex, token.at, {Make(Kind::kIdentity, token.at, {}), std::move(key)}));
    return;
  }
  into.push_back(std::move(key));
  into.push_back(Pipe(false));
}

ExpressionNodePtr ExpressionParser::Key() {
  const Token& token = Peek();
  if (token.kind == Token::Kind::kWord || token.kind == Token::Kind::kNumber) {
    Take();
    if (token.kind == Token::Kind::kNumber) {
      Report(token.at, fmt::format("the key {} needs quotes", token.text));
    }
    return Text(token.at, token.text);
  }
  if (token.kind == Token::Kind::kVariable) return VariableTerm();
  if (token.kind == Token::Kind::kString) return String("");
  if (token.kind == Token::Kind::kFormat) return FormatTerm();
  if (Accept("(")) {
    ExpressionNodePtr key = Pipe();
    Require(")");
    return key;
  }
  return Expected("a key");
}

}  // namespace mesg::app
