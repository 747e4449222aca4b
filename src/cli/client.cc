#include "cli/client.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

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

constexpr std::chrono::seconds kDeadline{30};

/// How long a listener that leaves waits for its last acknowledgement to become durable.
constexpr std::chrono::seconds kPatience{5};

std::shared_ptr<grpc::Channel> Connect(const std::string& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // Core is never behind the web proxy.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
}

void ReadDetails(const std::string& bytes, Error& error) {
  google::rpc::Status status;
  if (!status.ParseFromString(bytes)) return;
  for (const google::protobuf::Any& detail : status.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    if (detail.UnpackTo(&info)) {
      error.reason = info.reason();
    } else if (detail.UnpackTo(&bad)) {
      for (const auto& violation : bad.field_violations()) {
        error.violations.push_back({violation.field(), violation.description()});
      }
    }
  }
}

/// The stubs and what every call shares.
struct Channels {
  explicit Channels(const std::string& to)
      : endpoint(to),
        channel(Connect(to)),
        admin(v1::Admin::NewStub(channel)),
        services(v1::Services::NewStub(channel)),
        events(v1::Events::NewStub(channel)),
        executions(v1::Executions::NewStub(channel)),
        dead_letters(v1::DeadLetters::NewStub(channel)),
        applications(v1::Applications::NewStub(channel)),
        runs(v1::Runs::NewStub(channel)),
        secrets(v1::Secrets::NewStub(channel)) {}

  Error ToError(const grpc::Status& status) const {
    Error error{static_cast<Code>(status.error_code()), status.error_message()};
    ReadDetails(status.error_details(), error);
    const bool nobody = status.error_code() == grpc::StatusCode::UNAVAILABLE &&
                        status.error_details().empty() &&
                        channel->GetState(false) != GRPC_CHANNEL_READY;
    if (nobody) {
      return Unavailable("Core is not running at {}: start it with `mesg start`", endpoint)
          .Because(kCoreNotRunning);
    }
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && error.reason.empty()) {
      return DeadlineExceeded("Core at {} did not answer in time: see `mesg doctor`", endpoint);
    }
    // What a server of gRPC says by itself about a call it does not have.
    if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED && error.reason.empty()) {
      error.message = fmt::format(
          "Core at {} does not know this command: it is another version than this mesg ({}); "
          "`mesg status` says which",
          endpoint, MESG_VERSION);
    }
    return error;
  }

  /// One call that answers at once.
  template <typename Response, typename Stub, typename Request>
  Result<Response> Call(Stub& stub,
                        grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                     Response*),
                        const Request& request, const std::string& token = "") const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kDeadline);
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
    Response response;
    const grpc::Status status = (stub.*method)(&context, request, &response);
    if (!status.ok()) return ToError(status);
    return response;
  }

  const std::string endpoint;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<v1::Admin::Stub> admin;
  const std::unique_ptr<v1::Services::Stub> services;
  const std::unique_ptr<v1::Events::Stub> events;
  const std::unique_ptr<v1::Executions::Stub> executions;
  const std::unique_ptr<v1::DeadLetters::Stub> dead_letters;
  const std::unique_ptr<v1::Applications::Stub> applications;
  const std::unique_ptr<v1::Runs::Stub> runs;
  const std::unique_ptr<v1::Secrets::Stub> secrets;
};

/// Drops what a successful call answered.
template <typename T>
Result<void> Ignore(const Result<T>& result) {
  if (!result) return result.error();
  return {};
}

/// A callback that takes whatever comes.
std::function<bool(const v1::RunsProgress&)> GoOn(const Client::OnRunsProgress& on_progress) {
  return [&on_progress](const v1::RunsProgress& progress) {
    on_progress(progress);
    return true;
  };
}

/// Cancels a call when a stop is requested.
class CancelOnStop {
 public:
  CancelOnStop(grpc::ClientContext& context, std::stop_token stop)
      : callback_(std::move(stop), Cancel{&context}) {}

 private:
  struct Cancel {
    grpc::ClientContext* context;
    void operator()() const { context->TryCancel(); }
  };
  std::stop_callback<Cancel> callback_;
};

/// Cancels a call that is still under way after `patience`.
class CancelAfter {
 public:
  CancelAfter(grpc::ClientContext& context, std::chrono::milliseconds patience)
      : thread_([this, &context, patience](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          over_.wait_for(lock, stop, patience, [] { return false; });
          if (!stop.stop_requested()) context.TryCancel();
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any over_;
  std::jthread thread_;
};

}  // namespace

struct Client::Connection : Channels {
  using Channels::Channels;

