#include <fstream>

#include "cli/command_line_test_support.h"

namespace mesg::cli {
namespace {

class AppCommandsTest : public CommandLineTest {
 protected:
  AppCommandsTest() {
    v1::ApplicationOutline& outline = *application_.mutable_outline();
    outline.set_name("alerts");
    outline.set_format("application");
    auto& limit = *outline.add_inputs();
    limit.set_key("limit");
    limit.set_type("Number");
    limit.set_default_value("10");
    auto& workflow = *outline.add_workflows();
    workflow.set_key("alert");
    workflow.set_trigger("shop.order");
    workflow.set_mermaid("flowchart TD");
    workflow.set_dot("digraph {}");
  }

  /// Writes what the outline describes; its text is of no interest here.
  std::string File(const std::string& name = "app.yml") const {
    std::ofstream(folder_ / name) << "name: alerts\n";
    return (folder_ / name).string();
  }
  void HasFolder(const std::string& name) const {
    std::filesystem::create_directories(folder_ / name);
    std::ofstream(folder_ / name / "mesg.yml") << "name: " << name << "\n";
  }
  v1::ApplicationOutline::Use& Uses(const std::string& alias, const std::string& use,
                                    bool resolved = true) {
    auto& one = *application_.mutable_outline()->add_services();
    one.set_alias(alias);
    one.set_use(use);
    one.set_resolved(resolved);
    return one;
  }
  static void Says(v1::Diagnostic& diagnostic, int line, const std::string& message) {
    diagnostic.set_file("app.yml");
    diagnostic.set_line(line);
    diagnostic.set_column(3);
    diagnostic.set_path("workflows.alert");
    diagnostic.set_message(message);
  }
  void Deploys(const std::string& name, const std::string& instance) {
    v1::Service& service = core_.script.deployed.emplace_back();
    service.set_name(name);
    service.set_instance_hash(instance);
    service.set_state(v1::Service::STOPPED);
    service.set_managed(true);
    core_.script.services[name] = service;
    core_.script.services[name].set_state(v1::Service::RUNNING);
  }
  v1::Application& HasApplication() {
    v1::Application& application = core_.script.applications["alerts"];
    application.set_name("alerts");
    application.set_hash("hash9");
    application.set_state(v1::APPLICATION_ACTIVE);
    application.set_open_runs(3);
    application.set_content("name: alerts\n");
    application.set_file_name("app.yml");
    (*application.mutable_services())["shop"] = "shop";
    auto& workflow = *application.add_workflows();
    workflow.set_key("alert");
    workflow.set_trigger("shop.order");
    workflow.set_open_runs(3);
    return application;
  }
  std::vector<std::string> Calls() const { return core_.heard().calls; }
};

// ---- validate ----

TEST_F(AppCommandsTest, AFileOfFoldersIsCheckedWithoutCore) {
  HasFolder("shop");
  Uses("shop", "./shop");
  const std::string file = File();
  EXPECT_EQ(Mesg({"app", "validate", file}), 0) << err_;
  EXPECT_EQ(err_, "✓ " + file + " is valid: application alerts, 1 workflow, 1 service.\n");
  EXPECT_EQ(validated_application_.file().name(), file);
  EXPECT_EQ(validated_application_.file().content(), "name: alerts\n");
  EXPECT_EQ(validated_application_.definitions().at("shop"), "name: shop\n");
  EXPECT_TRUE(Calls().empty());
  EXPECT_EQ(Mesg({"app", "validate", folder_.string(), "--json"}), 0) << "the app.yml in a folder";
  EXPECT_TRUE(out_.starts_with(R"({"errors":[],"warnings":[],"outline":{"name":"alerts")")) << out_;
}

TEST_F(AppCommandsTest, EveryFindingIsPrintedWithItsPlace) {
  Says(*application_.add_errors(), 4, "there is no service shp, did you mean shop?");
  Says(*application_.add_warnings(), 9, "the input limit is not used");
  EXPECT_EQ(Mesg({"app", "validate", "-"}, "name: alerts\n"), 1);
  EXPECT_EQ(out_,
            "app.yml:4:3: workflows.alert: there is no service shp, did you mean shop?\n"
            "app.yml:9:3: workflows.alert: warning: the input limit is not used\n");
  EXPECT_EQ(err_, "mesg: - has 1 error: correct what is listed above\n");
  EXPECT_EQ(Mesg({"app", "validate", "-", "--json"}, "name: alerts\n"), 1);
}

TEST_F(AppCommandsTest, CoreIsAskedForServicesThatStandElsewhere) {
  Uses("shop", "shop", false);
  core_.script.validation = application_;
  core_.script.validation.mutable_outline()->mutable_services(0)->set_resolved(true);
  Says(*core_.script.validation.add_errors(), 4, "shop has no event ordr");
  EXPECT_EQ(Mesg({"app", "validate", File()}), 1);
  EXPECT_EQ(out_, "app.yml:4:3: workflows.alert: shop has no event ordr\n");
  EXPECT_EQ(Calls(), std::vector<std::string>{"ValidateApplication"});
  core_.Refuse("ValidateApplication", Unavailable("Core is shutting down"));
  EXPECT_EQ(Mesg({"app", "validate", File()}), 1);
  EXPECT_EQ(err_, "mesg: Core is shutting down\n");
}

TEST_F(AppCommandsTest, WithoutCoreItSaysWhatWasNotChecked) {
  HasFolder("mail");
  Uses("shop", "shop", false);
  Uses("mail", "./mail");
  EXPECT_EQ(Mesg({"app", "validate", File(), "--endpoint", "127.0.0.1:1"}), 0) << err_;
  EXPECT_TRUE(
      err_.starts_with("Not checked, because Core is not running at 127.0.0.1:1: shop.\n✓ "))
      << err_;
}

TEST_F(AppCommandsTest, AFolderThatIsNotThereIsAnError) {
  Uses("shop", "./shop", false);
  const std::string file = File();
  EXPECT_EQ(Mesg({"app", "validate", file}), 1);
  EXPECT_EQ(out_,
            file + ": services.shop: there is no mesg.yml in " + folder_.string() + "/shop\n");
  EXPECT_TRUE(Calls().empty());
  EXPECT_EQ(Mesg({"app", "validate", (folder_ / "none.yml").string()}), 1);
  EXPECT_NE(err_.find("cannot read"), std::string::npos) << err_;
}

// ---- deploy ----

TEST_F(AppCommandsTest, DeployBringsInTheServicesAndThenTheApplication) {
  AddShop();
  HasFolder("mail");
  Uses("shop", "shop");
  Uses("mail", "./mail");
  auto& chain = Uses("chain", "https://example.org/chain.git");
  (*chain.mutable_env())["URL"] = "${ $env.URL }";
  application_.mutable_outline()->add_env("URL");
  Deploys("mail", "m1");
  Deploys("alerts-chain", "c1");
  *core_.script.application.mutable_application() = HasApplication();
  std::ofstream(folder_ / ".env") << "URL=https://node\nOTHER=x\n";
  EXPECT_EQ(Mesg({"app", "deploy", File(), "--set", "limit=500", "--json"}), 0) << err_;
  EXPECT_EQ(out_, R"({"name":"alerts","hash":"hash9","services":{"shop":"shop"}})"
                  "\n");
  const auto heard = core_.heard();
  ASSERT_EQ(heard.deployments.size(), 2U);
  EXPECT_EQ(heard.deployments[0].folder(), std::filesystem::canonical(folder_ / "mail"));
  EXPECT_EQ(heard.deployments[0].name(), "") << "its sid";
  EXPECT_EQ(heard.deployments[1].url(), "https://example.org/chain.git");
  EXPECT_EQ(heard.deployments[1].name(), "alerts-chain");
  EXPECT_EQ(heard.deployments[1].templates().at("URL"), "${ $env.URL }");
  EXPECT_EQ(heard.deployments[1].template_inputs().at("limit"), "500");
  EXPECT_EQ(heard.deployments[1].template_env().at("URL"), "https://node");
  EXPECT_EQ(std::ranges::count(heard.calls, "Start"), 2) << "what was deployed is started";
  EXPECT_LT(std::ranges::find(heard.calls, "DeployApplication"),
            std::ranges::find(heard.calls, "Start"))
      << "it hears what they emit from the first on";
  const v1::DeployApplicationRequest& request = heard.applications.at(0);
  EXPECT_EQ(request.file().content(), "name: alerts\n");
  EXPECT_EQ(request.inputs().at("limit"), "500");
  EXPECT_EQ((std::map<std::string, std::string>(request.env().begin(), request.env().end())),
            (std::map<std::string, std::string>{{"URL", "https://node"}}))
      << "only what the file mentions";
  EXPECT_EQ(
      (std::map<std::string, std::string>(request.services().begin(), request.services().end())),
      (std::map<std::string, std::string>{
          {"chain", "alerts-chain"}, {"mail", "mail"}, {"shop", "shop"}}));
}

TEST_F(AppCommandsTest, ADeployedServiceWithAnEnvironmentIsAnotherInstance) {
  AddShop();
  (*Uses("shop", "shop").mutable_env())["A"] = "1";
  Deploys("alerts-shop", "s2");
  EXPECT_EQ(Mesg({"app", "deploy", File()}), 0) << err_;
  const auto open = core_.heard().deployments.at(0);
  EXPECT_EQ(open.service(), "instance1");
  EXPECT_EQ(open.name(), "alerts-shop");
  EXPECT_EQ(core_.heard().applications.at(0).inputs().at("limit"), "10") << "the default";
}

TEST_F(AppCommandsTest, DeploySaysWhatChangedAndWhatIsNext) {
  *core_.script.application.mutable_application() = HasApplication();
  core_.script.application.mutable_application()->mutable_workflows(0)->set_trigger("manual");
  core_.script.application.add_changes("workflow alert: its trigger is new");
  core_.script.application.add_warnings()->set_message("the input limit is not used");
  EXPECT_EQ(Mesg({"app", "deploy", File()}), 0) << err_;
  EXPECT_EQ(err_,
            "✓ alerts is deployed.\nwarning: the input limit is not used\n"
            "  workflow alert: its trigger is new\nNext: `mesg run start alerts alert`.\n");
  EXPECT_EQ(out_, "Name  alerts\nHash  hash9\n");
}

TEST_F(AppCommandsTest, WhoDeploysAFileOfTheOriginalHearsWhatIsDifferentNow) {
  application_.mutable_outline()->add_notes("app.yml:4:3: source.whitelist: is not yet effective");
  *core_.script.application.mutable_application() = HasApplication();
  for (const char* command : {"deploy", "validate"}) {
    EXPECT_EQ(Mesg({"app", command, File()}), 0) << err_;
    EXPECT_TRUE(err_.starts_with("Note: app.yml:4:3: source.whitelist: is not yet effective\n"))
        << err_;
  }
  EXPECT_EQ(Mesg({"app", "deploy", File(), "--json"}), 0);
  EXPECT_EQ(out_.find("Note"), std::string::npos) << out_;
}

TEST_F(AppCommandsTest, NothingIsDeployedOfAFileWithErrors) {
  HasFolder("mail");
  Uses("mail", "./mail");
  Says(*application_.add_errors(), 4, "wrong");
  EXPECT_EQ(Mesg({"app", "deploy", File()}), 1);
  EXPECT_EQ(out_, "app.yml:4:3: workflows.alert: wrong\n");
  EXPECT_TRUE(Calls().empty());
}

TEST_F(AppCommandsTest, WhatCannotBeMeantIsRefusedBeforeAnythingIsDone) {
  auto& wallet = *application_.mutable_outline()->add_inputs();
  wallet.set_key("wallet");
  wallet.set_type("String");
  wallet.set_description("address to watch");
  const std::string file = File();
  EXPECT_EQ(Mesg({"app", "deploy", file}), 1);
  EXPECT_EQ(err_,
            "mesg: alerts needs the input \"wallet\" (address to watch): add `--set "
            "wallet=VALUE`\n");
  EXPECT_EQ(Mesg({"app", "deploy", file, "--set", "limt=1"}), 1);
  EXPECT_EQ(err_, "mesg: alerts has no input \"limt\", did you mean \"limit\"?\n");
  EXPECT_EQ(Mesg({"app", "deploy", file, "--set", "limit=many"}), 1);
  EXPECT_EQ(err_, "mesg: \"limit\" must be a Number, got \"many\"\n");
  EXPECT_EQ(Mesg({"app", "deploy", file, "--set", "limit"}), 2);
  EXPECT_EQ(Mesg({"app", "deploy", file, "--set", "limit=1", "--set", "limit=2"}), 2);
  EXPECT_EQ(Mesg({"app", "deploy", file, "--set", "wallet=w", "--env", "NOT_SET"}), 2);
  EXPECT_EQ(Mesg({"app", "deploy", file, "--set", "wallet=w", "--env-file", "/none"}), 1);
  EXPECT_TRUE(Calls().empty());
}

TEST_F(AppCommandsTest, AServiceThatIsNotDeployedIsNamed) {
  Uses("shop", "shop");
  core_.Refuse("Deploy", NotFound("no service called \"shop\" comes with this Core"));
  EXPECT_EQ(Mesg({"app", "deploy", File()}), 1);
  EXPECT_NE(err_.find("service \"shop\", which the application calls shop, is not deployed"),
            std::string::npos)
      << err_;
  EXPECT_TRUE(core_.heard().applications.empty());
}

TEST_F(AppCommandsTest, AServiceThatComesWithCoreIsDeployedByItsName) {
  HasFolder("share/mesg/services/email");
  Uses("plain", "email", false);
  (*Uses("own", "email", false).mutable_env())["FROM"] = "shop@example.org";
  Deploys("email", "e1");
  core_.script.deployed.back().set_state(v1::Service::RUNNING);
  core_.script.services.erase("email");  // Not before.
  Deploys("alerts-own", "e2");
  core_.script.validation = application_;
  EXPECT_EQ(Mesg({"app", "deploy", File()}), 0) << err_;
  const auto heard = core_.heard();
  ASSERT_EQ(heard.deployments.size(), 2U);
  EXPECT_EQ(heard.deployments[0].available(), "email");
  EXPECT_EQ(heard.deployments[0].name(), "");
  EXPECT_EQ(heard.deployments[1].available(), "email");
  EXPECT_EQ(heard.deployments[1].name(), "alerts-own");
}

TEST_F(AppCommandsTest, AServiceThatDoesNotRunEndsTheDeployment) {
  HasFolder("mail");
  Uses("mail", "./mail");
  Deploys("mail", "m1");
  core_.script.services["mail"].set_state(v1::Service::FAILED_TO_RUN);
  core_.script.services["mail"].set_state_reason("no such program");
  EXPECT_EQ(Mesg({"app", "deploy", File()}), 1);
  EXPECT_EQ(err_,
            "mesg: the application is deployed, but not all of it runs: mail does not run: no such "
            "program (see `mesg service logs mail`)\n");
  EXPECT_EQ(core_.heard().applications.size(), 1U);
  core_.Refuse("Deploy", InvalidArgument("KEY: is not declared"));
  EXPECT_EQ(Mesg({"app", "deploy", File()}), 1);
  EXPECT_EQ(err_, "mesg: service mail: KEY: is not declared\n");
  EXPECT_EQ(core_.heard().applications.size(), 1U);
}

TEST_F(AppCommandsTest, DiffAndDryRunOnlySayWhatWouldChange) {
  HasFolder("mail");
  (*Uses("mail", "./mail").mutable_env())["KEY"] = "x";
  HasFolder("shop");
  Uses("shop", "./shop");
  validation_.mutable_definition()->set_sid("shop");
  core_.script.application.add_changes("workflow alert is new");
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"app", "diff", File()}, {"app", "deploy", File(), "--dry-run"}}) {
    EXPECT_EQ(Mesg(words), 0) << err_;
    EXPECT_EQ(out_, "workflow alert is new\n");
    const v1::DeployApplicationRequest request = core_.heard().applications.back();
    EXPECT_TRUE(request.dry_run());
    EXPECT_EQ(request.services().at("mail"), "alerts-mail");
    EXPECT_EQ(request.services().at("shop"), "shop");
    EXPECT_EQ(request.definitions().at("mail"), "name: mail\n");
  }
  EXPECT_TRUE(core_.heard().deployments.empty());
  core_.script.application.clear_changes();
  EXPECT_EQ(Mesg({"app", "diff", File()}), 0);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(err_, "alerts is deployed as the file says.\n");
}

