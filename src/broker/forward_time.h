#pragma once

#include <chrono>

#include "base/clock.h"

namespace mesg::broker {

/// The time of decisions: the machine's clock, but it never goes back. When that was set back, this
/// goes on at half its speed until the clock has caught up: what is to happen in five seconds
/// happens after ten, and not an hour later because the clock was set back by one.
///
/// Threads: one.
class ForwardTime {
 public:
  using Steady = std::chrono::steady_clock::time_point;

  ForwardTime() = default;
  /// Goes on from `last`, the time of a process before this one. That is not believed when the
  /// clock is more than a day before it: then it was the other one that was wrong.
  ForwardTime(TimePoint last, TimePoint clock, Steady steady);

  /// The time, when the clock shows this and the machine's uptime, which nobody sets, that.
  TimePoint At(TimePoint clock, Steady steady);

 private:
  TimePoint last_{};
  Steady since_{};  ///< When it was `last_`.
};

}  // namespace mesg::broker
