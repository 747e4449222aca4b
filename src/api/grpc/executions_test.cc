#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/grpc/api_fixture_test.h"

namespace mesg::api {
namespace {

class ExecutionsTest : public ApiTest {
 protected:
  std::string Create(const v1::CreateExecutionRequest& request) {
    v1::CreateExecutionResponse response;
    return Told(executions_->Create(Anonymous().get(), request, &response));
  }
  std::string DeadLetters(v1::ListDeadLettersResponse* page) {
    return Told(dead_letters_->List(Anonymous().get(), {}, page));
  }
  /// An execution that has used up its attempts.
  std::string MakeDeadLetter(Working& worker) {
    v1::CreateExecutionRequest request = ShipRequest();
    request.mutable_retry()->set_attempts(1);
    v1::CreateExecutionResponse created;
    EXPECT_EQ(Told(executions_->Create(Anonymous().get(), request, &created)), "OK");
    EXPECT_TRUE(worker.Write(Failed(worker.NextDelivery().delivery_id(), /*permanent=*/false)));
    EXPECT_FALSE(worker.NextAccepted().has_error());
    return created.id();
  }
};

TEST_F(ExecutionsTest, CreatesShowsAndLists) {
  v1::CreateExecutionRequest request = ShipRequest();
  request.add_tags("vip");
  request.set_priority(3);
  request.set_timeout_us(5'000'000);
  request.mutable_retry()->set_attempts(7);
  v1::CreateExecutionResponse created;
  ASSERT_EQ(Told(executions_->Create(Anonymous().get(), request, &created)), "OK");
  EXPECT_FALSE(created.existed());
  EXPECT_EQ(created.durability(), "sync");
  const v1::Execution execution = GetExecution(created.id());
  EXPECT_EQ(execution.state(), v1::CREATED);
  EXPECT_EQ(execution.inputs(), R"({"order":"a"})");
  EXPECT_EQ(execution.priority(), 3);
  EXPECT_EQ(execution.timeout_us(), 5'000'000);
  EXPECT_EQ(execution.retry().attempts(), 7U);
  EXPECT_EQ(execution.retry().initial_us(), 10'000'000) << "what is left open is the task's";
  EXPECT_THAT(execution.waiting_for(), testing::HasSubstr("a worker of shop"));

  v1::ListExecutionsRequest list;
  list.set_service("shop");
  list.add_tags("vip");
  list.add_states(v1::CREATED);
  v1::ListExecutionsResponse page;
  ASSERT_EQ(Told(executions_->List(Anonymous().get(), list, &page)), "OK");
  ASSERT_EQ(page.executions_size(), 1);
  EXPECT_EQ(page.executions(0).id(), created.id());
  list.add_states(static_cast<v1::ExecutionState>(99));
  EXPECT_THAT(Told(executions_->List(Anonymous().get(), list, &page)),
              testing::HasSubstr("INVALID_STATE"));
}

TEST_F(ExecutionsTest, RefusesEveryKindOfBadRequest) {
  v1::CreateExecutionRequest unknown_service = ShipRequest();
  unknown_service.set_service("shopp");
  EXPECT_EQ(Create(unknown_service), "NOT_FOUND SERVICE_NOT_FOUND");
  v1::CreateExecutionRequest unknown_task = ShipRequest();
  unknown_task.set_task("shipp");
  EXPECT_EQ(Create(unknown_task), "NOT_FOUND TASK_NOT_FOUND");
  for (const std::string& bad : {std::string(R"({"order":7})"), std::string("{\"order\":\"\xFF\"}"),
                                 std::string(R"({"order":"a","order":"a"})"), std::string("{")}) {
    v1::CreateExecutionRequest request = ShipRequest();
    request.set_inputs(bad);
    EXPECT_THAT(Create(request), testing::StartsWith("INVALID_ARGUMENT")) << bad;
  }
  v1::CreateExecutionRequest wrong = ShipRequest();
  wrong.set_inputs(R"({"order":7})");
  EXPECT_THAT(Create(wrong), testing::HasSubstr("order: "));
  EXPECT_THAT(Create(ShipRequest(std::string(5 << 20, 'x'))),
              testing::StartsWith("INVALID_ARGUMENT PAYLOAD_TOO_LARGE"));
  v1::CreateExecutionRequest negative = ShipRequest();
  negative.set_timeout_us(-1);
  EXPECT_THAT(Create(negative), testing::HasSubstr("INVALID_DURATION timeout_us: "));
  v1::CreateExecutionRequest endless = ShipRequest();
  endless.set_timeout_us(std::numeric_limits<std::int64_t>::max());
  EXPECT_THAT(Create(endless), testing::HasSubstr("INVALID_DURATION timeout_us: "));
  v1::CreateExecutionRequest policy = ShipRequest();
  policy.mutable_retry()->set_factor(0.5);
  EXPECT_THAT(Create(policy), testing::HasSubstr("INVALID_RETRY_POLICY"));
  EXPECT_EQ(broker_->Count().executions_created, 0U);
}

TEST_F(ExecutionsTest, TheSameKeyAnswersWithTheFirst) {
  v1::CreateExecutionRequest request = ShipRequest();
  request.set_idempotency_key("k");
  v1::CreateExecutionResponse first;
  v1::CreateExecutionResponse second;
  ASSERT_EQ(Told(executions_->Create(Anonymous().get(), request, &first)), "OK");
  ASSERT_EQ(Told(executions_->Create(Anonymous().get(), request, &second)), "OK");
  EXPECT_EQ(second.id(), first.id());
  EXPECT_TRUE(second.existed());
  request.set_inputs(R"({"order":"other"})");
  EXPECT_THAT(Create(request), testing::StartsWith("ALREADY_EXISTS"));
}

TEST_F(ExecutionsTest, ExecuteAndWaitReturnTheResult) {
  Working worker = Work();
  v1::Execution result;
  std::string told;
  std::thread caller(
      [&] { told = Told(executions_->Execute(Anonymous().get(), ShipRequest(), &result)); });
  const auto delivery = worker.NextDelivery();
  EXPECT_EQ(GetExecution(delivery.execution_id()).state(), v1::DISPATCHED);
  ASSERT_TRUE(worker.Write(Sent(delivery.delivery_id())));
  caller.join();
  EXPECT_EQ(told, "OK");
  EXPECT_EQ(result.state(), v1::COMPLETED);
  EXPECT_EQ(result.outcome().output_key(), "sent");
  EXPECT_EQ(result.outcome().outputs(), R"({"tracking":"t"})");
  EXPECT_FALSE(result.position().empty());

  v1::GetExecutionRequest wait;
  wait.set_id(result.id());
  v1::Execution again;
  EXPECT_EQ(Told(executions_->Wait(Anonymous().get(), wait, &again)), "OK");
  EXPECT_EQ(again.state(), v1::COMPLETED);
  v1::CreateExecutionRequest bad = ShipRequest();
  bad.set_task("none");
  EXPECT_EQ(Told(executions_->Execute(Anonymous().get(), bad, &again)), "NOT_FOUND TASK_NOT_FOUND");
}

TEST_F(ExecutionsTest, ADeadlineEndsTheWaitAndNotTheExecution) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  v1::Execution result;
  EXPECT_EQ(executions_->Execute(context.get(), ShipRequest(), &result).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(broker_->Count().open_executions, 1U);
}

TEST_F(ExecutionsTest, UnknownAndMalformedIdsAreRefused) {
  v1::GetExecutionRequest request;
  v1::Execution execution;
  request.set_id(ExecutionId::Make(0, clock_.Now(), "12345678").Text());
  EXPECT_EQ(Told(executions_->Get(Anonymous().get(), request, &execution)),
            "NOT_FOUND EXECUTION_NOT_FOUND");
  EXPECT_EQ(Told(executions_->Wait(Anonymous().get(), request, &execution)),
            "NOT_FOUND EXECUTION_NOT_FOUND");
  v1::CancelExecutionRequest cancel;
  cancel.set_id(request.id());
  EXPECT_THAT(Told(executions_->Cancel(Anonymous().get(), cancel, &execution)),
              testing::StartsWith("NOT_FOUND"));
  for (const char* bad : {"", "0OIl", "abc"}) {
    request.set_id(bad);
    EXPECT_THAT(Told(executions_->Get(Anonymous().get(), request, &execution)),
                testing::StartsWith("INVALID_ARGUMENT"));
    EXPECT_THAT(Told(executions_->Wait(Anonymous().get(), request, &execution)),
                testing::StartsWith("INVALID_ARGUMENT"));
  }
}

TEST_F(ExecutionsTest, CancelIsRecordedOnceAndTellsTheWorker) {
  Working worker = Work();
  const std::string id = CreateShip();
  const auto delivery = worker.NextDelivery();
  v1::CancelExecutionRequest request;
  request.set_id(id);
  request.set_reason("changed my mind");
  v1::Execution cancelled;
  ASSERT_EQ(Told(executions_->Cancel(Anonymous().get(), request, &cancelled)), "OK");
  EXPECT_EQ(cancelled.state(), v1::CANCELLED);
  const v1::Cancelled told = worker.NextCancelled();
  EXPECT_EQ(told.delivery_id(), delivery.delivery_id());
  EXPECT_THAT(told.reason(), testing::HasSubstr("changed my mind"));
  EXPECT_THAT(Told(executions_->Cancel(Anonymous().get(), request, &cancelled)),
              testing::StartsWith("FAILED_PRECONDITION"));
  ASSERT_TRUE(worker.Write(Sent(delivery.delivery_id())));
  EXPECT_THAT(Told(worker.NextAccepted().error()), testing::StartsWith("FAILED_PRECONDITION"));
}

// ---- ExecuteStream ----

TEST_F(ExecutionsTest, AStreamAnswersEveryRequestByItsRef) {
  Working worker = Work(512);
  std::thread performing([&] {
    for (int i = 0; i < 90 && !worker.over(); ++i) {
      worker.Write(Sent(worker.NextDelivery().delivery_id()));
    }
  });
  Executing stream = OpenExecute();
  v1::ExecuteStreamRequest request;
  for (std::uint64_t ref = 0; ref < 100; ++ref) {
    auto& create = *request.add_creates();
    create.set_ref(ref);
    create.set_wait(ref % 2 == 0);
    *create.mutable_request() = ShipRequest(std::to_string(ref));
    if (ref % 10 == 9) create.mutable_request()->set_task("none");
  }
  ASSERT_TRUE(stream.Write(request));
  stream.WritesDone();
  std::map<std::uint64_t, std::string> created;
  std::set<std::uint64_t> refused;
  std::set<std::uint64_t> finished;
  while (true) {
    const auto response = stream.Read();
    if (stream.over()) break;
    for (const auto& one : response.created()) created[one.ref()] = one.id();
    for (const auto& one : response.refused()) {
      EXPECT_EQ(Told(one.error()), "NOT_FOUND TASK_NOT_FOUND");
      refused.insert(one.ref());
    }
    for (const auto& one : response.finished()) {
      EXPECT_EQ(created[one.ref()], one.id()) << "finished before it was created";
      EXPECT_EQ(one.state(), v1::COMPLETED);
      EXPECT_EQ(one.outcome().outputs(), R"({"tracking":"t"})");
      EXPECT_TRUE(finished.insert(one.ref()).second) << "finished twice";
    }
  }
  EXPECT_EQ(Told(stream.Finish()), "OK") << "ends when the last result was said";
  EXPECT_EQ(created.size(), 90U);
  EXPECT_EQ(refused.size(), 10U);
  EXPECT_EQ(finished.size(), 50U);
  performing.join();
}

TEST_F(ExecutionsTest, AStreamKeepsALimitedAmountOfResults) {
  // Results far beyond what the stream keeps: the rest is read again when there is room.
  constexpr int kExecutions = 24;
  Working worker = Work(kExecutions);
  Executing stream = OpenExecute();
  for (int i = 0; i < kExecutions; ++i) {
    v1::ExecuteStreamRequest request;
    auto& create = *request.add_creates();
    create.set_ref(static_cast<std::uint64_t>(i));
    create.set_wait(true);
    *create.mutable_request() = ShipRequest();
    ASSERT_TRUE(stream.Write(request));
  }
  const std::string outputs = fmt::format(R"({{"tracking":"{}"}})", std::string(2 << 20, 't'));
  for (int i = 0; i < kExecutions; ++i) {
    v1::WorkerMessage answer = Sent(worker.NextDelivery().delivery_id());
    answer.mutable_answers(0)->mutable_success()->set_outputs(outputs);
    ASSERT_TRUE(worker.Write(answer));
  }
  EXPECT_TRUE(Eventually([&] { return broker_->Count().open_executions == 0; }));
  std::set<std::uint64_t> finished;
  while (finished.size() < kExecutions) {
    const auto response = stream.Read();
    ASSERT_FALSE(stream.over());
    for (const auto& one : response.finished()) {
      EXPECT_EQ(one.outcome().outputs().size(), outputs.size());
      finished.insert(one.ref());
    }
  }
}

// ---- Dead letters ----

TEST_F(ExecutionsTest, DeadLettersAreListedRetriedAndDropped) {
  Working worker = Work();
  const std::string first = MakeDeadLetter(worker);
  const std::string second = MakeDeadLetter(worker);
  v1::ListDeadLettersResponse page;
  ASSERT_EQ(DeadLetters(&page), "OK");
  ASSERT_EQ(page.executions_size(), 2);
  EXPECT_TRUE(page.executions(0).dead_letter());

  v1::DeadLetterSelection selection;
  selection.add_ids(first);
  v1::RetryDeadLettersResponse retried;
  ASSERT_EQ(Told(dead_letters_->Retry(Anonymous().get(), selection, &retried)), "OK");
  ASSERT_EQ(retried.retried_size(), 1);
  EXPECT_EQ(retried.retried(0).id(), first);
  EXPECT_EQ(GetExecution(retried.retried(0).new_id()).retry_of(), first);
  EXPECT_THAT(
      Told(dead_letters_->Retry(Anonymous().get(), selection, &retried)),
      testing::AnyOf(testing::StartsWith("NOT_FOUND"), testing::StartsWith("FAILED_PRECONDITION")));

  v1::DeadLetterSelection all;
  all.set_all(true);
  all.set_service("shop");
  all.set_task("ship");
  v1::DropDeadLettersResponse dropped;
  ASSERT_EQ(Told(dead_letters_->Drop(Anonymous().get(), all, &dropped)), "OK");
  ASSERT_EQ(dropped.ids_size(), 1);
  EXPECT_EQ(dropped.ids(0), second);
  page.Clear();
  ASSERT_EQ(DeadLetters(&page), "OK");
  EXPECT_EQ(page.executions_size(), 0);
}

TEST_F(ExecutionsTest, ASelectionOfDeadLettersIsIdsOrAll) {
  v1::RetryDeadLettersResponse retried;
  v1::DropDeadLettersResponse dropped;
  v1::DeadLetterSelection both;
  both.set_all(true);
  both.add_ids("x");
  EXPECT_THAT(Told(dead_letters_->Retry(Anonymous().get(), {}, &retried)),
              testing::HasSubstr("INVALID_SELECTION"));
  EXPECT_THAT(Told(dead_letters_->Drop(Anonymous().get(), both, &dropped)),
              testing::HasSubstr("INVALID_SELECTION"));
  v1::DeadLetterSelection unknown;
  unknown.set_all(true);
  unknown.set_service("none");
  EXPECT_EQ(Told(dead_letters_->Drop(Anonymous().get(), unknown, &dropped)),
            "NOT_FOUND SERVICE_NOT_FOUND");
}

TEST_F(ExecutionsTest, AnUnknownOutcomeIsResolvedOnce) {
  std::string id;
  {
    Working worker = Work();
    v1::CreateExecutionRequest request;
    request.set_service("shop");
    request.set_task("charge");
    v1::CreateExecutionResponse created;
    ASSERT_EQ(Told(executions_->Create(Anonymous().get(), request, &created)), "OK");
    id = created.id();
    worker.NextDelivery();
  }
  EXPECT_TRUE(Eventually([&] { return GetExecution(id).state() == v1::OUTCOME_UNKNOWN; }));
  v1::ResolveDeadLetterRequest resolve;
  resolve.set_id(id);
  v1::Execution execution;
  EXPECT_THAT(Told(dead_letters_->Resolve(Anonymous().get(), resolve, &execution)),
              testing::HasSubstr("outcome: "));
  resolve.mutable_success()->set_output_key("done");
  resolve.mutable_success()->set_outputs("{}");
  ASSERT_EQ(Told(dead_letters_->Resolve(Anonymous().get(), resolve, &execution)), "OK");
  EXPECT_EQ(execution.state(), v1::COMPLETED);
  EXPECT_THAT(Told(dead_letters_->Resolve(Anonymous().get(), resolve, &execution)),
              testing::StartsWith("FAILED_PRECONDITION"));
}

}  // namespace
}  // namespace mesg::api
