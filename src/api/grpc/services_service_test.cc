#include "api/grpc/services_service.h"

#include <cstdlib>
#include <thread>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include "api/grpc/gate.h"
#include "api/grpc/logs_call.h"
#include "mesg/v1/services.grpc.pb.h"
#include "runtime/services/service_manager_fixture_test.h"

namespace mesg::api {
namespace {

using runtime::Eventually;
using runtime::kTask;
using testing::HasSubstr;
using testing::Not;

/// `mesg.v1.Services` on a server in this process, over a manager with real processes.
class ServicesServiceTest : public runtime::ServiceManagerTest {
 protected:
  ServicesServiceTest() {
    gate_->Open();
    Serve();
  }

 public:
  ~ServicesServiceTest() override { Shut(); }

 protected:
  void Serve() {
    Core core;
    core.broker = broker_.get();
    core.services = manager_.get();
    core.gate = gate_;
    service_ = MakeServicesService(core);
    grpc::ServerBuilder builder;
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(64 << 20);
    stub_ = v1::Services::NewStub(server_->InProcessChannel(arguments));
  }
  void Shut() {
    if (server_) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
    service_.reset();
  }

  struct Deployed {
    std::string steps;  ///< That were done.
    v1::Service service;
    grpc::Status status;
  };
  Deployed Deploy(const std::vector<v1::DeployRequest>& requests) {
    grpc::ClientContext context;
    const auto stream = stub_->Deploy(&context);
    for (const v1::DeployRequest& request : requests) stream->Write(request);
    stream->WritesDone();
    Deployed deployed;
    v1::DeployResponse response;
    while (stream->Read(&response)) {
      EXPECT_FALSE(deployed.service.has_definition()) << "something came behind `deployed`";
      if (response.has_progress() && response.progress().done()) {
        deployed.steps += response.progress().step() + " ";
      }
      if (response.has_deployed()) deployed.service = response.deployed();
    }
    deployed.status = stream->Finish();
    return deployed;
  }
  v1::DeployRequest Folder(bool start = false) const {
    v1::DeployRequest request;
    request.mutable_open()->set_folder(Source().string());
    request.mutable_open()->set_start(start);
    return request;
  }
  static v1::DeployRequest Chunk(const std::string& bytes) {
    v1::DeployRequest request;
    request.set_chunk(bytes);
    return request;
  }
  static v1::DeployRequest OpenArchive() {
    v1::DeployRequest request;
    request.mutable_open()->set_archive(true);
    return request;
  }

