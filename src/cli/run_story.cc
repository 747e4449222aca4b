#include "cli/run_story.h"

#include <algorithm>
#include <ctime>
#include <map>
#include <tuple>
#include <vector>

#include "cli/human.h"
#include "cli/json_text.h"
#include "cli/runs.h"
#include "cli/show.h"
#include "cli/table.h"

namespace mesg::cli {
namespace {

using v1::Attempt;
using v1::Run;
using Step = Run::Step;

/// Lines of one value on a terminal, beyond which only --full shows them.
constexpr std::size_t kMostLines = 6;
constexpr std::size_t kIndent = 2;
/// Steps beyond this depth stand as deep: the rest of a line is for what they do.
constexpr std::size_t kDeepest = 12;

std::string_view MarkOf(v1::StepState state) {
  switch (state) {
    case v1::STEP_COMPLETED:
      return "✓";
    case v1::STEP_FAILED:
      return "✗";
    case v1::STEP_CAUGHT:
      return "!";
    case v1::STEP_SKIPPED:
      return "·";
    case v1::STEP_CANCELLED:
      return "–";
    default:
      return "▸";
  }
}

/// The local time of day, with the date when it is not that of `beside`.
std::string TimeOf(std::int64_t micros, std::int64_t beside) {
  const auto day = [](std::int64_t time) {
    const std::time_t seconds = static_cast<std::time_t>(time / 1'000'000);
    std::tm local{};
    localtime_r(&seconds, &local);
    return std::pair(fmt::format("{:02}-{:02} ", local.tm_mon + 1, local.tm_mday), local.tm_year);
  };
  const std::string clock = ClockTime(micros).substr(0, 8);
  return day(micros) == day(beside) ? clock : day(micros).first + clock.substr(0, 5);
}

/// Writes a run's steps as a tree.
class Story {
 public:
  Story(const Run& run, bool full, Context& context)
      : run_(run),
        context_(context),
        terminal_(context.terminal()),
        whole_(full || !terminal_.traits().output_is_terminal || terminal_.traits().width == 0) {
    for (const Step& step : run.steps()) known_[step.number()] = &step;
    for (const Step& step : run.steps()) {
      // A parent on a page that was not read: shown at the top.
      children_[known_.contains(step.parent()) ? step.parent() : 0].push_back(&step);
    }
    for (auto& [parent, children] : children_) {
      std::ranges::stable_sort(children, {}, [this](const Step* step) { return Place(*step); });
    }
  }

  void Print() {
    for (const Step* step : children_[0]) Print(*step, 0);
  }

 private:
  /// Whether it is in a branch or an item of its parent, which are told apart by their number.
  bool HasLane(const Step& step) const {
    const auto parent = known_.find(step.parent());
    if (parent == known_.end() || step.purpose() != parent->second->purpose()) return false;
    const std::string& action = parent->second->action();
    return action == "parallel" || action == "foreach";
  }

  /// Among those beside it: branch by branch, else as they began. What catches and undoes is last.
  std::tuple<bool, std::uint32_t, std::uint64_t> Place(const Step& step) const {
    const bool lane = HasLane(step);
    const auto parent = known_.find(step.parent());
    const bool after = parent != known_.end() && step.purpose() != parent->second->purpose();
    return {after, lane ? step.lane() : 0, step.number()};
  }

  std::string Lane(const Step& step) const {
    return HasLane(step) ? fmt::format("[{}] ", step.lane()) : "";
  }

  std::string Title(const Step& step) const {
    std::string title = Lane(step);
    if (step.purpose() == "catch") title += "on error: ";
    if (step.purpose() == "compensate") title += "undo: ";
    title += StepName(step);
    if (!step.id().empty()) {
      const std::string what = step.action() == "task" ? "" : step.action() + " ";
      title += fmt::format("  {}{}", what, step.what());
    }
    title.erase(title.find_last_not_of(' ') + 1);
    return title;
  }

  /// "10:00:03   1.2 s", or how long it has been under way.
  std::string Times(const Step& step) const {
    if (step.started_us() == 0) return "";
    const bool open = step.ended_us() == 0;
    const std::int64_t until = open ? ToMicros(context_.Now()) : step.ended_us();
    const std::string took =
        HumanDuration(std::max<std::int64_t>(until - step.started_us(), 0)) + (open ? " …" : "");
    return fmt::format("{} {:>9}", TimeOf(step.started_us(), run_.created_us()), took);
  }

