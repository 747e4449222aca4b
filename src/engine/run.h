#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/execution.h"

namespace mesg::engine {

/// Like an ExecutionId: its slot names the run's partition.
using RunId = ExecutionId;

/// One version of an application, as deployed.
struct Application {
  enum class State : std::uint8_t {
    kActive = 1,
    kPaused = 2,    ///< What would start runs is kept until it is active again.
    kStopped = 3,   ///< What would start runs is let go.
    kDeleting = 4,  ///< Its runs are being cancelled, then it goes.
    kReplaced = 5,  ///< A newer version has its triggers; kept for its runs.
  };
  std::string name;
  std::string version;  ///< app::ProgramSource::Hash
  std::string file_name;
  std::string text;
  std::map<std::string, std::string> inputs;    ///< JSON, by key.
  std::map<std::string, std::string> env;       ///< What $env.NAME stands for.
  std::map<std::string, std::string> services;  ///< Instance names, by alias.
  State state = State::kActive;
  TimePoint deployed{};
};
using ApplicationPtr = std::shared_ptr<const Application>;

enum class RunState : std::uint8_t {
  kQueued = 1,
  kRunning = 2,
  kCompensating = 3,
  kCompleted = 4,
  kFailed = 5,
  kCancelled = 6,
};
std::string_view Name(RunState state);
inline bool IsEnded(RunState state) { return state >= RunState::kCompleted; }

enum class StepState : std::uint8_t {
  kRunning = 1,
  kCompleted = 2,
  kSkipped = 3,
  kFailed = 4,
  kCaught = 5,
  kCancelled = 6,
};
std::string_view Name(StepState state);

/// What a step under way is doing.
enum class VisitState : std::uint8_t {
  kReady = 1,       ///< Has its turn next.
  kEvaluating = 2,  ///< The helper thinks.
  kPerforming = 3,  ///< A task.
  kInside = 4,      ///< Steps inside it.
  kWaiting = 5,     ///< For a time.
  kAwaiting = 6,    ///< For an event.
  kApproving = 7,   ///< For a person.
  kRunning = 8,     ///< Another workflow.
  kPausing = 9,     ///< Before the next attempt.
  kCatching = 10,   ///< It failed; its `catch` is done.
  kUndoing = 11,    ///< Its `compensate` is done.
};

/// What a step is done for.
enum class Purpose : std::uint8_t { kNormal = 0, kCatch = 1, kCompensate = 2 };

struct StepError {
  std::string message = {};
  std::string code = {};  ///< "TASK_FAILED", "TIMEOUT", "INVALID_ARGUMENT", ...
  std::string step = {};  ///< Its id, else its path.
};

/// A step under way.
struct Visit {
  std::uint32_t number = 0;  ///< From 1, in the order in which steps began.
  std::uint32_t parent = 0;  ///< The visit this one is inside of; 0: the run itself.
  std::uint32_t lane = 0;    ///< Which block of the parent, or which item.
  std::uint32_t node = 0;
  std::uint32_t scope = 0;
  VisitState state = VisitState::kReady;
  Purpose purpose = Purpose::kNormal;
  std::uint32_t attempt = 1;
  TimePoint started{};
  TimePoint since{};                       ///< Of the present state.
  std::optional<TimePoint> deadline = {};  ///< All attempts together.
  std::optional<TimePoint> wake = {};
  ExecutionId pending = {};  ///< The execution or run it waits for.
  /// Branches or items, all in all. Of an `await` whose condition the helper judges: events that
  /// may be the one; those that are done were not.
  std::uint32_t lanes = 0;
  std::uint32_t lanes_started = 0;
  std::uint32_t lanes_done = 0;
  std::uint32_t lanes_failed = 0;
  std::vector<Attempt> attempts = {};   ///< Ended ones.
  std::optional<StepError> error = {};  ///< kCatching: what is caught.
  std::string inputs = {};              ///< JSON.
  bool admitted = false;                ///< Its `if` was true.
  std::optional<TimePoint> until = {};  ///< When an `await` that is judging has waited enough.
};

/// Why a run began.
struct RunTrigger {
  enum class Kind : std::uint8_t { kEvent = 1, kResult = 2, kSchedule = 3, kManual = 4, kRun = 5 };
  Kind kind = Kind::kManual;
  std::string service = {};  ///< Instance name of the event or result.
  std::string key = {};
  std::string data = {};  ///< JSON: `.`
  std::string id = {};    ///< Of the event.
  TimePoint time{};
  ExecutionId execution = {};  ///< Of the result.
  std::string error = {};      ///< The condition could not be evaluated: the run fails with it.
};

/// One occurrence of a workflow: everything but the values of its steps, which are stored apart.
struct Run {
  RunId id = {};
  std::string application = {};
  std::string version = {};
  std::string workflow = {};
  RunState state = RunState::kRunning;
  TimePoint created{};
  TimePoint ended{};
  std::uint64_t created_number = 0;
  RunTrigger trigger = {};  ///< Without data.
  RunId parent = {};
  std::uint32_t parent_visit = 0;
  std::vector<std::string> lanes = {};  ///< Hashes of the lanes it takes turns in.

  struct Done {
    std::uint32_t node = 0, scope = 0, visit = 0;
  };
  /// What one item of a list sees.
  struct Scope {
    std::uint32_t number = 0, parent = 0, visit = 0, lane = 0;
  };
  std::vector<Visit> active = {};
  std::vector<Done> done = {};  ///< Steps with an id whose values can be read.
  std::vector<Scope> scopes = {};
  std::vector<Done> undo = {};  ///< Steps to undo when it fails, oldest first.
  std::uint32_t next_visit = 1;
  std::uint32_t next_scope = 1;
  std::optional<StepError> error = {};
  std::optional<TimePoint> deadline = {};
  std::vector<Visit> interrupted = {};  ///< What was under way when it failed.
  bool undone = false;
  bool cancelled = false;
  std::uint32_t depth = 0;
  std::uint32_t steps_done = 0;

  Visit* Find(std::uint32_t number);
  const Visit* Find(std::uint32_t number) const;
  /// When something of it is due by itself, if ever.
  std::optional<TimePoint> Wake() const;
};
using RunPtr = std::shared_ptr<const Run>;

/// The items of a `foreach` are kept as the value of this number, beside the step's own.
inline constexpr std::uint32_t kItemsOf = 0x8000'0000;

/// A step that has ended; as number 0, what started the run.
struct StepRecord {
  std::uint32_t number = 0;
  std::uint32_t parent = 0;
  std::uint32_t lane = 0;
  std::uint32_t node = 0;
  StepState state = StepState::kCompleted;
  Purpose purpose = Purpose::kNormal;
  TimePoint started{};
  TimePoint ended{};
  std::uint32_t attempt = 1;
  std::vector<Attempt> attempts = {};
  std::string inputs = {};  ///< JSON, "" when there are none.
  std::string output = {};  ///< JSON, "" when there is none.
  std::string error = {};
  ExecutionId pending = {};
};

std::string EncodeApplication(const Application& application);
Result<Application> DecodeApplication(std::string_view bytes);
std::string EncodeRun(const Run& run);
Result<Run> DecodeRun(std::string_view bytes);
std::string EncodeStep(const StepRecord& step);
Result<StepRecord> DecodeStep(std::string_view bytes);

}  // namespace mesg::engine
