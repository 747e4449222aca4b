#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "app/program/program.h"
#include "engine/record.h"
#include "tests/simulation/applications.h"
#include "tests/simulation/node.h"
#include "tests/simulation/run.h"

namespace mesg::simulation {

/// What runs promise, checked from the facts that became durable and from what clients were told:
/// a plain model that knows the plans of the applications and their files, not the engine.
class RunPromises {
 public:
  RunPromises(Run& run, const std::vector<ApplicationPlan>& plans);

  /// A fact of a partition is durable. Facts of a partition come in order.
  void Fact(std::size_t partition, const engine::Record& record, TimePoint time);

  // ---- What clients know and do ----

  void Acknowledged(const engine::RunId& id) { acknowledged_.insert(id); }
  void AskedToGoOn(const engine::RunId& id) { asked_to_go_on_.insert(id); }
  /// While it was cancelled already: what it was undoing may be left.
  void CancelledAgain(const engine::RunId& id) { cancelled_again_.insert(id); }
  std::optional<engine::RunId> Some(const std::function<bool(const engine::Run&)>& wanted) const;
  std::optional<std::pair<engine::RunId, std::uint32_t>> SomeApproving() const;

  bool AllEnded() const;
  /// Nothing goes wrong any more and everything has ended: is everything there?
  void CheckAll(const Node& node);
  /// What has not ended.
  void ReportStuck(const Node& node);

 private:
  /// Everything that is known of a run.
  struct Story {
    engine::RunPtr now;
    std::string data;
    std::vector<engine::StepRecord> steps;        // Those that ended, in that order.
    std::map<std::uint32_t, std::size_t> counts;  // How often each was recorded, by number.
    bool went_on = false;                         // By a retry or reset.
  };
  struct Performed {
    engine::RunId run;
    std::uint32_t visit = 0;
    std::string service, task;
    ExecutionState state = ExecutionState::kCreated;
    std::string outputs;
  };
  /// Facts that start runs: application, workflow, data.
  using TriggerKey = std::tuple<std::string, std::string, std::string>;
  struct Expected {
    std::uint64_t must = 0, may = 0, runs = 0;
    std::map<std::size_t, std::uint64_t> by_partition;  // Of `must`.
    std::uint64_t sequence = 0;                         // Of the only one.
  };
  using TurnKey = std::tuple<std::string, std::string, std::uint64_t>;

  void Seen(const engine::ApplicationPut& put, std::size_t partition);
  void Seen(const engine::RunChanged& changed, TimePoint time);
  void Seen(const engine::StepEnded& ended);
  void Began(const Story& story, TimePoint time);
  void TakeTurn(const engine::Run& run, const Story& story);
  void Happened(std::size_t partition, bool result, const std::string& service,
                const std::string& key, const std::string& data, std::uint64_t sequence);
  void Excuse(const std::string& application, std::size_t partition);
  const WorkflowPlan* PlanOf(const std::string& application, const std::string& workflow) const;
  const app::Flow* FlowOf(const engine::Run& run) const;

  void CheckTriggers();
  void CheckSteps(const engine::RunId& id, const Story& story);
  void CheckUndone(const engine::RunId& id, const Story& story);
  void CheckOrder();
  void CheckRest(const Node& node, std::size_t partition);
  void CheckCounts(const Node& node, std::size_t partition);

  Run& run_;
  const std::vector<ApplicationPlan> plans_;
  std::map<engine::RunId, Story> stories_;
  std::map<ExecutionId, Performed> performed_;
  std::map<std::pair<engine::RunId, std::uint32_t>, ExecutionId> of_step_;
  std::map<std::pair<engine::RunId, std::uint32_t>, engine::RunId> children_;
  std::map<TriggerKey, Expected> expected_;
  std::map<std::pair<std::size_t, std::string>, engine::Application::State> states_;
  std::map<std::pair<std::size_t, std::string>, std::string> versions_;
  std::map<std::string, app::ProgramPtr> programs_;
  std::map<TurnKey, std::set<engine::RunId>> running_, ordered_;
  std::map<TurnKey, std::uint64_t> last_ordered_;
  std::map<TurnKey, TimePoint> deduped_;
  std::map<std::string, std::uint64_t> emitted_;  // Own events, by application.
  std::set<engine::RunId> acknowledged_, asked_to_go_on_, cancelled_again_;
};

}  // namespace mesg::simulation
