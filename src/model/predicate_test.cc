#include "model/predicate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/decimal.h"

namespace mesg {
namespace {

using ::testing::HasSubstr;
using Op = Predicate::Operator;

constexpr std::string_view kData =
    R"({ "amount" : 12.50, "name":"Zo\u00eb \"Z\"", "ok":true, "none":null, "a.b":{"c[0]":1},)"
    R"( "items" :[ {"price":3},{"price": 123456789012345678901 ,"tags":["x","y z",[1.0,{"k":1}]]}],)"
    R"( "nested":{"text":"}]\",{","deep":{"v":-0.0}}, "empty":{}, "list":[], "\u006bey":7 })";

bool Matches(std::string_view path, Op op, std::string_view value = "") {
  const auto predicate = Predicate::Make(path, op, value);
  if (!predicate) ADD_FAILURE() << predicate.error().message;
  return predicate && predicate->Matches(kData);
}

TEST(PredicateTest, EqualComparesValuesNotTexts) {
  EXPECT_TRUE(Matches("amount", Op::kEq, "12.5"));
  EXPECT_TRUE(Matches("amount", Op::kEq, " 125e-1 "));
  EXPECT_FALSE(Matches("amount", Op::kEq, "\"12.50\""));
  EXPECT_TRUE(Matches("name", Op::kEq, "\"Zoë \\\"Z\\\"\""));
  EXPECT_TRUE(Matches("ok", Op::kEq, "true"));
  EXPECT_FALSE(Matches("ok", Op::kEq, "false"));
  EXPECT_TRUE(Matches("none", Op::kEq, "null"));
  EXPECT_FALSE(Matches("missing", Op::kEq, "null"));
  EXPECT_TRUE(Matches("items[0]", Op::kEq, R"({"price":3.0})"));
  EXPECT_TRUE(Matches("items[1].tags[2]", Op::kEq, R"([1,{"k":1e0}])"));
  EXPECT_FALSE(Matches("items[0]", Op::kEq, "3"));
  EXPECT_TRUE(Matches("empty", Op::kEq, "{}"));
  EXPECT_FALSE(Matches("empty", Op::kEq, "[]"));
}

TEST(PredicateTest, PathsLeadThroughObjectsListsAndOddKeys) {
  EXPECT_TRUE(Matches("items[1].price", Op::kEq, "123456789012345678901"));
  EXPECT_FALSE(Matches("items[1].price", Op::kEq, "123456789012345678900"));
  EXPECT_TRUE(Matches("a\\.b.c\\[0\\]", Op::kEq, "1"));
  EXPECT_TRUE(Matches("nested.deep.v", Op::kEq, "0"));
  EXPECT_TRUE(Matches("nested.text", Op::kEq, R"("}]\",{")"));
  EXPECT_TRUE(Matches("key", Op::kEq, "7"));
  EXPECT_FALSE(Matches("items[2]", Op::kExists));
  EXPECT_FALSE(Matches("items.price", Op::kExists));
  EXPECT_FALSE(Matches("amount.x", Op::kExists));
  EXPECT_FALSE(Matches("empty[0]", Op::kExists));
  EXPECT_FALSE(Matches("list[0]", Op::kExists));
  EXPECT_FALSE(Matches("\\\\u006bey", Op::kExists));
}

TEST(PredicateTest, OrderIsOnlyAmongNumbersAndAmongStrings) {
  EXPECT_TRUE(Matches("amount", Op::kGt, "12.4999999999999999999999999"));
  EXPECT_FALSE(Matches("amount", Op::kGt, "12.5"));
  EXPECT_TRUE(Matches("amount", Op::kGte, "12.5"));
  EXPECT_TRUE(Matches("amount", Op::kLt, "1e999999999"));
  EXPECT_TRUE(Matches("amount", Op::kGt, "-1e999999999"));
  EXPECT_TRUE(Matches("amount", Op::kLte, "12.5"));
  EXPECT_TRUE(Matches("items[1].price", Op::kGt, "123456789012345678900"));
  EXPECT_TRUE(Matches("name", Op::kGt, "\"Z\""));
  EXPECT_FALSE(Matches("name", Op::kGt, "5"));
  EXPECT_FALSE(Matches("name", Op::kLte, "5"));
  EXPECT_FALSE(Matches("ok", Op::kGte, "1"));
  EXPECT_FALSE(Matches("items", Op::kGte, "1"));
}

