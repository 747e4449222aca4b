#include "daemon/values.h"

#include <gtest/gtest.h>

namespace mesg::daemon {
namespace {

TEST(Values, SizesAreReadInBothSystems) {
  EXPECT_EQ(ParseSize("4MiB").value(), std::uint64_t{4} << 20);
  EXPECT_EQ(ParseSize("512 KiB").value(), 512U * 1024);
  EXPECT_EQ(ParseSize("10GB").value(), 10'000'000'000U);
  EXPECT_EQ(ParseSize("2kB").value(), 2000U);
  EXPECT_EQ(ParseSize("17B").value(), 17U);
  EXPECT_EQ(ParseSize("4096").value(), 4096U);
  EXPECT_EQ(ParseSize("0").value(), 0U);
}

TEST(Values, WhatIsNoSizeIsRefused) {
  for (const char* text : {"", "MiB", "4MB2", "4 mib", "-1", "1.5MiB", "4  MiB", "4MiB ", "4 "}) {
    EXPECT_FALSE(ParseSize(text)) << text;
  }
  EXPECT_EQ(ParseSize("99999999TiB").error().message,
            "must be a size below 16 EiB, got \"99999999TiB\"");
}

TEST(Values, SizesAreWrittenSoThatTheyReadBackTheSame) {
  for (const std::uint64_t bytes :
       {0ULL, 1ULL, 1000ULL, 1024ULL, 1536ULL, 4ULL << 20, 10ULL << 30, 123456789ULL, 5ULL << 40}) {
    EXPECT_EQ(ParseSize(FormatSize(bytes)).value(), bytes) << FormatSize(bytes);
  }
  EXPECT_EQ(FormatSize(std::uint64_t{4} << 20), "4MiB");
}

TEST(Values, CountsNumbersAndWords) {
  EXPECT_EQ(ParseCount("1_000_000").value(), 1'000'000U);
  for (const char* text : {"", "_", "1.0", "-1", "1k", "99999999999999999999"}) {
    EXPECT_FALSE(ParseCount(text)) << text;
  }
  EXPECT_EQ(ParseReal("0.25").value(), 0.25);
  EXPECT_FALSE(ParseReal("a quarter"));
  EXPECT_TRUE(ParseBool("yes").value());
  EXPECT_FALSE(ParseBool("off").value());
  EXPECT_EQ(ParseBool("maybe").error().message, "must be true or false, got \"maybe\"");
}

}  // namespace
}  // namespace mesg::daemon
