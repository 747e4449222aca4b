#include "runtime/process/preparer.h"

#include <gtest/gtest.h>

#include "runtime/process/testing.h"

namespace mesg::runtime {
namespace {

namespace fs = std::filesystem;

class PreparerTest : public testing::Test {
 protected:
  PreparerTest() { fs::create_directories(data_.path() / "prepared"); }
  fs::path Folder() const { return data_.path() / "content"; }
  void Has(const std::string& file, const std::string& content) {
    WriteFile(Folder() / file, content);
    fs::permissions(Folder() / file, fs::perms::owner_read);
  }
  Preparer Make() const {
    return Preparer({.directory = data_.path() / "prepared", .environment = environment_});
  }
  Result<Prepared> Prepare(std::vector<std::string> run = {}) {
    return Make().Prepare({Folder(), "hash", std::move(run)},
                          [this](std::string_view line) { said_.append(line) += '\n'; });
  }
  TemporaryFolder data_;
  Environment environment_ = InheritedEnvironment();
  std::string said_;
};

TEST_F(PreparerTest, CopiesWhatIsRunSoThatTheServiceMayWriteInIt) {
  Has("bin/tool", "x");
  const auto prepared = Prepare({"./bin/tool", "--now"}).value();
  EXPECT_EQ(prepared.argv, (std::vector<std::string>{"./bin/tool", "--now"}));
  EXPECT_EQ(prepared.folder, data_.path() / "prepared" / "hash");
  EXPECT_EQ(ReadFile(prepared.folder / "bin/tool"), "x");
  EXPECT_NE(fs::status(prepared.folder / "bin/tool").permissions() & fs::perms::owner_write,
            fs::perms::none);
}

TEST_F(PreparerTest, UsesAPreparedCopyAgain) {
  Has("file", "x");
  const auto first = Prepare({"true"}).value();
  WriteFile(first.folder / "state", "kept");
  EXPECT_EQ(ReadFile(Prepare({"true"})->folder / "state"), "kept");
  Make().Remove("hash");
  EXPECT_FALSE(fs::exists(Prepare({"true"})->folder / "state"));
}

// A dependency in a folder of the service itself needs no network.
TEST_F(PreparerTest, InstallsWhatAnNpmPackageDependsOn) {
  Has("package.json", R"({"name":"s","version":"1.0.0","scripts":{"start":"node index.js"},)"
                      R"("dependencies":{"greeting":"file:./greeting"}})");
  Has("greeting/package.json", R"({"name":"greeting","version":"1.0.0","main":"g.js"})");
  Has("greeting/g.js", "module.exports = 'hello'");
  Has("index.js", "console.log(require('greeting'))");
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared) << prepared.error().message;
  EXPECT_EQ(prepared->argv.front(), "npm");
  EXPECT_EQ(prepared->argv.back(), "start");
  EXPECT_EQ(ReadFile(prepared->folder / "node_modules/greeting/g.js"), "module.exports = 'hello'");
  EXPECT_FALSE(said_.empty());
  EXPECT_FALSE(fs::exists(Folder() / "node_modules"));
  EXPECT_EQ(ReadFile(Folder() / "package.json").find("grpc"), std::string::npos);
}

TEST_F(PreparerTest, SaysWhatNpmSaid) {
  Has("package.json",
      R"({"scripts":{"start":"x"},"dependencies":{"none":"file:./not-there/none.tgz"}})");
  const auto prepared = Prepare();
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, Code::kFailedPrecondition);
  EXPECT_NE(prepared.error().message.find("not-there"), std::string::npos)
      << prepared.error().message;
  EXPECT_TRUE(fs::is_empty(data_.path() / "prepared"));
}

TEST_F(PreparerTest, SaysThatNpmIsMissing) {
  Has("package.json", R"({"scripts":{"start":"x"},"dependencies":{"a":"1"}})");
  environment_["PATH"] = "/nowhere";
  const auto prepared = Prepare();
  ASSERT_FALSE(prepared);
  EXPECT_NE(prepared.error().message.find("npm is needed"), std::string::npos);
}

TEST_F(PreparerTest, AVendoredNodeModulesIsNotInstalledAgain) {
  Has("package.json", R"({"main":"m.js","dependencies":{"a":"1"}})");
  Has("node_modules/a/index.js", "");
  environment_["PATH"] = "/nowhere";
  EXPECT_EQ(Prepare()->argv, (std::vector<std::string>{"node", "m.js"}));
}

TEST_F(PreparerTest, FallsBackToTheUsualFiles) {
  Has("package.json", "{}");
  Has("index.js", "");
  EXPECT_EQ(Prepare()->argv, (std::vector<std::string>{"node", "index.js"}));
}

TEST_F(PreparerTest, NothingToStartSaysWhatToAdd) {
  Has("mesg.yml", "name: x");
  EXPECT_FALSE(HasSomethingToStart(Folder(), {}));
  EXPECT_TRUE(HasSomethingToStart(Folder(), {"x"}));
  const auto prepared = Prepare();
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, Code::kFailedPrecondition);
  EXPECT_NE(prepared.error().message.find("run:"), std::string::npos);
  EXPECT_EQ(prepared.error().message.find("Dockerfile"), std::string::npos);
  Has("Dockerfile", "FROM node");
  EXPECT_NE(Prepare().error().message.find("Dockerfile"), std::string::npos);
  Has("package.json", "{}");
  EXPECT_FALSE(HasSomethingToStart(Folder(), {}));
}

TEST_F(PreparerTest, AMalformedPackageIsNamed) {
  Has("package.json", "{");
  EXPECT_TRUE(HasSomethingToStart(Folder(), {}));
  EXPECT_NE(Prepare().error().message.find("package.json"), std::string::npos);
}

TEST_F(PreparerTest, CanBeStopped) {
  Has("file", "");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(Make().Prepare({Folder(), "hash", {"true"}}, {}, stop.get_token()).error().code,
            Code::kCancelled);
}

TEST_F(PreparerTest, RemovesWhatWasInterrupted) {
  WriteFile(data_.path() / "prepared" / ".unfinished-1" / "file", "");
  Make();
  EXPECT_TRUE(fs::is_empty(data_.path() / "prepared"));
}

TEST_F(PreparerTest, AHashThatLeadsElsewhereIsRefused) {
  for (const char* hash : {"", "../x", "a/b"}) {
    EXPECT_EQ(Make().Prepare({Folder(), hash, {"true"}}, {}).error().code, Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace mesg::runtime
