#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/run.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/random.h"

namespace mesg::simulation {

/// What a workflow of a random application promises about its triggers: the same in every version.
struct WorkflowPlan {
  enum class On : std::uint8_t { kEvent, kResult, kOwnEvent, kSchedule, kManual };
  std::string key = {};
  On on = On::kManual;
  std::string service = {};  ///< Whose event or result; of an own event, the application's name.
  std::string fact = {};     ///< The event's key or the task.
  bool condition = false;    ///< See Wants.
  bool helper = false;       ///< Only the helper can tell what the condition comes to.
  std::uint64_t order = 0;   ///< Runs take turns by the number modulo this; 0: they do not.
  std::uint64_t dedupe = 0;
  std::uint64_t limit = 0;      ///< How many at once; 0: any.
  std::uint64_t limit_key = 0;  ///< Counted apart by the number modulo this; 0: all together.
  std::string when_full = {};

  /// The condition, told by the number in the trigger's data: for what comes to 1 modulo 3 it is
  /// not true. For what comes to 2 the helper fails, which makes a run that fails.
  bool Wants(std::uint64_t number) const { return !condition || number % 3 != 1; }
};
struct ApplicationPlan {
  std::string name;
  std::vector<WorkflowPlan> workflows;
};

/// The window of `dedupe` in every plan.
inline constexpr Duration kDedupeWindow = std::chrono::seconds(60);

/// The number that every trigger's data of a simulation holds, alone or as "n"; 0 when there is
/// none.
std::uint64_t NumberIn(const std::string& data);

ApplicationPlan PlanApplication(Random& random, const std::string& name,
                                const std::vector<std::string>& services);

/// The text of a version of an application: random steps of every kind for what the plan says.
/// Everything in it comes to an end.
class Author {
 public:
  Author(Random& random, const ApplicationPlan& plan, const std::vector<std::string>& services)
      : random_(random), plan_(plan), services_(services) {}
  std::string Write();

 private:
  std::string WriteWorkflow(const WorkflowPlan& workflow);
  std::string WriteSteps(std::size_t depth, std::size_t most);
  std::string WriteStep(std::size_t depth);
  std::string WriteAction(std::size_t depth, std::string* condition);
  std::string WriteTask();
  std::string WriteLeaf();
  std::string Condition();

  Random& random_;
  const ApplicationPlan& plan_;
  const std::vector<std::string>& services_;
  // Of the workflow that is being written.
  const WorkflowPlan* workflow_ = nullptr;
  std::string number_;  // The expression of its number.
  std::uint64_t next_id_ = 0;
};

/// Whoever deploys applications: new versions and old ones again, pauses, stops and deletes them.
class Deployer {
 public:
  Deployer(World world, std::vector<std::string> services, std::vector<ApplicationPlan> plans)
      : world_(world), services_(std::move(services)), plans_(std::move(plans)) {}

  void Act();
  /// At the end: nothing new begins by itself, and nothing that happened waits for ever.
  void Settle();

 private:
  void Deploy(const ApplicationPlan& plan);
  void SetState(const std::string& name, engine::Application::State state);
  void Delete(const std::string& name, bool force);

  World world_;
  const std::vector<std::string> services_;
  const std::vector<ApplicationPlan> plans_;
  std::map<std::string, std::vector<engine::Application>> versions_;
  std::uint64_t next_version_ = 0;
};

class RunPromises;

/// People: start workflows by hand, decide, cancel, retry and reset runs.
class Person {
 public:
  Person(World world, RunPromises& promises, std::vector<ApplicationPlan> plans)
      : world_(world), promises_(promises), plans_(std::move(plans)) {}

  void Act();

 private:
  void Start();
  void Decide();
  void Cancel();
  void GoOn(bool reset);

  World world_;
  RunPromises& promises_;
  const std::vector<ApplicationPlan> plans_;
  std::uint64_t next_number_ = 1'000'000;
};

}  // namespace mesg::simulation
