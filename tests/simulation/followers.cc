#include "tests/simulation/followers.h"

#include <algorithm>
#include <utility>

#include "broker/history.h"

namespace mesg::simulation {
namespace {

std::vector<broker::Filter> Filters(const std::optional<broker::Filter>& filter) {
  if (filter) return {*filter};
  broker::Filter results;
  results.results = true;
  return {broker::Filter{}, results};
}

}  // namespace

class Follower::Sink final : public broker::ListenerSink {
 public:
  explicit Sink(Follower& follower) : follower_(follower) {}
  void Push(engine::PartitionId partition, std::span<const broker::Item> items,
            std::uint64_t sequence) override {
    if (!over) follower_.Heard(partition, items, sequence);
  }
  bool HasRoom() const override { return room; }
  void Fail(const Error&) override {}

  bool room = true;
  bool over = false;

 private:
  Follower& follower_;
};

Follower::Follower(World world, broker::ListenerId id, std::string subscription,
                   const std::optional<broker::Filter>& filter)
    : world_(world),
      first_id_(id),
      subscription_(std::move(subscription)),
      filters_(std::make_shared<const std::vector<broker::Filter>>(Filters(filter))),
      hears_all_(!filter),
      places_(world.node.Partitions()) {}

// ---- Connecting ----

void Follower::Subscribe() {
  engine::Subscription wanted;
  wanted.name = subscription_;
  for (std::size_t i = 0; i < places_.size(); ++i)
    wanted.acknowledged[static_cast<engine::PartitionId>(i)] = world_.node.Next(i) - 1;
  world_.node.Submit(world_.node.PartitionOf(engine::SubscriptionPartitionKey(subscription_)),
                     [wanted](broker::Partition& partition, TimePoint now) {
                       partition.Submit(engine::Subscribe{wanted}, {}, now);
                     });
}

void Follower::Unsubscribe() {
  world_.node.Submit(world_.node.PartitionOf(engine::SubscriptionPartitionKey(subscription_)),
                     [name = subscription_](broker::Partition& partition, TimePoint now) {
                       partition.Submit(engine::Unsubscribe{name}, {}, now);
                     });
}

void Follower::Connect() {
  std::map<engine::PartitionId, std::uint64_t> from;
  if (!subscription_.empty()) {
    const auto subscribed = world_.node.Subscribed(subscription_);
    if (subscribed == nullptr) return Subscribe();
    if (subscribed->broken) {
      // Only before it was ever used: retention was faster than the word of it.
      const bool used =
          std::ranges::any_of(places_, [](const Place& place) { return place.began != 0; });
      if (used) world_.run.Violated("subscription {} broke", subscription_);
      return Unsubscribe();
    }
    from = subscribed->acknowledged;
    world_.run.faults.Add(Fault::kSubscriptionReconnects);
  }
  sink_ = std::make_shared<Sink>(*this);
  id_ = first_id_ + 1000 * ++world_.run.next_connection;
  life_ = world_.node.Life();
  connected_ = true;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    Place& place = places_[i];
    place.reading.reset();
    std::optional<std::uint64_t> after;
    if (!subscription_.empty()) {
      after = from[static_cast<engine::PartitionId>(i)];
      if (*after < place.acknowledged)
        world_.run.Violated("{} forgot that {} of partition {} was acknowledged, it says {}",
                            subscription_, place.acknowledged, i, *after);
      if (place.began != 0 && *after >= std::max(place.expected, place.asked + 1))
        world_.run.Violated("{} would miss {} of partition {}", subscription_, place.expected, i);
      place.floor = place.acknowledged;
      if (place.began == 0) place.began = *after + 1;
      place.expected = *after + 1;
    } else if (place.expected != 0) {
      after = place.expected - 1;  // A client that remembers its position.
    }
    if (!subscription_.empty()) place.asked = std::max(place.asked, *after);
    Begin(i, after);
  }
}

void Follower::Begin(std::size_t partition, std::optional<std::uint64_t> after) {
  world_.node.Submit(partition, [this, partition, after, id = id_, sink = sink_](
                                    broker::Partition& core, TimePoint) {
    if (id != id_) return;
    const std::uint64_t oldest = core.GetEngine().Current().Numbers().oldest_sequence;
    Place& place = places_[partition];
    std::uint64_t next = after ? *after + 1 : core.Live().Next();
    // From the beginning is from what is kept, as long as nothing was heard.
    if (after == 0U && place.began == 0) next = std::max(next, oldest);
    if (next < oldest) {
      if (!subscription_.empty()) {
        // What it acknowledged itself may go, though it read the position from before that.
        if (oldest <= place.asked + 1) return Disconnect();
        world_.run.Violated("{} needs {} of partition {}, kept is {}", subscription_, next,
                            partition, oldest);
      }
      next = oldest;  // Out of range: without a name it begins anew.
      place.expected = 0;
    }
    if (place.expected == 0) {
      place.expected = next;
      place.began = next;
      place.heard.clear();
    }
    if (const auto from = core.Live().Add(id, filters_, sink, next)) place.reading = *from;
  });
}

void Follower::Disconnect() {
  connected_ = false;
  sink_->over = true;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    places_[i].reading.reset();
    world_.node.Submit(i,
                       [id = id_](broker::Partition& core, TimePoint) { core.Live().Remove(id); });
  }
  id_ = 0;
}

// ---- Listening ----

