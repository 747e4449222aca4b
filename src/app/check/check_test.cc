#include "app/check/check.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mesg::app {
namespace {

using ::testing::HasSubstr;

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
        compensate: [{ fail: "${ $steps.sent }" }]
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
            "7:11 workflows.w.steps[0].if: there is no .id.x: .id is a String");
  for (const char* other : {".undeclared_but_allowed", ".ip", ".tax", ".ad"}) {
    EXPECT_EQ(Errors(With("      - { if: " + std::string(other) + ", stop: {} }\n")), "") << other;
  }
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
            "7:28 workflows.w.steps[0].with: expected an object with the inputs, got a Number");
}

TEST_F(CheckTest, AStepIsReferredToOnlyWhereItIsDoneOnEveryWay) {
  EXPECT_EQ(
      Errors(With("      - { set: \"${ $steps.later.x }\" }\n      - { id: later, set: 1 }\n")),
      "7:11 workflows.w.steps[0].set: the step later is not done before this on every way");
  EXPECT_EQ(Errors(With("      - { id: first, set: 1 }\n      - { set: \"${ $steps.frst }\" }\n")),
            "8:11 workflows.w.steps[1].set: there is no step with the id frst in this workflow, "
            "did you mean first?");
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
            "8:9 workflows.w.steps[1]: is never reached: the run has ended before it on every way");
  EXPECT_EQ(Errors(With("      - { stop: {}, if: .total > 1 }\n      - { set: 1 }\n")), "");
}

std::string Application(const std::string& rest) {
  return "name: n\nservices: { shop: { use: shop, env: { TOKEN: t } } }\n" + rest;
}

TEST_F(CheckTest, TriggersAreCompared) {
  EXPECT_EQ(Errors(Application("workflows: { w: { on: shop.exact, if: .other, steps: [] } }")),
            "3:35 workflows.w.if: there is no .other, expected id");
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
  EXPECT_EQ(Warnings(Application("workflows:\n  w:\n    on: { result: shop.ask }\n    steps:\n"
                                 "      - { parallel: [[{ task: shop.ask }]] }\n")),
            "5:5 workflows.w.on: this may go on without end: w performs shop.ask, which starts w");
}

// What has been done on the only way that goes on has been done.
TEST_F(CheckTest, WaysThatEndAreNotGone) {
  const std::string use = "      - { set: \"${ $steps.a }\" }\n";
  EXPECT_EQ(Errors(With("      - if: .total > 1\n        then: [{ stop: {} }]\n"
                        "        else: [{ id: a, set: 1 }]\n" +
                        use)),
            "");
  EXPECT_EQ(Errors(With("      - switch: .id\n        cases: { x: [{ id: a, set: 1 }] }\n"
                        "        default: [{ fail: no }]\n" +
                        use)),
            "");
  // A catch goes on behind what had not been done, unless it ends the run.
  const std::string caught = "      - parallel: [[{ id: a, task: shop.ask }]]\n        catch: ";
  EXPECT_EQ(Errors(With(caught + "[{ stop: {} }]\n" + use)), "");
  EXPECT_EQ(Errors(With(caught + "[{ set: 1 }]\n" + use)),
            "9:11 workflows.w.steps[1].set: the step a is not done before this on every way");
  EXPECT_EQ(Errors(With("      - if: .total > 1\n        parallel: [[{ id: a, set: 1 }]]\n" + use)),
            "9:11 workflows.w.steps[1].set: the step a is not done before this on every way");
}

TEST_F(CheckTest, WhatIsBehindTheEndOfEachWayIsNeverReached) {
  const auto reached = [&](const std::string& steps) {
    const std::string errors = Errors(With(steps + "      - { set: 1 }\n"));
    if (errors.empty()) return true;
    EXPECT_THAT(errors, HasSubstr("is never reached: the run has ended before it on every way"));
    return false;
  };
  EXPECT_FALSE(reached("      - { if: .total, then: [{ stop: {} }], else: [{ fail: no }] }\n"));
  EXPECT_TRUE(reached("      - { if: .total, then: [{ stop: {} }] }\n"));
  EXPECT_TRUE(reached("      - { if: .total, then: [], else: [{ stop: {} }] }\n"));
  EXPECT_FALSE(
      reached("      - { switch: .id, cases: { a: [{ stop: {} }] }, default: [{ stop: {} }] }\n"));
  EXPECT_TRUE(reached("      - { switch: .id, cases: { a: [{ stop: {} }] } }\n"));
  EXPECT_FALSE(reached("      - { parallel: [[{ stop: {} }], []] }\n"));
  EXPECT_TRUE(reached("      - { parallel: [[{ stop: {} }], []], join: any }\n"));
  EXPECT_FALSE(reached("      - { parallel: [[{ stop: {} }], []], join: 2 }\n"));
  EXPECT_TRUE(reached("      - { foreach: .items, steps: [{ stop: {} }] }\n"));
  EXPECT_TRUE(reached("      - { fail: no, catch: [{ set: 1 }] }\n"));
  EXPECT_FALSE(reached("      - { fail: no, catch: [{ stop: {} }] }\n"));
  EXPECT_FALSE(reached("      - { stop: {}, catch: [{ set: 1 }] }\n"));
}