// ---- graph ----

TEST_F(AppCommandsTest, AGraphIsOfAFileOrOfWhatIsDeployed) {
  EXPECT_EQ(Mesg({"app", "graph", File()}), 0) << err_;
  EXPECT_EQ(out_, "flowchart TD\n");
  EXPECT_EQ(Mesg({"app", "graph", File(), "alert", "--dot"}), 0);
  EXPECT_EQ(out_, "digraph {}\n");
  HasApplication();
  EXPECT_EQ(Mesg({"app", "graph", "alerts", "--json"}), 0) << err_;
  EXPECT_EQ(out_, R"({"name":"alerts","graphs":[{"workflow":"alert","mermaid":"flowchart TD"}]})"
                  "\n");
  EXPECT_EQ(validated_application_.file().content(), "name: alerts\n");
  auto& second = *application_.mutable_outline()->add_workflows();
  second.set_key("report");
  second.set_mermaid("flowchart LR");
  EXPECT_EQ(Mesg({"app", "graph", "alerts"}), 0);
  EXPECT_EQ(out_, "%% alert\nflowchart TD\n\n%% report\nflowchart LR\n");
}

TEST_F(AppCommandsTest, AGraphOfNothingIsRefused) {
  EXPECT_EQ(Mesg({"app", "graph", File(), "alrt"}), 1);
  EXPECT_EQ(err_, "mesg: alerts has no workflow \"alrt\", did you mean \"alert\"?\n");
  EXPECT_EQ(Mesg({"app", "graph", "none.yml"}), 1);
  EXPECT_NE(err_.find("there is no file none.yml"), std::string::npos) << err_;
  EXPECT_EQ(Mesg({"app", "graph", "none"}), 1);
  EXPECT_EQ(err_, "mesg: application \"none\" is not deployed\n");
  application_.Clear();
  Says(*application_.add_errors(), 1, "name: required");
  EXPECT_EQ(Mesg({"app", "graph", File()}), 1);
  EXPECT_EQ(out_, "app.yml:1:3: workflows.alert: name: required\n");
}

