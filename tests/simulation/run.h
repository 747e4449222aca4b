#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/clock.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/random.h"

namespace mesg::simulation {

/// What everything in one run shares: its randomness, its time, what went wrong, and the trace.
struct Run {
  Run(std::uint64_t the_seed, bool with_trace)
      : seed(the_seed), random(the_seed), trace(with_trace) {}

  const std::uint64_t seed;
  Random random;
  const bool trace;
  TimePoint now = FromMicros(1'700'000'000'000'000);
  bool calm = false;  ///< Faults have stopped: now everything has to finish.
  FaultCounts faults;
  std::uint64_t next_worker = 1;
  std::uint64_t next_connection = 1;
  std::vector<std::string> violations;

  template <typename... Args>
  void Say(fmt::format_string<Args...> format, Args&&... args) {
    if (trace) Write(fmt::format(format, std::forward<Args>(args)...));
  }
  /// A promise was broken.
  template <typename... Args>
  void Violated(fmt::format_string<Args...> format, Args&&... args) {
    violations.push_back(fmt::format(format, std::forward<Args>(args)...));
    if (trace) Write("VIOLATED: " + violations.back());
  }

 private:
  void Write(const std::string& line) const {
    fmt::print("{:>12.3f} {}\n", static_cast<double>(ToMicros(now) - 1'700'000'000'000'000) / 1e6,
               line);
  }
};

}  // namespace mesg::simulation