  /// One call that answers until it has no more to say, the stop comes or `on_response` returns
  /// false.
  template <typename Response, typename Stub, typename Request>
  Result<void> Stream(Stub& stub,
                      std::unique_ptr<grpc::ClientReader<Response>> (Stub::*method)(
                          grpc::ClientContext*, const Request&),
                      const Request& request,
                      const std::function<bool(const Response&)>& on_response,
                      std::stop_token stop) const {
    grpc::ClientContext context;
    const CancelOnStop cancel(context, std::move(stop));
    const auto stream = (stub.*method)(&context, request);
    Response response;
    while (stream->Read(&response)) {
      if (on_response(response)) continue;
      context.TryCancel();
      static_cast<void>(stream->Finish());
      return {};
    }
    const grpc::Status status = stream->Finish();
    if (!status.ok()) return ToError(status);
    return {};
  }
};

Client::Client(std::string endpoint)
    : endpoint_(std::move(endpoint)), connection_(std::make_unique<Connection>(endpoint_)) {}
Client::~Client() = default;

Result<v1::StatusResponse> Client::Status() {
  return connection_->Call(*connection_->admin, &v1::Admin::Stub::Status,
                           google::protobuf::Empty());
}

Result<void> Client::Shutdown() {
  return Ignore(connection_->Call(*connection_->admin, &v1::Admin::Stub::Shutdown,
                                  google::protobuf::Empty()));
}

Result<v1::Service> Client::Deploy(
    const v1::DeployRequest::Open& open, const std::function<Result<std::string>()>& next_chunk,
    const std::function<void(const v1::DeployResponse::Progress&)>& on_progress,
    std::stop_token stop) {
  grpc::ClientContext context;
  const CancelOnStop cancel(context, std::move(stop));
  const auto stream = connection_->services->Deploy(&context);
  v1::DeployRequest request;
  *request.mutable_open() = open;
  bool sending = stream->Write(request);
  while (sending) {
    Result<std::string> chunk = next_chunk();
    if (!chunk) {
      context.TryCancel();
      static_cast<void>(stream->Finish());
      return std::move(chunk).error();
    }
    if (chunk->empty()) break;
    request.set_chunk(*std::move(chunk));
    sending = stream->Write(request);  // False: Core refused it; its status says why.
  }
  stream->WritesDone();
  std::optional<v1::Service> deployed;
  v1::DeployResponse response;
  while (stream->Read(&response)) {
    if (response.has_progress()) on_progress(response.progress());
    if (response.has_deployed()) deployed = std::move(*response.mutable_deployed());
  }
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return connection_->ToError(status);
  if (!deployed) return Internal("Core ended the deployment without an answer: see `mesg logs`");
  return *std::move(deployed);
}

Result<v1::ListServicesResponse> Client::ListServices() {
  return connection_->Call(*connection_->services, &v1::Services::Stub::List,
                           v1::ListServicesRequest());
}

Result<v1::ListAvailableServicesResponse> Client::ListAvailableServices() {
  return connection_->Call(*connection_->services, &v1::Services::Stub::ListAvailable,
                           v1::ListAvailableServicesRequest());
}

Result<v1::Service> Client::GetService(const std::string& service) {
  v1::GetServiceRequest request;
  request.set_service(service);
  return connection_->Call(*connection_->services, &v1::Services::Stub::Get, request);
}

Result<v1::Service> Client::StartService(const std::string& service) {
  v1::StartServiceRequest request;
  request.set_service(service);
  return connection_->Call(*connection_->services, &v1::Services::Stub::Start, request);
}

Result<v1::Service> Client::StopService(const std::string& service) {
  v1::StopServiceRequest request;
  request.set_service(service);
  return connection_->Call(*connection_->services, &v1::Services::Stub::Stop, request);
}

Result<void> Client::DeleteService(const v1::DeleteServiceRequest& request) {
  return Ignore(connection_->Call(*connection_->services, &v1::Services::Stub::Delete, request));
}

Result<v1::GetEnvironmentResponse> Client::GetEnvironment(const std::string& service) {
  v1::GetEnvironmentRequest request;
  request.set_service(service);
  return connection_->Call(*connection_->services, &v1::Services::Stub::GetEnvironment, request);
}

Result<void> Client::Logs(const v1::ServiceLogsRequest& request,
                          const std::function<bool(const v1::ServiceLogsResponse::Line&)>& on_line,
                          std::stop_token stop) {
  const std::function<bool(const v1::ServiceLogsResponse&)> on_response =
      [&](const v1::ServiceLogsResponse& response) {
        return std::ranges::all_of(response.lines(), on_line);
      };
  return connection_->Stream(*connection_->services, &v1::Services::Stub::Logs, request,
                             on_response, std::move(stop));
}

Result<v1::EmitResponse> Client::Emit(const v1::EmitRequest& request, const std::string& token) {
  return connection_->Call(*connection_->events, &v1::Events::Stub::Emit, request, token);
}

Result<v1::ListEventsResponse> Client::ListEvents(const v1::ListEventsRequest& request) {
  return connection_->Call(*connection_->events, &v1::Events::Stub::List, request);
}

Result<void> Client::Listen(const v1::ListenRequest::Open& open,
                            const std::function<Heard(const v1::ListenResponse&)>& on_response,
                            std::stop_token stop) {
  grpc::ClientContext context;
  const CancelOnStop cancel(context, std::move(stop));
  const auto stream = connection_->events->Listen(&context);
  v1::ListenRequest request;
  *request.mutable_open() = open;
  stream->Write(request);
  v1::ListenResponse response;
  while (stream->Read(&response)) {
    const Heard heard = on_response(response);
    if (!heard.acknowledge.empty()) {
      request.set_acknowledge(heard.acknowledge);
      stream->Write(request);
    }
    if (heard.go_on) continue;
    if (!heard.acknowledge.empty()) {
      // Leaving at once could lose the acknowledgement: wait until it is durable, but not for ever.
      const CancelAfter patience(context, kPatience);
      while (response.acknowledged() != heard.acknowledge && stream->Read(&response)) {
      }
    }
    context.TryCancel();
    static_cast<void>(stream->Finish());
    return {};
  }
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return connection_->ToError(status);
  return {};
}

Result<v1::Subscription> Client::CreateSubscription(const v1::CreateSubscriptionRequest& request) {
  return connection_->Call(*connection_->events, &v1::Events::Stub::CreateSubscription, request);
}

Result<v1::ListSubscriptionsResponse> Client::ListSubscriptions() {
  return connection_->Call(*connection_->events, &v1::Events::Stub::ListSubscriptions,
                           v1::ListSubscriptionsRequest());
}

Result<void> Client::DeleteSubscription(const std::string& name) {
  v1::DeleteSubscriptionRequest request;
  request.set_name(name);
  return Ignore(
      connection_->Call(*connection_->events, &v1::Events::Stub::DeleteSubscription, request));
}

Result<v1::CreateExecutionResponse> Client::CreateExecution(
    const v1::CreateExecutionRequest& request) {
  return connection_->Call(*connection_->executions, &v1::Executions::Stub::Create, request);
}

Result<v1::Execution> Client::WaitExecution(const std::string& id, std::stop_token stop) {
  grpc::ClientContext context;
  const CancelOnStop cancel(context, std::move(stop));
  v1::GetExecutionRequest request;
  request.set_id(id);
  v1::Execution execution;
  const grpc::Status status = connection_->executions->Wait(&context, request, &execution);
  if (!status.ok()) return connection_->ToError(status);
  return execution;
}

Result<v1::Execution> Client::GetExecution(const std::string& id) {
  v1::GetExecutionRequest request;
  request.set_id(id);
  return connection_->Call(*connection_->executions, &v1::Executions::Stub::Get, request);
}

Result<v1::ListExecutionsResponse> Client::ListExecutions(
    const v1::ListExecutionsRequest& request) {
  return connection_->Call(*connection_->executions, &v1::Executions::Stub::List, request);
}

Result<v1::Execution> Client::CancelExecution(const v1::CancelExecutionRequest& request) {
  return connection_->Call(*connection_->executions, &v1::Executions::Stub::Cancel, request);
}

Result<v1::ListDeadLettersResponse> Client::ListDeadLetters(
    const v1::ListDeadLettersRequest& request) {
  return connection_->Call(*connection_->dead_letters, &v1::DeadLetters::Stub::List, request);
}

Result<v1::RetryDeadLettersResponse> Client::RetryDeadLetters(
    const v1::DeadLetterSelection& selection) {
  return connection_->Call(*connection_->dead_letters, &v1::DeadLetters::Stub::Retry, selection);
}

Result<v1::DropDeadLettersResponse> Client::DropDeadLetters(
    const v1::DeadLetterSelection& selection) {
  return connection_->Call(*connection_->dead_letters, &v1::DeadLetters::Stub::Drop, selection);
}

Result<v1::Execution> Client::ResolveDeadLetter(const v1::ResolveDeadLetterRequest& request) {
  return connection_->Call(*connection_->dead_letters, &v1::DeadLetters::Stub::Resolve, request);
}

Result<v1::ValidateApplicationResponse> Client::ValidateApplication(
    const v1::ValidateApplicationRequest& request) {
  return connection_->Call(*connection_->applications, &v1::Applications::Stub::Validate, request);
}

Result<v1::DeployApplicationResponse> Client::DeployApplication(
    const v1::DeployApplicationRequest& request) {
  return connection_->Call(*connection_->applications, &v1::Applications::Stub::Deploy, request);
}

Result<v1::ListApplicationsResponse> Client::ListApplications() {
  return connection_->Call(*connection_->applications, &v1::Applications::Stub::List,
                           v1::ListApplicationsRequest());
}

Result<v1::Application> Client::GetApplication(const std::string& name) {
  v1::ApplicationSelection request;
  request.set_name(name);
  return connection_->Call(*connection_->applications, &v1::Applications::Stub::Get, request);
}

Result<v1::Application> Client::PauseApplication(const std::string& name) {
  v1::ApplicationSelection request;
  request.set_name(name);
  return connection_->Call(*connection_->applications, &v1::Applications::Stub::Pause, request);
}

Result<v1::Application> Client::ResumeApplication(const std::string& name) {
  v1::ApplicationSelection request;
  request.set_name(name);
  return connection_->Call(*connection_->applications, &v1::Applications::Stub::Resume, request);
}

Result<v1::Application> Client::StopApplication(const v1::StopApplicationRequest& request) {
  return connection_->Call(*connection_->applications, &v1::Applications::Stub::Stop, request);
}

Result<v1::DeleteApplicationResponse> Client::DeleteApplication(
    const v1::DeleteApplicationRequest& request) {
  return connection_->Call(*connection_->applications, &v1::Applications::Stub::Delete, request);
}

Result<v1::Run> Client::StartRun(const v1::StartRunRequest& request) {
  return connection_->Call(*connection_->runs, &v1::Runs::Stub::Start, request);
}

Result<v1::Run> Client::GetRun(const v1::GetRunRequest& request) {
  return connection_->Call(*connection_->runs, &v1::Runs::Stub::Get, request);
}

Result<v1::ListRunsResponse> Client::ListRuns(const v1::ListRunsRequest& request) {
  return connection_->Call(*connection_->runs, &v1::Runs::Stub::List, request);
}

Result<v1::Run> Client::CancelRun(const v1::CancelRunRequest& request) {
  return connection_->Call(*connection_->runs, &v1::Runs::Stub::Cancel, request);
}

Result<v1::Run> Client::Decide(const v1::DecideRequest& request) {
  return connection_->Call(*connection_->runs, &v1::Runs::Stub::Decide, request);
}

Result<void> Client::WatchRuns(const v1::WatchRunsRequest& request,
                               const std::function<bool(const v1::Run&)>& on_run,
                               std::stop_token stop) {
  return connection_->Stream(*connection_->runs, &v1::Runs::Stub::Watch, request, on_run,
                             std::move(stop));
}

Result<void> Client::RetryRuns(const v1::RunSelection& selection, const OnRunsProgress& on_progress,
                               std::stop_token stop) {
  return connection_->Stream(*connection_->runs, &v1::Runs::Stub::Retry, selection,
                             GoOn(on_progress), std::move(stop));
}

Result<void> Client::ResetRuns(const v1::ResetRunsRequest& request,
                               const OnRunsProgress& on_progress, std::stop_token stop) {
  return connection_->Stream(*connection_->runs, &v1::Runs::Stub::Reset, request, GoOn(on_progress),
                             std::move(stop));
}

Result<v1::SetSecretResponse> Client::SetSecret(const v1::SetSecretRequest& request) {
  return connection_->Call(*connection_->secrets, &v1::Secrets::Stub::Set, request);
}

Result<v1::ListSecretsResponse> Client::ListSecrets() {
  return connection_->Call(*connection_->secrets, &v1::Secrets::Stub::List,
                           v1::ListSecretsRequest());
}

Result<void> Client::RemoveSecret(const std::string& name) {
  v1::RemoveSecretRequest request;
  request.set_name(name);
  return Ignore(connection_->Call(*connection_->secrets, &v1::Secrets::Stub::Remove, request));
}

}  // namespace mesg::cli
