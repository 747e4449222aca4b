#include <algorithm>

#include "cli/command_line_test_support.h"

namespace mesg::cli {
namespace {

class StreamCommandsTest : public CommandLineTest {
 protected:
  /// A response with one event, and where to go on.
  static v1::ListenResponse Sold(const std::string& what, const std::string& position) {
    v1::ListenResponse response;
    v1::Event& event = *response.add_items()->mutable_event();
    event.set_key("sold");
    event.set_position(position);
    event.set_data("{\"what\": \"" + what + "\"}");
    response.set_position(position);
    return response;
  }
  static v1::ListenResponse Ready(const std::string& position) {
    v1::ListenResponse response;
    response.set_ready(true);
    response.set_position(position);
    return response;
  }
};

TEST_F(StreamCommandsTest, WatchPrintsALineAnEventAndEndsAfterTheCount) {
  core_.script.listenings = {
      {{Ready("4"), Sold("tea", "5"), Sold("jam", "6"), Sold("ink", "7")}, false}};
  EXPECT_EQ(Mesg({"event", "watch", "shop", "--key", "sold", "--where", "what == tea", "--count",
                  "2", "--json"}),
            0)
      << err_;
  EXPECT_EQ(std::ranges::count(out_, '\n'), 2);
  EXPECT_NE(out_.find(R"("data":{"what":"tea"})"), std::string::npos) << out_;
  const v1::ListenRequest::Open open = core_.heard().listens.at(0);
  EXPECT_TRUE(open.live());
  EXPECT_EQ(open.filters(0).service(), "shop");
  EXPECT_EQ(open.filters(0).predicates(0).value(), "\"tea\"");
}

TEST_F(StreamCommandsTest, AWatchGoesOnBehindWhatItHeardWhenTheConnectionEnds) {
  core_.script.listenings = {{{Ready("4"), Sold("tea", "5")}, true},
                             {{Ready("5"), Sold("jam", "6")}, false}};
  EXPECT_EQ(Mesg({"event", "watch", "--count", "2"}), 0) << err_;
  EXPECT_EQ(core_.heard().listens.at(1).after_position(), "5");
  EXPECT_EQ(err_, "The connection to Core ended, trying again.\nConnected to Core again.\n");
}

TEST_F(StreamCommandsTest, AConnectionLostBeforeTheFirstItemLosesNothing) {
  core_.script.listenings = {{{Ready("4")}, true}, {{Ready("4"), Sold("tea", "5")}, false}};
  EXPECT_EQ(Mesg({"event", "watch", "--count", "1"}), 0) << err_;
  EXPECT_EQ(core_.heard().listens.at(1).after_position(), "4");
}

TEST_F(StreamCommandsTest, ANamedSubscriptionAcknowledgesWhatWasPrinted) {
  core_.script.listenings = {
      {{Ready("4"), Sold("tea", "5"), Sold("jam", "6"), Sold("ink", "7")}, false}};
  EXPECT_EQ(Mesg({"event", "watch", "--subscription", "s1", "--count", "2"}), 0) << err_;
  EXPECT_EQ(core_.heard().listens.at(0).subscription(), "s1");
  EXPECT_EQ(core_.heard().acknowledged, (std::vector<std::string>{"5", "6"}));
}

TEST_F(StreamCommandsTest, ARefusedWatchIsNotTriedAgain) {
  core_.Refuse("Listen", OutOfRange("position 1 is older than what is kept, the oldest is 9"));
  EXPECT_EQ(Mesg({"event", "watch", "--from", "1"}), 1);
  EXPECT_EQ(core_.heard().listens.size(), 1U);
  EXPECT_EQ(err_, "mesg: position 1 is older than what is kept, the oldest is 9\n");
  EXPECT_EQ(Mesg({"event", "watch", "--where", "nonsense"}), 2);
  EXPECT_EQ(Mesg({"event", "watch", "--count", "0"}), 2);
}

TEST_F(StreamCommandsTest, WithoutCoreAWatchEndsAtOnce) {
  EXPECT_EQ(Mesg({"execution", "watch", "--endpoint", "127.0.0.1:1"}), 1);
  EXPECT_NE(err_.find("Core is not running"), std::string::npos);
}

TEST_F(StreamCommandsTest, ExecutionWatchHearsResults) {
  Completed("{\"receipt\":\"r1\"}");
  v1::ListenResponse response;
  *response.add_items()->mutable_result() = core_.script.execution;
  core_.script.listenings = {{{Ready("1"), response}, false}};
  EXPECT_EQ(Mesg({"execution", "watch", "--service", "shop", "--task", "pay", "--output-key",
                  "success", "--tag", "a", "-n", "1"}),
            0)
      << err_;
  EXPECT_NE(out_.find("result  shop  pay  completed  success {\"receipt\":\"r1\"}"),
            std::string::npos)
      << out_;
  const v1::Filter filter = core_.heard().listens.at(0).filters(0);
  EXPECT_EQ(filter.kind(), v1::Filter::RESULTS);
  EXPECT_EQ(filter.key(), "pay");
  EXPECT_EQ(filter.output_key(), "success");
  EXPECT_EQ(filter.tags(0), "a");
}

TEST_F(StreamCommandsTest, EmitProvesWhoItIs) {
  AddShop();
  EXPECT_EQ(Mesg({"event", "emit", "shop", "sold", "--data", "what=tea", "--id", "e1"}), 0) << err_;
  EXPECT_EQ(core_.heard().authorizations.at(0), "Bearer it's secret");
  const v1::EventToEmit event = core_.heard().emits.at(0).events(0);
  EXPECT_EQ(event.data(), "{\"what\":\"tea\"}");
  EXPECT_EQ(event.id(), "e1");
  EXPECT_EQ(err_, "✓ Emitted at position 7 (sync).\n");
  EXPECT_EQ(Mesg({"event", "emit", "shop", "sold", "--data-file", "-", "--json"}, "{\"what\":1}"),
            0);
  EXPECT_EQ(core_.heard().emits.at(1).events(0).data(), "{\"what\":1}") << "Core judges it";
  EXPECT_EQ(Mesg({"event", "emit", "shop", "sould"}), 1);
  EXPECT_EQ(Mesg({"event", "emit", "shop", "sold", "--data", "what=1", "--data-file", "-"}), 2);
}

TEST_F(StreamCommandsTest, EventListAsksForTheNewestFirst) {
  core_.script.events.add_events()->set_data("{\"a\": 1}");
  core_.script.events.set_next_page_token("more");
  EXPECT_EQ(Mesg({"event", "list", "shop", "--since", "1h", "--limit", "5"}), 0) << err_;
  EXPECT_EQ(err_, "There is more: add `--page more`.\n");
  const v1::ListEventsRequest request = core_.heard().list_events;
  EXPECT_TRUE(request.newest_first());
  EXPECT_EQ(request.page().size(), 5U);
  EXPECT_EQ(request.after_us(), 1'700'000'000'000'000 - 3'600'000'000);
  EXPECT_EQ(Mesg({"event", "list", "--since", "yesterday"}), 2);
  EXPECT_EQ(Mesg({"event", "list", "--limit", "1001"}), 2);
  EXPECT_EQ(Mesg({"event", "list", "--json"}), 0);
  EXPECT_NE(out_.find("\"next_page_token\":\"more\""), std::string::npos);
}

TEST_F(StreamCommandsTest, ExecutionsAreCreatedListedShownAndCancelled) {
  AddShop();
  Completed("{\"receipt\":\"r1\"}");
  EXPECT_EQ(Mesg({"execution", "create", "shop", "pay", "-d", "amount=1", "--delay", "1s"}), 0)
      << err_;
  EXPECT_EQ(out_, "x1\n");
  EXPECT_EQ(core_.heard().executions.at(0).not_before_us(), 1'700'000'001'000'000);
  *core_.script.executions.add_executions() = core_.script.execution;
  EXPECT_EQ(Mesg({"execution", "list", "--state", "outcome-unknown", "--state", "failed"}), 0)
      << err_;
  EXPECT_EQ(core_.heard().list_executions.states(0), v1::OUTCOME_UNKNOWN);
  EXPECT_NE(out_.find("x1  shop     pay   completed"), std::string::npos) << out_;
  EXPECT_EQ(Mesg({"execution", "list", "--state", "faild"}), 2);
  EXPECT_NE(err_.find("did you mean \"failed\"?"), std::string::npos) << err_;
  EXPECT_EQ(Mesg({"execution", "show", "x1"}), 0);
  EXPECT_NE(out_.find("Outputs\n{\"receipt\":\"r1\"}"), std::string::npos) << out_;
  EXPECT_EQ(Mesg({"execution", "cancel", "x1", "--reason", "enough"}), 0);
  EXPECT_EQ(core_.heard().calls.back(), "Cancel x1 enough");
  EXPECT_EQ(Mesg({"execution", "retry", "x1"}), 0);
  EXPECT_EQ(out_, "new-x1\n");
}

TEST_F(StreamCommandsTest, DeadLettersAreRetriedDroppedAndResolved) {
  Completed("");
  EXPECT_EQ(Mesg({"dead-letter", "list"}), 0);
  EXPECT_EQ(Mesg({"dead-letter", "show", "x1"}), 1) << "it is none";
  EXPECT_NE(err_.find("execution x1 is no dead letter, it is completed"), std::string::npos)
      << err_;
  core_.script.execution.set_dead_letter(true);
  EXPECT_EQ(Mesg({"dead-letter", "show", "x1"}), 0);
  EXPECT_EQ(Mesg({"dead-letter", "retry", "--all", "--service", "shop"}), 0);
  EXPECT_TRUE(core_.heard().selection.all());
  EXPECT_EQ(core_.heard().selection.service(), "shop");
  EXPECT_EQ(Mesg({"dead-letter", "drop", "x1", "x2"}), 0);
  EXPECT_EQ(core_.heard().selection.ids_size(), 2);
  EXPECT_EQ(Mesg({"dead-letter", "drop", "--all"}), 1) << "not without a word";
  EXPECT_EQ(Mesg({"dead-letter", "drop"}), 2);
  EXPECT_EQ(Mesg({"dead-letter", "retry", "x1", "--all"}), 2);
  EXPECT_EQ(Mesg({"dead-letter", "retry", "x1", "--task", "pay"}), 2);
  EXPECT_EQ(Mesg({"dead-letter", "resolve", "x1", "--success", "--outputs", "-"}, "{\"a\":1}"), 0);
  EXPECT_EQ(core_.heard().resolution.success().outputs(), "{\"a\":1}");
  EXPECT_EQ(Mesg({"dead-letter", "resolve", "x1", "--failure", "never arrived"}), 0);
  EXPECT_EQ(core_.heard().resolution.failure(), "never arrived");
  EXPECT_EQ(Mesg({"dead-letter", "resolve", "x1"}), 2);
  EXPECT_EQ(Mesg({"dead-letter", "resolve", "x1", "--failure", "f", "--outputs", "-"}), 2);
}

TEST_F(StreamCommandsTest, DeadLettersAreListedWithFailedRuns) {
  EXPECT_EQ(Mesg({"dead-letter", "list"}), 0);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(err_, "There are no dead letters.\n");
  v1::Run& run = *core_.script.runs.add_runs();
  run.set_id("r1");
  run.set_application("alerts");
  run.set_workflow("alert");
  run.set_state(v1::RUN_FAILED);
  run.set_error("card refused");
  core_.script.runs.set_next_page_token("more");
  EXPECT_EQ(Mesg({"dead-letter", "list"}), 0);
  EXPECT_EQ(out_,
            "Failed runs\n"
            "ID  APP     WORKFLOW  STATE   STARTED  TOOK  WAITS FOR, OR ERROR\n"
            "r1  alerts  alert     failed  -        -     card refused\n");
  EXPECT_TRUE(err_.starts_with("`mesg run retry ID` lets one go on from its failed step")) << err_;
  EXPECT_TRUE(err_.ends_with("There are more failed runs: `mesg run list --failed`.\n")) << err_;
  EXPECT_EQ(core_.heard().list_runs.filter().states(0), v1::RUN_FAILED);
  EXPECT_EQ(Mesg({"dead-letter", "list", "--json"}), 0);
  EXPECT_TRUE(out_.starts_with(R"({"executions":[],"next_page_token":"","runs":[{"id":"r1",)"))
      << out_;
  EXPECT_EQ(Mesg({"dead-letter", "list", "--service", "shop"}), 0);
  EXPECT_EQ(out_, "") << "runs belong to no service";
  core_.Refuse("ListRuns", Unimplemented("what is that?"));
  EXPECT_EQ(Mesg({"dead-letter", "list"}), 0) << "an older Core has no runs";
  core_.Refuse("ListRuns", Internal("the disk is full"));
  EXPECT_EQ(Mesg({"dead-letter", "list"}), 1);
}

TEST_F(StreamCommandsTest, SubscriptionsAreMadeListedAndDeleted) {
  EXPECT_EQ(
      Mesg({"subscription", "create", "s1", "--service", "shop", "--key", "sold", "--from", "0"}),
      0)
      << err_;
  EXPECT_EQ(core_.heard().subscription.after_position(), "0");
  EXPECT_EQ(core_.heard().subscription.filters(0).key(), "sold");
  auto& broken = *core_.script.subscriptions.add_subscriptions();
  broken.set_name("s1");
  broken.set_broken(true);
  broken.set_broken_reason("too far behind");
  EXPECT_EQ(Mesg({"subscription", "list"}), 0);
  EXPECT_NE(out_.find("s1    broken  0"), std::string::npos) << out_;
  EXPECT_EQ(Mesg({"subscription", "delete", "s1", "--json"}), 0);
  EXPECT_EQ(out_, "{\"deleted\":\"s1\"}\n");
  EXPECT_EQ(core_.heard().calls.back(), "DeleteSubscription s1");
}

}  // namespace
}  // namespace mesg::cli
