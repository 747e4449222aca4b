#include "cli/main.h"

#include <fstream>
#include <sstream>
#include <thread>

#include <signal.h>

#include "cli/command_line_test_support.h"

namespace mesg::cli {
namespace {

using MainTest = CommandLineTest;

std::string Content(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

TEST_F(MainTest, CoreGetsItsArgumentsUntouched) {
  EXPECT_EQ(Mesg({"core", "--help", "--endpoint"}), 42);
  EXPECT_EQ(core_arguments_, (std::vector<std::string>{"--help", "--endpoint"}));
}

TEST_F(MainTest, WrongUsageIsTwo) {
  EXPECT_EQ(Mesg({"statsu"}), 2);
  EXPECT_EQ(err_, "mesg: unknown command \"statsu\", did you mean \"status\"?\n");
  EXPECT_EQ(Mesg({}), 2);
  EXPECT_EQ(Mesg({"service"}), 2);
  EXPECT_EQ(Mesg({"status", "--output", "yaml"}), 2);
  EXPECT_EQ(err_, "mesg: --output must be text or json, got \"yaml\"\n");
  EXPECT_EQ(Mesg({"status", "--endpoint", "nowhere"}), 2);
  EXPECT_EQ(out_, "");
}

TEST_F(MainTest, HelpIsDataAndZero) {
  EXPECT_EQ(Mesg({"--help"}), 0);
  EXPECT_NE(out_.find("service deploy"), std::string::npos);
  EXPECT_EQ(out_.find("__services"), std::string::npos);
  EXPECT_EQ(Mesg({"help", "service"}), 0);
  EXPECT_NE(out_.find("mesg service COMMAND [options]"), std::string::npos) << out_;
  EXPECT_EQ(Mesg({"help", "service", "deploy"}), 0);
  EXPECT_NE(out_.find("mesg service deploy [SOURCE] [options]"), std::string::npos) << out_;
  EXPECT_EQ(Mesg({"help", "start", "--no-color"}), 0);
  EXPECT_NE(out_.find("mesg start [ARGUMENTS...] [options]"), std::string::npos) << out_;
  EXPECT_EQ(Mesg({"help", "nonsense"}), 2);
  EXPECT_EQ(Mesg({"--version"}), 0);
  EXPECT_EQ(out_, "mesg " MESG_VERSION "\n");
}

TEST_F(MainTest, WhenNobodyAnswersItSaysWhatToDo) {
  EXPECT_EQ(Mesg({"service", "list", "--endpoint", "127.0.0.1:1"}), 1);
  EXPECT_EQ(err_, "mesg: Core is not running at 127.0.0.1:1: start it with `mesg start`\n");
  EXPECT_EQ(out_, "");
}

TEST_F(MainTest, ARefusalIsPrintedWithEveryViolation) {
  core_.Refuse("ListServices",
               Error{Code::kInvalidArgument,
                     "data is invalid",
                     "DATA_INVALID",
                     {{"items[3].price", "expected a Number, got a String"}, {"", "too long"}}});
  EXPECT_EQ(Mesg({"service", "list"}), 1);
  EXPECT_EQ(
      err_,
      "mesg: data is invalid\n  items[3].price: expected a Number, got a String\n  too long\n");
}

TEST_F(MainTest, ACoreThatDoesNotKnowACommandIsOfAnotherVersion) {
  core_.Refuse("ListServices", Error{Code::kUnimplemented, ""});
  EXPECT_EQ(Mesg({"service", "list"}), 1);
  EXPECT_NE(err_.find("does not know this command: it is another version than this mesg"),
            std::string::npos)
      << err_;
}

TEST_F(MainTest, UnavailableFromCoreItselfKeepsItsMessage) {
  core_.Refuse("ListServices", Unavailable("Core is shutting down"));
  EXPECT_EQ(Mesg({"service", "list"}), 1);
  EXPECT_EQ(err_, "mesg: Core is shutting down\n");
}

TEST_F(MainTest, StatusIsZeroOnlyWhenReady) {
  core_.script.status.set_pid(7);
  auto& limit = *core_.script.status.add_limits();
  limit.set_name("payload_bytes");
  limit.set_limit(4 << 20);
  limit.set_unit("bytes");
  auto& used = *core_.script.status.add_limits();
  used.set_name("inbox_bytes");
  used.set_limit(64 << 20);
  used.set_used(0);
  used.set_unit("bytes");
  EXPECT_EQ(Mesg({"status"}), 0);
  EXPECT_NE(out_.find("Core       ready\n"), std::string::npos) << out_;
  EXPECT_NE(out_.find("payload_bytes  each  4 MiB"), std::string::npos) << out_;
  EXPECT_NE(out_.find("inbox_bytes    0 B   64 MiB"), std::string::npos) << out_;
  core_.script.status.set_ready(false);
  EXPECT_EQ(Mesg({"status"}), 1);
  EXPECT_EQ(Mesg({"status", "--json"}), 1);
  EXPECT_TRUE(out_.starts_with(R"({"ready":false,"version":"0.1.0",)")) << out_;
  EXPECT_EQ(Mesg({"status", "--json", "--endpoint", "127.0.0.1:1"}), 1);
  EXPECT_TRUE(out_.starts_with(R"({"ready":false,)")) << out_;
}

TEST_F(MainTest, StartSaysWhenCoreRunsAlready) {
  core_.script.status.set_pid(7);
  variables_["MESG_GRPC_ADDRESS"] = core_.endpoint();
  EXPECT_EQ(Mesg({"start"}), 0);
  EXPECT_EQ(err_, "✓ Core is already running at " + core_.endpoint() + " (process 7).\n");
}

TEST_F(MainTest, StartShowsTheLogOfACoreThatEnds) {
  std::filesystem::create_directories(folder_ / "bin");
  std::ofstream(folder_ / "bin" / "mesg") << "#!/bin/sh\necho \"told: $*\"\nexit 3\n";
  std::filesystem::permissions(folder_ / "bin" / "mesg", std::filesystem::perms::owner_all);
  variables_["MESG_GRPC_ADDRESS"] = "127.0.0.1:1";
  EXPECT_EQ(Mesg({"start", "--", "--durability", "async"}), 1);
  EXPECT_NE(err_.find("Core ended while it started"), std::string::npos) << err_;
  EXPECT_NE(err_.find("told: core --durability async"), std::string::npos) << err_;

  // Of the next start only its own words are shown; what was before is kept.
  EXPECT_EQ(Mesg({"start", "--", "--durability", "sync"}), 1);
  EXPECT_NE(err_.find("told: core --durability sync"), std::string::npos) << err_;
  EXPECT_EQ(err_.find("async"), std::string::npos) << err_;
  EXPECT_EQ(Content(folder_ / "home" / "state" / "core.log.1"), "told: core --durability async\n");
}

// The program "starts" while the Core of this test plays what it would say: refusing, then not
// ready, then ready.
TEST_F(MainTest, StartWaitsUntilCoreIsReady) {
  std::filesystem::create_directories(folder_ / "bin");
  std::ofstream(folder_ / "bin" / "mesg") << "#!/bin/sh\nkill -STOP $$\n";
  std::filesystem::permissions(folder_ / "bin" / "mesg", std::filesystem::perms::owner_all);
  variables_["MESG_GRPC_ADDRESS"] = core_.endpoint();
  core_.script.status.set_pid(7);
  core_.Refuse("Status", Unavailable("not yet"));
  std::jthread core([this] {
    core_.Await([](const auto& heard) { return heard.calls.size() >= 3; });
    core_.Forgive("Status");
  });
  EXPECT_EQ(Mesg({"start"}), 0) << err_;
  EXPECT_TRUE(err_.starts_with("✓ Core is ready at " + core_.endpoint())) << err_;
  pid_t pid = 0;
  std::ifstream(folder_ / "home" / "state" / "core.pid") >> pid;
  ASSERT_GT(pid, 0);
  EXPECT_EQ(kill(pid, SIGKILL), 0);
}

TEST_F(MainTest, StartGivesUpWaitingButSaysSo) {
  std::filesystem::create_directories(folder_ / "bin");
  std::ofstream(folder_ / "bin" / "mesg") << "#!/bin/sh\nkill -STOP $$\n";
  std::filesystem::permissions(folder_ / "bin" / "mesg", std::filesystem::perms::owner_all);
  variables_["MESG_GRPC_ADDRESS"] = core_.endpoint();
  core_.Refuse("Status", Unavailable("not yet"));
  EXPECT_EQ(Mesg({"start", "--timeout", "1ms"}), 1);
  EXPECT_NE(err_.find("is not ready yet: look at `mesg logs --follow`"), std::string::npos) << err_;
  pid_t pid = 0;
  std::ifstream(folder_ / "home" / "state" / "core.pid") >> pid;
  EXPECT_EQ(kill(pid, SIGKILL), 0);
}

TEST_F(MainTest, StopOfWhatDoesNotRunIsDone) {
  EXPECT_EQ(Mesg({"stop", "--endpoint", "127.0.0.1:1"}), 0);
  EXPECT_EQ(err_, "Core is not running at 127.0.0.1:1.\n");
}

TEST_F(MainTest, StopWaitsForTheProcess) {
  core_.script.status.set_pid(1 << 30);  // No such process: it has ended already.
  EXPECT_EQ(Mesg({"stop", "--json"}), 0);
  EXPECT_TRUE(core_.heard().shutdown);
  EXPECT_EQ(out_, "{\"stopped\":true,\"pid\":1073741824}\n");
  core_.script.status.set_pid(getpid());
  EXPECT_EQ(Mesg({"stop", "--timeout", "1ms"}), 1);
  EXPECT_NE(err_.find("has not ended yet"), std::string::npos) << err_;
}

TEST_F(MainTest, LogsPrintsTheTail) {
  EXPECT_EQ(Mesg({"logs"}), 1);
  EXPECT_NE(err_.find("there is no log at"), std::string::npos);
  std::filesystem::create_directories(folder_ / "home" / "state");
  std::ofstream(folder_ / "home" / "state" / "core.log") << "one\ntwo\nthree\n";
  EXPECT_EQ(Mesg({"logs", "--tail", "2"}), 0);
  EXPECT_EQ(out_, "two\nthree\n");
  EXPECT_EQ(Mesg({"logs", "--tail", "1", "--json"}), 0);
  EXPECT_EQ(out_, "{\"text\":\"three\"}\n");
  stop_.request_stop();
  EXPECT_EQ(Mesg({"logs", "--follow"}), 0);
  EXPECT_EQ(Mesg({"logs", "--tail", "-1"}), 2);
}

TEST_F(MainTest, DoctorNamesTheProblemAndTheRemedy) {
  EXPECT_EQ(Mesg({"doctor", "--endpoint", "127.0.0.1:1"}), 1);
  EXPECT_NE(out_.find("not running at 127.0.0.1:1"), std::string::npos) << out_;
  EXPECT_NE(out_.find("start it with `mesg start`"), std::string::npos) << out_;
  core_.script.status.set_data_directory((folder_ / "data").string());
  std::filesystem::create_directories(folder_ / "libexec" / "mesg");
  for (const char* helper : {"mesg-fetch", "mesg-guard"})
    std::ofstream(folder_ / "libexec" / "mesg" / helper) << "";
  EXPECT_EQ(Mesg({"doctor", "--json"}), 0) << out_;
  EXPECT_NE(
      out_.find(R"({"check":"Helper programs","verdict":"ok","found":"all there","remedy":""})"),
      std::string::npos)
      << out_;
}

TEST_F(MainTest, ServiceInitWritesAServiceThatKnowsItsName) {
  const std::filesystem::path hello = folder_ / "hello";
  EXPECT_EQ(Mesg({"service", "init", hello.string()}), 0) << err_;
  EXPECT_NE(err_.find("write its folder into package.json"), std::string::npos)
      << "no library here: " << err_;
  EXPECT_TRUE(Content(hello / "mesg.yml").starts_with("sid: hello\n"));
  EXPECT_TRUE(std::filesystem::exists(hello / ".npmrc"));
  EXPECT_EQ(Content(hello / "index.js").find('@' + std::string("NAME@")), std::string::npos);
  EXPECT_EQ(Mesg({"service", "init", hello.string()}), 1);
  EXPECT_NE(err_.find("exists: choose another folder"), std::string::npos) << err_;
}

TEST_F(MainTest, ServiceInitFindsTheInstalledLibrary) {
  const std::filesystem::path sdk = folder_ / "share" / "mesg" / "sdk-js";
  std::filesystem::create_directories(sdk);
  std::ofstream(sdk / "package.json") << "{}";
  EXPECT_EQ(Mesg({"service", "init", (folder_ / "hi").string(), "--json"}), 0);
  EXPECT_NE(out_.find("\"sdk\":\"" + sdk.string() + "\""), std::string::npos) << out_;
  EXPECT_NE(Content(folder_ / "hi" / "package.json").find("\"file:" + sdk.string() + "\""),
            std::string::npos);
}

TEST_F(MainTest, ServiceInitKnowsCpp) {
  EXPECT_EQ(Mesg({"service", "init", (folder_ / "c").string(), "-t", "cpp", "--name", "counter"}),
            0);
  EXPECT_NE(Content(folder_ / "c" / "CMakeLists.txt").find("OUTPUT_NAME counter "),
            std::string::npos);
  EXPECT_EQ(Mesg({"service", "init", (folder_ / "d").string(), "-t", "cobol"}), 2);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "d"));
}

// What a name may be is decided where mesg.yml is read, and nowhere else.
TEST_F(MainTest, ServiceInitAsksTheModelForTheName) {
  EXPECT_EQ(Mesg({"service", "init", (folder_ / "Shop.v2").string()}), 0) << err_;
  EXPECT_TRUE(validated_.starts_with("sid: Shop.v2\n")) << validated_;
  EXPECT_EQ(Content(folder_ / "Shop.v2" / "mesg.yml"), validated_);
  EXPECT_EQ(Mesg({"service", "init", (folder_ / "n").string(), "--name", "null"}), 0) << err_;
  EXPECT_TRUE(validated_.starts_with("sid: \"null\"\n")) << validated_;
  validation_.add_errors()->set_message("\"No Name\" is no sid: expected letters");
  EXPECT_EQ(Mesg({"service", "init", (folder_ / "d").string(), "--name", "No Name"}), 2);
  EXPECT_EQ(err_, "mesg: \"No Name\" is no sid: expected letters\n");
  EXPECT_EQ(Mesg({"service", "init", (folder_ / "d").string()}), 2);
  EXPECT_TRUE(err_.ends_with(": give a name with --name\n")) << err_;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "d"));
}

