#include "cli/client_fake_core_test_support.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include <grpcpp/grpcpp.h>

#include "google/rpc/error_details.pb.h"
#include "mesg/v1/admin.grpc.pb.h"
#include "mesg/v1/applications.grpc.pb.h"
#include "mesg/v1/events.grpc.pb.h"
#include "mesg/v1/executions.grpc.pb.h"
#include "mesg/v1/runs.grpc.pb.h"
#include "mesg/v1/secrets.grpc.pb.h"
#include "mesg/v1/services.grpc.pb.h"

namespace mesg::cli {
namespace {

using grpc::ServerContext;

grpc::Status ToStatus(const Error& error) {
  google::rpc::Status details;
  details.set_code(static_cast<int>(error.code));
  details.set_message(error.message);
  google::rpc::ErrorInfo info;
  info.set_reason(error.reason);
  info.set_domain("mesg");
  details.add_details()->PackFrom(info);
  google::rpc::BadRequest bad;
  for (const Violation& violation : error.violations) {
    auto& field = *bad.add_field_violations();
    field.set_field(violation.path);
    field.set_description(violation.reason);
  }
  if (!error.violations.empty()) details.add_details()->PackFrom(bad);
  return {static_cast<grpc::StatusCode>(error.code), error.message, details.SerializeAsString()};
}

}  // namespace

struct FakeCore::Server final : v1::Admin::Service,
                                v1::Services::Service,
                                v1::Events::Service,
                                v1::Executions::Service,
                                v1::DeadLetters::Service,
                                v1::Applications::Service,
                                v1::Runs::Service,
                                v1::Secrets::Service {
  explicit Server(Script& to_play) : script(to_play) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(static_cast<v1::Admin::Service*>(this));
    builder.RegisterService(static_cast<v1::Services::Service*>(this));
    builder.RegisterService(static_cast<v1::Events::Service*>(this));
    builder.RegisterService(static_cast<v1::Executions::Service*>(this));
    builder.RegisterService(static_cast<v1::DeadLetters::Service*>(this));
    builder.RegisterService(static_cast<v1::Applications::Service*>(this));
    builder.RegisterService(static_cast<v1::Runs::Service*>(this));
    builder.RegisterService(static_cast<v1::Secrets::Service*>(this));
    server = builder.BuildAndStart();
  }
  ~Server() override { server->Shutdown(std::chrono::system_clock::now()); }

  /// Notes the call; the refusal that is set for it, else OK.
  grpc::Status Called(const std::string& method) {
    return Note(method, [](Heard&) {});
  }
  template <typename Action>
  grpc::Status Note(const std::string& method, Action action) {
    const std::scoped_lock lock(mutex);
    heard.calls.push_back(method);
    action(heard);
    changed.notify_all();
    const auto refusal = refusals.find(method);
    return refusal == refusals.end() ? grpc::Status::OK : ToStatus(refusal->second);
  }
  grpc::Status Found(const std::string& method, const std::string& name, v1::Service* service) {
    grpc::Status status = Called(method);
    if (!status.ok()) return status;
    const auto found = std::ranges::find_if(script.services, [&](const auto& each) {
      return each.first == name || each.second.instance_hash() == name;
    });
    if (found == script.services.end()) {
      return ToStatus(
          NotFound("service \"{}\" is not deployed", name).Because("SERVICE_NOT_FOUND"));
    }
    *service = found->second;
    return grpc::Status::OK;
  }

  // Admin
  grpc::Status Status(ServerContext*, const google::protobuf::Empty*,
                      v1::StatusResponse* out) override {
    *out = script.status;
    return Called("Status");
  }
  grpc::Status Shutdown(ServerContext*, const google::protobuf::Empty*,
                        google::protobuf::Empty*) override {
    return Note("Shutdown", [](Heard& h) { h.shutdown = true; });
  }