// ---- list, show and the rest ----

TEST_F(AppCommandsTest, ListAndShowAreTablesAndDocuments) {
  EXPECT_EQ(Mesg({"app", "list"}), 0);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(err_, "No application is deployed: try `mesg app run app.yml`.\n");
  HasApplication().mutable_workflows(0)->set_problem("the helper does not start");
  EXPECT_EQ(Mesg({"app", "list"}), 0);
  EXPECT_EQ(out_,
            "NAME    STATE   WORKFLOWS  RUNS  DEPLOYED  PROBLEM\n"
            "alerts  active  1          3     -         alert: the helper does not start\n");
  EXPECT_EQ(Mesg({"app", "list", "--json"}), 0);
  EXPECT_TRUE(out_.starts_with(R"({"applications":[{"name":"alerts",)")) << out_;
  EXPECT_EQ(Mesg({"app", "show", "alerts"}), 0);
  EXPECT_EQ(out_,
            "Name       alerts\nState      active\nDeployed   -\nFile       app.yml\n"
            "Open runs  3\nHash       hash9\n\n"
            "WORKFLOW  TRIGGER     RUNS  NEXT  BEHIND  PROBLEM\n"
            "alert     shop.order  3     -     -       the helper does not start\n\n"
            "ALIAS  SERVICE  PROBLEM\nshop   shop     -\n");
  EXPECT_EQ(Mesg({"app", "show", "alerts", "--file"}), 0);
  EXPECT_EQ(out_, "name: alerts\n");
  EXPECT_EQ(Mesg({"app", "show", "alerts", "--json"}), 0);
  EXPECT_NE(out_.find(R"("content":"name: alerts\n")"), std::string::npos) << out_;
  v1::Application& application = core_.script.applications["alerts"];
  application.mutable_workflows(0)->clear_problem();
  (*application.mutable_service_problems())["shop"] = "shop is not deployed";
  EXPECT_EQ(Mesg({"app", "list"}), 0);
  EXPECT_NE(out_.find(" shop is not deployed\n"), std::string::npos) << out_;
  application.set_problem("it does not fit its services any more");
  EXPECT_EQ(Mesg({"app", "list"}), 0);
  EXPECT_NE(out_.find(" it does not fit its services any more\n"), std::string::npos) << out_;
  EXPECT_EQ(Mesg({"app", "show", "alerts"}), 0);
  EXPECT_NE(out_.find("Problem    it does not fit its services any more\n"), std::string::npos)
      << out_;
  EXPECT_NE(out_.find("shop   shop     shop is not deployed\n"), std::string::npos) << out_;
  EXPECT_EQ(Mesg({"app", "show", "none"}), 1);
  EXPECT_EQ(Mesg({"__applications"}), 0);
  EXPECT_EQ(out_, "alerts\n");
}

