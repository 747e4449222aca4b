#include "app/graph/drawing.h"

#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/encoding.h"

namespace mesg::app {
namespace {

using Shape = Drawing::Shape;

/// Longer texts are cut: a box is to be read at a glance.
constexpr std::size_t kLongest = 48;

/// `text` on one line, as many whole characters of it as fit a box.
std::string Brief(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) continue;
    if (++characters > kLongest) return text.substr(0, at) + "…";
  }
  return text;
}

bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string WithoutOuterBrackets(std::string text) {
  if (!text.starts_with('(') || !text.ends_with(')')) return text;
  int depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    if (text[at] == '\\' && quoted) {
      ++at;
    } else if (text[at] == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      depth += text[at] == '(' ? 1 : text[at] == ')' ? -1 : 0;
    }
    if (depth == 0) return text;  // The first bracket is closed before the end.
  }
  return text.substr(1, text.size() - 2);
}

/// An expression as a person writes it: `.a.b` where the helper is given `.["a"]["b"]`.
std::string Source(const Expression& expression) {
  const std::string jq = expression.ToJq();
  std::string out;
  for (std::size_t at = 0; at < jq.size();) {
    const bool after_value =
        !out.empty() &&
        (IsWord(out.back()) || std::string_view(".])").find(out.back()) != std::string_view::npos);
    std::size_t end = at + 2;
    while (end < jq.size() && IsWord(jq[end])) ++end;
    const bool key = after_value && jq.compare(at, 2, "[\"") == 0 && end > at + 2 &&
                     jq.compare(end, 2, "\"]") == 0;
    if (!key) {
      out += jq[at++];
      continue;
    }
    if (out.back() != '.') out += '.';
    out += jq.substr(at + 2, end - at - 2);
    at = end + 2;
  }
  return WithoutOuterBrackets(std::move(out));
}

std::string Text(const Expression& expression) { return Brief(Source(expression)); }
std::string Text(const PlacedExpression& placed) { return Text(placed.expression); }

std::string Text(const Template& text) {
  std::vector<Value> parts;
  for (const Expression& part : text.Expressions()) {
    parts.push_back(Value::Text("${ " + Source(part) + " }"));
  }
  const Value whole = text.Fill(parts);
  return Brief(whole.kind() == Value::Kind::kString ? whole.text() : whole.Json());
}

std::string Text(const Reference& reference) { return reference.alias + "." + reference.key; }

/// Arrows that still look for the node they lead to.
struct Loose {
  std::size_t from;
  std::string label = {};
  bool dashed = false;
};
using Ways = std::vector<Loose>;

void Append(Ways& ways, Ways more) {
  ways.insert(ways.end(), std::make_move_iterator(more.begin()),
              std::make_move_iterator(more.end()));
}

/// Draws steps after each other: `in` are the ways that lead to a step, the result those that leave
/// it.
class Pen {
 public:
  Drawing Take() { return std::move(drawing_); }

  std::size_t Node(Shape shape, std::vector<std::string> lines, Ways in) {
    const std::size_t node = drawing_.nodes.size();
    drawing_.nodes.push_back({shape, std::move(lines), group_});
    for (Loose& way : in) {
      drawing_.edges.push_back({way.from, node, std::move(way.label), way.dashed});
    }
    return node;
  }

  Ways Sequence(const Steps& steps, Ways in) {
    for (const Step& step : steps) in = One(step, std::move(in));
    return in;
  }

 private:
  Ways One(const Step& step, Ways in) {
    Ways out;
    if (step.condition) {
      const std::size_t choice =
          Node(Shape::kChoice, {"if " + Text(*step.condition)}, std::move(in));
      in = {{choice, "yes"}};
      out = {{choice, "no"}};
    }
    step_ = &step;
    const std::size_t first = drawing_.nodes.size();
    Append(out,
           std::visit([&](const auto& action) { return Act(action, std::move(in)); }, step.action));
    if (!step.on_error.empty()) {
      Append(out, Sequence(step.on_error, {{first, "on error", true}}));
    }
    if (!step.compensation.empty()) {
      static_cast<void>(Sequence(step.compensation, {{first, "undone by", true}}));
    }
    return out;
  }

  /// What a step is called, and what it does.
  std::vector<std::string> Lines(std::string what) const {
    if (step_->id.empty()) return {Brief(std::move(what))};
    return {step_->id, Brief(std::move(what))};
  }
  Ways Box(Shape shape, std::string what, Ways in) {
    return {{Node(shape, Lines(std::move(what)), std::move(in))}};
  }

