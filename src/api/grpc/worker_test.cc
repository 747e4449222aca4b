#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/grpc/api_fixture_test.h"

namespace mesg::api {
namespace {

class WorkerTest : public ApiTest {
 protected:
  /// How a worker ends that begins like this.
  std::string Refused(const v1::WorkerMessage& message,
                      const std::optional<std::string>& token = {}) {
    Working worker = OpenWorker(token);
    worker.Write(message);
    return Told(worker.Finish());
  }
  static v1::WorkerMessage Hello(std::uint32_t credits = 1) {
    v1::WorkerMessage message;
    message.mutable_hello()->set_name("w");
    message.mutable_hello()->set_credits(credits);
    return message;
  }
  std::string Answered(Working& worker, const v1::WorkerMessage& answer) {
    EXPECT_TRUE(worker.Write(answer));
    const v1::Accepted accepted = worker.NextAccepted();
    EXPECT_EQ(accepted.delivery_id(), answer.answers(0).delivery_id());
    return accepted.has_error() ? Told(accepted.error()) : "accepted";
  }
};

TEST_F(WorkerTest, IsWelcomedAndPerformsATask) {
  Working worker = OpenWorker();
  worker.Write(Hello(3));
  const auto message = worker.Read();
  ASSERT_TRUE(message.has_welcome()) << "welcome comes first";
  EXPECT_EQ(message.welcome().service(), "shop");
  EXPECT_EQ(message.welcome().instance_hash(), shop_->GetSource()->instance_hash);
  EXPECT_EQ(message.welcome().durability(), "sync");
  EXPECT_EQ(message.welcome().max_credits(), 3U);
  v1::CreateExecutionRequest request = ShipRequest("o");
  request.add_tags("vip");
  request.set_traceparent("00-trace");
  v1::CreateExecutionResponse created;
  ASSERT_EQ(Told(executions_->Create(Anonymous().get(), request, &created)), "OK");
  const v1::Delivery delivery = worker.NextDelivery();
  EXPECT_EQ(delivery.execution_id(), created.id());
  EXPECT_EQ(delivery.task(), "ship");
  EXPECT_EQ(delivery.inputs(), R"({"order":"o"})");
  EXPECT_EQ(delivery.attempt(), 1U);
  EXPECT_EQ(delivery.tags(0), "vip");
  EXPECT_EQ(delivery.traceparent(), "00-trace");
  EXPECT_GT(delivery.deadline_us(), 0);
  EXPECT_EQ(Answered(worker, Sent(delivery.delivery_id())), "accepted");
  EXPECT_EQ(GetExecution(created.id()).outcome().outputs(), R"({"tracking":"t"})");
  worker.WritesDone();
  EXPECT_EQ(Told(worker.Finish()), "OK");
  EXPECT_TRUE(Eventually([&] { return broker_->Count().workers == 0; }));
}

TEST_F(WorkerTest, IsRefusedWithoutATokenAHelloOrAKnownTask) {
  EXPECT_EQ(Refused(Hello(), ""), "UNAUTHENTICATED TOKEN_MISSING");
  EXPECT_EQ(Refused(Hello(), "other"), "UNAUTHENTICATED UNKNOWN_TOKEN");
  EXPECT_EQ(Refused(Sent("x")), "INVALID_ARGUMENT HELLO_MISSING");
  v1::WorkerMessage unknown = Hello();
  unknown.mutable_hello()->add_tasks("shipp");
  EXPECT_EQ(Refused(unknown), "NOT_FOUND TASK_NOT_FOUND");
  Working worker = Work();
  worker.Write(Hello());
  EXPECT_EQ(Told(worker.Finish()), "INVALID_ARGUMENT UNEXPECTED_MESSAGE");
  EXPECT_TRUE(Eventually([&] { return broker_->Count().workers == 0; }));
}

TEST_F(WorkerTest, BadAnswersAreRefusedOneByOneAndTheStreamGoesOn) {
  Working worker = Work();
  const std::string id = CreateShip();
  const v1::Delivery delivery = worker.NextDelivery();
  v1::WorkerMessage neither;
  neither.add_answers()->set_delivery_id(delivery.delivery_id());
  EXPECT_THAT(Answered(worker, neither), testing::HasSubstr("RESULT_MISSING result: "));
  EXPECT_THAT(Answered(worker, Sent("made up")), testing::StartsWith("PERMISSION_DENIED"));
  EXPECT_EQ(Answered(worker, Sent(delivery.delivery_id())), "accepted");
  EXPECT_THAT(Answered(worker, Sent(delivery.delivery_id())),
              testing::StartsWith("FAILED_PRECONDITION"))
      << "a second result";
  EXPECT_EQ(GetExecution(id).state(), v1::COMPLETED);
}

TEST_F(WorkerTest, OutputsThatBreakTheContractFailTheExecutionAndNameTheField) {
  Working worker = Work();
  const std::string id = CreateShip();
  v1::WorkerMessage wrong = Sent(worker.NextDelivery().delivery_id());
  wrong.mutable_answers(0)->mutable_success()->set_outputs(R"({"tracking":5})");
  const std::string told = Answered(worker, wrong);
  EXPECT_THAT(told, testing::StartsWith("INVALID_ARGUMENT"));
  EXPECT_THAT(told, testing::HasSubstr("tracking: "));
  EXPECT_EQ(GetExecution(id).state(), v1::FAILED);
  CreateShip();
  v1::WorkerMessage unknown = Sent(worker.NextDelivery().delivery_id());
  unknown.mutable_answers(0)->mutable_success()->set_output_key("snt");
  EXPECT_THAT(Answered(worker, unknown), testing::HasSubstr("OUTPUT_NOT_FOUND"));
  CreateShip();
  v1::WorkerMessage huge = Sent(worker.NextDelivery().delivery_id());
  huge.mutable_answers(0)->mutable_success()->set_outputs(
      fmt::format(R"({{"tracking":"{}"}})", std::string(5 << 20, 't')));
  EXPECT_THAT(Answered(worker, huge), testing::HasSubstr("PAYLOAD_TOO_LARGE"));
}

TEST_F(WorkerTest, ADeliveryOfAnotherInstanceIsNotItsToAnswer) {
  const auto other = Deploy(broker::kShop, "other");
  Working worker = Work();
  Working stranger = OpenWorker(other->Record().token);
  stranger.Write(Hello());
  ASSERT_TRUE(stranger.Read().has_welcome());
  const std::string id = CreateShip();
  const v1::Delivery delivery = worker.NextDelivery();
  EXPECT_THAT(Answered(stranger, Sent(delivery.delivery_id())),
              testing::StartsWith("PERMISSION_DENIED"));
  EXPECT_EQ(GetExecution(id).state(), v1::DISPATCHED);
}

TEST_F(WorkerTest, EveryAnswerGivesOneCreditBackWhetherAcceptedOrRefused) {
  Working worker = Work(1);
  for (int i = 0; i < 3; ++i) {
    CreateShip();
    const v1::Delivery delivery = worker.NextDelivery();
    if (i == 1) {
      v1::WorkerMessage wrong = Sent(delivery.delivery_id());
      wrong.mutable_answers(0)->mutable_success()->set_outputs("{}");
      EXPECT_THAT(Answered(worker, wrong), testing::StartsWith("INVALID_ARGUMENT"));
    } else {
      EXPECT_EQ(Answered(worker, Sent(delivery.delivery_id())), "accepted");
    }
  }
  // One credit, not more: of two executions one is delivered.
  CreateShip("x");
  CreateShip("y");
  const v1::Delivery first = worker.NextDelivery();
  EXPECT_EQ(first.inputs(), R"({"order":"x"})");
  EXPECT_EQ(broker_->Count().deliveries_sent, 4U);
  EXPECT_EQ(Answered(worker, Sent(first.delivery_id())), "accepted");
  EXPECT_EQ(worker.NextDelivery().inputs(), R"({"order":"y"})");
}

TEST_F(WorkerTest, MoreCreditsBringMoreDeliveries) {
  Working worker = Work(1);
  CreateShip("x");
  CreateShip("y");
  worker.NextDelivery();
  v1::WorkerMessage more;
  more.set_credits(1);
  worker.Write(more);
  EXPECT_EQ(worker.NextDelivery().inputs(), R"({"order":"y"})");
}

TEST_F(WorkerTest, ARefusedDeliveryGoesToAnotherWorkerAndIsNoAttempt) {
  Working first = Work(1);
  const std::string id = CreateShip();
  const v1::Delivery delivery = first.NextDelivery();
  // Another worker comes; the first has no more credit for what it hands back, once it drains.
  v1::WorkerMessage drain;
  drain.set_drain(true);
  auto& refusal = *drain.add_refusals();
  refusal.set_delivery_id(delivery.delivery_id());
  refusal.set_reason("busy");
  Working second = Work(1);
  first.Write(drain);
  const v1::Delivery again = second.NextDelivery();
  EXPECT_EQ(again.execution_id(), id);
  EXPECT_EQ(again.attempt(), 1U);
  EXPECT_NE(again.delivery_id(), delivery.delivery_id());
}

TEST_F(WorkerTest, AWorkerThatLeavesReturnsItsWork) {
  Working stays = Work(1);
  CreateShip("held");
  stays.NextDelivery();
  std::string id;
  {
    Working leaves = Work(1);
    id = CreateShip("moved");
    EXPECT_EQ(leaves.NextDelivery().execution_id(), id);
  }
  EXPECT_TRUE(Eventually([&] { return broker_->Count().workers == 1; }));
  EXPECT_TRUE(Eventually([&] { return GetExecution(id).attempts_size() == 1; }));
  EXPECT_EQ(GetExecution(id).attempts(0).outcome(), v1::Attempt::WORKER_LOST);
  EXPECT_EQ(GetExecution(id).attempts(0).worker(), "w");
}

TEST_F(WorkerTest, AnAnswerToADeliveryOfAnEarlierConnectionIsAccepted) {
  std::string delivery;
  std::string id;
  {
    Working worker = Work(1);
    id = CreateShip();
    delivery = worker.NextDelivery().delivery_id();
  }
  EXPECT_TRUE(Eventually([&] { return broker_->Count().workers == 0; }));
  Working again = Work(0);
  EXPECT_EQ(Answered(again, Sent(delivery)), "accepted");
  EXPECT_EQ(GetExecution(id).state(), v1::COMPLETED);
}

TEST_F(WorkerTest, ATimeoutIsCancelledBeforeTheNextAttemptIsDelivered) {
  Working worker = Work(2);
  const std::string id = CreateShip();
  const v1::Delivery first = worker.NextDelivery();
  Advance(std::chrono::minutes(2));
  EXPECT_EQ(worker.NextCancelled().delivery_id(), first.delivery_id());
  EXPECT_EQ(worker.deliveries(), 0U);
  Advance(std::chrono::minutes(2));
  const v1::Delivery second = worker.NextDelivery();
  EXPECT_EQ(second.execution_id(), id);
  EXPECT_EQ(second.attempt(), 2U);
  EXPECT_EQ(Answered(worker, Sent(first.delivery_id())), "accepted")
      << "a success of any delivery counts";
}

TEST_F(WorkerTest, AnswersCarryEventsAndKeysAndWorkersEmit) {
  Working worker = Work();
  CreateShip();
  v1::WorkerMessage answer = Sent(worker.NextDelivery().delivery_id());
  *answer.mutable_answers(0)->add_events() = OrderedEvent("from a task").events(0);
  auto& change = *answer.mutable_answers(0)->add_changes();
  change.set_key("k");
  change.set_put("1");
  ASSERT_TRUE(worker.Write(answer));
  const v1::Accepted accepted = worker.NextAccepted();
  EXPECT_EQ(accepted.positions_size(), 1);
  EXPECT_EQ(accepted.versions_size(), 1);

  v1::WorkerMessage emits;
  *emits.add_emits() = OrderedEvent("a");
  *emits.add_emits() = Event("{}", "none");
  *emits.add_emits() = OrderedEvent("b");
  worker.Write(emits);
  std::vector<std::string> emitted;
  for (int i = 0; i < 3; ++i) {
    const v1::EmitResponse response = worker.NextEmitted();
    emitted.push_back(response.has_error() ? response.error().reason() : "emitted");
  }
  EXPECT_THAT(emitted, testing::ElementsAre("emitted", "EVENT_NOT_FOUND", "emitted"));
}

TEST_F(WorkerTest, TwoWorkersShareWork) {
  Working first = Work(100);
  Working second = Work(100);
  for (int i = 0; i < 20; ++i) CreateShip();
  for (Working* worker : {&first, &second}) {
    for (int i = 0; i < 10; ++i) worker->NextDelivery();
    EXPECT_EQ(worker->deliveries(), 0U);
  }
}

TEST_F(WorkerTest, AReplacedInstanceIsToldToDrain) {
  Working worker = Work();
  ASSERT_TRUE(
      Ask<void>([&](auto reply) { broker_->Undeploy("shop", false, true, std::move(reply)); }));
  EXPECT_TRUE(worker.WaitDrain());
  worker.WritesDone();
  EXPECT_EQ(Told(worker.Finish()), "OK");
}

TEST_F(WorkerTest, AHalfClosedWorkerHearsWhatBecameOfItsAnswers) {
  Working worker = Work();
  for (int i = 0; i < 10; ++i) CreateShip();
  v1::WorkerMessage answers;
  for (int i = 0; i < 10; ++i) {
    *answers.add_answers() = Sent(worker.NextDelivery().delivery_id()).answers(0);
  }
  worker.Write(answers);
  worker.WritesDone();
  worker.ReadAll();
  EXPECT_EQ(worker.accepted(), 10U);
  EXPECT_EQ(Told(worker.Finish()), "OK");
}

TEST_F(WorkerTest, WorkersThatComeAndGoLeaveNoTrace) {
  for (int i = 0; i < 300; ++i) {
    Working worker = OpenWorker();
    worker.Write(Hello());
    if (i % 3 == 0) worker.Read();
    if (i % 3 == 1) worker.WritesDone();
  }
  EXPECT_TRUE(Eventually([&] { return broker_->Count().workers == 0; }));
}

}  // namespace
}  // namespace mesg::api
