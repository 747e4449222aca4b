#include "cli/application_deployment.h"

#include <optional>

#include "cli/deployment.h"
#include "cli/installation.h"
#include "cli/show.h"

namespace mesg::cli {
namespace {

using v1::ApplicationOutline;
using v1::Service;

std::string OwnName(const CheckedApplication& application, const ApplicationOutline::Use& use) {
  return application.outline().name() + "-" + use.alias();
}

/// One that is deployed; nothing when none of that name is.
Result<std::optional<Service>> Known(const ApplicationOutline::Use& use, Context& context) {
  Result<Service> service = context.client().GetService(use.use());
  if (service) return std::optional(*std::move(service));
  if (service.error().code == Code::kNotFound) return std::optional<Service>();
  return std::move(service).error();
}

Error Unknown(const ApplicationOutline::Use& use, const Error& why) {
  return NotFound(
      "service \"{}\", which the application calls {}, is not deployed, and {}: deploy it with "
      "`mesg service deploy SOURCE --start`, or let the file say where it is (use: ./{})",
      use.use(), use.alias(), why.message, use.use());
}

Result<Service> DeployOne(const CheckedApplication& application, const ApplicationValues& values,
                          const ApplicationOutline::Use& use, Context& context) {
  v1::DeployRequest::Open open;
  std::string from = use.use();
  switch (KindOf(use.use())) {
    case UseKind::kName: {
      const std::optional<Service> known = MESG_TRY(Known(use, context));
      if (known) {
        open.set_service(known->instance_hash());
      } else {
        open.set_available(use.use());
      }
      break;
    }
    case UseKind::kPath:
      from = application.PathOf(use).string();
      break;
    case UseKind::kUrl:
      break;
  }
  if (!use.env().empty()) {
    open.set_name(OwnName(application, use));
    *open.mutable_templates() = use.env();
    open.mutable_template_inputs()->insert(values.inputs.begin(), values.inputs.end());
    open.mutable_template_env()->insert(values.env.begin(), values.env.end());
  }
  Result<Service> service = Deploy(context, from, open);
  if (!service && open.has_available() && service.error().code == Code::kNotFound) {
    return Unknown(use, service.error());
  }
  if (!service) {
    return Annotate(std::move(service).error(), fmt::format("service {}", use.alias()));
  }
  MESG_TRY(CheckRuns(*service));
  return service;
}

void TellIdle(const ApplicationOutline::Use& use, const Service& service, Context& context) {
  if (service.state() != Service::STOPPED || service.workers() > 0) return;
  context.Tell(
      service.managed()
          ? fmt::format("{} does not run: `mesg service start {}`.", use.alias(), service.name())
          : fmt::format("{} waits for its process: run it with what `mesg service env {}` "
                        "prints.",
                        use.alias(), service.name()));
}

void WarnOfSecrets(const ApplicationOutline& outline, Context& context) {
  if (outline.secrets().empty()) return;
  const auto list = context.client().ListSecrets();
  if (!list) return;  // Whatever it is, deploying will say it.
  std::set<std::string> known;
  for (const v1::Secret& secret : list->secrets()) known.insert(secret.name());
  Terminal& terminal = context.terminal();
  for (const std::string& name : outline.secrets()) {
    if (known.contains(name)) continue;
    context.Tell(fmt::format("{} there is no secret {} yet: `mesg secret set {}`",
                             terminal.ForError(Style::kYellow, "warning:"), name, name));
  }
}

}  // namespace

Result<WantedApplication> ReadWanted(const Arguments& arguments, Context& context) {
  WantedApplication wanted;
  wanted.application = MESG_TRY(CheckApplication(arguments.Get("FILE", "app.yml"), context));
  const bool sound = wanted.application.found.errors().empty();
  if (!sound && context.json()) context.Print(wanted.application.found);
  if (!sound && !context.json()) PrintFindings(wanted.application, context);
  MESG_TRY(Sound(wanted.application));
  TellNotes(wanted.application, context);
  wanted.values = MESG_TRY(ValuesFrom(arguments, wanted.application, context));
  WarnOfSecrets(wanted.application.outline(), context);
  return wanted;
}

Result<void> DeployServices(const CheckedApplication& application, const ApplicationValues& values,
                            Context& context, ApplicationServices& services) {
  const v1::ListServicesResponse before = MESG_TRY(context.client().ListServices());
  std::set<std::string> known;
  for (const Service& service : before.services()) known.insert(service.name());
  for (const ApplicationOutline::Use& use : application.outline().services()) {
    const bool by_name = KindOf(use.use()) == UseKind::kName && use.env().empty();
    std::optional<Service> as_it_is;
    if (by_name) as_it_is = MESG_TRY(Known(use, context));
    const Service service =
        as_it_is ? *as_it_is : MESG_TRY(DeployOne(application, values, use, context));
    services.names[use.alias()] = service.name();
    if (!known.contains(service.name())) services.made.insert(service.name());
    if (!as_it_is && service.managed() && service.state() == Service::STOPPED) {
      services.to_start.insert(service.name());
    } else {
      TellIdle(use, service, context);
    }
  }
  return {};
}

Result<ApplicationServices> PlanServices(const CheckedApplication& application, Context& context) {
  ApplicationServices services;
  for (const ApplicationOutline::Use& use : application.outline().services()) {
    if (!use.env().empty()) {
      services.names[use.alias()] = OwnName(application, use);
      continue;
    }
    switch (KindOf(use.use())) {
      case UseKind::kName: {
        const std::optional<Service> known = MESG_TRY(Known(use, context));
        if (!known && !FindAvailable(context.executable(), use.use())) {
          return Unknown(use, NotFound("none that comes with MESG is called so"));
        }
        services.names[use.alias()] = known ? known->name() : use.use();
        break;
      }
      case UseKind::kPath: {
        // Of an archive only deploying tells the sid.
        const auto definition = DefinitionIn(application.PathOf(use).string(), context);
        if (definition) services.names[use.alias()] = definition->sid();
        break;
      }
      case UseKind::kUrl:
        break;
    }
  }
  return services;
}

Result<v1::DeployApplicationResponse> DeployApplication(const CheckedApplication& application,
                                                        const ApplicationValues& values,
                                                        const ApplicationServices& services,
                                                        bool dry_run, Context& context) {
  v1::DeployApplicationRequest request;
  *request.mutable_file() = application.request.file();
  request.mutable_inputs()->insert(values.inputs.begin(), values.inputs.end());
  request.mutable_env()->insert(values.env.begin(), values.env.end());
  request.mutable_services()->insert(services.names.begin(), services.names.end());
  request.set_dry_run(dry_run);
  if (dry_run) *request.mutable_definitions() = application.request.definitions();
  return context.client().DeployApplication(request);
}

Result<void> StartServices(const ApplicationServices& services, Context& context) {
  for (const std::string& name : services.to_start) {
    const Progress progress(context.terminal(), "Starting " + name);
    const auto service = context.client().StartService(name);
    Result<void> runs = service ? CheckRuns(*service) : service.error();
    if (!runs) {
      return Annotate(std::move(runs).error(),
                      "the application is deployed, but not all of it runs");
    }
  }
  return {};
}

void PrintDeployment(const v1::DeployApplicationResponse& response, Context& context) {
  Terminal& terminal = context.terminal();
  for (const v1::Diagnostic& warning : response.warnings()) {
    terminal.Say(
        fmt::format("{} {}", terminal.ForError(Style::kYellow, "warning:"), warning.message()));
  }
  for (const std::string& change : response.changes()) context.Tell("  " + change);
}

}  // namespace mesg::cli
