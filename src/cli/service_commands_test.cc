#include <algorithm>
#include <fstream>
#include <thread>

#include "cli/command_line_test_support.h"

namespace mesg::cli {
namespace {

class ServiceCommandsTest : public CommandLineTest {
 protected:
  std::string Folder() {
    const std::filesystem::path folder = folder_ / "shop";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "mesg.yml") << "sid: shop\n";
    return folder.string();
  }
};

TEST_F(ServiceCommandsTest, DeployOfAFolderNamesItAndEndsWithOneLine) {
  AddShop();
  variables_["SECRET"] = "s3";
  const std::string env_file = (folder_ / ".env").string();
  std::ofstream(env_file) << "A=file\nB=file\n";
  EXPECT_EQ(Mesg({"service", "deploy", Folder(), "--env", "SECRET", "--env", "A=flag", "--env-file",
                  env_file, "--name", "shop-2", "--start", "--json"}),
            0)
      << err_;
  EXPECT_EQ(
      out_,
      R"({"sid":"shop","hash":"hash1","instance":"instance1","name":"shop","state":"RUNNING"})"
      "\n");
  EXPECT_EQ(err_, "") << "silent in a pipe";
  const auto heard = core_.heard();
  const v1::DeployRequest::Open open = heard.deployments.at(0);
  EXPECT_EQ(open.folder(), std::filesystem::canonical(Folder()));
  EXPECT_EQ(open.name(), "shop-2");
  EXPECT_TRUE(open.start());
  EXPECT_EQ((std::map<std::string, std::string>(open.env().begin(), open.env().end())),
            (std::map<std::string, std::string>{{"A", "flag"}, {"B", "file"}, {"SECRET", "s3"}}));
}

TEST_F(ServiceCommandsTest, DeployOfAnArchiveSendsItsBytes) {
  AddShop();
  std::string bytes;
  for (int i = 0; i < 700'000; ++i) bytes += static_cast<char>(i * 7);
  std::ofstream(folder_ / "a.tar.gz", std::ios::binary) << bytes;
  EXPECT_EQ(Mesg({"service", "deploy", (folder_ / "a.tar.gz").string()}), 0) << err_;
  EXPECT_TRUE(core_.heard().deployments.at(0).archive());
  EXPECT_TRUE(core_.heard().archive == bytes);
}

TEST_F(ServiceCommandsTest, DeployOfAUrlIsCoresToFetch) {
  AddShop();
  for (const char* url : {"https://example.org/a.git#v1", "git@example.org:a.git"}) {
    EXPECT_EQ(Mesg({"service", "deploy", url}), 0) << err_;
    EXPECT_EQ(core_.heard().deployments.back().url(), url);
  }
}

TEST_F(ServiceCommandsTest, WhatWasToRunAndDoesNotIsAnError) {
  v1::Service& shop = AddShop();
  shop.set_state(v1::Service::FAILED_TO_RUN);
  shop.set_state_reason("there is no such program");
  const std::string_view said =
      "mesg: shop does not run: there is no such program (see `mesg service logs shop`)\n";
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"service", "deploy", Folder(), "--start"},
                                             {"service", "deploy", Folder(), "--start", "--json"},
                                             {"service", "start", "shop"}}) {
    EXPECT_EQ(Mesg(words), 1);
    EXPECT_TRUE(err_.ends_with(said)) << err_;
  }
  EXPECT_EQ(Mesg({"service", "deploy", Folder()}), 0) << "it was not to run";
}

TEST_F(ServiceCommandsTest, DeployRefusesWhatIsNotThere) {
  EXPECT_EQ(Mesg({"service", "deploy", (folder_ / "none").string()}), 1);
  EXPECT_NE(err_.find("there is no folder or file"), std::string::npos);
  EXPECT_EQ(Mesg({"service", "deploy", Folder(), "--env", "NOT_SET"}), 2);
  EXPECT_EQ(Mesg({"service", "deploy", Folder(), "--endpoint", "core.example:1"}), 1);
  EXPECT_NE(err_.find("cannot see this machine's folders"), std::string::npos) << err_;
  core_.Refuse("Deploy", InvalidArgument("mesg.yml:1:1: name: is missing"));
  EXPECT_EQ(Mesg({"service", "deploy", Folder()}), 1);
  EXPECT_EQ(err_, "mesg: mesg.yml:1:1: name: is missing\n");
  EXPECT_TRUE(out_.empty());
}

