#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/filter.h"
#include "broker/sinks.h"
#include "engine/effect.h"

namespace mesg::broker {

using ListenerId = std::uint64_t;

/// The live listeners of one partition, and which of them an entry of the history concerns.
///
/// Found by hash on (kind, name, key), then on the value of one EQ predicate each; the other
/// filters of such a group are tested one by one. A listener whose sink has no room is taken out
/// and reported, to be caught up from the store; it never holds up the others.
///
/// Threads: one.
class Listeners {
 public:
  /// `next` is the sequence that comes next. `lagging` is told which listener was taken out, and
  /// from which sequence on it has to be caught up.
  using Lagging = std::function<void(ListenerId, std::uint64_t next)>;
  Listeners(engine::PartitionId partition, std::uint64_t next, Lagging lagging);
  ~Listeners();

  /// Adds a listener that has been told everything before `next`, and tells it what came since, as
  /// far as that is at hand, its sink has room, and it is not too much for one turn. Else it is not
  /// added, and has to be caught up from the answered sequence on, which may be behind `next`.
  std::optional<std::uint64_t> Add(ListenerId id,
                                   std::shared_ptr<const std::vector<Filter>> filters,
                                   std::shared_ptr<ListenerSink> sink, std::uint64_t next);
  void Remove(ListenerId id);

  /// `block` is durable. `results` has the executions behind its results.
  void Append(const std::shared_ptr<const HistoryBlock>& block,
              const std::unordered_map<ExecutionId, engine::ExecutionPtr>& results);

  /// Tells listeners that have heard nothing for a while how far the history is: the next `most` of
  /// them. True when all had their turn; the next call begins anew.
  bool PushProgress(std::size_t most);

  std::uint64_t Next() const { return next_; }
  std::size_t size() const { return listeners_.size(); }
  std::uint64_t Pushed() const { return pushed_; }

 private:
  struct Listener;
  struct Interest {
    Listener* listener;
    const Filter* filter;
  };
  struct EqIndex {
    JsonPath path;
    std::unordered_map<std::string, std::vector<Interest>> by_scalar;
    std::size_t size = 0;
  };
  struct Group {
    std::vector<Interest> plain;
    std::vector<EqIndex> by_path;
    bool empty() const { return plain.empty() && by_path.empty(); }
  };
  struct Recent {
    std::shared_ptr<const HistoryBlock> block;
    std::unordered_map<ExecutionId, engine::ExecutionPtr> results;
    std::size_t bytes;
  };

  static std::string GroupKey(bool results, std::string_view name, std::string_view key);
  static const Predicate* EqPredicate(const Filter& filter);
  void AddInterest(const Interest& interest);
  void RemoveInterest(const Interest& interest);
  void Offer(const Group& group, const HistoryEntry& entry, const engine::ExecutionPtr& result);
  void OfferTo(const Interest& interest, const HistoryEntry& entry,
               const engine::ExecutionPtr& result);
  void PushMatching(const Recent& recent, const std::vector<Filter>& filters, ListenerSink& sink,
                    std::uint64_t from);
  void Dispatch(const Recent& recent);
  void Flush();

  const engine::PartitionId partition_;
  std::uint64_t next_;
  const Lagging lagging_;
  std::map<ListenerId, std::unique_ptr<Listener>> listeners_;
  ListenerId told_progress_ = 0;  // The last one that was, in the round that is under way.
  std::unordered_map<std::string, Group> groups_;
  std::vector<Listener*> touched_;
  std::string scratch_;
  std::uint64_t pushed_ = 0;
  // What has just become durable, for listeners that catch up.
  std::deque<Recent> recent_;
  std::size_t recent_bytes_ = 0;
};

}  // namespace mesg::broker
