#include <gmock/gmock.h>

#include "api/grpc/api_fixture_test.h"
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

}  // namespace
}  // namespace mesg::api
