#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "e2e/fixture.h"

namespace mesg::testing {
namespace {

using ::testing::HasSubstr;

/// What a person types, with the real program.
class CommandLineTest : public CoreTest {};

TEST_F(CommandLineTest, ADefinitionIsCheckedWithoutCore) {
  folder_.Write("shop/mesg.yml", "name: Shop\nsid: a b\ntasks:\n  pay:\n    inputz: {}\n");
  const std::string folder = (folder_.path() / "shop").string();
  const CoreProcess::Ran wrong = core_.Run({"service", "validate", folder});
  EXPECT_EQ(wrong.status, 1) << wrong.errors;
  EXPECT_THAT(wrong.output, HasSubstr(folder + "/mesg.yml:2:1: sid: \"a b\" is no sid: expected"));
  EXPECT_THAT(wrong.output, HasSubstr(folder + "/mesg.yml:5:5: tasks.pay.inputz: "));
  folder_.Write("shop/mesg.yml", "name: Shop\nsid: shop\n");
  EXPECT_EQ(core_.Run({"service", "validate", folder}).status, 0);
  const CoreProcess::Ran json = core_.Run({"service", "validate", folder, "--json"});
  EXPECT_THAT(json.output, HasSubstr("\"sid\":\"shop\""));

  // And Core says the same of the same text.
  Start();
  folder_.Write("shop/mesg.yml", "name: Shop\nsid: a b\ntasks:\n  pay:\n    inputz: {}\n");
  v1::Service ignored;
  const grpc::Status refused = client_.Deploy(folder, false, &ignored);
  EXPECT_THAT(refused.error_message(), HasSubstr("\"a b\" is no sid: expected"));
}

TEST_F(CommandLineTest, AnApplicationOfFoldersIsCheckedAndDrawnWithoutCore) {
  folder_.Write(
      "shop/mesg.yml",
      "name: Shop\nsid: shop\nevents: { order: { data: { total: { type: Number } } } }\n");
  folder_.Write("app.yml",
                "name: alerts\nservices: { shop: ./shop }\nworkflows:\n  big:\n    on: shop.ordr\n"
                "    if: .total > 10\n    steps: [{ stop: {} }]\n");
  const std::string file = (folder_.path() / "app.yml").string();
  const CoreProcess::Ran wrong = core_.Run({"app", "validate", file});
  EXPECT_EQ(wrong.status, 1) << wrong.errors;
  EXPECT_EQ(wrong.output,
            file + ":5:5: workflows.big.on: shop has no event ordr, did you mean order?\n");
  folder_.Write("app.yml",
                "name: alerts\nservices: { shop: ./shop }\nworkflows:\n  big:\n    on: shop.order\n"
                "    if: .total > 10\n    steps: [{ stop: {} }]\n");
  const CoreProcess::Ran right = core_.Run({"app", "validate", file});
  EXPECT_EQ(right.status, 0) << right.errors;
  EXPECT_THAT(right.errors, HasSubstr("application alerts, 1 workflow, 1 service."));
  const CoreProcess::Ran graph = core_.Run({"app", "graph", file, "big"});
  EXPECT_THAT(graph.output, HasSubstr("n0([\"shop.order\"])"));
  EXPECT_THAT(graph.output, HasSubstr("n1{\"if .total #gt; 10\"}"));
}

// One rule for names, wherever they come from: what init takes deploys.
TEST_F(CommandLineTest, InitTakesTheNamesThatDeployTakes) {
  Start();
  for (const std::string name : {"Shop.v2", "1st-shop", "null", "_shop"}) {
    const std::string folder = (folder_.path() / name).string();
    const CoreProcess::Ran made =
        core_.Run({"service", "init", folder, "--template", "cpp", "--name", name});
    ASSERT_EQ(made.status, 0) << made.errors;
    v1::Service deployed;
    const grpc::Status status = client_.Deploy(folder, false, &deployed);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(deployed.definition().sid(), name);
  }
  const std::string folder = (folder_.path() / "none").string();
  for (const char* name : {"a b", "-a", "a..b", "12", "a: b", "#"}) {
    const CoreProcess::Ran refused = core_.Run({"service", "init", folder, "--name", name});
    EXPECT_EQ(refused.status, 2);
    EXPECT_THAT(refused.errors, HasSubstr("\"" + std::string(name) + "\" is no sid: expected"));
    EXPECT_FALSE(std::filesystem::exists(folder));
  }
}

/// A service whose process says what it was deployed with, and what its mesg.yml says.
class DevTest : public CoreTest {
 protected:
  void SetUp() override {
    Write("first");
    Start();
  }
  void Write(const std::string& text) const {
    folder_.Write("shop/mesg.yml", "name: Shop\nsid: shop\ndescription: " + text +
                                       "\nrun: [/bin/sh, -c, 'echo it says " + text +
                                       "; exec sleep 1000']\n");
  }
  ChildProcess Begin(const std::vector<std::string>& arguments) {
    return core_.Begin(arguments, Output(), Errors());
  }
  bool Shows(const std::string& description) {
    return Eventually(
        [&] { return client_.GetService("shop").definition().description() == description; });
  }
  bool Prints(const std::string& text) const {
    return Eventually([&] { return ReadText(Output()).find(text) != std::string::npos; });
  }
  bool Says(const std::string& text) const {
    return Eventually([&] { return ReadText(Errors()).find(text) != std::string::npos; });
  }
  std::filesystem::path Output() const { return folder_.path() / "out"; }
  std::filesystem::path Errors() const { return folder_.path() / "err"; }
  std::string Folder() const { return (folder_.path() / "shop").string(); }
};

TEST_F(DevTest, AChangeWhileCoreIsAwayIsDeployedWhenItIsBack) {
  ChildProcess dev = Begin({"service", "dev", Folder()});
  ASSERT_TRUE(Shows("first")) << ReadText(Errors());
  ASSERT_TRUE(Prints("it says first")) << ReadText(Errors());
  core_.Kill();
  Write("second");
  ASSERT_TRUE(Says("Core is away: the change is deployed when it is back.")) << ReadText(Errors());
  Start();
  EXPECT_TRUE(Shows("second")) << ReadText(Errors());
  EXPECT_TRUE(Prints("it says second")) << ReadText(Output()) << ReadText(Errors());

  ASSERT_EQ(core_.Stop(), 0);
  Write("third");
  Start();
  EXPECT_TRUE(Shows("third")) << ReadText(Errors());
  EXPECT_TRUE(Prints("it says third")) << ReadText(Output()) << ReadText(Errors());

  dev.Signal(SIGINT);
  EXPECT_EQ(dev.AwaitExit(), 0) << ReadText(Errors());
  EXPECT_EQ(client_.GetService("shop").name(), "") << "dev deletes its service in the end";
}

TEST_F(DevTest, FollowedLogsGoOnOverAKillOfCoreAndADeployment) {
  ASSERT_TRUE(client_.Deploy(Folder(), true, nullptr).ok());
  ChildProcess logs = Begin({"service", "logs", "shop", "--follow"});
  ASSERT_TRUE(Prints("it says first")) << ReadText(Errors());
  core_.Kill();
  ASSERT_TRUE(Says("The connection to Core ended, trying again.")) << ReadText(Errors());
  Start();
  ASSERT_TRUE(Says("Connected to Core again.")) << ReadText(Errors());
  Write("second");
  ASSERT_TRUE(client_.Deploy(Folder(), true, nullptr).ok());
  EXPECT_TRUE(Prints("it says second")) << ReadText(Output()) << ReadText(Errors());
  logs.Signal(SIGINT);
  EXPECT_EQ(logs.AwaitExit(), 0) << ReadText(Errors());

  ChildProcess until_deleted = Begin({"service", "logs", "shop", "--follow"});
  ASSERT_TRUE(Prints("it says second")) << ReadText(Errors());
  EXPECT_EQ(core_.Run({"service", "delete", "shop", "--yes"}).status, 0);
  EXPECT_EQ(until_deleted.AwaitExit(), 0) << ReadText(Errors());
}

}  // namespace
}  // namespace mesg::testing
