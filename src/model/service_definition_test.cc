#include "model/service_definition.h"

#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/data_validator.h"
#include "model/definition_reader.h"

namespace mesg {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ServiceDefinition Parse(std::string_view yaml) {
  auto definition = ServiceDefinition::Parse(yaml);
  EXPECT_TRUE(definition) << (definition ? "" : definition.error().message);
  return definition ? *std::move(definition) : *ServiceDefinition::Parse("name: failed");
}

std::string Errors(std::string_view yaml) {
  const auto definition = ServiceDefinition::Parse(yaml);
  return definition ? "" : definition.error().message + "\n";
}

/// The outputs of the first task as "KEY(PARAMETER ...)".
std::string Outputs(std::string_view outputs) {
  const ServiceDefinition definition =
      Parse("name: n\ntasks:\n  t:\n    outputs: " + std::string(outputs) + "\n");
  std::string text;
  for (const OutputDefinition& output : definition.Tasks().front().outputs) {
    text += output.key + "(";
    for (const Parameter& parameter : output.data.parameters) text += parameter.key + " ";
    text += ")";
  }
  return text;
}

// The shape of services of 2018: named outputs, anchors, environment and dependencies of a
// container.
constexpr std::string_view kFirstGeneration = R"(
name: "Letter box"
description: Sends letters, tells of those that arrive
sid: com.example.letter-box
repository: https://example.com/letter-box
version: '2'
visibility: ALL
publish: SOURCE
configuration:
  env:
    - BOX_KEY=
    - BOX_URL=https://example.com/?a=b
  ports: [8080, "3004:3004"]
  volumes: [/data]
  volumesfrom: [store]
  command: npm start
dependencies:
  store:
    image: mongo:4
    ports:
      - "27017"
    volumes: [/data/db]
    volumesFrom: [service]
    args: [--quiet, --quiet]
    env: [MODE=quick]
events:
  letter-arrived:
    name: Letter arrived
    data: &letter
      from:
        type: String
      weight:
        type: Number
        optional: true
      stamps:
        type: Object
        repeated: true
        object:
          value: {type: Number}
  box.emptied:
    fees: {emitters: 1 MESG}
    data: {}
tasks:
  send:
    verifiable: false
    payable: true
    inputs:
      <<: *letter
      urgent: {type: Boolean}
    outputs:
      success:
        description: It is on its way
        data:
          id: {type: String}
      error:
        data:
          message: {type: String}
  burn:
    inputs:
    outputs:
      done:
        data: {}
)";

TEST(ServiceDefinitionTest, ReadsTheFirstGeneration) {
  const ServiceDefinition service = Parse(kFirstGeneration);
  EXPECT_EQ(service.Name(), "Letter box");
  EXPECT_EQ(service.Sid(), "com.example.letter-box");
  EXPECT_EQ(service.Version(), "") << "the number of an old file format is no version";
  EXPECT_EQ(service.Repository(), "https://example.com/letter-box");
  ASSERT_EQ(service.Events().size(), 2U);
  const EventDefinition& arrived = *service.FindEvent("letter-arrived");
  ASSERT_EQ(arrived.data.parameters.size(), 3U);
  EXPECT_EQ(arrived.data.parameters[1].type, ParameterType::kNumber);
  EXPECT_TRUE(arrived.data.parameters[1].optional);
  EXPECT_TRUE(arrived.data.parameters[2].repeated);
  EXPECT_EQ(arrived.data.parameters[2].object[0].key, "value");
  EXPECT_NE(service.FindEvent("box.emptied"), nullptr);
  EXPECT_EQ(service.FindEvent("nothing"), nullptr);

  const TaskDefinition& send = *service.FindTask("send");
  EXPECT_EQ(send.inputs.parameters.size(), 4U) << "merged from the event's data";
  EXPECT_EQ(send.FindOutput("success")->description, "It is on its way");
  EXPECT_EQ(send.FindOutput("error")->data.parameters[0].key, "message");
  EXPECT_EQ(send.FindOutput(""), nullptr);
  EXPECT_EQ(send.effect, Effect::kIdempotent);
  EXPECT_FALSE(send.timeout);
  EXPECT_THAT(service.FindTask("burn")->inputs.parameters, IsEmpty());

  ASSERT_EQ(service.Env().size(), 2U);
  EXPECT_EQ(service.Env()[0], (EnvDefinition{.key = "BOX_KEY", .value = ""}));
  EXPECT_EQ(service.Env()[1],
            (EnvDefinition{.key = "BOX_URL", .value = "https://example.com/?a=b"}));
  EXPECT_THAT(service.Configuration().ports, ElementsAre("8080", "3004:3004"));
  EXPECT_THAT(service.Configuration().volumes_from, ElementsAre("store"));
  EXPECT_EQ(service.Configuration().command, "npm start");
  EXPECT_THAT(service.Configuration().env, IsEmpty()) << "it is in Env()";
  const ContainerConfiguration& store = service.Dependencies().front().container;
  EXPECT_EQ(store.image, "mongo:4");
  EXPECT_THAT(store.args, ElementsAre("--quiet", "--quiet"));
  EXPECT_THAT(store.env, ElementsAre("MODE=quick"));
}

