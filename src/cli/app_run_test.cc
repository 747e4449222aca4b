#include <fstream>
#include <thread>

#include "cli/command_line_test_support.h"

namespace mesg::cli {
namespace {

/// The commands that deploy, show what happens, and take away again.
class AppRunTest : public CommandLineTest {
 protected:
  AppRunTest() {
    v1::ApplicationOutline& outline = *application_.mutable_outline();
    outline.set_name("alerts");
    AddShop();
    Uses("shop", "shop");
    std::filesystem::create_directories(folder_ / "app" / "mail");
    std::ofstream(folder_ / "app" / "mail" / "mesg.yml") << "name: mail\n";
    Uses("mail", "./mail");
    v1::Service& mail = core_.script.deployed.emplace_back();
    mail.set_name("mail");
    mail.set_instance_hash("m1");
    mail.set_state(v1::Service::RUNNING);
    core_.script.deployed.resize(5, v1::Service(mail));
    v1::Application& application = *core_.script.application.mutable_application();
    application.set_name("alerts");
    auto& workflow = *application.add_workflows();
    workflow.set_key("alert");
    workflow.set_trigger("manual");
    v1::Run& run = core_.script.run;
    run.set_id("2vRq8xWkZ1YbMn4TcE7hJd");
    run.set_workflow("alert");
    run.set_state(v1::RUN_RUNNING);
    run.set_trigger("shop.sold");
    auto& step = *run.add_steps();
    step.set_number(1);
    step.set_id("tell");
    step.set_state(v1::STEP_COMPLETED);
    step.set_ended_us(1'500'000);
    step.set_output("{}");
    core_.script.watched = {{run}};
    core_.script.listenings.resize(1);
    core_.script.listenings[0].responses.resize(2);
    core_.script.listenings[0].responses[0].set_ready(true);
    for (const char* service : {"shop", "other"}) {
      auto& event = *core_.script.listenings[0].responses[1].add_items()->mutable_event();
      event.set_key("sold-by-" + std::string(service));
      event.mutable_source()->set_service(service);
    }
  }

