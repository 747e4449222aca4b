#include "engine/engine.h"

#include <set>
#include <utility>

#include "engine/keys.h"

namespace mesg::engine {

PartitionId PartitionOf(std::uint16_t slot, PartitionId partitions) {
  return static_cast<PartitionId>((static_cast<std::uint32_t>(slot) * partitions) >> 16);
}

// Instance names hold no space, so the two kinds of key never meet.
std::string SubscriptionPartitionKey(std::string_view subscription) {
  return std::string("subscription ").append(subscription);
}

Result<std::unique_ptr<Engine>> Engine::Recover(const store::Store& store, Settings settings) {
  auto state = State::Load(store);
  if (!state) return Annotate(std::move(state).error(), "reading the stored state");
  return std::unique_ptr<Engine>(new Engine(*std::move(state), settings));
}

std::vector<AnyEffect> Engine::RecoveryEffects() const {
  std::vector<AnyEffect> effects;
  for (const auto& [hash, instance] : state_.Instances())
    effects.emplace_back(InstanceChanged{instance});
  for (const auto& [name, subscription] : state_.Subscriptions()) {
    effects.emplace_back(SubscriptionChanged{subscription});
  }
  for (const auto& [id, execution] : state_.Open()) {
    if (execution->state == ExecutionState::kCreated) effects.emplace_back(Ready{execution});
  }
  for (const auto& [key, body] : state_.Outgoing())
    effects.emplace_back(SendMessage{key.first, key.second, body});
  std::set<std::string> deleting;
  for (const auto& [hash, instance] : state_.Instances()) {
    if (instance->state == Instance::State::kDeleting) deleting.insert(instance->source->name);
  }
  for (const std::string& name : deleting) effects.emplace_back(UndeployGoesOn{name});
  for (const auto& [key, application] : state_.Runs().Applications()) {
    effects.emplace_back(ApplicationChanged{application});
  }
  return effects;
}

void Engine::Add(Record&& record) {
  if (tap_) tap_(record);
  state_.Fold(std::move(record));
}

Result<Reply> Engine::Apply(Command command, TimePoint now) {
  auto reply =
      std::visit([&](auto&& wanted) { return On(std::forward<decltype(wanted)>(wanted), now); },
                 std::move(command));
  const auto taken = TakeOwn(now);
  if (!taken) return taken.error();
  return reply;
}

Decided Engine::TakeCommit(TimePoint now) {
  Decided decided = state_.TakeCommit(now);
  decided.effects = std::exchange(effects_, {});
  return decided;
}

}  // namespace mesg::engine
