#include "app/program/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mesg::app {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kFile = R"(
name: orders
inputs:
  limit: { type: Number, optional: true, default: 7 }
  name: { type: String }
services:
  shop: { use: my-shop }
events:
  done: { data: { id: { type: Number } } }
workflows:
  main:
    on: { manual: { id: { type: Number } } }
    steps:
      - id: first
        if: .id > 1
        then:
          - id: inner
            set: { a: 1 }
        else:
          - id: other
            set: { a: 2 }
      - id: both
        parallel:
          - [{ id: left, set: { a: 1 } }]
          - [{ id: right, set: { a: 1 } }]
        catch:
          - { id: caught, set: { a: 1 } }
      - id: each
        foreach: "[1, 2]"
        steps:
          - { id: item, set: { a: 1 } }
    catch:
      - { id: failed, set: { a: 1 } }
  daily:
    on: { schedule: "0 9 * * *" }
    steps:
      - { id: tick, set: { a: 1 } }
)";

ProgramSource Source() {
  return {"app.yml", std::string(kFile), {{"name", R"("n")"}}, {{"HOME", "/h"}}, {}};
}
std::string Problem(const ProgramSource& source) {
  const auto program = Program::Compile(source);
  return program ? "" : program.error().message;
}

TEST(ProgramTest, StepsAreNumberedInTheOrderOfTheFileFromTheErrorHandlerOn) {
  const auto program = Program::Compile(Source());
  ASSERT_TRUE(program) << program.error().message;
  const Flow* const flow = (*program)->FindFlow("main");
  ASSERT_NE(flow, nullptr);
  std::string paths;
  for (std::uint32_t i = 1; i < flow->nodes.size(); ++i) {
    const Node& node = flow->nodes[i];
    paths += fmt::format("{} {} {} <{}.{}{}\n", i, node.step->id, node.path, node.parent,
                         node.block, node.next ? fmt::format(" >{}", *node.next) : "");
  }
  EXPECT_EQ(paths,
            "1 failed catch[0] <0.0\n"
            "2 first steps[0] <0.2 >5\n"
            "3 inner steps[0].then[0] <2.2\n"
            "4 other steps[0].else[0] <2.3\n"
            "5 both steps[1] <0.2 >9\n"
            "6 left steps[1].parallel[0][0] <5.2\n"
            "7 right steps[1].parallel[1][0] <5.3\n"
            "8 caught steps[1].catch[0] <5.0\n"
            "9 each steps[2] <0.2\n"
            "10 item steps[2].steps[0] <9.2\n");
  EXPECT_EQ(flow->nodes[0].First(Node::kBody), 2U);
  EXPECT_EQ(flow->nodes[0].First(Node::kCatch), 1U);
  EXPECT_EQ(flow->nodes[0].First(Node::kCompensate), std::nullopt);
  EXPECT_EQ(flow->nodes[3].First(99), std::nullopt);
  EXPECT_EQ(flow->FindStep("right"), 7U);
  EXPECT_EQ(flow->FindStep("nobody"), std::nullopt);
}

TEST(ProgramTest, TriggersAreReady) {
  const auto program = Program::Compile(Source());
  ASSERT_TRUE(program);
  const Flow* const main = (*program)->FindFlow("main");
  ASSERT_TRUE(main->inputs);
  EXPECT_FALSE(main->schedule);
  EXPECT_TRUE((*program)->FindFlow("daily")->schedule);
  EXPECT_EQ((*program)->FindFlow("weekly"), nullptr);
}

TEST(ProgramTest, InputsHaveTheirDefaultsAndServicesTheirInstances) {
  ProgramSource source = Source();
  auto program = Program::Compile(source);
  ASSERT_TRUE(program);
  EXPECT_EQ((*program)->Inputs().Json(), R"({"limit":7,"name":"n"})");
  EXPECT_EQ((*program)->Env().Json(), R"({"HOME":"/h"})");
  EXPECT_EQ((*program)->InstanceOf("shop"), "my-shop");
  EXPECT_EQ((*program)->InstanceOf("orders"), "orders");
  source.services["shop"] = "orders-shop";
  source.inputs["limit"] = "9";
  program = Program::Compile(source);
  ASSERT_TRUE(program);
  EXPECT_EQ((*program)->InstanceOf("shop"), "orders-shop");
  EXPECT_EQ((*program)->Inputs().Json(), R"({"limit":9,"name":"n"})");
}

TEST(ProgramTest, InputsThatDoNotFitAreRefused) {
  ProgramSource source = Source();
  source.inputs.erase("name");
  EXPECT_THAT(Problem(source), HasSubstr("inputs of orders: name: required"));
  source = Source();
  source.inputs["limit"] = R"("many")";
  EXPECT_THAT(Problem(source), HasSubstr("limit: expected a Number"));
  source.inputs["limit"] = "{";
  EXPECT_THAT(Problem(source), HasSubstr("input limit"));
  source = Source();
  source.inputs["limt"] = "1";
  EXPECT_EQ(Problem(source), "application orders has no input limt, did you mean limit?");
  source.inputs = {{"name", R"("n")"}, {"quite-other", "1"}};
  EXPECT_EQ(Problem(source), "application orders has no input quite-other");
}

TEST(ProgramTest, AFileThatIsWrongIsNotCompiled) {
  ProgramSource source = Source();
  source.text = "name: orders\nworkflows:\n  a: { on: { never: 1 } }\n";
  EXPECT_NE(Problem(source), "");
}

TEST(ProgramTest, DataOfItsOwnEventsIsChecked) {
  const auto program = Program::Compile(Source());
  ASSERT_TRUE(program);
  EXPECT_TRUE((*program)->CheckEvent("done", R"({"id":1})"));
  EXPECT_THAT((*program)->CheckEvent("done", R"({"id":"1"})").error().message,
              HasSubstr("data of event \"done\": id: expected a Number"));
  EXPECT_EQ((*program)->CheckEvent("begun", "{}").error().message,
            "application orders declares no event begun");
}

TEST(ProgramTest, TheHashIsOfEverythingAndOfItsPlace) {
  const ProgramSource source = Source();
  EXPECT_EQ(source.Hash(), Source().Hash());
  ProgramSource other = source;
  other.file_name = "b.yml";
  EXPECT_NE(other.Hash(), source.Hash());
  other = source;
  other.text += "#";
  EXPECT_NE(other.Hash(), source.Hash());
  other = source;
  other.inputs["limit"] = "7";
  EXPECT_NE(other.Hash(), source.Hash());
  other = source;
  std::swap(other.inputs, other.env);
  EXPECT_NE(other.Hash(), source.Hash());
  other = source;
  other.services = {{"shop", "x"}};
  EXPECT_NE(other.Hash(), source.Hash());
  EXPECT_EQ((*Program::Compile(source))->Hash(), source.Hash());
}

}  // namespace
}  // namespace mesg::app