  // Services
  grpc::Status Deploy(
      ServerContext*,
      grpc::ServerReaderWriter<v1::DeployResponse, v1::DeployRequest>* stream) override {
    v1::DeployRequest request;
    stream->Read(&request);
    const v1::DeployRequest::Open open = request.open();
    std::string archive;
    while (stream->Read(&request)) archive += request.chunk();
    std::size_t turn = 0;
    grpc::Status status = Note("Deploy", [&](Heard& h) {
      turn = h.deployments.size();
      h.deployments.push_back(open);
      h.archive = archive;
    });
    if (!status.ok()) return status;
    v1::DeployResponse response;
    response.mutable_progress()->set_step("validate");
    stream->Write(response);
    v1::Service& deployed = *response.mutable_deployed();
    if (turn < script.deployed.size()) {
      deployed = script.deployed[turn];
    } else if (!script.services.empty()) {
      deployed = script.services.begin()->second;
    }
    stream->Write(response);
    return grpc::Status::OK;
  }
  grpc::Status List(ServerContext*, const v1::ListServicesRequest*,
                    v1::ListServicesResponse* out) override {
    for (const auto& [name, service] : script.services) *out->add_services() = service;
    return Called("ListServices");
  }
  grpc::Status ListAvailable(ServerContext*, const v1::ListAvailableServicesRequest*,
                             v1::ListAvailableServicesResponse* out) override {
    *out = script.available;
    return Called("ListAvailable");
  }
  grpc::Status Get(ServerContext*, const v1::GetServiceRequest* in, v1::Service* out) override {
    return Found("GetService", in->service(), out);
  }
  grpc::Status Start(ServerContext*, const v1::StartServiceRequest* in, v1::Service* out) override {
    return Found("Start", in->service(), out);
  }
  grpc::Status Stop(ServerContext*, const v1::StopServiceRequest* in, v1::Service* out) override {
    return Found("Stop", in->service(), out);
  }
  grpc::Status Delete(ServerContext*, const v1::DeleteServiceRequest* in,
                      v1::DeleteServiceResponse*) override {
    return Note("Delete", [&](Heard& h) { h.deletions.push_back(*in); });
  }
  grpc::Status Logs(ServerContext* context, const v1::ServiceLogsRequest* in,
                    grpc::ServerWriter<v1::ServiceLogsResponse>* writer) override {
    grpc::Status status = Called("Logs");
    v1::ServiceLogsResponse response;
    for (const auto& line : script.log) *response.add_lines() = line;
    writer->Write(response);
    if (in->follow() && status.ok()) AwaitCancel(*context);
    return status;
  }
  grpc::Status GetEnvironment(ServerContext*, const v1::GetEnvironmentRequest*,
                              v1::GetEnvironmentResponse* out) override {
    (*out->mutable_env())["MESG_TOKEN"] = "it's secret";
    (*out->mutable_env())["MESG_ENDPOINT"] = "localhost:50052";
    return Called("GetEnvironment");
  }

