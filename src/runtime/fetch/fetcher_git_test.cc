#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "runtime/fetch/testing.h"

namespace mesg::runtime {
namespace {

namespace fs = std::filesystem;

class GitTest : public FetchTest {
 protected:
  GitTest() {
    Git("init -q -b main .");
    Has("mesg.yml", "name: first");
    Has("run.sh", "#!/bin/sh", true);
    Commit();
  }
  /// Runs git in the repository; what it printed, without the line end.
  std::string Git(const std::string& arguments) {
    const std::string output = data_.path() / "output";
    const std::string command =
        "cd '" + Source().string() +
        "' && git -c user.name=t -c user.email=t@t -c protocol.file.allow=always " + arguments +
        " 2>/dev/null > '" + output + "'";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    std::string text = ReadFile(output);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }
  std::string Commit() {
    Git("add -A");
    Git("commit -q -m x");
    return Git("rev-parse HEAD");
  }
  std::string Url(const std::string& ref = "") {
    return "file://" + Source().string() + (ref.empty() ? "" : "#" + ref);
  }
};

TEST_F(GitTest, TakesTheDefaultBranch) {
  const std::string commit = Git("rev-parse HEAD");
  const auto fetched = Fetch(Url());
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(fetched->definition_yaml, "name: first");
  EXPECT_EQ(fetched->commit, commit);
  EXPECT_EQ(fs::status(fetched->folder / "run.sh").permissions(), fs::perms(0555));
  EXPECT_FALSE(fs::exists(fetched->folder / ".git"));
  // The hash is that of the folder itself.
  EXPECT_EQ(Fetch(Source().string())->content_hash, fetched->content_hash);
}

TEST_F(GitTest, TakesABranchATagOrACommit) {
  const std::string first = Git("rev-parse HEAD");
  Git("tag -a -m annotated v1");
  Git("checkout -q -b other/branch");
  Has("mesg.yml", "name: second");
  Commit();
  Git("checkout -q main");
  EXPECT_EQ(Fetch(Url("other/branch"))->definition_yaml, "name: second");
  EXPECT_EQ(Fetch(Url("v1"))->definition_yaml, "name: first");
  EXPECT_EQ(Fetch(Url("v1"))->commit, first);
  EXPECT_EQ(Fetch(Url("refs/heads/main"))->definition_yaml, "name: first");
  Has("mesg.yml", "name: third");
  Commit();
  EXPECT_EQ(Fetch(Url(first))->definition_yaml, "name: first");
  EXPECT_EQ(Fetch(Url(first.substr(0, 8)))->definition_yaml, "name: first");
}

TEST_F(GitTest, AnUnknownRefOrRepositoryIsNotFound) {
  const auto ref = Fetch(Url("no-such-branch"));
  EXPECT_EQ(ref.error().code, Code::kNotFound);
  EXPECT_NE(ref.error().message.find("no-such-branch"), std::string::npos);
  EXPECT_EQ(Fetch(Url("0123456789abcdef")).error().code, Code::kNotFound);
  EXPECT_EQ(Fetch("file:///no/such/repository").error().code, Code::kNotFound);
  fs::remove_all(Source());
  fs::create_directory(Source());
  Git("init -q -b main .");
  EXPECT_EQ(Fetch(Url()).error().code, Code::kNotFound);
  EXPECT_TRUE(StoreIsEmpty());
}

TEST_F(GitTest, ASymbolicLinkIsRefused) {
  fs::create_symlink("/etc/passwd", Source() / "link");
  Commit();
  const auto fetched = Fetch(Url());
  EXPECT_EQ(fetched.error().code, Code::kInvalidArgument);
  EXPECT_NE(fetched.error().message.find("\"link\" is a symbolic link"), std::string::npos);
}

TEST_F(GitTest, ASubmoduleIsRefused) {
  Git("update-index --add --cacheinfo 160000," + Git("rev-parse HEAD") + ",inner");
  Git("commit -q -m x");
  const auto fetched = Fetch(Url());
  EXPECT_EQ(fetched.error().code, Code::kInvalidArgument);
  EXPECT_NE(fetched.error().message.find("submodule"), std::string::npos);
}

// Trees that git itself would not write.
TEST_F(GitTest, NamesThatLeaveTheFolderAreRefused) {
  const std::string blob = Git("hash-object -w mesg.yml");
  std::string raw;
  for (std::size_t i = 0; i < blob.size(); i += 2) {
    raw += static_cast<char>(std::stoi(blob.substr(i, 2), nullptr, 16));
  }
  for (const std::string name : {"..", "../evil", "/evil", ".", "a\nb"}) {
    WriteFile(data_.path() / "tree", fmt::format("100644 {}{}{}", name, '\0', raw));
    const std::string tree =
        Git("hash-object -w -t tree --literally " + (data_.path() / "tree").string());
    const std::string commit = Git("commit-tree -m x " + tree);
    Git("update-ref refs/heads/evil " + commit);
    const auto fetched = Fetch(Url("evil"));
    ASSERT_FALSE(fetched) << name;
    EXPECT_FALSE(fs::exists(options_.content_directory / "evil"));
    EXPECT_FALSE(fs::exists("/evil"));
  }
  EXPECT_TRUE(StoreIsEmpty());
}

TEST_F(GitTest, WhatUnpacksBeyondTheLimitIsRefused) {
  options_.limits.max_bytes = 1 << 20;
  Has("zeros", std::string(2 << 20, '\0'));
  Commit();
  EXPECT_EQ(Fetch(Url()).error().code, Code::kResourceExhausted);
}

// Ten folders that each name the next one ten times are a few objects, and 10^10 files.
TEST_F(GitTest, ATreeBombIsRefused) {
  std::string tree = Git("rev-parse HEAD^{tree}");
  for (int level = 0; level < 10; ++level) {
    std::string listing;
    for (char name = 'a'; name <= 'j'; ++name) {
      listing += fmt::format("040000 tree {}\t{}\n", tree, name);
    }
    WriteFile(data_.path() / "listing", listing);
    tree = Git("mktree < " + (data_.path() / "listing").string());
  }
  Git("update-ref refs/heads/bomb " + Git("commit-tree -m x " + tree));
  options_.limits.max_files = 1000;
  EXPECT_EQ(Fetch(Url("bomb")).error().code, Code::kResourceExhausted);
}

// Nothing in a repository runs or changes what is taken: no filter, no end-of-line conversion.
TEST_F(GitTest, AttributesHaveNoEffect) {
  Has(".gitattributes", "* text eol=crlf ident filter=evil\n");
  Has("text", "$Id$\nline\n");
  Commit();
  EXPECT_EQ(ReadFile(Fetch(Url())->folder / "text"), "$Id$\nline\n");
}

TEST_F(GitTest, AServerThatIsNotThereIsUnavailable) {
  EXPECT_EQ(Fetch("http://127.0.0.1:1/a").error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace mesg::runtime
