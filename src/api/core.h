#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace mesg::broker {
class Broker;
}  // namespace mesg::broker
namespace mesg::runtime {
class ServiceManager;
}  // namespace mesg::runtime
namespace mesg::store {
class SecretStore;
}  // namespace mesg::store

namespace mesg::api {

class Gate;

/// One limit of the configuration, and how much of it is used.
struct LimitView {
  std::string name;  ///< As in the configuration: "payload_bytes".
  std::uint64_t limit = 0;
  std::optional<std::uint64_t> used;  ///< None: it bounds one thing each, of which there are many.
  std::string unit;
};
struct CounterView {
  std::string name;  ///< "events_accepted_total"
  std::uint64_t value = 0;
};

/// What `mesg status` shows.
struct CoreStatus {
  bool ready = false;
  std::string version;
  TimePoint started{};
  std::string data_directory;
  std::string durability;
  std::vector<LimitView> limits;
  std::vector<CounterView> counters;
  std::uint64_t last_sequence = 0;  ///< What recovery found.
  std::uint64_t bytes_cut = 0;
  std::uint64_t open_executions = 0;
  Duration recovery_time{};
  std::string grpc_address;
  std::string http_address;
};

/// Core as the APIs see it. A cheap handle: copied freely, owns nothing.
struct Core {
  broker::Broker* broker = nullptr;
  runtime::ServiceManager* services = nullptr;
  store::SecretStore* secrets = nullptr;  ///< Null: calls about secrets are UNIMPLEMENTED.
  std::function<CoreStatus()> status;
  std::function<void()> shutdown;   ///< Asks Core to stop; returns at once.
  std::shared_ptr<Gate> gate = {};  ///< Whether calls are taken; set by Server.
};

}  // namespace mesg::api
