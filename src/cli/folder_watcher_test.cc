#include "cli/folder_watcher.h"

#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

namespace mesg::cli {
namespace {

using std::chrono::milliseconds;

class FolderWatcherTest : public testing::Test {
 protected:
  FolderWatcherTest() { std::filesystem::create_directories(folder_ / "src"); }
  ~FolderWatcherTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& file) { std::ofstream(folder_ / file) << "x"; }
  /// Changed() gives up, by a stop, only when nothing has come for far longer than a change takes.
  bool Changed(FolderWatcher& watcher) {
    std::stop_source stop;
    const std::jthread patience([&stop](const std::stop_token& done) {
      for (int i = 0; i < 100 && !done.stop_requested(); ++i)
        std::this_thread::sleep_for(milliseconds(100));
      stop.request_stop();
    });
    return watcher.WaitForChange(stop.get_token(), milliseconds(20));
  }

  const std::filesystem::path folder_ =
      testing::TempDir() + "folder_watcher_" + std::to_string(getpid());
};

TEST_F(FolderWatcherTest, ChangesAtAnyDepthAreNoticed) {
  const auto watcher = FolderWatcher::Open(folder_);
  ASSERT_TRUE(watcher);
  Write("src/index.js");
  EXPECT_TRUE(Changed(**watcher));
  std::filesystem::create_directories(folder_ / "new" / "deeper");
  EXPECT_TRUE(Changed(**watcher));
  Write("new/deeper/file");
  EXPECT_TRUE(Changed(**watcher));
  std::filesystem::remove(folder_ / "src/index.js");
  EXPECT_TRUE(Changed(**watcher));
  std::filesystem::rename(folder_ / "new", folder_ / "moved");
  EXPECT_TRUE(Changed(**watcher));
}

// What is left out is written before a file that counts: one change is reported, and no second one.
TEST_F(FolderWatcherTest, WhatADeploymentLeavesOutIsLeftOut) {
  std::ofstream(folder_ / ".mesgignore") << "/build/\n*.log\n# comment\n";
  for (const char* name : {".git", "node_modules", "build"})
    std::filesystem::create_directories(folder_ / name);
  const auto watcher = FolderWatcher::Open(folder_);
  ASSERT_TRUE(watcher);
  for (const char* name : {".git/index", "node_modules/a", "build/a.o", "a.swp", "b~", ".#c"})
    Write(name);
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_FALSE((*watcher)->WaitForChange(stopped.get_token(), milliseconds(1)));
  Write("counts");
  EXPECT_TRUE(Changed(**watcher));
}

TEST_F(FolderWatcherTest, AFolderThatIsNotThereIsNothingToWatch) {
  std::stop_source stopped;
  stopped.request_stop();
  const auto watcher = FolderWatcher::Open(folder_ / "none");
  ASSERT_TRUE(watcher);
  EXPECT_FALSE((*watcher)->WaitForChange(stopped.get_token(), milliseconds(1)));
}

}  // namespace
}  // namespace mesg::cli