// The shape of 2019: one output set, bodies left out, no sid.
constexpr std::string_view kSecondGeneration = R"(
name: keeper
events:
  started:
tasks:
  ping:
  find:
    inputs:
      collection: {type: String}
      query: {type: Any, optional: true}
    outputs:
      data:
        type: Object
        repeated: true
      count:
        type: Number
configuration:
  env: [PLAIN, EMPTY=]
)";

TEST(ServiceDefinitionTest, ReadsTheSecondGeneration) {
  const ServiceDefinition service = Parse(kSecondGeneration);
  EXPECT_EQ(service.Sid(), "_" + service.Hash());
  EXPECT_THAT(service.FindEvent("started")->data.parameters, IsEmpty());
  const TaskDefinition& find = *service.FindTask("find");
  ASSERT_EQ(find.outputs.size(), 1U);
  EXPECT_EQ(find.outputs[0].key, "");
  EXPECT_EQ(find.outputs[0].data.parameters[0].key, "data");
  EXPECT_EQ(find.outputs[0].data.parameters[1].key, "count");
  EXPECT_NE(service.FindTask("ping")->FindOutput(""), nullptr) << "a task always has a result";
  EXPECT_EQ(service.Env()[0], (EnvDefinition{.key = "PLAIN"}));
  EXPECT_EQ(service.Env()[1], (EnvDefinition{.key = "EMPTY", .value = ""}));
}

TEST(ServiceDefinitionTest, TellsOneOutputSetFromNamedOutputs) {
  EXPECT_EQ(Outputs("{a: {type: String}, b: {schema: {minimum: 1}}}"), "(a b )");
  EXPECT_EQ(Outputs("{a: {data: {x: {type: String}}}, b: {data: {}}}"), "a(x )b()");
  EXPECT_EQ(Outputs("{data: {type: String}}"), "(data )");
  EXPECT_EQ(Outputs("{data: {data: {type: {type: Any}}}}"), "data(type )");
  EXPECT_EQ(Outputs("{a: , b: {name: B}}"), "a()b()");
  EXPECT_EQ(Outputs("{}"), "()");
  EXPECT_EQ(Outputs(""), "()");
  EXPECT_THAT(
      Errors("name: n\ntasks: {t: {outputs: {a: {type: Any}, b: {data: {}}}}}"),
      HasSubstr("tasks.t.outputs.a: is a parameter (it has a type), but other outputs are named"));
}

constexpr std::string_view kOurs = R"(
name: mailer
version: 1.2.0-rc.1+build.5
run: [node, index.js, ""]
health:
  command: [./check]
  interval: 10s
env:
  API_KEY: {description: From the provider, required: true, secret: true}
  REGION: eu
  LEVEL: {default: 3, type: Number}
  MODE: {enum: [fast, slow]}
  FREE:
events:
  sent:
    additional: false
    data:
      to: {schema: {type: string, pattern: '@', maxLength: 254}}
tasks:
  send:
    effect: once
    timeout: 1m30s
    retry: {attempts: 5, initial: 250ms, factor: 1.5, max: 5m, jitter: 0}
    additional: {inputs: false}
    inputs:
      to: {type: String}
      head: {type: Object, additional: false, object: {subject: {type: String}}}
    outputs:
      id: {type: String}
  check:
    additional: false
    outputs: {ok: {type: Boolean}}
  named:
    additional: false
    outputs:
      one: {additional: false, data: {}}
      two: {data: {}}
)";