TEST_F(ServiceCommandsTest, ValidatePrintsEveryErrorWithItsPlace) {
  auto& error = *validation_.add_errors();
  error.set_line(3);
  error.set_column(5);
  error.set_path("tasks.pay");
  error.set_message("unknown key \"inputz\", did you mean \"inputs\"?");
  const std::string folder = Folder();
  EXPECT_EQ(Mesg({"service", "validate", folder}), 1);
  EXPECT_EQ(
      out_,
      folder + "/mesg.yml:3:5: tasks.pay: unknown key \"inputz\", did you mean \"inputs\"?\n");
  EXPECT_EQ(err_, "mesg: " + folder + "/mesg.yml has 1 error: correct what is listed above\n");
  EXPECT_EQ(validated_, "sid: shop\n");
  validation_.Clear();
  EXPECT_EQ(Mesg({"service", "validate", "-"}, "sid: other\n"), 0);
  EXPECT_EQ(validated_, "sid: other\n");
}

TEST_F(ServiceCommandsTest, ListAndShowAreTablesAndDocuments) {
  EXPECT_EQ(Mesg({"service", "list"}), 0);
  EXPECT_EQ(out_, "");
  AddShop();
  EXPECT_EQ(Mesg({"service", "list"}), 0);
  EXPECT_EQ(out_,
            "NAME  STATE    VERSION  WORKERS  OPEN  DEPLOYED  INSTANCE\n"
            "shop  running  -        0        0     -         instance1\n");
  EXPECT_EQ(Mesg({"service", "list", "--json"}), 0);
  EXPECT_TRUE(out_.starts_with(R"({"services":[{"name":"shop",)")) << out_;
  EXPECT_EQ(Mesg({"service", "show", "shop"}), 0);
  EXPECT_NE(out_.find("pay   amount: Number  success  receipt: String"), std::string::npos) << out_;
  EXPECT_EQ(Mesg({"service", "show", "none"}), 1);
  EXPECT_EQ(err_, "mesg: service \"none\" is not deployed\n");
}

TEST_F(ServiceCommandsTest, AProblemIsShownBelowTheListAndInTheService) {
  AddShop().set_problem("the database is away");
  EXPECT_EQ(Mesg({"service", "list"}), 0);
  EXPECT_TRUE(out_.ends_with("\n\nshop: the database is away\n")) << out_;
  EXPECT_EQ(Mesg({"service", "show", "shop"}), 0);
  EXPECT_NE(out_.find("the database is away"), std::string::npos) << out_;
}

TEST_F(ServiceCommandsTest, WhatComesWithCoreIsListedAndDeployedByName) {
  v1::Definition& email = *core_.script.available.add_services();
  email.set_sid("email");
  email.set_version("0.1.0");
  email.set_description("Sends and receives mail.");
  EXPECT_EQ(Mesg({"service", "list", "--available"}), 0);
  EXPECT_EQ(out_,
            "NAME   VERSION  DESCRIPTION\n"
            "email  0.1.0    Sends and receives mail.\n");
  EXPECT_EQ(Mesg({"service", "list", "--available", "--json"}), 0);
  EXPECT_TRUE(out_.starts_with(R"({"services":[{"sid":"email",)")) << out_;

  AddShop();
  EXPECT_EQ(Mesg({"service", "deploy", "email"}), 0) << err_;
  EXPECT_EQ(core_.heard().deployments.back().available(), "email");
  core_.Refuse("Deploy", NotFound("no service called \"emial\" comes with this Core"));
  EXPECT_EQ(Mesg({"service", "deploy", "emial"}), 1);
  EXPECT_EQ(
      err_,
      "mesg: there is no folder or file emial, and no service called \"emial\" comes with this "
      "Core\n");
}

TEST_F(ServiceCommandsTest, StartAndStopTakeSeveral) {
  AddShop();
  EXPECT_EQ(Mesg({"service", "start", "shop", "shop"}), 0);
  EXPECT_EQ(err_, "✓ shop is started.\n✓ shop is started.\n");
  EXPECT_EQ(Mesg({"service", "stop", "shop", "none"}), 1);
}

TEST_F(ServiceCommandsTest, DeleteAsksUnlessTold) {
  AddShop();
  EXPECT_EQ(Mesg({"service", "delete", "shop"}), 1);
  EXPECT_NE(err_.find("needs a confirmation"), std::string::npos);
  EXPECT_EQ(Mesg({"service", "delete", "shop"}, "n\n", {.input_is_terminal = true}), 0);
  EXPECT_TRUE(core_.heard().deletions.empty());
  EXPECT_EQ(Mesg({"service", "delete", "shop"}, "y\nn\n", {.input_is_terminal = true}), 0);
  EXPECT_TRUE(core_.heard().deletions.at(0).keep_data());
  EXPECT_EQ(Mesg({"service", "delete", "--all", "--yes", "--force"}), 0);
  EXPECT_EQ(core_.heard().deletions.at(1).service(), "instance1");
  EXPECT_FALSE(core_.heard().deletions.at(1).keep_data());
  EXPECT_TRUE(core_.heard().deletions.at(1).force());
  EXPECT_EQ(Mesg({"service", "delete"}), 2);
  EXPECT_EQ(Mesg({"service", "delete", "shop", "--all"}), 2);
}