  void Print(const Step& step, std::size_t depth) {
    const std::size_t indent = kIndent * std::min(depth, kDeepest);
    PrintHead(step, indent);
    const std::size_t inner = indent + 4;
    Value("in", step.inputs(), inner);
    for (const Attempt& attempt : step.attempts()) {
      if (attempt.outcome() == Attempt::SUCCEEDED) continue;
      std::string text = Words(Attempt::Outcome_Name(attempt.outcome()));
      if (!attempt.reason().empty()) text += ": " + attempt.reason();
      if (!attempt.worker().empty()) text += fmt::format(" ({})", attempt.worker());
      Line(fmt::format("attempt {}", attempt.number()), text, Style::kYellow, inner);
    }
    Value("out", step.output(), inner);
    const Style bad = step.state() == v1::STEP_FAILED ? Style::kRed : Style::kYellow;
    if (!step.error().empty()) Line("error", step.error(), bad, inner);
    const bool of_interest = !HasEnded(step.state()) || step.state() == v1::STEP_FAILED;
    if (of_interest && !step.execution().empty()) {
      Line("see", "`mesg execution show " + step.execution() + "`", Style::kDim, inner);
    }
    if (!step.run().empty()) Line("see", "`mesg run show " + step.run() + "`", Style::kDim, inner);
    PrintWait(step, inner);
    const auto children = children_.find(step.number());
    if (children == children_.end()) return;
    for (const Step* child : children->second) Print(*child, depth + 1);
  }

  void PrintHead(const Step& step, std::size_t indent) const {
    std::string title = Title(step);
    const bool usual = step.state() == v1::STEP_COMPLETED || step.state() == v1::STEP_RUNNING;
    std::string state = usual ? "" : StateName(step.state());
    if (step.state() == v1::STEP_RUNNING && step.attempt() > 1) {
      state = fmt::format("attempt {}", step.attempt());
    }
    const std::string times = Times(step);
    const std::size_t width = terminal_.traits().width == 0 ? 80 : terminal_.traits().width;
    const std::size_t right = ShownWidth(times) + (state.empty() ? 0 : ShownWidth(state) + 2);
    const std::size_t room = width > indent + 2 + right + 2 ? width - indent - 2 - right - 2 : 8;
    if (!whole_) title = Shorten(title, room);
    title = Harmless(title);
    const std::size_t gap = room - std::min(room, ShownWidth(title)) + 2;
    const std::string name = step.state() == v1::STEP_SKIPPED
                                 ? terminal_.ForOutput(Style::kDim, title)
                                 : terminal_.ForOutput(Style::kBold, title);
    std::string line = fmt::format("{:{}}{} {}{:{}}", "", indent, StepMark(step.state(), terminal_),
                                   name, "", gap);
    if (!state.empty()) {
      line += terminal_.ForOutput(StepColour(step.state()), state) + (times.empty() ? "" : "  ");
    }
    line += terminal_.ForOutput(Style::kDim, times);
    line.erase(line.find_last_not_of(' ') + 1);
    terminal_.Print(line);
  }

  void PrintWait(const Step& step, std::size_t indent) const {
    if (step.waiting_for().empty() || HasEnded(step.state())) return;
    std::string text = step.waiting_for();
    if (step.waiting_since_us() != 0) {
      text +=
          fmt::format(", since {}", HumanDuration(std::max<std::int64_t>(
                                        ToMicros(context_.Now()) - step.waiting_since_us(), 0)));
    }
    Wrapped("waits for", text, Style::kCyan, indent);
    // Where Core has not said how already.
    const bool said = step.waiting_for().find("mesg run approve") != std::string::npos;
    if (step.action() != "approve" || said) return;
    const std::string which = fmt::format("{} --step {}", run_.id(), step.number());
    Line("", "`mesg run approve " + which + "`", Style::kPlain, indent);
    Line("", "`mesg run reject " + which + "`", Style::kPlain, indent);
  }

  static constexpr std::size_t kLabel = 9;

  void Line(std::string_view label, const std::string& text, Style style,
            std::size_t indent) const {
    const std::size_t used = indent + std::max(kLabel, label.size()) + 1;
    const std::size_t width = terminal_.traits().width;
    const std::string shown =
        whole_ || width <= used + 8 ? Harmless(text) : Shorten(text, width - used);
    terminal_.Print(fmt::format("{:{}}{} {}", "", indent,
                                terminal_.ForOutput(Style::kDim, fmt::format("{:<9}", label)),
                                terminal_.ForOutput(style, shown)));
  }

  /// The same for what must be read to its end.
  void Wrapped(std::string_view label, const std::string& text, Style style,
               std::size_t indent) const {
    const std::size_t used = indent + kLabel + 1;
    const std::size_t width = terminal_.traits().width;
    if (!terminal_.traits().output_is_terminal || width <= used + 8) {
      return Line(label, text, style, indent);
    }
    std::string rest = Harmless(text);
    while (!rest.empty()) {
      std::size_t end = rest.size();
      if (ShownWidth(rest) > width - used) {
        end = Shorten(rest, width - used).size() - std::string_view("…").size();
        const std::size_t blank = rest.rfind(' ', end);
        if (blank != std::string::npos && blank > 0) end = blank;
      }
      Line(label, rest.substr(0, end), style, indent);
      rest.erase(0, rest.find_first_not_of(' ', end));
      label = "";
    }
  }

