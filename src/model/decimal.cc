#include "model/decimal.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>

#include <fmt/format.h>

namespace mesg {
namespace {

constexpr std::int64_t kMaxExponent = 1'000'000'000'000'000'000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

const char* SkipDigits(const char* at, const char* end) {
  while (at != end && IsDigit(*at)) ++at;
  return at;
}

struct Decimal {
  bool negative;
  std::int64_t exponent;
  std::string_view digits;
};

Decimal ReadCanonical(std::string_view text) {
  Decimal decimal{text.front() == '-', 0, {}};
  const auto [end, error] =
      std::from_chars(text.data() + 1, text.data() + text.size(), decimal.exponent);
  decimal.digits = text.substr(static_cast<std::size_t>(end - text.data()) + 1);
  return decimal;
}

/// The number after 'e', at most one beyond kMaxExponent.
std::int64_t ReadExponent(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t exponent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error != std::errc()) return text.front() == '-' ? -kMaxExponent - 1 : kMaxExponent + 1;
  return std::clamp(exponent, -kMaxExponent - 1, kMaxExponent + 1);
}

}  // namespace

bool IsNumber(std::string_view token) {
  const char* at = token.data();
  const char* const end = at + token.size();
  if (at != end && *at == '-') ++at;
  if (at == end || !IsDigit(*at)) return false;
  at = *at == '0' ? at + 1 : SkipDigits(at, end);
  if (at != end && *at == '.') {
    const char* const fraction = at + 1;
    at = SkipDigits(fraction, end);
    if (at == fraction) return false;
  }
  if (at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    const char* const exponent = at;
    at = SkipDigits(exponent, end);
    if (at == exponent) return false;
  }
  return at == end;
}

bool AppendDecimal(std::string_view token, std::string& into) {
  const bool negative = token.front() == '-';
  if (negative) token.remove_prefix(1);
  const std::size_t e = token.find_first_of("eE");
  std::string_view whole = token.substr(0, e);
  std::string_view fraction;
  if (const std::size_t dot = whole.find('.'); dot != std::string_view::npos) {
    fraction = whole.substr(dot + 1);
    whole = whole.substr(0, dot);
  }
  whole.remove_prefix(std::min(whole.find_first_not_of('0'), whole.size()));
  auto exponent = static_cast<std::int64_t>(whole.size());
  const std::size_t fraction_digits = fraction.find_last_not_of('0') + 1;  // npos + 1 is 0.
  fraction = fraction.substr(0, fraction_digits);
  if (whole.empty()) {
    const std::size_t zeros = std::min(fraction.find_first_not_of('0'), fraction.size());
    fraction.remove_prefix(zeros);
    exponent = -static_cast<std::int64_t>(zeros);
  }
  if (fraction.empty()) whole = whole.substr(0, whole.find_last_not_of('0') + 1);
  if (whole.empty() && fraction.empty()) {
    into += "+0:";
    return true;
  }
  if (e != std::string_view::npos) exponent += ReadExponent(token.substr(e + 1));
  const std::int64_t kept = std::clamp(exponent, -kMaxExponent, kMaxExponent);

  char text[24];
  text[0] = negative ? '-' : '+';
  char* end = std::to_chars(text + 1, text + sizeof text, kept).ptr;
  *end++ = ':';
  into.append(text, end);
  into += whole;
  into += fraction;
  return kept == exponent;
}

int CompareDecimals(std::string_view a, std::string_view b) {
  const Decimal x = ReadCanonical(a);
  const Decimal y = ReadCanonical(b);
  const auto sign = [](const Decimal& d) { return d.digits.empty() ? 0 : (d.negative ? -1 : 1); };
  if (sign(x) != sign(y)) return sign(x) < sign(y) ? -1 : 1;
  if (x.exponent != y.exponent) return (x.exponent < y.exponent ? -1 : 1) * sign(x);
  const int digits = x.digits.compare(y.digits);  // The shorter of two that agree is the smaller.
  return (digits < 0 ? -1 : (digits > 0 ? 1 : 0)) * sign(x);
}

bool IsInteger(std::string_view value) {
  const Decimal decimal = ReadCanonical(value);
  return decimal.exponent >= static_cast<std::int64_t>(decimal.digits.size());
}

bool IsMultipleOf(std::string_view value, std::string_view divisor) {
  const Decimal dividend = ReadCanonical(value);
  const Decimal by = ReadCanonical(divisor);
  if (dividend.digits.empty()) return true;
  // As integers times a power of ten: DIGITS * 10^(EXPONENT - number of digits).
  std::int64_t power = (dividend.exponent - static_cast<std::int64_t>(dividend.digits.size())) -
                       (by.exponent - static_cast<std::int64_t>(by.digits.size()));
  if (power < 0) return false;  // The dividend's last digit is not 0 and finer than the divisor.

  __extension__ using Wide = unsigned __int128;
  std::uint64_t modulus = 0;
  std::from_chars(by.digits.data(), by.digits.data() + by.digits.size(), modulus);
  Wide remainder = 0;
  for (const char digit : dividend.digits) {
    remainder = (remainder * 10 + static_cast<unsigned>(digit - '0')) % modulus;
  }
  for (Wide square = 10 % modulus; power != 0; power >>= 1, square = square * square % modulus) {
    if ((power & 1) != 0) remainder = remainder * square % modulus;
  }
  return remainder == 0;
}

}  // namespace mesg
