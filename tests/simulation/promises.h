#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/simulation/node.h"
#include "tests/simulation/run.h"

namespace mesg::simulation {

/// What Core has promised to anybody so far, and whether it keeps it. A plain model: it knows the
/// guarantees, not how they are kept.
class Promises {
 public:
  Promises(Run& run, Duration dedup_window) : run_(run), window_(dedup_window) {}

  // ---- Events ----

  /// An event was acknowledged at this place; it was first asked for at `requested`.
  void Event(std::size_t partition, const std::string& name, std::uint64_t sequence,
             const engine::NewEvent& event, bool duplicate, TimePoint requested);
  /// Somebody was shown this entry.
  void Shown(std::size_t partition, const HistoryEntry& entry);

  // ---- Executions ----

  void Created(const std::string& name, const std::string& key, const engine::Created& created,
               TimePoint requested);
  void Delivered(const Execution& execution, std::uint32_t attempt);
  /// The worker says that it did not perform what was delivered to it.
  void GivenBack(const ExecutionId& id, std::uint32_t attempt);
  /// A worker has said, and Core may or may not have heard, that the attempt failed.
  void SaidFailed(const ExecutionId& id, std::uint32_t attempt);
  /// An answer was accepted.
  void Accepted(const ExecutionId& id, const std::string& output);
  /// Somebody who waited was told this.
  void Ended(const Execution& execution);
  /// Somebody asked to retry, drop, resolve or cancel it; heard or not.
  void Handled(const ExecutionId& id) { handled_.insert(id); }

  std::vector<ExecutionId> Known() const;

  /// Nothing is open any more and nothing goes wrong: is everything there?
  void CheckAll(const Node& node);

 private:
  struct Promised {
    std::uint32_t delivered = 0;  // The last attempt that was handed out and not given back.
    std::set<std::uint32_t> said_failed;
    bool acknowledged = false;
    std::optional<std::string> accepted;
    std::optional<std::string> ended;
  };
  struct Id {
    std::uint64_t sequence = 0;
    TimePoint time{};
  };
  static std::string OutcomeOf(const Execution& execution);
  void CheckHistory(const Node& node, std::size_t partition);
  void CheckExecution(const Node& node, const ExecutionId& id, const Promised& promised);
  void CheckDeadLetters(const Node& node, std::size_t partition);
  void CheckOnce(const Execution& execution, std::uint32_t attempt, const Promised& promised);

  Run& run_;
  const Duration window_;
  std::vector<std::map<std::uint64_t, std::string>> entries_;  // By partition and sequence.
  std::map<std::pair<std::string, std::string>, Id> event_ids_;
  std::map<std::pair<std::string, std::string>, std::pair<ExecutionId, TimePoint>> keys_;
  std::map<ExecutionId, Promised> executions_;
  std::set<ExecutionId> handled_;
};

/// Every entry of a partition's durable history.
std::vector<HistoryEntry> ReadAll(const Node& node, std::size_t partition);

}  // namespace mesg::simulation
