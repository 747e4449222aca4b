#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mesg::app {

/// A number of JSON, exactly: an integer of any size or a decimal fraction, never a double. Keeps
/// the text it came as until something is calculated with it.
///
/// Sums, differences, products and remainders are exact. A quotient that has no end, or one longer
/// than 34 digits, is rounded to 34 significant digits, half to even (the precision of IEEE 754's
/// decimal128). What would need more than kMaxDigits digits is refused: InvalidArgument.
///
/// A value: cheap to copy, const from any thread.
class Number {
 public:
  static constexpr std::size_t kMaxDigits = 1000;
  static constexpr std::size_t kQuotientDigits = 34;

  Number() = default;
  explicit Number(std::int64_t value) : small_(value) {}
  /// `token` is one JSON number, as IsNumber in model/decimal.h has it.
  static Number Read(std::string_view token);

  /// As JSON: as it came, or else without exponent where that takes no more than kMaxDigits.
  std::string Text() const;
  bool IsInteger() const;
  /// What calculating with it costs beside the smallest integer, in steps of a Meter.
  std::size_t Cost() const { return text_ ? text_->size() / 8 + 1 : 0; }
  /// The integer, when it is one and fits.
  std::optional<std::int64_t> ToInt64() const;

  Result<Number> Plus(const Number& other) const;
  Result<Number> Minus(const Number& other) const;
  Result<Number> Times(const Number& other) const;
  /// InvalidArgument when `other` is 0.
  Result<Number> Over(const Number& other) const;
  /// Of both without their fractions, with the sign of this. InvalidArgument when `other` is 0
  /// without its fraction.
  Result<Number> Modulo(const Number& other) const;
  Result<Number> Negated() const;

  enum class Rounding { kFloor, kCeil, kHalfAwayFromZero, kTruncate };
  Result<Number> Rounded(Rounding rounding) const;

  /// Below 0, 0 or above 0. Any two numbers compare, however large.
  static int Compare(const Number& a, const Number& b);

 private:
  static Number FromText(const std::string& text);

  std::int64_t small_ = 0;
  std::shared_ptr<const std::string> text_;  ///< Set when it is no integer that fits.
};

}  // namespace mesg::app
