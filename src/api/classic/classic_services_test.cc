#include <algorithm>
#include <cstdlib>

#include <gmock/gmock.h>

#include "api/classic/classic_fixture_test.h"
#include "api/classic/definition_message.h"

namespace mesg::api::classic {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;
using DeployReplies = std::vector<wire::DeployServiceReply>;

class ClassicServicesTest : public ClassicTest {
 protected:
  std::filesystem::path Source() const { return folder_.path() / "source"; }
  void HasService(const std::string& yaml) const {
    runtime::WriteFile(Source() / "mesg.yml", yaml);
    runtime::WriteFile(Source() / "run.sh", "#!/bin/sh\necho out\necho err >&2\nexec sleep 1000\n",
                       true);
  }
  std::string Archive() const {
    const std::filesystem::path archive = folder_.path() / "a.tar.gz";
    const std::string tar =
        "tar -C '" + folder_.path().string() + "' -czf '" + archive.string() + "' source";
    EXPECT_EQ(std::system(tar.c_str()), 0);
    return runtime::ReadFile(archive);
  }

  grpc::Status DeployAll(const std::vector<wire::DeployServiceRequest>& requests,
                         DeployReplies& replies) {
    grpc::ClientContext context;
    const auto stream = core_->DeployService(&context);
    for (const auto& request : requests) stream->Write(request);
    stream->WritesDone();
    wire::DeployServiceReply reply;
    while (stream->Read(&reply)) replies.push_back(reply);
    return stream->Finish();
  }
  /// In pieces, the environment first, as the command line of 2018 sent it.
  grpc::Status DeployArchive(DeployReplies& replies,
                             const std::vector<std::pair<std::string, std::string>>& env = {}) {
    std::vector<wire::DeployServiceRequest> requests(1);
    for (const auto& [key, value] : env) {
      auto& variable = *requests.front().add_env();
      variable.set_key(key);
      variable.set_value(value);
    }
    const std::string bytes = Archive();
    constexpr std::size_t kPiece = 100;
    for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
      requests.emplace_back().set_chunk(bytes.substr(at, kPiece));
    }
    return DeployAll(requests, replies);
  }

  template <typename Reply, typename Request, typename Method>
  grpc::Status Call(Method method, const Request& request, Reply& reply) {
    grpc::ClientContext context;
    return ((*core_).*method)(&context, request, &reply);
  }
  grpc::Status Start(const std::string& service) {
    wire::StartServiceRequest request;
    request.set_serviceid(service);
    wire::StartServiceReply reply;
    return Call(&wire::Core::Stub::StartService, request, reply);
  }
  grpc::Status Stop(const std::string& service) {
    wire::StopServiceRequest request;
    request.set_serviceid(service);
    wire::StopServiceReply reply;
    return Call(&wire::Core::Stub::StopService, request, reply);
  }
  grpc::Status Delete(const std::string& service) {
    wire::DeleteServiceRequest request;
    request.set_serviceid(service);
    wire::DeleteServiceReply reply;
    return Call(&wire::Core::Stub::DeleteService, request, reply);
  }
  grpc::Status Get(const std::string& service, wire::DeployedService& found) {
    wire::GetServiceRequest request;
    request.set_serviceid(service);
    wire::GetServiceReply reply;
    grpc::Status status = Call(&wire::Core::Stub::GetService, request, reply);
    found = reply.service();
    return status;
  }
  std::vector<wire::DeployedService> List() {
    wire::ListServicesReply reply;
    EXPECT_TRUE(Call(&wire::Core::Stub::ListServices, wire::ListServicesRequest(), reply).ok());
    return {reply.services().begin(), reply.services().end()};
  }
  bool Becomes(const std::string& service, wire::DeployedService::Status wanted) {
    return Eventually([&] {
      wire::DeployedService found;
      return Get(service, found).ok() && found.status() == wanted;
    });
  }
};

constexpr const char* kRunning = "name: Test\nsid: test\nrun: [sh, run.sh]\n";

