#include "cli/runs.h"

#include <algorithm>

#include "base/encoding.h"
#include "cli/filters.h"
#include "cli/watch.h"

namespace mesg::cli {
namespace {

using v1::Run;

constexpr std::size_t kShort = 6;
/// Whole ids are 16 bytes in base58.
constexpr std::size_t kWhole = 20;
/// Among how many of the latest runs the end of an id is looked for.
constexpr std::uint32_t kLatest = 1000;
/// What one person may want to see of one run.
constexpr int kMostSteps = 100'000;

std::string WithoutPrefix(std::string_view name, std::string_view prefix) {
  return Words(name.starts_with(prefix) ? name.substr(prefix.size()) : name);
}

Result<v1::RunState> ParseState(const std::string& word) {
  std::vector<std::string> names;
  for (int number = v1::RUN_QUEUED; number <= v1::RUN_CANCELLED; ++number) {
    names.push_back(StateName(static_cast<v1::RunState>(number)));
    if (names.back() == word) return static_cast<v1::RunState>(number);
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string_view nearest = Nearest(word, candidates);
  return WrongUsage(InvalidArgument(
      "--state must be queued, running, compensating, completed, failed or cancelled, got \"{}\"{}",
      word, nearest.empty() ? std::string() : fmt::format(": did you mean \"{}\"?", nearest)));
}

}  // namespace

std::string StateName(v1::RunState state) {
  return WithoutPrefix(v1::RunState_Name(state), "RUN_");
}
std::string StateName(v1::StepState state) {
  return WithoutPrefix(v1::StepState_Name(state), "STEP_");
}

bool HasEnded(v1::RunState state) {
  return state == v1::RUN_COMPLETED || state == v1::RUN_FAILED || state == v1::RUN_CANCELLED;
}
bool HasEnded(v1::StepState state) {
  return state != v1::STEP_RUNNING && state != v1::STEP_STATE_UNSPECIFIED;
}

std::string StepName(const Run::Step& step) {
  if (!step.id().empty()) return step.id();
  if (step.action() == "task" && !step.what().empty()) return step.what();
  return step.what().empty() ? step.action() : fmt::format("{} {}", step.action(), step.what());
}

std::string ShortId(const std::string& id) {
  return id.size() <= kShort ? id : id.substr(id.size() - kShort);
}

Result<std::string> FindRun(const std::string& text, Context& context) {
  if (text.size() >= kWhole) return text;
  v1::ListRunsRequest request;
  request.mutable_page()->set_size(kLatest);
  const v1::ListRunsResponse list = MESG_TRY(context.client().ListRuns(request));
  std::vector<std::string> found;
  for (const Run& run : list.runs()) {
    if (run.id() == text) return text;
    if (run.id().ends_with(text)) found.push_back(run.id());
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return NotFound(
        "none of the latest {} runs has an id that ends with \"{}\": see `mesg run list`",
        list.runs_size(), text);
  }
  return InvalidArgument(
      "{} runs have an id that ends with \"{}\", like {} and {}: give more of it", found.size(),
      text, found[0], found[1]);
}

Result<std::vector<std::string>> FindRuns(const std::vector<std::string>& texts, Context& context) {
  std::vector<std::string> ids;
  for (const std::string& text : texts) ids.push_back(MESG_TRY(FindRun(text, context)));
  return ids;
}

Result<Run> GetWholeRun(const std::string& id, std::uint64_t after_step, Context& context) {
  v1::GetRunRequest request;
  request.set_id(id);
  request.set_after_step(after_step);
  Run run = MESG_TRY(context.client().GetRun(request));
  while (run.steps_cut() && run.steps_size() > 0 && run.steps_size() < kMostSteps) {
    request.set_after_step(run.steps(run.steps_size() - 1).number());
    Run next = MESG_TRY(context.client().GetRun(request));
    for (Run::Step& step : *next.mutable_steps()) *run.add_steps() = std::move(step);
    run.set_steps_cut(next.steps_cut() && next.steps_size() > 0);
  }
  return run;
}

Result<void> FollowRuns(Context& context, const v1::WatchRunsRequest& request,
                        const std::function<bool(const Run&)>& on_run) {
  return KeepConnected(context, [&](const std::function<void()>& ready) -> Result<bool> {
    // Asked first: a stream of changes does not say that it has begun.
    if (!request.id().empty()) {
      v1::GetRunRequest get;
      get.set_id(request.id());
      MESG_TRY(context.client().GetRun(get));
    } else if (!request.application().empty()) {
      MESG_TRY(context.client().GetApplication(request.application()));
    } else {
      MESG_TRY(context.client().Status());
    }
    ready();
    bool over = false;
    const auto once = [&](const Run& run) {
      over = !on_run(run) || (!request.id().empty() && HasEnded(run.state()));
      return !over;
    };
    MESG_TRY(context.client().WatchRuns(request, once, context.stop()));
    return over;
  });
}

std::vector<Option> RunFilterOptions() {
  return {{"--app", "APP", "Only of this application"},
          {"--workflow", "WORKFLOW", "Only of this workflow"},
          {"--state", "STATE", "Only in this state, like running or failed", true},
          {"--failed", "", "The same as --state failed"},
          {"--since", "TIME", "Started since: 2024-05-01T10:00:00Z, or how long ago, like 2h"}};
}

Result<v1::RunFilter> RunFilterFrom(const Arguments& arguments, Context& context) {
  v1::RunFilter filter;
  filter.set_application(arguments.Get("--app"));
  filter.set_workflow(arguments.Get("--workflow"));
  for (const std::string& word : arguments.All("--state")) {
    filter.add_states(MESG_TRY(ParseState(word)));
  }
  if (arguments.Has("--failed")) filter.add_states(v1::RUN_FAILED);
  if (arguments.Has("--since")) {
    Result<std::int64_t> since = ParseWhen(arguments.Get("--since"), context.Now());
    if (!since) return WrongUsage(std::move(since).error());
    filter.set_after_us(*since);
  }
  return filter;
}

}  // namespace mesg::cli