  // Events
  grpc::Status Emit(ServerContext* context, const v1::EmitRequest* in,
                    v1::EmitResponse* out) override {
    out->add_positions("7");
    out->set_durability("sync");
    const auto found = context->client_metadata().find("authorization");
    const std::string authorization = found == context->client_metadata().end()
                                          ? ""
                                          : std::string(found->second.data(), found->second.size());
    return Note("Emit", [&](Heard& h) {
      h.emits.push_back(*in);
      h.authorizations.push_back(authorization);
    });
  }
  grpc::Status List(ServerContext*, const v1::ListEventsRequest* in,
                    v1::ListEventsResponse* out) override {
    *out = script.events;
    return Note("ListEvents", [&](Heard& h) { h.list_events = *in; });
  }
  grpc::Status Listen(
      ServerContext* context,
      grpc::ServerReaderWriter<v1::ListenResponse, v1::ListenRequest>* stream) override {
    v1::ListenRequest request;
    stream->Read(&request);
    std::size_t turn = 0;
    grpc::Status status = Note("Listen", [&](Heard& h) {
      turn = h.listens.size();
      h.listens.push_back(request.open());
    });
    if (!status.ok()) return status;
    if (turn >= script.listenings.size()) {
      AwaitCancel(*context);
      return grpc::Status::OK;
    }
    const Script::Listening& listening = script.listenings[turn];
    for (const v1::ListenResponse& response : listening.responses) stream->Write(response);
    if (listening.breaks) return ToStatus(Unavailable("Core is shutting down"));
    while (stream->Read(&request)) {
      if (!request.has_acknowledge()) continue;
      Note("Acknowledge", [&](Heard& h) { h.acknowledged.push_back(request.acknowledge()); });
      v1::ListenResponse response;
      response.set_acknowledged(request.acknowledge());
      stream->Write(response);
    }
    AwaitCancel(*context);
    return grpc::Status::OK;
  }
  grpc::Status CreateSubscription(ServerContext*, const v1::CreateSubscriptionRequest* in,
                                  v1::Subscription* out) override {
    out->set_name(in->name());
    *out->mutable_filters() = in->filters();
    return Note("CreateSubscription", [&](Heard& h) { h.subscription = *in; });
  }
  grpc::Status ListSubscriptions(ServerContext*, const v1::ListSubscriptionsRequest*,
                                 v1::ListSubscriptionsResponse* out) override {
    *out = script.subscriptions;
    return Called("ListSubscriptions");
  }
  grpc::Status DeleteSubscription(ServerContext*, const v1::DeleteSubscriptionRequest* in,
                                  v1::DeleteSubscriptionResponse*) override {
    return Called("DeleteSubscription " + in->name());
  }

  // Executions
  grpc::Status Create(ServerContext*, const v1::CreateExecutionRequest* in,
                      v1::CreateExecutionResponse* out) override {
    out->set_id("x1");
    return Note("Create", [&](Heard& h) { h.executions.push_back(*in); });
  }
  grpc::Status Wait(ServerContext* context, const v1::GetExecutionRequest*,
                    v1::Execution* out) override {
    grpc::Status status = Called("Wait");
    if (script.execution.state() == v1::EXECUTION_STATE_UNSPECIFIED) AwaitCancel(*context);
    *out = script.execution;
    return status;
  }
  grpc::Status Get(ServerContext*, const v1::GetExecutionRequest*, v1::Execution* out) override {
    *out = script.execution;
    return Called("GetExecution");
  }
  grpc::Status List(ServerContext*, const v1::ListExecutionsRequest* in,
                    v1::ListExecutionsResponse* out) override {
    *out = script.executions;
    return Note("ListExecutions", [&](Heard& h) { h.list_executions = *in; });
  }
  grpc::Status Cancel(ServerContext*, const v1::CancelExecutionRequest* in,
                      v1::Execution* out) override {
    *out = script.execution;
    return Called("Cancel " + in->id() + " " + in->reason());
  }

  // DeadLetters
  grpc::Status List(ServerContext*, const v1::ListDeadLettersRequest*,
                    v1::ListDeadLettersResponse* out) override {
    *out = script.dead_letters;
    return Called("ListDeadLetters");
  }
  grpc::Status Retry(ServerContext*, const v1::DeadLetterSelection* in,
                     v1::RetryDeadLettersResponse* out) override {
    for (const std::string& id : in->ids()) {
      auto& retried = *out->add_retried();
      retried.set_id(id);
      retried.set_new_id("new-" + id);
    }
    return Note("Retry", [&](Heard& h) { h.selection = *in; });
  }
  grpc::Status Drop(ServerContext*, const v1::DeadLetterSelection* in,
                    v1::DropDeadLettersResponse* out) override {
    for (const std::string& id : in->ids()) out->add_ids(id);
    return Note("Drop", [&](Heard& h) { h.selection = *in; });
  }
  grpc::Status Resolve(ServerContext*, const v1::ResolveDeadLetterRequest* in,
                       v1::Execution* out) override {
    *out = script.execution;
    return Note("Resolve", [&](Heard& h) { h.resolution = *in; });
  }

