#include "broker/broker.h"

#include <algorithm>
#include <future>
#include <random>
#include <utility>

#include "base/encoding.h"
#include "broker/broker_impl.h"
#include "broker/checks.h"
#include "broker/history.h"
#include "engine/keys.h"
#include "engine/stored.h"

namespace mesg::broker {

Broker::Impl::Impl(const Clock& the_clock, const Settings& the_settings,
                   const std::vector<store::Store*>& the_stores)
    : clock(the_clock), settings(the_settings), ids(the_settings.delivery_key) {
  std::vector<PartitionPlace*> places;
  for (store::Store* store : the_stores) {
    auto slot = std::make_unique<Slot>();
    slot->thread = std::make_unique<PartitionThread>(
        clock,
        PartitionThread::Bounds{settings.limits.inbox_requests, settings.limits.inbox_bytes,
                                std::min(settings.limits.commit_bytes, store->MaxBatchBytes())});
    slot->place.id = static_cast<engine::PartitionId>(slots.size());
    slot->place.store = store;
    slot->place.thread = slot->thread.get();
    places.push_back(&slot->place);
    slots.push_back(std::move(slot));
  }
  listening = std::make_unique<Listening>(std::move(places), settings.limits.listeners);
}

Broker::Impl::Slot& Broker::Impl::SlotOfKey(std::string_view partition_key) {
  return *slots[engine::PartitionOf(SlotOf(partition_key),
                                    static_cast<engine::PartitionId>(slots.size()))];
}

Broker::Impl::Slot& Broker::Impl::SlotOfExecution(const ExecutionId& id) {
  return *slots[engine::PartitionOf(id.Slot(), static_cast<engine::PartitionId>(slots.size()))];
}

// ---- Starting ----

void Broker::Impl::Publish(const Partition& partition, Slot& slot) {
  const engine::State& state = partition.GetEngine().Current();
  slot.counters.With([&](Counters& counters) {
    const Partition::Statistics& counted = partition.Counted();
    counters.events_accepted = counted.events;
    counters.events_duplicate = counted.duplicates;
    counters.executions_created = counted.created;
    counters.results_recorded = counted.results;
    counters.attempts_failed = counted.attempts_failed;
    counters.commits = counted.commits;
    counters.requests_refused = counted.refused;
    counters.contracts_made = counted.contracts_made;
    counters.deliveries_sent = partition.Workers().Deliveries();
    counters.items_pushed = partition.Live().Pushed();
    counters.open_executions = state.Open().size();
    counters.open_bytes = state.OpenBytes();
    counters.history_bytes = state.Numbers().history_weight;
    counters.subscriptions = state.Subscriptions().size();
    // What is beyond retention and not broken is there for a subscription, or for a moment.
    const std::uint64_t kept = partition.GetEngine().GetSettings().retention_bytes;
    const bool held = !state.Holds().empty() && counters.history_bytes > kept;
    counters.held_bytes = held ? counters.history_bytes - kept : 0;
    counters.dead_letters = state.DeadLetters();
    counters.open_runs = state.Runs().OpenRuns();
  });
}

void Broker::Impl::OnInstance(const std::shared_ptr<const engine::Instance>& record, bool removed) {
  auto instance = DeployedInstance::Make(record);
  // It was checked before it was deployed, by this very code.
  MESG_CHECK(instance, "a stored definition is not valid: {}", instance.error().message);
  catalog.With([&](CatalogPtr& current) {
    current = removed ? current->Without(record->source->instance_hash) : current->With(*instance);
  });
  const auto told = observer.With([](const auto& function) { return function; });
  if (told) told(*instance, removed);
}

Partition::World Broker::Impl::WorldOf(engine::PartitionId id) {
  Slot* slot = slots[id].get();
  Partition::World world;
  world.committed = [this, slot](std::uint64_t commit, Result<void> result) {
    slot->thread->SubmitFirst(
        [this, slot, commit, result = std::move(result)](Partition& partition, TimePoint now) {
          partition.OnCommitted(commit, result, now);
        });
  };
  world.advanced = [slot](const Partition& partition, std::uint64_t next, std::uint64_t oldest) {
    Publish(partition, *slot);
    slot->place.next = next;
    slot->place.oldest = oldest;
  };
  world.send = [this, id](engine::SendMessage message) {
    PartitionThread& to = *slots[message.to]->thread;
    to.SubmitAlways([id, message = std::move(message)](Partition& partition, TimePoint now) {
      partition.Submit(engine::Receive{id, message.number, message.body}, {}, now);
    });
  };
  world.confirm = [this, id](engine::ConfirmMessage message) {
    slots[message.from]->thread->SubmitAlways([id, message](Partition& partition, TimePoint now) {
      partition.Submit(engine::Delivered{id, message.number}, {}, now);
    });
  };
  world.ask_again = [this, id](engine::AskAgain again) {
    slots[again.from]->thread->SubmitAlways([id](Partition& partition, TimePoint now) {
      partition.Submit(engine::SendAgain{id}, {}, now);
    });
  };
  world.evaluate_step = [slot, this](engine::EvaluateStep step) {
    EvaluateStep(*slot, std::move(step));
  };
  world.evaluate_trigger = [slot, this](engine::EvaluateTrigger trigger) {
    EvaluateTrigger(*slot, std::move(trigger));
  };
  world.run = [this](const engine::RunPtr& run) { TellWatchers(run); };
  world.instance = [this](const auto& record, bool removed) { OnInstance(record, removed); };
  world.subscription = [this](const std::shared_ptr<const engine::Subscription>& subscription) {
    subscriptions.With([&](auto& by_name) { by_name[subscription->name] = subscription; });
    if (subscription->broken) {
      listening->FailSubscription(
          subscription->name, OutOfRange("subscription \"{}\" is broken: {}", subscription->name,
                                         subscription->broken_reason)
                                  .Because("SUBSCRIPTION_BROKEN"));
    }
  };
  world.subscription_removed = [this](const std::string& name) {
    subscriptions.With([&](auto& by_name) { by_name.erase(name); });
    listening->FailSubscription(
        name, NotFound("subscription \"{}\" was deleted", name).Because("SUBSCRIPTION_NOT_FOUND"));
  };
  world.lagging = [this, id](ListenerId listener, std::uint64_t next) {
    listening->Lag(listener, id, next);
  };
  world.fatal = [this](const Error& error) {
    if (!fatal_told.exchange(true)) fatal(error);
  };
  world.secrets = settings.secrets;
  world.find_instance = [this](const std::string& hash) {
    return catalog.With([&](const CatalogPtr& current) { return current->FindInstance(hash); });
  };
  world.random = [generator = std::make_shared<std::mt19937_64>(std::random_device()())] {
    return std::uniform_real_distribution<double>(0, 1)(*generator);
  };
  return world;
}

Result<void> Broker::Impl::Start(std::vector<std::unique_ptr<engine::Engine>> engines,
                                 std::function<void(Error)> on_fatal) {
  fatal = std::move(on_fatal);
  // The catalog is whole before the first request comes, and what is written of it later is newer.
  for (const auto& engine : engines) {
    for (const auto& [hash, record] : engine->Current().Instances()) {
      const auto instance = MESG_TRY(DeployedInstance::Make(record));
      catalog.With([&](CatalogPtr& current) { current = current->With(instance); });
    }
    subscriptions.With([&](auto& by_name) {
      const auto& stored = engine->Current().Subscriptions();
      by_name.insert(stored.begin(), stored.end());
    });
  }
  std::random_device random;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const auto first_delivery = (static_cast<std::uint64_t>(random()) << 32) | random();
    auto partition = std::make_unique<Partition>(std::move(engines[i]), *slots[i]->place.store, ids,
                                                 WorldOf(static_cast<engine::PartitionId>(i)),
                                                 first_delivery, settings.limits.worker_credits);
    Publish(*partition, *slots[i]);
    slots[i]->place.next = partition->Live().Next();
    slots[i]->place.oldest = partition->GetEngine().Current().Numbers().oldest_sequence;
    slots[i]->thread->Start(std::move(partition));
  }
  return {};
}

