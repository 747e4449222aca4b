#include <gmock/gmock.h>

#include "runtime/services/service_manager_fixture_test.h"

namespace mesg::runtime {
namespace {

using testing::HasSubstr;

/// A service with so much pinned to it that its deletion takes many commits, and a disk that lets
/// through what the test wants.
class DeletionTest : public ServiceManagerTest {
 protected:
  static constexpr std::size_t kMany = 20;

  DeletionTest() {
    End();
    settings_.limits.commit_bytes = 100'000;
    settings_.engine.slice_bytes = 60'000;
    Begin();
    HasService("tasks: {work: {inputs: {text: {type: String}}, outputs: {done: {data: {}}}}}\n");
    const auto deployed = Deploy(DeployRequest{Source().string(), {}, "big", true});
    EXPECT_TRUE(deployed);
    Comes(ServiceState::kRunning, "big");
    EXPECT_TRUE(Eventually([&] { return !Wrote("big").empty(); }));
    if (deployed) hash_ = HashOf(*deployed);
    for (std::size_t i = 0; i < kMany; ++i) PinMuch();
  }

  void PinMuch() {
    broker::ExecutionRequest request;
    request.service = "big";
    request.task = "work";
    request.inputs = R"({"text":")" + std::string(50'000, 'x') + R"("})";
    const auto created = Wait<engine::Created>([&](auto reply) {
      broker_->Create({request}, {}, {0}, [reply](std::vector<Result<engine::Created>> all) {
        reply(std::move(all.front()));
      });
    });
    EXPECT_TRUE(created) << created.error().message;
  }

  using Answer = std::future<Result<void>>;
  Answer BeginDelete(const std::string& service, bool force, bool keep_data = false) {
    auto promise = std::make_shared<std::promise<Result<void>>>();
    manager_->Delete(service, keep_data, force,
                     [promise](Result<void> deleted) { promise->set_value(std::move(deleted)); });
    return promise->get_future();
  }
  bool IsDeleting() const {
    const auto instance = broker_->Deployed()->FindInstance(hash_);
    return instance && instance->Record().state == engine::Instance::State::kDeleting;
  }
  /// A deletion of which the first commit is durable, and the second is on its way.
  Answer DeleteHalf() {
    slow_->Stall();
    Answer deleted = BeginDelete("big", true);
    slow_->WaitHeld();
    slow_->ReleaseOne();
    slow_->WaitHeld();
    EXPECT_TRUE(Eventually([&] { return IsDeleting(); }));
    return deleted;
  }
  /// The disk fails in the middle of a deletion, and Core is started again.
  void DeleteHalfAndRestart() {
    Answer deleted = DeleteHalf();
    may_fail_ = true;
    store_->FailNextCommit(DataLoss("fsync failed"));
    slow_->ReleaseOne();
    EXPECT_THAT(deleted.get().error().message, HasSubstr("fsync failed"));
    End();
    may_fail_ = false;
    Begin(/*stalled=*/true);
    slow_->WaitHeld();
    EXPECT_TRUE(IsDeleting());
  }

  std::string hash_;
};

TEST_F(DeletionTest, OneThatARestartInterruptedIsJoinedByName) {
  DeleteHalfAndRestart();
  std::vector<Answer> answers;
  answers.push_back(BeginDelete("big", true));
  answers.push_back(BeginDelete("big", false));
  answers.push_back(BeginDelete("test", true));
  answers.push_back(BeginDelete(hash_, true));
  ASSERT_TRUE(Get("big")) << "asked behind them, so that they are known to the broker";
  slow_->Release();
  for (Answer& answer : answers) {
    const auto deleted = answer.get();
    EXPECT_TRUE(deleted) << deleted.error().message;
  }
  EXPECT_TRUE(List().empty());
  EXPECT_EQ(Get("big").error().code, Code::kNotFound);
  EXPECT_EQ(Delete("big").error().reason, "SERVICE_NOT_FOUND");
  EXPECT_TRUE(Deploy(DeployRequest{Source().string(), {}, "big", false}));
}

TEST_F(DeletionTest, OneThatDoesOtherwiseWithTheDataIsNotJoined) {
  DeleteHalfAndRestart();
  auto deleted = BeginDelete("big", true, /*keep_data=*/true);
  ASSERT_TRUE(Get("big"));
  slow_->Release();
  EXPECT_EQ(deleted.get().error().reason, "DELETION_UNDER_WAY");
  EXPECT_TRUE(Eventually([&] { return List().empty(); }));
}

TEST_F(DeletionTest, OneUnderWayIsSeenByNameAndTakesNoWork) {
  Answer deleted = DeleteHalf();
  for (const std::string& service : {std::string("big"), std::string("test"), hash_}) {
    const auto status = Get(service);
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_EQ(status->state, ServiceState::kDraining);
    EXPECT_THAT(status->reason, HasSubstr("it is being deleted"));
    EXPECT_EQ(HashOf(*status), hash_);
  }
  EXPECT_THAT(Wrote("big"), testing::Contains("hello"));
  EXPECT_TRUE(manager_->FollowLog("big", 0, [](const auto&) {}));
  std::promise<void> gone;
  const auto watch = manager_->WhenGone("big", [&] { gone.set_value(); });
  ASSERT_TRUE(watch) << watch.error().message;

  EXPECT_EQ(Start("big").error().code, Code::kNotFound);
  EXPECT_EQ(Stop("big").error().code, Code::kNotFound);
  EXPECT_EQ(manager_->Environment("big").error().code, Code::kNotFound);
  EXPECT_EQ(Get("bi").error().code, Code::kNotFound);

  slow_->Release();
  EXPECT_TRUE(deleted.get());
  gone.get_future().get();
}

// The broker has decided its end already, which is durable a moment later.
TEST_F(DeletionTest, OneAboutToEndIsJoinedToo) {
  Answer deleted = DeleteHalf();
  const auto open = [&] { return Get("big")->open_executions; };
  while (open() > 0) {
    slow_->ReleaseOne();
    slow_->WaitHeld();
  }
  ASSERT_TRUE(IsDeleting());
  Answer joined = BeginDelete("big", true);
  ASSERT_TRUE(Get("big"));
  slow_->Release();
  EXPECT_TRUE(deleted.get());
  const auto also = joined.get();
  EXPECT_TRUE(also) << also.error().message;
}

}  // namespace
}  // namespace mesg::runtime