TEST(PredicateTest, ContainsLooksInStringsAndLists) {
  EXPECT_TRUE(Matches("name", Op::kContains, "\"oë\""));
  EXPECT_FALSE(Matches("name", Op::kContains, "\"x\""));
  EXPECT_FALSE(Matches("name", Op::kContains, "1"));
  EXPECT_TRUE(Matches("items[1].tags", Op::kContains, "\"y z\""));
  EXPECT_FALSE(Matches("items[1].tags", Op::kContains, "\"y\""));
  EXPECT_TRUE(Matches("items[1].tags", Op::kContains, R"([1,{"k":1}])"));
  EXPECT_TRUE(Matches("items", Op::kContains, R"({"price":3})"));
  EXPECT_FALSE(Matches("list", Op::kContains, "null"));
  EXPECT_FALSE(Matches("amount", Op::kContains, "12.5"));
  EXPECT_FALSE(Matches("empty", Op::kContains, "\"\""));
}

TEST(PredicateTest, ExistsCountsNull) {
  EXPECT_TRUE(Matches("none", Op::kExists));
  EXPECT_TRUE(Matches("nested", Op::kExists));
  EXPECT_FALSE(Matches("nope", Op::kExists));
}

TEST(PredicateTest, OnlyEqualToAScalarHasAScalar) {
  EXPECT_EQ(Predicate::Make("a", Op::kEq, "1.0")->EqScalar(),
            Predicate::Make("a", Op::kEq, "1")->EqScalar());
  EXPECT_NE(Predicate::Make("a", Op::kEq, "1")->EqScalar(),
            Predicate::Make("a", Op::kEq, "\"1\"")->EqScalar());
  EXPECT_NE(Predicate::Make("a", Op::kEq, "null")->EqScalar(), "");
  EXPECT_NE(Predicate::Make("a", Op::kEq, "\"\"")->EqScalar(), "");
  EXPECT_EQ(Predicate::Make("a", Op::kEq, "[1]")->EqScalar(), "");
  EXPECT_EQ(Predicate::Make("a", Op::kGt, "1")->EqScalar(), "");
  EXPECT_EQ(Predicate::Make("a", Op::kEq, " 1.0 ")->Value(), " 1.0 ");
}

