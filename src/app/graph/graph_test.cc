#include "app/graph/graph.h"

#include <gtest/gtest.h>

#include "app/graph/drawing.h"

namespace mesg::app {
namespace {

Workflow Read(const std::string& workflow) {
  const auto file = ApplicationFile::Parse(
      "name: n\nservices: { shop: shop }\nevents: { shipped: {} }\n"
      "workflows:\n  other: { on: { manual: {} }, steps: [{ stop: {} }] }\n"
      "  w:\n" +
      workflow);
  EXPECT_TRUE(file) << file.error().message;
  return file ? file->workflows.at(1) : Workflow();
}

TEST(GraphTest, AChoiceGoesTwoWaysAndMeetsAgain) {
  const Workflow workflow = Read(R"(
    on: shop.order
    if: .total > 10
    steps:
      - { id: paid, task: shop.pay, with: { id: "${ .id }" } }
      - if: $steps.paid.ok
        then: [{ task: shop.ship }]
        else: [{ fail: "not paid: ${ .id }" }]
      - { emit: shipped }
)");
  EXPECT_EQ(Mermaid(workflow), R"(flowchart TD
  n0(["shop.order"])
  n1{"if .total #gt; 10"}
  n2["paid<br/>shop.pay"]
  n3{"if $steps.paid.ok"}
  n4["shop.ship"]
  n5(["fail: not paid: ${ .id }"])
  n6["emit shipped"]
  n7(["done"])
  n0 --> n1
  n1 -->|"yes"| n2
  n2 --> n3
  n3 -->|"yes"| n4
  n3 -->|"no"| n5
  n4 --> n6
  n6 --> n7)");
}

TEST(GraphTest, WhatIsDoneForEachItemStandsInAFrame) {
  const Workflow workflow = Read(R"(
    on: { schedule: "0 9 * * 1", timezone: Europe/Paris }
    steps:
      - id: each
        foreach: .items
        concurrency: 4
        steps: [{ task: shop.pack }, { wait: 5m }]
)");
  EXPECT_EQ(Mermaid(workflow), R"(flowchart TD
  n0(["every 0 9 * * 1 in Europe/Paris"])
  n3(["done"])
  subgraph g0["each: foreach .items, 4 at once"]
    n1["shop.pack"]
    n2{{"wait 5m"}}
  end
  n0 --> n1
  n1 --> n2
  n2 --> n3)");
  EXPECT_EQ(Dot(workflow), R"(digraph "w" {
  n0 [shape=box, style=rounded, label="every 0 9 * * 1 in Europe/Paris"];
  n3 [shape=box, style=rounded, label="done"];
  subgraph cluster_0 {
    label="each: foreach .items, 4 at once";
    n1 [shape=box, label="shop.pack"];
    n2 [shape=hexagon, label="wait 5m"];
  }
  n0 -> n1;
  n1 -> n2;
  n2 -> n3;
})");
}

// Every kind of step has its box, and errors have ways of their own.
TEST(GraphTest, EveryStepIsThere) {
  const Workflow workflow = Read(R"(
    on: { result: shop.pay, output: done, if: .ok }
    steps:
      - switch: .status
        cases: { "a\"b": [{ stop: {} }], open: [{ set: { x: 1 } }] }
        default: [{ run: other }]
      - parallel: [[{ await: { event: shop.delivered, timeout: 10d } }], [{ wait: { until: .due } }]]
        join: any
      - { approve: { by: "the ${ .manager }", timeout: 2d }, if: .large }
      - { task: shop.pay, catch: [{ task: shop.tell }], compensate: [{ task: shop.refund }] }
    catch: [{ stop: "gave up" }]
)");
  EXPECT_EQ(Dot(workflow), R"(digraph "w" {
  n0 [shape=box, style=rounded, label="result of shop.pay: done"];
  n1 [shape=diamond, label="if .ok"];
  n2 [shape=diamond, label="switch .status"];
  n3 [shape=box, style=rounded, label="stop"];
  n4 [shape=box, label="set"];
  n5 [shape=box, label="run other"];
  n6 [shape=box, peripheries=2, label="at once"];
  n7 [shape=hexagon, label="await shop.delivered, at most 10d"];
  n8 [shape=hexagon, label="wait until .due"];
  n9 [shape=box, peripheries=2, label="the first of them"];
  n10 [shape=diamond, label="if .large"];
  n11 [shape=hexagon, label="approve by the ${ .manager }, within 2d"];
  n12 [shape=box, label="shop.pay"];
  n13 [shape=box, label="shop.tell"];
  n14 [shape=box, label="shop.refund"];
  n15 [shape=box, style=rounded, label="done"];
  n16 [shape=box, style=rounded, label="when it failed"];
  n17 [shape=box, style=rounded, label="stop: gave up"];
  n0 -> n1;
  n1 -> n2 [label="yes"];
  n2 -> n3 [label="a\"b"];
  n2 -> n4 [label="open"];
  n2 -> n5 [label="else"];
  n4 -> n6;
  n5 -> n6;
  n6 -> n7;
  n6 -> n8;
  n7 -> n9;
  n8 -> n9;
  n9 -> n10;
  n10 -> n11 [label="yes"];
  n10 -> n12 [label="no"];
  n11 -> n12;
  n12 -> n13 [style=dashed, label="on error"];
  n12 -> n14 [style=dashed, label="undone by"];
  n12 -> n15;
  n13 -> n15;
  n16 -> n17 [style=dashed];
})");
}

TEST(GraphTest, LongTextsAreCutBetweenCharacters) {
  std::string name;
  for (int i = 0; i < 60; ++i) name += "é";
  const Workflow workflow =
      Read("    on: { manual: {} }\n    steps: [{ stop: \"" + name + "\" }]\n");
  const std::string text = Mermaid(workflow);
  EXPECT_EQ(text.find(name), std::string::npos);
  EXPECT_NE(text.find("é…\"])"), std::string::npos) << text;
  EXPECT_EQ(Describe(workflow.on), "manual");
}

TEST(GraphTest, ExpressionsAreWrittenAsPeopleDo) {
  const auto label = [](const std::string& expression) {
    return Draw(Read("    on: { manual: {} }\n    steps:\n      - { if: '" + expression +
                     "', stop: {} }\n"))
        .nodes.at(1)
        .lines.at(0);
  };
  EXPECT_EQ(label(".a > 1 and (.b | not)"), "if (.a > 1) and (.b | not)");
  EXPECT_EQ(label("(.a == 1) or (.b == 2)"), "if (.a == 1) or (.b == 2)");
  EXPECT_EQ(label(".list == [\"a\"]"), "if .list == [\"a\"]");
  EXPECT_EQ(label(".t == \")(\""), "if .t == \")(\"");
}

}  // namespace
}  // namespace mesg::app
