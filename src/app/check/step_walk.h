#pragma once

#include <utility>
#include <variant>

#include "app/file/application_file.h"

namespace mesg::app {

/// Calls `visit(const Steps&)` for each list of steps that is a part of what the step does: neither
/// its catch nor what undoes it.
template <typename Visit>
void ForEachWay(const Step& step, Visit&& visit) {
  if (const auto* branch = std::get_if<BranchStep>(&step.action)) {
    visit(branch->then);
    visit(branch->otherwise);
  } else if (const auto* way = std::get_if<SwitchStep>(&step.action)) {
    for (const auto& [key, steps] : way->cases) visit(steps);
    visit(way->otherwise);
  } else if (const auto* parallel = std::get_if<ParallelStep>(&step.action)) {
    for (const Steps& steps : parallel->branches) visit(steps);
  } else if (const auto* each = std::get_if<ForeachStep>(&step.action)) {
    visit(each->steps);
  }
}

/// Calls `visit(const Step&)` for each, and for each inside of it, in the order of the file.
template <typename Visit>
void ForEachStep(const Steps& steps, Visit&& visit) {
  for (const Step& step : steps) {
    visit(step);
    ForEachWay(step, [&](const Steps& inner) { ForEachStep(inner, visit); });
    ForEachStep(step.on_error, visit);
    ForEachStep(step.compensation, visit);
  }
}
template <typename Visit>
void ForEachStep(const Workflow& workflow, Visit&& visit) {
  ForEachStep(workflow.steps, visit);
  ForEachStep(workflow.on_error, visit);
}

}  // namespace mesg::app