TEST_F(CheckTest, TheApplicationsOwnEventsStandUnderItsName) {
  const std::string own =
      "name: my.shop\nservices: { shop: { use: shop, env: { TOKEN: t } } }\n"
      "events: { done: { data: { n: { type: Number } } } }\nworkflows:\n";
  EXPECT_EQ(Errors(own + "  w:\n    on: my.shop.done\n    if: .n > 1\n    steps:\n"
                         "      - await: { event: my.shop.done, if: .n == $event.data.n }\n"),
            "");
  EXPECT_EQ(Errors(own + "  w:\n    on: my.shop.dne\n    steps:\n"
                         "      - await: { event: my.shop.done, if: .n.m == $event.data.n.k }\n"
                         "      - task: my.shop.done\n      - await: my.shop.x\n"),
            "6:5 workflows.w.on: this application declares no event dne, did you mean done?\n"
            "8:39 workflows.w.steps[0].await.if: there is no .n.m: .n is a Number\n"
            "9:9 workflows.w.steps[1].task: my.shop is this application, which has events and no "
            "tasks: to do what another workflow does, `run` it\n"
            "10:9 workflows.w.steps[2].await: this application declares no event x, expected done");
}

TEST_F(CheckTest, CirclesOfWorkflowsAreWarnedOfOnce) {
  const std::string start =
      "name: n\nservices: { shop: { use: shop, env: { TOKEN: t } },\n"
      "  again: { use: shop, env: { TOKEN: t } } }\n"
      "events: { a: {}, b: {} }\nworkflows:\n";
  EXPECT_EQ(Warnings(start + "  one: { on: n.a, steps: [{ emit: a }] }\n"),
            "6:10 workflows.one.on: this may go on without end: one emits a, which starts one");
  EXPECT_EQ(
      Warnings(start + "  one: { on: n.a, steps: [{ emit: b }] }\n"
                       "  two: { on: n.b, steps: [{ if: .x, then: [{ task: again.ask }] }] }\n"
                       "  three: { on: { result: shop.ask }, steps: [], catch: [{ emit: a }] }\n"
                       "  free: { on: n.b, steps: [{ emit: b, id: e }, { run: hand }] }\n"
                       "  hand: { on: { manual: {} }, steps: [{ run: hand }] }\n"),
      "6:10 workflows.one.on: this may go on without end: one emits b, which starts two; two "
      "performs shop.ask, which starts three; three emits a, which starts one\n"
      "9:11 workflows.free.on: this may go on without end: free emits b, which starts free\n"
      "10:11 workflows.hand.on: this may go on without end: hand runs hand");
  EXPECT_EQ(Warnings(start + "  one: { on: n.a, steps: [{ emit: b }] }\n"
                             "  two: { on: n.b, steps: [{ run: hand }] }\n"
                             "  hand: { on: { manual: {} }, steps: [{ task: shop.ask }] }\n"),
            "");
}

// As far as an expression's kind is the same whatever it is given.
TEST_F(CheckTest, TheTypesOfExpressionsAreCompared) {
  const auto id = [&](const std::string& expression) {
    return Errors(
        With("      - { task: shop.ship, with: { parcels: 1, id: '${ " + expression + " }' } }\n"));
  };
  const std::string wrong = "7:48 workflows.w.steps[0].with.id: expected a String, got ";
  EXPECT_EQ(id(".total > 5"), wrong + "a Boolean");
  EXPECT_EQ(id(".items | length"), wrong + "a Number");
  EXPECT_EQ(id("[.id]"), wrong + "a list");
  EXPECT_EQ(id("{a: 1}"), wrong + "an Object");
  EXPECT_EQ(id(".items | map(. + \"!\")"), wrong + "a list");
  EXPECT_EQ(id("if .total then 1 else 2 end"), wrong + "a Number");
  EXPECT_EQ(id(".items"), wrong + "a list of Strings");
  for (const char* fine : {".total | tostring", ".id + \"x\"", "\"a\\(.total)\"", ".id // \"x\"",
                           ".items[0]", "if .total then 1 else \"x\" end", ".unknown | todate"}) {
    EXPECT_EQ(id(fine), "") << fine;
  }
}

TEST_F(CheckTest, ItemsAreCompared) {
  const auto with = [&](const std::string& many) {
    return Errors(
        "name: n\nevents: { many: { data: { n: { type: Number, repeated: true } } } }\n"
        "workflows: { w: { on: { manual: { texts: { type: String, repeated: true } } }, "
        "steps: [\n" +
        many + "] } }");
  };
  EXPECT_EQ(with("{ emit: many, with: { n: [1, '${ .texts | length }'] } }"), "");
  EXPECT_EQ(with("{ emit: many, with: { n: [1, x, '${ .texts }', ~] } }"),
            "4:30 workflows.w.steps[0].with.n[1]: expected a Number, got a String\n"
            "4:33 workflows.w.steps[0].with.n[2]: expected a Number, got a list of Strings\n"
            "4:48 workflows.w.steps[0].with.n[3]: expected a Number, got nothing");
  EXPECT_EQ(with("{ emit: many, with: { n: 1 } }"),
            "4:23 workflows.w.steps[0].with.n: expected a list of Numbers, got a Number");
  EXPECT_EQ(with("{ foreach: .texts, steps: [{ emit: many, with: { n: ['${ $item }'] } }] }"),
            "4:54 workflows.w.steps[0].steps[0].with.n[0]: expected a Number, got a String");
}

// Its services may be somewhere else: then only the file is compared with itself.
TEST_F(CheckTest, WhatIsNotKnownIsNotGuessed) {
  contracts_.clear();
  EXPECT_EQ(Errors(With("      - { task: shop.whatever, with: { a: \"${ .b.c }\" } }\n")), "");
}

}  // namespace
}  // namespace mesg::app