TEST_F(ClassicServicesTest, AnArchiveInPiecesIsDeployedAndBothAgesReadTheReply) {
  HasService(std::string(kRunning) + "configuration: {env: [REGION=eu]}\n");
  DeployReplies replies;
  const grpc::Status status = DeployArchive(replies, {{"REGION", "us"}});
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_GE(replies.size(), 2);
  EXPECT_TRUE(std::ranges::all_of(replies.begin(), replies.end() - 1,
                                  [](const auto& reply) { return reply.has_status(); }));
  const wire::DeployServiceReply& last = replies.back();
  EXPECT_EQ(last.serviceid(), "test");
  EXPECT_EQ(last.service().sid(), "test");
  const auto instance = broker_->Deployed()->Find(last.service().hash()).value();
  EXPECT_EQ(instance->Record().env.at("REGION"), "us");
  EXPECT_FALSE(instance->Record().started);
}

TEST_F(ClassicServicesTest, AUrlIsDeployedAtOnce) {
  HasService(kRunning);
  std::vector<wire::DeployServiceRequest> requests(1);
  requests.front().set_url(Source().string());
  DeployReplies replies;
  grpc::ClientContext context;
  const auto stream = core_->DeployService(&context);
  stream->Write(requests.front());  // The client's side stays open.
  wire::DeployServiceReply reply;
  while (stream->Read(&reply)) replies.push_back(reply);
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(replies.back().serviceid(), "test");
}

TEST_F(ClassicServicesTest, WhatIsWrongWithAServiceFileIsAValidationError) {
  HasService("name: Test\ntaks: {}\n");
  DeployReplies replies;
  EXPECT_TRUE(DeployArchive(replies).ok());
  ASSERT_FALSE(replies.empty());
  EXPECT_THAT(replies.back().validationerror(), HasSubstr("mesg.yml:2:1"));
  EXPECT_TRUE(List().empty());
}

