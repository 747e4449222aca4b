#include "cli/run_lines.h"

#include <algorithm>
#include <vector>

#include "cli/human.h"
#include "cli/json_text.h"
#include "cli/run_story.h"
#include "cli/runs.h"
#include "cli/table.h"

namespace mesg::cli {
namespace {

using v1::Run;
using Step = Run::Step;

constexpr std::size_t kNameWidth = 14;
constexpr std::size_t kStateWidth = 12;

std::string Compact(const std::string& json) {
  if (json.empty() || json == "null") return "";
  return CompactJson(json).value_or(json);
}

/// What is inside of it says what it does.
bool IsContainer(const Step& step) {
  return step.action() == "if" || step.action() == "switch" || step.action() == "parallel" ||
         step.action() == "foreach";
}

std::string NameOf(const Step& step) {
  if (step.purpose() == "compensate") return "undo " + StepName(step);
  return StepName(step);
}

/// What somebody who looks on wants to know of a step under way; "" for nothing.
std::string OpenText(const Step& step) {
  if (!step.waiting_for().empty() && !IsContainer(step)) return "waits for " + step.waiting_for();
  if (step.attempt() <= 1 || step.attempts().empty()) return "";
  return fmt::format("attempt {}, before: {}", step.attempt(),
                     step.attempts(step.attempts_size() - 1).reason());
}

}  // namespace

void RunLines::Show(const Run& run) {
  Known& known = runs_[run.id()];
  if (run.steps().empty() || run.steps_cut()) {
    // Changes of an application's runs come without their steps, and long ones with a part of them.
    if (auto whole = GetWholeRun(run.id(), known.settled, context_)) {
      // The run itself may have moved on since: how it is now comes as a change of its own.
      whole->set_state(run.state());
      whole->set_ended_us(run.ended_us());
      whole->set_error(run.error());
      return ShowWhole(*whole, known);
    }
  }
  ShowWhole(run, known);
}

void RunLines::ShowWhole(const Run& run, Known& known) {
  if (!known.begun) {
    known.begun = true;
    Line(run.created_us(), run.id(), run.workflow(), Style::kCyan, "started",
         fmt::format("by {} {}", run.trigger().empty() ? "hand" : run.trigger(),
                     Compact(run.data())));
  }
  ShowSteps(run, known);
  if (!HasEnded(run.state())) return;
  const std::string state = StateName(run.state());
  Line(run.ended_us(), run.id(), run.workflow(), StateColour(state), state,
       fmt::format("{}  {}",
                   HumanDuration(std::max<std::int64_t>(run.ended_us() - run.created_us(), 0)),
                   run.error()));
  runs_.erase(run.id());
}

void RunLines::ShowSteps(const Run& run, Known& known) {
  std::vector<const Step*> steps;
  for (const Step& step : run.steps()) {
    if (step.number() > known.settled) steps.push_back(&step);
  }
  // As they ended; those under way come last.
  std::ranges::stable_sort(steps, {}, [](const Step* step) {
    return step->ended_us() == 0 ? INT64_MAX : step->ended_us();
  });
  for (const Step* step : steps) ShowStep(run, *step, known);
  while (!known.ended.empty() && known.ended.begin()->first == known.settled + 1) {
    ++known.settled;
    known.ended.erase(known.ended.begin());
  }
}

void RunLines::ShowStep(const Run& run, const Step& step, Known& known) {
  if (!HasEnded(step.state())) {
    const std::string text = OpenText(step);
    std::string& before = known.open[step.number()];
    if (text.empty() || text == before) return;
    before = text;
    const std::int64_t time =
        step.waiting_since_us() == 0 ? step.started_us() : step.waiting_since_us();
    return Line(time, run.id(), NameOf(step), Style::kCyan, "…", text);
  }
  if (!known.ended.emplace(step.number(), true).second) return;
  known.open.erase(step.number());
  const std::string result = step.error().empty() ? Compact(step.output()) : step.error();
  Line(step.ended_us(), run.id(), NameOf(step), StepColour(step.state()), StateName(step.state()),
       fmt::format("{}  {}",
                   HumanDuration(std::max<std::int64_t>(step.ended_us() - step.started_us(), 0)),
                   IsContainer(step) && step.error().empty() ? "" : result));
}

void RunLines::Line(std::int64_t time, const std::string& id, std::string_view name, Style style,
                    std::string_view state, std::string_view rest) {
  Terminal& terminal = context_.terminal();
  const auto& traits = terminal.traits();
  const auto padded = [](std::string text, std::size_t width) {
    const std::size_t shown = ShownWidth(text);
    if (shown < width) text.append(width - shown, ' ');
    return text;
  };
  const bool cut = traits.output_is_terminal && traits.width > 0;
  const std::string begin = fmt::format("{}  {}", ClockTime(time), ShortId(id));
  const std::string who = padded(cut ? Shorten(name, kNameWidth) : Harmless(name), kNameWidth);
  const std::string how = padded(std::string(state), kStateWidth);
  std::string end = Harmless(rest);
  const std::size_t used = ShownWidth(begin) + ShownWidth(who) + ShownWidth(how) + 4;
  if (cut) end = Shorten(end, traits.width > used + 8 ? traits.width - used : 8);
  std::string line = fmt::format("{}  {}  {}{}", terminal.ForOutput(Style::kDim, begin), who,
                                 terminal.ForOutput(style, how), end);
  line.erase(line.find_last_not_of(' ') + 1);
  terminal.Print(line);
}

}  // namespace mesg::cli
