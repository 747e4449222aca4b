#include <utility>

#include "engine/engine.h"

namespace mesg::engine {

// A subscription lives in the partition of its own name; what it holds back in the others is told
// to them by messages, which is also how this very partition hears of it when it is the only one.

void Engine::SendTo(PartitionId to, Body&& body) {
  // What follows here is part of the same commit, until it is full; then it waits as a message
  // does, and whatever comes behind it.
  const auto queued = state_.Outgoing().lower_bound({to, 0});
  const bool behind = queued != state_.Outgoing().end() && queued->first.first == to;
  if (to == settings_.partition && !behind && !IsFull()) {
    own_.push_back(std::move(body));
    return;
  }
  const std::uint64_t number = state_.NextOutgoing(to);
  std::string bytes = EncodeBody(body);
  Tell(SendMessage{to, number, bytes});
  Add(MessageQueued{to, number, std::move(bytes)});
}

Result<void> Engine::TakeOwn(TimePoint now) {
  while (!own_.empty() || !happened_.empty()) {
    // What follows from one fact comes before the next: so it is known how much it was.
    if (own_.empty()) {
      Happened happened = std::move(happened_.front());
      happened_.pop_front();
      MESG_TRY(React(std::move(happened), now));
      continue;
    }
    Body body = std::move(own_.front());
    own_.pop_front();
    MESG_TRY(TakeBody(std::move(body), now));
  }
  return {};
}

Result<void> Engine::TakeBody(Body&& body, TimePoint now) {
  return std::visit(
      [&](auto&& said) -> Result<void> {
        using Said = std::decay_t<decltype(said)>;
        if constexpr (std::is_same_v<Said, HoldMoved> || std::is_same_v<Said, HoldBroke>) {
          Take(said);
          return {};
        } else {
          return Take(std::forward<decltype(said)>(said), now);
        }
      },
      std::move(body));
}

void Engine::Take(const HoldMoved& moved) {
  if (moved.removed) {
    if (state_.Holds().contains(moved.subscription)) Add(HoldGone{moved.subscription});
    return;
  }
  const auto held = state_.Holds().find(moved.subscription);
  const std::uint64_t sequence = FromWhatIsKept(moved.sequence);
  if (held == state_.Holds().end() && IsTrimmed(sequence)) {
    // Retention came first. Here nothing can be refused any more, but nothing is passed over.
    Add(HoldPut{moved.subscription, sequence, true});
    SendTo(PartitionOf(SlotOf(SubscriptionPartitionKey(moved.subscription)), settings_.partitions),
           HoldBroke{moved.subscription,
                     "the history it begins with left by retention before the subscription was "
                     "known everywhere; delete it and create it anew"});
    return;
  }
  if (held == state_.Holds().end() || (!held->second.broken && sequence > held->second.sequence)) {
    Add(HoldPut{moved.subscription, sequence, false});
  }
}

void Engine::Take(const HoldBroke& broke) {
  const auto found = state_.Subscriptions().find(broke.subscription);
  if (found == state_.Subscriptions().end() || found->second->broken) return;
  auto broken = std::make_shared<Subscription>(*found->second);
  broken->broken = true;
  broken->broken_reason = broke.reason;
  Add(SubscriptionPut{broken});
  Tell(SubscriptionChanged{broken});
}

bool Engine::IsTrimmed(std::uint64_t acknowledged) const {
  return acknowledged + 1 < state_.Numbers().oldest_sequence;
}

// The beginning is whatever is kept when this is decided, and so never too old.
std::uint64_t Engine::FromWhatIsKept(std::uint64_t acknowledged) const {
  return acknowledged == 0 ? state_.Numbers().oldest_sequence - 1 : acknowledged;
}

Result<Reply> Engine::On(Subscribe&& command, TimePoint now) {
  Subscription wanted = std::move(command.subscription);
  if (const auto found = state_.Subscriptions().find(wanted.name);
      found != state_.Subscriptions().end()) {
    if (found->second->filters == wanted.filters) return Reply();
    return AlreadyExists(
               "subscription \"{}\" exists with other filters; delete it first or choose another "
               "name",
               wanted.name)
        .Because("SUBSCRIPTION_EXISTS");
  }
  if (state_.Subscriptions().size() >= settings_.max_subscriptions) {
    return ResourceExhausted("{} subscriptions exist, the limit; delete one that is not needed",
                             state_.Subscriptions().size())
        .Because("TOO_MANY_SUBSCRIPTIONS");
  }
  const auto here = wanted.acknowledged.find(settings_.partition);
  if (here != wanted.acknowledged.end()) {
    here->second = FromWhatIsKept(here->second);
    if (IsTrimmed(here->second)) {
      return OutOfRange(
                 "the history behind sequence {} is wanted, but what is kept begins at {}; "
                 "subscribe from there",
                 here->second, state_.Numbers().oldest_sequence)
          .Because("POSITION_TOO_OLD");
    }
  }
  wanted.created = now;
  const auto subscription = std::make_shared<const Subscription>(std::move(wanted));
  Add(SubscriptionPut{subscription});
  Tell(SubscriptionChanged{subscription});
  for (const auto& [partition, sequence] : subscription->acknowledged) {
    SendTo(partition, HoldMoved{subscription->name, sequence, false});
  }
  return Reply();
}

Result<Reply> Engine::On(Acknowledge&& command, TimePoint) {
  const auto found = state_.Subscriptions().find(command.name);
  if (found == state_.Subscriptions().end()) {
    return NotFound("subscription \"{}\" does not exist", command.name)
        .Because("SUBSCRIPTION_NOT_FOUND");
  }
  auto changed = std::make_shared<Subscription>(*found->second);
  std::map<PartitionId, std::uint64_t> moved;
  for (const auto& [partition, sequence] : command.sequences) {
    auto& acknowledged = changed->acknowledged[partition];
    if (partition >= settings_.partitions || sequence <= acknowledged) continue;
    acknowledged = sequence;
    moved[partition] = sequence;
  }
  if (moved.empty()) return Reply();
  Add(SubscriptionPut{changed});
  Tell(SubscriptionChanged{changed});
  for (const auto& [partition, sequence] : moved)
    SendTo(partition, HoldMoved{command.name, sequence, false});
  return Reply();
}

Result<Reply> Engine::On(Unsubscribe&& command, TimePoint) {
  const auto found = state_.Subscriptions().find(command.name);
  if (found == state_.Subscriptions().end()) {
    return NotFound("subscription \"{}\" does not exist", command.name)
        .Because("SUBSCRIPTION_NOT_FOUND");
  }
  const auto acknowledged = found->second->acknowledged;
  Add(SubscriptionGone{command.name});
  Tell(SubscriptionRemoved{command.name});
  for (const auto& [partition, sequence] : acknowledged) {
    SendTo(partition, HoldMoved{command.name, sequence, true});
  }
  return Reply();
}

Result<Reply> Engine::On(Receive&& command, TimePoint now) {
  const std::uint64_t last = MESG_TRY(state_.ReceivedFrom(command.from));
  if (command.number <= last) {  // Sent again after a crash: it was taken before.
    Tell(ConfirmMessage{command.from, last});
    return Reply();
  }
  // One before it is still on its way and will come again with it.
  if (command.number != last + 1) return Reply();
  Body body = MESG_TRY(DecodeBody(command.body));
  // What it sends itself is about what it knows, or has deleted since.
  const auto* const start = std::get_if<StartRun>(&body);
  if (start != nullptr && command.from != settings_.partition) {
    const ApplicationPtr known = Runs().FindApplication(start->application, start->version);
    if (known == nullptr || known->deployed < start->deployed) {
      // The application is on its way from its own partition; then this is asked for again.
      stalled_.insert(command.from);
      return Reply();
    }
  }
  Add(MessageTaken{command.from, command.number});
  Tell(ConfirmMessage{command.from, command.number});
  MESG_TRY(TakeBody(std::move(body), now));
  return Reply();
}

Result<Reply> Engine::On(SendAgain&& command, TimePoint) {
  for (auto it = state_.Outgoing().lower_bound({command.to, 0});
       it != state_.Outgoing().end() && it->first.first == command.to; ++it) {
    Tell(SendMessage{command.to, it->first.second, it->second});
  }
  return Reply();
}

Result<Reply> Engine::On(Delivered&& command, TimePoint) {
  const auto first = state_.Outgoing().lower_bound({command.to, 0});
  if (first == state_.Outgoing().end() || first->first.first != command.to ||
      first->first.second > command.number) {
    return Reply();
  }
  Add(MessagesConfirmed{command.to, command.number});
  return Reply();
}

}  // namespace mesg::engine
