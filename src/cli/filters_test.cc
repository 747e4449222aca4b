#include "cli/filters.h"

#include <gtest/gtest.h>

namespace mesg::cli {
namespace {

using ::mesg::v1::Predicate;

std::string Where(std::string_view text) {
  const auto predicate = ParseWhere(text);
  if (!predicate) return predicate.error().message;
  return predicate->path() + " " + Predicate::Operator_Name(predicate->op()) + " " +
         predicate->value();
}

TEST(FiltersTest, EveryOperatorIsUnderstood) {
  EXPECT_EQ(Where("price == 10"), "price EQ 10");
  EXPECT_EQ(Where("price=10"), "price EQ 10");
  EXPECT_EQ(Where("items[0].price>1.50"), "items[0].price GT 1.50");
  EXPECT_EQ(Where("a >= 1"), "a GTE 1");
  EXPECT_EQ(Where("a < 1"), "a LT 1");
  EXPECT_EQ(Where("a<=1"), "a LTE 1");
  EXPECT_EQ(Where("tags contains \"x y\""), "tags CONTAINS \"x y\"");
  EXPECT_EQ(Where(" customer.name exists "), "customer.name EXISTS ");
}

TEST(FiltersTest, AValueThatIsNoJsonIsAString) {
  EXPECT_EQ(Where("method == POST"), "method EQ \"POST\"");
  EXPECT_EQ(Where("method == a == b"), "method EQ \"a == b\"");
  EXPECT_EQ(Where("paid == true"), "paid EQ true");
}

TEST(FiltersTest, WhatIsWrongIsSaid) {
  for (const char* text : {"", "price", "== 1", "price != 1", "price is 1"}) {
    EXPECT_NE(Where(text).find("is not PATH OPERATOR VALUE"), std::string::npos) << Where(text);
  }
  EXPECT_EQ(Where("price == "), "\"price == \" has no value behind \"==\"");
  EXPECT_EQ(Where("price exists 1"), "\"price exists 1\" is not PATH exists: it takes no value");
}

TEST(FiltersTest, ArgumentsBecomeAFilter) {
  Arguments arguments;
  arguments.Add("SERVICE", "shop");
  arguments.Add("--task", "pay");
  arguments.Add("--output-key", "success");
  arguments.Add("--tag", "a");
  arguments.Add("--tag", "b");
  arguments.Add("--where", "amount > 1");
  const auto filter = FilterFrom(arguments, ::mesg::v1::Filter::RESULTS);
  ASSERT_TRUE(filter);
  EXPECT_EQ(filter->service(), "shop");
  EXPECT_EQ(filter->key(), "pay");
  EXPECT_EQ(filter->output_key(), "success");
  EXPECT_EQ(filter->tags_size(), 2);
  EXPECT_EQ(filter->predicates(0).path(), "amount");
  arguments.Add("--where", "nonsense");
  EXPECT_FALSE(FilterFrom(arguments, ::mesg::v1::Filter::RESULTS));
}

TEST(FiltersTest, AFilterIsSaidInTheWordsItIsAskedForIn) {
  Arguments arguments;
  EXPECT_EQ(DescribeFilter(*FilterFrom(arguments, ::mesg::v1::Filter::EVENTS)), "events of *");
  arguments.Add("--service", "shop");
  arguments.Add("--key", "pay");
  arguments.Add("--output-key", "success");
  arguments.Add("--tag", "a");
  arguments.Add("--tag", "b");
  arguments.Add("--where", "amount >= 1");
  arguments.Add("--where", "who = Ada");
  arguments.Add("--where", "note exists");
  EXPECT_EQ(DescribeFilter(*FilterFrom(arguments, ::mesg::v1::Filter::RESULTS)),
            "results of shop/pay with output success tagged a and b where amount >= 1 and who == "
            "\"Ada\" and note exists");
}

TEST(FiltersTest, ATimeIsADateOrHowLongAgo) {
  const TimePoint now = FromMicros(10'000'000'000);
  EXPECT_EQ(*ParseWhen("1h", now), 10'000'000'000 - 3'600'000'000);
  EXPECT_EQ(*ParseWhen("1970-01-01T00:00:01Z", now), 1'000'000);
  EXPECT_FALSE(ParseWhen("yesterday", now));
}

}  // namespace
}  // namespace mesg::cli
