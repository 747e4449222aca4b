#include "connector/address.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mesg::services {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Result<Address> Parse(const std::string& url) {
  return ParseAddress("URL", url, {{"redis", 6379}, {"rediss", 6380}});
}

TEST(AddressTest, TakesAUrlApart) {
  const Address all = Parse("rediss://ann:p%40ss%2F@example.org:7000/2").value();
  EXPECT_EQ(all.scheme, "rediss");
  EXPECT_EQ(all.user, "ann");
  EXPECT_EQ(all.password, "p@ss/");
  EXPECT_EQ(all.Place(), "example.org:7000");
  EXPECT_EQ(all.path, "2");
  EXPECT_EQ(Parse("redis://h").value().Place(), "h:6379");
  EXPECT_EQ(Parse("rediss://:secret@h").value().password, "secret");
  EXPECT_EQ(Parse("redis://[::1]:1").value().Place(), "[::1]:1");
}

TEST(AddressTest, NeverShowsWhatItRefuses) {
  for (const char* url : {"http://:topsecret@h", "topsecret", "redis://:topsecret@h:99999", ""}) {
    const auto parsed = Parse(url);
    ASSERT_FALSE(parsed) << url;
    EXPECT_THAT(parsed.error().message, HasSubstr("URL: expected redis:// or rediss://"));
    EXPECT_THAT(parsed.error().message, Not(HasSubstr("topsecret")));
  }
}

}  // namespace
}  // namespace mesg::services