TEST(ServiceDefinitionTest, ReadsWhatThisMesgAdds) {
  const ServiceDefinition service = Parse(kOurs);
  EXPECT_EQ(service.Version(), "1.2.0-rc.1+build.5");
  EXPECT_THAT(service.Run(), ElementsAre("node", "index.js", ""));
  EXPECT_THAT(service.Health()->command, ElementsAre("./check"));
  EXPECT_EQ(service.Health()->interval, seconds(10));
  EXPECT_EQ(service.Health()->timeout, seconds(5));
  EXPECT_THAT(service.Env(),
              ElementsAre(EnvDefinition{.key = "API_KEY",
                                        .description = "From the provider",
                                        .required = true,
                                        .secret = true},
                          EnvDefinition{.key = "REGION", .value = "eu"},
                          EnvDefinition{.key = "LEVEL", .value = "3", .type = EnvType::kNumber},
                          EnvDefinition{.key = "MODE", .choices = {"fast", "slow"}},
                          EnvDefinition{.key = "FREE"}));
  EXPECT_FALSE(service.FindEvent("sent")->data.additional);
  EXPECT_EQ(service.FindEvent("sent")->data.parameters[0].schema,
            R"({"maxLength":254,"pattern":"@","type":"string"})");

  const TaskDefinition& send = *service.FindTask("send");
  EXPECT_EQ(send.effect, Effect::kOnce);
  EXPECT_EQ(send.timeout, seconds(90));
  EXPECT_EQ(send.retry, (RetryPolicy{5, milliseconds(250), 1.5, minutes(5), 0}));
  EXPECT_FALSE(send.inputs.additional);
  EXPECT_TRUE(send.outputs[0].data.additional);
  EXPECT_FALSE(send.inputs.parameters[1].additional);
  EXPECT_FALSE(service.FindTask("check")->inputs.additional);
  EXPECT_FALSE(service.FindTask("check")->outputs[0].data.additional);
  EXPECT_FALSE(service.FindTask("named")->inputs.additional);
  EXPECT_FALSE(service.FindTask("named")->FindOutput("one")->data.additional);
  EXPECT_TRUE(service.FindTask("named")->FindOutput("two")->data.additional);
}

TEST(ServiceDefinitionTest, ALongFirstPauseLengthensTheLongest) {
  const auto retry = [](std::string_view yaml) {
    return *Parse("name: n\ntasks: {t: {retry: " + std::string(yaml) + "}}").Tasks()[0].retry;
  };
  EXPECT_EQ(retry("{initial: 5m}").max, minutes(5));
  EXPECT_EQ(retry("{}"), RetryPolicy());
  EXPECT_THAT(Errors("name: n\ntasks: {t: {retry: {initial: 5m, max: 1m}}}"),
              HasSubstr("max 1m, is shorter than its first, initial 5m"));
}

TEST(ServiceDefinitionTest, CanonicalFormGivesBackEverything) {
  for (const std::string_view yaml :
       {kFirstGeneration, kSecondGeneration, kOurs, std::string_view("name: 'odd \" \\ \u00e9'")}) {
    const ServiceDefinition service = Parse(yaml);
    const auto again = ServiceDefinition::FromCanonical(service.Canonical());
    ASSERT_TRUE(again) << again.error().message << "\n" << service.Canonical();
    EXPECT_EQ(again->Canonical(), service.Canonical());
    EXPECT_EQ(again->Hash(), service.Hash());
    EXPECT_EQ(again->Sid(), service.Sid());
    EXPECT_EQ(again->Events(), service.Events());
    EXPECT_EQ(again->Tasks(), service.Tasks());
    EXPECT_EQ(again->Env(), service.Env());
    EXPECT_EQ(again->Run(), service.Run());
    EXPECT_EQ(again->Health(), service.Health());
    EXPECT_EQ(again->Configuration(), service.Configuration());
    EXPECT_EQ(again->Dependencies(), service.Dependencies());
  }
}