Result<std::unique_ptr<Broker>> Broker::Start(std::vector<store::Store*> stores, const Clock& clock,
                                              Settings settings, std::function<void(Error)> fatal) {
  MESG_CHECK(!stores.empty() && settings.delivery_key.size() == 32);
  std::unique_ptr<Broker> broker(new Broker(clock, std::move(settings)));
  // A slice stands beside whatever else the same commit holds.
  std::uint64_t& slice_bytes = broker->settings_.engine.slice_bytes;
  for (const store::Store* store : stores)
    slice_bytes = std::min<std::uint64_t>(slice_bytes, store->MaxBatchBytes() / 8);
  std::vector<std::unique_ptr<engine::Engine>> engines;
  for (std::size_t i = 0; i < stores.size(); ++i) {
    engine::Settings of_partition = broker->settings_.engine;
    of_partition.partition = static_cast<engine::PartitionId>(i);
    of_partition.partitions = static_cast<engine::PartitionId>(stores.size());
    of_partition.default_timeout = broker->settings_.default_timeout;
    of_partition.default_retry = broker->settings_.default_retry;
    of_partition.payload_bytes = broker->settings_.limits.payload_bytes;
    engines.push_back(MESG_TRY(engine::Engine::Recover(*stores[i], of_partition)));
  }
  broker->impl_ = std::make_unique<Impl>(clock, broker->settings_, std::move(stores));
  MESG_TRY(broker->impl_->Start(std::move(engines), std::move(fatal)));
  return broker;
}

