#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "base/result.h"

namespace mesg::bench {

struct UnaryTimes {
  std::chrono::duration<double> whole{};
  std::vector<double> latencies;  ///< In microseconds.
};

/// Makes `calls` unary calls, `in_flight` at a time. `call` begins the one of slot i, whose request
/// and response it keeps, and has `done` called once with its status; a slot makes one call at a
/// time.
Result<UnaryTimes> RunUnary(
    std::size_t calls, std::size_t in_flight,
    const std::function<void(std::size_t slot, grpc::ClientContext& context,
                             std::function<void(grpc::Status)> done)>& call);

}  // namespace mesg::bench
