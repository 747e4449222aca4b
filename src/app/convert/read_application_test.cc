#include "app/convert/read_application.h"

#include <string>

#include "app/convert/conversion_fixture_test.h"
#include "app/convert/jq_source.h"

namespace mesg::app {

std::string ConversionTest::Sample(const std::string& name) {
  return TextOf(std::string(MESG_CONVERT_SAMPLES) + "/" + name);
}

namespace {

class ReadApplicationTest : public ConversionTest {};

constexpr const char* kThree =
    "an application has name, services and workflows, a process file has name and steps, a "
    "workflow file of 2018 has title, source and tasks";

TEST_F(ReadApplicationTest, AnApplicationStaysWhatItIs) {
  const ReadApplication read = Read(
      "name: n\nservices: { mail: { use: m, env: { A: 1, B: \"${ $env.B }\" } }, shop: shop "
      "}\nworkflows: { w: { on: shop.order, steps: [] } }\n");
  EXPECT_EQ(read.format, ApplicationFormat::kApplication);
  EXPECT_EQ(Name(read.format), "application");
  EXPECT_EQ(read.file.name, "n");
  EXPECT_EQ(read.file.workflows.at(0).key, "w");
  EXPECT_TRUE(read.notes.empty());
  EXPECT_EQ(read.env_texts, (std::map<std::string, std::map<std::string, std::string>>{
                                {"mail", {{"A", "1"}, {"B", "${ $env.B }"}}}}));
}

TEST_F(ReadApplicationTest, KeysTellTheFormat) {
  EXPECT_EQ(Name(ApplicationFormat::kProcess), "process");
  EXPECT_EQ(Name(ApplicationFormat::kWorkflow), "workflow");
  EXPECT_EQ(FormatOf("services: {}\n"), ApplicationFormat::kApplication);
  EXPECT_EQ(FormatOf("steps: 5\n"), ApplicationFormat::kProcess);
  EXPECT_EQ(FormatOf("title: t\n"), ApplicationFormat::kWorkflow);
  EXPECT_EQ(FormatOf("name: n\n"), std::nullopt);
  EXPECT_EQ(FormatOf("["), std::nullopt);
  EXPECT_EQ(Errors("name: n\nservices: {}\n"),
            "f.yml:1:1: workflows: required: expected what the application does, at least one");
  EXPECT_EQ(Errors("steps: []\n"),
            "f.yml:1:1: name: required: expected the name of the process\n"
            "f.yml:1:1: steps: expected at least one step, a trigger");
  EXPECT_EQ(Errors("title: t\n"),
            "f.yml:1:1: source: required: expected the service and the event that start it\n"
            "f.yml:1:1: tasks: required: expected what it does");
}

TEST_F(ReadApplicationTest, AnUnclearFileIsAnErrorThatNamesAllThree) {
  for (const char* yaml : {"name: n\n", "", "[]", "5", "inputs: {}\nname: n\n"}) {
    EXPECT_EQ(Errors(yaml), std::string("f.yml:1:1: cannot tell what this file is: ") + kThree)
        << yaml;
  }
  EXPECT_EQ(Errors("name: n\nworkflow: {}\n"),
            std::string("f.yml:2:1: workflow: cannot tell what this file is, did you mean "
                        "workflows? ") +
                kThree);
  EXPECT_EQ(
      Errors("name: n\nsteps: []\nworkflows: {}\n"),
      std::string("f.yml:3:1: workflows: cannot tell what this file is, it has steps already: ") +
          kThree);
  EXPECT_EQ(Errors("tasks: {}\nsteps: []\n"),
            std::string("f.yml:2:1: steps: cannot tell what this file is, it has tasks already: ") +
                kThree);
}

TEST_F(ReadApplicationTest, WhatIsNoYamlIsRefusedWithItsPlace) {
  EXPECT_THAT(Errors("steps: [\n"), ::testing::StartsWith("f.yml:"));
  EXPECT_EQ(
      Errors("name: n\nname: m\nsteps:\n  - { type: trigger, instanceHash: h, eventKey: e }\n"),
      "f.yml:2:1: name: the key is there twice, first in line 1");
}

TEST_F(ReadApplicationTest, TheSameTextGivesTheSameApplication) {
  const std::string yaml =
      "name: n\nsteps:\n  - { type: trigger, instanceHash: h, eventKey: e }\n"
      "  - { type: task, instance: { src: a, env: [B=1] }, taskKey: t, inputs: { a: { key: b } } "
      "}\n";
  const ReadApplication one = Read(yaml);
  const ReadApplication two = Read(yaml);
  EXPECT_EQ(Run(one, R"({"b":1})"), Run(two, R"({"b":1})"));
  ASSERT_EQ(one.file.services.size(), two.file.services.size());
  for (std::size_t i = 0; i < one.file.services.size(); ++i) {
    EXPECT_EQ(one.file.services[i].alias, two.file.services[i].alias);
  }
}

}  // namespace
}  // namespace mesg::app