TEST_F(ServiceCommandsTest, EnvIsForAShell) {
  EXPECT_EQ(Mesg({"service", "env", "shop"}), 0);
  EXPECT_EQ(out_, "MESG_ENDPOINT=localhost:50052\nMESG_TOKEN='it'\\''s secret'\n");
  EXPECT_EQ(Mesg({"service", "env", "shop", "--json"}), 0);
  EXPECT_EQ(out_,
            R"({"env":{"MESG_ENDPOINT":"localhost:50052","MESG_TOKEN":"it's secret"},"folder":""})"
            "\n");
}

TEST_F(ServiceCommandsTest, LogsArePrintedUntilTheyEnd) {
  core_.script.log.resize(2);
  core_.script.log[0].set_text("one");
  core_.script.log[1].set_text("two");
  core_.script.log[1].set_error(true);
  EXPECT_EQ(Mesg({"service", "logs", "shop"}), 0);
  EXPECT_EQ(out_, "one\ntwo\n");
  EXPECT_EQ(Mesg({"service", "logs", "shop", "--json"}), 0);
  EXPECT_EQ(out_,
            "{\"time_us\":0,\"error\":false,\"text\":\"one\",\"core\":false}\n"
            "{\"time_us\":0,\"error\":true,\"text\":\"two\",\"core\":false}\n");
}

TEST_F(ServiceCommandsTest, LogsFollowUntilTheStop) {
  AddShop();
  std::jthread interrupt([this] {
    core_.Await([](const auto& heard) { return !heard.calls.empty(); });
    stop_.request_stop();
  });
  EXPECT_EQ(Mesg({"service", "logs", "shop", "--follow"}), 0) << err_;
}

TEST_F(ServiceCommandsTest, FollowedLogsGoOnWhenCoreIsBackWithoutRepeatingALine) {
  AddShop();
  core_.script.log.resize(1);
  core_.script.log[0].set_time_us(7);
  core_.script.log[0].set_text("one");
  core_.Refuse("Logs", Unavailable("Core stops"));
  std::jthread person([this] {
    const auto logs = [](const auto& heard) { return std::ranges::count(heard.calls, "Logs"); };
    core_.Await([&](const auto& heard) { return logs(heard) >= 2; });
    core_.Forgive("Logs");
    const auto before = logs(core_.heard());
    core_.Await([&](const auto& heard) { return logs(heard) > before; });
    stop_.request_stop();
  });
  EXPECT_EQ(Mesg({"service", "logs", "shop", "--follow"}), 0) << err_;
  EXPECT_EQ(out_, "one\n");
  EXPECT_TRUE(
      err_.starts_with("The connection to Core ended, trying again.\n"
                       "Connected to Core again.\n"))
      << err_;
}

TEST_F(ServiceCommandsTest, FollowedLogsEndWithTheirServiceAndWithARefusal) {
  EXPECT_EQ(Mesg({"service", "logs", "shop", "--follow"}), 1);
  EXPECT_NE(err_.find("shop"), std::string::npos) << err_;
  EXPECT_EQ(Mesg({"service", "logs", "shop", "--follow", "--endpoint", "127.0.0.1:1"}), 1);
  EXPECT_NE(err_.find("Core is not running"), std::string::npos) << err_;
  AddShop();
  core_.Refuse("Logs", PermissionDenied("not yours"));
  EXPECT_EQ(Mesg({"service", "logs", "shop", "--follow"}), 1);
  EXPECT_EQ(err_, "mesg: not yours\n");
  core_.Refuse("Logs", NotFound("deleted meanwhile"));
  EXPECT_EQ(Mesg({"service", "logs", "shop", "--follow"}), 0) << err_;
}

TEST_F(ServiceCommandsTest, OptionsThatMeanNothingAreWrongUsage) {
  AddShop();
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"service", "execute", "shop", "--data", "amount"},
           {"service", "execute", "shop", "--data", "amount=1", "--data", "amount=2"},
           {"service", "execute", "shop", "--data", "amount=1", "--attempts", "0"},
           {"service", "execute", "shop", "--data", "amount=1", "--timeout", "0s"},
           {"execution", "create", "shop", "pay", "--data", "amount"},
           {"event", "emit", "shop", "sold", "--data", "what"}}) {
    EXPECT_EQ(Mesg(words), 2) << err_;
    EXPECT_TRUE(err_.starts_with("mesg: --")) << err_;
  }
  EXPECT_TRUE(core_.heard().executions.empty());
  EXPECT_EQ(Mesg({"service", "execute", "shop", "--data", "amnt=1"}), 1)
      << "what the contract does not know is refused, not misused";
}

