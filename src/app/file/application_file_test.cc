#include "app/file/application_file.h"

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mesg::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kBigTransfers = R"(name: big-transfers
inputs:
  wallet: { type: String, description: address to watch }
  limit:  { type: Number, optional: true, default: 1000 }
services:
  chain: { use: ethereum, env: { RPC_URL: "${ $env.RPC_URL }" } }   # name, hash, folder, archive, git URL
  mail:  { use: email, env: { SMTP_PASSWORD: "${ $secrets.smtp }" } }
  http:  { use: http }
workflows:
  alert:
    on: chain.transfer                     # or result: chain.send, schedule: "0 9 1 * *", manual: {}
    if: .to == $inputs.wallet and (.value | tonumber) >= $inputs.limit
    steps:
      - id: price
        task: http.request
        with: { url: "https://rates.example/eth", timeout: 5s }
        retry: { attempts: 5, initial: 1s, factor: 2, max: 1m }
        timeout: 30s
      - if: ${ $steps.price.status == 200 }
        then:
          - task: mail.send
            with: { to: me@example.org, subject: "Got ${ .value } from ${ .from }" }
        else:
          - task: mail.send
            with: { to: me@example.org, subject: "Got a transfer, no price" }
    catch:
      - task: mail.send
        with: { to: ops@example.org, subject: "alert failed: ${ $error.message }" }
)";

ApplicationFile MustParse(std::string_view yaml) {
  auto file = ApplicationFile::Parse(yaml);
  EXPECT_TRUE(file) << file.error().message;
  return file ? *std::move(file) : ApplicationFile();
}