  /// JSON on one line where it fits, else indented and, unless all is wanted, cut.
  void Value(std::string_view label, const std::string& json, std::size_t indent) const {
    if (json.empty() || json == "null") return;
    const std::string compact = CompactJson(json).value_or(json);
    const std::size_t used = indent + kLabel + 1;
    const std::size_t width = terminal_.traits().width;
    const bool terminal = terminal_.traits().output_is_terminal && width > used + 8;
    if (!terminal || ShownWidth(compact) <= width - used) {
      return Line(label, compact, Style::kPlain, indent);
    }
    std::string lines = IndentedJson(json).value_or(compact);
    for (std::size_t count = 0; !lines.empty(); ++count) {
      if (!whole_ && count == kMostLines) {
        const auto more = 1 + std::ranges::count(lines, '\n');
        return Line("", fmt::format("… {} more line{}: --full", more, more == 1 ? "" : "s"),
                    Style::kDim, indent);
      }
      const std::size_t end = std::min(lines.find('\n'), lines.size());
      Line(count == 0 ? label : "", lines.substr(0, end), Style::kPlain, indent);
      lines.erase(0, std::min(end + 1, lines.size()));
    }
  }

  const Run& run_;
  Context& context_;
  Terminal& terminal_;
  const bool whole_;
  std::map<std::uint64_t, const Step*> known_;
  std::map<std::uint64_t, std::vector<const Step*>> children_;
};

std::string Ago(std::int64_t micros, Context& context) {
  return micros == 0 ? "" : HumanTime(micros, context.Now());
}

std::string Took(const Run& run, Context& context) {
  if (run.created_us() == 0) return "-";
  const bool open = run.ended_us() == 0;
  const std::int64_t until = open ? ToMicros(context.Now()) : run.ended_us();
  return HumanDuration(std::max<std::int64_t>(until - run.created_us(), 0)) + (open ? " …" : "");
}

}  // namespace

Style StepColour(v1::StepState state) {
  switch (state) {
    case v1::STEP_COMPLETED:
      return Style::kGreen;
    case v1::STEP_FAILED:
      return Style::kRed;
    case v1::STEP_CAUGHT:
      return Style::kYellow;
    case v1::STEP_SKIPPED:
    case v1::STEP_CANCELLED:
      return Style::kDim;
    default:
      return Style::kCyan;
  }
}

std::string StepMark(v1::StepState state, const Terminal& terminal) {
  return terminal.ForOutput(StepColour(state), MarkOf(state));
}

void PrintRunStory(const Run& run, bool full, Context& context) {
  const std::string since = Ago(run.waiting_since_us(), context);
  PrintFields({{"Run", run.id()},
               {"Workflow", fmt::format("{} of {}", run.workflow(), run.application())},
               {"Version", run.application_hash()},
               {"State", StateName(run.state())},
               {"Started", fmt::format("{}, by {}", Ago(run.created_us(), context),
                                       run.trigger().empty() ? "hand" : run.trigger())},
               {"Took", HasEnded(run.state()) ? Took(run, context) : ""},
               {"Part of", run.parent_run().empty() ? "" : "run " + run.parent_run()},
               {"Waits for", run.waiting_for()},
               {"Waits since", run.waiting_for().empty() ? "" : since},
               {"Error", run.error()}},
              context);
  Terminal& terminal = context.terminal();
  if (!run.data().empty() && run.data() != "null") {
    terminal.Print("\n" + terminal.ForOutput(Style::kBold, "Started with"));
    terminal.Print(ShownJson(run.data(), context));
  }
  if (run.steps_size() > 0) {
    terminal.Print("\n" + terminal.ForOutput(Style::kBold, "Steps"));
    Story(run, full, context).Print();
  }
  if (run.steps_cut()) context.Tell("There are more steps than are shown here.");
  if (run.state() != v1::RUN_FAILED) return;
  const auto failed_to_undo = [](const Run::Step& step) {
    return step.purpose() == "compensate" && step.state() == v1::STEP_FAILED;
  };
  if (run.undone()) {
    const bool failed = std::ranges::any_of(run.steps(), failed_to_undo);
    context.Tell(fmt::format(
        "\n{}; `mesg run reset {} --from-start` begins it again.",
        failed ? "Not all of what it had done could be undone" : "What it had done was undone",
        run.id()));
    return;
  }
  if (run.steps_done() == 0 && run.steps().empty()) {
    context.Tell("\nIt never began, and cannot be retried: what started it has to come again.");
    return;
  }
  context.Tell(fmt::format(
      "\n`mesg run retry {}` goes on from the failed step, `mesg run reset {} --step STEP` from "
      "another.",
      run.id(), run.id()));
}

void PrintRuns(const google::protobuf::RepeatedPtrField<Run>& runs, Context& context) {
  const auto& traits = context.terminal().traits();
  const bool narrow = traits.output_is_terminal && traits.width > 0 && traits.width < 140;
  Table table({"ID", "APP", "WORKFLOW", "STATE", "STARTED", "TOOK", "WAITS FOR, OR ERROR"});
  table.Paint(3, StateColour);
  for (const Run& run : runs) {
    const std::string& why = run.error().empty() ? run.waiting_for() : run.error();
    table.Add({narrow ? ShortId(run.id()) : run.id(), run.application(), run.workflow(),
               StateName(run.state()), HumanTime(run.created_us(), context.Now()),
               Took(run, context), why.empty() ? "-" : why});
  }
  context.terminal().Print(table.Render(context.terminal()));
}

}  // namespace mesg::cli
