#include "daemon/status.h"

namespace mesg::daemon {
namespace {

std::vector<api::LimitView> Limits(const Config& config, const broker::Counters& now,
                                   std::size_t deploying) {
  const broker::Limits& limits = config.broker.limits;
  const engine::Settings& engine = config.broker.engine;
  return {
      {"payload_bytes", limits.payload_bytes, std::nullopt, "bytes"},
      {"inbox_requests", limits.inbox_requests, now.inbox, "requests"},
      {"inbox_bytes", limits.inbox_bytes, now.inbox_bytes, "bytes"},
      {"commit_bytes", limits.commit_bytes, now.pending_bytes, "bytes"},
      {"open_executions", engine.max_open_executions, now.open_executions, "executions"},
      {"open_execution_bytes", engine.max_open_bytes, now.open_bytes, "bytes"},
      {"listeners", limits.listeners, now.listeners, "listeners"},
      {"workers", limits.workers, now.workers, "workers"},
      {"worker_credits", limits.worker_credits, std::nullopt, "deliveries"},
      {"subscriptions", engine.max_subscriptions, now.subscriptions, "subscriptions"},
      {"retention_bytes", engine.retention_bytes, now.history_bytes, "bytes"},
      {"subscription_hold_bytes", engine.hold_bytes, now.held_bytes, "bytes"},
      {"deployments", config.deployments, deploying, "deployments"},
  };
}

std::vector<api::CounterView> Counters(const broker::Counters& broker,
                                       const store::StoreCounters& store) {
  return {
      {"events_accepted_total", broker.events_accepted},
      {"events_duplicate_total", broker.events_duplicate},
      {"executions_created_total", broker.executions_created},
      {"results_recorded_total", broker.results_recorded},
      {"attempts_failed_total", broker.attempts_failed},
      {"deliveries_sent_total", broker.deliveries_sent},
      {"items_pushed_total", broker.items_pushed},
      {"requests_refused_total", broker.requests_refused},
      {"commits_total", store.commits},
      {"fsyncs_total", store.fsyncs},
      {"bytes_written_total", store.bytes_written},
      {"open_executions", broker.open_executions},
      {"dead_letters", broker.dead_letters},
      {"history_bytes", broker.history_bytes},
  };
}

}  // namespace

api::CoreStatus MakeStatus(const Config& config, const StartReport& report,
                           const broker::Counters& broker, const store::StoreCounters& store,
                           std::size_t deploying, bool ready) {
  return {.ready = ready,
          .version = report.version,
          .started = report.started,
          .data_directory = config.directories.data.string(),
          .durability = std::string(Name(config.broker.durability)),
          .limits = Limits(config, broker, deploying),
          .counters = Counters(broker, store),
          .last_sequence = report.last_sequence,
          .bytes_cut = report.bytes_cut,
          .open_executions = report.open_executions,
          .recovery_time = report.recovery_time,
          .grpc_address = report.grpc_address,
          .http_address = ""};
}

}  // namespace mesg::daemon