  Ways Act(const TaskStep& task, Ways in) {
    return Box(Shape::kBox, Text(task.task), std::move(in));
  }
  Ways Act(const SetStep&, Ways in) { return Box(Shape::kBox, "set", std::move(in)); }
  Ways Act(const EmitStep& emit, Ways in) {
    return Box(Shape::kBox, "emit " + emit.event, std::move(in));
  }
  Ways Act(const RunStep& run, Ways in) {
    return Box(Shape::kBox, "run " + run.workflow, std::move(in));
  }
  Ways Act(const WaitStep& wait, Ways in) {
    const auto* time = std::get_if<Duration>(&wait.until);
    return Box(Shape::kWait,
               time != nullptr ? "wait " + FormatDuration(*time)
                               : "wait until " + Text(std::get<PlacedExpression>(wait.until)),
               std::move(in));
  }
  Ways Act(const AwaitStep& await, Ways in) {
    std::string what = "await " + Text(await.event);
    if (await.timeout) what += ", at most " + FormatDuration(*await.timeout);
    return Box(Shape::kWait, std::move(what), std::move(in));
  }
  Ways Act(const ApproveStep& approve, Ways in) {
    std::string what = "approve";
    if (approve.by) what += " by " + Text(*approve.by);
    if (approve.timeout) what += ", within " + FormatDuration(*approve.timeout);
    return Box(Shape::kWait, std::move(what), std::move(in));
  }
  Ways Act(const StopStep& stop, Ways in) {
    Box(Shape::kEnd, stop.reason ? "stop: " + Text(*stop.reason) : "stop", std::move(in));
    return {};
  }
  Ways Act(const FailStep& fail, Ways in) {
    Box(Shape::kEnd, "fail: " + Text(fail.message), std::move(in));
    return {};
  }

  Ways Act(const BranchStep& branch, Ways in) {
    const std::size_t choice =
        Node(Shape::kChoice, Lines("if " + Text(branch.condition)), std::move(in));
    Ways out = Sequence(branch.then, {{choice, "yes"}});
    Append(out, Sequence(branch.otherwise, {{choice, "no"}}));
    return out;
  }
  Ways Act(const SwitchStep& choose, Ways in) {
    const std::size_t choice =
        Node(Shape::kChoice, Lines("switch " + Text(choose.value)), std::move(in));
    Ways out;
    for (const auto& [key, steps] : choose.cases) {
      Append(out, Sequence(steps, {{choice, Brief(key)}}));
    }
    Append(out, Sequence(choose.otherwise, {{choice, "else"}}));
    return out;
  }
  Ways Act(const ParallelStep& parallel, Ways in) {
    const std::size_t fork = Node(Shape::kBar, Lines("at once"), std::move(in));
    Ways out;
    for (const Steps& branch : parallel.branches) Append(out, Sequence(branch, {{fork}}));
    if (out.empty()) return out;
    const std::size_t all = parallel.branches.size();
    const std::string join = parallel.join == all ? "all of them"
                             : parallel.join == 1 ? "the first of them"
                                                  : fmt::format("{} of them", parallel.join);
    return {{Node(Shape::kBar, {join}, std::move(out))}};
  }
  Ways Act(const ForeachStep& foreach, Ways in) {
    std::string label = "foreach " + Text(foreach.items);
    if (foreach.concurrency > 1) label += fmt::format(", {} at once", foreach.concurrency);
    const std::size_t outer = std::exchange(group_, drawing_.groups.size());
    drawing_.groups.push_back(
        {step_->id.empty() ? std::move(label) : step_->id + ": " + label, outer});
    Ways out = Sequence(foreach.steps, std::move(in));
    group_ = outer;
    return out;
  }

  Drawing drawing_;
  const Step* step_ = nullptr;
  std::size_t group_ = Drawing::kNoGroup;
};

}  // namespace

std::string Describe(const Trigger& trigger) {
  switch (trigger.kind) {
    case Trigger::Kind::kEvent:
      return Text(trigger.reference);
    case Trigger::Kind::kResult:
      return fmt::format("result of {}{}", Text(trigger.reference),
                         trigger.output.empty() ? "" : ": " + trigger.output);
    case Trigger::Kind::kSchedule:
      return fmt::format("every {}{}", trigger.schedule,
                         trigger.timezone == "UTC" ? "" : " in " + trigger.timezone);
    case Trigger::Kind::kManual:
      return "manual";
  }
  return "";
}

Drawing Draw(const Workflow& workflow) {
  Pen pen;
  Ways ways = {{pen.Node(Shape::kEnd, {Brief(Describe(workflow.on))}, {})}};
  for (const auto* condition : {&workflow.on.condition, &workflow.condition}) {
    if (!*condition) continue;
    ways = {{pen.Node(Shape::kChoice, {"if " + Text(**condition)}, std::move(ways)), "yes"}};
  }
  ways = pen.Sequence(workflow.steps, std::move(ways));
  if (!ways.empty()) pen.Node(Shape::kEnd, {"done"}, std::move(ways));
  if (!workflow.on_error.empty()) {
    const std::size_t error = pen.Node(Shape::kEnd, {"when it failed"}, {});
    static_cast<void>(pen.Sequence(workflow.on_error, {{error, "", true}}));
  }
  return pen.Take();
}

}  // namespace mesg::app
