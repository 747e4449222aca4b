#pragma once

#include <chrono>
#include <concepts>
#include <thread>

namespace mesg::testing {

/// Waits until `holds()` is true, asking often. False when that takes longer than `patience`, which
/// is generous: a test that passes never waits for its end.
template <std::predicate Condition>
bool Eventually(Condition&& holds, std::chrono::milliseconds patience = std::chrono::seconds(60)) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace mesg::testing
