#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mesg::broker {

/// Answers that come from several partitions, put together in the order of the requests.
template <typename T>
struct Joint {
  std::vector<Result<T>> results;
  std::atomic<std::size_t> left;
  std::function<void(std::vector<Result<T>>)> reply;
  void Done() {
    if (--left == 0) reply(std::move(results));
  }
};

}  // namespace mesg::broker
