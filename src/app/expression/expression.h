#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/expression/value.h"
#include "base/result.h"

namespace mesg::app {

struct Parsed;

/// Something an expression reads by name: `$steps.price.status`, `.total`.
struct PathUse {
  static constexpr std::uint32_t kInput = UINT32_MAX;

  std::uint32_t variable = kInput;     ///< By index in the scope; kInput is `.`.
  std::vector<std::string> keys = {};  ///< As far as they are written out.
  bool whole = true;                   ///< No computed key, index or iteration follows.
  std::size_t at = 0;                  ///< Byte offset in the source.
};

struct Correlation;

/// An expression of an application file, in jq's language (docs/reference/expressions.md). What is
/// total is evaluated in process; the rest is for the helper with libjq.
///
/// A value: cheap to copy, const from any thread.
class Expression {
 public:
  /// What one evaluation in process may cost unless told otherwise, about 10 ms.
  static constexpr std::uint64_t kSteps = 100'000;
  /// Longer ones are refused.
  static constexpr std::size_t kMaxBytes = 64 << 10;

  /// Of no use until one that was parsed is assigned to it.
  Expression() = default;
  /// `scope` names the variables there are, without `$`. InvalidArgument with a violation for each
  /// mistake, whose line and column count from the beginning of `source`.
  static Result<Expression> Parse(std::string_view source, std::span<const std::string_view> scope);

  bool NeedsHelper() const;
  /// The variables of the scope it mentions, by index in it, ascending.
  const std::vector<std::uint32_t>& Used() const;
  /// What it reads of its input and its variables, in the order of the source, as far as that can
  /// be told without evaluating it.
  std::vector<PathUse> Paths() const;
  /// The path that it is, when it is one and nothing else.
  std::optional<PathUse> AsPath() const;
  /// As a condition: the first comparison of a path of the input with something else that has to
  /// hold for it to be true (`.id == $event.data.id and ...`). None when there is none.
  std::optional<Correlation> Correlated() const;
  /// The kind of its value when it gives one, if that is the same whatever it is given.
  std::optional<Value::Kind> KindOfValue() const;
  /// jq source of the same meaning, for the helper.
  std::string ToJq() const;

  /// Its only value for `input` as `.` and the values of the scope's variables in their order;
  /// those it does not mention may be null. InvalidArgument when it gives none or several, or
  /// fails; ResourceExhausted when it takes more than `steps`. Not when it NeedsHelper().
  Result<Value> Evaluate(const Value& input, std::span<const Value> scope,
                         std::uint64_t steps = kSteps) const;

 private:
  friend class Template;
  explicit Expression(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}
  std::shared_ptr<const Parsed> parsed_;
};

/// What tells most inputs apart from those a condition is true for, without evaluating it.
struct Correlation {
  std::vector<std::string> path;  ///< Of the input.
  Expression value;               ///< What stands there; does not read its input.

  /// The same for any two values that are equal, and seldom for two that are not. Stored: it never
  /// changes.
  static std::uint64_t Digest(std::span<const std::string> path, const Value& value);
  /// What stands at `path` in `input`, null where nothing does; none when the path leads through
  /// something that is no object.
  static std::optional<Value> At(std::span<const std::string> path, const Value& input);
};

/// A text with `${ expression }` in it; `$${` stands for `${`. An expression alone keeps its type,
/// beside other text it becomes a part of it as @text makes it.
class Template {
 public:
  /// The empty text.
  Template() : texts_(1) {}
  /// As Expression::Parse; positions count from the beginning of `text`.
  static Result<Template> Parse(std::string_view text, std::span<const std::string_view> scope);

  /// Its text, when it holds no expression.
  const std::string* Literal() const;
  /// Whether it is one expression and nothing else, so that its type is kept.
  bool IsExpression() const {
    return expressions_.size() == 1 && texts_[0].empty() && texts_[1].empty();
  }
  /// What stands before, between and behind its expressions.
  const std::vector<std::string>& Texts() const { return texts_; }
  /// The template of these parts; one text more than expressions.
  static Template Of(std::vector<std::string> texts, std::vector<Expression> expressions) {
    Template made;
    made.texts_ = std::move(texts);
    made.expressions_ = std::move(expressions);
    return made;
  }
  /// Its expressions, in their order.
  const std::vector<Expression>& Expressions() const { return expressions_; }
  /// The whole, given the value of each expression.
  Value Fill(std::span<const Value> values) const;

 private:
  std::vector<std::string> texts_;  ///< Before, between and behind the expressions.
  std::vector<Expression> expressions_;
};

}  // namespace mesg::app
