#include "tests/simulation/helper.h"

#include <utility>

#include "tests/simulation/applications.h"

namespace mesg::simulation {

Helper::Helper(Run& run, Node& node) : run_(run), node_(node) {
  node_.on_evaluate_step = [this](std::size_t partition, engine::EvaluateStep asked) {
    Take({partition, std::move(asked)});
  };
  node_.on_evaluate_trigger = [this](std::size_t partition, engine::EvaluateTrigger asked) {
    Take({partition, std::move(asked)});
  };
}

void Helper::Take(Job job) {
  job.life = node_.Life();
  if (!run_.calm && run_.random.Percent(6)) {
    run_.faults.Add(Fault::kHelperSilent);
    job.silent = true;
  }
  jobs_.push_back(std::move(job));
}

void Helper::Act() {
  // What it was asked by a Core that is dead it tells nobody.
  std::erase_if(jobs_, [this](const Job& job) { return job.life != node_.Life(); });
  if (jobs_.empty()) return;
  const std::size_t which = run_.random.Below(jobs_.size());
  // Never, in this life: who is calm waits for everything.
  if (jobs_[which].silent && !run_.calm) return;
  if (which > 0) run_.faults.Add(Fault::kHelperOutOfOrder);
  const Job job = std::move(jobs_[which]);
  jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(which));
  Answer(job);
}

void Helper::Answer(const Job& job) {
  if (const auto* step = std::get_if<engine::EvaluateStep>(&job.asked)) {
    AnswerStep(job.partition, *step);
  } else {
    AnswerTrigger(job.partition, std::get<engine::EvaluateTrigger>(job.asked));
  }
}

void Helper::AnswerStep(std::size_t partition, const engine::EvaluateStep& asked) {
  engine::StepEvaluated answer{asked.run, asked.visit, asked.attempt, std::vector<app::Value>()};
  const std::uint64_t what = run_.calm ? 100 : run_.random.Below(100);
  if (what < 12) {
    run_.faults.Add(Fault::kHelperAway);
    answer.answers = Unavailable("the helper is not there");
  } else if (what < 22) {
    run_.faults.Add(Fault::kHelperFails);
    answer.answers = InvalidArgument("the helper cannot evaluate it");
  } else {
    for (std::size_t i = 0; i < asked.calls.size(); ++i) {
      answer.answers->push_back(app::Value::Of(
          app::Value::List{app::Value::Of(std::int64_t{1}), app::Value::Text("two")}));
    }
  }
  run_.Say("helper: step {} of {}: {}", asked.visit, asked.run.Text(),
           answer.answers ? "a value" : answer.answers.error().message);
  node_.Submit(partition,
               [answer](broker::Partition& core, TimePoint now) { core.Submit(answer, {}, now); });
}

void Helper::AnswerTrigger(std::size_t partition, const engine::EvaluateTrigger& asked) {
  const std::uint64_t number = NumberIn(asked.call.input.Json());
  Result<app::Value> verdict = app::Value::Boolean(number % 3 == 0);
  if (!run_.calm && run_.random.Percent(12)) {
    run_.faults.Add(Fault::kHelperAway);
    verdict = Unavailable("the helper is not there");
  } else if (number % 3 == 2) {
    verdict = InvalidArgument("the helper cannot evaluate it");
  }
  run_.Say("helper: {}.{} of {}: {}", partition, asked.sequence, asked.workflow,
           verdict ? verdict->Json() : verdict.error().message);
  engine::TriggerEvaluated answer{asked.application, asked.version, asked.workflow, asked.sequence,
                                  verdict};
  node_.Submit(partition,
               [answer](broker::Partition& core, TimePoint now) { core.Submit(answer, {}, now); });
}

}  // namespace mesg::simulation
