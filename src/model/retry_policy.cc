#include "model/retry_policy.h"

#include <algorithm>
#include <cmath>

namespace mesg {
namespace {

/// `base` to the power `exponent` by squaring: multiplications only, so that every machine that
/// replays a decision gets the same pause (std::pow may differ in the last bit between libraries).
double Power(double base, std::uint32_t exponent) {
  double power = 1;
  for (double square = base; exponent != 0; exponent >>= 1, square *= square) {
    if ((exponent & 1U) != 0) power *= square;
  }
  return power;
}

/// NaN becomes 0.
double Fraction(double value) { return value > 0 ? std::min(value, 1.0) : 0.0; }

}  // namespace

Duration RetryPolicy::PauseAfter(std::uint32_t attempt, double random) const {
  if (initial <= Duration::zero() || max <= Duration::zero()) return Duration::zero();
  const double growth = Power(factor >= 1 ? factor : 1.0, attempt > 0 ? attempt - 1 : 0);
  const double wanted = static_cast<double>(initial.count()) * growth;
  const double off = 1.0 - Fraction(jitter) * Fraction(random);
  const auto longest = static_cast<double>(max.count());
  if (!(wanted < longest)) {
    if (off >= 1.0) return max;  // Not through a double, which cannot hold every count.
    return std::min(max, Duration(static_cast<Duration::rep>(std::min(longest * off, 9.2e18))));
  }
  return Duration(static_cast<Duration::rep>(wanted * off));
}

}  // namespace mesg
