#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include <signal.h>

#include "cli/command_line_test_support.h"

namespace mesg::cli {
namespace {

/// `mesg dev`, with a program in the place of Core that only waits; what it would say, the Core of
/// this test says.
class DevTest : public CommandLineTest {
 protected:
  DevTest() {
    std::filesystem::create_directories(folder_ / "bin");
    std::filesystem::create_directories(folder_ / "tmp");
    variables_["TMPDIR"] = (folder_ / "tmp").string();
    Program("exec sleep 1000");
    core_.Refuse("Status", Unavailable("not yet"));
    v1::Run& run = core_.script.run;
    run.set_id("2vRq8xWkZ1YbMn4TcE7hJd");
    run.set_workflow("order");
    run.set_trigger("manual");
    core_.script.watched = {{run}};
  }
  void Program(const std::string& last) const {
    const std::filesystem::path file = folder_ / "bin" / "mesg";
    std::ofstream(file) << "#!/bin/sh\necho \"$MESG_HOME $*\" > " << (folder_ / "told").string()
                        << "\necho $$ > " << (folder_ / "pid.new").string() << "\nmv "
                        << (folder_ / "pid.new").string() << " " << (folder_ / "pid").string()
                        << "\n"
                        << last << "\n";
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }
  pid_t Pid() const {
    pid_t pid = 0;
    std::ifstream(folder_ / "pid") >> pid;
    return pid;
  }
  std::string Told() const {
    std::ostringstream text;
    text << std::ifstream(folder_ / "told").rdbuf();
    return text.str();
  }
  static bool Eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  /// Core becomes ready once it has been asked for that.
  void BecomesReady() {
    core_.Await([](const auto& heard) { return heard.calls.size() >= 3; });
    core_.Forgive("Status");
    EXPECT_TRUE(core_.Await([](const auto& heard) { return !heard.watches.empty(); }));
  }
};

TEST_F(DevTest, ItStartsCoreAndTheDemoAndLeavesNothingBehind) {
  std::jthread person([this] {
    BecomesReady();
    stop_.request_stop();
  });
  EXPECT_EQ(Mesg({"dev", "--", "--durability", "async"}), 0) << err_;
  const auto heard = core_.heard();
  EXPECT_TRUE(heard.applications.at(0).file().content().find("name: demo") != std::string::npos);
  EXPECT_EQ(heard.start_run.application(), "demo");
  EXPECT_EQ(heard.start_run.workflow(), "order");
  const std::string told = Told();
  EXPECT_TRUE(told.starts_with((folder_ / "tmp" / "mesg-dev-").string())) << told;
  EXPECT_TRUE(told.ends_with(" core --grpc-address " + core_.endpoint() + " --durability async\n"))
      << told;
  EXPECT_NE(err_.find("  kill -9 " + std::to_string(Pid())), std::string::npos) << err_;
  EXPECT_NE(err_.find("mesg run show cE7hJd"), std::string::npos) << err_;
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "tmp")) << "its folder is gone";
  EXPECT_TRUE(Eventually([this] { return kill(Pid(), 0) != 0; })) << "and its process";
}

TEST_F(DevTest, ACoreThatIsKilledComesBack) {
  std::jthread person([this] {
    BecomesReady();
    const pid_t first = Pid();
    kill(first, SIGKILL);
    EXPECT_TRUE(Eventually([&] { return Pid() != first; }));
    const auto asked = [](const auto& heard) { return std::ranges::count(heard.calls, "Status"); };
    const auto before = asked(core_.heard());
    core_.Await([&](const auto& heard) { return asked(heard) > before; });
    stop_.request_stop();
  });
  EXPECT_EQ(Mesg({"dev"}), 0) << err_;
  EXPECT_NE(err_.find("Core has ended; it is started again.\n"), std::string::npos) << err_;
}

TEST_F(DevTest, ACoreThatDoesNotStartIsSaidWithItsWords) {
  Program("echo 'the disk is full'; exit 3");
  EXPECT_EQ(Mesg({"dev"}), 1);
  EXPECT_NE(err_.find("the disk is full"), std::string::npos) << err_;
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "tmp"));
}

TEST_F(DevTest, AnotherCoreIsNotDisturbed) {
  core_.Forgive("Status");
  EXPECT_EQ(Mesg({"dev"}), 1);
  EXPECT_NE(err_.find("Core is already running at " + core_.endpoint()), std::string::npos) << err_;
  EXPECT_EQ(Mesg({"dev", "--", "--grpc-address", "localhost:1"}), 2);
  EXPECT_EQ(Mesg({"dev", "--endpoint", "core.invalid:1"}), 1);
  EXPECT_NE(err_.find("only be started on this machine"), std::string::npos) << err_;
  variables_["TMPDIR"] = (folder_ / "none").string();
  EXPECT_EQ(Mesg({"dev", "--endpoint", "127.0.0.1:1"}), 1);
  EXPECT_NE(err_.find("cannot make a folder in"), std::string::npos) << err_;
}

}  // namespace
}  // namespace mesg::cli
