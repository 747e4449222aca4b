#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "e2e/fixture.h"

namespace mesg::testing {
namespace {

using ::testing::HasSubstr;

/// Services that Core starts, on a real Core.
class ServicesTest : public CoreTest {
 protected:
  void SetUp() override {
    // A process of its own inside the service: it must not outlive anything either.
    folder_.Write("managed/mesg.yml", R"(name: Managed
sid: managed
run: [/bin/sh, -c, "sleep 1000 & echo $! > )" +
                                          ChildFile() + R"( && exec )" MESG_E2E_WORKER R"("]
tasks:
  work:
    outputs:
      pid: {type: Number}
)");
    core_.options().arguments = {"--restart-initial", "20ms"};
    Start();
    const grpc::Status status = client_.Deploy(folder_.path() / "managed", true, nullptr);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  std::string ChildFile() const { return (folder_.path() / "child.pid").string(); }
  pid_t Child() const {
    const std::string text = ReadText(ChildFile());
    return text.empty() ? 0 : std::stoi(text);
  }
  /// Its process is connected: the process id.
  pid_t AwaitConnected() {
    v1::Service service;
    EXPECT_TRUE(Eventually([&] {
      service = client_.GetService("managed");
      return service.state() == v1::Service::RUNNING && service.workers() == 1;
    })) << service.ShortDebugString()
        << core_.Run({"service", "logs", "managed"}).output << core_.Log();
    return service.pid();
  }
  /// The process that answered an execution.
  std::string Execute() {
    std::string id;
    const grpc::Status status = Create("managed", "work", "{}", &id);
    if (!status.ok()) return status.error_message();
    if (!Becomes(id, v1::COMPLETED)) return Get(id).waiting_for();
    return Get(id).outcome().outputs();
  }
  static std::string Answer(pid_t pid) { return "{\"pid\":" + std::to_string(pid) + "}"; }
};

TEST_F(ServicesTest, AStartedServiceWorks) {
  const pid_t pid = AwaitConnected();
  EXPECT_EQ(Execute(), Answer(pid));
}

TEST_F(ServicesTest, AKilledServiceIsStartedAgain) {
  const pid_t before = AwaitConnected();
  const pid_t child = Child();
  kill(before, SIGKILL);
  ASSERT_TRUE(Eventually([&] {
    const v1::Service service = client_.GetService("managed");
    return service.pid() != before && service.workers() == 1 && service.restarts() >= 1;
  })) << client_.GetService("managed").ShortDebugString();
  const pid_t after = AwaitConnected();
  EXPECT_EQ(Execute(), Answer(after));
  EXPECT_TRUE(Eventually([&] { return !IsAlive(child); })) << "a child of the killed process lives";
}

TEST_F(ServicesTest, AStartedServiceIsStartedWithTheNextCore) {
  const pid_t before = AwaitConnected();
  const pid_t child = Child();
  ASSERT_EQ(core_.Stop(), 0) << core_.Log();
  EXPECT_FALSE(IsAlive(before)) << "an orderly stop leaves no process";
  EXPECT_TRUE(Eventually([&] { return !IsAlive(child); }));
  Start();
  const pid_t after = AwaitConnected();
  EXPECT_NE(after, before);
  EXPECT_EQ(Execute(), Answer(after));
}

TEST_F(ServicesTest, AStoppedServiceStaysStopped) {
  const pid_t pid = AwaitConnected();
  Call call;
  v1::StopServiceRequest request;
  request.set_service("managed");
  v1::Service stopped;
  ASSERT_TRUE(client_.services().Stop(call(), request, &stopped).ok());
  EXPECT_EQ(stopped.state(), v1::Service::STOPPED);
  EXPECT_FALSE(IsAlive(pid));
  ASSERT_EQ(core_.Stop(), 0);
  Start();
  EXPECT_EQ(client_.GetService("managed").state(), v1::Service::STOPPED);
}

TEST_F(ServicesTest, NoProcessSurvivesAKillOfCore) {
  const pid_t pid = AwaitConnected();
  const pid_t child = Child();
  ASSERT_TRUE(IsAlive(child));
  core_.Kill();
  EXPECT_TRUE(Eventually([&] { return !IsAlive(pid); }));
  EXPECT_TRUE(Eventually([&] { return !IsAlive(child); }));
  Start();
  EXPECT_EQ(Execute(), Answer(AwaitConnected()));
}

TEST_F(ServicesTest, WorkThatAKilledServiceHeldIsDoneByItsNextProcess) {
  AwaitConnected();
  Call call;
  v1::StopServiceRequest request;
  request.set_service("managed");
  v1::Service stopped;
  ASSERT_TRUE(client_.services().Stop(call(), request, &stopped).ok());
  std::string id;
  ASSERT_TRUE(Create("managed", "work", "{}", &id).ok());
  EXPECT_THAT(Get(id).waiting_for(), HasSubstr("managed"));
  Call again;
  v1::StartServiceRequest start;
  start.set_service("managed");
  ASSERT_TRUE(client_.services().Start(again(), start, &stopped).ok());
  EXPECT_TRUE(Becomes(id, v1::COMPLETED));
}

}  // namespace
}  // namespace mesg::testing