TEST(ApplicationFileTest, ReadsAWholeApplication) {
  const ApplicationFile file = MustParse(kBigTransfers);
  EXPECT_EQ(file.name, "big-transfers");
  ASSERT_EQ(file.inputs.size(), 2U);
  EXPECT_EQ(file.inputs[0].parameter.description, "address to watch");
  EXPECT_TRUE(file.inputs[1].parameter.optional);
  EXPECT_EQ(file.inputs[1].otherwise->Json(), "1000");
  ASSERT_EQ(file.services.size(), 3U);
  EXPECT_EQ(file.FindService("mail")->use, "email");
  EXPECT_EQ(file.FindService("chain")->env.at(0).first, "RPC_URL");
  EXPECT_EQ(file.FindService("nothing"), nullptr);

  const Workflow& alert = *file.FindWorkflow("alert");
  EXPECT_EQ(alert.on.kind, Trigger::Kind::kEvent);
  EXPECT_EQ(alert.on.reference.alias, "chain");
  EXPECT_EQ(alert.on.reference.key, "transfer");
  EXPECT_TRUE(alert.condition);
  ASSERT_EQ(alert.steps.size(), 2U);
  EXPECT_EQ(alert.steps[0].id, "price");
  EXPECT_EQ(alert.steps[0].retry->attempts, 5U);
  EXPECT_EQ(alert.steps[0].timeout, std::chrono::seconds(30));
  const auto& price = std::get<TaskStep>(alert.steps[0].action);
  EXPECT_EQ(price.with.literal.Json(), R"({"url":"https://rates.example/eth","timeout":"5s"})");
  const auto& branch = std::get<BranchStep>(alert.steps[1].action);
  EXPECT_FALSE(alert.steps[1].condition);
  const auto& mail = std::get<TaskStep>(branch.then.at(0).action);
  EXPECT_EQ(mail.with.kind, Mapping::Kind::kObject);
  EXPECT_THAT(mail.with.keys, ElementsAre("to", "subject"));
  EXPECT_EQ(mail.with.items[1].text[0].Expressions().size(), 2U);
  EXPECT_EQ(branch.otherwise.size(), 1U);
  EXPECT_EQ(alert.on_error.size(), 1U);
}

TEST(ApplicationFileTest, ReadsEveryKindOfStepAndTrigger) {
  const ApplicationFile file = MustParse(R"(
name: everything
services: { shop: shop, mail: { use: ./mail } }
events:
  shipped: { data: { id: { type: String } } }
workflows:
  by-event:
    on: { event: shop.order.paid, if: .total > 10 }
    timeout: 2d
    concurrency: { limit: 5, key: .customer, when_full: replace }
    dedupe: { key: .id, window: 1h }
    order: .customer
    steps:
      - switch: .status
        cases:
          paid: [{ stop: {} }]
          open: [{ fail: "not paid: ${ .id }" }]
        default: []
      - parallel:
          - [{ wait: 100ms }]
          - [{ wait: { until: "${ .due }" } }]
        join: any
      - id: each
        foreach: .items
        concurrency: 4
        steps: [{ task: shop.pack, with: { item: "${ $item }" } }]
        compensate: [{ task: shop.unpack, with: { all: "${ $steps.each }" } }]
      - id: sum
        set: { total: "${ .total }", list: [1, "${ .id }"] }
      - await: { event: shop.delivered, if: .id == $event.data.id, timeout: 10d }
      - await: shop.closed
      - approve: { by: "the ${ .manager }", timeout: 2d, default: reject }
      - approve: {}
      - emit: shipped
        with: { id: "${ .id }" }
        if: ${ $steps.sum.total > 5 }
      - run: by-hand
        with: { name: "${ .id }" }
      - stop: "done with ${ .id }"
  by-result: { on: { result: mail.send, output: sent }, steps: [{ stop: {} }] }
  by-time:
    on: { schedule: "0 9 * * 1", timezone: Europe/Paris, missed: all, jitter: 5m }
    concurrency: 1
    dedupe: .time
    steps: [{ stop: {} }]
  by-hand: { on: { manual: { name: { type: String } } }, steps: [{ stop: {} }] }
)");
  ASSERT_EQ(file.workflows.size(), 4U);
  const Workflow& first = file.workflows[0];
  EXPECT_EQ(first.on.reference.key, "order.paid");
  EXPECT_TRUE(first.on.condition);
  EXPECT_EQ(first.concurrency->when_full, Concurrency::WhenFull::kReplace);
  EXPECT_EQ(first.dedupe->window, std::chrono::hours(1));
  EXPECT_TRUE(first.order);
  EXPECT_EQ(std::get<SwitchStep>(first.steps[0].action).cases.size(), 2U);
  EXPECT_EQ(std::get<ParallelStep>(first.steps[1].action).join, 1U);
  EXPECT_EQ(std::get<ForeachStep>(first.steps[2].action).concurrency, 4U);
  EXPECT_EQ(first.steps[2].compensation.size(), 1U);
  EXPECT_EQ(std::get<SetStep>(first.steps[3].action).value.items.size(), 2U);
  EXPECT_EQ(std::get<AwaitStep>(first.steps[4].action).timeout, std::chrono::hours(240));
  EXPECT_EQ(std::get<AwaitStep>(first.steps[5].action).event.key, "closed");
  EXPECT_EQ(std::get<ApproveStep>(first.steps[6].action).otherwise, ApproveStep::Default::kReject);
  EXPECT_EQ(std::get<EmitStep>(first.steps[8].action).event, "shipped");
  EXPECT_TRUE(first.steps[8].condition);
  EXPECT_EQ(std::get<RunStep>(first.steps[9].action).workflow, "by-hand");
  EXPECT_EQ(file.workflows[1].on.output, "sent");
  EXPECT_EQ(file.workflows[2].on.missed, Trigger::Missed::kAll);
  EXPECT_EQ(file.workflows[2].on.timezone, "Europe/Paris");
  EXPECT_EQ(file.workflows[2].concurrency->limit, 1U);
  EXPECT_EQ(file.workflows[3].on.inputs.parameters.size(), 1U);
}

// A workflow around one step, so that a test shows only what it is about.
std::string WithStep(std::string_view step) {
  return "name: n\nservices: { s: s }\nworkflows:\n  w:\n    on: s.e\n    steps:\n      - " +
         std::string(step) + "\n";
}

std::string Mistakes(const std::string& yaml) {
  const auto file = ApplicationFile::Parse(yaml);
  return file ? "none" : file.error().message;
}

TEST(ApplicationFileTest, EveryMistakeIsReportedWithItsPlace) {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"", "app.yml:1:1: the file is empty, expected an application: a name and workflows"},
      {"[1]", "app.yml:1:1: expected a mapping that describes an application, got a list"},
      {"name: x",
       "app.yml:1:1: workflows: required: expected what the application does, at least "
       "one"},
      {"workflows: {}\nname: ''",
       "app.yml:1:1: workflows: expected at least one workflow\n"
       "app.yml:2:1: name: expected a name of 1 to 255 bytes without spaces, such as "
       "big-transfers, got \"\""},
      {"nam: x\nworkflows: { w: { on: s.e, steps: [] } }",
       "app.yml:1:1: nam: unknown key, did you mean \"name\"?\n"
       "app.yml:1:1: name: required: expected the application's name"},
      {"name: x\nworkflows: { w: {} }",
       "app.yml:2:14: workflows.w.on: required: expected what starts the workflow\n"
       "app.yml:2:14: workflows.w.steps: required: expected what the workflow does"},
      {"name: x\nservices: { a.b: y, c: {} }\nworkflows: { w: { on: s.e, steps: [] } }",
       "app.yml:2:13: services.a\\.b: expected a name of letters, digits and underscores that "
       "does not begin with a digit, got \"a.b\"\n"
       "app.yml:2:21: services.c.use: required: expected a service: its name, hash, folder, "
       "archive "
       "or git URL"},
      {"name: x\nworkflows: { w: { on: {}, steps: [] } }",
       "app.yml:2:19: workflows.w.on: expected one of event, result, schedule, manual"},
      {"name: x\nworkflows: { w: { on: { event: s.e, manual: {}, missed: all }, steps: [] } }",
       "app.yml:2:37: workflows.w.on.manual: a workflow is started by one thing, it has event "
       "already\n"
       "app.yml:2:49: workflows.w.on.missed: belongs to schedule only"},
      {"name: x\nworkflows: { w: { on: transfer, steps: [] } }",
       "app.yml:2:19: workflows.w.on: expected a service of this file and an event of it, such as "
       "chain.transfer, got \"transfer\""},
      {WithStep("{}"),
       "app.yml:7:9: workflows.w.steps[0]: expected something to do: if with then, or one of task, "
       "switch, parallel, foreach, set, wait, await, approve, emit, run, stop, fail"},
      {WithStep("text"),
       "app.yml:7:9: workflows.w.steps[0]: expected a step such as {task: mail.send}, got "
       "\"text\""},
      {WithStep("{ task: s.t, wait: 5s }"),
       "app.yml:7:22: workflows.w.steps[0].wait: a step does one thing, this one has task already"},
      {WithStep("{ tsk: s.t }"),
       "app.yml:7:11: workflows.w.steps[0].tsk: unknown key, did you mean \"task\"?"},
      {WithStep("{ wait: 5s, with: {} }"),
       "app.yml:7:21: workflows.w.steps[0].with: belongs to task or emit or run, not to wait"},
      {WithStep("{ wait: soon }"),
       "app.yml:7:11: workflows.w.steps[0].wait: expected a duration above 0 such as 500ms, 10s or "
       "1h30m, got \"soon\""},
      {WithStep("{ then: [] }"),
       "app.yml:7:9: workflows.w.steps[0].if: required: expected an expression that decides "
       "between then and else"},
      {WithStep("{ foreach: .a, concurrency: 0 }"),
       "app.yml:7:9: workflows.w.steps[0].steps: required: expected what is done for each item\n"
       "app.yml:7:24: workflows.w.steps[0].concurrency: expected a whole number from 1 to 1000, "
       "got "
       "\"0\""},
      {WithStep("{ parallel: [[], []], join: 3 }"),
       "app.yml:7:31: workflows.w.steps[0].join: expected all, any or a whole number from 1 to 2, "
       "got \"3\""},
      {WithStep("{ id: a-b, stop: {} }"),
       "app.yml:7:11: workflows.w.steps[0].id: expected an id of letters, digits and underscores "
       "that does not begin with a digit, got \"a-b\""},
      {WithStep("{ id: a, stop: {} }\n      - { id: a, stop: {} }"),
       "app.yml:8:11: workflows.w.steps[1].id: a is the id of another step of this workflow"},
      {WithStep("{ if: .a ==, stop: {} }"),
       "app.yml:7:20: workflows.w.steps[0].if: expected an expression, got the end"},
      {WithStep("{ if: \"${ $evnt }\", stop: {} }"),
       "app.yml:7:19: workflows.w.steps[0].if: unknown variable $evnt, did you mean $event?"},
      {WithStep("{ set: \"${ $secrets.x }\" }"),
       "app.yml:7:16: workflows.w.steps[0].set: $secrets may stand only under services.*.env and "
       "in "
       "a task's with"},
      {WithStep("{ task: s.t, with: [1] }"),
       "app.yml:7:22: workflows.w.steps[0].with: expected a mapping of the task's inputs, or "
       "one ${ expression } that gives it, got a list"},
      {WithStep("{ task: s.t, with: { a: \"x ${ now }\" } }"),
       "app.yml:7:39: workflows.w.steps[0].with.a: now is refused: the same run must see the same "
       "time again; use $run.started"},
      {WithStep("{ task: s.t, with: { a: \"x ${ 1\" } }"),
       "app.yml:7:36: workflows.w.steps[0].with.a: the \"${\" that begins here has no \"}\""},
      {WithStep("{ approve: { default: maybe } }"),
       "app.yml:7:22: workflows.w.steps[0].approve.default: expected approve or reject, got "
       "\"maybe\""},
      {WithStep("{ await: { if: .a } }"),
       "app.yml:7:11: workflows.w.steps[0].await.event: required: expected an event"},
      {WithStep("{ stop: {}, retry: { attempts: 0 } }"),
       "app.yml:7:30: workflows.w.steps[0].retry.attempts: expected a whole number from 1 to 1000, "
       "got \"0\""},
      {"name: x\nworkflows: { w: { on: s.e, if: $steps.a, steps: [] } }",
       "app.yml:2:32: workflows.w.if: $steps may stand only in steps: before them there is no run"},
      {"name: x\nworkflows: { w: { on: s.e, steps: [], concurrency: { when_full: wait } } }",
       "app.yml:2:54: workflows.w.concurrency.when_full: expected queue, drop or replace, got "
       "\"wait\""},
      {"name: x\nworkflows: { w: { on: s.e, steps: [], dedupe: {} } }",
       "app.yml:2:39: workflows.w.dedupe.key: required: expected an expression"},
      {"name: x\ninputs: { 1a: { type: Text } }\nworkflows: { w: { on: s.e, steps: [] } }",
       "app.yml:2:11: inputs.1a: expected a name of letters, digits and underscores that does "
       "not begin with a digit, got \"1a\"\n"
       "app.yml:2:17: inputs.1a.type: expected String, Number, Boolean, Object or Any, got "
       "\"Text\""},
  };
  for (const auto& [yaml, message] : files) EXPECT_EQ(Mistakes(yaml), message) << yaml;
}

