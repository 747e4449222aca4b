#include <gmock/gmock.h>

#include "broker/broker_fixture_test.h"

namespace mesg::broker {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// Many dead letters settled together, where a commit takes no more than 300 kB.
class DeadLettersTest : public BrokerTest {
 protected:
  DeadLettersTest() {
    settings_.limits.commit_bytes = 100'000;
    settings_.engine.slice_bytes = 60'000;
    Start();
    stores_[0]->SetMaxBatchBytes(300'000);
    shop_ = Deploy();
    Connect(shop_, worker_, 1'000);
  }
  std::vector<ExecutionId> Make(std::size_t count, const std::string& order) {
    ExecutionRequest request = Ship(order);
    request.retry = RetryPolicy{1, {}, 1, {}, 0};
    std::vector<ExecutionId> ids;
    const std::size_t first = worker_->Deliveries();
    for (const auto& created : CreateAll(std::vector<ExecutionRequest>(count, request)))
      ids.push_back(created.value().id);
    for (std::size_t i = 0; i < count; ++i)
      EXPECT_TRUE(Answer(Failed(worker_->Take(first + i).id)));
    return ids;
  }
  std::vector<Result<engine::Created>> RetryAll(const std::vector<ExecutionId>& ids) {
    std::promise<std::vector<Result<engine::Created>>> promise;
    broker_->RetryDeadLetters(ids, [&](auto created) { promise.set_value(std::move(created)); });
    return promise.get_future().get();
  }

  /// Retries each by itself when the deployment of `yaml` is decided and nobody has been told.
  std::vector<Result<engine::Created>> RetryDuringDeploy(std::string_view yaml,
                                                         const std::vector<ExecutionId>& ids) {
    std::vector<std::promise<Result<engine::Created>>> retried(ids.size());
    DuringDeploy({Record(yaml, "shop", "2")}, [&] {
      for (std::size_t i = 0; i < ids.size(); ++i) {
        broker_->RetryDeadLetters({ids[i]}, [&promise = retried[i]](auto created) {
          promise.set_value(std::move(created.front()));
        });
      }
      EXPECT_EQ(*broker_->Deployed()->Find("shop").value()->GetSource(), *shop_->GetSource())
          << "the caller still finds this one";
    });
    std::vector<Result<engine::Created>> all;
    for (auto& promise : retried) all.push_back(promise.get_future().get());
    return all;
  }
  /// All of `ids` are dead letters as before, and nothing was made of them.
  void ExpectUntouched(const std::vector<ExecutionId>& ids) {
    EXPECT_EQ(broker_->Count().dead_letters, ids.size());
    EXPECT_EQ(broker_->Count().open_executions, 0U);
    for (const ExecutionId& id : ids) EXPECT_EQ(State(id), "failed no stock (dead letter)");
  }
  static std::string ShopWith(std::string_view old_text, std::string_view new_text) {
    std::string yaml(kShop);
    yaml.replace(yaml.find(old_text), old_text.size(), new_text);
    return yaml;
  }
  static std::string ShipsOnce() { return ShopWith("  ship:\n", "  ship:\n    effect: once\n"); }

  InstancePtr shop_;
  std::shared_ptr<FakeWorker> worker_ = std::make_shared<FakeWorker>();
};

TEST_F(DeadLettersTest, ManyAreFewCommits) {
  const std::vector<ExecutionId> ids = Make(100, "a");
  const std::uint64_t before = broker_->Count().commits;
  for (const auto& dropped : DropDeadLetters(ids)) EXPECT_TRUE(dropped);
  EXPECT_LE(broker_->Count().commits - before, 6U);
  EXPECT_EQ(broker_->Count().dead_letters, 0U);
}

TEST_F(DeadLettersTest, LargeOnesTakeTheCommitsTheyNeed) {
  const std::vector<ExecutionId> dropped = Make(20, std::string(40'000, 'd'));
  for (const auto& result : DropDeadLetters(dropped)) EXPECT_TRUE(result);
  const std::vector<ExecutionId> retried = Make(20, std::string(40'000, 'r'));
  const auto created = RetryAll(retried);
  for (std::size_t i = 0; i < created.size(); ++i) {
    ASSERT_TRUE(created[i]) << created[i].error().message;
    EXPECT_EQ(Get(created[i]->id)->execution->retry_of, retried[i]);
  }
  EXPECT_EQ(broker_->Count().dead_letters, 0U);
  EXPECT_EQ(fatal_.size(), 0U);
}

TEST_F(DeadLettersTest, EachIsSettledOrRefusedByItself) {
  std::vector<ExecutionId> ids = Make(3, "a");
  ids.insert(ids.begin() + 1, ExecutionId::Make(1, clock_.Now(), std::string(14, 'x')));
  ids.push_back(ids.front());
  const auto dropped = DropDeadLetters(ids);
  ASSERT_EQ(dropped.size(), 5U);
  EXPECT_TRUE(dropped[0]);
  EXPECT_EQ(dropped[1].error().reason, "EXECUTION_NOT_FOUND");
  EXPECT_TRUE(dropped[2]);
  EXPECT_TRUE(dropped[3]);
  EXPECT_EQ(dropped[4].error().reason, "NOT_A_DEAD_LETTER") << "a moment ago it was";
  EXPECT_TRUE(DropDeadLetters({}).empty());
}

TEST_F(DeadLettersTest, AFailedCommitIsToldOfEach) {
  const std::vector<ExecutionId> ids = Make(3, "a");
  Settle();
  stores_[0]->FailNextCommit(DataLoss("fsync failed"));
  for (const auto& dropped : DropDeadLetters(ids)) EXPECT_FALSE(dropped);
  for (const auto& created : RetryAll(ids)) EXPECT_EQ(created.error().reason, "STOPPING");
}

// ---- Its service is deployed anew ----

TEST_F(DeadLettersTest, ARetryDuringADeployGoesToTheNewInstance) {
  const std::vector<ExecutionId> ids = Make(20, "a");
  const auto created = RetryDuringDeploy(ShopWith("timeout: 1m", "timeout: 7m"), ids);
  EXPECT_EQ(broker_->Count().contracts_made, 1U);
  const InstancePtr now = broker_->Deployed()->Find("shop").value();
  EXPECT_NE(*now->GetSource(), *shop_->GetSource());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ASSERT_TRUE(created[i]) << created[i].error().message;
    const auto execution = Get(created[i]->id)->execution;
    EXPECT_EQ(execution->retry_of, ids[i]);
    EXPECT_EQ(*execution->source, *now->GetSource());
  }
  EXPECT_EQ(broker_->Count().dead_letters, 0U);
}

TEST_F(DeadLettersTest, ARetryDuringADeployWithoutItsTaskIsRefused) {
  const std::vector<ExecutionId> ids = Make(3, "a");
  const std::uint64_t refused = broker_->Count().requests_refused;
  for (const auto& created : RetryDuringDeploy(ShopWith("  ship:\n", "  send:\n"), ids)) {
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().reason, "TASK_NOT_FOUND");
  }
  EXPECT_EQ(broker_->Count().requests_refused - refused, ids.size());
  ExpectUntouched(ids);
}

TEST_F(DeadLettersTest, ARetryDuringADeployThatItsInputsDoNotFitIsRefused) {
  const std::vector<ExecutionId> ids = Make(1, "a");
  const auto created = RetryDuringDeploy(ShopWith("    inputs:\n      order: {type: String}",
                                                  "    inputs:\n      order: {type: Number}"),
                                         ids);
  ASSERT_FALSE(created.front());
  EXPECT_THAT(created.front().error().message, HasSubstr("Inputs of task \"ship\" are invalid"));
  ExpectUntouched(ids);
}

TEST_F(DeadLettersTest, ARetryDuringADeployWithAnotherEffectIsRefused) {
  const std::vector<ExecutionId> ids = Make(2, "a");
  for (const auto& created : RetryDuringDeploy(ShipsOnce(), ids)) {
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().reason, "EFFECT_CHANGED");
  }
  ExpectUntouched(ids);
}

TEST_F(DeadLettersTest, AnotherEffectIsNamedBesideTheOneItWasMadeWith) {
  const std::vector<ExecutionId> ids = Make(1, "a");
  Deploy(ShipsOnce());
  const auto created = RetryDeadLetter(ids.front());
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(created.error().reason, "EFFECT_CHANGED");
  EXPECT_THAT(created.error().message, AllOf(HasSubstr("has the effect \"once\" now"),
                                             HasSubstr("was created with \"idempotent\"")));
  ExpectUntouched(ids);
  Deploy(kShop);
  EXPECT_TRUE(RetryDeadLetter(ids.front())) << "with the old definition it fits again";
}

TEST_F(DeadLettersTest, ARetryDuringADeletionIsRefused) {
  const std::vector<ExecutionId> ids = Make(1, "a");
  slow_[0]->Stall();
  std::promise<Result<void>> deleted;
  std::promise<std::vector<Result<engine::Created>>> retried;
  broker_->Undeploy("shop", /*keep_data=*/true, /*force=*/false,
                    [&](auto result) { deleted.set_value(std::move(result)); });
  slow_[0]->WaitHeld();
  broker_->RetryDeadLetters(ids, [&](auto created) { retried.set_value(std::move(created)); });
  slow_[0]->Release();
  EXPECT_TRUE(deleted.get_future().get());
  EXPECT_EQ(retried.get_future().get().front().error().reason, "SERVICE_NOT_FOUND");
  ExpectUntouched(ids);
}

TEST_F(DeadLettersTest, WhatWasRefusedInItsTurnIsToldOfAFailedCommit) {
  const std::vector<ExecutionId> ids = Make(1, "a");
  slow_[0]->Stall();
  std::promise<Result<void>> deployed;
  std::promise<std::vector<Result<engine::Created>>> retried;
  broker_->Deploy(Record(ShipsOnce(), "shop", "2"),
                  [&](auto result) { deployed.set_value(std::move(result)); });
  slow_[0]->WaitHeld();
  broker_->RetryDeadLetters(ids, [&](auto created) { retried.set_value(std::move(created)); });
  Settle();
  stores_[0]->FailNextCommit(DataLoss("fsync failed"));
  slow_[0]->Release();
  EXPECT_FALSE(deployed.get_future().get());
  EXPECT_NE(retried.get_future().get().front().error().reason, "EFFECT_CHANGED")
      << "whether the new definition is there, nobody knows";
}

}  // namespace
}  // namespace mesg::broker
