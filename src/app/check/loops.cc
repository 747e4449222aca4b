#include "app/check/loops.h"

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "app/check/step_walk.h"

namespace mesg::app {
namespace {

// What a workflow does that starts another one.
struct Cause {
  std::size_t workflow;  // The one it starts.
  std::string what;      // "emits done, which starts next"
};

class Causes {
 public:
  explicit Causes(const ApplicationFile& file) : file_(file) {
    for (const Workflow& workflow : file.workflows) {
      auto& causes = causes_.emplace_back();
      ForEachStep(workflow, [&](const Step& step) { Add(step, causes); });
    }
  }

  /// The shortest way from a workflow back to itself; empty when there is none.
  std::vector<Cause> Circle(std::size_t start) const {
    struct Visit {
      std::size_t from;
      const Cause* cause;
    };
    std::vector<std::optional<Visit>> visits(causes_.size());
    std::deque<std::size_t> next = {start};
    while (!next.empty() && !visits[start]) {
      const std::size_t at = next.front();
      next.pop_front();
      for (const Cause& cause : causes_[at]) {
        if (visits[cause.workflow]) continue;
        visits[cause.workflow] = Visit{at, &cause};
        next.push_back(cause.workflow);
      }
    }
    std::vector<Cause> circle;
    if (!visits[start]) return circle;
    std::size_t at = start;
    do {
      const Visit& visit = *visits[at];
      circle.insert(circle.begin(), *visit.cause);
      at = visit.from;
    } while (at != start);
    return circle;
  }

 private:
  void Add(const Step& step, std::vector<Cause>& into) const {
    for (std::size_t i = 0; i < file_.workflows.size(); ++i) {
      const Workflow& other = file_.workflows[i];
      const Reference& on = other.on.reference;
      if (const auto* task = std::get_if<TaskStep>(&step.action)) {
        if (other.on.kind != Trigger::Kind::kResult || task->task.key != on.key) continue;
        if (!IsSame(task->task.alias, on.alias)) continue;
        into.push_back(
            {i, fmt::format("performs {}.{}, which starts {}", on.alias, on.key, other.key)});
      } else if (const auto* emit = std::get_if<EmitStep>(&step.action)) {
        if (other.on.kind != Trigger::Kind::kEvent || !file_.IsOwn(on)) continue;
        if (emit->event == on.key)
          into.push_back({i, fmt::format("emits {}, which starts {}", on.key, other.key)});
      } else if (const auto* run = std::get_if<RunStep>(&step.action)) {
        if (run->workflow == other.key) into.push_back({i, fmt::format("runs {}", other.key)});
      }
    }
  }

  // Two names may stand for one service.
  bool IsSame(const std::string& alias, const std::string& other) const {
    if (alias == other) return true;
    const ServiceUse* const one = file_.FindService(alias);
    const ServiceUse* const two = file_.FindService(other);
    return one != nullptr && two != nullptr && one->use == two->use;
  }

  const ApplicationFile& file_;
  std::vector<std::vector<Cause>> causes_;
};

}  // namespace

void WarnOfLoops(const ApplicationFile& file, Findings& findings) {
  const Causes causes(file);
  std::vector<bool> told(file.workflows.size(), false);
  for (std::size_t i = 0; i < file.workflows.size(); ++i) {
    if (told[i]) continue;
    const std::vector<Cause> circle = causes.Circle(i);
    if (circle.empty()) continue;
    std::string story;
    std::size_t from = i;
    for (const Cause& cause : circle) {
      if (!story.empty()) story += "; ";
      story += fmt::format("{} {}", file.workflows[from].key, cause.what);
      from = cause.workflow;
      told[from] = true;
    }
    findings.Warn(file.workflows[i].on.place, fmt::format("this may go on without end: {}", story));
  }
}

}  // namespace mesg::app
