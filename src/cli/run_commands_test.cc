#include <cstdlib>
#include <ctime>
#include <thread>

#include "cli/command_line_test_support.h"

namespace mesg::cli {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000'000;  // What the clock of a test begins with.
constexpr std::int64_t kSecond = 1'000'000;
const char* const kId = "2vRq8xWkZ1YbMn4TcE7hJd";

class RunCommandsTest : public CommandLineTest {
 protected:
  RunCommandsTest() {
    setenv("TZ", "UTC", 1);
    tzset();
    v1::Run& run = core_.script.run;
    run.set_id(kId);
    run.set_application("alerts");
    run.set_workflow("alert");
    run.set_state(v1::RUN_RUNNING);
    run.set_created_us(kNow - 90 * kSecond);
    run.set_trigger("shop.order");
    run.set_data(R"({"total":12})");
    *core_.script.runs.add_runs() = run;
  }

  v1::Run::Step& HasStep(const std::string& id, const std::string& action, const std::string& what,
                         v1::StepState state, std::uint64_t parent = 0, std::uint32_t lane = 0) {
    v1::Run& run = core_.script.run;
    v1::Run::Step& step = *run.add_steps();
    const auto number = static_cast<std::uint64_t>(run.steps_size());
    step.set_number(number);
    step.set_parent(parent);
    step.set_lane(lane);
    step.set_id(id);
    step.set_action(action);
    step.set_what(what);
    step.set_state(state);
    step.set_started_us(kNow - 80 * kSecond + static_cast<std::int64_t>(number) * kSecond);
    if (state != v1::STEP_RUNNING) step.set_ended_us(step.started_us() + 500'000);
    return step;
  }

  /// A run in which every kind of thing happened.
  void HasStory() {
    v1::Run::Step& price = HasStep("price", "task", "http.request", v1::STEP_COMPLETED);
    price.set_inputs(R"({"url":"https://rates.example/eth"})");
    price.set_output(R"({ "status": 200 })");
    price.set_attempt(2);
    v1::Attempt& first = *price.add_attempts();
    first.set_number(1);
    first.set_outcome(v1::Attempt::TIMED_OUT);
    first.set_worker("http-1");
    HasStep("", "if", "$steps.price.ok", v1::STEP_COMPLETED);
    v1::Run::Step& mail = HasStep("", "task", "mail.send", v1::STEP_CAUGHT, 2);
    mail.set_error("no such address");
    mail.set_execution("x7");
    HasStep("", "set", "", v1::STEP_COMPLETED, 3).set_purpose("catch");
    HasStep("each", "foreach", ".items", v1::STEP_RUNNING);
    HasStep("", "task", "shop.pack", v1::STEP_COMPLETED, 5, 1);
    v1::Run::Step& pack = HasStep("", "task", "shop.pack", v1::STEP_FAILED, 5, 0);
    pack.set_error("out of boxes");
    pack.set_execution("x9");
    HasStep("tell", "emit", "packed", v1::STEP_SKIPPED);
    v1::Run::Step& approve = HasStep("release", "approve", "ops", v1::STEP_RUNNING);
    approve.set_waiting_for("a decision of ops");
    approve.set_waiting_since_us(kNow - 60 * kSecond);
    core_.script.run.set_waiting_for("a decision of ops");
    core_.script.run.set_waiting_since_us(kNow - 60 * kSecond);
  }
};

// ---- show ----

TEST_F(RunCommandsTest, ShowTellsTheWholeStory) {
  HasStory();
  EXPECT_EQ(Mesg({"run", "show", kId}), 0) << err_;
  EXPECT_EQ(out_, R"(Run          2vRq8xWkZ1YbMn4TcE7hJd
Workflow     alert of alerts
State        running
Started      1 minute ago, by shop.order
Waits for    a decision of ops
Waits since  1 minute ago

Started with
{"total":12}

Steps
✓ price  http.request                                         22:12:01    500 ms
    in        {"url":"https://rates.example/eth"}
    attempt 1 timed out (http-1)
    out       {"status":200}
✓ if $steps.price.ok                                          22:12:02    500 ms
  ! mail.send                                         caught  22:12:03    500 ms
      error     no such address
    ✓ on error: set                                           22:12:04    500 ms
▸ each  foreach .items                                        22:12:05  1m 15s …
  ✗ [0] shop.pack                                     failed  22:12:07    500 ms
      error     out of boxes
      see       `mesg execution show x9`
  ✓ [1] shop.pack                                             22:12:06    500 ms
· tell  emit packed                                  skipped  22:12:08    500 ms
▸ release  approve ops                                        22:12:09  1m 11s …
    waits for a decision of ops, since 1m 0s
              `mesg run approve 2vRq8xWkZ1YbMn4TcE7hJd --step 9`
              `mesg run reject 2vRq8xWkZ1YbMn4TcE7hJd --step 9`
)");
}

TEST_F(RunCommandsTest, ATerminalCutsWhatIsLongButNotWhatARunWaitsFor) {
  v1::Run::Step& step = HasStep("price", "task", "http.request", v1::STEP_RUNNING);
  std::string list;
  for (int i = 0; i < 30; ++i) list += (i == 0 ? "" : ",") + std::to_string(1000 + i);
  step.set_inputs("{\"list\":[" + list + "]}");
  step.set_waiting_for(
      "a worker of http, which has none: start its process with `mesg service start http`");
  const Terminal::Traits narrow = {.output_is_terminal = true, .width = 60};
  EXPECT_EQ(Mesg({"run", "show", kId}, "", narrow), 0) << err_;
  EXPECT_NE(out_.find("              … 28 more lines: --full\n"), std::string::npos) << out_;
  EXPECT_NE(out_.find("    waits for a worker of http, which has none: start its\n"
                      "              process with `mesg service start http`\n"),
            std::string::npos)
      << out_;
  EXPECT_EQ(Mesg({"run", "show", kId, "--full"}, "", narrow), 0);
  EXPECT_NE(out_.find("1029"), std::string::npos) << out_;
}

TEST_F(RunCommandsTest, AFailedRunSaysHowToGoOn) {
  HasStep("pay", "task", "bank.pay", v1::STEP_FAILED).set_error("card refused");
  v1::Run& run = core_.script.run;
  run.set_state(v1::RUN_FAILED);
  run.set_ended_us(kNow);
  run.set_error("pay: card refused");
  EXPECT_EQ(Mesg({"run", "show", kId}), 0);
  EXPECT_NE(out_.find("Took      1m 30s\nError     pay: card refused\n"), std::string::npos)
      << out_;
  EXPECT_NE(err_.find("`mesg run retry 2vRq8xWkZ1YbMn4TcE7hJd` goes on from the failed step"),
            std::string::npos)
      << err_;
}

TEST_F(RunCommandsTest, ARunThatWasUndoneIsNotToBeRetried) {
  v1::Run& run = core_.script.run;
  run.set_state(v1::RUN_FAILED);
  run.set_undone(true);
  EXPECT_EQ(Mesg({"run", "show", kId}), 0);
  EXPECT_EQ(err_.find("run retry"), std::string::npos) << err_;
  EXPECT_NE(err_.find("`mesg run reset 2vRq8xWkZ1YbMn4TcE7hJd --from-start` begins it again"),
            std::string::npos)
      << err_;
}

TEST_F(RunCommandsTest, ARunThatCouldNotBeUndoneSaysSo) {
  v1::Run::Step& step = HasStep("pay", "task", "bank.refund", v1::STEP_FAILED);
  step.set_purpose("compensate");
  core_.script.run.set_state(v1::RUN_FAILED);
  core_.script.run.set_undone(true);
  EXPECT_EQ(Mesg({"run", "show", kId}), 0);
  EXPECT_NE(err_.find("Not all of what it had done could be undone"), std::string::npos) << err_;
}

TEST_F(RunCommandsTest, ARunThatNeverBeganSaysSo) {
  core_.script.run.set_state(v1::RUN_FAILED);
  core_.script.run.set_error("the condition of the workflow failed: no number");
  core_.script.run.set_steps_done(0);
  EXPECT_EQ(Mesg({"run", "show", kId}), 0);
  EXPECT_NE(err_.find("It never began"), std::string::npos) << err_;
  EXPECT_EQ(err_.find("run retry"), std::string::npos) << err_;
}

// Blocks of a run have lanes too, which say nothing of the order.
TEST_F(RunCommandsTest, WhatUndoesAndCatchesStandsWhereItHappened) {
  HasStep("book", "set", "", v1::STEP_COMPLETED, 0, 2);
  HasStep("pay", "task", "bank.pay", v1::STEP_FAILED, 0, 2);
  HasStep("", "task", "shop.forget", v1::STEP_COMPLETED, 0, 1).set_purpose("compensate");
  HasStep("", "task", "mail.send", v1::STEP_COMPLETED).set_purpose("catch");
  EXPECT_EQ(Mesg({"run", "show", kId}), 0);
  std::vector<std::size_t> places;
  for (const char* title : {"book  set", "pay  bank.pay", "undo: shop.forget", "on error: mail"}) {
    places.push_back(out_.find(title));
    ASSERT_NE(places.back(), std::string::npos) << title << "\n" << out_;
  }
  EXPECT_TRUE(std::ranges::is_sorted(places)) << out_;
}

TEST_F(RunCommandsTest, EveryPageOfStepsIsRead) {
  HasStory();
  core_.script.run.set_steps_cut(true);  // One step a page.
  EXPECT_EQ(Mesg({"run", "show", kId, "--json"}), 0);
  EXPECT_TRUE(out_.starts_with(R"({"id":"2vRq8xWkZ1YbMn4TcE7hJd",)")) << out_;
  EXPECT_NE(out_.find("\"release\""), std::string::npos) << out_;
  EXPECT_NE(out_.find("\"steps_cut\":false"), std::string::npos) << out_;
  const auto calls = core_.heard().calls;
  EXPECT_EQ(std::ranges::count(calls, "GetRun"), 9);
}

TEST_F(RunCommandsTest, TheEndOfAnIdIsEnough) {
  EXPECT_EQ(Mesg({"run", "show", "E7hJd"}), 0) << err_;
  EXPECT_EQ(Mesg({"run", "show", "none"}), 1);
  EXPECT_EQ(err_,
            "mesg: none of the latest 1 runs has an id that ends with \"none\": see `mesg run "
            "list`\n");
  core_.script.runs.add_runs()->set_id("2vRq8xWkZ1YbMn4TcE7hJdE7hJd");
  EXPECT_EQ(Mesg({"run", "show", "E7hJd"}), 1);
  EXPECT_NE(err_.find("2 runs have an id that ends with \"E7hJd\""), std::string::npos) << err_;
}

// ---- list ----

TEST_F(RunCommandsTest, ListIsATableOrADocument) {
  v1::Run& failed = *core_.script.runs.add_runs();
  failed = core_.script.run;
  failed.set_state(v1::RUN_FAILED);
  failed.set_ended_us(kNow - 80 * kSecond);
  failed.set_error("card refused");
  EXPECT_EQ(Mesg({"run", "list", "--app", "alerts", "--workflow", "alert", "--failed", "--state",
                  "running", "--since", "1h", "--limit", "5"}),
            0)
      << err_;
  EXPECT_EQ(
      out_,
      "ID                      APP     WORKFLOW  STATE    STARTED       TOOK      WAITS FOR, OR "
      "ERROR\n"
      "2vRq8xWkZ1YbMn4TcE7hJd  alerts  alert     running  1 minute ago  1m 30s …  -\n"
      "2vRq8xWkZ1YbMn4TcE7hJd  alerts  alert     failed   1 minute ago  10.0 s    card refused\n");
  const v1::ListRunsRequest request = core_.heard().list_runs;
  EXPECT_EQ(request.filter().application(), "alerts");
  EXPECT_EQ(request.filter().workflow(), "alert");
  EXPECT_EQ(request.filter().states(0), v1::RUN_RUNNING);
  EXPECT_EQ(request.filter().states(1), v1::RUN_FAILED);
  EXPECT_EQ(request.filter().after_us(), kNow - 3600 * kSecond);
  EXPECT_EQ(request.page().size(), 5U);
  EXPECT_EQ(Mesg({"run", "list"}, "", {.output_is_terminal = true, .width = 80}), 0);
  EXPECT_NE(out_.find("\nE7hJd"), 0U);
  EXPECT_NE(out_.find("\ncE7hJd"), std::string::npos) << "an id that can be read whole: " << out_;
  EXPECT_EQ(Mesg({"run", "list", "--json"}), 0);
  EXPECT_TRUE(out_.starts_with(R"({"runs":[{"id":"2vRq8xWkZ1YbMn4TcE7hJd",)")) << out_;
  EXPECT_EQ(Mesg({"run", "list", "--state", "faild"}), 2);
  EXPECT_NE(err_.find("did you mean \"failed\"?"), std::string::npos) << err_;
  EXPECT_EQ(Mesg({"run", "list", "--since", "soon"}), 2);
  core_.script.runs.clear_runs();
  EXPECT_EQ(Mesg({"run", "list"}), 0);
  EXPECT_EQ(err_, "There are no such runs.\n");
}

// ---- watch ----

TEST_F(RunCommandsTest, WatchShowsWhatIsNewUntilTheEnd) {
  v1::Run& run = core_.script.run;
  HasStep("price", "task", "http.request", v1::STEP_RUNNING);
  std::vector<v1::Run> seen = {run};
  v1::Run::Step& price = *run.mutable_steps(0);
  price.set_attempt(2);
  price.add_attempts()->set_reason("connection refused");
  seen.push_back(run);
  seen.push_back(run);
  price.set_state(v1::STEP_COMPLETED);
  price.set_ended_us(price.started_us() + 1'200'000);
  price.set_output("{ \"status\": 200 }");
  v1::Run::Step& release = HasStep("release", "approve", "", v1::STEP_RUNNING);
  release.set_waiting_for("a person");
  seen.push_back(run);
  run.mutable_steps(1)->set_state(v1::STEP_COMPLETED);
  run.mutable_steps(1)->set_ended_us(release.started_us() + kSecond);
  run.set_state(v1::RUN_COMPLETED);
  run.set_ended_us(run.created_us() + 20 * kSecond);
  seen.push_back(run);
  core_.script.watched = {seen};
  EXPECT_EQ(Mesg({"run", "watch", kId}), 0) << err_;
  EXPECT_EQ(out_,
            "22:11:50.000  cE7hJd  alert           started     by shop.order {\"total\":12}\n"
            "22:12:01.000  cE7hJd  price           …           attempt 2, before: connection "
            "refused\n"
            "22:12:02.200  cE7hJd  price           completed   1.2 s  {\"status\":200}\n"
            "22:12:02.000  cE7hJd  release         …           waits for a person\n"
            "22:12:03.000  cE7hJd  release         completed   1.0 s\n"
            "22:12:10.000  cE7hJd  alert           completed   20.0 s\n");
  EXPECT_EQ(core_.heard().watches.at(0).id(), kId);
}

TEST_F(RunCommandsTest, WatchOfARunThatFailsIsOne) {
  core_.script.run.set_state(v1::RUN_FAILED);
  core_.script.run.set_error("gave up");
  core_.script.watched = {{core_.script.run}, {core_.script.run}};
  EXPECT_EQ(Mesg({"run", "watch", kId, "--json"}), 1);
  EXPECT_TRUE(out_.starts_with(R"({"id":"2vRq8xWkZ1YbMn4TcE7hJd",)")) << out_;
  EXPECT_EQ(Mesg({"run", "watch", kId}), 1);
  EXPECT_NE(out_.find("failed      0 us  gave up"), std::string::npos) << out_;
  EXPECT_EQ(Mesg({"run", "watch", kId, "--app", "alerts"}), 2);
}

TEST_F(RunCommandsTest, WatchOfAnApplicationAsksForTheStepsAndEndsWithTheStop) {
  core_.script.applications["alerts"].set_name("alerts");
  core_.script.watched = {{core_.script.run}};  // Without its steps.
  HasStep("price", "task", "http.request", v1::STEP_COMPLETED);
  std::jthread person([this] {
    core_.Await(
        [](const auto& heard) { return !heard.calls.empty() && heard.calls.back() == "GetRun"; });
    stop_.request_stop();
  });
  EXPECT_EQ(Mesg({"run", "watch", "--app", "alerts"}), 0) << err_;
  EXPECT_EQ(core_.heard().watches.at(0).application(), "alerts");
  EXPECT_EQ(Mesg({"run", "watch", "--app", "none"}), 0) << "the stop is asked for already";
}

TEST_F(RunCommandsTest, WatchGoesOnWhenCoreIsBack) {
  core_.script.watched = {{core_.script.run}, {core_.script.run}};
  core_.Refuse("Watch", Unavailable("Core is shutting down"));
  std::jthread person([this] {
    core_.Await([](const auto& heard) { return !heard.watches.empty(); });
    core_.script.watched.resize(3);
    v1::Run ended = core_.script.run;
    ended.set_state(v1::RUN_COMPLETED);
    for (auto& each : core_.script.watched) each = {ended};
    core_.Forgive("Watch");
  });
  EXPECT_EQ(Mesg({"run", "watch", kId}), 0) << err_;
  EXPECT_TRUE(err_.starts_with("The connection to Core ended, trying again.\n")) << err_;
}

TEST_F(RunCommandsTest, WhatCannotBeWatchedIsSaid) {
  core_.Refuse("GetRun", NotFound("there is no run x"));
  EXPECT_EQ(Mesg({"run", "watch", kId}), 1);
  EXPECT_EQ(err_, "mesg: there is no run x\n");
  EXPECT_EQ(Mesg({"run", "watch", "--app", "none"}), 1);
  EXPECT_EQ(err_, "mesg: application \"none\" is not deployed\n");
  EXPECT_EQ(Mesg({"run", "watch", "--endpoint", "127.0.0.1:1"}), 1);
}

// ---- start ----

TEST_F(RunCommandsTest, StartReadsDataByTheWorkflowsParameters) {
  core_.script.applications["alerts"].set_content("name: alerts\n");
  auto& workflow = *application_.mutable_outline()->add_workflows();
  workflow.set_key("alert");
  auto& amount = *workflow.add_inputs();
  amount.set_key("amount");
  amount.set_type("Number");
  EXPECT_EQ(
      Mesg({"run", "start", "alerts", "alert", "--data", "amount=1.50", "--idempotency-key", "k"}),
      0)
      << err_;
  EXPECT_EQ(out_, std::string(kId) + "\n");
  EXPECT_EQ(err_, "Next: `mesg run show cE7hJd`.\n");
  const v1::StartRunRequest request = core_.heard().start_run;
  EXPECT_EQ(request.application(), "alerts");
  EXPECT_EQ(request.workflow(), "alert");
  EXPECT_EQ(request.inputs(), R"({"amount":1.50})");
  EXPECT_EQ(request.idempotency_key(), "k");
  EXPECT_EQ(Mesg({"run", "start", "alerts", "alert"}, "7\n", {.input_is_terminal = true}), 0);
  EXPECT_EQ(core_.heard().start_run.inputs(), R"({"amount":7})");
  EXPECT_EQ(Mesg({"run", "start", "alerts", "alert", "--inputs", "-"}, "{\"a\":1}"), 0);
  EXPECT_EQ(core_.heard().start_run.inputs(), "{\"a\":1}");
  EXPECT_EQ(Mesg({"run", "start", "alerts", "alert", "--json"}), 0);
  EXPECT_EQ(core_.heard().start_run.inputs(), "{}");
  EXPECT_EQ(Mesg({"run", "start", "alerts", "alert", "--data", "amount=x"}), 1);
  EXPECT_EQ(Mesg({"run", "start", "alerts", "alert", "--data", "amunt=1"}), 1);
  EXPECT_EQ(Mesg({"run", "start", "alerts", "alrt", "--data", "amount=1"}), 1);
  EXPECT_EQ(err_, "mesg: alerts has no workflow \"alrt\", did you mean \"alert\"?\n");
  EXPECT_EQ(Mesg({"run", "start", "alerts", "alert", "--data", "a=1", "--inputs", "-"}), 2);
}

TEST_F(RunCommandsTest, StartCanWaitForTheEnd) {
  v1::Run ended = core_.script.run;
  ended.set_state(v1::RUN_FAILED);
  core_.script.watched = {{ended}, {ended}};
  EXPECT_EQ(Mesg({"run", "start", "alerts", "alert", "--watch"}), 1);
  EXPECT_NE(out_.find("failed"), std::string::npos) << out_;
  EXPECT_EQ(Mesg({"run", "start", "alerts", "alert", "--watch", "--json"}), 1);
  EXPECT_NE(out_.find(R"("state":"RUN_FAILED")"), std::string::npos) << out_;
  std::jthread person([this] {
    core_.Await([](const auto& heard) { return heard.watches.size() == 3; });
    stop_.request_stop();
  });
  EXPECT_EQ(Mesg({"run", "start", "alerts", "alert", "--watch"}), 1);
  EXPECT_NE(err_.find("stopped watching; run 2vRq8xWkZ1YbMn4TcE7hJd goes on"), std::string::npos)
      << err_;
}

// ---- cancel, retry, reset, approve, reject ----

TEST_F(RunCommandsTest, CancelTellsHowTheRunIs) {
  core_.script.run.set_state(v1::RUN_COMPENSATING);
  EXPECT_EQ(Mesg({"run", "cancel", "cE7hJd", "--reason", "a mistake"}), 0);
  EXPECT_EQ(err_, "Run 2vRq8xWkZ1YbMn4TcE7hJd is compensating.\n");
  EXPECT_EQ(core_.heard().cancel_run.id(), kId);
  EXPECT_EQ(core_.heard().cancel_run.reason(), "a mistake");
  EXPECT_EQ(Mesg({"run", "cancel", kId, "--json"}), 0);
  core_.Refuse("CancelRun", FailedPrecondition("it has ended"));
  EXPECT_EQ(Mesg({"run", "cancel", kId}), 1);
}

TEST_F(RunCommandsTest, RetryShowsWhatGoesOnAndWhatDoesNot) {
  core_.script.progress.resize(2);
  core_.script.progress[0].set_matched(1);
  core_.script.progress[0].set_done(1);
  core_.script.progress[0].add_ids("r1");
  core_.script.progress[1].set_matched(2);
  core_.script.progress[1].set_done(1);
  auto& refused = *core_.script.progress[1].add_refused();
  refused.set_id("r2");
  refused.set_reason("it is running");
  EXPECT_EQ(Mesg({"run", "retry", "--all", "--app", "alerts", "--dry-run"}), 1);
  EXPECT_EQ(out_, "r1\n");
  EXPECT_EQ(err_, "! r2: it is running\n1 of 2 would go on.\n");
  const v1::RunSelection selection = core_.heard().reset.selection();
  EXPECT_TRUE(selection.all() && selection.dry_run());
  EXPECT_EQ(selection.filter().application(), "alerts");
  core_.script.progress.pop_back();
  EXPECT_EQ(Mesg({"run", "retry", "cE7hJd"}), 0);
  EXPECT_EQ(err_, "1 of 1 go on.\n");
  EXPECT_EQ(core_.heard().reset.selection().ids(0), kId);
  EXPECT_EQ(Mesg({"run", "retry", kId, "--json"}), 0);
  EXPECT_EQ(out_, "{\"matched\":1,\"done\":1,\"ids\":[\"r1\"],\"refused\":[]}\n");
  core_.script.progress.clear();
  EXPECT_EQ(Mesg({"run", "retry", "--all"}), 0);
  EXPECT_EQ(err_, "There are no such runs.\n");
  EXPECT_EQ(Mesg({"run", "retry"}), 2);
  EXPECT_EQ(Mesg({"run", "retry", kId, "--all"}), 2);
  EXPECT_EQ(Mesg({"run", "retry", kId, "--app", "alerts"}), 2);
  core_.Refuse("RetryRuns", Unavailable("Core is shutting down"));
  EXPECT_EQ(Mesg({"run", "retry", kId}), 1);
}

TEST_F(RunCommandsTest, ResetNamesTheStep) {
  EXPECT_EQ(Mesg({"run", "reset", kId, "--step", "price"}), 0) << err_;
  EXPECT_EQ(core_.heard().reset.step(), "price");
  EXPECT_EQ(Mesg({"run", "reset", "--all", "--from-start"}), 0);
  ASSERT_EQ(core_.heard().reset.selection().filter().states_size(), 1);
  EXPECT_EQ(core_.heard().reset.selection().filter().states(0), v1::RUN_FAILED);
  EXPECT_EQ(Mesg({"run", "reset", "--all", "--state", "cancelled", "--from-start"}), 0);
  EXPECT_EQ(core_.heard().reset.selection().filter().states(0), v1::RUN_CANCELLED);
  EXPECT_EQ(Mesg({"run", "reset", "--all", "--failed", "--from-start"}), 0);
  EXPECT_EQ(core_.heard().reset.step(), "");
  EXPECT_EQ(core_.heard().reset.selection().filter().states(0), v1::RUN_FAILED);
  EXPECT_EQ(Mesg({"run", "reset", kId}), 2);
  EXPECT_EQ(Mesg({"run", "reset", kId, "--step", "a", "--from-start"}), 2);
}

TEST_F(RunCommandsTest, ADecisionCarriesWhoAndWhy) {
  variables_["USER"] = "ada";
  EXPECT_EQ(Mesg({"run", "approve", "cE7hJd", "--step", "9", "--comment", "fine"}), 0);
  EXPECT_EQ(err_, "✓ Approved; run 2vRq8xWkZ1YbMn4TcE7hJd is running.\n");
  v1::DecideRequest request = core_.heard().decision;
  EXPECT_EQ(request.id(), kId);
  EXPECT_EQ(request.step(), 9U);
  EXPECT_TRUE(request.approve());
  EXPECT_EQ(request.comment(), "fine");
  EXPECT_EQ(request.by(), "ada");
  EXPECT_EQ(Mesg({"run", "reject", kId, "--by", "bob", "--json"}), 0);
  request = core_.heard().decision;
  EXPECT_FALSE(request.approve());
  EXPECT_EQ(request.by(), "bob");
  EXPECT_EQ(Mesg({"run", "approve", kId, "--step", "0"}), 2);
  core_.Refuse("Decide", FailedPrecondition("nothing waits for a decision"));
  EXPECT_EQ(Mesg({"run", "approve", kId}), 1);
}

}  // namespace
}  // namespace mesg::cli
