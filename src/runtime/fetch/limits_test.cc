#include "runtime/fetch/limits.h"

#include <gtest/gtest.h>

namespace mesg::runtime {
namespace {

TEST(CleanPathTest, KeepsGoodPaths) {
  EXPECT_EQ(CleanPath("a/b.c", {}).value(), "a/b.c");
  EXPECT_EQ(CleanPath("./a//b/", {}).value(), "a/b");
  EXPECT_EQ(CleanPath("./", {}).value(), "");
  EXPECT_EQ(CleanPath("..a/b..", {}).value(), "..a/b..");
  EXPECT_EQ(CleanPath("\xc3\xa4 b", {}).value(), "\xc3\xa4 b");
}

TEST(CleanPathTest, RefusesWhatLeavesTheFolderOrDeceives) {
  for (const std::string& path :
       {std::string("/etc/passwd"), std::string(".."), std::string("a/../../b"),
        std::string("../b"), std::string("a/.."), std::string("a\nb"), std::string("a\x1b[2J"),
        std::string("a\\b"), std::string("a\0b", 3)}) {
    const auto clean = CleanPath(path, {});
    ASSERT_FALSE(clean) << path;
    EXPECT_EQ(clean.error().code, Code::kInvalidArgument);
  }
}

TEST(CleanPathTest, RefusesWhatIsTooLong) {
  EXPECT_EQ(CleanPath(std::string(256, 'a'), {}).error().code, Code::kResourceExhausted);
  std::string deep;
  for (int i = 0; i < 600; ++i) deep += "a/";
  EXPECT_EQ(CleanPath(deep, {}).error().code, Code::kResourceExhausted);
}

TEST(FetchBudgetTest, HoldsItsLimitsExactly) {
  FetchBudget budget({.max_bytes = 10, .max_files = 2});
  EXPECT_TRUE(budget.AddBytes(4));
  EXPECT_TRUE(budget.AddBytes(6));
  EXPECT_FALSE(budget.AddBytes(1));
  EXPECT_FALSE(budget.AddBytes(~0ULL));
  EXPECT_TRUE(budget.AddFile());
  EXPECT_TRUE(budget.AddFile());
  EXPECT_FALSE(budget.AddFile());
}

}  // namespace
}  // namespace mesg::runtime
