#pragma once

#include "cli/context.h"
#include "mesg/v1/runs.pb.h"

namespace mesg::cli {

/// Everything that is known of a run, for a person: what it is, what it waits for, and each step
/// inside the one it belongs to, with its times, attempts, inputs and output. Long data is cut on a
/// terminal, unless `full`.
void PrintRunStory(const ::mesg::v1::Run& run, bool full, Context& context);

/// A table of runs.
void PrintRuns(const google::protobuf::RepeatedPtrField<::mesg::v1::Run>& runs, Context& context);

/// "✓", "✗" and the like, coloured for the output.
std::string StepMark(::mesg::v1::StepState state, const Terminal& terminal);

/// The colour of a step's state.
Style StepColour(::mesg::v1::StepState state);

}  // namespace mesg::cli
