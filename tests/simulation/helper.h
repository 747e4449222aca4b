#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "tests/simulation/node.h"

namespace mesg::simulation {

/// The helper that evaluates expressions: late, out of order, away, or mistaken; and sometimes
/// never, until Core has died and asks again.
class Helper {
 public:
  Helper(Run& run, Node& node);
  void Act();

 private:
  struct Job {
    std::size_t partition = 0;
    std::variant<engine::EvaluateStep, engine::EvaluateTrigger> asked;
    std::uint64_t life = 0;
    bool silent = false;  ///< As long as the faults go on.
  };
  void Take(Job job);
  void Answer(const Job& job);
  void AnswerStep(std::size_t partition, const engine::EvaluateStep& asked);
  void AnswerTrigger(std::size_t partition, const engine::EvaluateTrigger& asked);

  Run& run_;
  Node& node_;
  std::vector<Job> jobs_;
};

}  // namespace mesg::simulation
