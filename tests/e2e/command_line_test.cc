#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace mesg::testing
