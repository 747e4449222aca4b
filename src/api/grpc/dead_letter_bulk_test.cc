#include "api/grpc/dead_letter_bulk.h"

#include <gmock/gmock.h>

#include "broker/broker_fixture_test.h"

namespace mesg::api {
namespace {

using broker::FakeWorker;

/// Three batches of dead letters to drop.
class DeadLetterBulkTest : public broker::BrokerTest {
 protected:
  static constexpr std::size_t kMany = 600;

  DeadLetterBulkTest() {
    Start();
    const broker::InstancePtr shop = Deploy();
    const auto worker = std::make_shared<FakeWorker>();
    Connect(shop, worker, kMany);
    broker::ExecutionRequest request = Ship();
    request.retry = RetryPolicy{1, {}, 1, {}, 0};
    for (const auto& created : CreateAll(std::vector<broker::ExecutionRequest>(kMany, request)))
      ids_.push_back(created.value().id.Text());
    for (std::size_t i = 0; i < kMany; ++i) EXPECT_TRUE(Answer(Failed(worker->Take(i).id)));
    crew_ = std::make_unique<Crew>();
  }
  ~DeadLetterBulkTest() override { crew_.reset(); }

  /// Drops what is selected, and goes on as long as `may_go_on` says.
  Result<void> Drop(
      const v1::DeadLetterSelection& selection,
      std::function<Result<void>()> may_go_on = [] { return Result<void>(); }) {
    DeadLetterBulk::Plan plan;
    plan.selection = selection;
    plan.done_word = "dropped";
    plan.act = [&](const std::vector<ExecutionId>& ids, DeadLetterBulk::Told told) {
      batches_.push_back(ids.size());
      broker_->DropDeadLetters(ids, std::move(told));
    };
    plan.may_go_on = std::move(may_go_on);
    std::promise<Result<void>> promise;
    plan.done = [&](Result<void> done) { promise.set_value(std::move(done)); };
    DeadLetterBulk::Begin(*broker_, *crew_, std::move(plan));
    return promise.get_future().get();
  }
  static v1::DeadLetterSelection All() {
    v1::DeadLetterSelection selection;
    selection.set_all(true);
    return selection;
  }
  v1::DeadLetterSelection Ids() const {
    v1::DeadLetterSelection selection;
    for (const std::string& id : ids_) selection.add_ids(id);
    return selection;
  }
  std::size_t Left() const { return broker_->Count().dead_letters; }

