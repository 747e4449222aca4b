#include "api/grpc/applications_service.h"

#include <future>
#include <utility>

#include "api/grpc/application_changes.h"
#include "api/grpc/application_problems.h"
#include "api/grpc/application_wire.h"
#include "api/grpc/run_wire.h"
#include "api/grpc/unary.h"
#include "app/check/check.h"
#include "app/convert/read_application.h"
#include "app/program/program.h"
#include "mesg/v1/applications.grpc.pb.h"

namespace mesg::api {
namespace {

using Call = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;
using State = engine::Application::State;

/// The services an application uses, and their contracts.
struct Bound {
  std::map<std::string, std::string> services;  ///< Instance names, by alias.
  std::vector<broker::InstancePtr> instances;   ///< Keeps the contracts alive.
  std::map<std::string, ServiceDefinition> given;
  app::Contracts contracts;
  std::vector<Violation> missing;
};

Bound Bind(const broker::Catalog& catalog, const app::ApplicationFile& file,
           const google::protobuf::Map<std::string, std::string>& names,
           const google::protobuf::Map<std::string, std::string>& definitions) {
  Bound bound;
  for (const app::ServiceUse& service : file.services) {
    const auto named = names.find(service.alias);
    const std::string& wanted = named == names.end() ? service.use : named->second;
    const auto found = catalog.Find(wanted);
    if (found) {
      bound.services[service.alias] = (*found)->Name();
      bound.instances.push_back(*found);
      bound.contracts.emplace(service.alias, &(*found)->Definition());
      continue;
    }
    bound.services[service.alias] = wanted;
    const auto given = definitions.find(service.alias);
    if (given != definitions.end()) {
      if (auto definition = ServiceDefinition::Parse(given->second)) {
        const auto kept = bound.given.emplace(service.alias, *std::move(definition)).first;
        bound.contracts.emplace(service.alias, &kept->second);
        continue;
      }
    }
    bound.missing.push_back(
        {service.place.path, found.error().message, service.place.line, service.place.column});
  }
  return bound;
}

std::map<std::string, std::string> ToMap(
    const google::protobuf::Map<std::string, std::string>& from) {
  return {from.begin(), from.end()};
}

Error Invalid(const std::string& file, std::vector<Violation> violations) {
  std::string message;
  for (const Violation& found : violations) {
    message += fmt::format("{}{}:{}:{}: {}: {}", message.empty() ? "" : "\n", file, found.line,
                           found.column, found.path, found.reason);
  }
  return {Code::kInvalidArgument, std::move(message), "INVALID_APPLICATION", std::move(violations)};
}

void AddWarnings(const std::string& file, const std::vector<Violation>& warnings,
                 v1::DeployApplicationResponse& response) {
  for (const Violation& warning : warnings) {
    v1::Diagnostic& into = *response.add_warnings();
    into.set_file(ToUtf8(file));
    into.set_line(warning.line);
    into.set_column(warning.column);
    into.set_path(ToUtf8(warning.path));
    into.set_message(ToUtf8(warning.reason));
  }
}

class ApplicationsService final : public v1::Applications::CallbackService {
 public:
  explicit ApplicationsService(ContextPtr context)
      : context_(std::move(context)), broker_(context_->broker) {}

  Reactor* Validate(Call* call, const v1::ValidateApplicationRequest* request,
                    v1::ValidateApplicationResponse* response) override {
    return FinishLater(*context_, *call, [this, request, response]() -> Result<void> {
      v1::ValidateApplicationRequest whole = *request;
      // What was not given is looked up among the deployed ones.
      const auto read = app::ReadAnyApplication(request->file().content(), request->file().name());
      if (read) {
        const broker::CatalogPtr catalog = broker_.Deployed();
        for (const app::ServiceUse& service : read->file.services) {
          if (whole.definitions().contains(service.alias)) continue;
          const auto found = catalog->Find(service.use);
          if (!found) continue;
          (*whole.mutable_definitions())[service.alias] = (*found)->Definition().Canonical();
        }
      }
      *response = ValidateApplication(whole);
      return {};
    });
  }

  Reactor* Deploy(Call* call, const v1::DeployApplicationRequest* request,
                  v1::DeployApplicationResponse* response) override {
    return FinishLater(*context_, *call,
                       [this, request, response] { return Deploy(*request, *response); });
  }

  Reactor* List(Call* call, const v1::ListApplicationsRequest*,
                v1::ListApplicationsResponse* response) override {
    return FinishLater(*context_, *call, [this, response]() -> Result<void> {
      const std::vector<runtime::ServiceStatus> services = MESG_TRY(Services());
      for (const broker::ApplicationView& view : MESG_TRY(broker_.Applications())) {
        v1::Application& application = *response->add_applications();
        ToWire(view, /*whole=*/false, application);
        problems_.Tell(*broker_.Deployed(), services, view.application->text, application);
      }
      return {};
    });
  }

  Reactor* Get(Call* call, const v1::ApplicationSelection* request,
               v1::Application* response) override {
    return FinishLater(*context_, *call, [this, request, response]() -> Result<void> {
      const broker::ApplicationView view = MESG_TRY(broker_.FindApplication(request->name()));
      ToWire(view, /*whole=*/true, *response);
      problems_.Tell(*broker_.Deployed(), MESG_TRY(Services()), view.application->text, *response);
      return {};
    });
  }

