#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include "e2e/fixture.h"
#include "e2e/raw_worker.h"

namespace mesg::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kDefinition = R"(name: Clock
sid: clock
events:
  tick:
tasks:
  wind:
)";

class LifecycleTest : public CoreTest {
 protected:
  /// Core refuses to start: its exit status is 1, and its last line the reason.
  std::string Refusal(CoreProcess& core) {
    EXPECT_FALSE(core.Start());
    EXPECT_EQ(core.AwaitExit(), 1);
    std::string log = core.Log();
    while (!log.empty() && log.back() == '\n') log.pop_back();
    return log.substr(log.rfind('\n') + 1);
  }
};

TEST_F(LifecycleTest, StartsOnAnEmptyDirectoryAndStopsInOrder) {
  Start();
  const v1::StatusResponse status = client_.Status();
  EXPECT_TRUE(status.ready());
  EXPECT_EQ(status.pid(), core_.pid());
  EXPECT_EQ(status.durability(), "sync");
  EXPECT_EQ(status.grpc_address(), core_.endpoint());
  EXPECT_EQ(status.data_directory(), (core_.home() / "data").string());
  EXPECT_EQ(status.recovery().last_sequence(), 0U);
  EXPECT_GT(status.limits_size(), 5);
  EXPECT_GT(client_.Counter("fsyncs_total"), 0U);
  EXPECT_EQ(core_.Run({"status"}).status, 0);
  EXPECT_EQ(core_.Stop(), 0) << core_.Log();
  EXPECT_THAT(core_.Log(), HasSubstr("stopping: SIGTERM"));
  EXPECT_FALSE(std::filesystem::exists(core_.home() / "state" / "core.pid"));
  EXPECT_EQ(core_.Run({"status"}).status, 1);
}

TEST_F(LifecycleTest, OnlyItsUserCanReadWhatItKeeps) {
  Start();
  struct stat data {};
  ASSERT_EQ(stat((core_.home() / "data").c_str(), &data), 0);
  EXPECT_EQ(data.st_mode & 0777, 0700U);
  struct stat key {};
  ASSERT_EQ(stat((core_.home() / "data" / "delivery.key").c_str(), &key), 0);
  EXPECT_EQ(key.st_mode & 0777, 0600U);
}

TEST_F(LifecycleTest, ACallOfShutdownStopsIt) {
  Start();
  Call call;
  google::protobuf::Empty none;
  EXPECT_TRUE(client_.admin().Shutdown(call(), none, &none).ok());
  EXPECT_EQ(core_.AwaitExit(), 0) << core_.Log();
}

