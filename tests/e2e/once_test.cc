#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "e2e/fixture.h"
#include "e2e/raw_worker.h"
#include "e2e/store_reader.h"

namespace mesg::testing {
namespace {

constexpr std::string_view kBank = R"(name: Bank
sid: bank
tasks:
  pay:
    effect: once
    timeout: 10m
)";

/// A Core with a task whose effect must not happen twice, and everything that was ever delivered.
class OnceTest : public CoreTest {
 protected:
  void SetUp() override {
    Start();
    token_ = DeployDefinition(kBank);
  }

  std::unique_ptr<RawWorker> Connect(std::uint32_t credits) {
    return std::make_unique<RawWorker>(core_.endpoint(), token_, credits);
  }
  static bool Gets(const RawWorker& worker, std::size_t count) {
    return Eventually([&] { return worker.DeliveryCount() >= count; });
  }
  /// The worker is gone: remembers what it was sent.
  void Note(const RawWorker& worker) {
    for (const v1::Delivery& delivery : worker.Deliveries()) ++sent_[delivery.execution_id()];
  }
  /// Everything the worker holds was committed as dispatched before it was sent.
  void ExpectDispatchedInStore(const RawWorker& worker) {
    const Result<StoredExecutions> stored = ReadStoredExecutions(core_.home() / "data");
    ASSERT_TRUE(stored) << stored.error().message;
    for (const v1::Delivery& delivery : worker.Deliveries()) {
      const auto open = stored->open.find(delivery.execution_id());
      if (open == stored->open.end()) continue;  // Answered.
      EXPECT_NE(ToMicros(open->second.dispatched), 0) << delivery.execution_id();
    }
  }
  std::size_t DeadLetters() {
    Call call;
    v1::ListDeadLettersRequest request;
    request.mutable_page()->set_size(1000);
    v1::ListDeadLettersResponse response;
    EXPECT_TRUE(client_.dead_letters().List(call(), request, &response).ok());
    return static_cast<std::size_t>(response.executions_size());
  }

