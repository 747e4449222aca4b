#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include <grpcpp/grpcpp.h>

#include "base/result.h"
#include "measured_service.h"
#include "unary_load.h"

namespace mesg::bench {

/// Emits `events` through the classic API, one a call, `in_flight` calls at a time.
Result<UnaryTimes> EmitClassic(const std::shared_ptr<grpc::Channel>& channel,
                               const MeasuredService& service, std::size_t events,
                               std::size_t in_flight);

/// Has `executions` performed through the classic API, `in_flight` at a time: ExecuteTask by an
/// application, ListenTask and SubmitResult by a worker, ListenResult by the application again. How
/// long that took.
Result<std::chrono::duration<double>> ExecuteClassic(const std::shared_ptr<grpc::Channel>& channel,
                                                     const MeasuredService& service,
                                                     std::size_t executions, std::size_t in_flight);

}  // namespace mesg::bench
