#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/expression/expression.h"
#include "app/expression/functions.h"

// The reference of expressions names every function where it belongs, and no other.

namespace mesg::app {
namespace {

using ::testing::HasSubstr;
using Names = std::set<std::string>;

std::string Reference() {
  std::ifstream file(MESG_EXPRESSION_REFERENCE);
  EXPECT_TRUE(file) << "the reference is missing";
  return {std::istreambuf_iterator<char>(file), {}};
}

// "limit(f;g)"
std::string Signature(const Function& function) {
  constexpr std::string_view kArguments = "f;g;h;i";
  std::string text(function.name);
  if (function.arity > 0) text += fmt::format("({})", kArguments.substr(0, function.arity * 2 - 1));
  return text;
}

Names Known(Function::Place place) {
  Names names;
  for (const Function& function : AllFunctions()) {
    if (function.place == place && !function.name.starts_with('_')) {
      names.insert(Signature(function));
    }
  }
  return names;
}

// The words of the code block behind a heading.
Names Listed(std::string_view heading) {
  const std::string text = Reference();
  const std::string begin = fmt::format("\n## {}\n", heading);
  const std::size_t block = text.find("```text\n", text.find(begin));
  EXPECT_NE(text.find(begin), std::string::npos) << heading;
  const std::size_t end = text.find("```", block + 3);
  std::istringstream words(text.substr(block + 8, end - block - 8));
  Names names;
  for (std::string word; words >> word;) EXPECT_TRUE(names.insert(word).second) << word;
  return names;
}

TEST(ExpressionReferenceTest, NamesWhatIsEvaluatedInProcess) {
  EXPECT_EQ(Listed("In process"), Known(Function::Place::kHere));
}

TEST(ExpressionReferenceTest, NamesWhatGoesToTheHelper) {
  EXPECT_EQ(Listed("In the helper"), Known(Function::Place::kHelper));
}

TEST(ExpressionReferenceTest, SaysWhyTheOthersAreRefused) {
  const std::string text = Reference();
  std::size_t known = 0;
  for (const Function& function : AllFunctions()) {
    if (function.place != Function::Place::kRefused) continue;
    ++known;
    EXPECT_THAT(text,
                HasSubstr(fmt::format("| `{}` | {} |\n", Signature(function), function.meaning)));
  }
  std::size_t rows = 0;
  for (std::size_t at = text.find("\n## Refused");
       (at = text.find("\n| `", at)) != std::string::npos; ++at) {
    ++rows;
  }
  EXPECT_EQ(rows, known);
}

// What the page says of limits is what they are.
TEST(ExpressionReferenceTest, SaysTheLimits) {
  const std::string text = Reference();
  EXPECT_THAT(text, HasSubstr(fmt::format("{} steps", Expression::kSteps)));
  EXPECT_THAT(text, HasSubstr(fmt::format("{} KiB", Expression::kMaxBytes >> 10)));
  EXPECT_THAT(text, HasSubstr(fmt::format("{} digits", Number::kMaxDigits)));
  EXPECT_THAT(text, HasSubstr(fmt::format("{} significant digits", Number::kQuotientDigits)));
}

}  // namespace
}  // namespace mesg::app
