#include <gmock/gmock.h>

#include "broker/broker_fixture_test.h"

namespace mesg::broker {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

/// What a worker may hold, and what becomes of what it hands back.
class WorkersTest : public BrokerTest {
 protected:
  WorkersTest() {
    settings_.limits.worker_credits = 12;
    Start();
    shop_ = Deploy();
  }
  void CreateSome(std::size_t count) {
    for (const auto& created : CreateAll(std::vector<ExecutionRequest>(count, Ship())))
      ASSERT_TRUE(created);
    Settle();
  }
  void Refuse(WorkerId id, FakeWorker& worker, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) broker_->RefuseDelivery(id, worker.Take(i).id, "busy");
    Settle();
  }

  InstancePtr shop_;
  std::shared_ptr<FakeWorker> worker_ = std::make_shared<FakeWorker>();
};

TEST_F(WorkersTest, CreditsAreCappedInTheirSum) {
  const WorkerId id = Connect(shop_, worker_, 5);
  CreateSome(30);
  EXPECT_EQ(worker_->Deliveries(), 5U);
  broker_->AddCredits(id, SIZE_MAX);
  broker_->AddCredits(id, 10);
  Settle();
  EXPECT_EQ(worker_->Deliveries(), 12U);
  ASSERT_TRUE(Answer(Sent(worker_->Take(0).id)));
  broker_->AddCredits(id, 10);
  Settle();
  EXPECT_EQ(worker_->Deliveries(), 13U) << "only the one it gave back by answering";
  const auto greedy = std::make_shared<FakeWorker>();
  Connect(shop_, greedy, 1'000'000);
  Settle();
  EXPECT_EQ(greedy->Deliveries(), 12U);
}

TEST_F(WorkersTest, WhoRefusesIsAskedAgainAfterALongerPauseEachTime) {
  const WorkerId id = Connect(shop_, worker_);
  const auto created = Create(Ship());
  std::size_t refused = 0;
  for (const int pause : {100, 200, 400, 800, 1600, 3200, 6400, 10'000, 10'000}) {
    Refuse(id, *worker_, refused, refused + 1);
    ++refused;
    EXPECT_THAT(Get(created->id)->waiting_for, HasSubstr(R"(handed work back ("busy"))"));
    Advance(milliseconds(pause - 1));
    EXPECT_EQ(worker_->Deliveries(), refused) << "not before " << pause << " ms";
    Advance(milliseconds(1));
    EXPECT_EQ(worker_->Deliveries(), refused + 1) << "after " << pause << " ms";
  }
  EXPECT_TRUE(Get(created->id)->execution->attempts.empty());
  ASSERT_TRUE(Answer(Sent(worker_->Take(refused).id)));
  // It has answered one: its pauses are short again.
  CreateSome(1);
  Refuse(id, *worker_, refused + 1, refused + 2);
  Advance(milliseconds(100));
  EXPECT_EQ(worker_->Deliveries(), refused + 3);
}

TEST_F(WorkersTest, RefusingManyAtOnceIsOnePause) {
  const WorkerId id = Connect(shop_, worker_);
  CreateSome(10);
  Refuse(id, *worker_, 0, 10);
  EXPECT_EQ(worker_->Deliveries(), 10U);
  Advance(milliseconds(100));
  EXPECT_EQ(worker_->Deliveries(), 20U);
}

TEST_F(WorkersTest, AnotherWorkerGetsAtOnceWhatOneRefuses) {
  const WorkerId id = Connect(shop_, worker_);
  const auto other = std::make_shared<FakeWorker>();
  Connect(shop_, other, 12);
  CreateSome(12);
  const std::size_t refused = worker_->Deliveries();
  EXPECT_EQ(refused, 6U) << "shared by load";
  Refuse(id, *worker_, 0, refused);
  EXPECT_EQ(worker_->Deliveries(), refused) << "though it has the least load";
  EXPECT_EQ(other->Deliveries(), 12U);
}

TEST_F(WorkersTest, WhoLeavesDuringItsPauseIsForgotten) {
  const WorkerId id = Connect(shop_, worker_);
  CreateSome(1);
  Refuse(id, *worker_, 0, 1);
  broker_->DisconnectWorker(id);
  Advance(milliseconds(100));
  EXPECT_EQ(worker_->Deliveries(), 1U);
  const auto next = std::make_shared<FakeWorker>();
  Connect(shop_, next);
  EXPECT_EQ(next->Take(0).attempt, 1U);
}

}  // namespace
}  // namespace mesg::broker
