#pragma once

#include <cstdint>

#include "base/clock.h"

namespace mesg {

/// How failed, late and lost attempts are repeated.
struct RetryPolicy {
  std::uint32_t attempts = 3;                  ///< All in all, the first one included; at least 1.
  Duration initial = std::chrono::seconds(1);  ///< Pause before the second attempt.
  double factor = 2;                       ///< Each pause is the last one times this; at least 1.
  Duration max = std::chrono::minutes(1);  ///< But never longer than this.
  double jitter = 0.2;                     ///< 0..1: up to this part of a pause is taken off.
  bool operator==(const RetryPolicy&) const = default;

  /// The pause after attempt number `attempt` (from 1) failed. `random` in 0..1 chooses the jitter.
  /// Never negative, never more than `max`; never overflows, whatever the numbers.
  Duration PauseAfter(std::uint32_t attempt, double random) const;
};

}  // namespace mesg
