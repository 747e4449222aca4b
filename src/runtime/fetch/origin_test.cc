#include "runtime/fetch/origin.h"

#include <gtest/gtest.h>

#include "runtime/process/testing.h"

namespace mesg::runtime {
namespace {

std::string Read(std::string_view text) {
  const auto origin = Origin::Parse(text);
  if (!origin) return std::string(Name(origin.error().code));
  constexpr const char* kKinds[] = {"folder", "archive", "url", "git"};
  return std::string(kKinds[static_cast<int>(origin->kind)]) + " " + origin->location +
         (origin->ref.empty() ? "" : " at " + origin->ref);
}

TEST(OriginTest, TellsUrlsApart) {
  EXPECT_EQ(Read("https://host/a/b"), "git https://host/a/b");
  EXPECT_EQ(Read("https://host/a/b.git#v1.0"), "git https://host/a/b.git at v1.0");
  EXPECT_EQ(Read("http://host/x.tar.gz?token=1"), "url http://host/x.tar.gz?token=1");
  EXPECT_EQ(Read("https://host/x.tgz"), "url https://host/x.tgz");
  EXPECT_EQ(Read("ssh://git@host:22/a"), "git ssh://git@host:22/a");
  EXPECT_EQ(Read("git@host:a/b.git#main"), "git git@host:a/b.git at main");
  EXPECT_EQ(Read("file:///srv/a#x"), "git file:///srv/a at x");
}

TEST(OriginTest, RefusesOtherSchemes) {
  for (const char* text : {"", "ftp://host/a", "git://host/a", "javascript://x", "a\nb"}) {
    EXPECT_EQ(Read(text), "INVALID_ARGUMENT") << text;
  }
}

TEST(OriginTest, LooksAtPaths) {
  const TemporaryFolder folder;
  WriteFile(folder.path() / "a.tar.gz", "");
  WriteFile(folder.path() / "a.zip", "");
  EXPECT_EQ(Read(folder.path().string()), "folder " + folder.path().string());
  EXPECT_EQ(Read((folder.path() / "a.tar.gz").string()),
            "archive " + (folder.path() / "a.tar.gz").string());
  EXPECT_EQ(Read((folder.path() / "a.zip").string()), "INVALID_ARGUMENT");
  EXPECT_EQ(Read((folder.path() / "none").string()), "NOT_FOUND");
}

TEST(OriginTest, ItsTextHidesPasswords) {
  EXPECT_EQ(Origin::Parse("https://me:secret@host/a#b")->Text(), "https://me:***@host/a#b");
  EXPECT_EQ(Origin::Parse("https://host:8080/a@b")->Text(), "https://host:8080/a@b");
}

}  // namespace
}  // namespace mesg::runtime
