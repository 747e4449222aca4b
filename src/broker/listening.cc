#include "broker/listening.h"

#include <utility>

#include "broker/history.h"

namespace mesg::broker {
namespace {

// What one listener reads before the next has its turn.
constexpr std::size_t kReadBytes = 256 << 10;
constexpr std::size_t kReadItems = 1024;

}  // namespace

Listening::Listening(std::vector<PartitionPlace*> partitions, std::size_t max_listeners)
    : partitions_(std::move(partitions)), max_listeners_(max_listeners) {}

Listening::ListenerPtr Listening::Find(ListenerId id) const {
  return registry_.With([&](const Registry& registry) {
    const auto found = registry.listeners.find(id);
    return found == registry.listeners.end() ? nullptr : found->second;
  });
}

std::size_t Listening::size() const {
  return registry_.With([](const Registry& registry) { return registry.listeners.size(); });
}

bool Listening::IsConnected(const std::string& subscription) const {
  return registry_.With(
      [&](const Registry& registry) { return registry.by_subscription.contains(subscription); });
}

void Listening::Listen(std::vector<Filter> filters, std::optional<Position> from,
                       const std::string& subscription, std::shared_ptr<ListenerSink> sink,
                       Ready ready) {
  auto listener = std::make_shared<Listener>();
  listener->subscription = subscription;
  listener->filters = std::make_shared<const std::vector<Filter>>(std::move(filters));
  listener->sink = std::move(sink);
  listener->places.With([&](auto& places) { places.resize(partitions_.size()); });
  ListenerPtr replaced;
  const bool admitted = registry_.With([&](Registry& registry) {
    if (registry.listeners.size() >= max_listeners_) return false;
    listener->id = registry.next++;
    registry.listeners.emplace(listener->id, listener);
    if (!subscription.empty()) {
      auto& holder = registry.by_subscription[subscription];
      if (const auto before = registry.listeners.find(holder); before != registry.listeners.end()) {
        replaced = before->second;
      }
      holder = listener->id;
    }
    return true;
  });
  if (!admitted) {
    ready(ResourceExhausted("{} listeners are open, the limit; close one first", max_listeners_)
              .Because("TOO_MANY_LISTENERS"));
    return;
  }
  if (replaced != nullptr) {
    Fail(replaced, Aborted("another connection took over subscription \"{}\"", subscription)
                       .Because("SUBSCRIPTION_TAKEN_OVER"));
  }
  Begin(listener, std::move(from), std::move(ready));
}

void Listening::Begin(const ListenerPtr& listener, std::optional<Position> from, Ready ready) {
  // Ready when every partition has its place in it.
  struct Joint {
    std::atomic<std::size_t> left;
    std::atomic<bool> failed = false;
    Ready ready;
  };
  auto joint = std::make_shared<Joint>();
  joint->left = partitions_.size();
  joint->ready = std::move(ready);
  for (PartitionPlace* place : partitions_) {
    const std::optional<std::uint64_t> after =
        from ? std::optional(from->At(place->id)) : std::nullopt;
    place->thread->SubmitAlways(
        [this, listener, place, after, joint](Partition& partition, TimePoint) {
          const engine::Counters& numbers = partition.GetEngine().Current().Numbers();
          std::optional<Error> error;
          if (after && *after != 0 && *after + 1 < numbers.oldest_sequence) {
            error = PositionTooOld(*after + 1, numbers.oldest_sequence);
          } else if (after && *after >= partition.Live().Next()) {
            error = OutOfRange("position {} is ahead of the history, which ends at {}", *after,
                               partition.Live().Next() - 1)
                        .Because("POSITION_AHEAD");
          }
          if (error) {
            if (!joint->failed.exchange(true)) {
              Stop(listener->id, {});
              joint->ready(*error);
            }
            return;
          }
          const std::uint64_t next =
              after ? std::max(*after + 1, numbers.oldest_sequence) : partition.Live().Next();
          JoinNow(listener, *place, partition.Live(), next);
          if (--joint->left == 0 && !joint->failed) joint->ready(listener->id);
        });
  }
}

void Listening::Lag(ListenerId id, engine::PartitionId partition, std::uint64_t next) {
  if (const ListenerPtr listener = Find(id)) QueueRead(listener, *partitions_[partition], next);
}

void Listening::QueueRead(const ListenerPtr& listener, PartitionPlace& place, std::uint64_t next) {
  history_.Queue([this, listener, &place, next] { Read(listener, place, next); });
}

void Listening::Join(const ListenerPtr& listener, PartitionPlace& place, std::uint64_t next) {
  place.thread->SubmitAlways([this, listener, &place, next](Partition& partition, TimePoint) {
    JoinNow(listener, place, partition.Live(), next);
  });
}

void Listening::JoinNow(const ListenerPtr& listener, PartitionPlace& place, Listeners& live,
                        std::uint64_t next) {
  if (listener->stopped) return;
  if (const auto from = live.Add(listener->id, listener->filters, listener->sink, next))
    QueueRead(listener, place, *from);
}

void Listening::Read(const ListenerPtr& listener, PartitionPlace& place, std::uint64_t next) {
  if (listener->stopped) return;
  if (!listener->sink->HasRoom()) {
    listener->places.With([&](auto& places) { places[place.id] = Place{next, true}; });
    // Room that came before the mark was set has woken nobody.
    if (listener->sink->HasRoom()) Resume(listener->id);
    return;
  }
  if (next < place.oldest) {
    Fail(listener, PositionTooOld(next, place.oldest));
    return;
  }
  // Taken first: what becomes durable during the read may be missed by the index.
  const std::uint64_t durable = place.next;
  if (next >= durable) {
    Join(listener, place, next);
    return;
  }
  std::vector<std::pair<HistoryEntry, engine::ExecutionPtr>> found;
  std::size_t bytes = 0;
  const auto take = [&](const HistoryEntry& entry, const engine::ExecutionPtr& result) {
    if (entry.sequence >= durable) return Walk::kStopBefore;
    found.emplace_back(entry, result);
    bytes += SizeOf(entry) + (result == nullptr ? 0 : SizeOf(*result));
    return found.size() < kReadItems && bytes < kReadBytes ? Walk::kOn : Walk::kStop;
  };
  const auto read =
      ReadHistory(*place.store, HistoryRange{next, {}, {}}, *listener->filters, kReadBytes, take);
  if (!read) {
    Fail(listener, read.error());
    return;
  }
  // Retention may have gone on meanwhile, and taken some of what was to be read.
  const auto oldest = OldestSequence(*place.store);
  if (!oldest || next < *oldest) {
    Fail(listener, oldest ? PositionTooOld(next, *oldest) : oldest.error());
    return;
  }
  std::uint64_t after = std::min(read->next, durable);
  if (read->at_end) after = durable;
  std::vector<Item> items;
  items.reserve(found.size());
  for (const auto& [entry, result] : found) items.push_back({entry, result});
  if (!listener->stopped) listener->sink->Push(place.id, items, after - 1);
  QueueRead(listener, place, after);
}

void Listening::Resume(ListenerId id) {
  const ListenerPtr listener = Find(id);
  if (listener == nullptr) return;
  std::vector<std::pair<engine::PartitionId, std::uint64_t>> parked;
  listener->places.With([&](auto& places) {
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (!places[i].parked) continue;
      places[i].parked = false;
      parked.emplace_back(static_cast<engine::PartitionId>(i), places[i].next);
    }
  });
  for (const auto& [partition, next] : parked) QueueRead(listener, *partitions_[partition], next);
}