TEST(ApplicationFileTest, EachVariableStandsWhereItHasAMeaning) {
  const std::string item = "$item may stand only in the steps of a foreach";
  const std::string error = "$error may stand only in a catch: of a step, or of the workflow";
  EXPECT_THAT(Mistakes(WithStep("{ set: '${ $item }' }")), HasSubstr(item));
  EXPECT_THAT(Mistakes(WithStep("{ foreach: $item, steps: [] }")), HasSubstr(item));
  EXPECT_THAT(Mistakes(WithStep("{ foreach: .a, steps: [], compensate: [{ set: '${ $item }' }] }")),
              HasSubstr(item));
  EXPECT_EQ(Mistakes(WithStep("{ foreach: .a, steps: [{ if: $item.b, set: 1,\n"
                              "          catch: [{ set: '${ [$item, $error] }' }] }] }")),
            "none");
  EXPECT_THAT(Mistakes(WithStep("{ set: 1, if: $error.message }")), HasSubstr(error));
  EXPECT_THAT(Mistakes(WithStep("{ set: 1, compensate: [{ fail: '${ $error.message }' }] }")),
              HasSubstr(error));
  EXPECT_EQ(Mistakes(WithStep("{ set: 1, catch: [{ fail: '${ $error.message }' }] }\n"
                              "    catch: [{ if: $error.message, stop: {} }]")),
            "none");
  EXPECT_EQ(Mistakes(WithStep("{ await: { event: s.e, if: .a == $steps.x.a and $run.id == "
                              "$inputs.a and .b == $event.data.b } }")),
            "none");
  EXPECT_THAT(Mistakes(WithStep("{ task: s.t, with: { a: '${ $secrets }' } }")),
              HasSubstr("$secrets needs a name behind it, as in $secrets.NAME"));
  EXPECT_THAT(Mistakes(WithStep("{ task: s.t, with: { a: '${ $env[.x] }' } }")),
              HasSubstr("$env needs a name behind it, as in $env.NAME"));
  EXPECT_THAT(Mistakes("name: n\nservices: { s: { use: s, env: { A: '${ .a }' } } }\n"
                       "workflows: { w: { on: s.e, steps: [] } }"),
              HasSubstr("there is nothing for . to mean here, only $inputs, $env and $secrets"));
}

