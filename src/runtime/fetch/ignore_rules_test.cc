#include "runtime/fetch/ignore_rules.h"

#include <gtest/gtest.h>

namespace mesg::runtime {
namespace {

/// Which of `paths` ("d/" is a folder) are left out, as one text.
std::string Left(std::string_view rules, IgnoreStyle style,
                 std::initializer_list<std::string_view> paths) {
  const auto parsed = IgnoreRules::Parse(rules, style).value();
  std::string out;
  for (const std::string_view path : paths) {
    const bool folder = path.ends_with('/');
    if (parsed.Ignores(folder ? path.substr(0, path.size() - 1) : path, folder)) {
      out += std::string(path) + " ";
    }
  }
  return out;
}

TEST(IgnoreRulesTest, GitStyle) {
  const auto git = [](std::string_view rules, std::initializer_list<std::string_view> paths) {
    return Left(rules, IgnoreStyle::kGit, paths);
  };
  EXPECT_EQ(git("*.log", {"a.log", "b/c.log", "a.logs", "log"}), "a.log b/c.log ");
  EXPECT_EQ(git("/a", {"a", "b/a"}), "a ");
  EXPECT_EQ(git("b/a", {"b/a", "c/b/a"}), "b/a ");
  EXPECT_EQ(git("node_modules/", {"node_modules/", "x/node_modules/", "node_modules"}),
            "node_modules/ x/node_modules/ ");
  EXPECT_EQ(git("**/x", {"x", "a/x", "a/b/x"}), "x a/x a/b/x ");
  EXPECT_EQ(git("a/**", {"a/", "a/b", "a/b/c"}), "a/b a/b/c ");
  EXPECT_EQ(git("a/**/z", {"a/z", "a/b/c/z", "z"}), "a/z a/b/c/z ");
  EXPECT_EQ(git("*\n!keep", {"drop", "keep"}), "drop ");
  EXPECT_EQ(git("!keep\n*", {"keep"}), "keep ");
  EXPECT_EQ(git("# comment\n\n  \nx  \r\n", {"x", "# comment"}), "x ");
  EXPECT_EQ(git("\\#x\n\\!y", {"#x", "!y"}), "#x !y ");
  EXPECT_EQ(git("[a-c]?.t", {"b1.t", "d1.t", "b.t"}), "b1.t ");
  EXPECT_EQ(git("a*c", {"abc", "a/c"}), "abc ");
  EXPECT_EQ(git("/\n!\n!/", {"a", "b/"}), "");
}

TEST(IgnoreRulesTest, DockerStyleStartsAtTheRoot) {
  const auto docker = [](std::string_view rules, std::initializer_list<std::string_view> paths) {
    return Left(rules, IgnoreStyle::kDocker, paths);
  };
  EXPECT_EQ(docker("*.log", {"a.log", "b/c.log"}), "a.log ");
  EXPECT_EQ(docker("**/*.log", {"a.log", "b/c.log"}), "a.log b/c.log ");
  EXPECT_EQ(docker("a", {"a/", "a/b", "a/b/c", "b/a"}), "a/ a/b a/b/c ");
  EXPECT_EQ(docker("a\n!a/keep", {"a/", "a/drop", "a/keep", "a/keep/x"}), "a/ a/drop ");
  EXPECT_EQ(docker("./x/\n", {"x/", "x/y"}), "x/ x/y ");
  EXPECT_TRUE(IgnoreRules::Parse("a\n!b", IgnoreStyle::kDocker)->MayTakeBack());
  EXPECT_FALSE(IgnoreRules::Parse("a", IgnoreStyle::kDocker)->MayTakeBack());
  EXPECT_FALSE(IgnoreRules::Parse("a\n!b", IgnoreStyle::kGit)->MayTakeBack());
}

TEST(MatchesSegmentTest, Sets) {
  EXPECT_TRUE(MatchesSegment("[!a]", "b"));
  EXPECT_FALSE(MatchesSegment("[!a]", "a"));
  EXPECT_TRUE(MatchesSegment("[]]", "]"));
  EXPECT_TRUE(MatchesSegment("[a", "[a"));
  EXPECT_TRUE(MatchesSegment("a\\*", "a*"));
  EXPECT_FALSE(MatchesSegment("a\\*", "ab"));
  EXPECT_TRUE(MatchesSegment("*", ""));
  EXPECT_FALSE(MatchesSegment("?", ""));
  EXPECT_TRUE(MatchesSegment("a\\", "a\\"));
}

// Patterns come from strangers' repositories: none may take for ever.
TEST(MatchesSegmentTest, ManyStarsTakeLinearlyMoreTime) {
  std::string pattern;
  for (int i = 0; i < 300; ++i) pattern += "*a";
  EXPECT_FALSE(MatchesSegment(pattern + "b", std::string(1000, 'a')));
  std::string deep;
  std::string path;
  for (int i = 0; i < 100; ++i) deep += "**/a/";
  for (int i = 0; i < 200; ++i) path += "a/";
  EXPECT_EQ(Left(deep + "b", IgnoreStyle::kGit, {path + "c"}), "");
}

TEST(IgnoreRulesTest, TooManyOrTooLongPatternsAreRefused) {
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "x\n";
  EXPECT_EQ(IgnoreRules::Parse(many, IgnoreStyle::kGit).error().code, Code::kResourceExhausted);
  EXPECT_EQ(IgnoreRules::Parse(std::string(1025, 'x'), IgnoreStyle::kGit).error().code,
            Code::kResourceExhausted);
}

}  // namespace
}  // namespace mesg::runtime
