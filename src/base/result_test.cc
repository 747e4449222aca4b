#include "base/result.h"

#include <memory>

#include <gtest/gtest.h>

namespace mesg {
namespace {

Result<int> Half(int number) {
  if (number % 2 != 0) return InvalidArgument("{} is odd, expected an even number", number);
  return number / 2;
}

Result<int> Quarter(int number) {
  const int half = MESG_TRY(Half(number));
  return Half(half);
}

Result<std::unique_ptr<int>> Boxed(int number) { return std::make_unique<int>(number); }

Result<void> Check(int number) {
  MESG_TRY(Half(number));
  return {};
}

TEST(ResultTest, TryReturnsTheErrorFromTheEnclosingFunction) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).error().message, "3 is odd, expected an even number");
  EXPECT_EQ(Quarter(6).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(Check(2));
  EXPECT_FALSE(Check(3));
}

TEST(ResultTest, TryMovesOutValuesThatCannotBeCopied) {
  const auto unbox = [](int number) -> Result<int> {
    const std::unique_ptr<int> box = MESG_TRY(Boxed(number));
    return *box;
  };
  EXPECT_EQ(*unbox(7), 7);
}

TEST(ResultTest, AnnotateSaysWhatWasBeingDone) {
  EXPECT_EQ(Annotate(NotFound("file x does not exist"), "reading x").message,
            "reading x: file x does not exist");
}

TEST(ResultDeathTest, ReadingTheValueOfAFailureAborts) {
  const Result<int> failed = NotFound("nothing here");
  EXPECT_DEATH(static_cast<void>(*failed), "nothing here");
  EXPECT_DEATH(MESG_CHECK(1 > 2, "one was {}", 1), "one was 1");
}

}  // namespace
}  // namespace mesg