TEST_F(LifecycleTest, OpenStreamsDoNotHoldUpAStop) {
  Start();
  const std::string token = DeployDefinition(kDefinition);
  const RawWorker worker(core_.endpoint(), token, 10);
  ASSERT_TRUE(Eventually([&] { return worker.Welcomed(); }));
  Call call;
  const auto listener = client_.events().Listen(call());
  v1::ListenRequest open;
  open.mutable_open()->add_filters();
  open.mutable_open()->set_live(true);
  listener->Write(open);
  v1::ListenResponse response;
  ASSERT_TRUE(listener->Read(&response));
  EXPECT_TRUE(response.ready());
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(core_.Stop(), 0) << core_.Log();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(9))
      << "the grace for open calls was used up";
  while (listener->Read(&response)) continue;
  EXPECT_EQ(listener->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(LifecycleTest, WhatWasAcceptedIsThereAfterAStopAndAfterAKill) {
  Start();
  const std::string token = DeployDefinition(kDefinition);
  ASSERT_TRUE(Emit(token, "tick", "{}").ok());
  ASSERT_EQ(core_.Stop(), 0);
  Start();
  EXPECT_EQ(client_.ListEvents("clock").size(), 1U);
  EXPECT_EQ(client_.Token("clock"), token);
  ASSERT_TRUE(Emit(token, "tick", "{}").ok());
  std::string id;
  ASSERT_TRUE(Create("clock", "wind", "{}", &id).ok());
  core_.Kill();
  Start();
  EXPECT_EQ(client_.ListEvents("clock").size(), 2U);
  EXPECT_EQ(Get(id).state(), v1::CREATED);
  EXPECT_EQ(client_.Status().recovery().open_executions(), 1U);
  EXPECT_GT(client_.Status().recovery().last_sequence(), 0U);
}

TEST_F(LifecycleTest, AsyncDurabilityShowsInEveryAcknowledgement) {
  core_.options().arguments = {"--durability", "async"};
  Start();
  const std::string token = DeployDefinition(kDefinition);
  v1::EmitResponse emitted;
  ASSERT_TRUE(Emit(token, "tick", "{}", &emitted).ok());
  EXPECT_EQ(emitted.durability(), "async");
  EXPECT_EQ(client_.Status().durability(), "async");
  EXPECT_THAT(core_.Log(), HasSubstr("durability is async"));
  EXPECT_THAT(core_.Run({"status"}).output, HasSubstr("async"));
  // It survives the end of the process all the same: the operating system has it.
  core_.Kill();
  Start();
  EXPECT_EQ(client_.ListEvents("clock").size(), 1U);
}

TEST_F(LifecycleTest, ASecondCoreOnTheSameDirectoryIsRefused) {
  Start();
  CoreProcess second(folder_.path() / "second");
  std::filesystem::create_directories(second.home());
  second.options().arguments = {"--data-directory", (core_.home() / "data").string()};
  const std::string refusal = Refusal(second);
  EXPECT_THAT(refusal, HasSubstr("in use by another Core"));
  EXPECT_THAT(refusal, HasSubstr(std::to_string(core_.pid())));
  EXPECT_TRUE(client_.Status().ready());
}

TEST_F(LifecycleTest, ATakenAddressIsRefused) {
  Start();
  CoreProcess second(folder_.path() / "second");
  std::filesystem::create_directories(second.home());
  second.options().environment = {{"MESG_GRPC_ADDRESS", core_.endpoint()}};
  EXPECT_THAT(Refusal(second), HasSubstr(core_.endpoint() + " is taken"));
}

TEST_F(LifecycleTest, ADataDirectoryThatCannotBeUsedIsRefused) {
  folder_.Write("data", "a file where a folder should be");
  EXPECT_THAT(Refusal(core_), HasSubstr((core_.home() / "data").string()));
}

TEST_F(LifecycleTest, AStoreOfANewerVersionIsRefusedUntouched) {
  Start();
  ASSERT_EQ(core_.Stop(), 0);
  const auto format = core_.home() / "data" / "store" / "FORMAT";
  std::ofstream(format) << "mesg-store 999\n";
  EXPECT_THAT(Refusal(core_), HasSubstr("newer version of Core"));
  EXPECT_EQ(ReadText(format), "mesg-store 999\n");
}

TEST_F(LifecycleTest, ADamagedStoreIsRefusedWithWhatToDo) {
  Start();
  const std::string token = DeployDefinition(kDefinition);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Emit(token, "tick", "{}").ok());
  core_.Kill();
  // One bit in the middle of the log: records behind it are intact, so this is no torn tail.
  for (const auto& file :
       std::filesystem::directory_iterator(core_.home() / "data" / "store" / "db")) {
    if (file.path().extension() != ".log" || file.file_size() == 0) continue;
    std::fstream log(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    const auto middle = static_cast<std::streamoff>(file.file_size() / 2);
    log.seekg(middle);
    const int byte = log.get();
    log.seekp(middle);
    log.put(static_cast<char>(byte ^ 1));
  }
  const std::string refusal = Refusal(core_);
  EXPECT_THAT(refusal, HasSubstr("is damaged at byte"));
  EXPECT_THAT(refusal, HasSubstr("backup"));
}

TEST_F(LifecycleTest, ATornTailIsCutAndReported) {
  Start();
  const std::string token = DeployDefinition(kDefinition);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Emit(token, "tick", "{}").ok());
  core_.Kill();
  for (const auto& file :
       std::filesystem::directory_iterator(core_.home() / "data" / "store" / "db")) {
    if (file.path().extension() != ".log") continue;
    // The beginning of a record that was never finished.
    std::ofstream(file.path(), std::ios::app | std::ios::binary)
        << std::string("\x01\x02\x03\x04\x40\x00\x01 and no more", 19);
  }
  Start();
  EXPECT_THAT(core_.Log(), HasSubstr("were cut from the end of the store"));
  EXPECT_GT(client_.Status().recovery().bytes_cut(), 0U);
  EXPECT_EQ(client_.ListEvents("clock").size(), 5U);
}

