#pragma once

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <signal.h>

#include "broker/broker_fixture_test.h"
#include "runtime/process/testing.h"
#include "runtime/services/service_manager.h"
#include "store/memory/memory_store.h"

namespace mesg::runtime {

/// A ServiceManager over a real Broker, with real processes and the memory store.
class ServiceManagerTest : public testing::Test {
 protected:
  ServiceManagerTest() {
    settings_.delivery_key = std::string(32, 'k');
    options_.endpoint = "127.0.0.1:50052";
    options_.standard_services = data_.path() / "standard";
    options_.fetcher.content_directory = data_.path() / "services" / "content";
    options_.fetcher.helper_program = HelperFolder() / "mesg-fetch";
    options_.supervisor.data_directory = data_.path();
    options_.supervisor.guard_program = HelperFolder() / "mesg-guard";
    options_.supervisor.restart = {.initial = std::chrono::milliseconds(1),
                                   .max = std::chrono::milliseconds(5),
                                   .give_up_after = 3};
    std::filesystem::create_directories(data_.path() / "services");
    Begin();
  }

 public:
  ~ServiceManagerTest() override { End(); }

 protected:
  void Begin(bool stalled = false) {
    store_ = std::make_unique<store::memory::MemoryStore>(disk_);
    slow_ = std::make_unique<broker::SlowStore>(*store_);
    if (stalled) slow_->Stall();
    auto broker = broker::Broker::Start(
        {slow_.get()}, clock_, settings_,
        [this](const Error& error) { EXPECT_TRUE(may_fail_) << error.message; });
    ASSERT_TRUE(broker) << broker.error().message;
    broker_ = *std::move(broker);
    auto manager = ServiceManager::Start(options_, *broker_, clock_);
    ASSERT_TRUE(manager) << manager.error().message;
    manager_ = *std::move(manager);
  }
  void End() {
    if (slow_) slow_->Release();
    manager_.reset();
    broker_.reset();
    slow_.reset();
    store_.reset();
  }

  // ---- A service's files ----

  std::filesystem::path Source() const { return data_.path() / "source"; }
  void Has(const std::string& file, const std::string& content, bool executable = false) const {
    WriteFile(Source() / file, content, executable);
  }
  /// A service that runs until it is ended, and says what it sees.
  void HasService(const std::string& more = "", const std::string& words = "hello") const {
    Has("mesg.yml", "name: Test\nsid: test\nrun: [sh, run.sh]\n" + more);
    Has("run.sh", "#!/bin/sh\necho " + words + "\nenv\nexec sleep 1000\n", true);
  }

  // ---- Calls that wait ----

  /// Calls `ask` with a reply and waits for it.
  template <typename T>
  static Result<T> Wait(const std::function<void(std::function<void(Result<T>)>)>& ask) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    ask([promise](Result<T> result) { promise->set_value(std::move(result)); });
    auto future = promise->get_future();
    if (future.wait_for(std::chrono::minutes(1)) != std::future_status::ready) {
      ADD_FAILURE() << "no reply";
      return DeadlineExceeded("no reply");
    }
    return future.get();
  }
  Result<ServiceStatus> Deploy(DeployRequest request, ServiceManager::Progress progress = {},
                               std::stop_token stop = {}) {
    return Wait<ServiceStatus>([&](auto reply) {
      manager_->Deploy(std::move(request), std::move(progress), std::move(stop), std::move(reply));
    });
  }
  Result<ServiceStatus> Deploy(bool start = false, std::map<std::string, std::string> env = {}) {
    return Deploy(DeployRequest{Source().string(), std::move(env), "", start});
  }
  Result<ServiceStatus> Get(const std::string& service = "test") {
    return Wait<ServiceStatus>([&](auto reply) { manager_->Get(service, reply); });
  }
  Result<ServiceStatus> Start(const std::string& service = "test") {
    return Wait<ServiceStatus>([&](auto reply) { manager_->StartService(service, reply); });
  }
  Result<ServiceStatus> Stop(const std::string& service = "test") {
    return Wait<ServiceStatus>([&](auto reply) { manager_->StopService(service, reply); });
  }
  Result<void> Delete(const std::string& service = "test", bool force = false) {
    return Wait<void>([&](auto reply) { manager_->Delete(service, false, force, reply); });
  }
  std::vector<ServiceStatus> List() {
    auto all = Wait<std::vector<ServiceStatus>>([&](auto reply) { manager_->List(reply); });
    return all ? *std::move(all) : std::vector<ServiceStatus>();
  }

  // ---- What there is ----

  /// Its status once it is in `state`, with a process where that means one.
  ServiceStatus Comes(ServiceState state, const std::string& service = "test") {
    Result<ServiceStatus> status = NotFound("not asked");
    EXPECT_TRUE(Eventually([&] {
      status = Get(service);
      return status && status->state == state;
    })) << (status ? "state " + std::to_string(int(status->state)) + " " + status->reason
                   : status.error().message);
    return status ? *status : ServiceStatus{};
  }
  static bool Lives(pid_t pid) { return pid > 0 && kill(pid, 0) == 0; }
  static const std::string& HashOf(const ServiceStatus& status) {
    return status.instance->GetSource()->instance_hash;
  }
  /// What its process wrote, line by line.
  std::vector<std::string> Wrote(const std::string& service = "test") {
    std::vector<std::string> lines;
    const auto log = manager_->ReadLog(service, 0);
    EXPECT_TRUE(log);
    if (!log) return lines;
    for (const LogLine& line : *log) {
      if (line.stream != LogStream::kCore) lines.push_back(line.text);
    }
    return lines;
  }
  /// Creates an execution that waits for a worker, and so pins what is active now.
  ExecutionId Pin(const std::string& service = "test") {
    auto created = Wait<engine::Created>([&](auto reply) {
      broker::ExecutionRequest request;
      request.service = service;
      request.task = "work";
      broker_->Create({request}, {}, {0}, [reply](std::vector<Result<engine::Created>> all) {
        reply(std::move(all.front()));
      });
    });
    EXPECT_TRUE(created) << created.error().message;
    return created ? created->id : ExecutionId();
  }
  void Cancel(const ExecutionId& id) {
    EXPECT_TRUE(Wait<engine::ExecutionPtr>([&](auto reply) { broker_->Cancel(id, "", reply); }));
  }
  /// The content that is kept, without what is unfinished.
  std::size_t Contents() const {
    std::size_t count = 0;
    std::error_code ignored;
    for (const auto& entry :
         std::filesystem::directory_iterator(options_.fetcher.content_directory, ignored)) {
      if (!entry.path().filename().string().starts_with(".")) ++count;
    }
    return count;
  }

  TemporaryFolder data_;
  SystemClock clock_;
  ServiceManager::Options options_;
  broker::Settings settings_;
  std::atomic<bool> may_fail_ = false;  // The disk.
  store::memory::MemoryDisk disk_;
  std::unique_ptr<store::memory::MemoryStore> store_;
  std::unique_ptr<broker::SlowStore> slow_;  // Around it.
  std::unique_ptr<broker::Broker> broker_;
  std::unique_ptr<ServiceManager> manager_;
};

inline constexpr const char* kTask = "tasks: {work: {outputs: {done: {data: {}}}}}\n";

}  // namespace mesg::runtime
