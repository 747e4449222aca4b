#include "app/expression/number.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include <boost/multiprecision/cpp_int.hpp>

#include "model/decimal.h"

namespace mesg::app {
namespace {

// Without expression templates, so that every operation gives a number.
using cpp_int = boost::multiprecision::number<boost::multiprecision::cpp_int_backend<>,
                                              boost::multiprecision::et_off>;

constexpr auto kLimit = static_cast<std::int64_t>(Number::kMaxDigits);

Error TooLong() {
  return InvalidArgument("a number of more than {} digits is not calculated with",
                         Number::kMaxDigits);
}

// unscaled * 10^exponent.
struct Decimal {
  cpp_int unscaled;
  std::int64_t exponent = 0;
};

cpp_int PowerOfTen(std::int64_t exponent) {
  return boost::multiprecision::pow(cpp_int(10), static_cast<unsigned>(exponent));
}

std::int64_t CountDigits(const cpp_int& value) {
  return value.is_zero() ? 0 : static_cast<std::int64_t>(abs(value).str().size());
}

Result<Decimal> ReadDecimal(const std::string& token) {
  std::string canonical;
  const bool in_range = AppendDecimal(token, canonical);
  std::int64_t exponent = 0;
  const char* const end = canonical.data() + canonical.size();
  const auto [colon, error] = std::from_chars(canonical.data() + 1, end, exponent);
  const std::string digits(colon + 1, end);
  const auto count = static_cast<std::int64_t>(digits.size());
  if (!in_range || count > kLimit || std::abs(exponent) > kLimit) return TooLong();
  if (digits.empty()) return Decimal{};
  // cpp_int reads a leading zero as octal; canonical digits have none.
  Decimal decimal{cpp_int(digits), exponent - count};
  if (canonical.front() == '-') decimal.unscaled = -decimal.unscaled;
  return decimal;
}

std::string Write(const Decimal& decimal) {
  std::string digits = abs(decimal.unscaled).str();
  std::int64_t exponent = decimal.exponent;
  while (exponent < 0 && digits.size() > 1 && digits.back() == '0') {
    digits.pop_back();
    ++exponent;
  }
  if (digits == "0") return "0";
  const std::string sign = decimal.unscaled.sign() < 0 ? "-" : "";
  if (exponent >= 0) return sign + digits.append(static_cast<std::size_t>(exponent), '0');
  const auto fraction = static_cast<std::size_t>(-exponent);
  if (fraction >= digits.size()) digits.insert(0, fraction - digits.size() + 1, '0');
  return sign + digits.insert(digits.size() - fraction, ".");
}

// Both with the exponent of the finer.
Result<void> Align(Decimal& a, Decimal& b) {
  Decimal& coarse = a.exponent > b.exponent ? a : b;
  const std::int64_t exponent = std::min(a.exponent, b.exponent);
  if (CountDigits(coarse.unscaled) + coarse.exponent - exponent > 2 * kLimit) return TooLong();
  coarse.unscaled *= PowerOfTen(coarse.exponent - exponent);
  coarse.exponent = exponent;
  return {};
}

// Divides by 10^digits and rounds to the nearest, half to even.
void DropDigits(cpp_int& value, std::int64_t digits) {
  const cpp_int divisor = PowerOfTen(digits);
  cpp_int quotient;
  cpp_int remainder;
  divide_qr(abs(value), divisor, quotient, remainder);
  remainder *= 2;
  if (remainder > divisor || (remainder == divisor && bit_test(quotient, 0))) ++quotient;
  value = value.sign() < 0 ? cpp_int(-quotient) : quotient;
}

Decimal Truncate(const Decimal& decimal) {
  if (decimal.exponent >= 0) return decimal;
  return {cpp_int(decimal.unscaled / PowerOfTen(-decimal.exponent)), 0};
}

Result<std::string> WriteChecked(const Decimal& decimal) {
  std::string text = Write(decimal);
  if (text.size() > Number::kMaxDigits + 2) return TooLong();  // A sign and a point.
  return text;
}

}  // namespace

Number Number::Read(std::string_view token) {
  Number number;
  const auto [end, error] =
      std::from_chars(token.data(), token.data() + token.size(), number.small_);
  const bool negative_zero = token == "-0";
  if (error == std::errc() && end == token.data() + token.size() && !negative_zero) return number;
  number.small_ = 0;
  number.text_ = std::make_shared<const std::string>(token);
  return number;
}

Number Number::FromText(const std::string& text) { return Read(text); }

std::string Number::Text() const { return text_ ? *text_ : std::to_string(small_); }

bool Number::IsInteger() const {
  if (!text_) return true;
  std::string canonical;
  AppendDecimal(*text_, canonical);
  return mesg::IsInteger(canonical);
}

std::optional<std::int64_t> Number::ToInt64() const {
  if (!text_) return small_;
  const auto decimal = ReadDecimal(*text_);
  if (!decimal) return std::nullopt;
  const Decimal whole = Truncate(*decimal);
  if (whole.exponent == 0 && decimal->exponent < 0 &&
      cpp_int(whole.unscaled * PowerOfTen(-decimal->exponent)) != decimal->unscaled) {
    return std::nullopt;
  }
  if (whole.exponent > 19) return std::nullopt;
  const cpp_int value = whole.unscaled * PowerOfTen(whole.exponent);
  if (value < INT64_MIN || value > INT64_MAX) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

Result<Number> Number::Plus(const Number& other) const {
  std::int64_t sum = 0;
  if (!text_ && !other.text_ && !__builtin_add_overflow(small_, other.small_, &sum)) {
    return Number(sum);
  }
  Decimal a = MESG_TRY(ReadDecimal(Text()));
  Decimal b = MESG_TRY(ReadDecimal(other.Text()));
  MESG_TRY(Align(a, b));
  return FromText(MESG_TRY(WriteChecked({a.unscaled + b.unscaled, a.exponent})));
}

Result<Number> Number::Negated() const {
  if (!text_ && small_ != INT64_MIN) return Number(-small_);
  Decimal value = MESG_TRY(ReadDecimal(Text()));
  return FromText(MESG_TRY(WriteChecked({-value.unscaled, value.exponent})));
}

Result<Number> Number::Minus(const Number& other) const {
  std::int64_t difference = 0;
  if (!text_ && !other.text_ && !__builtin_sub_overflow(small_, other.small_, &difference)) {
    return Number(difference);
  }
  return Plus(MESG_TRY(other.Negated()));
}

Result<Number> Number::Times(const Number& other) const {
  std::int64_t product = 0;
  if (!text_ && !other.text_ && !__builtin_mul_overflow(small_, other.small_, &product)) {
    return Number(product);
  }
  const Decimal a = MESG_TRY(ReadDecimal(Text()));
  const Decimal b = MESG_TRY(ReadDecimal(other.Text()));
  return FromText(MESG_TRY(WriteChecked({a.unscaled * b.unscaled, a.exponent + b.exponent})));
}

Result<Number> Number::Over(const Number& other) const {
  if (!text_ && !other.text_ && other.small_ > 0 && small_ % other.small_ == 0) {
    return Number(small_ / other.small_);
  }
  const Decimal dividend = MESG_TRY(ReadDecimal(Text()));
  const Decimal divisor = MESG_TRY(ReadDecimal(other.Text()));
  if (divisor.unscaled.is_zero()) return InvalidArgument("{} is divided by 0", Text());
  if (dividend.unscaled.is_zero()) return Number();

  // Enough digits that all that are kept are right, and a last one that tells whether more follow.
  constexpr auto kKept = static_cast<std::int64_t>(kQuotientDigits);
  const std::int64_t more = std::max<std::int64_t>(
      0, kKept + 2 + CountDigits(divisor.unscaled) - CountDigits(dividend.unscaled));
  cpp_int quotient;
  cpp_int remainder;
  divide_qr(cpp_int(dividend.unscaled * PowerOfTen(more)), divisor.unscaled, quotient, remainder);
  std::int64_t exponent = dividend.exponent - more - divisor.exponent;
  if (!remainder.is_zero()) {
    quotient = quotient * 10 + quotient.sign();
    --exponent;
  }
  if (const std::int64_t digits = CountDigits(quotient); digits > kKept) {
    // An exact integer stays exact, whatever its length.
    if (!remainder.is_zero() || exponent < 0) {
      const std::int64_t dropped =
          remainder.is_zero() ? std::min(digits - kKept, -exponent) : digits - kKept;
      DropDigits(quotient, dropped);
      exponent += dropped;
    }
  }
  return FromText(MESG_TRY(WriteChecked({quotient, exponent})));
}

Result<Number> Number::Modulo(const Number& other) const {
  if (!text_ && !other.text_ && other.small_ > 0) return Number(small_ % other.small_);
  const auto whole = [](const Decimal& decimal) {
    const Decimal truncated = Truncate(decimal);
    return cpp_int(truncated.unscaled * PowerOfTen(truncated.exponent));
  };
  const cpp_int dividend = whole(MESG_TRY(ReadDecimal(Text())));
  const cpp_int divisor = whole(MESG_TRY(ReadDecimal(other.Text())));
  if (divisor.is_zero()) return InvalidArgument("{} is divided by 0", Text());
  return FromText(MESG_TRY(WriteChecked({dividend % divisor, 0})));
}

Result<Number> Number::Rounded(Rounding rounding) const {
  if (IsInteger()) return *this;
  const Decimal value = MESG_TRY(ReadDecimal(Text()));
  Decimal whole = Truncate(value);
  const bool negative = value.unscaled.sign() < 0;
  switch (rounding) {
    case Rounding::kTruncate:
      break;
    case Rounding::kFloor:
      if (negative) --whole.unscaled;
      break;
    case Rounding::kCeil:
      if (!negative) ++whole.unscaled;
      break;
    case Rounding::kHalfAwayFromZero: {
      const cpp_int unit = PowerOfTen(-value.exponent);
      const cpp_int rest = abs(cpp_int(value.unscaled - whole.unscaled * unit));
      if (rest * 2 >= unit) whole.unscaled += negative ? -1 : 1;
      break;
    }
  }
  return FromText(MESG_TRY(WriteChecked(whole)));
}

int Number::Compare(const Number& a, const Number& b) {
  if (!a.text_ && !b.text_) return a.small_ < b.small_ ? -1 : (a.small_ > b.small_ ? 1 : 0);
  std::string x;
  std::string y;
  AppendDecimal(a.Text(), x);
  AppendDecimal(b.Text(), y);
  return CompareDecimals(x, y);
}

}  // namespace mesg::app
