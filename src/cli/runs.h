#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/context.h"
#include "mesg/v1/runs.pb.h"

namespace mesg::cli {

/// What the commands that concern runs share.

/// "compensating" of RUN_COMPENSATING.
std::string StateName(::mesg::v1::RunState state);
/// "caught" of STEP_CAUGHT.
std::string StateName(::mesg::v1::StepState state);
bool HasEnded(::mesg::v1::RunState state);
bool HasEnded(::mesg::v1::StepState state);

/// How a person knows a step: its id, else what it is about, else what it does.
std::string StepName(const ::mesg::v1::Run::Step& step);

/// The last characters of a run's id, which FindRun takes: the first ones are the same for runs of
/// one time.
std::string ShortId(const std::string& id);

/// The id that is meant by one, or by the end of one as ShortId gives it. NotFound when none of the
/// latest runs ends so, InvalidArgument when several do. A whole id is not looked up.
Result<std::string> FindRun(const std::string& text, Context& context);
Result<std::vector<std::string>> FindRuns(const std::vector<std::string>& texts, Context& context);

/// With every step that began behind `after_step`.
Result<::mesg::v1::Run> GetWholeRun(const std::string& id, std::uint64_t after_step,
                                    Context& context);

/// Hears a run until it has ended, or the runs of an application (or of all) until the stop. Goes
/// on when the connection to Core ends. `on_run` returns false when it needs no more.
Result<void> FollowRuns(Context& context, const ::mesg::v1::WatchRunsRequest& request,
                        const std::function<bool(const ::mesg::v1::Run&)>& on_run);

/// --app, --workflow, --state, --failed, --since.
std::vector<Option> RunFilterOptions();
Result<::mesg::v1::RunFilter> RunFilterFrom(const Arguments& arguments, Context& context);

}  // namespace mesg::cli
