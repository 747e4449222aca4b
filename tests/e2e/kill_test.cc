#include <algorithm>
#include <cstdint>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/load.h"
#include "e2e/store_reader.h"
#include "e2e/subscriber.h"
#include "support/core_process.h"
#include "support/eventually.h"
#include "support/temporary_folder.h"

namespace mesg::testing {
namespace {

constexpr int kKills = 20;
constexpr int kMostKills = 40;
constexpr std::size_t kHeld = 1'000;  // Delivered and unanswered at each of these kills, at least.
// What an answer has crossed is in the worker's hands and has its result already. On a busy machine
// that can be nearly all of it: such a kill is one more, and does not count.
constexpr std::size_t kSpare = 2'000;
constexpr std::size_t kKeep = 4'000;
constexpr std::uint64_t kOpen = 8'000;
constexpr std::uint64_t kProgress = 500;  // Of events and of results, between two kills.

constexpr std::string_view kDefinition = R"(name: Load
sid: load
events:
  tick:
    data:
      n: {type: Number}
tasks:
  work:
    timeout: 10m
    inputs:
      n: {type: Number}
    outputs:
      n: {type: Number}
)";

/// What Core acknowledged before a kill has to be in the store that the kill left. `unanswered`
/// becomes the number of executions that were delivered and had no result.
void CheckStore(const CoreProcess& core, const std::set<std::string>& held,
                const std::map<std::string, std::uint64_t>& acknowledged, int round,
                std::size_t& unanswered) {
  const Result<StoredExecutions> stored = ReadStoredExecutions(core.home() / "data");
  ASSERT_TRUE(stored) << stored.error().message;
  unanswered = static_cast<std::size_t>(std::ranges::count_if(
      held, [&](const std::string& id) { return stored->open.contains(id); }));
  const auto lost = std::ranges::count_if(acknowledged, [&](const auto& execution) {
    return !stored->open.contains(execution.first) && !stored->closed.contains(execution.first);
  });
  EXPECT_EQ(lost, 0) << "round " << round << ": acknowledged executions are not in the store";
  for (const auto& [id, execution] : stored->open) {
    ASSERT_FALSE(stored->closed.contains(id)) << id << " is open and has a result";
  }
}

v1::Filter Everything(v1::Filter::Kind kind) {
  v1::Filter filter;
  filter.set_kind(kind);
  filter.set_service("load");
  return filter;
}

// The promise of the whole: whatever was acknowledged is there after any kill, every execution ends
// with exactly one result, and who listens by name misses nothing and hears nothing twice.
TEST(KillTest, TwentyKillsUnderLoadLoseAndDoubleNothing) {
  const TemporaryFolder folder;
  folder.Write("load/mesg.yml", kDefinition);
  CoreProcess core(folder.path());
  ASSERT_TRUE(core.Start()) << core.Log();
  Client client(core.endpoint());
  const grpc::Status deployed = client.Deploy(folder.path() / "load", false, nullptr);
  ASSERT_TRUE(deployed.ok()) << deployed.error_message();
  const std::string token = client.Token("load");

  Subscriber events(core.endpoint(), "events", Everything(v1::Filter::EVENTS));
  Subscriber results(core.endpoint(), "results", Everything(v1::Filter::RESULTS));
  HoldingWorker worker(core.endpoint(), token, kKeep);
  Requester requester(core.endpoint(), kOpen);
  Emitter emitter(core.endpoint(), token);

  std::size_t least = SIZE_MAX;
  int round = 0;
  for (int counted = 0; counted < kKills;) {
    ASSERT_LT(round++, kMostKills) << "only " << counted << " with enough that was unanswered";
    const std::uint64_t events_before = emitter.Acknowledged();
    const std::size_t results_before = results.Heard();
    const std::size_t heard_before = events.Heard();
    ASSERT_TRUE(Eventually([&] {
      requester.Finished(results.Heard());
      return emitter.Acknowledged() >= events_before + kProgress &&
             results.Heard() >= results_before + kProgress &&
             events.Heard() >= heard_before + kProgress && worker.Held().size() >= kHeld + kSpare;
    })) << "round "
        << round << ": no progress; " << emitter.Failure() << requester.Failure() << core.Log();
    const auto acknowledged = requester.Acknowledged();
    core.Kill();
    std::size_t unanswered = 0;
    CheckStore(core, worker.Held(), acknowledged, round, unanswered);
    if (unanswered >= kHeld) {
      ++counted;
      least = std::min(least, unanswered);
    }
    ASSERT_TRUE(core.Start()) << "round " << round << ": " << core.Log();
  }

  const std::uint64_t emitted = emitter.Finish();
  const std::uint64_t requested = requester.Finish();
  EXPECT_EQ(emitter.Failure(), "");
  EXPECT_EQ(requester.Failure(), "");
  worker.Keep(0);
  EXPECT_TRUE(Eventually([&] { return results.Heard() >= requested; }))
      << results.Heard() << " of " << requested << " results";
  EXPECT_TRUE(Eventually([&] { return events.Heard() >= emitted; }))
      << events.Heard() << " of " << emitted << " events";

  // Events: each number once, in the order of emission, in the history and for the subscription.
  std::vector<std::string> history;
  for (const v1::Event& event : client.ListEvents("load")) history.push_back(event.id());
  EXPECT_EQ(history.size(), emitted);
  EXPECT_EQ(std::set<std::string>(history.begin(), history.end()).size(), emitted);
  EXPECT_EQ(events.Items(), history);
  EXPECT_EQ(events.Complaint(), "");

  // Executions: all that were acknowledged, each with its own result, and told once.
  const auto acknowledged = requester.Acknowledged();
  EXPECT_EQ(acknowledged.size(), requested);
  std::map<std::string, std::string> outputs;
  for (const v1::Execution& execution : client.List({})) {
    EXPECT_EQ(execution.state(), v1::COMPLETED) << execution.id() << " " << execution.waiting_for();
    EXPECT_TRUE(outputs.emplace(execution.id(), execution.outcome().outputs()).second);
  }
  EXPECT_EQ(outputs.size(), requested);
  for (const auto& [id, n] : acknowledged) {
    ASSERT_EQ(outputs[id], "{\"n\":" + std::to_string(n) + "}") << id;
  }
  const std::vector<std::string> told = results.Items();
  EXPECT_EQ(told.size(), requested);
  EXPECT_EQ(std::set<std::string>(told.begin(), told.end()).size(), requested);
  EXPECT_EQ(results.Complaint(), "");

  std::cout << round << " kills, " << kKills << " of them with at least " << least
            << " executions delivered and unanswered: " << emitted << " events, " << requested
            << " executions, " << events.Redelivered() + results.Redelivered()
            << " items heard again before their acknowledgement was durable\n";
  EXPECT_EQ(core.Stop(), 0) << core.Log();
}

}  // namespace
}  // namespace mesg::testing
