#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "app/expression/expression.h"
#include "app/file/mapping.h"
#include "base/clock.h"
#include "base/result.h"
#include "model/retry_policy.h"
#include "model/service_definition.h"

namespace mesg::app {

/// A value the application is deployed with.
struct Input {
  Parameter parameter;
  std::optional<Value> otherwise = {};  ///< Its default.
  Place place = {};
};

/// A service under the name the file gives it.
struct ServiceUse {
  std::string alias;
  std::string use;  ///< A name, hash, folder, archive or git URL.
  std::vector<std::pair<std::string, Template>> env = {};
  Place place = {};
  bool unread = false;  ///< Something in it is wrong.
};

/// "chain.transfer": an alias, and an event or a task of it.
struct Reference {
  std::string alias = {};  ///< The application's own name stands for itself.
  std::string key = {};
  Place place = {};
};

struct Step;
using Steps = std::vector<Step>;

/// Performs a task; its value is the task's output.
struct TaskStep {
  Reference task;
  Mapping with;
};
/// Goes one of two ways.
struct BranchStep {
  PlacedExpression condition;
  Steps then;
  Steps otherwise;
};
/// Goes the way whose key equals the value as text.
struct SwitchStep {
  PlacedExpression value;
  std::vector<std::pair<std::string, Steps>> cases;
  Steps otherwise;
};
/// Goes all ways at once, until `join` of them are done.
struct ParallelStep {
  std::vector<Steps> branches;
  std::size_t join = 0;
};
/// Goes the same way for each item, `concurrency` at once; its value is the list of what the last
/// step of each gave.
struct ForeachStep {
  PlacedExpression items;
  std::size_t concurrency = 1;
  Steps steps;
};
/// Gives a value of its own.
struct SetStep {
  Mapping value;
};
/// Waits for a while, or until a time.
struct WaitStep {
  std::variant<Duration, PlacedExpression> until;
};
/// Waits for an event; its value is the event's data.
struct AwaitStep {
  Reference event;
  std::optional<PlacedExpression> condition;
  std::optional<Duration> timeout;
};
/// Waits for a person.
struct ApproveStep {
  enum class Default : std::uint8_t { kNone, kApprove, kReject };
  std::optional<Template> by;
  std::optional<Duration> timeout;
  Default otherwise = Default::kNone;
  Place place = {};
};
/// Emits an event of the application.
struct EmitStep {
  std::string event;
  Mapping with;
  Place place;
};
/// Runs another workflow of the file and waits for its end.
struct RunStep {
  std::string workflow;
  Mapping with;
  Place place;
};
/// Ends the run, done.
struct StopStep {
  std::optional<Template> reason;
  Place place = {};
};
/// Ends the run, failed.
struct FailStep {
  Template message;
  Place place = {};
};

struct Step {
  using Action =
      std::variant<TaskStep, BranchStep, SwitchStep, ParallelStep, ForeachStep, SetStep, WaitStep,
                   AwaitStep, ApproveStep, EmitStep, RunStep, StopStep, FailStep>;

  Action action;
  std::string id = {};  ///< As declared, or "".
  std::string description = {};
  std::optional<PlacedExpression> condition = {};  ///< Skipped when it is not true.
  std::optional<RetryPolicy> retry = {};
  std::optional<Duration> timeout = {};
  Steps on_error = {};
  Steps compensation = {};
  Place place = {};
};

/// What starts a workflow.
struct Trigger {
  enum class Kind : std::uint8_t { kEvent, kResult, kSchedule, kManual };
  enum class Missed : std::uint8_t { kAll, kLatest, kSkip };

  Kind kind = Kind::kManual;
  Reference reference = {};            ///< Of an event, or of the task whose result it is.
  std::string output = {};             ///< Of a result: this output only.
  std::string schedule = {};           ///< Cron: five fields, or six with seconds first.
  std::string timezone = "UTC";        ///< Of the IANA database.
  Missed missed = Missed::kLatest;     ///< What becomes of times at which Core did not run.
  Duration jitter = Duration::zero();  ///< Each time is up to this much later.
  ParameterSet inputs = {};            ///< Of a manual one: what it is started with.
  std::optional<PlacedExpression> condition = {};
  Place place = {};
};

/// How many runs of a workflow there may be at once.
struct Concurrency {
  enum class WhenFull : std::uint8_t { kQueue, kDrop, kReplace };
  std::size_t limit = 1;
  std::optional<PlacedExpression> key = {};  ///< Counts for each value apart.
  WhenFull when_full = WhenFull::kQueue;
};

/// A trigger whose key was there within the window starts nothing.
struct Dedupe {
  std::optional<PlacedExpression> key = {};
  Duration window = std::chrono::hours(24);
};

struct Workflow {
  std::string key;
  std::string description = {};
  Trigger on = {};
  std::optional<PlacedExpression> condition = {};
  Steps steps = {};
  Steps on_error = {};
  std::optional<Duration> timeout = {};
  std::optional<Concurrency> concurrency = {};
  std::optional<Dedupe> dedupe = {};
  std::optional<PlacedExpression> order = {};  ///< Runs of one value go one after the other.
  Place place = {};
};

struct ApplicationReading;

/// One application file, read but not yet compared with the services it uses.
struct ApplicationFile {
  std::string name = {};
  std::string description = {};
  std::vector<Input> inputs = {};
  std::vector<ServiceUse> services = {};
  std::vector<EventDefinition> events = {};
  std::vector<Workflow> workflows = {};

  /// Reads one. Everything that is wrong with it alone is reported at once, as
  /// ServiceDefinition::Parse does, with the reason INVALID_APPLICATION.
  static Result<ApplicationFile> Parse(std::string_view yaml, std::string_view file = "app.yml");
  /// Reads as much of one as can be read, for whoever wants to compare that with its services too
  /// and say everything at once.
  static ApplicationReading Read(std::string_view yaml);

  /// Whether it is the application's own event that is meant.
  bool IsOwn(const Reference& reference) const { return reference.alias == name; }

  const ServiceUse* FindService(std::string_view alias) const;
  const EventDefinition* FindEvent(std::string_view key) const;  ///< Of its own.
  const Workflow* FindWorkflow(std::string_view key) const;
};

/// What could be read of a file, and what is wrong with it.
struct ApplicationReading {
  ApplicationFile file = {};               ///< For Check only, unless nothing is wrong.
  std::vector<Violation> violations = {};  ///< The first hundred.
  std::size_t not_listed = 0;              ///< Those beyond.

  bool IsWhole() const { return violations.empty(); }
};

/// A row of the reference of application files.
struct ApplicationField {
  std::string_view section;  ///< "workflow", "step", "foreach", "await, a mapping" ...
  std::string_view key;
  std::string_view expected;
  std::string_view meaning;
};
/// Every key an application file may hold.
std::vector<ApplicationField> ApplicationFields();

}  // namespace mesg::app
