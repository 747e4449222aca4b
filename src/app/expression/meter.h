#pragma once

#include <cstddef>
#include <cstdint>

#include "app/expression/value.h"
#include "base/result.h"

namespace mesg::app {

/// What one evaluation may still cost. A step is about as long as looking up one member; 64 bytes
/// that are read or written are one as well.
class Meter {
 public:
  explicit Meter(std::uint64_t steps) : left_(steps) {}

  /// ResourceExhausted, for good, once more was spent than there was.
  Result<void> Spend(std::uint64_t steps) {
    if (steps > left_) {
      left_ = 0;
      exhausted_ = true;
      return ResourceExhausted("the expression takes more steps than it may");
    }
    left_ -= steps;
    return {};
  }
  Result<void> SpendBytes(std::size_t bytes) { return Spend(bytes / 64 + 1); }
  /// For what the value holds, at all depths.
  Result<void> SpendAll(const Value& value);
  bool exhausted() const { return exhausted_; }
  std::uint64_t left() const { return left_; }

 private:
  std::uint64_t left_;
  bool exhausted_ = false;
};

}  // namespace mesg::app
