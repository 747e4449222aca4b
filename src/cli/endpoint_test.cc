#include "cli/endpoint.h"

#include <fstream>
#include <map>

#include <gtest/gtest.h>
#include <unistd.h>

namespace mesg::cli {
namespace {

class EndpointTest : public testing::Test {
 protected:
  EndpointTest() {
    std::filesystem::remove_all(home_);
    std::filesystem::create_directories(home_);
    variables_["MESG_HOME"] = home_.string();
  }
  ~EndpointTest() override { std::filesystem::remove_all(home_); }

  std::string Find(const std::string& flag = "") {
    const auto endpoint =
        FindEndpoint(flag, [this](const std::string& name) -> std::optional<std::string> {
          const auto found = variables_.find(name);
          if (found == variables_.end()) return std::nullopt;
          return found->second;
        });
    return endpoint ? *endpoint : endpoint.error().message;
  }
  void Config(const std::string& text) { std::ofstream(home_ / "config.yml") << text; }

  const std::filesystem::path home_ =
      testing::TempDir() + "endpoint_test_" + std::to_string(getpid());
  std::map<std::string, std::string> variables_;
};

TEST_F(EndpointTest, TheFlagGoesBeforeTheEnvironmentBeforeTheFile) {
  EXPECT_EQ(Find(), "localhost:50052");
  Config("grpc_address: localhost:1\n");
  EXPECT_EQ(Find(), "localhost:1");
  variables_["MESG_GRPC_ADDRESS"] = "localhost:2";
  EXPECT_EQ(Find(), "localhost:2");
  variables_["MESG_ENDPOINT"] = "localhost:3";
  EXPECT_EQ(Find(), "localhost:3");
  EXPECT_EQ(Find("localhost:4"), "localhost:4");
}

TEST_F(EndpointTest, AWildcardAddressIsReachedOverLoopback) {
  for (const char* address : {"0.0.0.0:9", "[::]:9", ":9", "*:9"}) {
    variables_["MESG_GRPC_ADDRESS"] = address;
    EXPECT_EQ(Find(), "localhost:9") << address;
  }
}

TEST_F(EndpointTest, OfSeveralAddressesTheFirstIsTaken) {
  Config("grpc_address: 127.0.0.1:9,[::1]:9\n");
  EXPECT_EQ(Find(), "127.0.0.1:9");
}

TEST_F(EndpointTest, WhatIsNoAddressIsRefused) {
  EXPECT_EQ(Find("localhost"),
            "--endpoint must be HOST:PORT like localhost:50052, got \"localhost\"");
  EXPECT_EQ(Find("localhost:99999"),
            "--endpoint must be HOST:PORT like localhost:50052, got \"localhost:99999\"");
  EXPECT_EQ(Find(":1"), "--endpoint must be HOST:PORT like localhost:50052, got \":1\"");
  variables_["MESG_ENDPOINT"] = "x:y";
  EXPECT_EQ(Find(), "MESG_ENDPOINT must be HOST:PORT like localhost:50052, got \"x:y\"");
}

TEST_F(EndpointTest, ABrokenFileIsNamed) {
  Config("grpc_address: [\n");
  EXPECT_NE(Find().find("config.yml, line"), std::string::npos) << Find();
}

TEST_F(EndpointTest, LoopbackIsKnownByNameAndAddress) {
  EXPECT_TRUE(IsLoopback("localhost:1"));
  EXPECT_TRUE(IsLoopback("127.0.0.1:1"));
  EXPECT_TRUE(IsLoopback("[::1]:1"));
  EXPECT_FALSE(IsLoopback("core.example:1"));
  EXPECT_FALSE(IsLoopback("10.0.0.1:1"));
}

}  // namespace
}  // namespace mesg::cli