  // Applications
  grpc::Status Validate(ServerContext*, const v1::ValidateApplicationRequest* in,
                        v1::ValidateApplicationResponse* out) override {
    *out = script.validation;
    return Note("ValidateApplication", [&](Heard& h) { h.validation = *in; });
  }
  grpc::Status Deploy(ServerContext*, const v1::DeployApplicationRequest* in,
                      v1::DeployApplicationResponse* out) override {
    *out = script.application;
    return Note("DeployApplication", [&](Heard& h) { h.applications.push_back(*in); });
  }
  grpc::Status List(ServerContext*, const v1::ListApplicationsRequest*,
                    v1::ListApplicationsResponse* out) override {
    for (const auto& [name, application] : script.applications) {
      *out->add_applications() = application;
    }
    return Called("ListApplications");
  }
  grpc::Status FoundApplication(grpc::Status status, const std::string& name,
                                v1::Application* out) {
    if (!status.ok()) return status;
    const auto found = script.applications.find(name);
    const v1::Application& deployed = script.application.application();
    const bool heard_of = [&] {
      const std::scoped_lock lock(mutex);
      return !heard.applications.empty() && deployed.name() == name;
    }();
    if (found == script.applications.end() && heard_of) {
      *out = deployed;
      return grpc::Status::OK;
    }
    if (found == script.applications.end()) {
      return ToStatus(NotFound("application \"{}\" is not deployed", name));
    }
    *out = found->second;
    return grpc::Status::OK;
  }
  grpc::Status Get(ServerContext*, const v1::ApplicationSelection* in,
                   v1::Application* out) override {
    return FoundApplication(Called("GetApplication"), in->name(), out);
  }
  grpc::Status Pause(ServerContext*, const v1::ApplicationSelection* in,
                     v1::Application* out) override {
    return FoundApplication(Called("PauseApplication"), in->name(), out);
  }
  grpc::Status Resume(ServerContext*, const v1::ApplicationSelection* in,
                      v1::Application* out) override {
    return FoundApplication(Called("ResumeApplication"), in->name(), out);
  }
  grpc::Status Stop(ServerContext*, const v1::StopApplicationRequest* in,
                    v1::Application* out) override {
    return FoundApplication(Note("StopApplication", [&](Heard& h) { h.stop = *in; }), in->name(),
                            out);
  }
  grpc::Status Delete(ServerContext*, const v1::DeleteApplicationRequest* in,
                      v1::DeleteApplicationResponse* out) override {
    out->set_cancelled_runs(in->force() ? 2 : 0);
    return Note("DeleteApplication", [&](Heard& h) { h.deletion = *in; });
  }

