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
  auto file = ApplicationFile::Parse(yaml);
  if (!file) return file.error().message + "\n";
  Findings findings = Check(*file, {{"shop", &shop}});
  std::string text;
  if (!findings.errors.empty()) {
    text += RefuseFile("app.yml", std::move(findings.errors), 0, "INVALID_APPLICATION").message;
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

TEST(BrokenFilesTest, ThereAreFortyAtLeast) { EXPECT_GE(BrokenFiles().size(), 40U); }

}  // namespace
}  // namespace mesg::app