  void Uses(const std::string& alias, const std::string& use) {
    auto& one = *application_.mutable_outline()->add_services();
    one.set_alias(alias);
    one.set_use(use);
    one.set_resolved(true);
  }
  std::string File() const {
    std::ofstream(folder_ / "app" / "app.yml") << "name: alerts\n";
    return (folder_ / "app" / "app.yml").string();
  }
  /// A person who interrupts once both are listened to.
  std::jthread Interrupts() {
    return std::jthread([this] {
      core_.Await(
          [](const auto& heard) { return heard.watches.size() == 1 && heard.listens.size() == 1; });
      stop_.request_stop();
    });
  }
};

TEST_F(AppRunTest, RunShowsWhatHappensAndTakesAwayWhatItBrought) {
  const std::jthread person = Interrupts();
  EXPECT_EQ(Mesg({"app", "run", File()}), 0) << err_;
  const auto heard = core_.heard();
  EXPECT_EQ(heard.applications.at(0).services().at("mail"), "mail");
  EXPECT_EQ(heard.watches.at(0).application(), "alerts");
  EXPECT_TRUE(heard.listens.at(0).live());
  EXPECT_EQ(heard.deletion.name(), "alerts");
  EXPECT_TRUE(heard.deletion.force());
  ASSERT_EQ(heard.deletions.size(), 1U) << "shop was there before";
  EXPECT_EQ(heard.deletions[0].service(), "mail");
  EXPECT_TRUE(heard.deletions[0].force());
  EXPECT_NE(err_.find("✓ alerts is deployed.\n  `mesg run start alerts alert` starts alert.\n"
                      "What happens is shown; Ctrl-C ends and deletes it, with the services it "
                      "brought.\n"),
            std::string::npos)
      << err_;
  EXPECT_TRUE(err_.ends_with("alerts is deleted.\nmail is deleted.\n")) << err_;
  EXPECT_EQ(out_.find("sold-by-other"), std::string::npos) << "no service of this application";
}

TEST_F(AppRunTest, WhatIsDeployedAlreadyIsLeftAlone) {
  core_.script.applications["alerts"].set_name("alerts");
  EXPECT_EQ(Mesg({"app", "run", File()}), 1);
  EXPECT_NE(err_.find("application alerts is deployed already"), std::string::npos) << err_;
  EXPECT_TRUE(core_.heard().deployments.empty());
  EXPECT_EQ(core_.heard().deletion.name(), "");
  EXPECT_EQ(Mesg({"app", "run", File(), "--endpoint", "127.0.0.1:1"}), 1);
}

TEST_F(AppRunTest, WhatFailsIsTakenAwayToo) {
  core_.Refuse("DeployApplication", InvalidArgument("app.yml:4:3: shop has no event sld"));
  EXPECT_EQ(Mesg({"app", "run", File()}), 1);
  EXPECT_TRUE(err_.ends_with("mail is deleted.\nmesg: app.yml:4:3: shop has no event sld\n"))
      << err_;
  EXPECT_EQ(core_.heard().deletion.name(), "") << "it never was there";
  EXPECT_EQ(core_.heard().deletions.at(0).service(), "mail");
}

TEST_F(AppRunTest, WhatCannotBeTakenAwayIsSaid) {
  core_.Refuse("DeleteApplication", Internal("the disk is full"));
  const std::jthread person = Interrupts();
  EXPECT_EQ(Mesg({"app", "run", File()}), 1);
  EXPECT_TRUE(
      err_.ends_with("mail is deleted.\nmesg: deleting alerts in the end: the disk is "
                     "full\n"))
      << err_;
}

TEST_F(AppRunTest, DevDeploysAgainOnEachSaveAndKeepsTheVersionBeforeOfABrokenOne) {
  const std::string file = File();
  std::jthread person([&, this] {
    core_.Await(
        [](const auto& heard) { return heard.watches.size() == 1 && heard.listens.size() == 1; });
    std::ofstream(folder_ / "app" / "mail" / "index.js") << "changed";
    core_.Await([](const auto& heard) { return heard.applications.size() == 2; });
    core_.Refuse("DeployApplication", InvalidArgument("app.yml:1:1: it is broken"));
    std::ofstream(file) << "name: alerts # broken\n";
    core_.Await([](const auto& heard) { return heard.applications.size() == 3; });
    core_.Forgive("DeployApplication");
    std::ofstream(file) << "name: alerts # mended\n";
    core_.Await([](const auto& heard) { return heard.applications.size() == 4; });
    stop_.request_stop();
  });
  EXPECT_EQ(Mesg({"app", "dev", file}), 0) << err_;
  EXPECT_NE(err_.find("! app.yml:1:1: it is broken\nThe version before stays.\n"),
            std::string::npos)
      << err_;
  const auto heard = core_.heard();
  EXPECT_EQ(heard.applications.at(3).file().content(), "name: alerts # mended\n");
  EXPECT_EQ(heard.deletion.name(), "alerts");
  EXPECT_EQ(heard.deletions.size(), 1U) << "what it brought at first is still its own";
  EXPECT_EQ(Mesg({"app", "dev", "-"}), 2);
}

TEST_F(AppRunTest, SecretsThatDoNotExistAreWarnedOf) {
  application_.mutable_outline()->add_secrets("smtp");
  application_.mutable_outline()->add_secrets("there");
  core_.script.secrets.add_secrets()->set_name("there");
  EXPECT_EQ(Mesg({"app", "deploy", File()}), 0) << err_;
  EXPECT_TRUE(err_.starts_with("warning: there is no secret smtp yet: `mesg secret set smtp`\n"))
      << err_;
  EXPECT_EQ(err_.find("secret there"), std::string::npos) << err_;
}

}  // namespace
}  // namespace mesg::cli
