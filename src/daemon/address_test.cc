#include "daemon/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
namespace mesg::daemon {
namespace {

using testing::HasSubstr;

TEST(AddressTest, IsReadAndWrittenTheSame) {
  for (const char* text : {"localhost:50052", "127.0.0.1:0", "[::1]:50052", "*:50052", "[::]:80"}) {
    EXPECT_EQ(Address::Parse(text).value().Text(), text);
  }
}

TEST(AddressTest, WhatIsNoAddressIsRefused) {
  for (const char* text : {"", "localhost", "localhost:", "localhost:65536", "::1:50052",
                           "[localhost]:1", "localhost:1x"}) {
    EXPECT_THAT(Address::Parse(text).error().message, HasSubstr("must be HOST:PORT")) << text;
  }
  EXPECT_FALSE(Address::Parse("[]:1"));
  EXPECT_EQ(Address::Parse(":1").value().Text(), "*:1");
  EXPECT_THAT(Address::Parse("example.org:80").error().message, HasSubstr("numeric address"));
}

TEST(AddressTest, OnlyThisMachineCanReachLoopback) {
  for (const char* text : {"localhost:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1"}) {
    EXPECT_TRUE(Address::Parse(text).value().IsLoopback()) << text;
  }
  for (const char* text : {"*:1", "0.0.0.0:1", "[::]:1", "192.168.0.1:1"}) {
    EXPECT_FALSE(Address::Parse(text).value().IsLoopback()) << text;
  }
}

TEST(AddressTest, AListHasNoEmptyMember) {
  EXPECT_EQ(FormatAddresses(ParseAddresses("127.0.0.1:1, [::1]:1").value()), "127.0.0.1:1,[::1]:1");
  EXPECT_FALSE(ParseAddresses("127.0.0.1:1,"));
  EXPECT_FALSE(ParseAddresses(""));
}

TEST(AddressTest, LocalhostIsBothLoopbacks) {
  EXPECT_THAT(ToListen({{"localhost", 7}, {"::1", 7}}),
              testing::ElementsAre("127.0.0.1:7", "[::1]:7"));
  EXPECT_THAT(ToListen({{"*", 7}, {"::", 8}}), testing::ElementsAre("0.0.0.0:7", "[::]:8"));
}

TEST(AddressTest, IsShownAsItWasWrittenWithThePortItGot) {
  EXPECT_EQ(ToShow({{"localhost", 0}}, {"127.0.0.1:7", "[::1]:7"}).value(), "localhost:7");
}

TEST(AddressTest, ServicesReachAWildcardByLoopback) {
  EXPECT_EQ(ToConnect("0.0.0.0:5").value(), "127.0.0.1:5");
  EXPECT_EQ(ToConnect("[::1]:5").value(), "[::1]:5");
  EXPECT_FALSE(ToConnect("nowhere"));
}

}  // namespace
}  // namespace mesg::daemon
