#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/event.h"
#include "model/execution.h"
#include "model/predicate.h"

namespace mesg::broker {

/// What a listener wants; empty fields mean "any".
struct Filter {
  bool results = false;               ///< Results of executions instead of events.
  std::string name;                   ///< Instance name.
  std::string service_hash;           ///< Only of this very definition.
  std::string instance_hash;          ///< Only of this very instance.
  std::string key;                    ///< Event key, or task key.
  std::string output_key;             ///< Results only.
  std::vector<std::string> tags;      ///< Results only: the execution has all of them.
  std::vector<Predicate> predicates;  ///< All hold, on event data or outputs.

  /// `result` is the execution behind a result entry, null for an event.
  bool Matches(const HistoryEntry& entry, const Execution* result) const;
  /// The rest, when name, kind and key are known to fit.
  bool MatchesRest(const HistoryEntry& entry, const Execution* result) const;
};

}  // namespace mesg::broker
