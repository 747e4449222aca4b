#include "app/expression/number.h"

#include <gtest/gtest.h>

namespace mesg::app {
namespace {

std::string Text(const Result<Number>& number) {
  return number ? number->Text() : "error: " + number.error().message;
}
Number N(std::string_view token) { return Number::Read(token); }

TEST(NumberTest, KeepsWhatItCameAs) {
  for (const char* token : {"0", "-0", "1.0", "1e3", "12345678901234567890123", "1e999999999"}) {
    EXPECT_EQ(N(token).Text(), token);
  }
}

TEST(NumberTest, SumsAndProductsAreExactAtAnySize) {
  EXPECT_EQ(Text(N("9223372036854775807").Plus(N("1"))), "9223372036854775808");
  EXPECT_EQ(Text(N("-9223372036854775808").Minus(N("1"))), "-9223372036854775809");
  EXPECT_EQ(Text(N("0.1").Plus(N("0.2"))), "0.3");
  EXPECT_EQ(Text(N("1.50").Plus(N("0.5"))), "2");
  EXPECT_EQ(Text(N("1e3").Plus(N("1"))), "1001");
  EXPECT_EQ(Text(N("1000000000000000000").Times(N("1000000000000000000"))),
            "1000000000000000000000000000000000000");
  EXPECT_EQ(Text(N("1.5").Times(N("-2"))), "-3");
  EXPECT_EQ(Text(N("-9223372036854775808").Negated()), "9223372036854775808");
  EXPECT_EQ(Text(N("0.001").Times(N("0.001"))), "0.000001");
}

TEST(NumberTest, AQuotientIsExactOrHas34Digits) {
  EXPECT_EQ(Text(N("6").Over(N("3"))), "2");
  EXPECT_EQ(Text(N("1").Over(N("8"))), "0.125");
  EXPECT_EQ(Text(N("-7").Over(N("2"))), "-3.5");
  EXPECT_EQ(Text(N("7").Over(N("-2"))), "-3.5");
  EXPECT_EQ(Text(N("1").Over(N("3"))), "0.3333333333333333333333333333333333");
  EXPECT_EQ(Text(N("2").Over(N("3"))), "0.6666666666666666666666666666666667");
  EXPECT_EQ(Text(N("-2").Over(N("3"))), "-0.6666666666666666666666666666666667");
  EXPECT_EQ(Text(N("1e40").Over(N("4"))), "2500000000000000000000000000000000000000");
  EXPECT_EQ(Text(N("123456789012345678901234567890123456789012").Over(N("2"))),
            "61728394506172839450617283945061728394506");
  EXPECT_EQ(Text(N("0").Over(N("7"))), "0");
  EXPECT_EQ(Text(N("1").Over(N("0"))), "error: 1 is divided by 0");
  EXPECT_EQ(Text(N("-9223372036854775808").Over(N("-1"))), "9223372036854775808");
}

TEST(NumberTest, AModuloHasTheSignOfTheDividend) {
  EXPECT_EQ(Text(N("7").Modulo(N("3"))), "1");
  EXPECT_EQ(Text(N("-7").Modulo(N("3"))), "-1");
  EXPECT_EQ(Text(N("7").Modulo(N("-3"))), "1");
  EXPECT_EQ(Text(N("7.9").Modulo(N("3.9"))), "1");
  EXPECT_EQ(Text(N("123456789012345678901234567890").Modulo(N("1000"))), "890");
  EXPECT_EQ(Text(N("5").Modulo(N("0.5"))), "error: 5 is divided by 0");
}

TEST(NumberTest, RoundsAsItsNamesSay) {
  using R = Number::Rounding;
  EXPECT_EQ(Text(N("-1.5").Rounded(R::kFloor)), "-2");
  EXPECT_EQ(Text(N("-1.5").Rounded(R::kCeil)), "-1");
  EXPECT_EQ(Text(N("-1.5").Rounded(R::kHalfAwayFromZero)), "-2");
  EXPECT_EQ(Text(N("1.49").Rounded(R::kHalfAwayFromZero)), "1");
  EXPECT_EQ(Text(N("2.5").Rounded(R::kHalfAwayFromZero)), "3");
  EXPECT_EQ(Text(N("0.5").Rounded(R::kTruncate)), "0");
  EXPECT_EQ(Text(N("1.0").Rounded(R::kFloor)), "1.0");
}

TEST(NumberTest, ComparesWithoutDoubles) {
  EXPECT_LT(Number::Compare(N("9007199254740992"), N("9007199254740993")), 0);
  EXPECT_LT(Number::Compare(N("1e999999998"), N("1e999999999")), 0);
  EXPECT_EQ(Number::Compare(N("1.0"), N("1")), 0);
  EXPECT_EQ(Number::Compare(N("-0"), N("0")), 0);
}

TEST(NumberTest, FitsOrNot) {
  EXPECT_EQ(N("9223372036854775807").ToInt64(), INT64_MAX);
  EXPECT_EQ(N("-9223372036854775808").ToInt64(), INT64_MIN);
  EXPECT_EQ(N("1e3").ToInt64(), 1000);
  EXPECT_EQ(N("3.00").ToInt64(), 3);
  EXPECT_EQ(N("9223372036854775808").ToInt64(), std::nullopt);
  EXPECT_EQ(N("1.5").ToInt64(), std::nullopt);
  EXPECT_EQ(N("1e999999999").ToInt64(), std::nullopt);
  EXPECT_EQ(N("1e-400").ToInt64(), std::nullopt);
}

// Nothing grows without bounds, however small it is to write.
TEST(NumberTest, WhatWouldTakeTooManyDigitsIsRefused) {
  const std::string error = "error: a number of more than 1000 digits is not calculated with";
  EXPECT_EQ(Text(N("1e999999999").Plus(N("1"))), error);
  EXPECT_EQ(Text(N("1e999").Plus(N("1e-999"))), error);
  EXPECT_EQ(Text(N("1e600").Times(N("1e600"))), error);
  EXPECT_EQ(Text(N(std::string(1001, '9')).Plus(N("1"))), error);
}

}  // namespace
}  // namespace mesg::app
