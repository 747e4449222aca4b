#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/delivery_key.h"
#include "daemon/pid_file.h"
#include "daemon/systemd.h"

namespace mesg::daemon {
namespace {

using testing::HasSubstr;

class DaemonFilesTest : public testing::Test {
 protected:
  DaemonFilesTest() {
    std::string folder = testing::TempDir() + "mesg-files-XXXXXX";
    folder_ = mkdtemp(folder.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(DaemonFilesTest, DeliveryKeyIsMadeOnceAndIsItsOwnersAlone) {
  const auto file = folder_ / "delivery.key";
  const std::string key = ReadOrMakeDeliveryKey(file).value();
  EXPECT_EQ(key.size(), 32U);
  EXPECT_EQ(ReadOrMakeDeliveryKey(file).value(), key);
  struct stat info {};
  ASSERT_EQ(stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "delivery.key.new"));
}

TEST_F(DaemonFilesTest, WhatACrashLeftOfAKeyIsReplaced) {
  std::ofstream(folder_ / "delivery.key.new") << "half";
  EXPECT_EQ(ReadOrMakeDeliveryKey(folder_ / "delivery.key").value().size(), 32U);
}

TEST_F(DaemonFilesTest, AKeyThatOthersCanReadIsRefused) {
  const auto file = folder_ / "delivery.key";
  ASSERT_TRUE(ReadOrMakeDeliveryKey(file));
  chmod(file.c_str(), 0644);
  EXPECT_THAT(ReadOrMakeDeliveryKey(file).error().message, HasSubstr("chmod 600"));
}

TEST_F(DaemonFilesTest, ADamagedKeyIsRefused) {
  const auto file = folder_ / "delivery.key";
  std::ofstream(file) << "short";
  chmod(file.c_str(), 0600);
  EXPECT_EQ(ReadOrMakeDeliveryKey(file).error().code, Code::kDataLoss);
}

TEST_F(DaemonFilesTest, AKeyThatCannotBeWrittenIsAnErrorWithTheFile) {
  EXPECT_THAT(ReadOrMakeDeliveryKey(folder_ / "missing" / "delivery.key").error().message,
              HasSubstr("missing/delivery.key"));
}

TEST_F(DaemonFilesTest, PidFileGoesWithTheProcessThatWroteIt) {
  const auto file = folder_ / "core.pid";
  {
    const PidFile pid = PidFile::Write(file).value();
    pid_t written = 0;
    std::ifstream(file) >> written;
    EXPECT_EQ(written, getpid());
  }
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_FALSE(PidFile::Write(folder_ / "missing" / "core.pid"));
}

TEST_F(DaemonFilesTest, PidFileOfTheNextCoreStays) {
  const auto file = folder_ / "core.pid";
  {
    const PidFile pid = PidFile::Write(file).value();
    std::ofstream(file) << "1\n";
  }
  EXPECT_TRUE(std::filesystem::exists(file));
}

TEST_F(DaemonFilesTest, SystemdHearsWhatItIsTold) {
  const std::string path = folder_ / "notify";
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  NotifySystemd("READY=1");
  char text[64] = {};
  EXPECT_EQ(recv(fd, text, sizeof text - 1, MSG_DONTWAIT), 7);
  EXPECT_STREQ(text, "READY=1");
  close(fd);
  NotifySystemd("nobody listens any more");
  unsetenv("NOTIFY_SOCKET");
  NotifySystemd("nobody ever did");
}

}  // namespace
}  // namespace mesg::daemon
