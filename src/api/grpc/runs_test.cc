#include <gmock/gmock.h>

#include "api/grpc/api_fixture_test.h"
#include "api/grpc/context.h"
#include "api/grpc/run_watch.h"
#include "app/program/program.h"
#include "mesg/v1/runs.grpc.pb.h"

namespace mesg::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Runs of an application file, as a client sees them.
class RunsTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    runs_ = v1::Runs::NewStub(channel_);
  }

  void Install(const std::string& workflows) {
    engine::Application application;
    application.name = "app";
    application.file_name = "app.yml";
    application.text = "name: app\nworkflows:\n" + workflows;
    application.version =
        app::ProgramSource{application.file_name, application.text, {}, {}, {}}.Hash();
    const auto deployed = Ask<engine::ApplicationPtr>(
        [&](auto reply) { broker_->DeployApplication(application, std::move(reply)); });
    ASSERT_TRUE(deployed) << deployed.error().message;
  }
  v1::Run StartRun(const std::string& workflow) {
    v1::StartRunRequest request;
    request.set_application("app");
    request.set_workflow(workflow);
    request.set_inputs("{}");
    v1::Run run;
    const auto status = runs_->Start(Anonymous().get(), request, &run);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return run;
  }
  std::vector<v1::Run> All() {
    v1::ListRunsResponse response;
    const auto status = runs_->List(Anonymous().get(), {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.runs().begin(), response.runs().end()};
  }
  std::size_t CountOf(v1::RunState state) {
    return static_cast<std::size_t>(
        std::ranges::count_if(All(), [&](const v1::Run& run) { return run.state() == state; }));
  }
  /// What a bulk call came to, all batches together.
  static v1::RunsProgress Sum(grpc::ClientReader<v1::RunsProgress>& reader) {
    v1::RunsProgress sum;
    v1::RunsProgress batch;
    while (reader.Read(&batch)) {
      sum.MergeFrom(batch);
    }
    const auto status = reader.Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return sum;
  }
  v1::RunsProgress Retry(const v1::RunSelection& selection) {
    const auto context = Anonymous();
    return Sum(*runs_->Retry(context.get(), selection));
  }
  v1::RunsProgress Reset(const v1::RunSelection& selection) {
    v1::ResetRunsRequest request;
    *request.mutable_selection() = selection;
    const auto context = Anonymous();
    return Sum(*runs_->Reset(context.get(), request));
  }

  std::unique_ptr<v1::Runs::Stub> runs_;
};

TEST_F(RunsTest, ARetryOfAllLeavesOutWhatOtherRunsStarted) {
  Install(R"(
  go: { on: { manual: {} }, steps: [ { run: part } ] }
  part: { on: { manual: {} }, steps: [ { fail: "no" } ] }
)");
  const std::string parent = StartRun("go").id();
  ASSERT_TRUE(Eventually([&] { return CountOf(v1::RUN_FAILED) == 2; }));
  std::string child;
  for (const v1::Run& run : All()) {
    if (run.parent_run() == parent) child = run.id();
  }

  v1::RunSelection all;
  all.set_all(true);
  all.set_dry_run(true);
  for (const v1::RunsProgress& progress : {Retry(all), Reset(all)}) {
    EXPECT_EQ(progress.matched(), 1U);
    EXPECT_THAT(progress.ids(), ElementsAre(parent));
    EXPECT_THAT(progress.refused(), IsEmpty());
  }

  v1::RunSelection one;
  one.add_ids(child);
  for (const v1::RunsProgress& progress : {Retry(one), Reset(one)}) {
    ASSERT_EQ(progress.refused_size(), 1);
    EXPECT_EQ(progress.refused(0).id(), child);
    EXPECT_THAT(progress.refused(0).reason(), testing::HasSubstr("was run by run " + parent));
  }

  all.set_dry_run(false);
  EXPECT_EQ(Retry(all).done(), 1U);
  ASSERT_TRUE(Eventually([&] { return CountOf(v1::RUN_FAILED) == 3; }));
}

/// A server that only lets watch, whose readers the test keeps busy.
class RunWatchTest : public RunsTest {
 protected:
  void SetUp() override {
    RunsTest::SetUp();
    Core core;
    core.broker = broker_.get();
    context_ = std::make_shared<Context>(core);
    service_ = std::make_unique<Service>(*context_);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    watching_ = builder.BuildAndStart();
    ASSERT_NE(watching_, nullptr);
    watch_ = v1::Runs::NewStub(
        grpc::CreateChannel(fmt::format("127.0.0.1:{}", port), grpc::InsecureChannelCredentials()));
  }
  void TearDown() override {
    go_ = true;
    go_.notify_all();
    watching_->Shutdown();
    watching_.reset();
    context_.reset();
    RunsTest::TearDown();
  }

  std::unique_ptr<grpc::ClientReader<v1::Run>> Watch(grpc::ClientContext& call,
                                                     const std::string& run) {
    v1::WatchRunsRequest request;
    request.set_id(run);
    return watch_->Watch(&call, request);
  }
  void FillCrew() {
    while (context_->crew.Later([this] { go_.wait(false); })) {
    }
  }
  void Approve(const std::string& run) {
    v1::DecideRequest request;
    request.set_id(run);
    request.set_approve(true);
    v1::Run decided;
    const auto status = runs_->Decide(Anonymous().get(), request, &decided);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }

 private:
  class Service final : public v1::Runs::CallbackService {
   public:
    explicit Service(Context& context) : context_(context) {}
    grpc::ServerWriteReactor<v1::Run>* Watch(grpc::CallbackServerContext*,
                                             const v1::WatchRunsRequest* request) override {
      return RunWatch::Begin(std::make_shared<RunWatch>(context_, *request));
    }

   private:
    Context& context_;
  };

  std::shared_ptr<Context> context_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> watching_;
  std::unique_ptr<v1::Runs::Stub> watch_;
  std::atomic<bool> go_ = false;
};

constexpr const char* kAsks = "  go: { on: { manual: {} }, steps: [ { approve: {} } ] }\n";

TEST_F(RunWatchTest, TellsARunUntilItHasEnded) {
  Install(kAsks);
  const std::string id = StartRun("go").id();
  const auto call = Anonymous();
  const auto reader = Watch(*call, id);
  v1::Run run;
  ASSERT_TRUE(reader->Read(&run));
  EXPECT_EQ(run.state(), v1::RUN_RUNNING);
  Approve(id);
  while (reader->Read(&run)) {
  }
  EXPECT_EQ(run.state(), v1::RUN_COMPLETED);
  EXPECT_EQ(Told(reader->Finish()), "OK");
}

// A watcher that is left alone at the last move would wait for ever.
TEST_F(RunWatchTest, EndsWhenTooManyWaitToReadTheLastMove) {
  Install(kAsks);
  const std::string id = StartRun("go").id();
  const auto call = Anonymous();
  const auto reader = Watch(*call, id);
  v1::Run run;
  ASSERT_TRUE(reader->Read(&run));
  FillCrew();
  Approve(id);
  EXPECT_FALSE(reader->Read(&run));
  EXPECT_EQ(Told(reader->Finish()), "RESOURCE_EXHAUSTED TOO_MANY_QUERIES");

  const auto second = Anonymous();
  const auto refused = Watch(*second, id);
  EXPECT_FALSE(refused->Read(&run));
  EXPECT_EQ(Told(refused->Finish()), "RESOURCE_EXHAUSTED TOO_MANY_QUERIES");
}

}  // namespace
}  // namespace mesg::api