TEST(PredicateTest, ScalarAtGivesWhatAnEqualPredicateLooksFor) {
  const auto scalar = [](std::string_view path) {
    std::string text;
    return ScalarAt(kData, *JsonPath::Parse(path), text) ? text : "none";
  };
  EXPECT_EQ(scalar("amount"), Predicate::Make("x", Op::kEq, "12.5")->EqScalar());
  EXPECT_EQ(scalar("name"), Predicate::Make("x", Op::kEq, R"("Zoë \"Z\"")")->EqScalar());
  EXPECT_EQ(scalar("none"), Predicate::Make("x", Op::kEq, "null")->EqScalar());
  EXPECT_EQ(scalar("ok"), Predicate::Make("x", Op::kEq, "true")->EqScalar());
  EXPECT_EQ(scalar("nested.deep.v"), Predicate::Make("x", Op::kEq, "0")->EqScalar());
  EXPECT_EQ(scalar("items"), "none");
  EXPECT_EQ(scalar("empty"), "none");
  EXPECT_EQ(scalar("missing"), "none");
}

TEST(PredicateTest, StringsAreDecoded) {
  std::string text;
  ASSERT_TRUE(
      ScalarAt(R"({"a":"\b\f\n\r\t\/\\\"\u0041\ud83d\ude00\u20ac"})", *JsonPath::Parse("a"), text));
  EXPECT_EQ(text, "s\b\f\n\r\t/\\\"A😀€");
}

TEST(PredicateTest, RefusesWhatIsNoPredicate) {
  const auto refused = [](std::string_view path, Op op, std::string_view value) {
    const auto predicate = Predicate::Make(path, op, value);
    return predicate ? "accepted" : predicate.error().message;
  };
  EXPECT_THAT(refused("a", Op::kEq, "{"), HasSubstr("value of the predicate on a"));
  EXPECT_THAT(refused("a", Op::kEq, ""), HasSubstr("empty"));
  EXPECT_THAT(refused("a", Op::kGt, "true"),
              HasSubstr("expected a number or a string to compare with, got a boolean"));
  EXPECT_THAT(refused("a", Op::kEq, "1e99999999999999999999"), HasSubstr("out of range"));
  EXPECT_THAT(refused("a", Op::kEq, std::string(70'000, ' ') + "1"), HasSubstr("at most 65536"));
  EXPECT_THAT(refused("a", static_cast<Op>(0), "1"), HasSubstr("unknown operator"));
  EXPECT_THAT(refused("a", static_cast<Op>(9), "1"), HasSubstr("unknown operator"));
}

TEST(JsonPathTest, KeepsItsTextAndSteps) {
  const JsonPath path = *JsonPath::Parse("a.b[3][0].c\\.d");
  EXPECT_EQ(path.Text(), "a.b[3][0].c\\.d");
  ASSERT_EQ(path.Steps().size(), 5U);
  EXPECT_EQ(path.Steps()[1].key, "b");
  EXPECT_EQ(path.Steps()[2].index, 3U);
  EXPECT_EQ(path.Steps()[4].key, "c.d");
}

TEST(JsonPathTest, RefusesMalformedPaths) {
  for (const std::string_view text :
       {"", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[1", "a[-1]", "a]", "a[1]b", "a.[0]",
        "a\\", "a[99999999999999999999]", "\xff"}) {
    EXPECT_FALSE(JsonPath::Parse(text)) << text;
  }
  std::string deep = "a";
  for (int i = 1; i < 128; ++i) deep += ".a";
  EXPECT_TRUE(JsonPath::Parse(deep));
  EXPECT_FALSE(JsonPath::Parse(deep + ".a"));
}

std::string Canonical(std::string_view number) {
  std::string text;
  AppendDecimal(number, text);
  return text;
}

TEST(DecimalTest, EqualNumbersHaveEqualText) {
  for (const std::string_view one : {"1", "1.0", "1e0", "10e-1", "0.1e1", "0.0001E+4", "1.000"}) {
    EXPECT_EQ(Canonical(one), "+1:1") << one;
  }
  for (const std::string_view zero : {"0", "-0", "0.0", "0e99999999999999999999999", "-0.00e-5"}) {
    EXPECT_EQ(Canonical(zero), "+0:") << zero;
  }
  EXPECT_EQ(Canonical("-120.50"), "-3:1205");
  EXPECT_EQ(Canonical("0.00120"), "+-2:12");
  EXPECT_EQ(Canonical("1e999999999"), "+1000000000:1");
}

TEST(DecimalTest, OrderIsThatOfTheValues) {
  const std::string_view ascending[] = {"-1e99999999999999999999",
                                        "-1e20",
                                        "-123",
                                        "-122.9",
                                        "-1",
                                        "-0.5",
                                        "-1e-7",
                                        "0",
                                        "1e-999",
                                        "1e-7",
                                        "0.5",
                                        "0.51",
                                        "1",
                                        "1.0000000000000000000001",
                                        "9",
                                        "10",
                                        "9007199254740992",
                                        "9007199254740993",
                                        "1e20",
                                        "123456789012345678901234567890",
                                        "1e99999999999999999999"};
  for (std::size_t i = 0; i < std::size(ascending); ++i) {
    for (std::size_t j = 0; j < std::size(ascending); ++j) {
      const int order = CompareDecimals(Canonical(ascending[i]), Canonical(ascending[j]));
      EXPECT_EQ(order < 0, i < j) << ascending[i] << " " << ascending[j];
      EXPECT_EQ(order == 0, i == j) << ascending[i] << " " << ascending[j];
    }
  }
}

TEST(DecimalTest, IntegersAndMultiplesAreExact) {
  EXPECT_TRUE(IsInteger(Canonical("12e5")));
  EXPECT_TRUE(IsInteger(Canonical("1.50e1")));
  EXPECT_TRUE(IsInteger(Canonical("0")));
  EXPECT_FALSE(IsInteger(Canonical("1.5")));
  EXPECT_FALSE(IsInteger(Canonical("1e-1")));
  const auto multiple = [](std::string_view a, std::string_view b) {
    return IsMultipleOf(Canonical(a), Canonical(b));
  };
  EXPECT_TRUE(multiple("0.3", "0.1"));
  EXPECT_TRUE(multiple("123456789012345678901234567890", "10"));
  EXPECT_FALSE(multiple("123456789012345678901234567891", "10"));
  EXPECT_TRUE(multiple("1e999999999", "7e3") == false);
  EXPECT_TRUE(multiple("7e999999999", "7e3"));
  EXPECT_TRUE(multiple("0", "7"));
  EXPECT_TRUE(multiple("-21", "7"));
  EXPECT_FALSE(multiple("0.05", "0.1"));
  EXPECT_TRUE(multiple("5", "1"));
}

}  // namespace
}  // namespace mesg
