#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/client_fake_core_test_support.h"
#include "cli/main.h"
#include "cli/terminal_test_support.h"

namespace mesg::cli {

/// Runs whole command lines against a FakeCore, in a home folder of its own.
class CommandLineTest : public testing::Test {
 public:
  CommandLineTest() {
    std::filesystem::create_directories(folder_);
    variables_ = {{"MESG_HOME", (folder_ / "home").string()}, {"MESG_ENDPOINT", core_.endpoint()}};
  }
  ~CommandLineTest() override { std::filesystem::remove_all(folder_); }

 protected:
  /// The exit status; what was printed is in out_ and err_.
  int Mesg(const std::vector<std::string>& words, std::string typed = "",
           Terminal::Traits traits = {}) {
    TestTerminal test(std::move(typed), traits);
    const ManualClock clock;
    const int status = ::mesg::cli::Run(
        words, {.terminal = test.terminal,
                .environment = [this](const std::string& name) { return Variable(name); },
                .clock = clock,
                .executable = folder_ / "bin" / "mesg",
                .core =
                    [this](const std::vector<std::string>& arguments) {
                      core_arguments_ = arguments;
                      return 42;
                    },
                .validate =
                    [this](std::string_view definition) {
                      validated_ = definition;
                      return validation_;
                    },
                .validate_application =
                    [this](const v1::ValidateApplicationRequest& request) {
                      validated_application_ = request;
                      return application_;
                    },
                .stop = [this] { return stop_.get_token(); }});
    out_ = test.out.str();
    err_ = test.err.str();
    return status;
  }

  std::optional<std::string> Variable(const std::string& name) const {
    const auto found = variables_.find(name);
    if (found == variables_.end()) return std::nullopt;
    return found->second;
  }

  /// A deployed service "shop" with the event "sold" and the task "pay".
  v1::Service& AddShop() {
    v1::Service& shop = core_.script.services["shop"];
    shop.set_name("shop");
    shop.set_instance_hash("instance1");
    shop.set_state(v1::Service::RUNNING);
    shop.mutable_definition()->set_sid("shop");
    shop.mutable_definition()->set_hash("hash1");
    auto& event = *shop.mutable_definition()->add_events();
    event.set_key("sold");
    AddParameter(*event.add_data(), "what", "String");
    auto& task = *shop.mutable_definition()->add_tasks();
    task.set_key("pay");
    AddParameter(*task.add_inputs(), "amount", "Number");
    auto& output = *task.add_outputs();
    output.set_key("success");
    AddParameter(*output.add_data(), "receipt", "String");
    return shop;
  }

  void Completed(const std::string& outputs) {
    v1::Execution& execution = core_.script.execution;
    execution.set_id("x1");
    execution.set_task("pay");
    execution.mutable_source()->set_service("shop");
    execution.set_created_us(1'000'000);
    execution.set_state(v1::COMPLETED);
    execution.mutable_outcome()->set_output_key("success");
    execution.mutable_outcome()->set_outputs(outputs);
    execution.mutable_outcome()->set_recorded_us(3'000'000);
  }

  FakeCore core_;
  std::stop_source stop_;
  std::map<std::string, std::string> variables_;
  std::vector<std::string> core_arguments_;
  v1::ValidateServiceResponse validation_;  ///< What is said of every mesg.yml.
  std::string validated_;
  v1::ValidateApplicationResponse application_;  ///< The same of every application file.
  v1::ValidateApplicationRequest validated_application_;
  std::string out_;
  std::string err_;
  const std::filesystem::path folder_ = testing::TempDir() + "mesg_cli_" + std::to_string(getpid());

 private:
  static void AddParameter(v1::Parameter& parameter, const std::string& key,
                           const std::string& type) {
    parameter.set_key(key);
    parameter.set_type(type);
  }
};

}  // namespace mesg::cli
