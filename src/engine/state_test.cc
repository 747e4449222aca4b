#include "engine/state.h"

#include <algorithm>

#include <gmock/gmock.h>

#include "engine/engine_fixture_test.h"

namespace mesg::engine {
namespace {

class StateTest : public EngineTest {
 protected:
  /// Everything a partition can come to know.
  void Live() {
    Deploy("shop", "one");
    Subscription wanted;
    wanted.name = "s";
    wanted.acknowledged = {{0, 0}, {1, 0}, {2, 5}};
    ASSERT_TRUE(Apply(Subscribe{wanted}));
    const ExecutionId done = Create();
    const ExecutionId dead = Create();
    Create();
    Dispatched();
    const ExecutionId unknown = Dispatched();
    Commit();
    ASSERT_TRUE(Emit({Event("1", "id"), Event("2")}, {{"k", "1", {}}}));
    ASSERT_EQ(Succeed(done), "ok");
    ASSERT_EQ(Fail(dead, 1), "ok");
    Commit();
    ASSERT_EQ(Fail(dead, 2), "ok");
    ASSERT_EQ(Fail(dead, 3), "ok");
    ASSERT_EQ(Lose(unknown), "ok");
    Deploy("shop", "two");
    Deploy("other", "three");
    ASSERT_TRUE(Apply(Acknowledge{"s", {{0, 1}, {1, 4}}}));
    ASSERT_TRUE(Apply(Delivered{1, 1}));
    ASSERT_TRUE(Apply(Receive{2, 1, EncodeBody(HoldMoved{"t", 1, false})}));
    Commit();
  }
  static std::string Describe(const engine::State& state) {
    std::vector<std::string> open;
    for (const auto& [id, execution] : state.Open()) {
      std::string bytes;
      Encode(*execution, bytes);
      open.push_back(bytes);
    }
    std::sort(open.begin(), open.end());
    std::string text = fmt::format("{}\n", fmt::join(open, "\n"));
    for (const auto& [hash, instance] : state.Instances())
      text += EncodeInstance(*instance) + fmt::format(" {}\n", state.OpenCount(hash));
    for (const auto& [name, subscription] : state.Subscriptions())
      text += EncodeSubscription(*subscription) + "\n";
    for (const auto& [name, held] : state.Holds())
      text += fmt::format("{} {} {}\n", name, held.sequence, held.broken);
    for (const auto& [to, body] : state.Outgoing())
      text += fmt::format("{}.{}\n", to.first, to.second) + body;
    for (const PartitionId to : {PartitionId{1}, PartitionId{2}})
      text += fmt::format("{}\n", state.NextOutgoing(to));
    text += fmt::format("{} {} {}\n", state.OpenBytes(), state.DeadLetters(), state.LastCommit());
    return text + EncodeCounters(state.Numbers());
  }
};

TEST_F(StateTest, RecoveryReadsExactlyWhatWasKnown) {
  settings_.partitions = 3;
  Open();
  Live();
  const std::string before = Describe(engine_->Current());
  Open();
  EXPECT_EQ(Describe(engine_->Current()), before);
}

TEST_F(StateTest, FoldingTheSameFactsElsewhereWritesTheSameBytes) {
  settings_.partitions = 3;
  Open();
  store::memory::MemoryDisk disk;
  store::memory::MemoryStore store(disk);
  engine::State replica = *engine::State::Load(store);
  engine_->SetTap([&](const Record& record) {
    Record copy = record;
    if (auto* created = std::get_if<ExecutionCreated>(&copy))
      created->execution = std::make_shared<Execution>(*created->execution);
    replica.Fold(std::move(copy));
  });
  Live();
  // One commit where the engine made several: only the numbers of commits and blocks may differ.
  const Decided decided = replica.TakeCommit(now_);
  store.Commit(decided.commit, decided.batch, {});
  replica.Committed(decided.commit);
  const auto without_history = [](std::map<std::string, std::string> contents) {
    std::erase_if(contents, [](const auto& entry) {
      return std::string_view("hitz").find(entry.first[0]) != std::string_view::npos;
    });
    return contents;
  };
  EXPECT_EQ(without_history(disk.Contents(0)), without_history(disk_.Contents(0)));
  EXPECT_EQ(replica.Open().size(), engine_->Current().Open().size());
}

TEST_F(StateTest, RecoveryTellsAgainWhatACrashMayHaveLost) {
  settings_.partitions = 3;
  Open();
  Live();
  Open();
  std::size_t ready = 0, instances = 0, subscriptions = 0, messages = 0;
  for (const AnyEffect& effect : engine_->RecoveryEffects()) {
    ready += std::holds_alternative<Ready>(effect) ? 1 : 0;
    instances += std::holds_alternative<InstanceChanged>(effect) ? 1 : 0;
    subscriptions += std::holds_alternative<SubscriptionChanged>(effect) ? 1 : 0;
    messages += std::holds_alternative<SendMessage>(effect) ? 1 : 0;
  }
  EXPECT_EQ(ready, 1U) << "not the dispatched one: nobody knows what became of it";
  EXPECT_EQ(instances, 3U);
  EXPECT_EQ(subscriptions, 1U);
  EXPECT_EQ(messages, 2U);
}

TEST_F(StateTest, DamagedValuesAreDataLossAndNeverGuessed) {
  settings_.partitions = 3;
  Open();
  Live();
  engine_.reset();
  store_.reset();
  for (const auto& [key, value] : disk_.Contents(0)) {
    if (std::string_view("nsloz").find(key[0]) == std::string_view::npos) continue;
    store::memory::MemoryDisk damaged;
    store::memory::MemoryStore store(damaged);
    store::Batch batch;
    for (const auto& [other, whole] : disk_.Contents(0)) batch.Put(other, whole);
    batch.Put(key, "\xff\xff\xff");
    store.Commit(1, std::move(batch), {});
    const auto engine = Engine::Recover(store, settings_);
    ASSERT_FALSE(engine) << "key " << key;
    EXPECT_EQ(engine.error().code, Code::kDataLoss);
  }
}

}  // namespace
}  // namespace mesg::engine
