#include "broker/filter.h"

#include <algorithm>

namespace mesg::broker {

bool Filter::Matches(const HistoryEntry& entry, const Execution* result) const {
  return results == entry.IsResult() && (name.empty() || name == entry.source->name) &&
         (key.empty() || key == entry.key) && MatchesRest(entry, result);
}

bool Filter::MatchesRest(const HistoryEntry& entry, const Execution* result) const {
  if (!service_hash.empty() && service_hash != entry.source->service_hash) return false;
  if (!instance_hash.empty() && instance_hash != entry.source->instance_hash) return false;
  if (!results) {
    return std::ranges::all_of(
        predicates, [&](const Predicate& predicate) { return predicate.Matches(entry.data); });
  }
  if (result == nullptr || !result->outcome) return false;
  if (!output_key.empty() && output_key != result->outcome->output_key) return false;
  for (const std::string& tag : tags) {
    if (std::ranges::find(result->tags, tag) == result->tags.end()) return false;
  }
  if (predicates.empty()) return true;
  // A failure has no outputs for a predicate to hold on.
  return !result->outcome->outputs.empty() &&
         std::ranges::all_of(predicates, [&](const Predicate& predicate) {
           return predicate.Matches(result->outcome->outputs);
         });
}

}  // namespace mesg::broker
