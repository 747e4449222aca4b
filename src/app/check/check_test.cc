#include "app/check/check.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace mesg::app {
namespace {

constexpr std::string_view kShop = R"(
name: shop
events:
  order:
    data:
      id: { type: String }
      total: { type: Number }
      customer: { type: Object, object: { name: { type: String }, vip: { type: Boolean } } }
      items: { type: String, repeated: true }
  exact:
    additional: false
    data: { id: { type: String } }
tasks:
  ship:
    inputs:
      id: { type: String }
      parcels: { type: Number }
      note: { type: String, optional: true }
      to: { type: Object, optional: true, object: { city: { type: String } } }
    outputs:
      tracking: { type: String }
  ask:
    outputs:
      yes: { data: { when: { type: String } } }
      no: { data: {} }
env:
  TOKEN: { required: true, secret: true }
  REGION: {}
)";

class CheckTest : public ::testing::Test {
 protected:
  CheckTest() {
    auto shop = ServiceDefinition::Parse(kShop);
    EXPECT_TRUE(shop) << shop.error().message;
    shop_ = *std::move(shop);
    contracts_.emplace("shop", &*shop_);
  }

  static std::string Text(const std::vector<Violation>& violations) {
    std::string text;
    for (const Violation& violation : violations) {
      if (!text.empty()) text += '\n';
      text += std::to_string(violation.line) + ":" + std::to_string(violation.column) + " " +
              violation.path + ": " + violation.reason;
    }
    return text;
  }
  Findings Run(const std::string& yaml) {
    const auto file = ApplicationFile::Parse(yaml);
    EXPECT_TRUE(file) << file.error().message;
    return file ? Check(*file, contracts_) : Findings();
  }
  std::string Errors(const std::string& yaml) { return Text(Run(yaml).errors); }
  std::string Warnings(const std::string& yaml) { return Text(Run(yaml).warnings); }

  // A workflow on shop.order with these steps, the first of which is in line 7.
  static std::string With(const std::string& steps) {
    return "name: n\nservices: { shop: { use: shop, env: { TOKEN: t } } }\nworkflows:\n  w:\n    "
           "on: "
           "shop.order\n    steps:\n" +
           steps;
  }

  std::optional<ServiceDefinition> shop_;
  Contracts contracts_;
};

