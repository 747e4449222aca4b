#include <cstdint>
#include <future>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "broker/broker_fixture_test.h"

namespace mesg::broker {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ExecutionsTest : public BrokerTest {
 protected:
  ExecutionsTest() {
    Start();
    shop_ = Deploy();
    hash_ = shop_->GetSource()->instance_hash;
  }
  static std::string Reason(const Result<engine::Emitted>& answered) {
    return answered ? "accepted" : answered.error().reason;
  }

  InstancePtr shop_;
  std::string hash_;
  std::shared_ptr<FakeWorker> worker_ = std::make_shared<FakeWorker>();
};

// ---- Sharing work ----

TEST_F(ExecutionsTest, WorkersShareByLoadAndNeverHoldMoreThanTheirCredits) {
  const auto other = std::make_shared<FakeWorker>();
  Connect(shop_, worker_, 2);
  Connect(shop_, other, 3);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(Create(Ship(std::to_string(i))));
  Settle();
  EXPECT_EQ(worker_->Deliveries(), 2U);
  EXPECT_EQ(other->Deliveries(), 3U);
  ASSERT_TRUE(Answer(Sent(worker_->Take(0).id)));
  EXPECT_EQ(worker_->Take(2).attempt, 1U) << "an answer makes room for one more";
  Settle();
  EXPECT_EQ(worker_->Deliveries() + other->Deliveries(), 6U);
}

TEST_F(ExecutionsTest, AWorkerGetsOnlyTheTasksItNamed) {
  const auto charger = std::make_shared<FakeWorker>();
  Connect(shop_, charger, 10, {"charge"});
  const auto ship = Create(Ship());
  ASSERT_TRUE(Create(Charge()));
  EXPECT_EQ(charger->log.Lines(1), "charge {} #1; ");
  EXPECT_THAT(Get(ship->id)->waiting_for, HasSubstr("none is connected"));
  const auto refused = Ask<WorkerId>([&](auto reply) {
    broker_->ConnectWorker({hash_, "w", {"chargee"}, 1}, worker_, std::move(reply));
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "TASK_NOT_FOUND");
}

TEST_F(ExecutionsTest, HigherPriorityGoesFirstThenOlder) {
  for (const auto& [order, priority] : {std::pair("a", 0), {"b", 5}, {"c", 0}, {"d", 5}}) {
    ExecutionRequest request = Ship(order);
    request.priority = priority;
    ASSERT_TRUE(Create(request));
  }
  Connect(shop_, worker_);
  EXPECT_EQ(worker_->log.Lines(4),
            R"(ship {"order":"b"} #1; ship {"order":"d"} #1; ship {"order":"a"} #1; )"
            R"(ship {"order":"c"} #1; )");
}

TEST_F(ExecutionsTest, AWorkerThatLeavesReturnsItsWorkAtOnce) {
  const WorkerId first = Connect(shop_, worker_);
  const auto created = Create(Ship());
  const std::string lost = worker_->Take(0).id;
  const auto other = std::make_shared<FakeWorker>();
  Connect(shop_, other);
  broker_->DisconnectWorker(first);
  EXPECT_EQ(other->Take(0).attempt, 2U);
  EXPECT_EQ(Get(created->id)->execution->attempts.at(0).outcome, AttemptOutcome::kWorkerLost);
  // Both answer: the first success is the result.
  ASSERT_TRUE(Answer(Sent(lost)));
  EXPECT_EQ(Reason(Answer(Success(other->Take(0).id, "missing", "{}"))), "RESULT_ALREADY_RECORDED");
  EXPECT_EQ(State(created->id), "completed sent");
  EXPECT_THAT(other->log.Lines(2), HasSubstr("cancelled"));
}

TEST_F(ExecutionsTest, ARefusedDeliveryGoesToAnotherWithoutCountingAsAnAttempt) {
  const WorkerId first = Connect(shop_, worker_, 1);
  const auto created = Create(Ship());
  const std::string refused = worker_->Take(0).id;
  broker_->DrainWorker(first);
  const auto other = std::make_shared<FakeWorker>();
  Connect(shop_, other, 1);
  broker_->RefuseDelivery(first, refused, "busy");
  EXPECT_EQ(other->Take(0).attempt, 1U);
  EXPECT_TRUE(Get(created->id)->execution->attempts.empty());
}

TEST_F(ExecutionsTest, ADrainedWorkerGetsNothingMoreAndKeepsWhatItHas) {
  const WorkerId id = Connect(shop_, worker_);
  const auto first = Create(Ship());
  worker_->Take(0);
  broker_->DrainWorker(id);
  ASSERT_TRUE(Create(Ship("b")));
  Settle();
  EXPECT_EQ(worker_->Deliveries(), 1U);
  ASSERT_TRUE(Answer(Sent(worker_->Take(0).id)));
  EXPECT_EQ(State(first->id), "completed sent");
}

TEST_F(ExecutionsTest, CreditsThatComeLaterBringTheWork) {
  const WorkerId id = Connect(shop_, worker_, 0);
  ASSERT_TRUE(Create(Ship()));
  Settle();
  EXPECT_EQ(worker_->Deliveries(), 0U);
  broker_->AddCredits(id, 1);
  worker_->Take(0);
}

TEST_F(ExecutionsTest, AnAnswerGivenTwiceGivesOneCreditBack) {
  Connect(shop_, worker_, 1);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(Create(Ship(std::to_string(i))));
  for (std::size_t i = 0; i < 4; ++i) {
    const std::string id = worker_->Take(i).id;
    std::promise<std::vector<Result<engine::Emitted>>> promise;
    broker_->Answer(hash_, "w", {Sent(id), Sent(id)},
                    [&](auto results) { promise.set_value(std::move(results)); });
    const auto results = promise.get_future().get();
    EXPECT_EQ(Reason(results[0]), "accepted");
    EXPECT_EQ(Reason(results[1]), "RESULT_ALREADY_RECORDED");
    Settle();
    EXPECT_EQ(worker_->Deliveries(), std::min<std::size_t>(i + 2, 4));
  }
}

TEST_F(ExecutionsTest, AnAnswerThatComesSecondToAnotherDeliverysGivesItsCreditBack) {
  Connect(shop_, worker_, 1);
  ASSERT_TRUE(Create(Ship("a")));
  const std::string late = worker_->Take(0).id;
  const auto other = std::make_shared<FakeWorker>();
  Connect(shop_, other, 1);
  Advance(minutes(1));
  Advance(seconds(10));
  const std::string second = other->Take(0).id;
  // Both in one turn: the second is refused before anybody was told to stop.
  std::promise<std::vector<Result<engine::Emitted>>> promise;
  broker_->Answer(hash_, "w", {Sent(late), Sent(second)},
                  [&](auto results) { promise.set_value(std::move(results)); });
  const auto results = promise.get_future().get();
  EXPECT_EQ(Reason(results[0]), "accepted");
  EXPECT_EQ(Reason(results[1]), "RESULT_ALREADY_RECORDED");
  ASSERT_TRUE(Create(Ship("b")));
  ASSERT_TRUE(Create(Ship("c")));
  worker_->Take(1);
  other->Take(1);
}

TEST_F(ExecutionsTest, TooManyWorkersAreRefused) {
  settings_.limits.workers = 1;
  Restart();
  const WorkerId first = Connect(shop_, worker_);
  const auto connect = [&] {
    return Ask<WorkerId>([&](auto reply) {
      broker_->ConnectWorker({hash_, "w", {}, 1}, worker_, std::move(reply));
    });
  };
  EXPECT_EQ(connect().error().reason, "TOO_MANY_WORKERS");
  EXPECT_EQ(broker_->Count().workers, 1U);
  broker_->DisconnectWorker(first);
  EXPECT_TRUE(connect());
}

// ---- Retries, timeouts, dead letters ----

TEST_F(ExecutionsTest, AFailureIsRetriedAfterItsPauseAndThenIsADeadLetter) {
  Connect(shop_, worker_);
  const auto caller = std::make_shared<FakeCaller>();
  const auto created = Create(Ship(), caller);
  ASSERT_TRUE(Answer(Failed(worker_->Take(0).id)));
  EXPECT_EQ(StateBecomes(created->id, "created"), "created");
  EXPECT_THAT(Get(created->id)->waiting_for, HasSubstr("its time"));
  Advance(seconds(9));
  EXPECT_EQ(worker_->Deliveries(), 1U) << "the pause is 10 s";
  Advance(seconds(1));
  EXPECT_EQ(worker_->Take(1).attempt, 2U);
  ASSERT_TRUE(Answer(Failed(worker_->Take(1).id)));
  EXPECT_EQ(caller->log.Lines(1), "0: failed no stock; ");
  EXPECT_EQ(State(created->id), "failed no stock (dead letter)");
  EXPECT_EQ(DeadLetters(), R"(ship{"order":"a"} )");
  EXPECT_EQ(broker_->Count().dead_letters, 1U);
}

TEST_F(ExecutionsTest, AnAttemptThatTakesTooLongIsTriedAgainElsewhere) {
  Connect(shop_, worker_, 1);
  const auto created = Create(Ship());
  worker_->Take(0);
  const auto other = std::make_shared<FakeWorker>();
  Connect(shop_, other, 1);
  Advance(minutes(1));
  EXPECT_THAT(worker_->log.Lines(2), HasSubstr("cancelled: timed out"));
  Advance(seconds(10));
  EXPECT_EQ(other->Take(0).attempt, 2U);
  // A late failure of the first changes nothing.
  ASSERT_TRUE(Answer(Failed(worker_->Take(0).id)));
  EXPECT_EQ(State(created->id), "dispatched");
  ASSERT_TRUE(Answer(Failed(worker_->Take(0).id)));
  EXPECT_EQ(Get(created->id)->execution->attempts.size(), 2U) << "noted once";
  Advance(minutes(1));
  EXPECT_EQ(State(created->id), "failed attempt 2 timed out (dead letter)");
}

TEST_F(ExecutionsTest, APermanentFailureIsFinalAndNoDeadLetter) {
  Connect(shop_, worker_);
  const auto created = Create(Ship());
  ASSERT_TRUE(Answer(Failed(worker_->Take(0).id, /*permanent=*/true)));
  EXPECT_EQ(State(created->id), "failed no stock");
  EXPECT_EQ(DeadLetters(), "");
}

TEST_F(ExecutionsTest, DeadLettersAreRetriedAndDropped) {
  Connect(shop_, worker_);
  ExecutionRequest once = Ship("a");
  once.retry = RetryPolicy{1, {}, 1, {}, 0};
  const auto first = Create(once);
  once.inputs = R"({"order":"b"})";
  const auto second = Create(once);
  ASSERT_TRUE(Answer(Failed(worker_->Take(0).id)));
  ASSERT_TRUE(Answer(Failed(worker_->Take(1).id)));
  EXPECT_EQ(DeadLetters(), R"(ship{"order":"b"} ship{"order":"a"} )");

  const auto retried = RetryDeadLetter(first->id);
  ASSERT_TRUE(retried) << retried.error().message;
  EXPECT_EQ(Get(retried->id)->execution->retry_of, first->id);
  ASSERT_TRUE(Answer(Sent(worker_->Take(2).id)));
  EXPECT_EQ(State(retried->id), "completed sent");
  EXPECT_EQ(State(first->id), "failed no stock") << "its one result stays";

  const auto drop = [&](const ExecutionId& id) {
    const auto dropped = DropDeadLetters({id}).front();
    return dropped ? "dropped" : dropped.error().reason;
  };
  EXPECT_EQ(drop(second->id), "dropped");
  EXPECT_EQ(drop(second->id), "NOT_A_DEAD_LETTER");
  EXPECT_EQ(drop(ExecutionId::Make(1, clock_.Now(), std::string(14, 'x'))), "EXECUTION_NOT_FOUND");
  EXPECT_EQ(DeadLetters(), "");
  EXPECT_EQ(broker_->Count().dead_letters, 0U);
}

TEST_F(ExecutionsTest, ADeadLetterThatNoLongerFitsIsNotRetried) {
  Connect(shop_, worker_);
  ExecutionRequest request = Ship();
  request.retry = RetryPolicy{1, {}, 1, {}, 0};
  const auto created = Create(request);
  ASSERT_TRUE(Answer(Failed(worker_->Take(0).id)));
  Deploy("name: Shop\nsid: shop\ntasks:\n  charge: {outputs: {done: {data: {}}}}\n");
  const auto retried = RetryDeadLetter(created->id);
  ASSERT_FALSE(retried);
  EXPECT_EQ(retried.error().reason, "TASK_NOT_FOUND");
  EXPECT_EQ(State(created->id), "failed no stock (dead letter)");
}

TEST_F(ExecutionsTest, WorkThatIsNotDueWaits) {
  Connect(shop_, worker_);
  ExecutionRequest request = Ship();
  request.not_before = clock_.Now() + minutes(5);
  ASSERT_TRUE(Create(request));
  Advance(minutes(5) - seconds(1));
  EXPECT_EQ(worker_->Deliveries(), 0U);
  Advance(seconds(1));
  worker_->Take(0);
}

// ---- Cancelling and waiting ----

TEST_F(ExecutionsTest, CancelWorksWhereverTheExecutionIs) {
  Connect(shop_, worker_, 1);
  const auto caller = std::make_shared<FakeCaller>();
  const auto running = Create(Ship("running"), caller);
  worker_->Take(0);
  const auto waiting = Create(Ship("waiting"));
  const auto cancel = [&](const ExecutionId& id, const std::string& reason) {
    const auto cancelled = Ask<engine::ExecutionPtr>(
        [&](auto reply) { broker_->Cancel(id, reason, std::move(reply)); });
    return cancelled ? std::string(Name((*cancelled)->state)) : cancelled.error().reason;
  };
  EXPECT_EQ(cancel(waiting->id, ""), "cancelled");
  EXPECT_EQ(cancel(running->id, "too late"), "cancelled");
  EXPECT_EQ(caller->log.Lines(1), "0: cancelled cancelled: too late; ");
  EXPECT_THAT(worker_->log.Lines(2), HasSubstr("cancelled: cancelled: too late"));
  EXPECT_EQ(cancel(running->id, ""), "RESULT_ALREADY_RECORDED");
  EXPECT_EQ(Reason(Answer(Sent(worker_->Take(0).id))), "RESULT_ALREADY_RECORDED");
  EXPECT_EQ(cancel(ExecutionId::Make(1, clock_.Now(), std::string(14, 'x')), ""),
            "EXECUTION_NOT_FOUND");
}

TEST_F(ExecutionsTest, WaitHearsAnEndThatComesAndOneThatHasBeen) {
  Connect(shop_, worker_);
  const auto created = Create(Ship());
  const auto caller = std::make_shared<FakeCaller>();
  const auto wait = [&](const ExecutionId& id, std::uint64_t ref) {
    return Ask<void>([&](auto reply) { broker_->Wait(id, caller, ref, std::move(reply)); });
  };
  ASSERT_TRUE(wait(created->id, 1));
  ASSERT_TRUE(Answer(Sent(worker_->Take(0).id)));
  EXPECT_EQ(caller->log.Lines(1), R"(1: completed sent{"tracking":"t"}; )");
  ASSERT_TRUE(wait(created->id, 2));
  EXPECT_THAT(caller->log.Lines(2), HasSubstr("2: completed"));
  EXPECT_EQ(wait(ExecutionId::Make(1, clock_.Now(), std::string(14, 'x')), 3).error().reason,
            "EXECUTION_NOT_FOUND");
}

// ---- Answers that are not what they should be ----

TEST_F(ExecutionsTest, DeliveryIdsOfNobodyOrOfOthersAreRefused) {
  const InstancePtr other = Deploy(kShop, "other");
  Connect(shop_, worker_);
  const auto created = Create(Ship());
  const std::string id = worker_->Take(0).id;
  EXPECT_EQ(Reason(Answer(Sent("nonsense"))), "UNKNOWN_DELIVERY");
  std::string forged = id;
  forged[3] = forged[3] == 'A' ? 'B' : 'A';
  EXPECT_EQ(Reason(Answer(Sent(forged))), "UNKNOWN_DELIVERY");
  EXPECT_EQ(Reason(Answer(Sent(id), other->GetSource()->instance_hash)), "UNKNOWN_DELIVERY");
  EXPECT_EQ(State(created->id), "dispatched");
  EXPECT_EQ(Reason(Answer(Sent(id), hash_)), "accepted");
}

TEST_F(ExecutionsTest, OutputsThatBreakTheContractFailForGood) {
  Connect(shop_, worker_);
  const auto created = Create(Ship());
  const auto wrong = Answer(Success(worker_->Take(0).id, "sent", R"({"tracking":7})"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::kInvalidArgument);
  EXPECT_EQ(wrong.error().message,
            "Outputs \"sent\" of task \"ship\" are invalid in service \"shop\". tracking: expected "
            "a String, got a Number");
  EXPECT_THAT(State(created->id), HasSubstr("failed Outputs \"sent\" of task \"ship\""));
  EXPECT_EQ(DeadLetters(), "");
  // An output that is not declared, too.
  const auto second = Create(Ship());
  EXPECT_EQ(Reason(Answer(Success(worker_->Take(1).id, "sentt", "{}"))), "OUTPUT_NOT_FOUND");
  EXPECT_THAT(State(second->id), HasSubstr("did you mean \"sent\"?"));
}

TEST_F(ExecutionsTest, AnAnswerCommitsItsEventsAndKeysWithItsResultOrNothing) {
  Connect(shop_, worker_, 1);
  const auto created = Create(Ship());
  DeliveryAnswer answer = Sent(worker_->Take(0).id);
  answer.events = {Ordered("from the task")};
  answer.moves = {{"shipped", "1", 99}};
  EXPECT_EQ(Reason(Answer(answer)), "VERSION_MISMATCH");
  EXPECT_EQ(State(created->id), "dispatched") << "the delivery is still the worker's";
  EXPECT_EQ(broker_->Newest().At(0), 0U);
  answer.moves[0].expected = 0;
  ASSERT_TRUE(Answer(answer));
  EXPECT_EQ(broker_->Newest().At(0), 2U) << "the event and the result";
  EXPECT_EQ(broker_->GetKeys(shop_, {"shipped"})->front().value, "1");
  ASSERT_TRUE(Create(Ship("b")));
  worker_->Take(1);  // Its credit came back, once.
}

TEST_F(ExecutionsTest, AFailureCannotBringEvents) {
  Connect(shop_, worker_);
  const auto created = Create(Ship());
  DeliveryAnswer answer = Failed(worker_->Take(0).id);
  answer.events = {Ordered("a")};
  EXPECT_FALSE(Answer(answer));
  EXPECT_EQ(State(created->id), "dispatched");
}

TEST_F(ExecutionsTest, EventsAndKeysOfAnAnswerAreCheckedLikeAnyOther) {
  Connect(shop_, worker_);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto created = Create(Ship(std::to_string(i)));
    DeliveryAnswer answer = Sent(worker_->Take(i).id);
    if (i == 0) answer.events = {{"ordered", "{}", "", {}, ""}};
    if (i == 1) answer.events = {Ordered("a", "\xff")};
    if (i == 2) answer.moves = {{"", "1", {}}};
    const auto answered = Answer(answer);
    ASSERT_FALSE(answered) << i;
    EXPECT_EQ(answered.error().code, Code::kInvalidArgument);
    EXPECT_THAT(State(created->id), HasSubstr("failed ")) << i;
  }
}

TEST_F(ExecutionsTest, TextThatIsNotUtf8IsNeverStored) {
  Connect(shop_, worker_);
  const auto created = Create(Ship());
  EXPECT_FALSE(Answer({worker_->Take(0).id, engine::Failure{"\xff", false}, {}, {}}));
  EXPECT_FALSE(Ask<engine::ExecutionPtr>(
      [&](auto reply) { broker_->Cancel(created->id, "\xff", std::move(reply)); }));
  EXPECT_FALSE(Ask<WorkerId>([&](auto reply) {
    broker_->ConnectWorker({hash_, "\xff", {}, 1}, worker_, std::move(reply));
  }));
  Restart();
  EXPECT_EQ(State(created->id), "created");
}

// ---- effect: once ----

TEST_F(ExecutionsTest, OnceIsNeverSentAgainWhenItsWorkerIsLost) {
  const WorkerId first = Connect(shop_, worker_);
  const auto caller = std::make_shared<FakeCaller>();
  const auto created = Create(Charge(), caller);
  const std::string delivery = worker_->Take(0).id;
  const auto other = std::make_shared<FakeWorker>();
  Connect(shop_, other);
  broker_->DisconnectWorker(first);
  EXPECT_THAT(caller->log.Lines(1), HasSubstr("0: outcome unknown"));
  EXPECT_THAT(State(created->id), HasSubstr("outcome unknown"));
  EXPECT_EQ(DeadLetters(), "charge{} ");
  EXPECT_THAT(Get(created->id)->waiting_for, HasSubstr("mesg dead-letter resolve"));
  Advance(minutes(5));
  EXPECT_EQ(other->Deliveries(), 0U);
  // The worker's later result resolves it.
  ASSERT_TRUE(Answer(Success(delivery, "done", "{}")));
  EXPECT_EQ(State(created->id), "completed done");
  EXPECT_EQ(DeadLetters(), "");
}

TEST_F(ExecutionsTest, OnceIsUnknownAfterATimeoutAndAfterARestart) {
  Connect(shop_, worker_);
  const auto timed_out = Create(Charge());
  worker_->Take(0);
  Advance(minutes(1));
  EXPECT_THAT(State(timed_out->id), HasSubstr("outcome unknown"));
  const auto interrupted = Create(Charge());
  worker_->Take(1);
  const auto waiting = Create(Charge());
  worker_->Take(2);
  Restart();
  Settle();
  EXPECT_THAT(State(interrupted->id), HasSubstr("outcome unknown"));
  EXPECT_THAT(State(waiting->id), HasSubstr("outcome unknown"));
  const auto again = std::make_shared<FakeWorker>();
  Connect(shop_, again);
  Settle();
  EXPECT_EQ(again->Deliveries(), 0U);
  // A person knows what became of it.
  const auto resolve = [&](const ExecutionId& id,
                           std::variant<engine::Success, engine::Failure> result) {
    const auto resolved = Ask<engine::ExecutionPtr>(
        [&](auto reply) { broker_->Resolve(id, std::move(result), std::move(reply)); });
    return resolved ? "resolved" : resolved.error().reason;
  };
  EXPECT_EQ(resolve(timed_out->id, engine::Success{"done", "{}"}), "resolved");
  EXPECT_EQ(resolve(timed_out->id, engine::Success{"done", "{}"}), "OUTCOME_NOT_UNKNOWN");
  EXPECT_EQ(resolve(interrupted->id, engine::Success{"nothing", "{}"}), "OUTPUT_NOT_FOUND");
  EXPECT_EQ(resolve(interrupted->id, engine::Failure{"not charged"}), "resolved");
  EXPECT_EQ(State(timed_out->id), "completed done");
  EXPECT_EQ(State(interrupted->id), "failed not charged");
}

TEST_F(ExecutionsTest, OnceThatSaysItFailedIsRetriedByItsPolicy) {
  Connect(shop_, worker_);
  ASSERT_TRUE(Create(Charge()));
  ASSERT_TRUE(Answer(Failed(worker_->Take(0).id)));
  Advance(seconds(1));
  EXPECT_EQ(worker_->Take(1).attempt, 2U);
}

TEST_F(ExecutionsTest, OnlyAsManyOnceAreDispatchedAsCanBeHandedOut) {
  Connect(shop_, worker_, 1);
  std::vector<ExecutionId> waiting;
  for (int i = 0; i < 5; ++i) waiting.push_back(Create(Charge())->id);
  worker_->Take(0);
  Settle();
  Restart();
  Settle();
  EXPECT_THAT(State(waiting[0]), HasSubstr("outcome unknown"));
  for (int i = 1; i < 5; ++i) EXPECT_EQ(State(waiting[static_cast<std::size_t>(i)]), "created");
}

// ---- Overload ----

TEST_F(ExecutionsTest, MoreThanTheLimitIsRefusedAndComesLater) {
  settings_.engine.max_open_executions = 2;
  Restart();
  shop_ = broker_->Deployed()->Find("shop").value();
  ASSERT_TRUE(Create(Ship("a")));
  ASSERT_TRUE(Create(Ship("b")));
  const auto refused = Create(Ship("c"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  Connect(shop_, worker_);
  ASSERT_TRUE(Answer(Sent(worker_->Take(0).id)));
  EXPECT_TRUE(Create(Ship("c")));
}

TEST_F(ExecutionsTest, WhatIsTooMuchForOneCommitIsRefusedOrTakesSeveral) {
  settings_.limits.commit_bytes = 100'000;
  Restart();
  stores_[0]->SetMaxBatchBytes(300'000);
  shop_ = broker_->Deployed()->Find("shop").value();
  const auto listener = std::make_shared<FakeListener>();
  const auto huge =
      Emit(shop_, {Ordered(std::string(60'000, 'x')), Ordered(std::string(60'000, 'y'))});
  ASSERT_FALSE(huge);
  EXPECT_EQ(huge.error().reason, "BATCH_TOO_LARGE");
  // Every one fits, and their answers too, though not all at once.
  std::vector<ExecutionRequest> requests(20, Ship(std::string(50'000, 'x')));
  for (const auto& created : CreateAll(requests)) ASSERT_TRUE(created);
  Connect(shop_, worker_, 20);
  std::vector<DeliveryAnswer> answers;
  for (std::size_t i = 0; i < 20; ++i) answers.push_back(Sent(worker_->Take(i).id));
  std::promise<std::vector<Result<engine::Emitted>>> promise;
  broker_->Answer(hash_, "w", std::move(answers),
                  [&](auto results) { promise.set_value(std::move(results)); });
  for (const auto& answered : promise.get_future().get()) EXPECT_EQ(Reason(answered), "accepted");
  EXPECT_EQ(fatal_.size(), 0U);
}

TEST_F(ExecutionsTest, WhatFollowsFromOneCauseTakesSeveralCommitsWhenItIsMuch) {
  settings_.limits.commit_bytes = 100'000;
  Restart();
  stores_[0]->SetMaxBatchBytes(300'000);
  shop_ = broker_->Deployed()->Find("shop").value();
  const WorkerId first = Connect(shop_, worker_, 20);
  std::vector<ExecutionRequest> requests(20, Ship(std::string(50'000, 'x')));
  for (const auto& created : CreateAll(requests)) ASSERT_TRUE(created);
  worker_->Take(19);
  const auto other = std::make_shared<FakeWorker>();
  Connect(shop_, other, 20);
  // 20 attempts end at once, which is a megabyte to write.
  broker_->DisconnectWorker(first);
  EXPECT_EQ(other->Take(19).attempt, 2U);
  EXPECT_EQ(fatal_.size(), 0U);
}

TEST_F(ExecutionsTest, AFailedCommitStopsEverythingAndAnswersEverybody) {
  stores_[0]->FailNextCommit(DataLoss("fsync failed"));
  const auto created = Create(Ship());
  ASSERT_FALSE(created);
  EXPECT_THAT(fatal_.Lines(1), HasSubstr("fsync failed"));
  EXPECT_EQ(Create(Ship()).error().reason, "STOPPING");
  EXPECT_EQ(Emit(shop_, {Ordered("a")}).error().reason, "STOPPING");
  Stop();  // Does not hang.
}

// ---- Two partitions ----

class TwoPartitionsTest : public BrokerTest {
 protected:
  TwoPartitionsTest() : BrokerTest(2) {}
};

// One partition may have performed its part before the other has committed its own.
TEST_F(TwoPartitionsTest, NothingEndsBeforeItsCreationWasAnswered) {
  Start();
  const auto worker = std::make_shared<FakeWorker>();
  const auto caller = std::make_shared<FakeCaller>();
  constexpr std::size_t kShops = 20;
  std::vector<ExecutionRequest> requests;
  std::vector<std::uint64_t> refs;
  for (std::size_t i = 0; i < kShops; ++i) {
    const InstancePtr shop = Deploy(kShop, "shop" + std::to_string(i));
    Connect(shop, worker);
    requests.push_back(Ship());
    requests.back().service = shop->Name();
    refs.push_back(i);
  }
  Settle();
  slow_[1]->Stall();
  broker_->Create(std::move(requests), caller, std::move(refs),
                  [caller](const auto&) { caller->log.Add("created"); });
  slow_[1]->WaitHeld();
  ASSERT_TRUE(Answer(Sent(worker->Take(0).id))) << "of the other partition";

  slow_[1]->Release();
  for (std::size_t i = 1; i < kShops; ++i) ASSERT_TRUE(Answer(Sent(worker->Take(i).id)));
  EXPECT_THAT(caller->log.Lines(kShops + 1), StartsWith("created; "));
  EXPECT_EQ(caller->log.size(), kShops + 1);
}

}  // namespace
}  // namespace mesg::broker
