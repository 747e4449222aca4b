#include <gmock/gmock.h>

#include "broker/broker_fixture_test.h"

namespace mesg::broker {
namespace {

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

}  // namespace
}  // namespace mesg::broker