  Reactor* Pause(Call* call, const v1::ApplicationSelection* request,
                 v1::Application* response) override {
    return SetState(*call, request->name(), State::kPaused, *response);
  }
  Reactor* Resume(Call* call, const v1::ApplicationSelection* request,
                  v1::Application* response) override {
    return SetState(*call, request->name(), State::kActive, *response);
  }

  Reactor* Stop(Call* call, const v1::StopApplicationRequest* request,
                v1::Application* response) override {
    return FinishLater(*context_, *call, [this, request, response]() -> Result<void> {
      MESG_TRY(Set(request->name(), State::kStopped));
      if (request->cancel_runs()) MESG_TRY(CancelRuns(request->name()));
      ToWire(MESG_TRY(broker_.FindApplication(request->name())), /*whole=*/false, *response);
      return {};
    });
  }

  Reactor* Delete(Call* call, const v1::DeleteApplicationRequest* request,
                  v1::DeleteApplicationResponse* response) override {
    return FinishLater(*context_, *call, [this, request, response]() -> Result<void> {
      const broker::ApplicationView before = MESG_TRY(broker_.FindApplication(request->name()));
      if (before.open_runs > 0 && !request->force()) {
        return FailedPrecondition(
                   "application \"{}\" has {} runs under way; wait for them, or delete with force "
                   "to cancel them",
                   request->name(), before.open_runs)
            .Because("RUNS_UNDER_WAY");
      }
      MESG_TRY(Wait<engine::ApplicationPtr>([&](auto reply) {
        broker_.DeleteApplication(request->name(), request->force(), std::move(reply));
      }));
      if (request->force()) response->set_cancelled_runs(before.open_runs);
      return {};
    });
  }

 private:
  template <typename T>
  static Result<T> Wait(const std::function<void(broker::Broker::Reply<T>)>& ask) {
    std::promise<Result<T>> promise;
    ask([&promise](Result<T> reply) { promise.set_value(std::move(reply)); });
    return promise.get_future().get();
  }

  Result<void> Deploy(const v1::DeployApplicationRequest& request,
                      v1::DeployApplicationResponse& response) {
    const std::string& name = request.file().name();
    const app::ApplicationFile file =
        MESG_TRY(app::ReadAnyApplication(request.file().content(), name)).file;
    const broker::CatalogPtr catalog = broker_.Deployed();
    const Bound bound = Bind(*catalog, file, request.services(), request.definitions());
    app::Findings findings = app::Check(file, bound.contracts);
    findings.errors.insert(findings.errors.end(), bound.missing.begin(), bound.missing.end());
    if (!findings.errors.empty()) return Invalid(name, std::move(findings.errors));

    engine::Application application;
    application.name = file.name;
    application.file_name = name;
    application.text = request.file().content();
    application.inputs = ToMap(request.inputs());
    application.env = ToMap(request.env());
    application.services = bound.services;
    const app::ProgramSource source{name, application.text, application.inputs, application.env,
                                    application.services};
    MESG_TRY(app::Program::Compile(source));
    application.version = source.Hash();

    const auto current = broker_.FindApplication(file.name);
    if (!current && current.error().code != Code::kNotFound) return current.error();
    const engine::Application* const before = current ? current->application.get() : nullptr;
    for (std::string& change : ChangesOf(before, application)) {
      response.add_changes(std::move(change));
    }
    AddWarnings(name, findings.warnings, response);
    if (request.dry_run()) return {};
    MESG_TRY(Wait<engine::ApplicationPtr>(
        [&](auto reply) { broker_.DeployApplication(std::move(application), std::move(reply)); }));
    ToWire(MESG_TRY(broker_.FindApplication(file.name)), /*whole=*/false,
           *response.mutable_application());
    return {};
  }

  Result<void> Set(const std::string& name, State state) {
    MESG_TRY(broker_.FindApplication(name));  // Its error names the nearest.
    MESG_TRY(Wait<engine::ApplicationPtr>(
        [&](auto reply) { broker_.SetApplicationState(name, state, std::move(reply)); }));
    return {};
  }

  Reactor* SetState(Call& call, const std::string& name, State state, v1::Application& response) {
    return FinishLater(*context_, call, [this, name, state, &response]() -> Result<void> {
      MESG_TRY(Set(name, state));
      ToWire(MESG_TRY(broker_.FindApplication(name)), /*whole=*/false, response);
      return {};
    });
  }

  // Those that were under way when it was asked; nothing starts new ones.
  Result<void> CancelRuns(const std::string& name) {
    broker::RunQuery query;
    query.application = name;
    query.states = {engine::RunState::kQueued, engine::RunState::kRunning};
    do {
      const broker::RunPage page = MESG_TRY(broker_.ListRuns(query));
      for (const broker::RunView& view : page.runs) {
        const auto cancelled = Wait<engine::RunPtr>([&](auto reply) {
          broker_.CancelRun(view.run->id, "its application was stopped", std::move(reply));
        });
        if (!cancelled && cancelled.error().code != Code::kFailedPrecondition) {
          return cancelled.error();
        }
      }
      query.token = page.next_token;
    } while (!query.token.empty());
    return {};
  }

  Result<std::vector<runtime::ServiceStatus>> Services() {
    if (context_->core.services == nullptr) return std::vector<runtime::ServiceStatus>();
    return Wait<std::vector<runtime::ServiceStatus>>(
        [&](auto reply) { context_->core.services->List(std::move(reply)); });
  }

  const ContextPtr context_;
  broker::Broker& broker_;
  ApplicationProblems problems_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeApplicationsService(ContextPtr context) {
  return std::make_unique<ApplicationsService>(std::move(context));
}

}  // namespace mesg::api