  std::string token_;
  std::map<std::string, int> sent_;  // How often, by execution.
};

TEST_F(OnceTest, NothingIsSentTwiceWhateverCrashes) {
  const std::vector<std::string> ids = CreateMany("bank", "pay", 300);

  // A worker that is lost, with work in its hands.
  auto worker = Connect(60);
  ASSERT_TRUE(Gets(*worker, 60));
  Note(*worker);
  worker.reset();

  // A Core that is killed while a worker holds work, of which some was answered.
  worker = Connect(100);
  ASSERT_TRUE(Gets(*worker, 100));
  std::set<std::string> completed;
  const std::vector<v1::Delivery> held = worker->Deliveries();
  for (std::size_t i = 0; i < 20; ++i) {
    worker->Succeed(held[i].delivery_id(), "{}");
    const v1::Accepted accepted = worker->AwaitAccepted(held[i].delivery_id());
    ASSERT_FALSE(accepted.has_error()) << accepted.error().message();
    completed.insert(held[i].execution_id());
  }
  ASSERT_TRUE(Gets(*worker, 120));  // Each answer has given a credit back.
  core_.Kill();
  ExpectDispatchedInStore(*worker);
  Note(*worker);
  worker.reset();
  Start();

  // Killed again at once, and while work is on its way to a worker.
  core_.Kill();
  Start();
  worker = Connect(40);
  ASSERT_TRUE(Gets(*worker, 1));
  core_.Kill();
  ExpectDispatchedInStore(*worker);
  Note(*worker);
  worker.reset();
  Start();

  // What is left, then a new execution: had anything been sent again, it would come before it.
  worker = Connect(1000);
  std::size_t before = 0;
  for (const std::string& id : ids) before += sent_.contains(id) ? 1 : 0;
  // Deliveries that were committed as dispatched, but did not reach us, are never repeated either.
  const std::string last = CreateMany("bank", "pay", 1).front();
  ASSERT_TRUE(Eventually([&] {
    for (const v1::Delivery& delivery : worker->Deliveries()) {
      if (delivery.execution_id() == last) return true;
    }
    return false;
  }));
  EXPECT_LE(worker->DeliveryCount(), ids.size() - before + 1);
  for (const v1::Delivery& delivery : worker->Deliveries()) {
    worker->Succeed(delivery.delivery_id(), "{}");
    completed.insert(delivery.execution_id());
  }
  for (const v1::Delivery& delivery : worker->Deliveries()) {
    EXPECT_FALSE(worker->AwaitAccepted(delivery.delivery_id()).has_error());
  }
  Note(*worker);

  for (const auto& [id, times] : sent_) EXPECT_EQ(times, 1) << id << " was sent " << times;
  std::size_t unknown = 0;
  for (const std::string& id : ids) {
    const v1::Execution execution = Get(id);
    if (execution.state() == v1::OUTCOME_UNKNOWN) ++unknown;
    EXPECT_EQ(execution.state(), completed.contains(id) ? v1::COMPLETED : v1::OUTCOME_UNKNOWN)
        << id << " sent " << sent_[id];
  }
  EXPECT_EQ(unknown, ids.size() + 1 - completed.size());
  EXPECT_EQ(DeadLetters(), unknown);
}

TEST_F(OnceTest, AnUnknownOutcomeIsResolvedByTheLateResultOrByAPerson) {
  const std::vector<std::string> ids = CreateMany("bank", "pay", 3);
  auto worker = Connect(10);
  ASSERT_TRUE(Gets(*worker, 3));
  const std::vector<v1::Delivery> held = worker->Deliveries();
  core_.Kill();
  worker.reset();
  Start();
  for (const std::string& id : ids) ASSERT_TRUE(Becomes(id, v1::OUTCOME_UNKNOWN)) << id;

  // The worker that did it comes back and says so, under the delivery id it was given.
  worker = Connect(10);
  worker->Succeed(held[0].delivery_id(), "{}");
  EXPECT_FALSE(worker->AwaitAccepted(held[0].delivery_id()).has_error());
  EXPECT_EQ(Get(held[0].execution_id()).state(), v1::COMPLETED);

  v1::ResolveDeadLetterRequest resolve;
  resolve.set_id(held[1].execution_id());
  resolve.set_failure("the bank says no");
  Call resolving;
  v1::Execution resolved;
  ASSERT_TRUE(client_.dead_letters().Resolve(resolving(), resolve, &resolved).ok());
  EXPECT_EQ(resolved.state(), v1::FAILED);
  EXPECT_EQ(resolved.outcome().error(), "the bank says no");

  v1::DeadLetterSelection retry;
  retry.add_ids(held[2].execution_id());
  Call retrying;
  v1::RetryDeadLettersResponse retried;
  ASSERT_TRUE(client_.dead_letters().Retry(retrying(), retry, &retried).ok());
  ASSERT_EQ(retried.retried_size(), 1);
  EXPECT_NE(retried.retried(0).new_id(), held[2].execution_id());
  ASSERT_TRUE(Gets(*worker, 1));
  EXPECT_EQ(worker->Deliveries()[0].execution_id(), retried.retried(0).new_id());
  EXPECT_EQ(DeadLetters(), 0U);
}

TEST_F(OnceTest, AnOrderlyStopWaitsForTheAnswerOfRunningWork) {
  const std::string id = CreateMany("bank", "pay", 1).front();
  const auto worker = Connect(10);
  ASSERT_TRUE(Gets(*worker, 1));
  core_.Signal(SIGTERM);
  ASSERT_TRUE(Eventually([&] { return worker->Drained(); })) << core_.Log();
  const std::string delivery = worker->Deliveries()[0].delivery_id();
  worker->Succeed(delivery, "{}");
  const v1::Accepted accepted = worker->AwaitAccepted(delivery);
  EXPECT_EQ(accepted.delivery_id(), delivery) << "no answer came";
  EXPECT_FALSE(accepted.has_error()) << accepted.error().message();
  EXPECT_EQ(core_.AwaitExit(), 0) << core_.Log();
  Start();
  EXPECT_EQ(Get(id).state(), v1::COMPLETED);
}

}  // namespace
}  // namespace mesg::testing