Broker::Broker(const Clock&, Settings settings) : settings_(std::move(settings)) {}

Broker::~Broker() {
  if (impl_ == nullptr) return;
  // Requests are finished first; what they say to listeners goes nowhere any more.
  for (const auto& slot : impl_->slots) slot->thread->Finish();
}

CatalogPtr Broker::Deployed() const {
  return impl_->catalog.With([](const CatalogPtr& current) { return current; });
}

std::size_t Broker::Partitions() const { return impl_->slots.size(); }

Counters Broker::Count() const {
  Counters all;
  for (const auto& slot : impl_->slots) {
    const Counters one = slot->counters.With([](const Counters& counters) { return counters; });
    all.events_accepted += one.events_accepted;
    all.events_duplicate += one.events_duplicate;
    all.executions_created += one.executions_created;
    all.results_recorded += one.results_recorded;
    all.attempts_failed += one.attempts_failed;
    all.deliveries_sent += one.deliveries_sent;
    all.items_pushed += one.items_pushed;
    all.commits += one.commits;
    all.requests_refused += one.requests_refused;
    all.contracts_made += one.contracts_made;
    all.open_executions += one.open_executions;
    all.open_bytes += one.open_bytes;
    all.history_bytes += one.history_bytes;
    all.subscriptions += one.subscriptions;
    all.dead_letters += one.dead_letters;
    all.open_runs += one.open_runs;
    all.held_bytes += one.held_bytes;
    all.inbox += slot->thread->Waiting();
    all.inbox_bytes += slot->thread->WaitingBytes();
    all.pending_bytes += slot->thread->PendingBytes();
  }
  all.listeners = impl_->listening->size();
  all.workers = impl_->workers.With([](const auto& workers) { return workers.size(); });
  return all;
}

// ---- Events ----

void Broker::Emit(const InstancePtr& instance, std::vector<engine::NewEvent> events,
                  std::vector<engine::KeyMove> moves, Reply<engine::Emitted> reply) {
  Result<void> checked = CheckEvents(*instance, events, settings_.limits.payload_bytes);
  if (checked) checked = CheckMoves(moves, settings_.limits.payload_bytes);
  const std::size_t weight = WeightOf(events, moves);
  if (checked && weight > settings_.limits.commit_bytes) {
    checked = InvalidArgument(
                  "the events and keys have {} bytes together, the limit is {}; emit them in "
                  "several requests",
                  weight, settings_.limits.commit_bytes)
                  .Because("BATCH_TOO_LARGE");
  }
  if (!checked) {
    reply(std::move(checked).error());
    return;
  }
  impl_->Decide<engine::Emitted>(
      impl_->SlotOfKey(instance->Name()),
      engine::Emit{instance->GetSource(), std::move(events), std::move(moves)}, weight,
      std::move(reply));
}

