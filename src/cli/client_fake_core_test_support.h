#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

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

/// A Core in this process, for tests: speaks the native API on a free port of the loopback
/// interface, keeps services in memory and remembers what it was asked. What it says is set before
/// it is asked; what it heard is read after the call has returned.
class FakeCore {
 public:
  FakeCore();
  ~FakeCore();

  std::string endpoint() const;

  /// The next calls of a method ("Status", "Deploy") are refused with this, until forgiven.
  void Refuse(const std::string& method, Error error);
  void Forgive(const std::string& method);

  struct Script {
    v1::StatusResponse status;
    std::map<std::string, v1::Service> services;  ///< By name.
    v1::ListAvailableServicesResponse available;
    std::vector<v1::ServiceLogsResponse::Line> log;
    /// One listener after the other gets one of these; a listener beyond them waits for ever.
    struct Listening {
      std::vector<v1::ListenResponse> responses;
      bool breaks = false;  ///< Ends as a lost connection does.
    };
    std::vector<Listening> listenings;
    v1::Execution execution;  ///< What Get, Wait, Cancel and Resolve answer.
    v1::ListEventsResponse events;
    v1::ListExecutionsResponse executions;
    v1::ListDeadLettersResponse dead_letters;
    v1::ListSubscriptionsResponse subscriptions;
    v1::ListSecretsResponse secrets;
    /// What each deployment answers, one after the other; then the first of `services`.
    std::vector<v1::Service> deployed;
    v1::ValidateApplicationResponse validation;  ///< Of applications.
    /// What a deployment answers; from then on its application is found.
    v1::DeployApplicationResponse application;
    std::map<std::string, v1::Application> applications;  ///< By name.
    v1::Run run;  ///< What Start, Get, Cancel and Decide answer.
    v1::ListRunsResponse runs;
    /// What one watcher after the other hears. A watcher of a run then comes to an end, one of an
    /// application or beyond these hears nothing more.
    std::vector<std::vector<v1::Run>> watched;
    std::vector<v1::RunsProgress> progress;  ///< Of Retry and Reset.
  };
  Script script;

  struct Heard {
    std::vector<std::string> calls;  ///< Methods, in order.
    std::vector<v1::DeployRequest::Open> deployments;
    std::string archive;  ///< The chunks of the last deployment.
    std::vector<v1::DeleteServiceRequest> deletions;
    std::vector<v1::EmitRequest> emits;
    std::vector<std::string> authorizations;  ///< Of each emit.
    std::vector<v1::ListenRequest::Open> listens;
    std::vector<std::string> acknowledged;
    std::vector<v1::CreateExecutionRequest> executions;
    v1::ListEventsRequest list_events;
    v1::ListExecutionsRequest list_executions;
    v1::DeadLetterSelection selection;
    v1::ResolveDeadLetterRequest resolution;
    v1::CreateSubscriptionRequest subscription;
    v1::SetSecretRequest secret;
    v1::ValidateApplicationRequest validation;
    std::vector<v1::DeployApplicationRequest> applications;
    v1::StopApplicationRequest stop;
    v1::DeleteApplicationRequest deletion;
    v1::StartRunRequest start_run;
    v1::ListRunsRequest list_runs;
    std::vector<v1::WatchRunsRequest> watches;
    v1::CancelRunRequest cancel_run;
    v1::ResetRunsRequest reset;  ///< Its selection that of Retry too.
    v1::DecideRequest decision;
    bool shutdown = false;
  };
  /// A copy of what it heard so far. Any thread.
  Heard heard() const;
  /// Waits until `holds`; false when it does not within ten seconds.
  bool Await(const std::function<bool(const Heard&)>& holds) const;

 private:
  struct Server;
  std::unique_ptr<Server> server_;
};

}  // namespace mesg::cli
