#include "runtime/process/restart_policy.h"

#include <algorithm>
#include <cmath>

namespace mesg::runtime {

std::optional<Duration> RestartPolicy::OnExit(Duration up) {
  if (up >= options_.steady) early_ends_ = 0;
  early_ends_ += 1;
  if (early_ends_ >= options_.give_up_after) return std::nullopt;
  const double grown =
      static_cast<double>(options_.initial.count()) * std::pow(options_.factor, early_ends_ - 1);
  // Compared as doubles: a long row of early ends grows beyond what a Duration holds.
  const double longest = static_cast<double>(options_.max.count());
  return Duration(static_cast<Duration::rep>(std::min(grown, longest)));
}

}  // namespace mesg::runtime