TEST_F(CheckTest, WhatFitsIsAccepted) {
  EXPECT_EQ(Errors(With(R"(
      - id: sent
        if: .total > 10 and (.customer.vip | not)
        task: shop.ship
        with: { id: "${ .id }", parcels: "${ .items | length }", note: "for ${ .customer.name }" }
      - task: shop.ship
        with: { id: "${ $steps.sent.tracking }", parcels: "${ .total }", to: { city: Paris } }
        catch: [{ fail: "${ $error.message } ${ $steps.sent.tracking }" }]
        compensate: [{ stop: "${ $steps.sent }" }]
)")),
            "");
}

TEST_F(CheckTest, WhatDoesNotExistIsNamedWithTheNearest) {
  EXPECT_EQ(
      Errors(With("      - { task: shp.ship }\n")),
      "7:11 workflows.w.steps[0].task: there is no service shp in this file, did you mean shop?");
  EXPECT_EQ(Errors(With("      - { task: shop.shipp }\n")),
            "7:11 workflows.w.steps[0].task: shop has no task shipp, did you mean ship?");
  EXPECT_EQ(Errors(With("      - { await: shop.ordr }\n")),
            "7:11 workflows.w.steps[0].await: shop has no event ordr, did you mean order?");
  EXPECT_EQ(Errors(With("      - { if: .totl > 1, stop: {} }\n")),
            "7:11 workflows.w.steps[0].if: there is no .totl, did you mean total?");
  EXPECT_EQ(Errors(With("      - { if: .customer.nme == \"x\", stop: {} }\n")),
            "7:11 workflows.w.steps[0].if: there is no .customer.nme, did you mean name?");
  EXPECT_EQ(Errors(With("      - { if: .id.x, stop: {} }\n")),
            "7:11 workflows.w.steps[0].if: there is no .id.x");
  EXPECT_EQ(Errors(With("      - { if: .undeclared_but_allowed, stop: {} }\n")), "");
}

TEST_F(CheckTest, InputsOfTasksAreCompared) {
  EXPECT_EQ(Errors(With("      - { task: shop.ship, with: { id: 5, parcel: 2 } }\n")),
            "7:28 workflows.w.steps[0].with: parcels is required: expected a Number\n"
            "7:36 workflows.w.steps[0].with.id: expected a String, got a Number\n"
            "7:43 workflows.w.steps[0].with.parcel: parcel is not declared, did you mean parcels?");
  EXPECT_EQ(Errors(With("      - { task: shop.ship }\n")),
            "7:11 workflows.w.steps[0].task: id is required: expected a String\n"
            "7:11 workflows.w.steps[0].task: parcels is required: expected a Number");
  EXPECT_EQ(Errors(With("      - task: shop.ship\n        with:\n          id: ${ .total }\n"
                        "          parcels: about ${ .total }\n          to: { cty: x }\n")),
            "9:11 workflows.w.steps[0].with.id: expected a String, got a Number\n"
            "10:11 workflows.w.steps[0].with.parcels: expected a Number, got a String\n"
            "11:11 workflows.w.steps[0].with.to: city is required: expected a String\n"
            "11:17 workflows.w.steps[0].with.to.cty: cty is not declared, did you mean city?");
  EXPECT_EQ(
      Errors(With("      - { task: shop.ship, with: { id: ~, parcels: \"${ .items }\" } }\n")),
      "7:36 workflows.w.steps[0].with.id: expected a String, got nothing\n"
      "7:43 workflows.w.steps[0].with.parcels: expected a Number, got a list of Strings");
  EXPECT_EQ(Errors(With("      - { task: shop.ship, with: \"${ .total }\" }\n")),
            "7:28 workflows.w.steps[0].with: expected an object with the inputs");
}

TEST_F(CheckTest, AStepIsReferredToOnlyWhereItIsDoneOnEveryWay) {
  EXPECT_EQ(
      Errors(With("      - { set: \"${ $steps.later.x }\" }\n      - { id: later, set: 1 }\n")),
      "7:11 workflows.w.steps[0].set: the step later is not done before this on every way");
  EXPECT_EQ(Errors(With("      - { id: first, set: 1 }\n      - { set: \"${ $steps.frst }\" }\n")),
            "8:11 workflows.w.steps[1].set: there is no step frst, did you mean first?");
  const std::string branch =
      "      - if: .total > 1\n        then: [{ id: a, set: 1 }, { id: b, set: 1 }]\n"
      "        else: [{ id: c, set: 1 }]\n";
  EXPECT_EQ(Errors(With(branch + "      - { set: \"${ $steps.a }\" }\n")),
            "10:11 workflows.w.steps[1].set: the step a is not done before this on every way");
  EXPECT_EQ(Errors(With("      - parallel: [[{ id: a, set: 1 }], [{ id: b, set: 2 }]]\n"
                        "      - { set: \"${ $steps.a } ${ $steps.b }\" }\n")),
            "");
  EXPECT_EQ(Errors(With("      - parallel: [[{ id: a, set: 1 }], [{ id: b, set: 2 }]]\n"
                        "        join: any\n      - { set: \"${ $steps.a }\" }\n")),
            "9:11 workflows.w.steps[1].set: the step a is not done before this on every way");
  EXPECT_EQ(Errors(With(
                "      - { id: all, foreach: .items, steps: [{ id: one, set: \"${ $item }\" }] }\n"
                "      - { set: \"${ $steps.all } ${ $steps.one }\" }\n")),
            "8:11 workflows.w.steps[1].set: the step one is not done before this on every way");
  EXPECT_EQ(Errors(With("      - { id: said, task: shop.ask }\n"
                        "      - { set: \"${ $steps.said.anything }\" }\n")),
            "");
}

TEST_F(CheckTest, WhatIsNeverReachedIsSaid) {
  EXPECT_EQ(Errors(With("      - { stop: {} }\n      - { set: 1 }\n")),
            "8:9 workflows.w.steps[1]: is never reached: the step before it ends the run");
  EXPECT_EQ(Errors(With("      - { stop: {}, if: .total > 1 }\n      - { set: 1 }\n")), "");
}

std::string Application(const std::string& rest) {
  return "name: n\nservices: { shop: { use: shop, env: { TOKEN: t } } }\n" + rest;
}

TEST_F(CheckTest, TriggersAreCompared) {
  EXPECT_EQ(Errors(Application("workflows: { w: { on: shop.exact, if: .other, steps: [] } }")),
            "3:35 workflows.w.if: there is no .other");
  EXPECT_EQ(
      Errors(Application(
          "workflows: { w: { on: { result: shop.ask, output: yes }, if: .wen, steps: [] } }")),
      "3:58 workflows.w.if: there is no .wen, did you mean when?");
  EXPECT_EQ(Errors(Application(
                "workflows: { w: { on: { result: shop.ask, output: yess }, steps: [] } }")),
            "3:19 workflows.w.on.output: ask has no output yess, did you mean yes?");
  EXPECT_EQ(
      Errors(Application("workflows: { w: { on: { schedule: \"0 25 * * *\" }, steps: [] } }")),
      "3:19 workflows.w.on: hour \"25\": expected *, 0 to 23, a range, steps such as */5, or a "
      "list");
  EXPECT_EQ(Errors(Application("workflows:\n  w:\n    on: { manual: { name: { type: String } } }\n"
                               "    if: .nme\n    steps: []\n")),
            "6:5 workflows.w.if: there is no .nme, did you mean name?");
}

TEST_F(CheckTest, OwnEventsAndWorkflowsAreCompared) {
  const std::string own =
      "events: { done: { data: { n: { type: Number } } } }\n"
      "workflows:\n  hand: { on: { manual: { name: { type: String } } }, steps: [] }\n"
      "  w:\n    on: shop.order\n    steps:\n";
  EXPECT_EQ(Errors(Application(own + "      - { emit: done, with: { n: \"${ .total }\" } }\n"
                                     "      - { run: hand, with: { name: x } }\n")),
            "");
  EXPECT_EQ(Errors(Application(own + "      - { emit: don, with: {} }\n"
                                     "      - { run: hnd, with: {} }\n"
                                     "      - { emit: done, with: { n: x } }\n"
                                     "      - { run: w, with: {} }\n")),
            "9:11 workflows.w.steps[0].emit: this application declares no event don, did you mean "
            "done?\n"
            "10:11 workflows.w.steps[1].run: there is no workflow hnd in this file, did you mean "
            "hand?\n"
            "11:31 workflows.w.steps[2].with.n: expected a Number, got a String\n"
            "12:11 workflows.w.steps[3].run: the workflow w is started by something else: only one "
            "with `on: {manual: {}}` can be run");
}

TEST_F(CheckTest, InputsAndEnvironmentAreCompared) {
  const std::string w =
      "workflows: { w: { on: shop.order, if: .total > $inputs.limit, steps: [] } }";
  EXPECT_EQ(Errors(Application("inputs: { limit: { type: Number, default: x } }\n" + w)),
            "3:11 inputs.limit.default: expected a Number, got a String");
  EXPECT_EQ(Errors(Application("inputs: { limt: { type: Number } }\n" + w)),
            "4:35 workflows.w.if: there is no $inputs.limit, did you mean limt?");
  EXPECT_EQ(Errors("name: n\nservices: { shop: { use: shop, env: { REGIN: x } } }\n"
                   "workflows: { w: { on: shop.order, steps: [] } }"),
            "2:13 services.shop: shop needs the variable TOKEN under env\n"
            "2:13 services.shop.env: shop knows no variable REGIN, did you mean REGION?");
}

TEST_F(CheckTest, WhatIsHardlyMeantIsWarnedOf) {
  EXPECT_EQ(Warnings(Application("inputs: { limit: { type: Number } }\n"
                                 "workflows: { w: { on: shop.order, steps: [] } }")),
            "3:11 inputs.limit: nothing uses the input limit");
  EXPECT_EQ(
      Warnings(Application("workflows:\n  w:\n    on: { result: shop.ask }\n    steps:\n"
                           "      - { parallel: [[{ task: shop.ask }]] }\n")),
      "5:5 workflows.w.on: the workflow performs shop.ask and is started by its results: it may "
      "start itself without end");
}

// Its services may be somewhere else: then only the file is compared with itself.
TEST_F(CheckTest, WhatIsNotKnownIsNotGuessed) {
  contracts_.clear();
  EXPECT_EQ(Errors(With("      - { task: shop.whatever, with: { a: \"${ .b.c }\" } }\n")), "");
}

}  // namespace
}  // namespace mesg::app
