#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/result.h"
#include "support/child_process.h"
#include "support/core_process.h"
#include "support/eventually.h"
#include "support/temporary_folder.h"

namespace mesg::services {

/// A loopback port that is free now.
std::uint16_t FreePort();
/// Whether somebody listens there.
bool Listens(std::uint16_t port);

/// A standard service as its users run it: a real Core starts its real program. What the service
/// connects to is the test's, in `Folder()`.
class ServiceTest : public ::testing::Test {
 protected:
  using Texts = std::map<std::string, std::string>;
  struct Event {
    std::string key;
    std::string data;  ///< JSON, as Core keeps it.
    std::string id;
  };

  /// The definition is services/NAME/mesg.yml.
  explicit ServiceTest(std::string name);
  ~ServiceTest() override;

  /// Starts Core, and again after KillCore.
  void StartCore();
  /// kill -9. Services that ran end, and run again when Core does.
  void KillCore();
  /// Deploys and starts it, and waits until it has connected. Again: replaces it.
  void StartService(const Texts& env = {});
  /// Why it was refused; "" when it was not.
  std::string Refusal(const Texts& env);
  /// kill -9 of its process; Core starts another.
  void KillService();

  /// Performs a task and waits: its outputs as JSON, or the error of the execution, of which the
  /// message ends with what the service said.
  Result<std::string> Execute(const std::string& task, const std::string& inputs);
  /// Only asks for it: the execution's id.
  std::string Begin(const std::string& task, const std::string& inputs);
  Result<std::string> Await(const std::string& execution);
  /// Everything the service has emitted, oldest first.
  std::vector<Event> Events();
  /// Waits until there are so many events, and returns all.
  std::vector<Event> AwaitEvents(std::size_t count);
  /// Their data, one after the other.
  static std::string DataOf(const std::vector<Event>& events);
  /// What the service last reported; "" is well.
  std::string Health();
  std::string Log();  ///< What the service has written.

  const std::filesystem::path& Folder() const { return folder_.path(); }
  mesg::testing::TemporaryFolder& Files() { return folder_; }
  mesg::testing::CoreProcess& Core() { return *core_; }

 private:
  struct Connection;
  const std::string name_;
  mesg::testing::TemporaryFolder folder_;
  std::unique_ptr<mesg::testing::CoreProcess> core_;
  std::unique_ptr<Connection> connection_;
};

/// A server of another make, in a process of its own with a folder and a port that it keeps over
/// restarts.
class Component {
 public:
  /// `arguments` begin with the program, which is looked for where Debian installs programs.
  Component(std::vector<std::string> arguments, std::uint16_t port,
            const std::filesystem::path& folder, mesg::testing::Environment environment = {});
  /// Starts it, again too. False when it ends, or does not listen in a minute.
  bool Start();
  /// kill -9, and waits for the end.
  void Kill();
  /// SIGTERM, and waits for the end.
  void Stop();
  std::uint16_t port() const { return port_; }
  std::string Output() const;

 private:
  const std::vector<std::string> arguments_;
  const std::uint16_t port_;
  const std::filesystem::path output_;
  const mesg::testing::Environment environment_;
  mesg::testing::ChildProcess process_;
};

}  // namespace mesg::services