void Listening::Fail(const ListenerPtr& listener, const Error& error) {
  // Through the history thread, behind whatever it is pushing.
  if (TakeOut(listener->id) != nullptr)
    Remove(listener, [listener, error] { listener->sink->Fail(error); });
}

void Listening::FailSubscription(const std::string& subscription, const Error& error) {
  const auto id = registry_.With([&](const Registry& registry) {
    const auto found = registry.by_subscription.find(subscription);
    return found == registry.by_subscription.end() ? ListenerId{0} : found->second;
  });
  if (const ListenerPtr listener = Find(id)) Fail(listener, error);
}

void Listening::Stop(ListenerId id, std::function<void()> done) {
  if (const ListenerPtr listener = TakeOut(id)) {
    Remove(listener, done);
  } else if (done) {
    history_.Queue(std::move(done));
  }
}

Listening::ListenerPtr Listening::TakeOut(ListenerId id) {
  return registry_.With([&](Registry& registry) {
    const auto found = registry.listeners.find(id);
    if (found == registry.listeners.end()) return ListenerPtr();
    ListenerPtr stopped = found->second;
    registry.listeners.erase(found);
    if (const auto holder = registry.by_subscription.find(stopped->subscription);
        holder != registry.by_subscription.end() && holder->second == id) {
      registry.by_subscription.erase(holder);
    }
    return stopped;
  });
}

void Listening::Remove(const ListenerPtr& listener, const std::function<void()>& done) {
  listener->stopped = true;
  auto left = std::make_shared<std::atomic<std::size_t>>(partitions_.size());
  for (PartitionPlace* place : partitions_) {
    place->thread->SubmitAlways([this, listener, left, done](Partition& partition, TimePoint) {
      partition.Live().Remove(listener->id);
      if (--*left == 0 && done) history_.Queue(done);
    });
  }
}

}  // namespace mesg::broker
