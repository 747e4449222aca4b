#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include "connector/service_test_support.h"
#include "sql/database.h"

namespace mesg::services::sql {

/// A PostgreSQL of its own in a folder of its own, on a free port of 127.0.0.1. It refuses to run
/// as root, and runs as the user postgres then.
class PostgresServer {
 public:
  /// `folder` is made; its parents must let others in.
  explicit PostgresServer(const std::filesystem::path& folder)
      : folder_(folder), port_(FreePort()) {
    std::filesystem::create_directories(folder_);
    mesg::testing::TemporaryFolder scratch;
    const auto password = folder_ / "password";
    std::ofstream(password) << kPassword;
    if (const passwd* const user = Other()) {
      for (const auto& path : {folder_, password}) {
        EXPECT_EQ(chown(path.c_str(), user->pw_uid, user->pw_gid), 0);
      }
    }
    mesg::testing::ChildProcess initdb(
        Command({Program("initdb"), "-D", Data(), "-U", "owner", "--no-sync",
                 "--auth=scram-sha-256", "--pwfile=" + password.string(), "--encoding=UTF8",
                 "--locale=C"}),
        {{"PATH", "/usr/bin:/bin"}}, scratch.path() / "out", scratch.path() / "err");
    EXPECT_EQ(initdb.AwaitExit(), 0) << mesg::testing::ReadText(scratch.path() / "err");
    server_ = std::make_unique<Component>(
        Command({Program("postgres"), "-D", Data(), "-h", "127.0.0.1", "-p", std::to_string(port_),
                 "-F", "-c", "unix_socket_directories=", "-c", "max_connections=40"}),
        port_, folder_.parent_path());
  }

  /// Again too: what a kill -9 left behind may take a moment to go, and recovery another.
  void Start() {
    using mesg::testing::Eventually;
    ASSERT_TRUE(Eventually([&] {
      if (!server_->Start()) return false;
      Eventually([&] { return Answers() || !Listens(port_); });
      return Answers();
    })) << server_->Output();
  }
  void Kill() { server_->Kill(); }

  std::string Url(const std::string& password = "p%40ss%3Aw%2Frd") const {
    return fmt::format("postgresql://owner:{}@127.0.0.1:{}/postgres", password, port_);
  }
  /// Performs one statement outside of the service: the rows as JSON.
  std::string Sql(const std::string& sql) {
    auto database = Open(Url());
    auto connection = (*database)->Connect();
    if (!connection) return connection.error().message;
    const auto interrupt =
        std::make_shared<Interrupt>(SystemClock().Now() + std::chrono::seconds(60));
    if (auto begun = (*connection)->Begin({}, interrupt); !begun) return begun.error().message;
    auto table = (*connection)->Run({sql}, {.rows = 100'000, .bytes = 100'000'000});
    if (!table) return table.error().message;
    if (auto done = (*connection)->Commit(); !done) return done.error().message;
    return table->RowsJson();
  }

 private:
  static constexpr const char* kPassword = "p@ss:w/rd";

  static const passwd* Other() { return geteuid() == 0 ? getpwnam("postgres") : nullptr; }
  static std::vector<std::string> Command(std::vector<std::string> arguments) {
    if (Other() != nullptr) {
      const std::vector<std::string> as = {"/usr/bin/setpriv",    "--reuid=postgres",
                                           "--regid=postgres",    "--clear-groups",
                                           "--pdeathsig=SIGKILL", "--"};
      arguments.insert(arguments.begin(), as.begin(), as.end());
    }
    return arguments;
  }
  static std::string Program(const std::string& name) {
    std::filesystem::path newest;
    for (const auto& each : std::filesystem::directory_iterator("/usr/lib/postgresql")) {
      newest = std::max(newest, each.path());
    }
    return newest / "bin" / name;
  }
  std::string Data() const { return folder_ / "data"; }
  bool Answers() { return Sql("SELECT 1 AS one") == R"([{"one":1}])"; }

  const std::filesystem::path folder_;
  const std::uint16_t port_;
  std::unique_ptr<Component> server_;
};

}  // namespace mesg::services::sql