  std::vector<std::string> ids_;
  std::vector<std::size_t> batches_;
  std::unique_ptr<Crew> crew_;
};

TEST_F(DeadLetterBulkTest, AllGoesBatchByBatch) {
  ASSERT_TRUE(Drop(All()));
  EXPECT_EQ(Left(), 0U);
  EXPECT_THAT(batches_, testing::ElementsAre(256, 256, 88));
  ASSERT_TRUE(Drop(All())) << "none is left";
}

TEST_F(DeadLetterBulkTest, IdsGoBatchByBatchAndTheFirstRefusalIsTheError) {
  v1::DeadLetterSelection selection = Ids();
  selection.set_ids(300, ids_[0]);
  const auto dropped = Drop(selection);
  ASSERT_FALSE(dropped);
  EXPECT_EQ(dropped.error().reason, "NOT_A_DEAD_LETTER");
  EXPECT_THAT(dropped.error().message, testing::EndsWith("(599 were dropped)"));
  EXPECT_EQ(Left(), 1U);
  EXPECT_THAT(batches_, testing::ElementsAre(256, 256, 88));
}

TEST_F(DeadLetterBulkTest, OneThatIsCancelledEndsBehindABatchAndTellsHowFarItCame) {
  for (const auto& selection : {All(), Ids()}) {
    batches_.clear();
    int asked = 0;
    const auto dropped = Drop(selection, [&]() -> Result<void> {
      if (asked++ == 0) return {};
      return Error{Code::kCancelled, "the caller has cancelled", "", {}};
    });
    ASSERT_FALSE(dropped);
    EXPECT_EQ(dropped.error().code, Code::kCancelled);
    EXPECT_THAT(batches_, testing::ElementsAre(256));
    if (selection.all()) {
      EXPECT_EQ(dropped.error().message, "the caller has cancelled (256 were dropped)");
      EXPECT_EQ(Left(), kMany - 256);
    }
  }
}

// Reading stops behind much that does not fit, and goes on where it stopped.
TEST_F(DeadLetterBulkTest, ASearchThatFindsNoneIsCancelledBetweenItsPages) {
  constexpr std::size_t kLarge = 20;  // More than the reading of one page takes.
  const auto worker = std::make_shared<FakeWorker>();
  Connect(Deploy(broker::kShop, "large"), worker, kLarge);
  for (std::size_t i = 0; i < kLarge; ++i) {
    broker::ExecutionRequest request = Ship(std::string(4'000'000, 'x'));
    request.service = "large";
    request.retry = RetryPolicy{1, {}, 1, {}, 0};
    ASSERT_TRUE(CreateAll({request}).front());
    ASSERT_TRUE(Answer(Failed(worker->Take(i).id)));
  }
  v1::DeadLetterSelection none = All();
  none.set_service("large");
  none.set_task("charge");
  int asked = 0;
  ASSERT_TRUE(Drop(none, [&] {
    ++asked;
    return Result<void>();
  }));
  EXPECT_EQ(asked, 2) << "once for each page";
  asked = 0;
  const auto dropped = Drop(none, [&]() -> Result<void> {
    if (asked++ == 0) return {};
    return Error{Code::kCancelled, "the caller has cancelled", "", {}};
  });
  ASSERT_FALSE(dropped);
  EXPECT_EQ(dropped.error().message, "the caller has cancelled");
  EXPECT_TRUE(batches_.empty());
}

// As after a call that was given up, when the API is gone.
TEST_F(DeadLetterBulkTest, ABatchThatIsAnsweredWhenTheCrewIsGoneEndsIt) {
  std::promise<DeadLetterBulk::Told> acted;
  std::promise<Result<void>> finished;
  DeadLetterBulk::Plan plan;
  plan.selection = All();
  plan.done_word = "dropped";
  plan.act = [&](const std::vector<ExecutionId>&, DeadLetterBulk::Told told) {
    acted.set_value(std::move(told));
  };
  plan.may_go_on = [] { return Result<void>(); };
  plan.done = [&](Result<void> done) { finished.set_value(std::move(done)); };
  DeadLetterBulk::Begin(*broker_, *crew_, std::move(plan));
  const DeadLetterBulk::Told told = acted.get_future().get();
  crew_.reset();
  told(std::vector<Result<void>>(DeadLetterBulk::kBatch));
  EXPECT_EQ(finished.get_future().get().error().reason, "CORE_STOPPING");
}

TEST_F(DeadLetterBulkTest, AnErrorOfCoreEndsIt) {
  Settle();
  stores_[0]->FailNextCommit(DataLoss("fsync failed"));
  EXPECT_FALSE(Drop(All()));
  EXPECT_EQ(batches_.size(), 1U);
}

TEST_F(DeadLetterBulkTest, ASelectionIsCheckedFirst) {
  v1::DeadLetterSelection both = Ids();
  both.set_all(true);
  EXPECT_EQ(Drop(both).error().reason, "INVALID_SELECTION");
  EXPECT_EQ(Drop({}).error().reason, "INVALID_SELECTION");
  v1::DeadLetterSelection nonsense;
  nonsense.add_ids("nonsense");
  EXPECT_EQ(Drop(nonsense).error().code, Code::kInvalidArgument);
  v1::DeadLetterSelection many;
  for (int i = 0; i < 10'001; ++i) many.add_ids(ids_[0]);
  EXPECT_EQ(Drop(many).error().code, Code::kInvalidArgument);
  v1::DeadLetterSelection unknown = All();
  unknown.set_service("nothing");
  EXPECT_EQ(Drop(unknown).error().reason, "SERVICE_NOT_FOUND");
  EXPECT_TRUE(batches_.empty());
}

}  // namespace
}  // namespace mesg::api
