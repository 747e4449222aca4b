#include "connector/service_test_support.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"

namespace mesg::services {

using mesg::testing::Call;
using mesg::testing::Eventually;

namespace {

constexpr std::string_view kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

std::filesystem::path Found(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  for (std::size_t begin = 0; begin < kPath.size();) {
    const std::size_t end = std::min(kPath.find(':', begin), kPath.size());
    auto candidate = std::filesystem::path(kPath.substr(begin, end - begin)) / program;
    if (std::filesystem::exists(candidate)) return candidate;
    begin = end + 1;
  }
  return program;
}

}  // namespace

std::uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  close(fd);
  return ntohs(address.sin_port);
}

bool Listens(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  const bool listens =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return listens;
}

// ---- ServiceTest ----

struct ServiceTest::Connection {
  explicit Connection(const std::string& endpoint) : client(endpoint) {}
  mesg::testing::Client client;
};

ServiceTest::ServiceTest(std::string name) : name_(std::move(name)) {}
ServiceTest::~ServiceTest() {
  connection_.reset();
  if (core_ != nullptr) core_->Stop();
}

void ServiceTest::StartCore() {
  if (core_ == nullptr) {
    std::filesystem::create_directory(Folder() / "core");
    core_ = std::make_unique<mesg::testing::CoreProcess>(Folder() / "core");
  }
  ASSERT_TRUE(core_->Start()) << core_->Log();
  connection_ = std::make_unique<Connection>(core_->endpoint());
}

void ServiceTest::KillCore() {
  connection_.reset();
  core_->Kill();
}

void ServiceTest::StartService(const Texts& env) {
  if (core_ == nullptr) {
    ASSERT_NO_FATAL_FAILURE(StartCore());
  }
  v1::Service deployed;
  const grpc::Status status = connection_->client.Deploy(
      std::filesystem::path(MESG_SERVICES) / name_, /*start=*/true, &deployed, env);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_TRUE(Eventually([&] { return connection_->client.GetService(name_).workers() > 0; }))
      << Log();
}

std::string ServiceTest::Refusal(const Texts& env) {
  return connection_->client
      .Deploy(std::filesystem::path(MESG_SERVICES) / name_, /*start=*/false, nullptr, env)
      .error_message();
}

void ServiceTest::KillService() {
  pid_t pid = 0;
  // After a start of Core it may have to come yet.
  ASSERT_TRUE(Eventually([&] { return (pid = connection_->client.GetService(name_).pid()) > 0; }));
  kill(pid, SIGKILL);
  ASSERT_TRUE(Eventually([&] {
    const v1::Service service = connection_->client.GetService(name_);
    return service.pid() > 0 && service.pid() != pid && service.workers() > 0;
  })) << Log();
}

std::string ServiceTest::Begin(const std::string& task, const std::string& inputs) {
  Call call;
  v1::CreateExecutionRequest request;
  request.set_service(name_);
  request.set_task(task);
  request.set_inputs(inputs);
  v1::CreateExecutionResponse response;
  const grpc::Status status = connection_->client.executions().Create(call(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.id();
}

Result<std::string> ServiceTest::Await(const std::string& execution) {
  Call call;
  v1::GetExecutionRequest request;
  request.set_id(execution);
  v1::Execution ended;
  const grpc::Status status = connection_->client.executions().Wait(call(), request, &ended);
  if (!status.ok()) return Unavailable("{}", status.error_message());
  if (ended.state() == v1::COMPLETED) return ended.outcome().outputs();
  return Aborted("{}: {}", v1::ExecutionState_Name(ended.state()), ended.outcome().error());
}

Result<std::string> ServiceTest::Execute(const std::string& task, const std::string& inputs) {
  const std::string id = Begin(task, inputs);
  if (id.empty()) return InvalidArgument("the execution was refused");
  return Await(id);
}

std::vector<ServiceTest::Event> ServiceTest::Events() {
  std::vector<Event> all;
  for (const v1::Event& event : connection_->client.ListEvents(name_)) {
    all.push_back({event.key(), event.data(), event.id()});
  }
  return all;
}

std::vector<ServiceTest::Event> ServiceTest::AwaitEvents(std::size_t count) {
  std::vector<Event> all;
  Eventually([&] {
    all = Events();
    return all.size() >= count;
  });
  EXPECT_GE(all.size(), count) << Log();
  return all;
}

std::string ServiceTest::DataOf(const std::vector<Event>& events) {
  std::string all;
  for (const Event& event : events) all += event.data + " ";
  return all;
}

std::string ServiceTest::Health() { return connection_->client.GetService(name_).problem(); }

std::string ServiceTest::Log() {
  const auto ran = core_->Run({"service", "logs", name_});
  return ran.output + ran.errors;
}

// ---- Component ----

Component::Component(std::vector<std::string> arguments, std::uint16_t port,
                     const std::filesystem::path& folder, mesg::testing::Environment environment)
    : arguments_([&] {
        arguments.at(0) = Found(arguments.at(0)).string();
        return std::move(arguments);
      }()),
      port_(port),
      output_(folder / (std::filesystem::path(arguments_.at(0)).filename().string() + "-" +
                        std::to_string(port) + ".log")),
      environment_([&] {
        environment.try_emplace("PATH", kPath);
        environment.try_emplace("HOME", folder.string());
        return std::move(environment);
      }()) {}

bool Component::Start() {
  process_ = mesg::testing::ChildProcess(arguments_, environment_, output_, output_);
  Eventually([&] { return !process_.Running() || Listens(port_); });
  return process_.Running();
}

void Component::Kill() { process_.Kill(); }

void Component::Stop() {
  process_.Signal(SIGTERM);
  process_.AwaitExit();
}

std::string Component::Output() const { return mesg::testing::ReadText(output_); }

}  // namespace mesg::services
