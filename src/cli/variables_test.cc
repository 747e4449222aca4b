#include "cli/variables.h"

#include <gtest/gtest.h>

namespace mesg::cli {
namespace {

std::string Parsed(std::string_view text) {
  const auto variables = ParseEnvFile(text, ".env");
  if (!variables) return variables.error().message;
  std::string out;
  for (const auto& [key, value] : *variables) out += key + "<" + value + ">";
  return out;
}

TEST(VariablesTest, AnEnvFileHasCommentsQuotesAndExports) {
  EXPECT_EQ(Parsed("# a comment\n\nA=1\r\nexport B = two words # "
                   "why\nC='lit\\n#eral'\nD=\"a\\nb\\\"\" # x\nE=\nF=a=b"),
            "A<1>B<two words>C<lit\\n#eral>D<a\nb\">E<>F<a=b>");
  EXPECT_EQ(Parsed(""), "");
}

TEST(VariablesTest, AnErrorNamesFileAndLine) {
  EXPECT_EQ(Parsed("A=1\nnonsense"), ".env:2: expected KEY=value");
  EXPECT_EQ(Parsed("1A=1"), ".env:1: expected KEY=value");
  EXPECT_EQ(Parsed("A='x"), ".env:1: the ' is not closed");
  EXPECT_EQ(Parsed("A=\"x"), ".env:1: the \" is not closed");
  EXPECT_EQ(Parsed("A='x'y"), ".env:1: there is text behind the closing '");
  EXPECT_EQ(Parsed("A=\"x\"y"), ".env:1: there is text behind the closing \"");
}

TEST(VariablesTest, AWordWithoutValueTakesItFromTheEnvironment) {
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "SECRET") return "hidden";
    return std::nullopt;
  };
  const auto variables = ParseEnvWords({"A=1=2", "SECRET", "EMPTY="}, environment);
  ASSERT_TRUE(variables);
  EXPECT_EQ(*variables, (Variables{{"A", "1=2"}, {"SECRET", "hidden"}, {"EMPTY", ""}}));
  EXPECT_EQ(ParseEnvWords({"NONE"}, environment).error().message,
            "--env NONE takes its value from the environment, where it is not set");
  EXPECT_EQ(ParseEnvWords({"a-b=1"}, environment).error().message,
            "--env takes KEY=value or KEY, got \"a-b=1\"");
}

TEST(VariablesTest, ShellsReadAQuotedValueBack) {
  EXPECT_EQ(ShellQuoted("plain-1.2:/x"), "plain-1.2:/x");
  EXPECT_EQ(ShellQuoted(""), "''");
  EXPECT_EQ(ShellQuoted("it's $HOME `x`"), "'it'\\''s $HOME `x`'");
}

}  // namespace
}  // namespace mesg::cli