std::string Broker::PositionText(const std::string& instance_name, std::uint64_t sequence) const {
  // With several partitions the others stand where they are known to be: what comes later is behind
  // it.
  Position position(Partitions());
  if (Partitions() > 1) position = Newest();
  const engine::PartitionId partition = impl_->SlotOfKey(instance_name).place.id;
  position.Set(partition, sequence);
  return position.EntryText(partition);
}

Result<std::optional<HistoryEntry>> Broker::FindEvent(std::string_view position) const {
  const Position::Entry at = MESG_TRY(Position::ParseEntry(position, Partitions()));
  std::optional<HistoryEntry> found;
  HistoryRange range;
  range.from = at.sequence;
  constexpr std::size_t kOneBlock = 1;
  MESG_TRY(ReadHistory(*impl_->slots[at.partition]->place.store, range, {Filter()}, kOneBlock,
                       [&](const HistoryEntry& entry, const engine::ExecutionPtr&) {
                         if (entry.sequence == at.sequence) found = entry;
                         return Walk::kStop;
                       }));
  return found;
}

Position Broker::Newest() const {
  Position position(Partitions());
  for (const auto& slot : impl_->slots) position.Set(slot->place.id, slot->place.next - 1);
  return position;
}

Position Broker::Oldest() const {
  Position position(Partitions());
  for (const auto& slot : impl_->slots) position.Set(slot->place.id, slot->place.oldest - 1);
  return position;
}

// ---- Listeners ----

void Broker::Listen(std::vector<Filter> filters, std::optional<Position> from,
                    std::shared_ptr<ListenerSink> sink, Reply<ListenerId> ready) {
  impl_->listening->Listen(std::move(filters), std::move(from), "", std::move(sink),
                           std::move(ready));
}

void Broker::ListenSubscription(const std::string& name, std::vector<Filter> filters,
                                std::shared_ptr<ListenerSink> sink, Reply<ListenerId> ready) {
  const SubscriptionPtr subscription = FindSubscription(name);
  if (subscription == nullptr) {
    ready(NotFound("subscription \"{}\" does not exist; create it first", name)
              .Because("SUBSCRIPTION_NOT_FOUND"));
    return;
  }
  if (subscription->broken) {
    ready(OutOfRange("subscription \"{}\" is broken: {}", name, subscription->broken_reason)
              .Because("SUBSCRIPTION_BROKEN"));
    return;
  }
  const Position from = AcknowledgedOf(*subscription);
  // An acknowledgement of the last connection may be decided before this, and retention take what
  // it let go: then there is a newer position to begin with.
  auto begun = [this, name, filters, from, sink,
                ready = std::move(ready)](Result<ListenerId> listener) {
    const bool too_old = !listener && listener.error().reason == "POSITION_TOO_OLD";
    const SubscriptionPtr now = too_old ? FindSubscription(name) : nullptr;
    if (now == nullptr || AcknowledgedOf(*now) == from) {
      ready(std::move(listener));
    } else {
      ListenSubscription(name, filters, sink, ready);
    }
  };
  impl_->listening->Listen(std::move(filters), from, name, std::move(sink), std::move(begun));
}

void Broker::Resume(ListenerId listener) { impl_->listening->Resume(listener); }

void Broker::StopListening(ListenerId listener, std::function<void()> done) {
  impl_->listening->Stop(listener, std::move(done));
}

Broker::SubscriptionPtr Broker::FindSubscription(std::string_view name) const {
  return impl_->subscriptions.With([&](const auto& by_name) {
    const auto found = by_name.find(name);
    return found == by_name.end() ? nullptr : found->second;
  });
}

Position Broker::AcknowledgedOf(const engine::Subscription& subscription) const {
  Position position(Partitions());
  for (const auto& [partition, sequence] : subscription.acknowledged) {
    if (partition < Partitions()) position.Set(partition, sequence);
  }
  return position;
}

std::vector<Broker::SubscriptionPtr> Broker::Subscriptions() const {
  return impl_->subscriptions.With([](const auto& by_name) {
    std::vector<SubscriptionPtr> all;
    all.reserve(by_name.size());
    for (const auto& [name, subscription] : by_name) all.push_back(subscription);
    return all;
  });
}