TEST_F(ClassicServicesTest, ADeploymentThatIsRefusedSaysWhy) {
  HasService(kRunning);
  DeployReplies replies;
  const grpc::Status env = DeployArchive(replies, {{"UNKNOWN", "x"}});
  EXPECT_EQ(env.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(env.error_message(), HasSubstr("UNKNOWN"));
  EXPECT_EQ(DeployAll({}, replies).error_code(), StatusCode::INVALID_ARGUMENT);
  wire::DeployServiceRequest request;
  request.set_chunk("this is no archive");
  EXPECT_FALSE(DeployAll({request}, replies).ok());
  request.set_url("\xff");
  EXPECT_THAT(DeployAll({request}, replies).error_message(), HasSubstr("UTF-8"));
  EXPECT_TRUE(List().empty());
}

TEST_F(ClassicServicesTest, AClientThatGoesAwayStopsItsDeployment) {
  HasService(kRunning);
  const std::string bytes = Archive();
  grpc::ClientContext context;
  const auto stream = core_->DeployService(&context);
  wire::DeployServiceRequest request;
  request.set_chunk(bytes.substr(0, bytes.size() / 2));
  stream->Write(request);
  context.TryCancel();
  EXPECT_FALSE(stream->Finish().ok());
  EXPECT_TRUE(List().empty());
}

TEST_F(ClassicServicesTest, AServiceIsStartedStoppedAndDeleted) {
  HasService(kRunning);
  DeployReplies replies;
  ASSERT_TRUE(DeployArchive(replies).ok());
  const std::string hash = replies.back().service().hash();
  ASSERT_TRUE(Start("test").ok());
  EXPECT_TRUE(Becomes("test", wire::DeployedService::RUNNING));
  EXPECT_TRUE(Start(hash).ok()) << "starting what runs is no error";
  EXPECT_TRUE(Stop("test").ok());
  EXPECT_TRUE(Becomes(hash, wire::DeployedService::STOPPED));
  EXPECT_TRUE(Delete("test").ok());
  EXPECT_TRUE(List().empty());
  for (const grpc::Status& status : {Start("test"), Stop("test"), Delete("test")}) {
    EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
    EXPECT_THAT(status.error_message(), HasSubstr("test"));
  }
}

TEST_F(ClassicServicesTest, StartingWhatItsUserRunsIsNoError) {
  Deploy();
  EXPECT_TRUE(Start("shop").ok());
  EXPECT_TRUE(Becomes("shop", wire::DeployedService::STOPPED));
  auto tasks = ListenTask();
  EXPECT_TRUE(Becomes("shop", wire::DeployedService::RUNNING)) << "it is connected";
  tasks.Cancel();
}

TEST_F(ClassicServicesTest, DeletingCancelsTheWorkThatIsLeft) {
  Deploy();
  auto results = ListenResult("shop");
  ASSERT_EQ(results.Header(), "ready");
  ASSERT_TRUE(Execute("bill", "{}").ok());
  EXPECT_TRUE(Delete("shop").ok());
  const wire::ResultData result = results.Next();
  EXPECT_EQ(result.outputdata(), "null");
  EXPECT_NE(result.error(), "");
  results.Cancel();
}

TEST_F(ClassicServicesTest, OneThatIsBeingDeletedIsGone) {
  Deploy();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Execute("bill", "{}").ok());
  slow_.Stall();
  auto deleted = std::async(std::launch::async, [this] { return Delete("shop"); });
  slow_.WaitHeld();
  slow_.ReleaseOne();
  slow_.WaitHeld();
  EXPECT_TRUE(Eventually([&] { return !broker_->Deployed()->Find("shop"); }));
  EXPECT_EQ(broker_->Deployed()->Instances().size(), 1U);
  wire::DeployedService found;
  EXPECT_EQ(Get("shop", found).error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(Start("shop").error_code(), StatusCode::NOT_FOUND);
  EXPECT_TRUE(List().empty());
  slow_.Release();
  EXPECT_TRUE(deleted.get().ok());
}

TEST_F(ClassicServicesTest, ADefinitionIsShownInFull) {
  const auto shop = Deploy();
  wire::DeployedService found;
  ASSERT_TRUE(Get("shop", found).ok());
  const wire::Definition& definition = found.definition();
  EXPECT_EQ(definition.sid() + " " + definition.hash(), "shop " + shop->GetSource()->instance_hash);
  EXPECT_EQ(definition.name() + definition.description() + definition.repository(),
            "ShopSellshttps://example.com/shop");
  EXPECT_EQ(definition.configuration().ports(0), "8080");
  ASSERT_EQ(definition.dependencies_size(), 1);
  EXPECT_EQ(definition.dependencies(0).key() + definition.dependencies(0).image(), "dbmongo");
  ASSERT_EQ(definition.events_size(), 2);
  const auto ordered = std::ranges::find(definition.events(), "ordered",
                                         [](const auto& event) { return event.key(); });
  ASSERT_NE(ordered, definition.events().end());
  EXPECT_EQ(ordered->name() + ordered->data(0).key() + ordered->data(0).type(),
            "OrderedorderString");
  ASSERT_EQ(definition.tasks_size(), 2);
  const auto ship =
      std::ranges::find(definition.tasks(), "ship", [](const auto& task) { return task.key(); });
  ASSERT_NE(ship, definition.tasks().end());
  ASSERT_EQ(ship->inputs_size(), 2);
  const auto items =
      std::ranges::find(ship->inputs(), "items", [](const auto& input) { return input.key(); });
  ASSERT_NE(items, ship->inputs().end());
  EXPECT_TRUE(items->optional() && items->repeated());
  EXPECT_EQ(items->object(0).key() + items->object(0).type(), "priceNumber");
  ASSERT_EQ(ship->outputs_size(), 2);
  const auto sent =
      std::ranges::find(ship->outputs(), "sent", [](const auto& output) { return output.key(); });
  EXPECT_EQ(sent->data(0).key(), "tracking");
  EXPECT_EQ(Get("nobody", found).error_code(), StatusCode::NOT_FOUND);
}

TEST_F(ClassicServicesTest, AReplacedInstanceIsNotListed) {
  Deploy();
  ASSERT_TRUE(Execute("bill", "{}").ok());  // Keeps the old one there.
  const auto now = Deploy(kShop, "shop", "new");
  const auto all = List();
  ASSERT_EQ(all.size(), 1);
  EXPECT_EQ(all.front().definition().hash(), now->GetSource()->instance_hash);
}

TEST_F(ClassicServicesTest, EveryStateHasItsOldName) {
  runtime::ServiceStatus status;
  const auto shown = [&](runtime::ServiceState state, std::size_t workers = 0) {
    status.state = state;
    status.workers = workers;
    return wire::DeployedService::Status_Name(StatusOf(status));
  };
  EXPECT_EQ(shown(runtime::ServiceState::kStopped), "STOPPED");
  EXPECT_EQ(shown(runtime::ServiceState::kStopped, 1), "RUNNING");
  EXPECT_EQ(shown(runtime::ServiceState::kStarting), "STARTING");
  EXPECT_EQ(shown(runtime::ServiceState::kRunning), "RUNNING");
  EXPECT_EQ(shown(runtime::ServiceState::kRestarting), "STARTING");
  EXPECT_EQ(shown(runtime::ServiceState::kFailed), "STOPPED");
  EXPECT_EQ(shown(runtime::ServiceState::kDraining), "RUNNING");
}

TEST_F(ClassicServicesTest, LogsAreStreamedWithWhatWasWrittenBefore) {
  HasService(kRunning);
  DeployReplies replies;
  ASSERT_TRUE(DeployArchive(replies).ok());
  ASSERT_TRUE(Start("test").ok());
  ASSERT_TRUE(Becomes("test", wire::DeployedService::RUNNING));
  const auto logs = [&](const std::vector<std::string>& dependencies) {
    wire::ServiceLogsRequest request;
    request.set_serviceid("test");
    for (const std::string& dependency : dependencies) request.add_dependencies(dependency);
    Stream<wire::LogData> stream;
    stream.reader = core_->ServiceLogs(stream.context.get(), request);
    return stream;
  };
  auto stream = logs({"service"});
  EXPECT_EQ(stream.Header(), "ready");
  std::string out;
  std::string err;
  while (out.find("out\n") == std::string::npos || err.find("err\n") == std::string::npos) {
    const wire::LogData data = stream.Next();
    ASSERT_EQ(data.dependency(), "service");
    (data.type() == wire::LogData::Error ? err : out) += data.data();
  }
  stream.Cancel();
  EXPECT_THAT(logs({"db"}).End().error_message(), HasSubstr(R"(Dependency "db" not found)"));
  Deploy();
  wire::ServiceLogsRequest request;
  request.set_serviceid("shop");
  request.add_dependencies("db");
  Stream<wire::LogData> of_dependency;
  of_dependency.reader = core_->ServiceLogs(of_dependency.context.get(), request);
  EXPECT_EQ(of_dependency.End().error_code(), StatusCode::FAILED_PRECONDITION);
}

TEST_F(ClassicServicesTest, InfoNamesTheVersionAndTheAddress) {
  wire::InfoReply reply;
  ASSERT_TRUE(Call(&wire::Core::Stub::Info, wire::InfoRequest(), reply).ok());
  EXPECT_EQ(reply.version() + " " + reply.address(), "1.2.3 here");
  EXPECT_EQ(reply.services_size(), 0);
}

TEST_F(ClassicServicesTest, WorkflowsOf2018AreNotThere) {
  wire::CreateWorkflowReply created;
  EXPECT_EQ(
      Call(&wire::Core::Stub::CreateWorkflow, wire::CreateWorkflowRequest(), created).error_code(),
      StatusCode::UNIMPLEMENTED);
  wire::DeleteWorkflowReply deleted;
  EXPECT_EQ(
      Call(&wire::Core::Stub::DeleteWorkflow, wire::DeleteWorkflowRequest(), deleted).error_code(),
      StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace mesg::api::classic
