#include "app/expression/expression.h"

#include <algorithm>
#include <utility>

#include "app/expression/evaluator.h"
#include "app/expression/functions.h"
#include "app/expression/lexer.h"
#include "app/expression/parser.h"
#include "base/encoding.h"

namespace mesg::app {
namespace {

Violation At(std::string_view source, const SyntaxError& error) {
  const std::string_view before = source.substr(0, error.at);
  Violation violation;
  violation.reason = error.message;
  violation.line = 1 + static_cast<int>(std::ranges::count(before, '\n'));
  violation.column = 1 + static_cast<int>(before.size() - (before.rfind('\n') + 1));
  return violation;
}

Error Refuse(std::string_view source, const std::vector<SyntaxError>& errors) {
  Error error = InvalidArgument("the expression is not valid: {}", errors.front().message);
  for (const SyntaxError& one : errors) error.violations.push_back(At(source, one));
  return error;
}

Result<void> CheckText(std::string_view text) {
  if (text.size() > Expression::kMaxBytes) {
    return InvalidArgument("an expression has at most {} bytes, this one has {}",
                           Expression::kMaxBytes, text.size());
  }
  if (!IsUtf8(text)) return InvalidArgument("an expression is UTF-8 text");
  return {};
}

}  // namespace

Result<Expression> Expression::Parse(std::string_view source,
                                     std::span<const std::string_view> scope) {
  MESG_TRY(CheckText(source));
  std::vector<Token> tokens;
  std::vector<SyntaxError> errors(1);
  if (!Tokenize(source, 0, false, tokens, errors[0])) return Refuse(source, errors);
  errors.clear();
  auto parsed = std::make_shared<const Parsed>(ParseExpression(tokens, scope, errors));
  if (!errors.empty()) return Refuse(source, errors);
  return Expression(std::move(parsed));
}

bool Expression::NeedsHelper() const { return parsed_ != nullptr && parsed_->needs_helper; }
const std::vector<std::uint32_t>& Expression::Used() const { return parsed_->used; }
std::string Expression::ToJq() const { return app::ToJq(*parsed_->root); }

Result<Value> Expression::Evaluate(const Value& input, std::span<const Value> scope,
                                   std::uint64_t steps) const {
  MESG_CHECK(!NeedsHelper());
  return EvaluateHere(*parsed_, input, scope, steps);
}

Result<Template> Template::Parse(std::string_view text, std::span<const std::string_view> scope) {
  MESG_TRY(CheckText(text));
  Template result;
  result.texts_.clear();
  std::vector<SyntaxError> errors;
  std::string literal;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t dollar = std::min(text.find('$', at), text.size());
    literal += text.substr(at, dollar - at);
    at = dollar;
    if (text.substr(at).starts_with("$${")) {
      literal += "${";
      at += 3;
      continue;
    }
    if (!text.substr(at).starts_with("${")) {
      literal += text.substr(at, 1);
      ++at;
      continue;
    }
    std::vector<Token> tokens;
    SyntaxError error;
    if (!Tokenize(text, at + 2, true, tokens, error)) {
      errors.push_back(std::move(error));
      return Refuse(text, errors);
    }
    if (tokens.back().at == text.size()) {
      errors.push_back({at, "the \"${\" that begins here has no \"}\""});
      return Refuse(text, errors);
    }
    at = tokens.back().at + 1;
    result.texts_.push_back(std::exchange(literal, {}));
    result.expressions_.push_back(
        Expression(std::make_shared<const Parsed>(ParseExpression(tokens, scope, errors))));
  }
  result.texts_.push_back(std::move(literal));
  if (!errors.empty()) return Refuse(text, errors);
  return result;
}

const std::string* Template::Literal() const {
  return expressions_.empty() ? &texts_.front() : nullptr;
}

Value Template::Fill(std::span<const Value> values) const {
  if (IsExpression()) return values[0];
  std::string text = texts_[0];
  for (std::size_t i = 0; i < values.size(); ++i) {
    text += ToText(values[i]);
    text += texts_[i + 1];
  }
  return Value::Text(std::move(text));
}

}  // namespace mesg::app