TEST_F(MainTest, WhatNeedsTheJavaScriptLibrarySaysHowToBuildIt) {
  const std::filesystem::path sdk = folder_ / "share" / "mesg" / "sdk-js";
  std::filesystem::create_directories(sdk);
  std::ofstream(sdk / "package.json") << "{}";
  const std::string hello = (folder_ / "hello").string();
  const std::string build = "(cd " + sdk.string() + " && npm ci && npm run build)";
  EXPECT_EQ(Mesg({"service", "init", hello}), 0);
  EXPECT_NE(err_.find("not built yet: run `" + build + "`"), std::string::npos) << err_;
  for (const char* command : {"deploy", "dev"}) {
    EXPECT_EQ(Mesg({"service", command, hello}), 1);
    EXPECT_TRUE(err_.ends_with("mesg: the JavaScript library it uses is not built yet: run `" +
                               build + "`\n"))
        << err_;
  }
  EXPECT_TRUE(core_.heard().deployments.empty());
  std::filesystem::create_directories(sdk / "dist");
  std::filesystem::create_directories(sdk / "node_modules");
  std::ofstream(sdk / "dist" / "index.js") << "";
  EXPECT_EQ(Mesg({"service", "deploy", hello}), 0) << err_;
  std::filesystem::remove_all(sdk);
  EXPECT_EQ(Mesg({"service", "deploy", hello}), 1);
  EXPECT_NE(err_.find(" takes @mesg/sdk from " + sdk.string() + ", where it is not"),
            std::string::npos)
      << err_;
  // What is not deployed needs nothing.
  std::ofstream(folder_ / "hello" / ".mesgignore") << "*\n!mesg.yml\n";
  EXPECT_EQ(Mesg({"service", "deploy", hello}), 0) << err_;
}

// In a checkout there is a script for it, which is quick when there is nothing to do.
TEST_F(MainTest, InACheckoutTheScriptBuildsTheJavaScriptLibrary) {
  std::filesystem::create_directories(folder_ / "sdk" / "js");
  std::filesystem::create_directories(folder_ / "scripts");
  std::ofstream(folder_ / "sdk" / "js" / "package.json") << "{}";
  std::ofstream(folder_ / "scripts" / "sdk-js") << "";
  EXPECT_EQ(Mesg({"service", "init", (folder_ / "hello").string()}), 0);
  EXPECT_NE(err_.find("run `" + (folder_ / "scripts" / "sdk-js").string() + "`"), std::string::npos)
      << err_;
}

}  // namespace
}  // namespace mesg::cli