void Follower::Heard(std::size_t partition, std::span<const broker::Item> items,
                     std::uint64_t sequence) {
  Place& place = places_[partition];
  for (const broker::Item& item : items) {
    world_.promises.Shown(partition, item.entry);
    const std::uint64_t at = item.entry.sequence;
    if (at < place.expected || (hears_all_ && at != place.expected))
      world_.run.Violated("{} expects {} of partition {} and hears {}",
                          subscription_.empty() ? "a listener" : subscription_, place.expected,
                          partition, at);
    if (at <= place.floor)
      world_.run.Violated("{} hears {} of partition {} again", subscription_, at, partition);
    place.expected = at + 1;
    place.heard.push_back(at);
  }
  if (hears_all_ && place.expected != sequence + 1)
    world_.run.Violated("a listener is told that {} of partition {} was all, it heard up to {}",
                        sequence, partition, place.expected - 1);
  place.expected = sequence + 1;
}

void Follower::Lag(broker::ListenerId id, std::size_t partition, std::uint64_t next) {
  if (id == id_ && connected_) places_[partition].reading = next;
}

void Follower::Join(std::size_t partition, std::uint64_t next) {
  places_[partition].reading.reset();
  world_.node.Submit(partition, [this, partition, next, id = id_, sink = sink_](
                                    broker::Partition& core, TimePoint) {
    if (id != id_) return;
    if (const auto from = core.Live().Add(id, filters_, sink, next))
      places_[partition].reading = *from;
  });
}

void Follower::Read(std::size_t partition) {
  Place& place = places_[partition];
  const std::uint64_t next = *place.reading;
  const std::uint64_t durable = world_.node.Next(partition);
  if (next >= durable) return Join(partition, next);
  const store::Store& store = world_.node.StoreOf(partition);
  const auto oldest = broker::OldestSequence(store);
  MESG_CHECK(oldest);
  if (next < *oldest) {
    if (!subscription_.empty())
      world_.run.Violated("{} was overtaken by retention at {}", subscription_, next);
    place.expected = 0;  // Out of range: begins anew.
    return Disconnect();
  }
  std::vector<std::pair<HistoryEntry, engine::ExecutionPtr>> found;
  const std::size_t most = 1 + world_.run.random.Below(8);
  const auto read =
      broker::ReadHistory(store, {next, {}, {}}, *filters_, 1 + world_.run.random.Below(2000),
                          [&](const HistoryEntry& entry, const engine::ExecutionPtr& result) {
                            if (entry.sequence >= durable) return broker::Walk::kStopBefore;
                            found.emplace_back(entry, result);
                            return found.size() < most ? broker::Walk::kOn : broker::Walk::kStop;
                          });
  MESG_CHECK(read);
  std::vector<broker::Item> items;
  for (const auto& [entry, result] : found) items.push_back({entry, result});
  const std::uint64_t after = read->at_end ? durable : std::min(read->next, durable);
  sink_->Push(static_cast<engine::PartitionId>(partition), items, after - 1);
  place.reading = after;
}

void Follower::Acknowledge() {
  engine::Acknowledge command{subscription_, {}};
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].expected == 0) continue;
    command.sequences[static_cast<engine::PartitionId>(i)] = places_[i].expected - 1;
    places_[i].asked = std::max(places_[i].asked, places_[i].expected - 1);
  }
  world_.node.Submit(world_.node.PartitionOf(engine::SubscriptionPartitionKey(subscription_)),
                     [this, command](broker::Partition& core, TimePoint now) {
                       core.Submit(
                           command,
                           [this, command](const Result<engine::Reply>& reply) {
                             if (!reply) return;
                             for (const auto& [partition, sequence] : command.sequences) {
                               std::uint64_t& acknowledged = places_[partition].acknowledged;
                               acknowledged = std::max(acknowledged, sequence);
                             }
                           },
                           now);
                     });
}

void Follower::Act() {
  Run& run = world_.run;
  if (!connected_ || life_ != world_.node.Life()) {
    if (connected_) sink_->over = true;
    connected_ = false;
    id_ = 0;
    return Connect();
  }
  if (!run.calm && run.random.Percent(3)) return Disconnect();
  if (run.calm) {
    sink_->room = true;
  } else if (run.random.Percent(sink_->room ? 6 : 30)) {
    sink_->room = !sink_->room;
    if (!sink_->room) run.faults.Add(Fault::kSlowListener);
  }
  if (!subscription_.empty() && run.random.Percent(20)) Acknowledge();
  if (!sink_->room) return;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].reading) Read(i);
    if (!connected_) return;
  }
}

bool Follower::CaughtUp() const {
  if (!connected_ || life_ != world_.node.Life()) return false;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].reading || places_[i].expected == 0) return false;
    if (hears_all_ && places_[i].expected != world_.node.Next(i)) return false;
  }
  return true;
}

void Follower::Check() const {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    std::vector<std::uint64_t> heard = place.heard;
    std::sort(heard.begin(), heard.end());
    heard.erase(std::unique(heard.begin(), heard.end()), heard.end());
    for (const HistoryEntry& entry : ReadAll(world_.node, i)) {
      if (entry.sequence < place.began) continue;
      const auto result = entry.IsResult()
                              ? broker::ReadExecution(world_.node.StoreOf(i), entry.execution)
                              : std::shared_ptr<Execution>();
      MESG_CHECK(result);
      const bool wanted = std::ranges::any_of(*filters_, [&](const broker::Filter& filter) {
        return filter.Matches(entry, result->get());
      });
      const bool was = std::ranges::binary_search(heard, entry.sequence);
      if (wanted != was)
        world_.run.Violated("{} {} {} of partition {}",
                            subscription_.empty() ? "a listener" : subscription_,
                            was ? "should not have heard" : "missed", entry.sequence, i);
    }
  }
}

}  // namespace mesg::simulation
