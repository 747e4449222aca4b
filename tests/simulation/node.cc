#include "tests/simulation/node.h"

#include <utility>

namespace mesg::simulation {

Node::Node(Run& run, engine::Settings settings, std::size_t partitions)
    : run_(run), settings_(settings), partitions_(partitions) {
  for (std::size_t i = 0; i < partitions; ++i) {
    partitions_[i].replica = std::make_unique<Replica>(run, static_cast<std::uint16_t>(i));
    partitions_[i].replica->on_fact = [this, i](const engine::Record& record, TimePoint time) {
      if (on_fact) on_fact(i, record, time);
    };
  }
}

broker::Partition::World Node::WorldOf(std::size_t partition) {
  Slot* slot = &partitions_[partition];
  broker::Partition::World world;
  world.committed = [slot](std::uint64_t commit, Result<void> result) {
    slot->committed.emplace_back(commit, std::move(result));
  };
  world.advanced = [slot](const broker::Partition&, std::uint64_t next, std::uint64_t oldest) {
    slot->next = next;
    slot->oldest = oldest;
  };
  const auto from = static_cast<engine::PartitionId>(partition);
  world.send = [this, from](const engine::SendMessage& message) {
    Submit(message.to, [from, message](broker::Partition& core, TimePoint now) {
      core.Submit(engine::Receive{from, message.number, message.body}, {}, now);
    });
  };
  world.confirm = [this, from](engine::ConfirmMessage message) {
    Submit(message.from, [from, message](broker::Partition& core, TimePoint now) {
      core.Submit(engine::Delivered{from, message.number}, {}, now);
    });
  };
  world.ask_again = [this, from](engine::AskAgain again) {
    Submit(again.from, [from](broker::Partition& core, TimePoint now) {
      core.Submit(engine::SendAgain{from}, {}, now);
    });
  };
  world.evaluate_step = [this, partition](engine::EvaluateStep step) {
    if (on_evaluate_step) on_evaluate_step(partition, std::move(step));
  };
  world.evaluate_trigger = [this, partition](engine::EvaluateTrigger trigger) {
    if (on_evaluate_trigger) on_evaluate_trigger(partition, std::move(trigger));
  };
  world.run = [](const engine::RunPtr&) {};
  world.instance = [this](const std::shared_ptr<const engine::Instance>& instance, bool removed) {
    if (removed) {
      instances_.erase(instance->source->instance_hash);
    } else {
      instances_[instance->source->instance_hash] = instance;
      if (instance->state == engine::Instance::State::kDeleting)
        run_.faults.Add(Fault::kUndeployTakesSeveralCommits);
    }
  };
  world.subscription = [this](const std::shared_ptr<const engine::Subscription>& subscription) {
    subscriptions_[subscription->name] = subscription;
  };
  world.subscription_removed = [this](const std::string& name) { subscriptions_.erase(name); };
  world.lagging = [this, partition](broker::ListenerId id, std::uint64_t next) {
    if (on_lagging) on_lagging(id, partition, next);
  };
  world.fatal = [this](const Error& error) {
    run_.Say("core stops: {}", error.message);
    failed_ = true;
  };
  world.random = [this] { return run_.random.Fraction(); };
  return world;
}

void Node::Start() {
  ++life_;
  failed_ = false;
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    Slot& slot = partitions_[i];
    slot.store = std::make_unique<ReplicatedStore>(run_, disk_, static_cast<std::uint16_t>(i),
                                                   *slot.replica);
    engine::Settings settings = settings_;
    settings.partition = static_cast<engine::PartitionId>(i);
    settings.partitions = static_cast<engine::PartitionId>(partitions_.size());
    auto engine = engine::Engine::Recover(*slot.store, settings);
    MESG_CHECK(engine, "recovery failed: {}", engine ? "" : engine.error().message);
    if (Describe((*engine)->Current()) != Describe(slot.replica->Current())) {
      run_.Violated("partition {}: recovery comes to another state than folding every fact", i);
    }
    for (const auto& [hash, instance] : (*engine)->Current().Instances()) {
      if (instance->state == engine::Instance::State::kDeleting)
        run_.faults.Add(Fault::kUndeployInterrupted);
    }
    (*engine)->SetTap(
        [replica = slot.replica.get()](const engine::Record& record) { replica->Record(record); });
    slot.core =
        std::make_unique<broker::Partition>(*std::move(engine), *slot.store, ids_, WorldOf(i),
                                            run_.random.Next(), /*worker_credits=*/16);
    slot.next = slot.core->Live().Next();
    slot.oldest = slot.core->GetEngine().Current().Numbers().oldest_sequence;
  }
  for (Slot& slot : partitions_) slot.core->Recover(run_.now);
}