TEST(ServiceDefinitionTest, CanonicalFormIsStable) {
  EXPECT_EQ(
      Parse("name: n\ntasks: {t: {outputs: {b: {type: Any}, a: {type: String, optional: yes}}}}")
          .Canonical(),
      R"({"name":"n","tasks":{"t":{"outputs":{"b":{"type":"Any"},"a":{"optional":true,"type":"String"}}}}})");
  EXPECT_EQ(Parse("name: n").Hash(), "GUD8NmMCbqComcAfqtdsuJiLtKnr72nhmd6BvuWKzZAb");
}

TEST(ServiceDefinitionTest, WhatIsNotCanonicalIsRefused) {
  const auto refused = [](std::string_view json) {
    const auto service = ServiceDefinition::FromCanonical(json);
    return service ? "accepted" : service.error().message;
  };
  EXPECT_THAT(refused("{"), HasSubstr("canonical service definition: not valid JSON"));
  EXPECT_THAT(refused(R"({"name":"n","nam":1})"), HasSubstr("nam: unknown key"));
  EXPECT_THAT(refused(R"({"name": "n"})"), HasSubstr("is not canonical"));
  EXPECT_THAT(refused(R"({"sid":"a","name":"n"})"), HasSubstr("is not canonical"));
  EXPECT_THAT(refused("[]"), HasSubstr("expected a mapping that describes a service, got a list"));
  EXPECT_EQ(refused(R"({"name":"n","sid":"a"})"), "accepted");
}

TEST(ServiceDefinitionTest, HashIsThatOfTheMeaning) {
  const std::string hash =
      Parse("name: n\nevents: {e: {data: {a: {type: Any}, b: {type: String}}}}").Hash();
  EXPECT_EQ(Parse(R"(# A comment
events:
  "e":
    data:
      b: &b
        type: 'String'   # another
        optional: false
      a: {type: Any, name: , object: }
visibility: ALL
name: n
)")
                .Hash(),
            hash);
  EXPECT_NE(Parse("name: m\nevents: {e: {data: {a: {type: Any}, b: {type: String}}}}").Hash(),
            hash);
  EXPECT_NE(Parse("name: n\nevents: {e: {data: {a: {type: Any}, b: {type: Any}}}}").Hash(), hash);
  EXPECT_NE(Parse("name: n\nrun: [a, b]").Hash(), Parse("name: n\nrun: [b, a]").Hash());
}

TEST(ServiceDefinitionTest, EveryErrorIsReportedWithItsPlaceAndPath) {
  const auto definition = ServiceDefinition::Parse(R"(
name: n
evnets: {}
tasks:
  send:
    inputs:
      to: {type: string}
      n: {optional: maybe}
    effect: twice
    timeout: 5
    retry: {attempts: 0}
tasks: {}
)",
                                                   "folder/mesg.yml");
  EXPECT_EQ(
      definition.error().message,
      "folder/mesg.yml:3:1: evnets: unknown key, did you mean \"events\"?\n"
      "folder/mesg.yml:7:12: tasks.send.inputs.to.type: expected String, Number, Boolean, Object "
      "or "
      "Any (did you mean String?), got \"string\"\n"
      "folder/mesg.yml:8:7: tasks.send.inputs.n.type: required: expected a type (String, Number, "
      "Boolean, Object or Any) or a schema\n"
      "folder/mesg.yml:8:11: tasks.send.inputs.n.optional: expected true or false, got \"maybe\"\n"
      "folder/mesg.yml:9:5: tasks.send.effect: expected none, idempotent or once, got \"twice\"\n"
      "folder/mesg.yml:10:5: tasks.send.timeout: expected a duration above 0 such as 500ms, 10s or "
      "1h30m, got \"5\"\n"
      "folder/mesg.yml:11:13: tasks.send.retry.attempts: expected a whole number from 1 to 1000, "
      "got "
      "\"0\"\n"
      "folder/mesg.yml:12:1: tasks: the key is there twice, first in line 4");
  EXPECT_EQ(definition.error().code, Code::kInvalidArgument);
  ASSERT_EQ(definition.error().violations.size(), 8U);
  EXPECT_EQ(
      definition.error().violations[1],
      (Violation{"tasks.send.inputs.to.type",
                 "expected String, Number, Boolean, Object or Any (did you mean String?), got "
                 "\"string\"",
                 7, 12}));
}

struct BadFile {
  const char* yaml;
  const char* error;
};

