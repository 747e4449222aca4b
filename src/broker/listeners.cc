#include "broker/listeners.h"

#include <algorithm>
#include <functional>

namespace mesg::broker {

struct Listeners::Listener {
  ListenerId id = 0;
  std::shared_ptr<const std::vector<Filter>> filters;
  std::shared_ptr<ListenerSink> sink;
  std::vector<Item> pending;  // For this block.
  std::uint64_t offered =
      0;  // The last sequence taken into `pending`: two filters may fit one entry.
  std::uint64_t pushed = 0;  // The last sequence the sink has been told of.
  bool touched = false;
};

Listeners::Listeners(engine::PartitionId partition, std::uint64_t next, Lagging lagging)
    : partition_(partition), next_(next), lagging_(std::move(lagging)) {}
Listeners::~Listeners() = default;

std::string Listeners::GroupKey(bool results, std::string_view name, std::string_view key) {
  std::string group(1, results ? 'r' : 'e');
  return group.append(name).append(1, '\0').append(key);
}

const Predicate* Listeners::EqPredicate(const Filter& filter) {
  for (const Predicate& predicate : filter.predicates) {
    if (!predicate.EqScalar().empty()) return &predicate;
  }
  return nullptr;
}

void Listeners::AddInterest(const Interest& interest) {
  Group& group =
      groups_[GroupKey(interest.filter->results, interest.filter->name, interest.filter->key)];
  const Predicate* eq = EqPredicate(*interest.filter);
  if (eq == nullptr) {
    group.plain.push_back(interest);
    return;
  }
  auto index = std::ranges::find_if(group.by_path,
                                    [&](const EqIndex& known) { return known.path == eq->Path(); });
  if (index == group.by_path.end()) index = group.by_path.insert(index, EqIndex{eq->Path(), {}, 0});
  index->by_scalar[eq->EqScalar()].push_back(interest);
  ++index->size;
}

void Listeners::RemoveInterest(const Interest& interest) {
  const auto found =
      groups_.find(GroupKey(interest.filter->results, interest.filter->name, interest.filter->key));
  if (found == groups_.end()) return;
  Group& group = found->second;
  const auto erase_from = [&](std::vector<Interest>& interests) {
    std::erase_if(interests,
                  [&](const Interest& other) { return other.filter == interest.filter; });
  };
  if (const Predicate* eq = EqPredicate(*interest.filter); eq == nullptr) {
    erase_from(group.plain);
  } else {
    const auto index = std::ranges::find_if(
        group.by_path, [&](const EqIndex& known) { return known.path == eq->Path(); });
    if (index != group.by_path.end()) {
      if (const auto scalar = index->by_scalar.find(eq->EqScalar());
          scalar != index->by_scalar.end()) {
        erase_from(scalar->second);
        if (scalar->second.empty()) index->by_scalar.erase(scalar);
      }
      if (--index->size == 0) group.by_path.erase(index);
    }
  }
  if (group.empty()) groups_.erase(found);
}

std::optional<std::uint64_t> Listeners::Add(ListenerId id,
                                            std::shared_ptr<const std::vector<Filter>> filters,
                                            std::shared_ptr<ListenerSink> sink,
                                            std::uint64_t next) {
  // What is looked at in one turn, which commits wait for; at least one block.
  constexpr std::size_t kBacklogBytes = 1 << 20;
  if (next < next_ && (recent_.empty() || recent_.front().block->first > next)) return next;
  std::size_t bytes = 0;
  for (const Recent& recent : recent_) {
    const std::uint64_t end = recent.block->first + recent.block->entries.size();
    if (end <= next) continue;
    if (bytes >= kBacklogBytes || !sink->HasRoom()) return next;
    bytes += recent.bytes;
    PushMatching(recent, *filters, *sink, next);
    next = end;
  }
  auto listener = std::make_unique<Listener>();
  listener->id = id;
  listener->filters = std::move(filters);
  listener->sink = std::move(sink);
  listener->offered = listener->pushed = next - 1;
  for (const Filter& filter : *listener->filters) AddInterest({listener.get(), &filter});
  listeners_.emplace(id, std::move(listener));
  return std::nullopt;
}

void Listeners::PushMatching(const Recent& recent, const std::vector<Filter>& filters,
                             ListenerSink& sink, std::uint64_t from) {
  std::vector<Item> items;
  for (const HistoryEntry& entry : recent.block->entries) {
    if (entry.sequence < from) continue;
    engine::ExecutionPtr result;
    if (entry.IsResult()) result = recent.results.at(entry.execution);
    const bool wanted = std::ranges::any_of(
        filters, [&](const Filter& filter) { return filter.Matches(entry, result.get()); });
    if (wanted) items.push_back({entry, std::move(result)});
  }
  pushed_ += items.size();
  sink.Push(partition_, items, recent.block->first + recent.block->entries.size() - 1);
}

void Listeners::Remove(ListenerId id) {
  const auto found = listeners_.find(id);
  if (found == listeners_.end()) return;
  for (const Filter& filter : *found->second->filters)
    RemoveInterest({found->second.get(), &filter});
  std::erase(touched_, found->second.get());
  listeners_.erase(found);
}

void Listeners::OfferTo(const Interest& interest, const HistoryEntry& entry,
                        const engine::ExecutionPtr& result) {
  Listener& listener = *interest.listener;
  if (listener.offered >= entry.sequence || !interest.filter->MatchesRest(entry, result.get()))
    return;
  listener.offered = entry.sequence;
  listener.pending.push_back({entry, result});
  if (!listener.touched) {
    listener.touched = true;
    touched_.push_back(&listener);
  }
}

void Listeners::Offer(const Group& group, const HistoryEntry& entry,
                      const engine::ExecutionPtr& result) {
  for (const Interest& interest : group.plain) OfferTo(interest, entry, result);
  if (group.by_path.empty()) return;
  const std::string_view data =
      result == nullptr ? std::string_view(entry.data) : result->outcome->outputs;
  if (data.empty()) return;
  for (const EqIndex& index : group.by_path) {
    scratch_.clear();
    if (!ScalarAt(data, index.path, scratch_)) continue;
    const auto interests = index.by_scalar.find(scratch_);
    if (interests == index.by_scalar.end()) continue;
    for (const Interest& interest : interests->second) OfferTo(interest, entry, result);
  }
}

void Listeners::Dispatch(const Recent& recent) {
  // Neighbouring entries are mostly of one kind, name and key: their groups are looked up once.
  const HistoryEntry* last = nullptr;
  std::vector<const Group*> groups;
  for (const HistoryEntry& entry : recent.block->entries) {
    if (last == nullptr || last->source != entry.source || last->key != entry.key ||
        last->IsResult() != entry.IsResult()) {
      groups.clear();
      for (const auto& [name, key] :
           {std::pair<std::string_view, std::string_view>(entry.source->name, entry.key),
            {entry.source->name, ""},
            {"", entry.key},
            {"", ""}}) {
        if (const auto group = groups_.find(GroupKey(entry.IsResult(), name, key));
            group != groups_.end()) {
          groups.push_back(&group->second);
        }
      }
      last = &entry;
    }
    if (groups.empty()) continue;
    engine::ExecutionPtr result;
    if (entry.IsResult()) result = recent.results.at(entry.execution);
    for (const Group* group : groups) Offer(*group, entry, result);
  }
}

void Listeners::Flush() {
  for (Listener* listener : std::exchange(touched_, {})) {
    listener->touched = false;
    if (listener->sink->HasRoom()) {
      pushed_ += listener->pending.size();
      listener->sink->Push(partition_, listener->pending, next_ - 1);
      listener->pending.clear();
      listener->pushed = next_ - 1;
      continue;
    }
    const ListenerId id = listener->id;
    const std::uint64_t from = listener->pushed + 1;
    Remove(id);
    lagging_(id, from);
  }
}

void Listeners::Append(const std::shared_ptr<const HistoryBlock>& block,
                       const std::unordered_map<ExecutionId, engine::ExecutionPtr>& results) {
  constexpr std::size_t kRecentBlocks = 64;
  constexpr std::size_t kRecentBytes = 16 << 20;
  next_ = block->first + block->entries.size();
  std::size_t bytes = 0;
  for (const HistoryEntry& entry : block->entries) bytes += sizeof(entry) + entry.data.size();
  for (const auto& [id, result] : results)
    bytes += result->inputs.size() + result->outcome->outputs.size();
  recent_.push_back({block, results, bytes});
  recent_bytes_ += bytes;
  Dispatch(recent_.back());
  Flush();
  while (!recent_.empty() && (recent_.size() > kRecentBlocks || recent_bytes_ > kRecentBytes)) {
    recent_bytes_ -= recent_.front().bytes;
    recent_.pop_front();
  }
}

bool Listeners::PushProgress(std::size_t most) {
  auto next = listeners_.upper_bound(told_progress_);
  for (; next != listeners_.end() && most > 0; ++next, --most) {
    Listener& listener = *next->second;
    told_progress_ = listener.id;
    if (listener.pushed + 1 == next_ || !listener.sink->HasRoom()) continue;
    listener.sink->Push(partition_, {}, next_ - 1);
    listener.pushed = next_ - 1;
  }
  if (next != listeners_.end()) return false;
  told_progress_ = 0;
  return true;
}

}  // namespace mesg::broker
