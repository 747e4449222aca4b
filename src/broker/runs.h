#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/run.h"

/// Applications and runs as those around the broker see them.
namespace mesg::broker {

struct WorkflowView {
  std::string key;
  std::string trigger;  ///< "chain.transfer", "result of mail.send", "0 9 1 * *", "manual"
  std::uint64_t open_runs = 0;
  std::string problem;       ///< Why it takes nothing; "" when all is well.
  TimePoint next{};          ///< Of a schedule.
  std::uint64_t behind = 0;  ///< Entries of the history it has not looked at.
};
struct ApplicationView {
  engine::ApplicationPtr application;
  std::vector<WorkflowView> workflows;
  std::uint64_t open_runs = 0;              ///< Of all versions.
  std::vector<std::string> older_versions;  ///< Those that still have runs under way.
};

/// A step, ended or under way.
struct StepView {
  std::uint32_t number = 0;
  std::uint32_t parent = 0;
  std::uint32_t lane = 0;  ///< Which way, branch or item of the parent, from 0.
  std::string id;
  std::string path;    ///< "steps[1].then[0]"
  std::string action;  ///< "task", "wait", ...
  std::string what;    ///< "mail.send"
  engine::StepState state = engine::StepState::kRunning;
  engine::Purpose purpose = engine::Purpose::kNormal;
  TimePoint started{};
  TimePoint ended{};
  std::uint32_t attempt = 1;
  std::vector<Attempt> attempts;
  std::string inputs;
  std::string output;
  std::string error;
  ExecutionId execution;
  engine::RunId run;
  std::string waiting_for;
  TimePoint waiting_since{};
};
struct RunView {
  engine::RunPtr run;
  std::string data;         ///< What started it; JSON.
  std::string trigger;      ///< As WorkflowView::trigger.
  std::string waiting_for;  ///< Of the step that waits longest; "" when it has ended.
  TimePoint waiting_since{};
  std::vector<StepView> steps;
  bool steps_cut = false;  ///< There are more.
};

struct RunQuery {
  std::string application;  ///< "" for all.
  std::string workflow;
  std::vector<engine::RunState> states;  ///< Empty: all.
  TimePoint after{};
  TimePoint before{};
  std::size_t limit = 100;
  std::string token;  ///< Of the page before.
};
struct RunPage {
  std::vector<RunView> runs;  ///< Without data and steps, newest first.
  std::string next_token;
};

/// Hears of runs when they have moved. Calls come from threads of the broker, one at a time for one
/// partition, and must not block.
class RunSink {
 public:
  virtual ~RunSink() = default;
  virtual void Moved(const engine::RunPtr& run) = 0;
};

}  // namespace mesg::broker
