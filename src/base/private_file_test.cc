#include "base/private_file.h"

#include <csignal>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mesg {
namespace {

using testing::HasSubstr;

class PrivateFileTest : public testing::Test {
 protected:
  PrivateFileTest() {
    std::string folder = testing::TempDir() + "mesg-private-XXXXXX";
    folder_ = mkdtemp(folder.data());
    file_ = folder_ / "key";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string Text(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static unsigned ModeOf(const std::filesystem::path& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 0777U : 0;
  }
  std::size_t CountFiles() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_), {}));
  }
  std::filesystem::path folder_;
  std::filesystem::path file_;
};

TEST_F(PrivateFileTest, WhatIsWrittenIsReadBackAndItsOwnersAlone) {
  const mode_t old = umask(0);
  ASSERT_TRUE(ReplacePrivateFile(file_, "first"));
  ASSERT_TRUE(ReplacePrivateFile(file_, "second"));
  umask(old);
  EXPECT_EQ(ModeOf(file_), 0600U);
  EXPECT_EQ(CountFiles(), 1U);
  const auto file = PrivateFile::Open(file_).value();
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size(), 6U);
  char text[4] = {};
  EXPECT_EQ(file->Read(text).value(), 4U);
  EXPECT_EQ(std::string(text, 4), "seco");
  EXPECT_EQ(file->Read(text).value(), 2U);
  EXPECT_EQ(file->Read(text).value(), 0U);
}

TEST_F(PrivateFileTest, NoFileIsNothingAndNoError) {
  EXPECT_FALSE(PrivateFile::Open(file_).value());
}

TEST_F(PrivateFileTest, AFileThatOthersCanReadIsRefused) {
  ASSERT_TRUE(ReplacePrivateFile(file_, "x"));
  for (const mode_t mode : {0640U, 0604U, 0610U}) {
    chmod(file_.c_str(), mode);
    const auto file = PrivateFile::Open(file_);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, Code::kFailedPrecondition);
    EXPECT_THAT(file.error().message, HasSubstr("chmod 600 " + file_.string()));
  }
}

TEST_F(PrivateFileTest, WhatIsNoFileToReadSaysSo) {
  EXPECT_FALSE(PrivateFile::Open(file_ / "below").value());
  std::ofstream(file_) << "a file";
  EXPECT_THAT(PrivateFile::Open(file_ / "below").error().message, HasSubstr("Not a directory"));
  std::filesystem::create_directory(folder_ / "folder");
  const auto folder = PrivateFile::Open(folder_ / "folder").value();
  char text[1] = {};
  EXPECT_THAT(folder->Read(text).error().message, HasSubstr("Is a directory"));
}

TEST_F(PrivateFileTest, APipeIsReadToItsEnd) {
  int ends[2] = {};
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "word", 4), 4);
  close(ends[1]);
  const auto file = PrivateFile::Open("/dev/fd/" + std::to_string(ends[0])).value();
  char text[8] = {};
  EXPECT_EQ(file->Read(text).value(), 4U);
  EXPECT_EQ(file->size(), 0U);
  close(ends[0]);
}

TEST_F(PrivateFileTest, WhatACrashLeftBehindIsReplaced) {
  std::ofstream(folder_ / "key.new") << "half, and far longer than what is to be written";
  ASSERT_TRUE(ReplacePrivateFile(file_, "whole"));
  EXPECT_EQ(Text(file_), "whole");
  EXPECT_EQ(ModeOf(file_), 0600U);
}

TEST_F(PrivateFileTest, AFullDiskLosesNothing) {
  ASSERT_TRUE(ReplacePrivateFile(file_, "first"));
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{100, before.rlim_max};
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const Result<void> replaced = ReplacePrivateFile(file_, std::string(1000, 'x'));
  const Result<void> created = CreatePrivateFile(folder_ / "new", std::string(1000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old);
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().code, Code::kResourceExhausted);
  EXPECT_EQ(created.error().code, Code::kResourceExhausted);
  EXPECT_EQ(Text(file_), "first");
  EXPECT_EQ(CountFiles(), 1U);
}

TEST_F(PrivateFileTest, AFolderThatIsMissingIsMadeOnlyForANewFile) {
  EXPECT_THAT(ReplacePrivateFile(folder_ / "a" / "key", "x").error().message,
              HasSubstr("a/key.new"));
  ASSERT_TRUE(CreatePrivateFile(folder_ / "a" / "b" / "key", "x"));
  EXPECT_EQ(Text(folder_ / "a" / "b" / "key"), "x");
  EXPECT_EQ(ModeOf(folder_ / "a"), 0700U);
  EXPECT_EQ(ModeOf(folder_ / "a" / "b"), 0700U);
  EXPECT_THAT(CreatePrivateFile(folder_ / "a" / "b" / "key" / "c", "x").error().message,
              HasSubstr("cannot write"));
}

TEST_F(PrivateFileTest, AFileThatIsThereIsNotMadeAgain) {
  ASSERT_TRUE(CreatePrivateFile(file_, "first"));
  EXPECT_EQ(ModeOf(file_), 0600U);
  EXPECT_EQ(CreatePrivateFile(file_, "second").error().code, Code::kAlreadyExists);
  EXPECT_EQ(Text(file_), "first");
  EXPECT_EQ(CountFiles(), 1U);
}

}  // namespace
}  // namespace mesg
