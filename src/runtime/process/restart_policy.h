#pragma once

#include <optional>

#include "base/clock.h"

namespace mesg::runtime {

struct RestartOptions {
  Duration initial = std::chrono::milliseconds(200);  ///< Pause after the first early end.
  double factor = 2;                                  ///< Each pause is the last one times this.
  Duration max = std::chrono::minutes(1);             ///< But never longer.
  Duration steady = std::chrono::seconds(30);  ///< Up this long: it worked, pauses begin anew.
  int give_up_after = 10;                      ///< So many early ends in a row.
};

/// Decides when a process that ended is started again. Pure: time comes in as an argument.
class RestartPolicy {
 public:
  explicit RestartPolicy(RestartOptions options) : options_(options) {}

  /// The process ended after `up`, with whatever status: the pause before the next start, or
  /// nothing when it should be given up.
  std::optional<Duration> OnExit(Duration up);

  /// Somebody asked for a start: the past does not count.
  void Reset() { early_ends_ = 0; }

  int EarlyEnds() const { return early_ends_; }

 private:
  RestartOptions options_;
  int early_ends_ = 0;
};

}  // namespace mesg::runtime
