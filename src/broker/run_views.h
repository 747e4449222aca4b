#pragma once

#include <string>
#include <vector>

#include "app/program/program.h"
#include "broker/runs.h"
#include "engine/engine.h"

/// Runs and applications in the words people read.
namespace mesg::broker {

class Partition;

/// "chain.transfer", "result of mail.send", "0 9 1 * *", "manual"
std::string TextOf(const app::Trigger& trigger);

/// What one partition knows of a version of an application.
struct PartOfApplication {
  engine::ApplicationPtr application;
  std::vector<WorkflowView> workflows;
  std::uint64_t open_runs = 0;
};
Result<std::vector<PartOfApplication>> LookAtApplications(const engine::Engine& engine);
/// Adds what a partition knows to what others know.
void Combine(const PartOfApplication& part, ApplicationView& into);

/// A run with the steps that are under way, in the order of their numbers; `run` is null when there
/// is none. In the partition's turn.
Result<RunView> LookAtRun(const Partition& partition, const engine::RunId& id);
/// A step that has ended.
StepView ViewOf(const engine::StepRecord& record, const app::Program& program,
                const engine::Run& run);

}  // namespace mesg::broker
