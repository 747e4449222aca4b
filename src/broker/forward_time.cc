#include "broker/forward_time.h"

#include <algorithm>

namespace mesg::broker {
namespace {

constexpr Duration kBelieved = std::chrono::hours(24);

}  // namespace

ForwardTime::ForwardTime(TimePoint last, TimePoint clock, Steady steady)
    : last_(last - clock <= kBelieved ? std::max(last, clock) : clock), since_(steady) {}

TimePoint ForwardTime::At(TimePoint clock, Steady steady) {
  if (clock >= last_) {
    last_ = clock;
    since_ = steady;
    return last_;
  }
  const Duration half = std::chrono::duration_cast<Duration>(steady - since_) / 2;
  if (half > Duration::zero()) {
    last_ += half;
    since_ += 2 * half;
  }
  return last_;
}

}  // namespace mesg::broker