  // Runs
  grpc::Status Start(ServerContext*, const v1::StartRunRequest* in, v1::Run* out) override {
    *out = script.run;
    return Note("StartRun", [&](Heard& h) { h.start_run = *in; });
  }
  grpc::Status Get(ServerContext*, const v1::GetRunRequest* in, v1::Run* out) override {
    *out = script.run;
    if (in->after_step() > 0) {  // The page behind it, as Core gives it.
      out->clear_steps();
      for (const v1::Run::Step& step : script.run.steps()) {
        if (step.number() > in->after_step()) *out->add_steps() = step;
      }
    }
    if (script.run.steps_cut()) {
      out->set_steps_cut(out->steps_size() > 1);
      while (out->steps_size() > 1) out->mutable_steps()->RemoveLast();
    }
    return Called("GetRun");
  }
  grpc::Status List(ServerContext*, const v1::ListRunsRequest* in,
                    v1::ListRunsResponse* out) override {
    *out = script.runs;
    return Note("ListRuns", [&](Heard& h) { h.list_runs = *in; });
  }
  grpc::Status Watch(ServerContext* context, const v1::WatchRunsRequest* in,
                     grpc::ServerWriter<v1::Run>* writer) override {
    std::size_t turn = 0;
    grpc::Status status = Note("Watch", [&](Heard& h) {
      turn = h.watches.size();
      h.watches.push_back(*in);
    });
    if (!status.ok()) return status;
    const bool scripted = turn < script.watched.size();
    if (scripted) {
      for (const v1::Run& run : script.watched[turn]) writer->Write(run);
    }
    if (!scripted || in->id().empty()) AwaitCancel(*context);
    return grpc::Status::OK;
  }
  grpc::Status Cancel(ServerContext*, const v1::CancelRunRequest* in, v1::Run* out) override {
    *out = script.run;
    return Note("CancelRun", [&](Heard& h) { h.cancel_run = *in; });
  }
  grpc::Status Retry(ServerContext*, const v1::RunSelection* in,
                     grpc::ServerWriter<v1::RunsProgress>* writer) override {
    for (const v1::RunsProgress& progress : script.progress) writer->Write(progress);
    return Note("RetryRuns", [&](Heard& h) { *h.reset.mutable_selection() = *in; });
  }
  grpc::Status Reset(ServerContext*, const v1::ResetRunsRequest* in,
                     grpc::ServerWriter<v1::RunsProgress>* writer) override {
    for (const v1::RunsProgress& progress : script.progress) writer->Write(progress);
    return Note("ResetRuns", [&](Heard& h) { h.reset = *in; });
  }
  grpc::Status Decide(ServerContext*, const v1::DecideRequest* in, v1::Run* out) override {
    *out = script.run;
    return Note("Decide", [&](Heard& h) { h.decision = *in; });
  }

  // Secrets
  grpc::Status Set(ServerContext*, const v1::SetSecretRequest* in,
                   v1::SetSecretResponse* out) override {
    out->mutable_secret()->set_name(in->name());
    out->set_created(heard.secret.name() != in->name());
    return Note("SetSecret", [&](Heard& h) { h.secret = *in; });
  }
  grpc::Status List(ServerContext*, const v1::ListSecretsRequest*,
                    v1::ListSecretsResponse* out) override {
    *out = script.secrets;
    return Called("ListSecrets");
  }
  grpc::Status Remove(ServerContext*, const v1::RemoveSecretRequest* in,
                      v1::RemoveSecretResponse*) override {
    return Called("RemoveSecret " + in->name());
  }

  /// Until the client has gone away.
  void AwaitCancel(const ServerContext& context) {
    std::unique_lock lock(mutex);
    while (!context.IsCancelled()) changed.wait_for(lock, std::chrono::milliseconds(10));
  }

  Script& script;
  int port = 0;
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  std::map<std::string, Error> refusals;
  Heard heard;
  std::unique_ptr<grpc::Server> server;
};

FakeCore::FakeCore() : server_(std::make_unique<Server>(script)) {
  script.status.set_ready(true);
  script.status.set_version("0.1.0");
}
FakeCore::~FakeCore() = default;

std::string FakeCore::endpoint() const { return fmt::format("127.0.0.1:{}", server_->port); }

void FakeCore::Refuse(const std::string& method, Error error) {
  const std::scoped_lock lock(server_->mutex);
  server_->refusals.insert_or_assign(method, std::move(error));
}

void FakeCore::Forgive(const std::string& method) {
  const std::scoped_lock lock(server_->mutex);
  server_->refusals.erase(method);
}

FakeCore::Heard FakeCore::heard() const {
  const std::scoped_lock lock(server_->mutex);
  return server_->heard;
}

bool FakeCore::Await(const std::function<bool(const Heard&)>& holds) const {
  std::unique_lock lock(server_->mutex);
  return server_->changed.wait_for(lock, std::chrono::seconds(10),
                                   [&] { return holds(server_->heard); });
}

}  // namespace mesg::cli
