#include "runtime/fetch/content_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "runtime/process/testing.h"

namespace mesg::runtime {
namespace {

namespace fs = std::filesystem;

class ContentStoreTest : public testing::Test {
 protected:
  void Has(const std::string& file, const std::string& content, bool executable = false) {
    WriteFile(folder_.path() / file, content, executable);
  }
  std::string List() {
    const auto files = ListTree(folder_.path(), limits_);
    if (!files) return files.error().message;
    std::string all;
    for (const TreeFile& file : *files) all += file.path + (file.executable ? "* " : " ");
    return all;
  }
  Result<std::string> Add(ContentStore::Take take = ContentStore::Take::kCopy) {
    return store_.Add(folder_.path(), take, limits_, {});
  }
  TemporaryFolder folder_;
  TemporaryFolder kept_;
  FetchLimits limits_;
  ContentStore store_ = ContentStore::Open(kept_.path() / "content").value();
};

TEST_F(ContentStoreTest, ListsFilesWithoutGit) {
  Has("mesg.yml", "");
  Has("run.sh", "", true);
  Has("src/a.js", "");
  Has(".git/config", "");
  Has("src/.git", "gitdir: ../..");
  Has("node_modules/a/index.js", "");
  EXPECT_EQ(List(), "mesg.yml node_modules/a/index.js run.sh* src/a.js ");
}

TEST_F(ContentStoreTest, LeavesOutWhatEitherIgnoreFileNames) {
  Has("mesg.yml", "");
  Has("a.log", "");
  Has("node_modules/a", "");
  Has("sub/node_modules/b", "");
  Has("doc/x", "");
  Has("doc/keep", "");
  Has(".mesgignore", "node_modules\n*.log\n");
  Has(".dockerignore", "doc\n!doc/keep\nmesg.yml\n");
  EXPECT_EQ(List(), ".dockerignore .mesgignore doc/keep mesg.yml ");
}

// What is left out is not looked at either: npm's links do no harm there.
TEST_F(ContentStoreTest, RefusesLinksUnlessTheyAreLeftOut) {
  Has("mesg.yml", "");
  Has("node_modules/a/cli.js", "");
  fs::create_directories(folder_.path() / "node_modules/.bin");
  fs::create_symlink("../a/cli.js", folder_.path() / "node_modules/.bin/a");
  EXPECT_EQ(
      List(),
      "node_modules/.bin/a is a symbolic link, but a service may hold files and folders only: "
      "add a line `node_modules` to its .mesgignore, Core installs npm packages itself");
  Has(".mesgignore", "node_modules\n");
  EXPECT_EQ(List(), ".mesgignore mesg.yml ");
  fs::create_symlink("mesg.yml", folder_.path() / "inside");
  EXPECT_NE(List().find("inside is a symbolic link"), std::string::npos);
}

TEST_F(ContentStoreTest, RefusesPipesAndOddNames) {
  Has("mesg.yml", "");
  ASSERT_EQ(mkfifo((folder_.path() / "pipe").c_str(), 0600), 0);
  EXPECT_NE(List().find("pipe is a pipe"), std::string::npos);
  fs::remove(folder_.path() / "pipe");
  Has("a\nb", "");
  EXPECT_NE(List().find("control character"), std::string::npos);
}

TEST_F(ContentStoreTest, RefusesWhatIsTooMuch) {
  EXPECT_EQ(FetchLimits{}.max_bytes, 512U << 20);
  Has("a", "12345");
  Has("b", "12345");
  limits_.max_bytes = 9;
  EXPECT_EQ(Add().error().code, Code::kResourceExhausted);
  limits_ = {.max_files = 1};
  EXPECT_EQ(Add().error().code, Code::kResourceExhausted);
  limits_ = {.max_path = 3};
  Has("dir/c", "");
  EXPECT_EQ(Add().error().code, Code::kResourceExhausted);
  EXPECT_TRUE(fs::is_empty(kept_.path() / "content"));
}

TEST_F(ContentStoreTest, TooManyPatternsNameTheFile) {
  Has(".mesgignore", std::string(2000, 'x'));
  EXPECT_EQ(List().find(".mesgignore"), 0U) << List();
  Has(".mesgignore", std::string(2 << 20, 'x'));
  EXPECT_EQ(List(), ".mesgignore is larger than 1 MiB");
}

TEST_F(ContentStoreTest, KeepsEqualFilesOnceReadOnly) {
  Has("mesg.yml", "name: x");
  Has("bin/run", "#!", true);
  const std::string hash = Add().value();
  const std::string again = Add(ContentStore::Take::kMove).value();
  EXPECT_EQ(hash, again);
  EXPECT_TRUE(store_.Has(hash));
  EXPECT_EQ(ReadFile(store_.FolderOf(hash) / "mesg.yml"), "name: x");
  EXPECT_EQ(fs::status(store_.FolderOf(hash) / "mesg.yml").permissions(), fs::perms(0444));
  EXPECT_EQ(fs::status(store_.FolderOf(hash) / "bin/run").permissions(), fs::perms(0555));
  EXPECT_EQ(std::distance(fs::directory_iterator(kept_.path() / "content"), {}), 1);
}

TEST_F(ContentStoreTest, TheHashTellsContentPathsAndModesApart) {
  Has("a", "1");
  Has("b", "2");
  const std::string base = Add().value();
  std::vector<std::string> hashes{base};
  const auto differs = [&] {
    hashes.push_back(Add().value());
    for (std::size_t i = 0; i + 1 < hashes.size(); ++i) EXPECT_NE(hashes[i], hashes.back());
  };
  Has("b", "3");
  differs();
  Has("b", "2", true);
  differs();
  fs::remove(folder_.path() / "b");
  differs();
  Has("c/b", "2");
  differs();
  fs::remove_all(folder_.path() / "c");
  Has("b", "2");
  fs::permissions(folder_.path() / "b", fs::perms(0600));
  fs::create_directory(folder_.path() / "empty");
  EXPECT_EQ(Add().value(), base);  // Empty folders and who else may read do not count.
}

TEST_F(ContentStoreTest, NoFileOrNoFolderIsAnError) {
  EXPECT_EQ(Add().error().code, Code::kInvalidArgument);
  EXPECT_EQ(store_.Add(folder_.path() / "none", ContentStore::Take::kCopy, {}, {}).error().code,
            Code::kNotFound);
  EXPECT_EQ(ContentStore::Open("/dev/null/x").error().code, Code::kUnavailable);
}

TEST_F(ContentStoreTest, CanBeStopped) {
  Has("a", "");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(
      store_.Add(folder_.path(), ContentStore::Take::kCopy, {}, stop.get_token()).error().code,
      Code::kCancelled);
  EXPECT_TRUE(fs::is_empty(kept_.path() / "content"));
}

TEST_F(ContentStoreTest, RemovesAndClearsWhatWasInterrupted) {
  Has("a", "");
  const std::string hash = Add().value();
  store_.Remove(hash);
  EXPECT_FALSE(store_.Has(hash));
  for (const char* odd : {"", "..", "../content", "none"}) {
    EXPECT_FALSE(store_.Has(odd));
    store_.Remove(odd);
  }
  WriteFile(store_.NewIncoming() / "half", "");
  EXPECT_TRUE(ContentStore::Open(kept_.path() / "content"));
  EXPECT_TRUE(fs::is_empty(kept_.path() / "content"));
}

}  // namespace
}  // namespace mesg::runtime
