#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/service_test_support.h"

namespace mesg::services {
namespace {

using mesg::testing::Eventually;
using ::testing::HasSubstr;
using ::testing::Not;

class LoggerTest : public ServiceTest {
 protected:
  LoggerTest() : ServiceTest("logger") {}
  bool Wrote(const std::string& text) {
    return Eventually([&] { return Log().find(text) != std::string::npos; });
  }
};

TEST_F(LoggerTest, ALineIsInTheLogOfTheService) {
  StartService();
  EXPECT_EQ(Execute("log", R"({"message":"paid","data":{"order":7}})").value(),
            R"({"written":true})");
  EXPECT_TRUE(Wrote("info  paid {\"order\":7}")) << Log();
  KillService();
  ASSERT_TRUE(Execute("log", R"({"message":"again","level":"error"})"));
  EXPECT_TRUE(Wrote("error again")) << Log();
}

TEST_F(LoggerTest, WhatIsBelowTheLevelIsNotWritten) {
  StartService({{"LEVEL", "warn"}, {"FORMAT", "json"}});
  EXPECT_EQ(Execute("log", R"({"message":"quiet"})").value(), R"({"written":false})");
  ASSERT_TRUE(Execute("log", R"({"message":"loud","level":"warn"})"));
  EXPECT_TRUE(Wrote(R"("level":"warn","message":"loud"})")) << Log();
  EXPECT_THAT(Log(), Not(HasSubstr("quiet")));
}

TEST_F(LoggerTest, AWrongConfigurationIsRefusedWhenItIsDeployed) {
  StartCore();
  EXPECT_THAT(Refusal({{"LEVEL", "loud"}}),
              HasSubstr("env.LEVEL: expected one of debug, info, warn, error, got \"loud\""));
}

}  // namespace
}  // namespace mesg::services
