#include <cctype>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "app/check/check.h"
#include "model/yaml_reader.h"

// Files that are wrong, each with everything that is said of it: the table is broken_files.txt.

namespace mesg::app {
namespace {

struct BrokenFile {
  std::string name;
  std::string yaml;
  std::string messages;
};

std::string Content(const char* name) {
  std::ifstream file(std::string(MESG_CHECK_FOLDER) + "/" + name);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<BrokenFile> BrokenFiles() {
  constexpr std::string_view kBegin = "=== ";
  constexpr std::string_view kMessages = "---->";
  std::vector<BrokenFile> files;
  bool messages = false;
  std::ifstream table(std::string(MESG_CHECK_FOLDER) + "/broken_files.txt");
  for (std::string line; std::getline(table, line);) {
    if (line.starts_with(kBegin)) {
      files.push_back({.name = line.substr(kBegin.size()), .yaml = {}, .messages = {}});
      messages = false;
    } else if (line == kMessages) {
      messages = true;
    } else if (!files.empty() && !(messages && line.empty())) {
      (messages ? files.back().messages : files.back().yaml) += line + '\n';
    }
  }
  return files;
}

// Everything that is said of a file, as a person sees it.
std::string Say(const std::string& yaml, const ServiceDefinition& shop) {
  Findings findings = Check(ApplicationFile::Read(yaml), {{"shop", &shop}});
  std::string text;
  if (!findings.errors.empty()) {
    text += RefuseFile("app.yml", std::move(findings.errors), findings.not_listed, "").message;
    text += '\n';
  }
  for (const Violation& warning : findings.warnings) {
    text += "warning: " + RefuseFile("app.yml", {warning}, 0, "").message + "\n";
  }
  return text;
}

class BrokenFileTest : public ::testing::TestWithParam<BrokenFile> {};

TEST_P(BrokenFileTest, EverythingIsSaid) {
  const auto shop = ServiceDefinition::Parse(Content("shop.yml"));
  ASSERT_TRUE(shop) << shop.error().message;
  EXPECT_EQ(Say(GetParam().yaml, *shop), GetParam().messages) << GetParam().name;
}

INSTANTIATE_TEST_SUITE_P(Table, BrokenFileTest, ::testing::ValuesIn(BrokenFiles()),
                         [](const auto& file) {
                           std::string name;
                           for (const char c : file.param.name) {
                             if (std::isalnum(static_cast<unsigned char>(c)) != 0) name += c;
                           }
                           return name;
                         });

// What could be read is compared, whatever is missing: with each line of each file left out, and
// with each end.
TEST(BrokenFilesTest, EveryPartOfAFileIsChecked) {
  const auto shop = ServiceDefinition::Parse(Content("shop.yml"));
  ASSERT_TRUE(shop) << shop.error().message;
  for (const BrokenFile& file : BrokenFiles()) {
    const std::string& yaml = file.yaml;
    for (std::size_t begin = 0; begin < yaml.size();) {
      const std::size_t end = yaml.find('\n', begin) + 1;
      const std::string without = yaml.substr(0, begin) + yaml.substr(end);
      EXPECT_EQ(ApplicationFile::Parse(without).has_value(),
                ApplicationFile::Read(without).IsWhole());
      EXPECT_LE(Check(ApplicationFile::Read(without), {{"shop", &*shop}}).errors.size(), 100U);
      begin = end;
    }
    for (std::size_t size = 0; size < yaml.size(); size += 5) {
      const ApplicationReading reading = ApplicationFile::Read(yaml.substr(0, size));
      const Findings findings = Check(reading, {{"shop", &*shop}});
      EXPECT_GE(findings.errors.size(), reading.violations.size());
    }
  }
}

// Of very many the first are told, and how many more there are.
TEST(BrokenFilesTest, AHundredErrorsAreListed) {
  std::string yaml =
      "name: orders\nevents: { e: {} }\nworkflows: { w: { on: { manual: {} }, steps: [\n";
  for (int i = 0; i < 60; ++i) yaml += "{ emit: nothing }, { wait: soon }, { run: nothing },\n";
  const Findings findings = Check(ApplicationFile::Read(yaml + "] } }"), {});
  EXPECT_EQ(findings.errors.size(), 100U);
  EXPECT_EQ(findings.not_listed, 80U);
}

// What each of many workflows causes starts all of them.
TEST(BrokenFilesTest, ManyCirclesAreToldInShort) {
  std::string yaml = "name: orders\nevents: { e: {} }\nworkflows:\n";
  for (int i = 0; i < 3000; ++i) {
    yaml += "  w" + std::to_string(i) + ": { on: orders.e, steps: [{ emit: e }] }\n";
  }
  const Findings findings = Check(ApplicationFile::Read(yaml), {});
  EXPECT_EQ(findings.errors.size(), 0U);
  EXPECT_EQ(findings.warnings.size(), 100U);
}

TEST(BrokenFilesTest, ThereAreFortyAtLeast) { EXPECT_GE(BrokenFiles().size(), 40U); }

}  // namespace
}  // namespace mesg::app
