#include "daemon/status.h"

#include <map>

#include <gtest/gtest.h>

namespace mesg::daemon {
namespace {

TEST(StatusTest, LimitsShowWhatIsUsedOfThem) {
  broker::Counters now;
  now.inbox = 1;
  now.inbox_bytes = 2;
  now.pending_bytes = 3;
  now.open_executions = 4;
  now.open_bytes = 5;
  now.listeners = 6;
  now.workers = 7;
  now.subscriptions = 8;
  now.history_bytes = 9;
  now.held_bytes = 10;
  std::map<std::string, std::optional<std::uint64_t>> used;
  for (const api::LimitView& limit : MakeStatus({}, {}, now, {}, /*deploying=*/11, true).limits)
    used[limit.name] = limit.used;
  const std::map<std::string, std::optional<std::uint64_t>> expected = {
      {"inbox_requests", 1},
      {"inbox_bytes", 2},
      {"commit_bytes", 3},
      {"open_executions", 4},
      {"open_execution_bytes", 5},
      {"listeners", 6},
      {"workers", 7},
      {"subscriptions", 8},
      {"retention_bytes", 9},
      {"subscription_hold_bytes", 10},
      {"deployments", 11},
      // Of each payload, of each worker.
      {"payload_bytes", std::nullopt},
      {"worker_credits", std::nullopt},
  };
  EXPECT_EQ(used, expected);
}

}  // namespace
}  // namespace mesg::daemon