TEST_F(ServiceCommandsTest, ExecuteCastsItsDataAndPrintsTheResult) {
  AddShop();
  Completed("{ \"receipt\": \"r1\" }");
  EXPECT_EQ(Mesg({"service", "execute", "shop", "--data", "amount=12.50", "--tag", "t",
                  "--attempts", "1"}),
            0)
      << err_;
  EXPECT_EQ(out_, "{\"receipt\":\"r1\"}\n");
  EXPECT_EQ(err_, "✓ Task pay completed with output success in 2.0 s.\n");
  const v1::CreateExecutionRequest request = core_.heard().executions.at(0);
  EXPECT_EQ(request.task(), "pay") << "the only one";
  EXPECT_EQ(request.inputs(), "{\"amount\":12.50}");
  EXPECT_EQ(request.tags(0), "t");
  EXPECT_EQ(request.retry().attempts(), 1U);
}

TEST_F(ServiceCommandsTest, ExecuteOnATerminalAsksAndShowsTypes) {
  AddShop().mutable_definition()->add_tasks()->set_key("refund");
  Completed("{\"extra\":1,\"receipt\":\"r1\"}");
  EXPECT_EQ(Mesg({"service", "execute", "shop"}, "1\n7\n",
                 {.input_is_terminal = true, .output_is_terminal = true, .spinner = false}),
            0)
      << err_;
  EXPECT_EQ(core_.heard().executions.at(0).inputs(), "{\"amount\":7}");
  EXPECT_EQ(out_, "receipt String \"r1\"\nextra 1\n");
}

TEST_F(ServiceCommandsTest, ExecuteTakesADocument) {
  AddShop();
  Completed("{}");
  EXPECT_EQ(Mesg({"service", "execute", "shop", "pay", "--json", "-", "--output", "json"},
                 "{\"amount\":1}"),
            0);
  EXPECT_EQ(core_.heard().executions.at(0).inputs(), "{\"amount\":1}");
  EXPECT_TRUE(out_.starts_with(R"({"id":"x1",)")) << out_;
  EXPECT_EQ(Mesg({"service", "execute", "shop", "pay", "--inputs", "-", "-d", "amount=1"}), 2);
}

TEST_F(ServiceCommandsTest, ExecuteRefusesWhatCannotBeMeant) {
  AddShop();
  EXPECT_EQ(Mesg({"service", "execute", "shop", "pey"}), 1);
  EXPECT_EQ(err_, "mesg: service shop has no task \"pey\", did you mean \"pay\"?\n");
  EXPECT_EQ(Mesg({"service", "execute", "shop", "-d", "amount=x"}), 1);
  EXPECT_EQ(err_, "mesg: \"amount\" must be a Number, got \"x\"\n");
  core_.script.services["shop"].mutable_definition()->add_tasks()->set_key("refund");
  EXPECT_EQ(Mesg({"service", "execute", "shop"}), 2) << "which of two, in a pipe";
  core_.script.services["shop"].mutable_definition()->clear_tasks();
  EXPECT_EQ(Mesg({"service", "execute", "shop"}), 1);
  EXPECT_TRUE(core_.heard().executions.empty());
}

TEST_F(ServiceCommandsTest, ExecuteIsOneWhenTheTaskFailed) {
  AddShop();
  Completed("");
  core_.script.execution.set_state(v1::FAILED);
  core_.script.execution.mutable_outcome()->set_error("card refused");
  EXPECT_EQ(Mesg({"service", "execute", "shop", "-d", "amount=1"}), 1);
  EXPECT_EQ(err_,
            "mesg: task pay of shop is failed: card refused (execution x1, see `mesg execution "
            "show x1`)\n");
  EXPECT_EQ(Mesg({"service", "execute", "shop", "-d", "amount=1", "--output", "json"}), 1);
}

TEST_F(ServiceCommandsTest, ExecuteCanBeLeftWaiting) {
  AddShop();
  std::jthread interrupt([this] {
    core_.Await(
        [](const auto& heard) { return !heard.calls.empty() && heard.calls.back() == "Wait"; });
    stop_.request_stop();
  });
  EXPECT_EQ(Mesg({"service", "execute", "shop", "-d", "amount=1"}), 1);
  EXPECT_EQ(err_,
            "mesg: stopped waiting; execution x1 goes on: `mesg execution cancel x1` ends it\n");
}

