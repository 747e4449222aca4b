#include <string>

#include "app/convert/conversion_fixture_test.h"

namespace mesg::app {
namespace {

std::string Workflow2018(const std::string& tasks) {
  return "title: w\nsource: { service: shop, event: order }\ninputs: { limit: 5, odd name: [a] }\n"
         "tasks:\n" +
         tasks;
}

class WorkflowFileTest : public ConversionTest {};

TEST_F(WorkflowFileTest, EveryConstructIsPerformed) {
  const ReadApplication read = Read(Sample("workflow.yml"));
  EXPECT_EQ(read.format, ApplicationFormat::kWorkflow);
  EXPECT_EQ(read.file.name, "Transfers-to-a-chat");
  EXPECT_EQ(read.file.description, "Tells a chat what was received");
  EXPECT_EQ(read.file.workflows.at(0).on.reference.alias, "Ethereum");
  EXPECT_EQ(read.file.workflows.at(0).on.reference.key, "onTransaction");
  ASSERT_EQ(read.file.services.size(), 3U);
  EXPECT_EQ(read.file.services[1].use, "Function");
  outputs_ = {{"makeTitle", R"({"result":"12 from me"})"}};
  const std::string event =
      R"({"to":"0x1341341973194938491371937311397314931971","amount":12,"from":"me",)"
      R"("block":{"final":true},"logs":[{"topic":"t"}]})";
  EXPECT_EQ(Run(read, event),
            R"(Function.execute {"data":{"amount":12,"from":"me","all":[1,true,null,"t"]},)"
            R"("function":"export default ({ amount, from }) => `${amount} from ${from}`\n"})"
            "\nChat.notify {\"endpoint\":\"https://chat.example/hook\",\"title\":\"12 from me "
            "(100)\"}\nFunction.count {}");
  inputs_ = R"({"chatEndpoint":"other"})";
  EXPECT_THAT(Run(read, event), ::testing::HasSubstr("{\"endpoint\":\"other\""));
  // What needs the result of a task that its filters held back is not performed either.
  EXPECT_EQ(Run(read, R"({"to":"somebody","block":{"final":true}})"), "Function.count {}");
  EXPECT_EQ(Run(read, R"({"to":"0x1341341973194938491371937311397314931971","block":5})"),
            "Function.count {}");
}

TEST_F(WorkflowFileTest, NodeListsAreKeptAndSaidToHaveNoEffectYet) {
  const ReadApplication read = Read(Sample("workflow.yml"));
  std::string lists;
  for (const NodeList& list : read.node_lists) {
    lists += fmt::format("{}:{} {} {} {}\n", list.place.line, list.place.column,
                         list.step.empty() ? "the trigger" : list.step,
                         list.allowed ? "only" : "never", fmt::join(list.nodes, ","));
  }
  EXPECT_EQ(lists,
            "7:3 the trigger only GNdKd5T3qffAzUe,xNjDlMJ9WnBZaDC\n"
            "10:3 the trigger never RT8t2bUMYKlNzMx\n"
            "26:5 makeTitle only GNdKd5T3qffAzUe\n"
            "34:5 notify never RT8t2bUMYKlNzMx\n");
  EXPECT_EQ(
      Notes(read),
      "f.yml:2:1: title: the application is called Transfers-to-a-chat: a name has no spaces\n"
      "f.yml:7:3: source.whitelist: is kept and not yet effective: any node may still do it\n"
      "f.yml:10:3: source.blacklist: is kept and not yet effective: any node may still do it\n"
      "f.yml:26:5: tasks.makeTitle.whitelist: is kept and not yet effective: any node may still do "
      "it\n"
      "f.yml:34:5: tasks.notify.blacklist: is kept and not yet effective: any node may still do "
      "it");
}

TEST_F(WorkflowFileTest, FiltersHoldBackWhatNeedsTheTask) {
  const ReadApplication read = Read(Workflow2018(
      "  a: { service: x, task: t, filters: { data: { n: 1, o: \"${workflow:source.p}\" } } }\n"
      "  b: { service: x, task: t, parameters: { v: \"${workflow:a.v}\" } }\n"
      "  c: { service: x, task: t, filters: { data: { m: \"${workflow:b.v}\", l: "
      "\"-${workflow:inputs.limit}\" } } }\n"
      "  d: { service: x, task: t, parameters: { all: \"${workflow:source}\" } }\n"));
  outputs_ = {{"a", R"({"v":3})"}, {"b", R"({"v":4})"}};
  EXPECT_EQ(Run(read, R"({"n":1,"o":2,"p":2,"m":4,"l":"-5"})"),
            "x.t {}\nx.t {\"v\":3}\nx.t {}\n"
            "x.t {\"all\":{\"n\":1,\"o\":2,\"p\":2,\"m\":4,\"l\":\"-5\"}}");
  EXPECT_EQ(Run(read, R"({"n":1,"o":2,"p":2,"m":5})"),
            "x.t {}\nx.t {\"v\":3}\nx.t {\"all\":{\"n\":1,\"o\":2,\"p\":2,\"m\":5}}");
  EXPECT_EQ(Run(read, R"({"n":2})"), "x.t {\"all\":{\"n\":2}}");
}

TEST_F(WorkflowFileTest, ConstantsBecomeInputsWithTheirValueAsDefault) {
  const ReadApplication read = Read(
      Workflow2018("  a: { service: x, task: t, parameters: { l: \"${workflow: inputs.limit }\", "
                   "o: \"${workflow:inputs.odd name[0]}\", all: \"${workflow:inputs}\" } }\n"));
  ASSERT_EQ(read.file.inputs.size(), 2U);
  EXPECT_EQ(read.file.inputs[0].parameter.type, ParameterType::kNumber);
  EXPECT_TRUE(read.file.inputs[0].parameter.optional);
  EXPECT_EQ(read.file.inputs[0].otherwise->Json(), "5");
  EXPECT_EQ(read.file.inputs[1].parameter.type, ParameterType::kAny);
  EXPECT_EQ(Run(read, "{}"),
            "x.t {\"l\":5,\"o\":\"a\",\"all\":{\"limit\":5,\"odd name\":[\"a\"]}}");
  const Findings found = Check(read.file, {});
  EXPECT_TRUE(found.errors.empty() && found.warnings.empty());
}

TEST_F(WorkflowFileTest, TheStaticCheckNamesPlacesOfTheFile) {
  const auto shop = ServiceDefinition::Parse(
      "name: shop\nevents: { order: { data: { id: { type: String } } } }\n"
      "tasks: { ship: { inputs: { id: { type: String } }, outputs: { n: { type: Number } } } }\n");
  ASSERT_TRUE(shop);
  const Findings found = Check(
      Read(Workflow2018(
               "  a: { service: shop, task: ship, parameters: { id: \"${workflow:source.idd}\" "
               "}, filters: { data: { idd: 1 } } }\n"
               "  b: { service: shop, task: ship, parameters: { id: \"${workflow:a.n}\" } }\n"
               "  c: { service: shop, task: shipp, parameters: { id: a } }\n"))
          .file,
      {{"shop", &*shop}});
  std::string text;
  for (const Violation& v : found.errors) {
    text += fmt::format("{}:{} {}: {}\n", v.line, v.column, v.path, v.reason);
  }
  EXPECT_EQ(text,
            "5:49 tasks.a.parameters.id: there is no .idd, did you mean id?\n"
            "5:100 tasks.a.filters.data.idd: there is no .idd, did you mean id?\n"
            "6:49 tasks.b.parameters.id: expected a String, got a Number\n"
            "7:23 tasks.c.task: shop has no task shipp, did you mean ship?\n");
}

TEST_F(WorkflowFileTest, EverythingWrongIsSaidAtOnce) {
  EXPECT_EQ(
      Errors(Sample("broken-workflow.yml")),
      "f.yml:1:1: title: expected text that is not empty, got \"\"\n"
      "f.yml:2:1: source.event: required: expected an event of the service\n"
      "f.yml:2:38: source.whitelist[1]: \"a\" is in the list twice\n"
      "f.yml:4:3: tasks.source: source is taken: expressions mean something else by it\n"
      "f.yml:5:3: tasks.x.service: required: expected a service\n"
      "f.yml:5:31: tasks.x.parameters.a: the task y is not before x\n"
      "f.yml:5:53: tasks.x.parameters.b: there is no task input, did you mean inputs?\n"
      "f.yml:5:79: tasks.x.parameters.c: path \"a..b\": a key is empty\n"
      "f.yml:6:40: tasks.y.filters.dat: unknown key, did you mean \"data\"?\n"
      "f.yml:6:57: tasks.y.parameters: expected a mapping of the task's parameters, got a list\n"
      "f.yml:7:11: inputs.a: an input is a constant, it refers to nothing");
}

TEST_F(WorkflowFileTest, EachMistakeIsNamedWhereItIs) {
  const std::string start = "title: w\nsource: { service: s, event: e }\ntasks: ";
  const auto task = [](const std::string& rest) {
    return Workflow2018("  a: { service: s, task: t, " + rest + " }\n");
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"tasks: 5\nsource: s\ntitel: a\n",
       "f.yml:1:1: tasks: expected a mapping of tasks, got \"5\"\n"
       "f.yml:1:1: title: required: expected the workflow's name\n"
       "f.yml:2:1: source: expected a mapping such as {service: ethereum, event: transfer}, got "
       "\"s\"\n"
       "f.yml:3:1: titel: unknown key, did you mean \"title\"?"},
      {"title: [a]\nsource: { service: [], event: '', evnt: e }\ntasks: {}\n",
       "f.yml:1:1: title: expected text that is not empty, got a list\n"
       "f.yml:2:11: source.service: expected text that is not empty, got a list\n"
       "f.yml:2:24: source.event: expected text that is not empty, got \"\"\n"
       "f.yml:2:35: source.evnt: unknown key, did you mean \"event\"?\n"
       "f.yml:3:1: tasks: expected at least one task"},
      {start + "{ '': {}, a: 5, '*': {}, inputs: { service: s, task: t } }\n",
       "f.yml:3:10: tasks.: the key is empty\n"
       "f.yml:3:18: tasks.a: expected a mapping such as {service: slack, task: notify}, got \"5\"\n"
       "f.yml:3:24: tasks.*: the key * is taken: filters use it for \"any\"\n"
       "f.yml:3:33: tasks.inputs: inputs is taken: expressions mean something else by it"},
      {start + "{ a: { service: '${workflow:source.s}', task: t } }\ninputs: 5\n",
       "f.yml:3:15: tasks.a.service: ${workflow:...} cannot stand here: what this is must be in "
       "the file\n"
       "f.yml:4:1: inputs: expected a mapping of constants, got \"5\""},
      {task("parameters: { a: '${workflow:}', b: '${workflow:[1]}', c: '${workflow:source' }"),
       "f.yml:5:43: tasks.a.parameters.a: the path is empty\n"
       "f.yml:5:62: tasks.a.parameters.b: ${workflow:[1]}: expected source, inputs or a task, then "
       "a path\n"
       "f.yml:5:84: tasks.a.parameters.c: the \"${workflow:\" in this text has no \"}\""},
      {task("parameters: { a: '${workflow:inputs.limt}', b: '${workflow:inputs.zzz}' }"),
       "f.yml:5:43: tasks.a.parameters.a: there is no input limt, did you mean limit?\n"
       "f.yml:5:73: tasks.a.parameters.b: there is no input zzz"},
      {task("parameters: { a: '${workflow:a.b} ${workflow:other.c}' }"),
       "f.yml:5:43: tasks.a.parameters.a: the task a is not before a\n"
       "f.yml:5:43: tasks.a.parameters.a: there is no task other"},
      {task("filters: { data: 5 }, whitelist: 5, blacklist: ['']"),
       "f.yml:5:40: tasks.a.filters.data: expected a mapping of fields to values, got \"5\"\n"
       "f.yml:5:51: tasks.a.whitelist: expected a list such as [a, b], got \"5\"\n"
       "f.yml:5:77: tasks.a.blacklist[0]: expected text that is not empty, got \"\""},
      {task("filters: { data: { 'a[': 1, b: '${workflow:a.b}' } }"),
       "f.yml:5:48: tasks.a.filters.data.a\\[: path \"a[\": expected a whole number and ] after [\n"
       "f.yml:5:57: tasks.a.filters.data.b: the task a is not before a"},
      {task("filters: 5"),
       "f.yml:5:29: tasks.a.filters: expected a mapping such as {data: {from: me}}, got \"5\""},
  };
  for (const auto& [yaml, expected] : cases) EXPECT_EQ(Errors(yaml), expected) << yaml;
}

}  // namespace
}  // namespace mesg::app
