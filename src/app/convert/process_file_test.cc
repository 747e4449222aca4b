#include <string>
#include <vector>

#include "app/convert/conversion_fixture_test.h"
#include "app/convert/jq_source.h"
#include "model/predicate.h"

namespace mesg::app {
namespace {

// A process of an order and whatever steps follow.
std::string Process(const std::string& steps) {
  return "name: p\nsteps:\n  - { type: trigger, key: order, instance: { src: ./shop }, eventKey: "
         "order }\n" +
         steps;
}
std::string Task(const std::string& rest) {
  return "  - { type: task, instance: { src: ./shop }, taskKey: ship" + rest + " }\n";
}

class ProcessFileTest : public ConversionTest {};

TEST_F(ProcessFileTest, EveryConstructIsPerformed) {
  const ReadApplication read = Read(Sample("process.yml"));
  EXPECT_EQ(read.format, ApplicationFormat::kProcess);
  EXPECT_EQ(read.file.name, "charge-and-thank");
  EXPECT_EQ(read.file.description, "charge and thank");
  EXPECT_EQ(read.file.workflows.at(0).on.kind, Trigger::Kind::kEvent);
  EXPECT_EQ(read.file.workflows.at(0).on.reference.alias, "service_webhook");
  EXPECT_EQ(read.file.workflows.at(0).on.reference.key, "request");
  std::string services;
  for (const ServiceUse& service : read.file.services) {
    services += service.alias + " is " + service.use + "\n";
  }
  EXPECT_EQ(services,
            "service_webhook is https://example.org/services/service-webhook.git\n"
            "function is ./function\n"
            "H74Qqq8nT5JZ9GSJmuSWLN5benWZPkUb5pYcvQLsoZX is "
            "H74Qqq8nT5JZ9GSJmuSWLN5benWZPkUb5pYcvQLsoZX\n"
            "_2b3mGvZ6cWVsVHQVJH9kSTMLwzyR8XvLhuN5jZeqVFJX is "
            "2b3mGvZ6cWVsVHQVJH9kSTMLwzyR8XvLhuN5jZeqVFJX\n");
  const auto& env = read.file.FindService("service_webhook")->env;
  ASSERT_EQ(env.size(), 2U);
  EXPECT_EQ(env[0].first, "PORT");
  EXPECT_EQ(*env[0].second.Literal(), "8080");
  EXPECT_EQ(env[1].second.Expressions().at(0).ToJq(), "$env[\"HOOK_SECRET\"]");
  EXPECT_EQ(
      read.env_texts.at("service_webhook"),
      (std::map<std::string, std::string>{{"PORT", "8080"}, {"SECRET", "${ $env.HOOK_SECRET }"}}));

  inputs_ = R"({"COUNTRY":"FR"})";
  env_ = R"({"SHOP":"shop$","TOKEN":"t"})";
  outputs_ = {{"request-data", R"({"result":{"ready":true},"n":1})"},
              {"node-6", R"({"result":"thanks"})"}};
  const std::string items = R"("items":[{"name":"a"},0,1,2,3,4,5,6,7,8,{"price":5},{"name":"l"}])";
  EXPECT_EQ(Run(read, R"({"currency":"EUR","customer":{"country":"FR","name":"Zoe"},"total":20,)"
                      R"("tags":["x","web"],)" +
                          items + "}"),
            "function.execute {\"code\":\"module.exports = ({ total }) => `${total / 100} of FR "
            "and shop$`\\n\",\"inputs\":{\"total\":20,\"first\":\"a\",\"twelfth\":\"l\","
            "\"nothing\":null,\"list\":[\"text\",42,true,null,\"Zoe\",{\"a\":\"0x10\",\"b\":-1.5}],"
            "\"abi\":{\"key\":\"constant\",\"type\":\"uint256\",\"inputs\":[]}}}\n"
            "function.execute {\"result\":{\"ready\":true},\"n\":1}\n"
            "H74Qqq8nT5JZ9GSJmuSWLN5benWZPkUb5pYcvQLsoZX.send "
            "{\"to\":\"Zoe\",\"text\":\"thanks\",\"token\":\"Bearer t\"}\n"
            "_2b3mGvZ6cWVsVHQVJH9kSTMLwzyR8XvLhuN5jZeqVFJX.archive {}");
  EXPECT_EQ(Run(read, R"({"currency":"EUR","customer":{"country":"BE"},"total":20})"),
            "not started");
  outputs_["request-data"] = R"({"result":{"ready":false}})";
  EXPECT_THAT(Run(read, R"({"currency":"EUR","customer":{"country":"FR"},"total":20,)"
                        R"("tags":"a web",)" +
                            items + "}"),
              ::testing::EndsWith("\nstopped: the filter ready does not hold"));
}

TEST_F(ProcessFileTest, OlderFilesHaveAKeyAndMayBeStartedByAResult) {
  const ReadApplication read = Read(Sample("process-key.yml"));
  EXPECT_EQ(read.file.name, "challenge-invalid-exits");
  const Workflow& workflow = read.file.workflows.at(0);
  EXPECT_EQ(workflow.on.kind, Trigger::Kind::kResult);
  EXPECT_EQ(workflow.on.reference.alias, "watcher");
  EXPECT_EQ(workflow.on.reference.key, "find");
  EXPECT_EQ(read.file.FindService("CONTRACT")->use, "${ $env.CONTRACT }");
  EXPECT_EQ(Run(read, R"({"exit_id":7,"proof":{"bytes":"x"}})"),
            "CONTRACT.execute {\"key\":\"exit\",\"inputs\":[7,\"x\"]}");
}

// The same table decides as for the filters of listeners.
TEST_F(ProcessFileTest, FiltersDecideAsPredicatesDo) {
  using Operator = Predicate::Operator;
  const std::vector<std::pair<std::string, Operator>> predicates = {
      {"EQ", Operator::kEq}, {"GT", Operator::kGt},   {"GTE", Operator::kGte},
      {"LT", Operator::kLt}, {"LTE", Operator::kLte}, {"CONTAINS", Operator::kContains}};
  const std::vector<std::string> values = {"null",
                                           "true",
                                           "false",
                                           "0",
                                           "-0.0",
                                           "5",
                                           "5.0",
                                           "5e0",
                                           "-7",
                                           "9007199254740993",
                                           "9007199254740992",
                                           "1e400",
                                           "\"\"",
                                           "\"5\"",
                                           "\"a\"",
                                           "\"b\"",
                                           "\"a\\u00e9\\\"(\\\\(1)\"",
                                           "\"😀\"",
                                           "[]",
                                           "[5]",
                                           "[5.0,\"a\",null]",
                                           "[[5]]",
                                           "{}",
                                           "{\"b\":1,\"a\":[2]}",
                                           "{\"a\":[2.0],\"b\":1}"};
  std::size_t held = 0;
  for (const std::string& path :
       std::vector<std::string>{"a", "a.b", "list[1]", "list[12].x", "\"q uoted.c"}) {
    for (const auto& [name, op] : predicates) {
      for (const std::string& wanted : values) {
        const auto predicate = Predicate::Make(path, op, wanted);
        if (!predicate) continue;
        const ReadApplication read =
            Read(Process("  - type: filter\n    conditions: [{ key: '" + path +
                         "', predicate: " + name + ", value: " + wanted + " }]\n"));
        for (const std::string& value : values) {
          for (const std::string& data :
               {"{\"a\":" + value + "}", "{\"a\":{\"b\":" + value + "}}", std::string("{}"),
                "{\"a\":[" + value + "],\"list\":[0," + value + "]}",
                "{\"list\":[0,0,0,0,0,0,0,0,0,0,0,0,{\"x\":" + value + "}]}",
                "{\"\\\"q uoted\":{\"c\":" + value + "}}"}) {
            const bool expected = predicate->Matches(data);
            EXPECT_EQ(Run(read, data), expected ? "" : "not started")
                << path << " " << name << " " << wanted << " on " << data;
            held += expected ? 1 : 0;
          }
        }
      }
    }
  }
  EXPECT_GT(held, 500U);
}

TEST_F(ProcessFileTest, ATaskWithoutInputsTakesWhatTheStepBeforeGave) {
  const ReadApplication read = Read(Process(
      Task(", key: one") + "  - { type: filter, key: f, conditions: { n: 1 } }\n" + Task("")));
  outputs_ = {{"one", R"({"n":1})"}};
  EXPECT_EQ(Run(read, R"({"a":1})"), "shop.ship {\"a\":1}\nshop.ship {\"n\":1}");
  outputs_ = {{"one", R"({"n":2})"}};
  EXPECT_EQ(Run(read, R"({"a":1})"), "shop.ship {\"a\":1}\nstopped: the filter f does not hold");
}

TEST_F(ProcessFileTest, StepsWithoutAKeyAreNumberedAsTheOriginalDid) {
  const ReadApplication read = Read(Process(Task(", inputs: { a: 1 }") + Task("") +
                                            Task(", inputs: { x: { key: n, stepKey: "
                                                 "node-1 }, y: { key: n, stepKey: "
                                                 "node-3 } }")));
  outputs_ = {{"node-1", R"({"n":"one"})"}, {"node-3", R"({"n":"three"})"}};
  EXPECT_EQ(Run(read, "{}"),
            "shop.ship {\"a\":1}\nshop.ship {\"n\":\"one\"}\n"
            "shop.ship {\"x\":\"one\",\"y\":\"three\"}");
}

TEST_F(ProcessFileTest, TextsKeepEveryCharacter) {
  const ReadApplication read = Read(Process(Task(R"yaml(, inputs: {
      a: "$$(env:A)$$$(env:B)${", b: "$${x} ${ $steps }", c: "${$(env:A)}$", d: "\"}\\(1)$(env:B)",
      e: "$(env:odd name)", f: "" })yaml")));
  env_ = R"({"A":"1","B":"$","odd name":"o"})";
  EXPECT_EQ(
      Run(read, "{}"),
      R"json(shop.ship {"a":"$1$$$${","b":"$${x} ${ $steps }","c":"${1}$","d":"\"}\\(1)$",)json"
      R"("e":"o","f":""})");
}

TEST_F(ProcessFileTest, VariablesOfFiltersBecomeInputs) {
  const ReadApplication read = Read(Process(
      "  - { type: filter, conditions: [{ key: tags, predicate: CONTAINS, value: $(env:TAG) },\n"
      "      { key: parts, predicate: EQ, value: [a, \"$(env:TAG)-$(env:N)\", { k: $(env:N) }] }] "
      "}\n" +
      Task(", inputs: { tag: $(env:TAG), other: $(env:OTHER) }")));
  ASSERT_EQ(read.file.inputs.size(), 2U);
  EXPECT_EQ(read.file.inputs[0].parameter.key, "TAG");
  EXPECT_EQ(read.file.inputs[0].parameter.type, ParameterType::kString);
  EXPECT_FALSE(read.file.inputs[0].otherwise);
  EXPECT_EQ(Notes(read),
            "f.yml:4:75: steps[1].conditions: needs TAG to compare with: it is an input now, given "
            "with --set TAG=VALUE\n"
            "f.yml:5:47: steps[1].conditions: needs N to compare with: it is an input now, given "
            "with --set N=VALUE");
  inputs_ = R"({"TAG":"x","N":"1"})";
  env_ = R"({"OTHER":"o"})";
  EXPECT_EQ(Run(read, R"({"tags":["x"],"parts":["a","x-1",{"k":"1"}]})"),
            "shop.ship {\"tag\":\"x\",\"other\":\"o\"}");
  EXPECT_EQ(Run(read, R"({"tags":["y"],"parts":["a","x-1",{"k":"1"}]})"), "not started");
}

TEST_F(ProcessFileTest, TheSameServiceAndEnvironmentIsOneService) {
  const ReadApplication read = Read(
      "name: p\nsteps:\n"
      "  - { type: trigger, instance: { src: a/mail }, eventKey: e }\n"
      "  - { type: task, instance: { src: a/mail }, taskKey: t }\n"
      "  - { type: task, instance: { src: a/mail, env: [A=1] }, taskKey: t }\n"
      "  - { type: task, instance: { src: b/mail/ }, taskKey: t }\n"
      "  - { type: task, instance: { src: git@example.org:x/mail_2.git#v1 }, taskKey: t }\n"
      "  - { type: task, instance: { src: / }, taskKey: t }\n"
      "  - { type: task, instance: { service: mail }, taskKey: t }\n");
  std::string services;
  for (const ServiceUse& service : read.file.services) {
    services += service.alias + "=" + service.use + " ";
  }
  EXPECT_EQ(
      services,
      "mail=./a/mail mail_2=./a/mail mail_3=./b/mail/ mail_2_2=git@example.org:x/mail_2.git#v1 "
      "service=/ mail_4=mail ");
}

TEST_F(ProcessFileTest, WhatTheOriginalDidOtherwiseIsSaid) {
  EXPECT_EQ(
      Notes(Read(
          Process(Task(", key: one, inputs: { a: { key: \"b[10]\" }, c: { key: d, type: e } }") +
                  Task(", inputs: { x: { key: a, stepKey: order } }") +
                  "  - { type: filter, conditions: [{ key: a, predicates: EQ, value: 1 }] }\n"
                  "  - { type: task, instanceHash: h, instance: {}, taskKey: t }\n"
                  "  - { type: task, instanceHash: $(env:H), taskKey: t }\n"))),
      "f.yml:4:86: steps[1].inputs.a.key: reads an item by its index; the original understood "
      "indexes of one digit only\n"
      "f.yml:4:102: steps[1].inputs.c: is data, since it has more than key and stepKey; the "
      "original "
      "took any object with a key for a reference\n"
      "f.yml:5:84: steps[2].inputs.x.stepKey: reads the trigger's data behind a task, which the "
      "original could not\n"
      "f.yml:6:34: steps[3].conditions[0]: is compared as `predicates` says; the original's "
      "compiler "
      "read `predicate` only\n"
      "f.yml:7:36: steps[4].instance: is of no use beside instanceHash\n"
      "f.yml:8:19: steps[5].instanceHash: is known only when $(env:H) is: the service H has to be "
      "given an instance");
}

TEST_F(ProcessFileTest, TheStaticCheckNamesPlacesOfTheFile) {
  const auto shop = ServiceDefinition::Parse(
      "name: shop\nevents: { order: { data: { id: { type: String }, total: { type: Number } } } }\n"
      "tasks:\n  ship:\n    inputs: { id: { type: String } }\n    outputs: { number: { type: "
      "Number } "
      "}\n");
  ASSERT_TRUE(shop);
  const auto check = [&](const std::string& steps) {
    const Findings found = Check(Read(Process(steps)).file, {{"shop", &*shop}});
    std::string text;
    for (const Violation& v : found.errors) {
      text += fmt::format("{}:{} {}: {}\n", v.line, v.column, v.path, v.reason);
    }
    return text;
  };
  EXPECT_EQ(check("  - { type: filter, conditions: { totl: 5 } }\n"),
            "4:35 steps[1].conditions.totl: there is no .totl, did you mean total?\n");
  EXPECT_EQ(
      check(
          Task(", key: a-b, inputs: { id: { key: ida } }") +
          "  - { type: filter, conditions: { numbr: 5 } }\n"
          "  - { type: task, instance: { src: ./shop }, taskKey: shipp, inputs: {} }\n" +
          Task(", inputs: { id: { key: number, stepKey: a-b }, idd: { key: a, stepKey: order } }")),
      "4:81 steps[1].inputs.id: there is no .ida, did you mean id?\n"
      "5:35 steps[2].conditions.numbr: there is no $steps.a-b.numbr, did you mean number?\n"
      "6:46 steps[3].taskKey: shop has no task shipp, did you mean ship?\n"
      "7:71 steps[4].inputs.id: expected a String, got a Number\n"
      "7:106 steps[4].inputs.idd: idd is not declared, did you mean id?\n");
}

// The blocks of YAML of the reference: a process file, the same as an application file, and a
// workflow file.
TEST_F(ProcessFileTest, TheReferenceSaysWhatIsSo) {
  const std::string page = TextOf(MESG_PROCESS_FILES_REFERENCE);
  std::vector<std::string> blocks;
  for (std::size_t at = 0; (at = page.find("```yaml\n", at)) != std::string::npos;) {
    const std::size_t end = page.find("```\n", at += 8);
    blocks.push_back(page.substr(at, end - at));
    at = end;
  }
  ASSERT_EQ(blocks.size(), 3U);
  const ReadApplication process = Read(blocks[0]);
  const ReadApplication application = Read(blocks[1]);
  EXPECT_EQ(process.format, ApplicationFormat::kProcess);
  EXPECT_EQ(application.format, ApplicationFormat::kApplication);
  EXPECT_EQ(Read(blocks[2]).format, ApplicationFormat::kWorkflow);
  EXPECT_EQ(process.file.name, application.file.name);
  ASSERT_EQ(process.file.services.size(), application.file.services.size());
  for (std::size_t i = 0; i < process.file.services.size(); ++i) {
    EXPECT_EQ(process.file.services[i].alias, application.file.services[i].alias);
    EXPECT_EQ(process.file.services[i].use, application.file.services[i].use);
    EXPECT_EQ(process.file.services[i].env.size(), application.file.services[i].env.size());
  }
  const auto source = [](const ReadApplication& read) {
    return read.file.workflows.at(0).condition->expression.ToJq();
  };
  EXPECT_EQ(source(process), source(application));
  outputs_ = {{"text", R"({"result":"thanks, Zoe"})"}};
  const std::string good = R"({"customer":{"name":"Zoe","mail":"z@example.org"},"total":100,)"
                           R"("items":[{"kind":"book"}]})";
  EXPECT_EQ(Run(process, good), R"(texts.make {"name":"Zoe","template":"thanks"})"
                                "\nH74Qqq8nT5JZ9GSJmuSWLN5benWZPkUb5pYcvQLsoZX.send "
                                R"({"to":"z@example.org","text":"thanks, Zoe"})");
  EXPECT_EQ(Run(application, good), Run(process, good));
  EXPECT_EQ(Run(process, R"({"total":99,"items":[{"kind":"book"}]})"), "not started");
}

// What only all conditions of a filter together do wrong has one place as well.
TEST_F(ProcessFileTest, AFilterIsNoLargerThanAnExpressionMayBe) {
  std::string conditions;
  for (int i = 0; i < 900; ++i)
    conditions += fmt::format("{{ key: a, predicate: EQ, value: {} }},", i);
  EXPECT_THAT(
      Errors(Process("  - { type: filter, conditions: [" + conditions + "] }\n")),
      ::testing::StartsWith("f.yml:4:21: steps[1].conditions: the expression is not valid: "));
}

TEST_F(ProcessFileTest, ANameIsMadeOneOfAnApplication) {
  const auto named = [](const std::string& name) {
    return "name: " + name +
           "\nsteps: [{ type: trigger, instance: { src: ./x/shop }, eventKey: e }]\n";
  };
  const ReadApplication read = Read(named("\" Two \\t words\\n\""));
  EXPECT_EQ(read.file.name, "Two-words");
  EXPECT_EQ(Notes(read),
            "f.yml:1:1: name: the application is called Two-words: a name has no spaces");
  const ReadApplication own = Read(named("shop"));
  EXPECT_EQ(own.file.name, "shop");
  EXPECT_EQ(own.file.services.at(0).alias, "shop_2");  // `shop` stands for its own events.
  EXPECT_EQ(Notes(own), "");
  EXPECT_EQ(Errors(named("\" \"")),
            "f.yml:1:1: name: expected a name of 1 to 255 bytes, got \" \"");
  EXPECT_THAT(Errors(named(std::string(256, 'a'))),
              ::testing::StartsWith("f.yml:1:1: name: expected a name of 1 to 255 bytes, got "));
  const ReadApplication both = Read("key: one\n" + named("two"));
  EXPECT_EQ(both.file.name, "two");
}

TEST_F(ProcessFileTest, EverythingWrongIsSaidAtOnce) {
  EXPECT_EQ(
      Errors(Sample("broken-process.yml")),
      "f.yml:1:1: name: $(env:...) cannot stand here: what this is must be in the file\n"
      "f.yml:3:42: steps[0].instance.service: a service has one of src and service\n"
      "f.yml:3:60: steps[0].instance.env[0]: expected NAME=value, got \"A\"\n"
      "f.yml:3:63: steps[0].instance.env[1]: expected NAME=value, got \"=b\"\n"
      "f.yml:3:72: steps[0].instance.env[3]: the variable C is in the list twice\n"
      "f.yml:3:93: steps[0].taskKey: a trigger has one of eventKey and taskKey\n"
      "f.yml:4:7: steps[1].type: expected trigger, filter or task, got \"filtr\"\n"
      "f.yml:5:36: steps[2].conditions[0].key: path \"a..b\": a key is empty\n"
      "f.yml:5:47: steps[2].conditions[0].predicate: expected EQ, GT, GTE, LT, LTE or CONTAINS, "
      "got "
      "\"NE\"\n"
      "f.yml:5:62: steps[2].conditions[0].value: the \"$(env:\" in this text has no \")\"\n"
      "f.yml:6:5: steps[3].taskKey: required: expected a task of the service\n"
      "f.yml:6:67: steps[3].inputs.a.stepKey: there is no step later\n"
      "f.yml:6:98: steps[3].inputs.b.stepkey: unknown key, did you mean \"stepKey\"?\n"
      "f.yml:7:19: steps[4].key: x is the key of another step\n"
      "f.yml:7:27: steps[4].instance: expected a service such as {src: ./mail} or {service: HASH}, "
      "got \"5\"\n"
      "f.yml:7:52: steps[4].inputs: expected a mapping of the task's inputs, got a list");
}

TEST_F(ProcessFileTest, EachMistakeIsNamedWhereItIs) {
  const std::string start = "name: p\nsteps:\n  - ";
  const auto filter = [](const std::string& conditions) {
    return Process("  - { type: filter, conditions: " + conditions + " }\n");
  };
  const std::string many = [] {
    std::string list = "[";
    for (int i = 0; i < 1001; ++i) list += "{ key: a, predicate: EQ, value: 1 },";
    return list + "]";
  }();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"name: p\nsteps: 5\n",
       "f.yml:2:1: steps: expected a list of steps, the first of them a trigger, got \"5\""},
      {"name: ''\nstep: []\nsteps: [5]\n",
       "f.yml:1:1: name: expected text that is not empty, got \"\"\n"
       "f.yml:2:1: step: unknown key, did you mean \"steps\"?\n"
       "f.yml:3:9: steps[0]: expected a step such as {type: task, instance: {src: ./mail}, "
       "taskKey: send}, got \"5\""},
      {"name: p\nsteps: [{ type: trigger }]\n",
       "f.yml:2:9: steps[0]: expected instanceHash or instance: the service\n"
       "f.yml:2:9: steps[0]: expected eventKey or taskKey: what starts the process"},
      {"name: p\nsteps: [{ key: a }]\n",
       "f.yml:2:9: steps[0].type: required: expected trigger, filter or task"},
      {start + "{ type: task, instanceHash: h, taskKey: t }\n",
       "f.yml:3:5: steps[0]: expected a trigger: the first step says what starts the process"},
      {start + "{ type: trigger, instance: { src: '', envs: [] }, eventKey: [] }\n",
       "f.yml:3:34: steps[0].instance.src: expected text that is not empty, got \"\"\n"
       "f.yml:3:43: steps[0].instance.envs: unknown key, did you mean \"env\"?\n"
       "f.yml:3:55: steps[0].eventKey: expected text that is not empty, got a list"},
      {start + "{ type: trigger, instance: { env: 5 }, taskKey: $(env:T) }\n",
       "f.yml:3:22: steps[0].instance: expected src or service: where the service comes from\n"
       "f.yml:3:34: steps[0].instance.env: expected a list such as [TOKEN=$(env:TOKEN)], got "
       "\"5\"\n"
       "f.yml:3:44: steps[0].taskKey: $(env:...) cannot stand here: what this is must be in the "
       "file"},
      {start + "{ type: trigger, instanceHash: h, eventKey: e, key: { a: b }, inputs: {} }\n",
       "f.yml:3:52: steps[0].key: expected text that is not empty, got a mapping\n"
       "f.yml:3:67: steps[0].inputs: unknown key, expected one of type, key, instanceHash, "
       "instance, eventKey, taskKey"},
      {Process("  - { type: trigger, key: t, instanceHash: h, eventKey: e }\n" +
               Task(", inputs: { a: { key: b, stepKey: t } }")),
       "f.yml:4:5: steps[1]: a process has one trigger, its first step"},
      {Process("  - { type: filter }\n"),
       "f.yml:4:5: steps[1].conditions: required: expected what must hold to go on"},
      {filter("5"),
       "f.yml:4:21: steps[1].conditions: expected a mapping of fields to values, or a list such as "
       "[{key: total, predicate: GT, value: 5}], got \"5\""},
      {filter("[5, {}, { key: a, predicates: EQ, predicate: EQ, value: 1, valu: 2 }]"),
       "f.yml:4:34: steps[1].conditions[0]: expected a condition such as {key: total, predicate: "
       "GT, value: 5}, got \"5\"\n"
       "f.yml:4:37: steps[1].conditions[1].key: required: expected the path of what is compared\n"
       "f.yml:4:37: steps[1].conditions[1].predicate: required: expected EQ, GT, GTE, LT, LTE or "
       "CONTAINS\n"
       "f.yml:4:37: steps[1].conditions[1].value: required: expected what it is compared with\n"
       "f.yml:4:67: steps[1].conditions[2].predicate: is there in both spellings, use one\n"
       "f.yml:4:92: steps[1].conditions[2].valu: unknown key, did you mean \"value\"?"},
      {filter("[{ key: a, predicate: [], value: { b: $(env:) } }]"),
       "f.yml:4:44: steps[1].conditions[0].predicate: expected EQ, GT, GTE, LT, LTE or CONTAINS, "
       "got a list\n"
       "f.yml:4:68: steps[1].conditions[0].value.b: $(env:) names no variable, expected one such "
       "as $(env:TOKEN)"},
      {filter("[{ key: a, predicate: GT, value: true }, { key: a, predicate: LTE, value: $(env:A) "
              "}]"),
       "f.yml:4:59: steps[1].conditions[0].value: expected a number or a text for GT, got "
       "\"true\"\n"
       "f.yml:4:100: steps[1].conditions[1].value: expected a number for LTE: a variable is always "
       "text, got \"$(env:A)\""},
      {filter("[{ key: 'a[x]', stepKey: ordr, predicate: EQ, value: 1 }]"),
       "f.yml:4:36: steps[1].conditions[0].key: path \"a[x]\": expected a whole number and ] after "
       "[\n"
       "f.yml:4:49: steps[1].conditions[0].stepKey: there is no step ordr, did you mean order?"},
      {filter("{ $(env:A$(env:B): $(env:A$(env:B) }"),
       "f.yml:4:35: steps[1].conditions.$(env:A$(env:B): the \"$(env:\" in this text has no \")\""},
      {filter(many),
       "f.yml:4:21: steps[1].conditions: there are 1001 conditions, at most 1000 are allowed"},
      {Process("  - { type: filter, stepKey: nowhere, conditions: {} }\n"),
       "f.yml:4:21: steps[1].stepKey: there is no step nowhere"},
      {Process(Task(", key: one, inputs: { a: { key: 'a[' }, b: { key: '' }, c: { key: a, stepKey: "
                    "one }, d: { key: a, stepKey: one-inputs }, e: { key: $(env:A) } }")),
       "f.yml:4:86: steps[1].inputs.a.key: path \"a[\": expected a whole number and ] after [\n"
       "f.yml:4:104: steps[1].inputs.b.key: expected text that is not empty, got \"\"\n"
       "f.yml:4:128: steps[1].inputs.c.stepKey: the step one is not before this one\n"
       "f.yml:4:157: steps[1].inputs.d.stepKey: one-inputs is what the original called the inputs "
       "of a step: refer to what stands there instead\n"
       "f.yml:4:185: steps[1].inputs.e.key: $(env:...) cannot stand here: what this is must be in "
       "the file"},
      {Process(Task(", inputs: { a: { key: b, stepKey: two } }") + Task(", key: two")),
       "f.yml:4:84: steps[1].inputs.a.stepKey: the step two is not before this one"},
      {Process("  - { type: task, instanceHash: [], instance: {}, taskKey: t }\n"),
       "f.yml:4:19: steps[1].instanceHash: expected text that is not empty, got a list"},
      {Process(
           "  - { type: task, instance: { src: ./a, env: ['B=$(env:', $(env:C)=1] }, taskKey: t "
           "}\n"),
       "f.yml:4:47: steps[1].instance.env[0]: the \"$(env:\" in this text has no \")\"\n"
       "f.yml:4:59: steps[1].instance.env[1]: expected NAME=value, got \"$(env:C)=1\""},
  };
  for (const auto& [yaml, expected] : cases)
    EXPECT_EQ(Errors(yaml), expected) << yaml.substr(0, 400);
}

}  // namespace
}  // namespace mesg::app
