#include <gtest/gtest.h>
#include <sys/stat.h>

#include "runtime/fetch/testing.h"

namespace mesg::runtime {
namespace {

namespace fs = std::filesystem;

const ArchiveEntry kDefinition{.path = "mesg.yml", .data = "name: x\n"};

class ArchiveTest : public FetchTest {
 protected:
  Result<Fetched> FetchBytes(const std::string& bytes) {
    WriteFile(data_.path() / "a.tar.gz", bytes);
    return Fetch((data_.path() / "a.tar.gz").string());
  }
  /// The message of a refusal that leaves nothing behind.
  std::string Refused(const std::vector<ArchiveEntry>& entries) {
    const auto fetched = FetchBytes(Archive(entries));
    if (fetched) return "it was taken";
    EXPECT_EQ(fetched.error().code, Code::kInvalidArgument) << fetched.error().message;
    EXPECT_TRUE(StoreIsEmpty());
    return fetched.error().message;
  }
};

TEST_F(ArchiveTest, IsUnpackedWithItsModes) {
  const auto fetched = FetchBytes(Archive({{.path = "bin/", .type = AE_IFDIR, .mode = 0755},
                                           {.path = "./bin/run", .data = "#!", .mode = 0755},
                                           kDefinition}));
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(fetched->definition_yaml, "name: x\n");
  EXPECT_EQ(fs::status(fetched->folder / "bin/run").permissions(), fs::perms(0555));
}

TEST_F(ArchiveTest, GivesTheSameHashAsItsFolder) {
  Has("mesg.yml", "name: x\n");
  Has("bin/run", "#!", true);
  const auto folder = Fetch(Source().string()).value();
  const auto archive =
      FetchBytes(Archive({{.path = "bin/run", .data = "#!", .mode = 0755}, kDefinition})).value();
  EXPECT_EQ(folder.content_hash, archive.content_hash);
}

TEST_F(ArchiveTest, ItsOneFolderIsTheService) {
  const auto fetched = FetchBytes(Archive(
      {{.path = "repo-1.0/mesg.yml", .data = "name: y"}, {.path = "repo-1.0/a", .data = ""}}));
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(fetched->definition_yaml, "name: y");
}

TEST_F(ArchiveTest, IgnoreFilesCount) {
  const auto fetched = FetchBytes(Archive(
      {kDefinition, {.path = ".mesgignore", .data = "*.log"}, {.path = "a.log", .data = "x"}}));
  EXPECT_FALSE(fs::exists(fetched->folder / "a.log"));
}

TEST_F(ArchiveTest, PathsThatLeaveTheFolderAreRefused) {
  EXPECT_NE(Refused({kDefinition, {.path = "../evil", .data = "x"}}).find("\"..\""),
            std::string::npos);
  EXPECT_NE(Refused({{.path = "a/../../evil", .data = "x"}, kDefinition}).find("\"..\""),
            std::string::npos);
  EXPECT_NE(Refused({{.path = "/tmp/mesg-evil", .data = "x"}, kDefinition}).find("absolute"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(data_.path() / "evil"));
  EXPECT_FALSE(fs::exists("/tmp/mesg-evil"));
}

TEST_F(ArchiveTest, LinksAreRefused) {
  EXPECT_NE(Refused({{.path = "link", .type = AE_IFLNK, .symlink = "/etc"}, kDefinition})
                .find("\"link\" is a symbolic link"),
            std::string::npos);
  EXPECT_NE(Refused({{.path = "in", .type = AE_IFLNK, .symlink = "mesg.yml"}, kDefinition})
                .find("a symbolic link"),
            std::string::npos);
  EXPECT_NE(Refused({kDefinition, {.path = "hard", .hardlink = "mesg.yml"}}).find("a hard link"),
            std::string::npos);
  EXPECT_NE(Refused({kDefinition, {.path = "hard", .hardlink = "/etc/passwd"}}).find("a hard link"),
            std::string::npos);
}

// A link first, then a file through it: the classic escape.
TEST_F(ArchiveTest, AFileThroughALinkIsRefused) {
  Refused({{.path = "out", .type = AE_IFLNK, .symlink = data_.path().string()},
           {.path = "out/evil", .data = "x"},
           kDefinition});
  EXPECT_FALSE(fs::exists(data_.path() / "evil"));
}

TEST_F(ArchiveTest, DevicesAndPipesAreRefused) {
  EXPECT_NE(Refused({{.path = "null", .type = AE_IFCHR}, kDefinition}).find("a device"),
            std::string::npos);
  EXPECT_NE(Refused({{.path = "disk", .type = AE_IFBLK}, kDefinition}).find("a device"),
            std::string::npos);
  EXPECT_NE(Refused({{.path = "fifo", .type = AE_IFIFO}, kDefinition}).find("a pipe"),
            std::string::npos);
}

TEST_F(ArchiveTest, NamesThatDeceiveAreRefused) {
  EXPECT_NE(Refused({{.path = "a\nb", .data = ""}, kDefinition}).find("control character"),
            std::string::npos);
  EXPECT_NE(Refused({kDefinition, kDefinition}).find("twice"), std::string::npos);
  Refused({{.path = "a", .data = ""}, {.path = "a/b", .data = ""}, kDefinition});
}

TEST_F(ArchiveTest, ABombIsCutOffAtTheLimit) {
  options_.limits.max_bytes = 4 << 20;
  const std::string bomb =
      Archive({kDefinition, {.path = "zeros", .data = std::string(5 << 20, '\0')}});
  EXPECT_LT(bomb.size(), 50'000U);
  const auto fetched = FetchBytes(bomb);
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().code, Code::kResourceExhausted);
  EXPECT_NE(fetched.error().message.find("4 MiB"), std::string::npos);
  EXPECT_TRUE(StoreIsEmpty());
}

TEST_F(ArchiveTest, TooManyFilesAreRefused) {
  options_.limits.max_files = 100;
  std::vector<ArchiveEntry> entries{kDefinition};
  for (int i = 0; i < 100; ++i) entries.push_back({.path = "f" + std::to_string(i)});
  EXPECT_EQ(FetchBytes(Archive(entries)).error().code, Code::kResourceExhausted);
}

TEST_F(ArchiveTest, PathsThatAreTooLongAreRefused) {
  std::string deep;
  for (int i = 0; i < 600; ++i) deep += "d/";
  EXPECT_EQ(FetchBytes(Archive({kDefinition, {.path = deep + "f"}})).error().code,
            Code::kResourceExhausted);
  EXPECT_EQ(FetchBytes(Archive({kDefinition, {.path = std::string(300, 'n')}})).error().code,
            Code::kResourceExhausted);
}

TEST_F(ArchiveTest, WhatIsNoArchiveIsRefused) {
  const std::string whole =
      Archive({kDefinition, {.path = "f", .data = std::string(100'000, 'r')}});
  for (const std::string& bytes : {std::string(), std::string("hello"), std::string(1000, '\x1f'),
                                   whole.substr(0, whole.size() / 2), whole.substr(0, 20)}) {
    const auto fetched = FetchBytes(bytes);
    ASSERT_FALSE(fetched) << bytes.size();
    EXPECT_EQ(fetched.error().code, Code::kInvalidArgument) << fetched.error().message;
  }
  EXPECT_NE(Refused({}).find("empty"), std::string::npos);
  EXPECT_NE(Refused({{.path = "a", .data = ""}}).find("no mesg.yml"), std::string::npos);
  EXPECT_TRUE(StoreIsEmpty());
}

TEST_F(ArchiveTest, ArrivesInPieces) {
  const std::string bytes = Archive({kDefinition});
  const Fetcher fetcher = Open();
  const auto upload = fetcher.Upload().value();
  for (std::size_t at = 0; at < bytes.size(); at += 50) {
    ASSERT_TRUE(upload->Append(std::string_view(bytes).substr(at, 50)));
  }
  EXPECT_EQ(upload->Finish({})->definition_yaml, "name: x\n");
  EXPECT_EQ(upload->Finish({}).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(upload->Append("x").error().code, Code::kFailedPrecondition);
}

TEST_F(ArchiveTest, AnUploadThatIsAbandonedLeavesNothing) {
  const Fetcher fetcher = Open();
  auto upload = fetcher.Upload().value();
  ASSERT_TRUE(upload->Append("some"));
  upload.reset();
  EXPECT_TRUE(StoreIsEmpty());
}

TEST_F(ArchiveTest, AnUploadIsBounded) {
  options_.limits.max_archive_bytes = 10;
  const Fetcher fetcher = Open();
  const auto upload = fetcher.Upload().value();
  ASSERT_TRUE(upload->Append("123456"));
  EXPECT_EQ(upload->Append("12345").error().code, Code::kResourceExhausted);
}

}  // namespace
}  // namespace mesg::runtime
