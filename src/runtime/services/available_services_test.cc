#include "runtime/services/available_services.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/process/testing.h"

namespace mesg::runtime {
namespace {

class AvailableServicesTest : public testing::Test {
 protected:
  void Add(const std::string& name, const std::string& yaml) {
    std::filesystem::create_directories(folder_.path() / name);
    std::ofstream(folder_.path() / name / "mesg.yml") << yaml;
  }
  std::string Listed() const {
    std::string all;
    for (const auto& definition : available_.List()) all += definition.Sid() + " ";
    return all;
  }

  TemporaryFolder folder_;
  AvailableServices available_{folder_.path()};
};

TEST_F(AvailableServicesTest, AreTheFoldersWithAValidDefinition) {
  Add("timer", "name: Timer\nsid: timer\n");
  Add("email", "name: E-mail\nsid: email\n");
  Add("broken", "name: [\n");
  std::filesystem::create_directory(folder_.path() / "empty");
  EXPECT_EQ(Listed(), "email timer ");
  EXPECT_EQ(available_.Find("timer").value(), folder_.path() / "timer");
}

TEST_F(AvailableServicesTest, WhatIsNotThereNamesTheNearest) {
  Add("email", "name: E-mail\nsid: email\n");
  const auto typo = available_.Find("emial");
  ASSERT_FALSE(typo);
  EXPECT_EQ(typo.error().code, Code::kNotFound);
  EXPECT_THAT(typo.error().message, testing::HasSubstr("did you mean \"email\"?"));
  for (const char* name : {"..", "", "/etc", "../email", "email/"}) {
    EXPECT_FALSE(available_.Find(name)) << name;
  }
}

TEST(AvailableServices, OfNoFolderThereAreNone) {
  EXPECT_TRUE(AvailableServices("").List().empty());
  EXPECT_TRUE(AvailableServices("/nonexistent").List().empty());
  EXPECT_FALSE(AvailableServices("/nonexistent").Find("email"));
}

}  // namespace
}  // namespace mesg::runtime
