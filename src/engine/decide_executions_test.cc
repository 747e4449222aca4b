#include <gmock/gmock.h>

#include "base/encoding.h"
#include "engine/engine_fixture_test.h"

namespace mesg::engine {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

class DecideExecutionsTest : public EngineTest {
 protected:
  DecideExecutionsTest() {
    Deploy();
    Commit();
  }
};

// ---- Creating ----

TEST_F(DecideExecutionsTest, OnlyAnActiveInstanceTakesNewWork) {
  EXPECT_EQ(Said(Apply(engine::Create{{Wanted()}})), "ok");
  EXPECT_EQ(Said(Apply(engine::Create{{Wanted(Effect::kNone, "nothing")}})), "INSTANCE_REPLACED");
  Deploy("shop", "two");
  EXPECT_EQ(Said(Apply(engine::Create{{Wanted()}})), "INSTANCE_REPLACED");
  EXPECT_EQ(Said(Apply(engine::Create{{Wanted(Effect::kNone, "two")}})), "ok");
}

TEST_F(DecideExecutionsTest, CountAndBytesOfOpenExecutionsAreBounded) {
  settings_.max_open_executions = 2;
  Open();
  const ExecutionId first = Create();
  Create();
  EXPECT_EQ(Said(Apply(engine::Create{{Wanted()}})), "TOO_MANY_EXECUTIONS");
  EXPECT_EQ(Succeed(first), "ok");
  EXPECT_EQ(Said(Apply(engine::Create{{Wanted()}})), "ok");
  settings_ = {};
  settings_.max_open_bytes = 2000;
  Open();
  NewExecution large = Wanted();
  large.inputs = std::string(1500, ' ');
  EXPECT_EQ(Said(Apply(engine::Create{{large}})), "ok");
  large.id = Id();
  EXPECT_EQ(Said(Apply(engine::Create{{large}})), "TOO_MANY_EXECUTIONS");
}

TEST_F(DecideExecutionsTest, AnIdempotencyKeyIsKnownBeforeAndAfterItsCommitUntilItsWindowIsOver) {
  NewExecution wanted = Wanted();
  wanted.idempotency_key = "k";
  const auto create = [&] {
    wanted.id = Id();
    const auto reply = Apply(engine::Create{{wanted}});
    const auto& created = std::get<std::vector<Result<Created>>>(*reply).front();
    return created ? std::string(created->existed ? "existed" : "new") : Said(created);
  };
  EXPECT_EQ(create(), "new");
  EXPECT_EQ(create(), "existed");
  Commit();
  EXPECT_EQ(create(), "existed");
  wanted.inputs = R"({"other":1})";
  EXPECT_EQ(create(), "IDEMPOTENCY_KEY_REUSED");
  wanted.inputs = "{}";
  now_ += hours(24);
  ASSERT_TRUE(Apply(Tick{}));
  Commit();
  EXPECT_EQ(create(), "new");
}

TEST_F(DecideExecutionsTest, AKeyWhoseExecutionIsNoLongerKeptSaysSo) {
  NewExecution wanted = Wanted();
  wanted.idempotency_key = "k";
  ASSERT_EQ(Said(Apply(engine::Create{{wanted}})), "ok");
  ASSERT_EQ(Succeed(wanted.id), "ok");
  Commit();
  settings_.retention_bytes = 0;
  Open();
  ASSERT_TRUE(Apply(Tick{}));
  Commit();
  EXPECT_EQ(State(wanted.id), "gone");
  EXPECT_EQ(Said(Apply(engine::Create{{wanted}})), "EXECUTION_NOT_FOUND");
}

// ---- Attempts ----

TEST_F(DecideExecutionsTest, AFailureIsFollowedByALongerPauseEachTime) {
  const ExecutionId id = Create();
  Effects();
  EXPECT_EQ(Fail(id, 1), "ok");
  EXPECT_EQ(Effects(), "ended ready");
  EXPECT_EQ(engine_->Current().FindOpen(id)->not_before, now_ + seconds(1));
  EXPECT_EQ(Fail(id, 2), "ok");
  EXPECT_EQ(engine_->Current().FindOpen(id)->not_before, now_ + seconds(2));
  EXPECT_EQ(Fail(id, 3), "ok");
  EXPECT_EQ(State(id), "failed no (dead letter), 1:task failed, 2:task failed, 3:task failed");
  EXPECT_EQ(engine_->Current().DeadLetters(), 1U);
}

TEST_F(DecideExecutionsTest, LostWorkGoesOnAtOnceAndCountsAsAnAttempt) {
  const ExecutionId id = Create();
  EXPECT_EQ(Lose(id, 1), "ok");
  EXPECT_EQ(engine_->Current().FindOpen(id)->not_before, now_);
  EXPECT_EQ(Lose(id, 1), "ok") << "said again, it changes nothing";
  EXPECT_EQ(Lose(id, 2, AttemptOutcome::kTimedOut), "ok");
  EXPECT_EQ(State(id), "created, 1:worker lost, 2:timed out");
  EXPECT_EQ(Lose(id, 3), "ok");
  EXPECT_EQ(State(id), "failed lost (dead letter), 1:worker lost, 2:timed out, 3:worker lost");
}

TEST_F(DecideExecutionsTest, AttemptsKeepShortTextsAndTheOutcomeItsWholeError) {
  const ExecutionId id = Create();
  std::string error;
  for (int i = 0; i < 20'000; ++i) error += "é";
  const auto fail = [&](std::uint32_t attempt) {
    return Said(
        Apply(Answers{{{id, attempt, std::string(1000, 'w'), Failure{error, false}, {}, {}, 0}}}));
  };
  for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) EXPECT_EQ(fail(attempt), "ok");
  const ExecutionPtr failed = *engine_->Current().Find(id);
  EXPECT_EQ(failed->outcome->error, error);
  ASSERT_EQ(failed->attempts.size(), 3U);
  for (const Attempt& attempt : failed->attempts) {
    EXPECT_LE(attempt.reason.size(), 4096U);
    EXPECT_GT(attempt.reason.size(), 4000U);
    EXPECT_TRUE(IsUtf8(attempt.reason));
    EXPECT_THAT(attempt.reason, ::testing::EndsWith("40000 bytes)"));
    EXPECT_LE(attempt.worker.size(), 256U);
  }
}

TEST_F(DecideExecutionsTest, TheTextsOfAttemptsCountAsWhatIsOpen) {
  settings_.max_open_bytes = 6000;
  Open();
  const ExecutionId id = Create();
  const std::uint64_t before = engine_->Current().OpenBytes();
  EXPECT_EQ(
      Said(Apply(Answers{{{id, 1, "w", Failure{std::string(60'000, 'x'), false}, {}, {}, 0}}})),
      "ok");
  EXPECT_GE(engine_->Current().OpenBytes(), before + 4000);
  NewExecution wanted = Wanted();
  wanted.inputs = std::string(1500, ' ');
  EXPECT_EQ(Said(Apply(engine::Create{{wanted}})), "TOO_MANY_EXECUTIONS");
  EXPECT_EQ(Succeed(id, 2), "ok");
  EXPECT_EQ(engine_->Current().OpenBytes(), 0U);
  EXPECT_EQ(Said(Apply(engine::Create{{wanted}})), "ok");
  // What is unknown is open too.
  const std::uint64_t with_one = engine_->Current().OpenBytes();
  const ExecutionId unknown = Dispatched();
  EXPECT_EQ(Lose(unknown), "ok");
  EXPECT_GT(engine_->Current().OpenBytes(), with_one);
  EXPECT_EQ(Said(Apply(DropDeadLetter{unknown})), "ok");
  EXPECT_EQ(engine_->Current().OpenBytes(), with_one);
}

TEST_F(DecideExecutionsTest, TheFirstSuccessOfAnyAttemptIsTheResult) {
  const ExecutionId id = Create();
  Lose(id, 1);
  EXPECT_EQ(Succeed(id, 1), "ok") << "late, and still the first";
  EXPECT_EQ(State(id), "completed done, 1:worker lost, 1:succeeded");
  EXPECT_EQ(Succeed(id, 2), "RESULT_ALREADY_RECORDED");
  EXPECT_EQ(Fail(id, 2), "RESULT_ALREADY_RECORDED");
  EXPECT_EQ(Said(Apply(engine::Cancel{id, ""})), "RESULT_ALREADY_RECORDED");
  Commit();
  EXPECT_EQ(Succeed(id, 2), "RESULT_ALREADY_RECORDED") << "read from the store, too";
}

TEST_F(DecideExecutionsTest, AFailureOfAReplacedAttemptIsNotedOnce) {
  const ExecutionId id = Create();
  Lose(id, 1);
  Effects();
  EXPECT_EQ(Fail(id, 1), "ok");
  EXPECT_EQ(Fail(id, 1), "ok");
  EXPECT_EQ(State(id), "created, 1:worker lost, 1:superseded");
  EXPECT_EQ(Effects(), "");
  EXPECT_EQ(Fail(id, 2), "ok");
  EXPECT_EQ(Fail(id, 2), "ok") << "the same answer again";
  EXPECT_EQ(State(id), "created, 1:worker lost, 1:superseded, 2:task failed");
}

TEST_F(DecideExecutionsTest, AnswersToWhatNeverWasAreRefused) {
  const ExecutionId id = Create();
  EXPECT_EQ(Succeed(id, 2), "INVALID_ARGUMENT");
  EXPECT_EQ(Succeed(Id()), "EXECUTION_NOT_FOUND");
  EXPECT_EQ(Said(Apply(engine::Cancel{Id(), ""})), "EXECUTION_NOT_FOUND");
  Answer with_event{id, 1, "w", Failure{"no", false}, {Event("{}")}, {}, 0};
  EXPECT_EQ(Said(Apply(Answers{{with_event}})), "INVALID_ARGUMENT");
  EXPECT_EQ(State(id), "created");
}

TEST_F(DecideExecutionsTest, APermanentFailureIsNotRetriedAndNoDeadLetter) {
  const ExecutionId id = Create();
  EXPECT_EQ(Fail(id, 1, /*permanent=*/true), "ok");
  EXPECT_EQ(State(id), "failed no, 1:task failed");
}

TEST_F(DecideExecutionsTest, AResultStandsInTheHistoryBehindItsEvents) {
  const ExecutionId id = Create();
  Answer answer{id, 1, "w", Success{"done", "{}"}, {Event("1"), Event("2")}, {{"k", "1", 0}}, 0};
  EXPECT_EQ(Said(Apply(Answers{{answer}})), "ok");
  const Decided decided = Commit();
  ASSERT_EQ(decided.history->entries.size(), 3U);
  EXPECT_TRUE(decided.history->entries[2].IsResult());
  EXPECT_EQ(decided.results.at(id)->result_sequence, 3U);
  EXPECT_EQ(engine_->Current().FindValue("shop", "k").value()->value, "1");
}

TEST_F(DecideExecutionsTest, AnAnswerWithAStaleVersionChangesNothing) {
  const ExecutionId id = Create();
  Commit();
  Answer answer{id, 1, "w", Success{"done", "{}"}, {Event("1")}, {{"k", "1", 7}}, 0};
  EXPECT_EQ(Said(Apply(Answers{{answer}})), "VERSION_MISMATCH");
  EXPECT_FALSE(engine_->HasChanges());
  EXPECT_EQ(State(id), "created");
}

// ---- effect: once ----

TEST_F(DecideExecutionsTest, OnceIsDispatchedBeforeItIsSentAndOnlyOnce) {
  const ExecutionId id = Create(Effect::kOnce);
  Effects();
  EXPECT_EQ(Said(Apply(engine::Dispatch{id, 2})), "FAILED_PRECONDITION");
  EXPECT_EQ(Said(Apply(engine::Dispatch{id, 1})), "ok");
  EXPECT_EQ(Effects(), "send");
  EXPECT_EQ(Said(Apply(engine::Dispatch{id, 1})), "FAILED_PRECONDITION");
  EXPECT_EQ(Said(Apply(engine::Dispatch{Id(), 1})), "EXECUTION_NOT_FOUND");
}

TEST_F(DecideExecutionsTest, OnceThatWasInterruptedIsUnknownAndNeverReady) {
  for (const AttemptOutcome outcome :
       {AttemptOutcome::kWorkerLost, AttemptOutcome::kTimedOut, AttemptOutcome::kUnknown}) {
    const ExecutionId id = Dispatched();
    Effects();
    EXPECT_EQ(Lose(id, 1, outcome), "ok");
    EXPECT_EQ(Effects(), "finished");
    EXPECT_EQ(State(id), "outcome unknown lost (dead letter), 1:unknown");
    EXPECT_EQ(Lose(id, 2, outcome), "ok") << "nothing is left to end";
  }
  EXPECT_EQ(engine_->Current().DeadLetters(), 3U);
}

TEST_F(DecideExecutionsTest, OnceThatWasNotDispatchedIsSimplyTriedAgain) {
  const ExecutionId id = Create(Effect::kOnce);
  EXPECT_EQ(Lose(id, 1), "ok");
  EXPECT_EQ(State(id), "created, 1:worker lost");
}

TEST_F(DecideExecutionsTest, TheLateAnswerOfAnUnknownOneSettlesIt) {
  const ExecutionId succeeded = Dispatched();
  const ExecutionId failed = Dispatched();
  const ExecutionId for_good = Dispatched();
  for (const ExecutionId& id : {succeeded, failed, for_good}) Lose(id);
  EXPECT_EQ(Succeed(succeeded), "ok");
  EXPECT_EQ(Fail(failed), "ok");
  EXPECT_EQ(Fail(for_good, 1, /*permanent=*/true), "ok");
  EXPECT_EQ(State(succeeded), "completed done, 1:unknown, 1:succeeded");
  EXPECT_EQ(State(failed), "failed no (dead letter), 1:unknown");
  EXPECT_EQ(State(for_good), "failed no, 1:unknown");
  EXPECT_EQ(engine_->Current().DeadLetters(), 1U);
  Commit();
  EXPECT_EQ(CountOf(keys::Table::kDeadLetter), 1U);
}

TEST_F(DecideExecutionsTest, TheFailureOfAnEarlierAttemptLeavesAnUnknownOneInDoubt) {
  const ExecutionId id = Dispatched();
  EXPECT_EQ(Fail(id), "ok");
  EXPECT_EQ(Said(Apply(engine::Dispatch{id, 2})), "ok");
  Lose(id, 2);
  const std::string unknown = State(id);
  EXPECT_EQ(unknown.substr(0, 15), "outcome unknown");
  EXPECT_EQ(Fail(id), "ok") << "only noted: attempt 2 may have happened all the same";
  EXPECT_EQ(State(id), unknown);
}

TEST_F(DecideExecutionsTest, APersonResolvesWhatIsUnknownAndNothingElse) {
  const ExecutionId done = Dispatched();
  const ExecutionId failed = Dispatched();
  const ExecutionId cancelled = Dispatched();
  const ExecutionId open = Create();
  for (const ExecutionId& id : {done, failed, cancelled}) Lose(id);
  EXPECT_EQ(Said(Apply(Resolve{done, Success{"done", "{}"}})), "ok");
  EXPECT_EQ(Said(Apply(Resolve{failed, Failure{"it did not", false}})), "ok");
  EXPECT_EQ(Said(Apply(engine::Cancel{cancelled, ""})), "ok");
  EXPECT_EQ(Said(Apply(Resolve{open, Failure{"", false}})), "OUTCOME_NOT_UNKNOWN");
  EXPECT_EQ(Said(Apply(Resolve{done, Failure{"", false}})), "OUTCOME_NOT_UNKNOWN");
  EXPECT_EQ(Said(Apply(Resolve{Id(), Failure{"", false}})), "EXECUTION_NOT_FOUND");
  EXPECT_EQ(State(done), "completed done, 1:unknown");
  EXPECT_EQ(State(failed), "failed it did not, 1:unknown");
  EXPECT_EQ(State(cancelled), "cancelled cancelled, 1:unknown");
  EXPECT_EQ(engine_->Current().DeadLetters(), 0U);
}

// ---- Dead letters ----

TEST_F(DecideExecutionsTest, ADeadLetterIsRetriedAsAnotherExecution) {
  const ExecutionId failed = Create();
  for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) Fail(failed, attempt);
  const ExecutionId unknown = Dispatched();
  Lose(unknown);
  const ExecutionId again = Id();
  const ExecutionId once_again = Id();
  EXPECT_EQ(Said(Apply(RetryDeadLetter{failed, again})), "ok");
  EXPECT_EQ(Said(Apply(RetryDeadLetter{unknown, once_again})), "ok");
  EXPECT_EQ(Said(Apply(RetryDeadLetter{failed, Id()})), "NOT_A_DEAD_LETTER");
  EXPECT_EQ(Said(Apply(RetryDeadLetter{Id(), Id()})), "EXECUTION_NOT_FOUND");
  EXPECT_EQ(engine_->Current().FindOpen(again)->retry_of, failed);
  EXPECT_EQ(State(once_again), "created");
  EXPECT_EQ(State(unknown).substr(0, 31), "failed outcome unknown, retried");
  EXPECT_EQ(engine_->Current().DeadLetters(), 0U);
}

TEST_F(DecideExecutionsTest, ADeadLetterOfAServiceThatIsGoneCannotBeRetried) {
  const ExecutionId failed = Create();
  for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) Fail(failed, attempt);
  ASSERT_EQ(Said(Apply(Undeploy{"shop", true, false})), "ok");
  EXPECT_EQ(Said(Apply(RetryDeadLetter{failed, Id()})), "SERVICE_NOT_FOUND");
  EXPECT_EQ(engine_->Current().DeadLetters(), 1U);
}

TEST_F(DecideExecutionsTest, ADeadLetterBeyondRetentionGoesForGoodAndOnlyOnce) {
  const ExecutionId failed = Create();
  for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) Fail(failed, attempt);
  Commit();
  settings_.retention_bytes = 0;
  Open();
  ASSERT_TRUE(Apply(Tick{}));
  Commit();
  EXPECT_EQ(State(failed).substr(0, 23), "failed no (dead letter)");
  const auto retried = Id();
  EXPECT_EQ(Said(Apply(RetryDeadLetter{failed, retried})), "ok");
  EXPECT_EQ(Said(Apply(RetryDeadLetter{failed, Id()})), "EXECUTION_NOT_FOUND")
      << "also before the first is durable";
  Commit();
  EXPECT_EQ(State(failed), "gone");
  EXPECT_EQ(CountOf(keys::Table::kClosed), 0U);
}

}  // namespace
}  // namespace mesg::engine