void Node::Crash() {
  run_.faults.Add(Fault::kCrash);
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    Slot& slot = partitions_[i];
    store::memory::MemoryStore& memory = slot.store->Memory();
    const std::size_t uncertain = memory.Unacknowledged();
    const auto survivors = store::memory::Survivors::Choose(run_.random.Next(), uncertain);
    const std::size_t survived = memory.Crash(survivors);
    run_.faults.Add(Fault::kCommitSurvived, survived);
    run_.faults.Add(Fault::kCommitLost, uncertain - survived);
    if (survivors.tear && survived < uncertain) run_.faults.Add(Fault::kCommitTorn);
    slot.replica->Durable(disk_.LastSequence(static_cast<std::uint16_t>(i)));
    slot.replica->Crash();
    slot.core.reset();
    slot.store.reset();
    slot.inbox.clear();
    slot.committed.clear();
  }
  instances_.clear();
  subscriptions_.clear();
}

void Node::Submit(std::size_t partition, Work work) {
  partitions_[partition].inbox.push_back(std::move(work));
}

void Node::Turn(std::size_t partition, bool all) {
  Slot& slot = partitions_[partition];
  slot.core->Begin(run_.now);
  while (!slot.committed.empty()) {
    const auto [commit, result] = std::move(slot.committed.front());
    slot.committed.pop_front();
    slot.core->OnCommitted(commit, result, run_.now);
  }
  std::size_t take = all ? slot.inbox.size() : run_.random.Below(slot.inbox.size() + 1);
  for (; take > 0 && !slot.inbox.empty(); --take) {
    const Work work = std::move(slot.inbox.front());
    slot.inbox.pop_front();
    work(*slot.core, run_.now);
  }
  slot.core->Turn(run_.now);
}

void Node::StepDisk(std::size_t partition) { partitions_[partition].store->Memory().Step(); }

void Node::Stall(std::size_t partition) {
  store::memory::MemoryStore& memory = partitions_[partition].store->Memory();
  if (memory.Pending() == 0) return;
  run_.faults.Add(Fault::kCommitStalled);
  memory.Stall();
}

void Node::Release(std::size_t partition) { partitions_[partition].store->Memory().Release(); }

void Node::FailNextCommit(std::size_t partition) {
  run_.faults.Add(Fault::kCommitFailed);
  partitions_[partition].store->Memory().FailNextCommit(DataLoss("the disk failed"));
}

bool Node::Quiet() const {
  for (const Slot& slot : partitions_) {
    if (!slot.inbox.empty() || !slot.committed.empty() || !slot.core->Idle()) return false;
  }
  return true;
}

std::shared_ptr<const engine::Instance> Node::Active(const std::string& name) const {
  for (const auto& [hash, instance] : instances_) {
    if (instance->source->name == name && instance->state == engine::Instance::State::kActive)
      return instance;
  }
  return nullptr;
}

std::shared_ptr<const engine::Subscription> Node::Subscribed(const std::string& name) const {
  const auto found = subscriptions_.find(name);
  return found == subscriptions_.end() ? nullptr : found->second;
}

std::optional<TimePoint> Node::NextTimer() const {
  std::optional<TimePoint> next;
  for (const Slot& slot : partitions_) {
    const auto timer = slot.core->NextTimer();
    if (timer && (!next || *timer < *next)) next = timer;
  }
  return next;
}

void Node::CheckReplicas() {
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    const Slot& slot = partitions_[i];
    if (disk_.Contents(static_cast<std::uint16_t>(i)) != slot.replica->Contents()) {
      run_.Violated("partition {}: the replica's store differs from the disk", i);
    }
    if (Describe(slot.core->GetEngine().Current()) != Describe(slot.replica->Current())) {
      run_.Violated("partition {}: the replica's state differs from the engine's", i);
    }
  }
}

}  // namespace mesg::simulation