TEST(ApplicationFileTest, TheNameStandsForTheApplicationsOwnEvents) {
  const std::string rest = "\nevents: { e: {} }\nworkflows: { w: { on: a.b.e, steps: [] } }";
  const ApplicationFile file = MustParse("name: a.b" + rest);
  EXPECT_TRUE(file.IsOwn(file.workflows[0].on.reference));
  EXPECT_EQ(file.workflows[0].on.reference.key, "e");
  EXPECT_FALSE(MustParse("name: ab" + rest).IsOwn(file.workflows[0].on.reference));
  EXPECT_EQ(Mistakes("name: a\nservices: { a: b }\nworkflows: { w: { on: a.e, steps: [] } }"),
            "app.yml:2:13: services.a: is the name of the application, which stands for its own "
            "events: call the service something else");
  for (const char* name : {"a b", "\"a\\tb\"", "\"a\\x7f\"", "' '"}) {
    EXPECT_THAT(Mistakes("name: " + std::string(name) + rest),
                HasSubstr("app.yml:1:1: name: expected a name of 1 to 255 bytes without spaces, "
                          "such as big-transfers, got "))
        << name;
  }
  EXPECT_THAT(Mistakes("name: " + std::string(256, 'a') + rest), HasSubstr("1 to 255 bytes"));
}