TEST_F(LifecycleTest, ADiskThatTakesNoMoreStopsItAndLosesNothing) {
  core_.options().file_bytes = 1 << 20;  // The log of the store soon reaches this.
  Start();
  const std::string token = DeployDefinition(kDefinition);
  const std::string data = R"({"note":")" + std::string(50'000, 'x') + "\"}";
  std::size_t acknowledged = 0;
  while (acknowledged < 1'000 && Emit(token, "tick", data).ok()) ++acknowledged;
  EXPECT_LT(acknowledged, 1'000U);
  EXPECT_EQ(core_.AwaitExit(), 1) << core_.Log();
  EXPECT_THAT(core_.Log(), HasSubstr("could not be written"));
  EXPECT_THAT(core_.Log(), HasSubstr("start Core again"));

  core_.options().file_bytes = 0;
  Start();
  const std::size_t there = client_.ListEvents("clock").size();
  EXPECT_GE(there, acknowledged);
  EXPECT_LE(there, acknowledged + 1) << "the one that was not acknowledged may be there";
}

TEST_F(LifecycleTest, ASecondSignalEndsItAtOnce) {
  Start();
  core_.Signal(SIGTERM);
  core_.Signal(SIGTERM);
  const int status = core_.AwaitExit();
  EXPECT_TRUE(status == 0 || status == 128 + SIGTERM) << status;
  Start();
  EXPECT_TRUE(client_.Status().ready());
}

TEST_F(LifecycleTest, ConfigurationIsShownAndCheckedByTheProgram) {
  folder_.Write("config.yml", "durability: async\npayload_byte: 1MiB\n");
  const CoreProcess::Ran wrong = core_.Run({"core", "--print-config"});
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.errors, HasSubstr("config.yml:2: there is no setting payload_byte, did you "
                                      "mean payload_bytes?"));
  folder_.Write("config.yml", "durability: async\n");
  const CoreProcess::Ran shown = core_.Run({"core", "--print-config", "--workers", "7"});
  EXPECT_EQ(shown.status, 0) << shown.errors;
  EXPECT_THAT(shown.output, HasSubstr("durability: async"));
  EXPECT_THAT(shown.output, HasSubstr("config.yml:1"));
  EXPECT_THAT(shown.output, HasSubstr("MESG_GRPC_ADDRESS"));
  EXPECT_THAT(shown.output, HasSubstr("# --workers"));
  EXPECT_EQ(core_.Run({"core", "--worker", "7"}).status, 2);
  EXPECT_EQ(core_.Run({"core", "--help"}).status, 0);
  EXPECT_THAT(core_.Run({"core", "--grpc-address", "0.0.0.0:0"}).errors, HasSubstr("--insecure"));
}

TEST_F(LifecycleTest, TheCommandLineStartsAndStopsADaemon) {
  const CoreProcess::Ran started = core_.Run({"start"});
  ASSERT_EQ(started.status, 0) << started.errors;
  EXPECT_TRUE(client_.Status().ready());
  EXPECT_EQ(core_.Run({"start"}).status, 0) << "a second start finds it running";
  const pid_t pid = client_.Status().pid();
  EXPECT_THAT(ReadText(core_.home() / "state" / "core.pid"), HasSubstr(std::to_string(pid)));
  const CoreProcess::Ran stopped = core_.Run({"stop"});
  EXPECT_EQ(stopped.status, 0) << stopped.errors;
  EXPECT_FALSE(IsAlive(pid));
}

}  // namespace
}  // namespace mesg::testing
