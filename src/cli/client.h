#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "mesg/v1/admin.pb.h"
#include "mesg/v1/applications.pb.h"
#include "mesg/v1/events.pb.h"
#include "mesg/v1/executions.pb.h"
#include "mesg/v1/runs.pb.h"
#include "mesg/v1/secrets.pb.h"
#include "mesg/v1/services.pb.h"

namespace mesg::cli {

namespace v1 = ::mesg::v1;

/// The calls the command line makes to Core; gRPC stops here.
///
/// Errors: Core's own, with reason and violations; Unavailable and the reason CORE_NOT_RUNNING when
/// nobody answers at the address. Calls that answer at once are given 30 seconds. Calls that take a
/// stop token last until they are done, and return Cancelled soon after a stop is requested.
///
/// Threads: any; one connection is shared by all calls.
class Client {
 public:
  /// Does not connect yet: the first call does. `endpoint` is HOST:PORT.
  explicit Client(std::string endpoint);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const std::string& endpoint() const { return endpoint_; }

  Result<v1::StatusResponse> Status();
  Result<void> Shutdown();

  /// Sends `open`, then what `next_chunk` gives until it is empty.
  Result<v1::Service> Deploy(
      const v1::DeployRequest::Open& open, const std::function<Result<std::string>()>& next_chunk,
      const std::function<void(const v1::DeployResponse::Progress&)>& on_progress,
      std::stop_token stop);
  Result<v1::ListServicesResponse> ListServices();
  Result<v1::ListAvailableServicesResponse> ListAvailableServices();
  Result<v1::Service> GetService(const std::string& service);
  Result<v1::Service> StartService(const std::string& service);
  Result<v1::Service> StopService(const std::string& service);
  Result<void> DeleteService(const v1::DeleteServiceRequest& request);
  Result<v1::GetEnvironmentResponse> GetEnvironment(const std::string& service);
  /// Until the logs end (or, following, until the stop) or `on_line` returns false.
  Result<void> Logs(const v1::ServiceLogsRequest& request,
                    const std::function<bool(const v1::ServiceLogsResponse::Line&)>& on_line,
                    std::stop_token stop);

  /// `token` proves which instance the events come from.
  Result<v1::EmitResponse> Emit(const v1::EmitRequest& request, const std::string& token);
  Result<v1::ListEventsResponse> ListEvents(const v1::ListEventsRequest& request);
  /// Until `on_response` returns nothing to go on with. What it returns in `acknowledge` is sent
  /// back.
  struct Heard {
    bool go_on = true;
    std::string acknowledge;
  };
  Result<void> Listen(const v1::ListenRequest::Open& open,
                      const std::function<Heard(const v1::ListenResponse&)>& on_response,
                      std::stop_token stop);
  Result<v1::Subscription> CreateSubscription(const v1::CreateSubscriptionRequest& request);
  Result<v1::ListSubscriptionsResponse> ListSubscriptions();
  Result<void> DeleteSubscription(const std::string& name);

  Result<v1::CreateExecutionResponse> CreateExecution(const v1::CreateExecutionRequest& request);
  Result<v1::Execution> WaitExecution(const std::string& id, std::stop_token stop);
  Result<v1::Execution> GetExecution(const std::string& id);
  Result<v1::ListExecutionsResponse> ListExecutions(const v1::ListExecutionsRequest& request);
  Result<v1::Execution> CancelExecution(const v1::CancelExecutionRequest& request);

  Result<v1::ListDeadLettersResponse> ListDeadLetters(const v1::ListDeadLettersRequest& request);
  Result<v1::RetryDeadLettersResponse> RetryDeadLetters(const v1::DeadLetterSelection& selection);
  Result<v1::DropDeadLettersResponse> DropDeadLetters(const v1::DeadLetterSelection& selection);
  Result<v1::Execution> ResolveDeadLetter(const v1::ResolveDeadLetterRequest& request);

  Result<v1::ValidateApplicationResponse> ValidateApplication(
      const v1::ValidateApplicationRequest& request);
  Result<v1::DeployApplicationResponse> DeployApplication(
      const v1::DeployApplicationRequest& request);
  Result<v1::ListApplicationsResponse> ListApplications();
  Result<v1::Application> GetApplication(const std::string& name);
  Result<v1::Application> PauseApplication(const std::string& name);
  Result<v1::Application> ResumeApplication(const std::string& name);
  Result<v1::Application> StopApplication(const v1::StopApplicationRequest& request);
  Result<v1::DeleteApplicationResponse> DeleteApplication(
      const v1::DeleteApplicationRequest& request);

  Result<v1::Run> StartRun(const v1::StartRunRequest& request);
  Result<v1::Run> GetRun(const v1::GetRunRequest& request);
  Result<v1::ListRunsResponse> ListRuns(const v1::ListRunsRequest& request);
  /// Until Core has no more to say or `on_run` returns false.
  Result<void> WatchRuns(const v1::WatchRunsRequest& request,
                         const std::function<bool(const v1::Run&)>& on_run, std::stop_token stop);
  Result<v1::Run> CancelRun(const v1::CancelRunRequest& request);
  using OnRunsProgress = std::function<void(const v1::RunsProgress&)>;
  Result<void> RetryRuns(const v1::RunSelection& selection, const OnRunsProgress& on_progress,
                         std::stop_token stop);
  Result<void> ResetRuns(const v1::ResetRunsRequest& request, const OnRunsProgress& on_progress,
                         std::stop_token stop);
  Result<v1::Run> Decide(const v1::DecideRequest& request);

  Result<v1::SetSecretResponse> SetSecret(const v1::SetSecretRequest& request);
  Result<v1::ListSecretsResponse> ListSecrets();
  Result<void> RemoveSecret(const std::string& name);

 private:
  struct Connection;
  const std::string endpoint_;
  const std::unique_ptr<Connection> connection_;
};

/// The reason of the error of a call that reached nobody.
inline constexpr char kCoreNotRunning[] = "CORE_NOT_RUNNING";

}  // namespace mesg::cli