TEST_F(AppCommandsTest, PauseResumeAndStopSayWhatThatMeans) {
  HasApplication();
  EXPECT_EQ(Mesg({"app", "pause", "alerts"}), 0);
  EXPECT_NE(err_.find("alerts is paused"), std::string::npos) << err_;
  EXPECT_EQ(Mesg({"app", "resume", "alerts", "--json"}), 0);
  EXPECT_TRUE(out_.starts_with(R"({"name":"alerts",)")) << out_;
  EXPECT_EQ(Mesg({"app", "stop", "alerts", "--cancel-runs"}), 0);
  EXPECT_TRUE(core_.heard().stop.cancel_runs());
  EXPECT_NE(err_.find("its runs are cancelled"), std::string::npos) << err_;
  EXPECT_EQ(Mesg({"app", "stop", "alerts"}), 0);
  EXPECT_FALSE(core_.heard().stop.cancel_runs());
  EXPECT_EQ(Mesg({"app", "pause", "none"}), 1);
  EXPECT_EQ(Mesg({"app", "pause"}), 2);
}

TEST_F(AppCommandsTest, DeleteAsksUnlessTold) {
  EXPECT_EQ(Mesg({"app", "delete", "alerts"}), 1);
  EXPECT_NE(err_.find("needs a confirmation"), std::string::npos);
  EXPECT_EQ(Mesg({"app", "delete", "alerts"}, "n\n", {.input_is_terminal = true}), 0);
  EXPECT_TRUE(Calls().empty());
  EXPECT_EQ(Mesg({"app", "delete", "alerts"}, "y\n", {.input_is_terminal = true}), 0);
  EXPECT_FALSE(core_.heard().deletion.force());
  EXPECT_EQ(Mesg({"app", "delete", "alerts", "--yes", "--force"}), 0);
  EXPECT_TRUE(core_.heard().deletion.force());
  EXPECT_EQ(err_, "✓ alerts is deleted, 2 of its runs cancelled; its services stay.\n");
  EXPECT_EQ(Mesg({"app", "delete", "alerts", "--yes", "--json"}), 0);
  EXPECT_EQ(out_, "{\"deleted\":\"alerts\",\"cancelled_runs\":0}\n");
  core_.Refuse("DeleteApplication", FailedPrecondition("3 runs are under way"));
  EXPECT_EQ(Mesg({"app", "delete", "alerts", "--yes"}), 1);
}

}  // namespace
}  // namespace mesg::cli