TEST(ServiceDefinitionTest, EachMistakeHasItsMessage) {
  const BadFile files[] = {
      {"", "mesg.yml:1:1: the file is empty"},
      {"description: x", "mesg.yml:1:1: name: required: expected the service's name"},
      {"name:", "1:1: name: expected text that is not empty"},
      {"name: ''", "1:1: name: expected text that is not empty"},
      {"name: [a]", "name: expected text, got a list"},
      {"[]", "expected a mapping that describes a service, got a list"},
      {"name: n\nx-unknown: 1", "x-unknown: unknown key, expected one of name, sid, description"},
      {"name: n\nsid: a b", "\"a b\" is no sid: expected letters, digits, hyphens and underscores"},
      {"name: n\nsid: -a", "no part to begin or end with a hyphen"},
      {"name: n\nsid: a..b", "no empty part between dots"},
      {"name: n\nsid: 1.2", "expected at least one letter"},
      {"name: n\nsid: 2TEKavWZ4UjtBhw4Y4vnbkNmbRKBBUrwLSVfbUtqbjHB", "could be taken for the hash"},
      {"name: n\nsid: _2TEKavWZ4UjtBhw4Y4vnbkNmbRKBBUrwLSVfbUtqbjHB",
       "could be taken for the hash"},
      {"name: n\nsid: [a]", "expected a service id such as com.example.mail, got a list"},
      {"name: n\nsid: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
       "expected at most 63 characters"},
      {"name: n\nrun: [a]\nversion: 1.0",
       "version: expected a version such as 1.4.0 (SemVer), got \"1.0\""},
      {"name: n\nrun: npm start",
       "expected a list of arguments such as [node, index.js] (no shell splits a "
       "line), got \"npm start\""},
      {"name: n\nrun: []", "expected at least the program to start"},
      {"name: n\nrun: [{}]", "run[0]: expected text, got a mapping"},
      {"name: n\nhealth: {interval: 1s}", "health.command: required: expected a list of arguments"},
      {"name: n\nhealth: {command: ./x}",
       "health.command: expected a list of arguments such as [./check]"},
      {"name: n\nhealth: {command: [x], timeout: 0s}",
       "health.timeout: expected a duration above 0"},
      {"name: n\nhealth: x",
       "expected a mapping such as {command: [./check], interval: 30s}, got \"x\""},
      {"name: n\nenv: [A=b]", "env: expected a mapping such as {API_KEY: {secret: true}}"},
      {"name: n\nenv: {1A: x}", "\"1A\" is no name of a variable"},
      {"name: n\nenv: {A: {value: x, default: y}}", "`value` and `default` mean the same"},
      {"name: n\nenv: {A: {value: x, required: true}}", "is required and has a default"},
      {"name: n\nenv: {A: {type: Text}}",
       "env.A.type: expected String, Number, Boolean or Duration, got \"Text\""},
      {"name: n\nenv: {A: {type: Number, value: 5x}}",
       "env.A: the default does not fit: expected a number, got \"5x\""},
      {"name: n\nenv: {A: {type: Duration, secret: true, value: soon}}",
       "expected a duration such as 30s or 5m, got another value"},
      {"name: n\nenv: {A: {enum: [a, b], value: c}}", "expected one of a, b, got \"c\""},
      {"name: n\nenv: {A: {enum: []}}", "env.A.enum: expected at least one value"},
      {"name: n\nenv: {A: {secret: maybe}}", "env.A.secret: expected true or false, got \"maybe\""},
      {"name: n\nenv: {A: x}\nconfiguration: {env: [A=y]}",
       "configuration.env[0]: \"A\" is declared before"},
      {"name: n\nconfiguration: {env: [A=y]}\nenv: {A: x}",
       "env.A: is declared in configuration.env too"},
      {"name: n\nconfiguration: {env: [A-B=y]}",
       "configuration.env[0]: \"A-B\" is no name of a variable"},
      {"name: n\nconfiguration: {env: [A, A=1]}", "configuration.env[1]: \"A\" is declared before"},
      {"name: n\nconfiguration: {env: {A: x}}", "a mapping belongs to the top-level env"},
      {"name: n\nconfiguration: {env: [[]]}", "configuration.env[0]: expected text, got a list"},
      {"name: n\nconfiguration: {image: x}",
       "configuration.image: the service itself has no image"},
      {"name: n\nconfiguration: {ports: [0]}",
       "configuration.ports[0]: expected a port such as 80"},
      {"name: n\nconfiguration: {ports: ['80:x']}", "expected a port such as 80, or 8080:80"},
      {"name: n\nconfiguration: {ports: [80, 80]}",
       "configuration.ports[1]: \"80\" is in the list twice"},
      {"name: n\nconfiguration: {ports: ['']}", "expected text that is not empty"},
      {"name: n\nconfiguration: {ports: 80}",
       "configuration.ports: expected a list such as [a, b], got \"80\""},
      {"name: n\nconfiguration: {volumesFrom: [a]}", "\"a\" is no other container of this file"},
      {"name: n\nconfiguration: {volumesFrom: [service]}", "\"service\" is no other container"},
      {"name: n\nconfiguration: {volumes: [a], volumesFrom: [], volumes-from: []}",
       "did you mean \"volumesfrom\""},
      {"name: n\ndependencies: {a: {image: x, volumesfrom: [a]}}", "\"a\" is no other container"},
      {"name: n\ndependencies: {a: {image: x, volumesfrom: [b], volumesFrom: [b]}, b: {image: y}}",
       "is there in both spellings"},
      {"name: n\ndependencies: {service: {image: x}}", "the name service is taken"},
      {"name: n\ndependencies: {a: }",
       "dependencies.a.image: required: expected the name of an image"},
      {"name: n\nevents: [a]", "events: expected a mapping of events, got a list"},
      {"name: n\nevents: {'': }", "the key is empty"},
      {"name: n\nevents: {'*': }", "the key * is taken"},
      {"name: n\nevents: {\"a\\nb\": }", "the key holds a control character"},
      {"name: n\nevents: {e: {data: {a: String}}}",
       "events.e.data.a: expected a mapping with a type, such as {type: String}, got \"String\""},
      {"name: n\nevents: {e: {data: {a: {type: {b: {type: Any}}}}}}",
       "events.e.data.a.type: expected String, Number, Boolean, Object or Any, got a mapping"},
      {"name: n\nevents: {e: {data: {a: {type: Any, object: {b: {type: Any}}}}}}",
       "events.e.data.a.object: belongs to parameters of type Object only"},
      {"name: n\nevents: {e: {data: {a: {type: String, additional: false}}}}",
       "events.e.data.a.additional: belongs to parameters of type Object only"},
      {"name: n\nevents: {e: {data: {a: {type: Any, schema: {}}}}}", "stands instead of a type"},
      {"name: n\nevents: {e: {data: {a: {schema: String}}}}",
       "expected a JSON Schema as a mapping"},
      {"name: n\nevents: {e: {data: {a: {schema: {typ: x}}}}}",
       "schema /typ: is not a keyword, did you mean"},
      {"name: n\nevents: {e: {additional: 1}}",
       "events.e.additional: expected true or false, got \"1\""},
      {"name: n\ntasks: {t: {outputs: [a]}}",
       "expected a mapping of parameters or of named outputs, got a list"},
      {"name: n\ntasks: {t: {additional: {input: false}}}", "expected one of inputs, outputs"},
      {"name: n\ntasks: {t: {additional: {outputs: false}, outputs: {a: {data: {}}}}}",
       "named outputs have an `additional` of their own"},
      {"name: n\ntasks: {t: {additional: maybe, outputs: {a: {type: Any}}}}",
       "expected true or false"},
      {"name: n\ntasks: {t: {effect: onc}}", "(did you mean once?)"},
      {"name: n\ntasks: {t: {retry: 3}}",
       "expected a mapping such as {attempts: 5, initial: 1s}, got \"3\""},
      {"name: n\ntasks: {t: {retry: {factor: 0.5}}}",
       "expected a number from 1 to 1000, got \"0.5\""},
      {"name: n\ntasks: {t: {retry: {jitter: nan}}}", "expected a number from 0 to 1, got \"nan\""},
      {"name: n\ntasks:\n  a: 1\n b: 2", "malformed YAML"},
      {"name: *x", "mesg.yml:1:7: malformed YAML"},
  };
  for (const BadFile& file : files) {
    const std::string errors = Errors(file.yaml);
    EXPECT_THAT(errors, HasSubstr(file.error)) << file.yaml;
    EXPECT_EQ(std::ranges::count(errors, '\n'), 1) << file.yaml << "\n" << errors;
  }
}

