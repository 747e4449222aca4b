#include "app/check/loops.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "app/check/step_walk.h"

namespace mesg::app {
namespace {

// Something that workflows cause and that starts workflows: an event, results of a task, a run.
struct Signal {
  std::string cause;                     // "emits done"
  std::vector<std::size_t> starts = {};  // Workflows.
};

// One step of a circle: a workflow, what it causes, and which one that starts.
struct Link {
  std::size_t from;
  std::size_t signal;
  std::size_t to;
};

class Causes {
 public:
  explicit Causes(const ApplicationFile& file) : file_(file) {
    for (std::size_t i = 0; i < file.workflows.size(); ++i) AddTrigger(i);
    for (const Workflow& workflow : file.workflows) {
      auto& caused = caused_.emplace_back();
      ForEachStep(workflow, [&](const Step& step) {
        const auto found = by_name_.find(NameOf(step));
        if (found != by_name_.end()) caused.push_back(found->second);
      });
      std::ranges::sort(caused);
      caused.erase(std::unique(caused.begin(), caused.end()), caused.end());
    }
  }

  /// The shortest way from a workflow back to itself; empty when there is none.
  std::vector<Link> Circle(std::size_t start) const {
    std::map<std::size_t, Link> reached;  // By the workflow it leads to.
    std::map<std::size_t, bool> sent;     // Signals whose workflows have been reached.
    std::deque<std::size_t> next = {start};
    while (!next.empty() && !reached.contains(start)) {
      const std::size_t at = next.front();
      next.pop_front();
      for (const std::size_t signal : caused_[at]) {
        if (!sent.emplace(signal, true).second) continue;
        for (const std::size_t to : signals_[signal].starts) {
          if (reached.emplace(to, Link{at, signal, to}).second) next.push_back(to);
        }
      }
    }
    std::vector<Link> circle;
    if (!reached.contains(start)) return circle;
    std::size_t at = start;
    do {
      circle.push_back(reached.at(at));
      at = circle.back().from;
    } while (at != start);
    std::ranges::reverse(circle);
    return circle;
  }

  /// "first emits next, which starts second"
  std::string Describe(const Link& link) const {
    const std::string& from = file_.workflows[link.from].key;
    const std::string& to = file_.workflows[link.to].key;
    const std::string& cause = signals_[link.signal].cause;
    if (file_.workflows[link.to].on.kind == Trigger::Kind::kManual) {
      return fmt::format("{} {}", from, cause);
    }
    return fmt::format("{} {}, which starts {}", from, cause, to);
  }

 private:
  void AddTrigger(std::size_t index) {
    const Workflow& workflow = file_.workflows[index];
    const Reference& on = workflow.on.reference;
    switch (workflow.on.kind) {
      case Trigger::Kind::kEvent:
        if (file_.IsOwn(on)) Add("event " + on.key, "emits " + on.key, index);
        break;
      case Trigger::Kind::kResult:
        Add(ResultOf(on), fmt::format("performs {}.{}", on.alias, on.key), index);
        break;
      case Trigger::Kind::kManual:
        Add("workflow " + workflow.key, "runs " + workflow.key, index);
        break;
      case Trigger::Kind::kSchedule:
        break;
    }
  }

  void Add(const std::string& name, std::string cause, std::size_t starts) {
    const auto [found, fresh] = by_name_.emplace(name, signals_.size());
    if (fresh) signals_.push_back({.cause = std::move(cause)});
    signals_[found->second].starts.push_back(starts);
  }

  // Two aliases may stand for one service.
  std::string ResultOf(const Reference& task) const {
    const ServiceUse* const service = file_.FindService(task.alias);
    return fmt::format("result {} {}", service == nullptr ? task.alias : service->use, task.key);
  }

  std::string NameOf(const Step& step) const {
    if (const auto* task = std::get_if<TaskStep>(&step.action)) return ResultOf(task->task);
    if (const auto* emit = std::get_if<EmitStep>(&step.action)) return "event " + emit->event;
    if (const auto* run = std::get_if<RunStep>(&step.action)) return "workflow " + run->workflow;
    return {};
  }

  const ApplicationFile& file_;
  std::vector<Signal> signals_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::vector<std::vector<std::size_t>> caused_;  // Signals, by workflow.
};

}  // namespace

void WarnOfLoops(const ApplicationFile& file, Findings& findings) {
  const Causes causes(file);
  std::vector<bool> told(file.workflows.size(), false);
  for (std::size_t i = 0; i < file.workflows.size() && !findings.HasAllWarnings(); ++i) {
    if (told[i]) continue;
    const std::vector<Link> circle = causes.Circle(i);
    if (circle.empty()) continue;
    std::string story;
    for (const Link& link : circle) {
      if (!story.empty()) story += "; ";
      story += causes.Describe(link);
      told[link.to] = true;
    }
    findings.Warn(file.workflows[i].on.place, fmt::format("this may go on without end: {}", story));
  }
}

}  // namespace mesg::app
