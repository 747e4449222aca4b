#include "runtime/evaluate/expression_helper.h"

#include <future>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/process/spawn.h"

namespace mesg::runtime {
namespace {

using app::Expression;
using app::Value;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::array<std::string_view, 2> kScope = {"event", "inputs"};

class ExpressionHelperTest : public ::testing::Test {
 protected:
  ExpressionHelperTest() {
    options_.program = HelperFolder() / "mesg-eval";
    options_.timeout = std::chrono::seconds(60);  // A loaded machine is no failure.
  }

  std::future<std::string> Begin(ExpressionHelper& helper, std::string_view source,
                                 std::string_view input = "null") {
    const auto promise = std::make_shared<std::promise<std::string>>();
    auto future = promise->get_future();
    const auto expression = Expression::Parse(source, kScope);
    if (!expression) {
      promise->set_value("not parsed: " + expression.error().message);
      return future;
    }
    EXPECT_TRUE(expression->NeedsHelper()) << source;
    const std::vector<Value> scope = {*Value::Read(R"({"a":[1,"x"]})"), Value::Text("in")};
    const auto begun = helper.Evaluate(
        *expression, kScope, *Value::Read(input), scope, [promise](Result<Value> value) {
          promise->set_value(value ? value->Json()
                                   : std::string(Name(value.error().code)) + " " +
                                         value.error().message);
        });
    if (!begun) promise->set_value("refused: " + begun.error().message);
    return future;
  }
  std::string Evaluate(ExpressionHelper& helper, std::string_view source,
                       std::string_view input = "null") {
    return Begin(helper, source, input).get();
  }

  ExpressionHelper::Options options_;
};

TEST_F(ExpressionHelperTest, DoesWhatOnlyJqCan) {
  ExpressionHelper helper(options_);
  EXPECT_EQ(Evaluate(helper, R"(test("^a+$"))", R"("aaa")"), "true");
  EXPECT_EQ(Evaluate(helper, "[paths]", R"({"a":[0]})"), R"([["a"],["a",0]])");
  EXPECT_EQ(Evaluate(helper, ".a |= . + 1", R"({"a":1,"b":2})"), R"({"a":2,"b":2})");
  EXPECT_EQ(Evaluate(helper, "0 | todate"), R"("1970-01-01T00:00:00Z")");
  EXPECT_EQ(Evaluate(helper, ". as [$x, {b: $y}] | $x + $y", R"([1,{"b":2}])"), "3");
  EXPECT_EQ(Evaluate(helper, R"([$event.a[1], $inputs, .] | @csv)", "1.5"),
            R"("\"x\",\"in\",1.5")");
  EXPECT_EQ(Evaluate(helper, R"(gsub("\\s+"; " "))", R"("a  b\n\nc")"), R"("a b c")");
}

TEST_F(ExpressionHelperTest, FailuresComeBackAsWhatTheyAre) {
  ExpressionHelper helper(options_);
  EXPECT_THAT(Evaluate(helper, "pow(. ; 2)", R"("x")"), StartsWith("INVALID_ARGUMENT "));
  EXPECT_EQ(Evaluate(helper, "error(\"no \\(infinite > 1)\")"), "INVALID_ARGUMENT no true");
  EXPECT_EQ(Evaluate(helper, "paths", "{}"), "INVALID_ARGUMENT it gives no value");
  EXPECT_THAT(Evaluate(helper, "paths", "[1,2]"), HasSubstr("more than one value"));
  EXPECT_EQ(Evaluate(helper, "[paths]", "[1]"), "[[0]]");
}

TEST_F(ExpressionHelperTest, WhatJqWouldRoundIsRefused) {
  ExpressionHelper helper(options_);
  EXPECT_EQ(Evaluate(helper, "[paths] | length", "[9007199254740992]"), "1");
  EXPECT_THAT(Evaluate(helper, "[paths] | length", "[9007199254740993]"),
              StartsWith("INVALID_ARGUMENT the number 9007199254740993 is beyond"));
  EXPECT_THAT(Evaluate(helper, "[paths] | length", R"({"a":[-12345678901234567890123]})"),
              StartsWith("INVALID_ARGUMENT the number -12345678901234567890123 is beyond"));
}

// Each of these aborts, hangs or exhausts jq 1.6. The next evaluation does not notice.
TEST_F(ExpressionHelperTest, WhateverKillsJqCostsOnlyItsOwnEvaluation) {
  options_.timeout = std::chrono::seconds(2);
  options_.processes = 1;
  ExpressionHelper helper(options_);
  for (const char* source :
       {"1e300 | todate", "[limit(1; infinite | todate)]", "[range(1e12) | test(\"a\")?] | length",
        "[splits(\"a\")?] | (\"x\" * 1e9) | test(\"y\")"}) {
    EXPECT_THAT(Evaluate(helper, source), StartsWith("RESOURCE_EXHAUSTED ")) << source;
    EXPECT_EQ(Evaluate(helper, R"(test("a"))", R"("a")"), "true") << source;
  }
}

TEST_F(ExpressionHelperTest, LongDataGoesThroughAndTooLongValuesDoNot) {
  options_.answer_bytes = 1 << 20;
  ExpressionHelper helper(options_);
  const std::string text(500'000, 'x');
  EXPECT_EQ(Evaluate(helper, R"(sub("^x"; "y") | length)", "\"" + text + "\""), "500000");
  EXPECT_THAT(Evaluate(helper, R"([., ., ., (. | test("x"))])", "\"" + text + "\""),
              HasSubstr("longer than 1048576 bytes"));
  EXPECT_EQ(Evaluate(helper, R"(test("a"))", R"("a")"), "true");
}

TEST_F(ExpressionHelperTest, ManyAtOnceAreAllAnswered) {
  ExpressionHelper helper(options_);
  std::vector<std::future<std::string>> answers;
  for (int i = 0; i < 200; ++i) {
    answers.push_back(Begin(helper, "[paths] | length", "[" + std::to_string(i) + "]"));
  }
  for (auto& answer : answers) EXPECT_EQ(answer.get(), "1");
}

TEST_F(ExpressionHelperTest, TooManyThatWaitAreRefused) {
  options_.processes = 1;
  options_.waiting = 2;
  ExpressionHelper helper(options_);
  std::vector<std::future<std::string>> answers;
  for (int i = 0; i < 50; ++i) answers.push_back(Begin(helper, "[paths]", "[]"));
  std::size_t refused = 0;
  for (auto& answer : answers) refused += answer.get().starts_with("refused: ") ? 1 : 0;
  EXPECT_GT(refused, 0U);
  EXPECT_LT(refused, 50U);
}

TEST_F(ExpressionHelperTest, ItsEndAnswersWhatWaits) {
  options_.processes = 1;
  std::vector<std::future<std::string>> answers;
  {
    ExpressionHelper helper(options_);
    answers.push_back(Begin(helper, "[range(1e12) | test(\"a\")?] | length"));
    answers.push_back(Begin(helper, "[paths]", "[]"));
  }
  for (auto& answer : answers) EXPECT_EQ(answer.get(), "UNAVAILABLE Core is shutting down");
}

TEST_F(ExpressionHelperTest, AProgramThatIsNotThereIsSaid) {
  options_.program = "/nowhere/mesg-eval";
  ExpressionHelper helper(options_);
  EXPECT_THAT(Evaluate(helper, "[paths]"), StartsWith("UNAVAILABLE mesg-eval does not start"));
}

}  // namespace
}  // namespace mesg::runtime
