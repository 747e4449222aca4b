#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core_process.h"

namespace mesg::bench {

/// Counts Core's fsyncs from outside, to confirm what it counts itself. Slows it down: not for
/// numbers that are to be kept.
class Strace {
 public:
  Strace();
  ~Strace();
  Strace(const Strace&) = delete;
  Strace& operator=(const Strace&) = delete;

  /// What Core has to be started under.
  std::vector<std::string> Wrapper() const;
  /// Runs `work` and compares both counts: Internal when they differ by more than what a look at
  /// either takes. Both are told on standard error.
  Result<void> Confirm(const CoreProcess& core, const std::function<Result<void>()>& work) const;

 private:
  std::uint64_t Count() const;
  std::string log_;
};

}  // namespace mesg::bench
