#pragma once

#include "api/core.h"
#include "base/clock.h"
#include "broker/broker.h"
#include "daemon/config.h"
#include "store/store.h"

namespace mesg::daemon {

/// What was known when Core had started, and does not change.
struct StartReport {
  std::string version;
  TimePoint started{};
  Duration recovery_time{};
  std::uint64_t last_sequence = 0;
  std::uint64_t bytes_cut = 0;
  std::uint64_t open_executions = 0;
  std::string grpc_address;
};

/// What `mesg status` shows: limits with their use, counters since the start, what recovery found.
api::CoreStatus MakeStatus(const Config& config, const StartReport& report,
                           const broker::Counters& broker, const store::StoreCounters& store,
                           std::size_t deploying, bool ready);

}  // namespace mesg::daemon