TEST(ApplicationFileTest, StepsAreNestedOnlySoDeep) {
  const auto nested = [](int levels) {
    std::string step = "{ stop: {} }";
    for (int i = 0; i < levels; ++i) step = "{ foreach: ., steps: [" + step + "] }";
    return WithStep(step);
  };
  EXPECT_EQ(Mistakes(nested(15)), "none");
  EXPECT_THAT(Mistakes(nested(16)), HasSubstr("steps are nested deeper than 16 levels"));
  EXPECT_THAT(Mistakes(nested(1000)), HasSubstr("nested deeper than 64 levels"));
}

TEST(ApplicationFileTest, NoSectionHasAKeyTwiceAndEachHasAMeaning) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const ApplicationField& field : ApplicationFields()) {
    EXPECT_TRUE(seen.emplace(field.section, field.key).second) << field.section << "." << field.key;
    EXPECT_FALSE(field.expected.empty()) << field.key;
    EXPECT_FALSE(field.meaning.empty()) << field.key;
  }
  EXPECT_GT(seen.size(), 60U);
}

// What stands in ```yaml is an application, or a list of steps of one.
TEST(ApplicationFileTest, TheExamplesOfTheDocumentationAreApplications) {
  for (const char* page : {"reference/application-file.md", "guide/applications.md"}) {
    std::ifstream file(std::string(MESG_DOCUMENTATION) + "/" + page);
    ASSERT_TRUE(file) << page;
    std::size_t examples = 0;
    std::string example;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
      if (line == "```yaml") {
        inside = true;
        example.clear();
      } else if (line == "```" && inside) {
        inside = false;
        ++examples;
        const bool steps = example.starts_with("      - ");
        EXPECT_EQ(Mistakes(steps ? "name: n\nservices: { mail: m, shop: s }\nworkflows:\n  w:\n"
                                   "    on: shop.order\n    steps:\n" +
                                       example
                                 : example),
                  "none")
            << example;
      } else if (inside) {
        if (example.empty() && line.starts_with("- "))
          example = "      " + line + "\n";
        else if (example.starts_with("      - "))
          example += "      " + line + "\n";
        else
          example += line + "\n";
      }
    }
    EXPECT_GE(examples, 1U) << page;
  }
}

// One table for each section, whole and in the order of the parser's.
TEST(ApplicationFileTest, TheReferenceHasEveryKey) {
  std::ifstream file(std::string(MESG_DOCUMENTATION) + "/reference/application-file.md");
  ASSERT_TRUE(file) << "the reference is missing";
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::vector<std::pair<std::string_view, std::string>> tables;
  for (const ApplicationField& field : ApplicationFields()) {
    if (tables.empty() || tables.back().first != field.section) {
      tables.emplace_back(field.section, "| Key | Takes | Meaning |\n|---|---|---|\n");
    }
    tables.back().second +=
        fmt::format("| `{}` | {} | {} |\n", field.key, field.expected, field.meaning);
  }
  for (const auto& [section, table] : tables) EXPECT_THAT(text, HasSubstr(table + "\n")) << section;
  std::size_t rows = 0;
  for (std::size_t at = 0; (at = text.find("\n| `", at)) != std::string::npos; ++at) ++rows;
  EXPECT_EQ(rows, ApplicationFields().size()) << "the reference has a key that there is not";
}

}  // namespace
}  // namespace mesg::app