TEST_F(ServiceCommandsTest, DocsAreWrittenButNotOverAnother) {
  validation_.mutable_definition()->set_sid("shop");
  const std::string folder = Folder();
  EXPECT_EQ(Mesg({"service", "docs", folder}), 0) << err_;
  EXPECT_TRUE(std::filesystem::exists(folder + "/README.md"));
  EXPECT_EQ(Mesg({"service", "docs", folder}), 1);
  EXPECT_NE(err_.find("exists: add --force"), std::string::npos) << err_;
  EXPECT_EQ(Mesg({"service", "docs", folder}, "n\n", {.input_is_terminal = true}), 1);
  EXPECT_EQ(Mesg({"service", "docs", folder, "--force"}), 0);
  AddShop();
  EXPECT_EQ(Mesg({"service", "docs", "shop"}), 0);
  EXPECT_TRUE(out_.starts_with("# shop\n")) << out_;
}

TEST_F(ServiceCommandsTest, DevDeploysAgainOnAChangeAndDeletesInTheEnd) {
  validation_.mutable_definition()->set_sid("fresh");
  core_.script.log.resize(1);
  core_.script.log[0].set_time_us(1);
  core_.script.log[0].set_text("ready to sell");
  core_.script.listenings.resize(1);
  core_.script.listenings[0].responses.resize(2);
  core_.script.listenings[0].responses[0].set_ready(true);
  core_.script.listenings[0].responses[1].add_items()->mutable_event()->set_key("sold");
  const std::string folder = Folder();
  std::jthread person([&, this] {
    core_.Await([](const auto& heard) {
      return heard.deployments.size() == 1 && heard.listens.size() == 1;
    });
    std::ofstream(folder + "/index.js") << "changed";
    core_.Await([](const auto& heard) { return heard.deployments.size() == 2; });
    stop_.request_stop();
  });
  EXPECT_EQ(Mesg({"service", "dev", folder}), 0) << err_;
  const auto heard = core_.heard();
  EXPECT_EQ(heard.deployments.size(), 2U);
  EXPECT_EQ(heard.deployments.at(1).name(), "fresh");
  EXPECT_TRUE(heard.deployments.at(1).start());
  EXPECT_EQ(heard.listens.at(0).filters_size(), 2);
  EXPECT_EQ(heard.deletions.at(0).service(), "fresh");
  EXPECT_TRUE(heard.deletions.at(0).force());
}

TEST_F(ServiceCommandsTest, DevDeploysAChangeThatCameWhileCoreWasAway) {
  validation_.mutable_definition()->set_sid("fresh");
  const std::string folder = Folder();
  const auto deploys = [](const auto& heard) { return std::ranges::count(heard.calls, "Deploy"); };
  std::jthread person([&, this] {
    core_.Await([](const auto& heard) {
      return heard.deployments.size() == 1 && heard.listens.size() == 1;
    });
    core_.Refuse("Deploy", Unavailable("Core stops"));
    std::ofstream(folder + "/index.js") << "changed";
    core_.Await([&](const auto& heard) { return deploys(heard) >= 3; });
    core_.Forgive("Deploy");
    const auto before = deploys(core_.heard());
    core_.Await([&](const auto& heard) { return deploys(heard) > before; });
    core_.Refuse("Deploy", InvalidArgument("mesg.yml:1:1: name: is missing"));
    const auto well = deploys(core_.heard());
    std::ofstream(folder + "/index.js") << "wrong";
    core_.Await([&](const auto& heard) { return deploys(heard) > well; });
    stop_.request_stop();
  });
  EXPECT_EQ(Mesg({"service", "dev", folder}), 0) << err_;
  const std::string_view away = "Core is away: the change is deployed when it is back.\n";
  const std::size_t said = err_.find(away);
  ASSERT_NE(said, std::string::npos) << err_;
  EXPECT_EQ(err_.find(away, said + 1), std::string::npos) << err_;
  EXPECT_NE(err_.find("is deployed, and", said), std::string::npos) << err_;
}

TEST_F(ServiceCommandsTest, DevLeavesADeployedServiceAlone) {
  AddShop();
  validation_.mutable_definition()->set_sid("shop");
  EXPECT_EQ(Mesg({"service", "dev", Folder()}), 1);
  EXPECT_NE(err_.find("service shop is deployed already"), std::string::npos) << err_;
  EXPECT_TRUE(core_.heard().deletions.empty());
}

}  // namespace
}  // namespace mesg::cli
