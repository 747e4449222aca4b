#pragma once

#include <string>
#include <string_view>

namespace mesg {

/// Numbers as JSON writes them, compared by exact value without ever becoming a double.
///
/// The canonical text of a number is "+EXPONENT:DIGITS" (or "-..."), its value 0.DIGITS *
/// 10^EXPONENT with neither leading nor trailing zeros; zero is "+0:". Equal numbers have equal
/// text. Exponents are kept, never expanded: 1e999999999 costs as much as 1.

/// Whether `token` is exactly one JSON number.
bool IsNumber(std::string_view token);

/// Appends the canonical text of `token`, for which IsNumber holds. False, with an exponent of
/// plus or minus 10^18 in its place, when the exponent is beyond that.
bool AppendDecimal(std::string_view token, std::string& into);

/// Below 0, 0 or above 0 as `a` is less than, equal to or greater than `b`, both canonical.
int CompareDecimals(std::string_view a, std::string_view b);

/// Whether canonical `value` is an integer.
bool IsInteger(std::string_view value);

/// Whether canonical `value` is an integer multiple of canonical `divisor`, which is above 0 and
/// has at most 18 digits.
bool IsMultipleOf(std::string_view value, std::string_view divisor);

}  // namespace mesg