TEST(ServiceDefinitionTest, SemVerIsTakenToTheLetter) {
  const auto version = [](std::string_view text) {
    return Errors("name: n\nrun: [a]\nversion: " + std::string(text)).empty();
  };
  for (const char* good :
       {"0.0.0", "1.2.3", "10.20.30", "1.0.0-alpha.1", "1.0.0-0a", "1.0.0+001", "1.0.0-a-b+c-d"}) {
    EXPECT_TRUE(version(good)) << good;
  }
  for (const char* bad : {"1", "1.2", "1.2.3.4", "01.2.3", "v1.2.3", "1.2.3-", "1.2.3-01",
                          "1.2.3-a..b", "1.2.3+", "a.b.c"}) {
    EXPECT_FALSE(version(bad)) << bad;
  }
}

TEST(ServiceDefinitionTest, HostileFilesCostLittle) {
  // Each of these would take minutes if errors, names or paths were not bounded.
  std::string unknown = "name: n\nevents: {e: {data: {a: {type: Any}}}}\n";
  for (int i = 0; i < 60'000; ++i) unknown += "k" + std::to_string(i) + ": 1\n";
  EXPECT_THAT(Errors(unknown), HasSubstr("mesg.yml: and 59900 more errors"));
  std::string variables = "name: n\nenv:\n";
  for (int i = 0; i < 60'000; ++i) variables += "  V" + std::to_string(i) + ":\n";
  EXPECT_THAT(Errors(variables), HasSubstr("declares 60000 variables, at most 1000 are allowed"));
  std::string entries = "name: n\nconfiguration:\n  env:\n";
  for (int i = 0; i < 60'000; ++i) entries += "  - V" + std::to_string(i) + "\n";
  EXPECT_THAT(Errors(entries), HasSubstr("the list has 60000 entries, at most 1000 are allowed"));
  std::string containers = "name: n\ndependencies:\n";
  for (int i = 0; i < 20'000; ++i) {
    containers += fmt::format("  d{0}: {{image: x, volumesFrom: [d{0}]}}\n", i);
  }
  EXPECT_THAT(Errors(containers), HasSubstr("names 20000 dependencies, at most 100 are allowed"));
  std::string key = "name: n\nevents:\n  " + std::string(1000, 'k') + ":\n    data:\n";
  for (int i = 0; i < 20'000; ++i) key += "      p" + std::to_string(i) + ": {type: Any}\n";
  EXPECT_THAT(Errors(key), HasSubstr("the key has 1000 bytes, at most 256 are allowed"));
}

TEST(ServiceDefinitionTest, NoSectionHasAKeyTwiceAndEachHasAMeaning) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const DefinitionField& field : DefinitionFields()) {
    EXPECT_TRUE(seen.emplace(field.section, field.key).second) << field.section << "." << field.key;
    EXPECT_FALSE(field.expected.empty());
    EXPECT_FALSE(field.meaning.empty());
  }
  EXPECT_GT(seen.size(), 50U);
}

TEST(ServiceDefinitionTest, TheReferenceNamesEveryKey) {
  std::ifstream file(MESG_YML_REFERENCE);
  ASSERT_TRUE(file) << "the reference is missing";
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  for (const DefinitionField& field : DefinitionFields()) {
    EXPECT_THAT(text, HasSubstr(fmt::format("`{}`", field.key)));
    if (field.ignored) continue;
    EXPECT_THAT(text, HasSubstr(fmt::format("| `{}` | {} | {} |", field.key, field.expected,
                                            field.meaning)));
  }
}

TEST(ServiceDefinitionTest, ParametersOfAFileValidateData) {
  const ServiceDefinition service = Parse(kOurs);
  const auto validator = *DataValidator::Compile(service.FindEvent("sent")->data);
  EXPECT_TRUE(validator.Validate(R"({"to":"ann@example.org"})", "data"));
  EXPECT_FALSE(validator.Validate(R"({"to":"ann"})", "data"));
  EXPECT_FALSE(validator.Validate(R"({"to":"ann@example.org","cc":1})", "data"));
}

}  // namespace
}  // namespace mesg