bool Broker::IsConnected(const std::string& subscription) const {
  return impl_->listening->IsConnected(subscription);
}

Result<Filter> Broker::MakeFilter(bool results, std::string_view service, std::string_view key,
                                  std::string_view output_key, std::vector<std::string> tags,
                                  std::vector<Predicate> predicates) const {
  const auto any = [](std::string_view text) { return text.empty() || text == "*"; };
  Filter filter;
  filter.results = results;
  filter.tags = std::move(tags);
  filter.predicates = std::move(predicates);
  if (!any(key)) filter.key = key;
  if (!any(output_key)) filter.output_key = output_key;
  if (any(service)) return filter;
  const InstancePtr instance = MESG_TRY(Deployed()->Find(service));
  filter.name = instance->Name();
  if (service == instance->GetSource()->instance_hash) filter.instance_hash = service;
  if (service == instance->GetSource()->service_hash) filter.service_hash = service;
  if (!results) {
    if (!filter.key.empty() && instance->Definition().FindEvent(filter.key) == nullptr) {
      return instance->CheckEvent(filter.key, "{}").error();
    }
    return filter;
  }
  if (filter.key.empty()) return filter;
  const TaskDefinition* task = MESG_TRY(instance->FindTask(filter.key));
  if (!filter.output_key.empty() && task->FindOutput(filter.output_key) == nullptr) {
    return instance->CheckOutputs(filter.key, filter.output_key, "{}").error();
  }
  return filter;
}

void Broker::Subscribe(const std::string& name, std::string filters,
                       const std::string& after_position, Reply<void> reply) {
  constexpr std::size_t kLongestName = 128;
  if (name.empty() || name.size() > kLongestName || !IsUtf8(name)) {
    reply(InvalidArgument("a subscription's name has {} bytes, expected 1 to {} of UTF-8",
                          name.size(), kLongestName));
    return;
  }
  Result<Position> position = after_position.empty()
                                  ? Result<Position>(Newest())
                                  : Position::Parse(after_position, Partitions());
  if (!position) {
    reply(std::move(position).error());
    return;
  }
  engine::Subscription subscription{name, std::move(filters), {}, {}, false, ""};
  for (std::size_t partition = 0; partition < Partitions(); ++partition) {
    const std::uint64_t after = position->At(partition);
    const std::uint64_t oldest = impl_->slots[partition]->place.oldest;
    if (after != 0 && after + 1 < oldest) {
      reply(PositionTooOld(after + 1, oldest));
      return;
    }
    if (after >= impl_->slots[partition]->place.next) {
      reply(OutOfRange("position {} is ahead of the history, which ends at {}", position->Text(),
                       Newest().Text())
                .Because("POSITION_AHEAD"));
      return;
    }
    subscription.acknowledged[static_cast<engine::PartitionId>(partition)] = after;
  }
  impl_->Decide<void>(impl_->SlotOfKey(engine::SubscriptionPartitionKey(name)),
                      engine::Subscribe{std::move(subscription)}, 0, std::move(reply));
}

void Broker::Acknowledge(const std::string& name, const Position& position, Reply<void> reply) {
  engine::Acknowledge command{name, {}};
  for (std::size_t partition = 0; partition < Partitions(); ++partition) {
    if (position.At(partition) >= impl_->slots[partition]->place.next) {
      reply(InvalidArgument("position {} is ahead of the history and cannot be acknowledged",
                            position.Text())
                .Because("POSITION_AHEAD"));
      return;
    }
    command.sequences[static_cast<engine::PartitionId>(partition)] = position.At(partition);
  }
  impl_->Decide<void>(impl_->SlotOfKey(engine::SubscriptionPartitionKey(name)), std::move(command),
                      0, std::move(reply));
}

void Broker::Unsubscribe(const std::string& name, Reply<void> reply) {
  impl_->Decide<void>(impl_->SlotOfKey(engine::SubscriptionPartitionKey(name)),
                      engine::Unsubscribe{name}, 0, std::move(reply));
}

}  // namespace mesg::broker