  template <typename Request, typename Response>
  using Method = grpc::Status (v1::Services::Stub::*)(grpc::ClientContext*, const Request&,
                                                      Response*);
  template <typename Request, typename Response>
  grpc::Status Call(Method<Request, Response> method, const Request& request, Response& response) {
    grpc::ClientContext context;
    return (stub_.get()->*method)(&context, request, &response);
  }
  /// Calls what takes only the name of a service.
  template <typename Request, typename Response>
  grpc::Status Call(Method<Request, Response> method, Response& response,
                    const std::string& service = "test") {
    Request request;
    request.set_service(service);
    return Call(method, request, response);
  }
  v1::Service GetService() {
    v1::Service service;
    const auto status = Call(&v1::Services::Stub::Get, service);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return service;
  }
  static v1::ServiceLogsRequest LogsOf(bool follow, std::uint32_t tail = 0) {
    v1::ServiceLogsRequest request;
    request.set_service("test");
    request.set_follow(follow);
    request.set_tail(tail);
    return request;
  }

  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Services::Stub> stub_;
};

// ---- Validate ----

TEST_F(ServicesServiceTest, AValidDefinitionIsShown) {
  v1::ValidateServiceRequest request;
  request.set_definition(
      "name: Test\nsid: test\nversion: 1.0.0\nrun: [sh, run.sh]\n"
      "env: {KEY: {secret: true, value: hidden}, REGION: eu}\n"
      "events: {ticked: {data: {count: {type: Number}}}}\n"
      "tasks: {work: {timeout: 2s, effect: once, retry: {attempts: 2}, inputs: {list: {type: "
      "Object, repeated: true, object: {id: {schema: {type: string}}}}}, outputs: {done: {data: "
      "{}}}}}\n");
  v1::ValidateServiceResponse response;
  ASSERT_TRUE(Call(&v1::Services::Stub::Validate, request, response).ok());
  EXPECT_EQ(response.errors_size(), 0);
  const v1::Definition& definition = response.definition();
  EXPECT_EQ(definition.sid(), "test");
  EXPECT_EQ(definition.run_size(), 2);
  EXPECT_EQ(definition.events(0).data(0).type(), "Number");
  const v1::TaskDefinition& task = definition.tasks(0);
  EXPECT_EQ(task.timeout_us(), 2'000'000);
  EXPECT_EQ(task.retry().attempts(), 2);
  EXPECT_EQ(task.effect(), v1::ONCE);
  EXPECT_TRUE(task.inputs(0).repeated());
  EXPECT_EQ(task.inputs(0).object(0).type(), "");
  EXPECT_THAT(task.inputs(0).object(0).schema(), HasSubstr("string"));
  EXPECT_EQ(task.outputs(0).key(), "done");
  EXPECT_EQ(definition.env_size(), 2);
  EXPECT_THAT(definition.SerializeAsString(), Not(HasSubstr("hidden")));
}

TEST_F(ServicesServiceTest, EverythingWrongWithADefinitionIsToldWithItsPlace) {
  v1::ValidateServiceRequest request;
  request.set_definition("name: Test\ntasks:\n  work:\n    inputz: {}\n    effect: twice\n");
  v1::ValidateServiceResponse response;
  ASSERT_TRUE(Call(&v1::Services::Stub::Validate, request, response).ok());
  ASSERT_EQ(response.errors_size(), 2);
  EXPECT_EQ(response.errors(0).file(), "mesg.yml");
  EXPECT_EQ(response.errors(0).line(), 4);
  EXPECT_EQ(response.errors(0).column(), 5);
  EXPECT_THAT(response.errors(0).message(), HasSubstr("inputs"));
  EXPECT_EQ(response.errors(1).line(), 5);
  EXPECT_FALSE(response.has_definition());
}

TEST_F(ServicesServiceTest, WhatIsNoYamlAtAllIsOneDiagnostic) {
  v1::ValidateServiceRequest request;
  request.set_definition("\xFF\xFE{[");
  v1::ValidateServiceResponse response;
  ASSERT_TRUE(Call(&v1::Services::Stub::Validate, request, response).ok());
  EXPECT_GE(response.errors_size(), 1);
}

// ---- Deploy ----

TEST_F(ServicesServiceTest, AFolderIsDeployedAndStarted) {
  HasService();
  const Deployed deployed = Deploy({Folder(true)});
  ASSERT_TRUE(deployed.status.ok()) << deployed.status.error_message();
  EXPECT_EQ(deployed.steps, "fetch validate install register ");
  EXPECT_EQ(deployed.service.name(), "test");
  EXPECT_EQ(deployed.service.definition().sid(), "test");
  EXPECT_FALSE(deployed.service.instance_hash().empty());
  EXPECT_EQ(deployed.service.source(), Source().string());
  EXPECT_TRUE(deployed.service.managed());
  EXPECT_TRUE(Eventually([&] { return GetService().state() == v1::Service::RUNNING; }));
  EXPECT_GT(GetService().pid(), 0);
}

TEST_F(ServicesServiceTest, AnArchiveComesInChunks) {
  HasService();
  const std::string archive = data_.path() / "a.tar.gz";
  ASSERT_EQ(std::system(("tar -C '" + Source().string() + "' -czf '" + archive + "' .").c_str()),
            0);
  const std::string bytes = runtime::ReadFile(archive);
  const Deployed deployed =
      Deploy({OpenArchive(), Chunk(bytes.substr(0, 20)), Chunk(bytes.substr(20))});
  ASSERT_TRUE(deployed.status.ok()) << deployed.status.error_message();
  EXPECT_EQ(deployed.service.source(), "archive");
  EXPECT_EQ(deployed.service.state(), v1::Service::STOPPED);
}

TEST_F(ServicesServiceTest, WhatCannotBeDeployedIsRefused) {
  HasService();
  const auto refused = [&](const std::vector<v1::DeployRequest>& requests) {
    return Deploy(requests).status.error_code();
  };
  EXPECT_EQ(refused({}), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(refused({Chunk("x")}), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(refused({v1::DeployRequest()}), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(refused({OpenArchive(), OpenArchive()}), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(refused({OpenArchive(), Chunk("no archive")}), grpc::INVALID_ARGUMENT);
  v1::DeployRequest nowhere;
  nowhere.mutable_open()->set_name("test");
  EXPECT_EQ(refused({nowhere}), grpc::INVALID_ARGUMENT);
  v1::DeployRequest relative;
  relative.mutable_open()->set_folder("source");
  EXPECT_EQ(refused({relative}), grpc::INVALID_ARGUMENT);
  v1::DeployRequest path;
  path.mutable_open()->set_url(Source().string());
  EXPECT_EQ(refused({path}), grpc::INVALID_ARGUMENT);
  v1::DeployRequest unknown = Folder();
  (*unknown.mutable_open()->mutable_env())["KEY"] = "s3cret";
  const Deployed deployed = Deploy({unknown});
  EXPECT_EQ(deployed.status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(deployed.status.error_message(), Not(HasSubstr("s3cret")));
  EXPECT_THAT(deployed.status.error_details(), HasSubstr("env.KEY"));
  EXPECT_TRUE(List().empty());
}

TEST_F(ServicesServiceTest, AClientThatLeavesStopsItsDeployment) {
  HasService();
  {
    grpc::ClientContext context;
    const auto stream = stub_->Deploy(&context);
    stream->Write(OpenArchive());
    stream->Write(Chunk("half of"));
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::CANCELLED);
  }
  EXPECT_TRUE(Eventually([&] { return gate_->size() == 0; }));
  EXPECT_TRUE(List().empty());
}

// ---- What there is ----

TEST_F(ServicesServiceTest, SecretsAreNotListed) {
  HasService("env: {KEY: {required: true, secret: true}}\n");
  v1::DeployRequest request = Folder();
  (*request.mutable_open()->mutable_env())["KEY"] = "s3cret";
  const Deployed deployed = Deploy({request});
  ASSERT_TRUE(deployed.status.ok()) << deployed.status.error_message();
  v1::ListServicesResponse list;
  ASSERT_TRUE(Call(&v1::Services::Stub::List, v1::ListServicesRequest(), list).ok());
  ASSERT_EQ(list.services_size(), 1);
  EXPECT_EQ(list.services(0).definition().canonical(), "");
  const std::string token = manager_->Environment("test")->env.at("MESG_TOKEN");
  for (const std::string& shown : {list.SerializeAsString(), GetService().SerializeAsString(),
                                   deployed.service.SerializeAsString()}) {
    EXPECT_THAT(shown, Not(HasSubstr("s3cret")));
    EXPECT_THAT(shown, Not(HasSubstr(token)));
  }
  EXPECT_NE(GetService().definition().canonical(), "");
}

TEST_F(ServicesServiceTest, AProblemIsShownWithoutTheSecretsInIt) {
  class Idle final : public broker::WorkerSink {
    void Deliver(const broker::Delivery&) override {}
    void Cancelled(std::string_view, std::string_view) override {}
    void Drain() override {}
    void Flush() override {}
  };
  HasService("env: {URL: {required: true, secret: true}}\n");
  v1::DeployRequest request = Folder();
  (*request.mutable_open()->mutable_env())["URL"] = "redis://:s3cret@localhost";
  const Deployed deployed = Deploy({request});
  ASSERT_TRUE(deployed.status.ok()) << deployed.status.error_message();
  std::promise<broker::WorkerId> connected;
  broker_->ConnectWorker(
      {deployed.service.instance_hash(), "w", {}, 1}, std::make_shared<Idle>(),
      [&](const Result<broker::WorkerId>& id) { connected.set_value(id.value_or(0)); });
  broker_->ReportHealth(connected.get_future().get(), "redis://:s3cret@localhost is away");
  EXPECT_EQ(GetService().problem(), "*** is away");
}

TEST_F(ServicesServiceTest, TheEnvironmentIsWhatItsProcessGets) {
  HasService();
  ASSERT_TRUE(Deploy({Folder()}).status.ok());
  v1::GetEnvironmentResponse environment;
  ASSERT_TRUE(Call(&v1::Services::Stub::GetEnvironment, environment).ok());
  EXPECT_EQ(environment.env().at("MESG_SERVICE"), "test");
  EXPECT_EQ(environment.env().at("MESG_TOKEN"), Get()->instance->Record().token);
  EXPECT_TRUE(std::filesystem::exists(environment.folder()));
}

TEST_F(ServicesServiceTest, StartStopMoveAndDelete) {
  HasService(kTask);
  ASSERT_TRUE(Deploy({Folder()}).status.ok());
  v1::Service service;
  ASSERT_TRUE(Call(&v1::Services::Stub::Start, service).ok());
  EXPECT_NE(service.state(), v1::Service::STOPPED);
  ASSERT_TRUE(Call(&v1::Services::Stub::Stop, service).ok());
  EXPECT_EQ(service.state(), v1::Service::STOPPED);

  Pin();
  HasService(kTask, "changed");
  ASSERT_TRUE(Deploy({Folder()}).status.ok());
  v1::ListServicesResponse list;
  ASSERT_TRUE(Call(&v1::Services::Stub::List, v1::ListServicesRequest(), list).ok());
  ASSERT_EQ(list.services_size(), 2);
  EXPECT_EQ(list.services(1).state(), v1::Service::DRAINING);
  EXPECT_EQ(list.services(1).pinned(), 1);
  v1::MovePinnedResponse moved;
  ASSERT_TRUE(Call(&v1::Services::Stub::MovePinned, moved).ok());
  EXPECT_EQ(moved.moved(), 1);

  v1::DeleteServiceRequest request;
  request.set_service("test");
  v1::DeleteServiceResponse deleted;
  EXPECT_EQ(Call(&v1::Services::Stub::Delete, request, deleted).error_code(),
            grpc::FAILED_PRECONDITION);
  request.set_force(true);
  EXPECT_TRUE(Call(&v1::Services::Stub::Delete, request, deleted).ok());
  EXPECT_EQ(Call(&v1::Services::Stub::Get, service).error_code(), grpc::NOT_FOUND);
}

TEST_F(ServicesServiceTest, WhatIsNotDeployedIsNotFound) {
  v1::Service service;
  EXPECT_EQ(Call(&v1::Services::Stub::Get, service).error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(Call(&v1::Services::Stub::Start, service).error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(Call(&v1::Services::Stub::Stop, service).error_code(), grpc::NOT_FOUND);
  v1::DeleteServiceResponse deleted;
  EXPECT_EQ(Call(&v1::Services::Stub::Delete, deleted).error_code(), grpc::NOT_FOUND);
  v1::GetEnvironmentResponse environment;
  EXPECT_EQ(Call(&v1::Services::Stub::GetEnvironment, environment).error_code(), grpc::NOT_FOUND);
  v1::MovePinnedResponse moved;
  EXPECT_EQ(Call(&v1::Services::Stub::MovePinned, moved).error_code(), grpc::NOT_FOUND);
  for (const bool follow : {false, true}) {
    grpc::ClientContext context;
    EXPECT_EQ(stub_->Logs(&context, LogsOf(follow))->Finish().error_code(), grpc::NOT_FOUND);
  }
}

// ---- Logs ----

TEST_F(ServicesServiceTest, ALogIsReadAndFollowedUntilItsInstanceIsDeleted) {
  HasService();
  ASSERT_TRUE(Deploy({Folder(true)}).status.ok());
  grpc::ClientContext context;
  const auto follower = stub_->Logs(&context, LogsOf(true));
  v1::ServiceLogsResponse response;
  std::string told;
  while (told.find("MESG_TOKEN=") == std::string::npos && follower->Read(&response)) {
    for (const auto& line : response.lines()) {
      EXPECT_GT(line.time_us(), 0);
      if (!line.core()) told += line.text() + "\n";
    }
  }
  EXPECT_EQ(told.substr(0, 6), "hello\n");

  grpc::ClientContext once;
  const auto reader = stub_->Logs(&once, LogsOf(false, 1));
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.lines_size(), 1);
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_TRUE(reader->Finish().ok());

  std::thread deleter([this] { EXPECT_TRUE(Delete()); });
  while (follower->Read(&response)) {
  }
  EXPECT_TRUE(follower->Finish().ok());
  deleter.join();
  EXPECT_TRUE(Eventually([&] { return gate_->size() == 0; }));
}

// What waits for one who does not read is bounded, and what is left out is told.
TEST_F(ServicesServiceTest, ASlowReaderIsToldWhatItMissed) {
  HasService();
  Has("run.sh",
      "#!/bin/sh\nwhile [ ! -e \"$GO\" ]; do sleep 0.01; done\n"
      "yes 0123456789012345678901234567890123456789 | head -n 200000\necho last\nexec sleep 1000\n",
      true);
  Has("mesg.yml", "name: Test\nsid: test\nrun: [sh, run.sh]\nenv: {GO: '" +
                      (data_.path() / "go").string() + "'}\n");
  ASSERT_TRUE(Deploy({Folder(true)}).status.ok());
  Comes(runtime::ServiceState::kRunning);
  grpc::ClientContext context;
  const auto follower = stub_->Logs(&context, LogsOf(true));
  v1::ServiceLogsResponse response;
  ASSERT_TRUE(follower->Read(&response));
  runtime::WriteFile(data_.path() / "go", "");
  ASSERT_TRUE(Eventually([&] {
    const auto last = manager_->ReadLog("test", 1);
    return last && !last->empty() && last->back().text == "last";
  }));
  std::size_t came = 0;
  std::size_t missed = 0;
  const auto all = [&] { return came + missed >= 200'001; };
  while (!all() && follower->Read(&response)) {
    for (const auto& line : response.lines()) {
      if (!line.core()) {
        ++came;
      } else if (line.text().find("lines are left out here") != std::string::npos) {
        missed += std::stoul(line.text());
      }
    }
  }
  EXPECT_GT(missed, 0);
  EXPECT_GT(came, 1000);
  EXPECT_EQ(came + missed, 200'001);
  context.TryCancel();
  EXPECT_EQ(follower->Finish().error_code(), grpc::CANCELLED);
}

// ---- Core's end ----

TEST_F(ServicesServiceTest, NoCallIsTakenWhileCoreIsNotUp) {
  HasService();
  ASSERT_TRUE(Deploy({Folder()}).status.ok());
  grpc::ClientContext context;
  const auto follower = stub_->Logs(&context, LogsOf(true));
  ASSERT_TRUE(Eventually([&] { return gate_->size() == 1; }));
  gate_->Close();
  v1::ServiceLogsResponse response;
  while (follower->Read(&response)) {
  }
  EXPECT_EQ(follower->Finish().error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(Deploy({Folder()}).status.error_code(), grpc::UNAVAILABLE);
  v1::Service service;
  EXPECT_EQ(Call(&v1::Services::Stub::Get, service).error_code(), grpc::UNAVAILABLE);
  v1::ListServicesResponse list;
  EXPECT_EQ(Call(&v1::Services::Stub::List, v1::ListServicesRequest(), list).error_code(),
            grpc::UNAVAILABLE);
}

}  // namespace
}  // namespace mesg::api
