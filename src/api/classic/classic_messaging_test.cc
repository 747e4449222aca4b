#include <gmock/gmock.h>

#include "api/classic/classic_fixture_test.h"
#include "api/classic/texts.h"

namespace mesg::api::classic {
namespace {

using grpc::StatusCode;
using testing::AllOf;
using testing::HasSubstr;

// ---- Events ----

TEST_F(ClassicTest, AListenerIsToldThatItMissesNothingFromNowOn) {
  Deploy();
  auto stream = ListenEvent("shop", "*");
  EXPECT_EQ(stream.Header(), "ready");
  ASSERT_TRUE(Emit("ordered", R"({"order":"ünï"})").ok());
  const wire::EventData event = stream.Next();
  EXPECT_EQ(event.eventkey(), "ordered");
  EXPECT_EQ(event.eventdata(), R"({"order":"ünï"})");
  stream.Cancel();
}

TEST_F(ClassicTest, AFilterLetsOnlyItsEventThrough) {
  const auto shop = Deploy();
  Deploy("name: Other\nsid: other\nevents: {closed: {data: {}}}\n", "other");
  auto by_hash = ListenEvent(shop->GetSource()->instance_hash, "closed");
  ASSERT_EQ(by_hash.Header(), "ready");
  ASSERT_TRUE(Emit("ordered", R"({"order":"a"})").ok());
  ASSERT_TRUE(Emit("closed", "{}", "token of other").ok());
  ASSERT_TRUE(Emit("closed", R"({"n":1})").ok());
  EXPECT_EQ(by_hash.Next().eventdata(), R"({"n":1})");
  by_hash.Cancel();
}

TEST_F(ClassicTest, WhatDoesNotExistCannotBeListenedFor) {
  Deploy();
  const auto refused = [](auto stream) {
    EXPECT_EQ(stream.Header(), "") << "announced as ready";
    const grpc::Status status = stream.End();
    EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
    return status.error_message();
  };
  EXPECT_THAT(refused(ListenEvent("shop", "orderd")),
              HasSubstr(R"(Event "orderd" not found in service "shop")"));
  EXPECT_THAT(refused(ListenEvent("shp")), HasSubstr(R"(Service "shp" not found)"));
  EXPECT_THAT(refused(ListenEvent("")), HasSubstr(R"(Service "" not found)"));
  EXPECT_THAT(refused(ListenEvent("*")), HasSubstr(R"(Service "*" not found)"));
  EXPECT_THAT(refused(ListenResult("shop", "sip")), HasSubstr(R"(Task "sip" not found)"));
  EXPECT_THAT(refused(ListenResult("shop", "ship", "done")), HasSubstr(R"(Output "done" of task)"));
  EXPECT_THAT(refused(ListenResult("shop", "", "nothing")), HasSubstr(R"(Output "nothing")"));
  EXPECT_EQ(broker_->Count().listeners, 0);
}

TEST_F(ClassicTest, AnEventThatIsNotDeclaredOrDoesNotFitIsRefused) {
  Deploy();
  EXPECT_EQ(Emit("opened", "{}").error_code(), StatusCode::NOT_FOUND);
  const grpc::Status wrong = Emit("ordered", R"({"order":1})");
  EXPECT_EQ(wrong.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(wrong.error_message(), AllOf(HasSubstr("ordered"), HasSubstr("order")));
  EXPECT_EQ(Emit("closed", "[]").error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Emit("closed", "").error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Emit("closed", "{}", "no token").error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(broker_->Count().events_accepted, 0);
}

TEST_F(ClassicTest, TextThatIsNotUtf8IsNamed) {
  Deploy();
  const std::string bad = "\xff";
  const auto names = [](const grpc::Status& status, const std::string& field) {
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << field;
    EXPECT_THAT(status.error_message(), HasSubstr(field));
  };
  names(Emit(bad, "{}"), "eventKey");
  names(Emit("closed", "{}", bad), "token");
  names(Emit("closed", R"({"a":")" + bad + "\"}"), "UTF-8");
  names(Execute(bad, "{}"), "taskKey");
  names(Execute("bill", "{}", {bad}), "tag");
  names(Execute("bill", "{}", {}, nullptr, bad), "serviceID");
  names(Submit(bad, "done", "{}"), "executionID");
  names(ListenEvent("shop", bad).End(), "eventFilter");
  names(ListenResult("shop", "", bad).End(), "outputFilter");
  names(ListenResult("shop", "", "", {bad}).End(), "tagFilters");
  names(ListenTask(bad).End(), "token");
}

// ---- Tasks ----

TEST_F(ClassicTest, ATaskIsPerformedAndItsResultHeardByItsTags) {
  Deploy();
  auto tasks = ListenTask();
  ASSERT_EQ(tasks.Header(), "ready");
  auto others = ListenResult("shop", "*", "*", {"a", "c"});
  auto results = ListenResult("shop", "ship", "sent", {"b", "a"});
  ASSERT_EQ(others.Header() + results.Header(), "readyready");
  std::string id;
  ASSERT_TRUE(Execute("ship", R"({"order":"o","extra":[1]})", {"a", "b"}, &id).ok());
  const wire::TaskData task = tasks.Next();
  EXPECT_EQ(task.taskkey(), "ship");
  EXPECT_EQ(task.inputdata(), R"({"order":"o","extra":[1]})");
  EXPECT_NE(task.executionid(), id) << "the delivery's secret is the public id";
  EXPECT_FALSE(Submit(id, "sent", R"({"tracking":"t"})").ok());
  ASSERT_TRUE(Submit(task.executionid(), "sent", R"({"tracking":"t"})").ok());
  const wire::ResultData result = results.Next();
  EXPECT_EQ(result.executionid(), id);
  EXPECT_EQ(result.taskkey() + " " + result.outputkey() + " " + result.outputdata(),
            R"(ship sent {"tracking":"t"})");
  ASSERT_EQ(result.executiontags_size(), 2);
  EXPECT_EQ(result.executiontags(0) + result.executiontags(1), "ab");
  EXPECT_EQ(result.error(), "");

  ASSERT_TRUE(Execute("ship", R"({"order":"p"})", {"c", "a"}).ok());
  ASSERT_TRUE(Submit(tasks.Next().executionid(), "missing", "{}").ok());
  EXPECT_EQ(others.Next().outputkey(), "missing");
  for (auto* stream : {&others, &results}) stream->Cancel();
  tasks.Cancel();
}

TEST_F(ClassicTest, AResultIsTakenOnceAndOnlyFromWhoWasAsked) {
  Deploy();
  auto tasks = ListenTask();
  ASSERT_TRUE(Execute("bill", "").ok());
  const wire::TaskData task = tasks.Next();
  EXPECT_EQ(task.inputdata(), "{}");
  EXPECT_EQ(Submit("made up", "done", "{}").error_code(), StatusCode::PERMISSION_DENIED);
  ASSERT_TRUE(Submit(task.executionid(), "done", "{}").ok());
  EXPECT_EQ(Submit(task.executionid(), "done", "{}").error_code(), StatusCode::FAILED_PRECONDITION);
  tasks.Cancel();
}

TEST_F(ClassicTest, OutputsThatBreakTheContractFailTheExecutionWithAReason) {
  Deploy();
  auto tasks = ListenTask();
  auto results = ListenResult("shop");
  ASSERT_EQ(results.Header(), "ready");
  for (const auto& [output, data] :
       {std::pair("sent", R"({"tracking":5})"), std::pair("lost", "{}"), std::pair("sent", "[]")}) {
    ASSERT_TRUE(Execute("ship", R"({"order":"o"})").ok());
    EXPECT_FALSE(Submit(tasks.Next().executionid(), output, data).ok());
    const wire::ResultData result = results.Next();
    EXPECT_EQ(result.outputdata(), "null");
    EXPECT_EQ(result.outputkey(), "");
    EXPECT_THAT(result.error(), HasSubstr(output));
  }
  tasks.Cancel();
  results.Cancel();
}

TEST_F(ClassicTest, ExecutingWhatDoesNotFitIsRefused) {
  Deploy();
  EXPECT_EQ(Execute("ship", "{}").error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(
      Execute("ship", R"({"order":"a","items":[{"price":1},{"price":"x"}]})").error_message(),
      HasSubstr("items[1].price"));
  EXPECT_EQ(Execute("sip", "{}").error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(Execute("bill", "{}", {}, nullptr, "nobody").error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(broker_->Count().executions_created, 0);
}

TEST_F(ClassicTest, WorkOfAProcessThatIsGoneMovesToAnother) {
  Deploy();
  auto first = ListenTask();
  ASSERT_EQ(first.Header(), "ready");
  ASSERT_TRUE(Execute("ship", R"({"order":"o"})").ok());
  EXPECT_EQ(first.Next().taskkey(), "ship");
  auto second = ListenTask();
  ASSERT_EQ(second.Header(), "ready");
  first.Cancel();
  const wire::TaskData task = second.Next();
  EXPECT_TRUE(Submit(task.executionid(), "missing", "{}").ok());
  second.Cancel();
}

TEST_F(ClassicTest, WorkIsSharedByTheProcessesOfAnInstance) {
  Deploy();
  auto first = ListenTask();
  auto second = ListenTask();
  ASSERT_EQ(first.Header() + second.Header(), "readyready");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Execute("bill", "{}").ok());
  for (int i = 0; i < 5; ++i) {
    EXPECT_NE(first.Next().executionid(), second.Next().executionid());
  }
  first.Cancel();
  second.Cancel();
}

TEST_F(ClassicTest, AProcessOfADeletedServiceIsToldSo) {
  Deploy();
  auto tasks = ListenTask();
  ASSERT_EQ(tasks.Header(), "ready");
  broker_->Undeploy("shop", false, true, [](const Result<void>&) {});
  const grpc::Status status = tasks.End();
  EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("shop"));
  EXPECT_EQ(ListenTask().End().error_code(), StatusCode::UNAUTHENTICATED);
}

TEST_F(ClassicTest, AReplacedInstanceFinishesWhatIsPinnedToIt) {
  Deploy();
  auto tasks = ListenTask();
  ASSERT_TRUE(Execute("bill", "{}").ok());
  const wire::TaskData task = tasks.Next();
  Deploy(kShop, "shop", "new");
  EXPECT_TRUE(Submit(task.executionid(), "done", "{}").ok());
  EXPECT_FALSE(tasks.End().ok());  // Nothing is left for it.
}

// ---- Sizes ----

TEST_F(ClassicTest, WhatNoClientCouldTakeIsRefusedWhenItComesIn) {
  Deploy();
  const std::string large = R"({"x":")" + std::string(kPayloadBytes, 'x') + "\"}";
  EXPECT_EQ(Emit("closed", large).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Execute("bill", large).error_code(), StatusCode::INVALID_ARGUMENT);
  auto tasks = ListenTask();
  auto results = ListenResult("shop");
  ASSERT_EQ(results.Header(), "ready");
  ASSERT_TRUE(Execute("bill", "{}").ok());
  EXPECT_EQ(Submit(tasks.Next().executionid(), "done", large).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(results.Next().error(), HasSubstr("bytes"));
  tasks.Cancel();
  results.Cancel();
}

TEST_F(ClassicTest, APayloadThatJustFitsPassesBothWays) {
  Deploy();
  const std::string data = R"({"x":")" + std::string(kPayloadBytes - 8, 'x') + "\"}";
  auto tasks = ListenTask();
  auto results = ListenResult("shop");
  auto events = ListenEvent("shop");
  ASSERT_EQ(results.Header() + events.Header(), "readyready");
  ASSERT_TRUE(Emit("closed", data).ok());
  EXPECT_EQ(events.Next().eventdata(), data);
  ASSERT_TRUE(Execute("bill", data).ok());
  const wire::TaskData task = tasks.Next();
  EXPECT_EQ(task.inputdata(), data);
  ASSERT_TRUE(Submit(task.executionid(), "done", data).ok());
  EXPECT_EQ(results.Next().outputdata(), data);
  tasks.Cancel();
  results.Cancel();
  events.Cancel();
}

TEST_F(ClassicTest, WhatANativeClientMadeTooLargeIsSaidNotSkipped) {
  const auto shop = Deploy();
  const std::string large = R"({"x":")" + std::string((4 << 20) - 8, 'x') + "\"}";
  auto events = ListenEvent("shop");
  auto results = ListenResult("shop");
  auto tasks = ListenTask();
  ASSERT_EQ(events.Header() + results.Header() + tasks.Header(), "readyreadyready");
  broker_->Emit(shop, {{"closed", "{}", "", {}, ""}, {"closed", large, "", {}, ""}}, {},
                [](const auto&) {});
  EXPECT_EQ(events.Next().eventdata(), "{}");
  const grpc::Status status = events.End();
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  broker::ExecutionRequest request;
  request.service = "shop";
  request.task = "bill";
  request.inputs = large;
  broker_->Create({request}, {}, {}, [](const auto&) {});
  EXPECT_THAT(results.Next().error(), HasSubstr("at most"));
  results.Cancel();
  tasks.Cancel();
}

// ---- Streams ----

TEST_F(ClassicTest, CancelledStreamsLeaveNoTrace) {
  Deploy();
  constexpr int kRounds = 300;
  for (int i = 0; i < kRounds; ++i) {
    auto stream = ListenResult("shop", "", "", {"tag"});
    if (i % 2 == 0) {  // The others go before they are answered.
      ASSERT_EQ(stream.Header(), "ready");
    }
    stream.Cancel();
    auto tasks = ListenTask();
    tasks.Cancel();
  }
  EXPECT_TRUE(Eventually([&] {
    // What counts the workers is published with the next commit.
    EXPECT_TRUE(Emit("closed", "{}").ok());
    return broker_->Count().listeners == 0 && broker_->Count().workers == 0;
  }));
}

TEST_F(ClassicTest, AReaderThatPausesMissesNothingAndHoldsUpNobody) {
  Deploy();
  auto slow = ListenEvent("shop");
  auto quick = ListenEvent("shop");
  ASSERT_EQ(slow.Header() + quick.Header(), "readyready");
  constexpr int kEvents = 400;
  const std::string filler(100 << 10, 'x');
  for (int i = 0; i < kEvents; ++i) {
    ASSERT_TRUE(Emit("closed", fmt::format(R"({{"i":{},"x":"{}"}})", i, filler)).ok());
    ASSERT_THAT(quick.Next().eventdata(), HasSubstr(fmt::format(R"("i":{},)", i)));
  }
  for (int i = 0; i < kEvents; ++i) {
    ASSERT_THAT(slow.Next().eventdata(), HasSubstr(fmt::format(R"("i":{},)", i)));
  }
  slow.Cancel();
  quick.Cancel();
}

TEST_F(ClassicTest, ACoreThatStopsEndsItsStreamsAndTakesNoCalls) {
  Deploy();
  auto events = ListenEvent("shop");
  auto tasks = ListenTask();
  ASSERT_EQ(events.Header() + tasks.Header(), "readyready");
  std::thread stopping([&] { server_->Stop(std::chrono::seconds(20)); });
  EXPECT_EQ(events.End().error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(tasks.End().error_code(), StatusCode::UNAVAILABLE);
  stopping.join();
  EXPECT_EQ(Emit("closed", "{}").error_code(), StatusCode::UNAVAILABLE);
}

TEST_F(ClassicTest, BeforeCoreIsReadyEveryCallIsRefused) {
  server_.reset();
  server_ =
      Server::Start({{"127.0.0.1:0"}}, {broker_.get(), services_.get(), nullptr, {}, {}}).value();
  Connect();
  Deploy();
  EXPECT_EQ(Emit("closed", "{}").error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(Execute("bill", "{}").error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(ListenEvent("shop").End().error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(ListenResult("shop").End().error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(ListenTask().End().error_code(), StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace mesg::api::classic
