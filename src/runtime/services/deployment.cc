#include "runtime/services/deployment.h"

#include <future>
#include <memory>
#include <utility>

#include "model/service_definition.h"
#include "runtime/services/answer.h"
#include "runtime/services/env_templates.h"
#include "runtime/services/identity.h"

namespace mesg::runtime {

void Deployment::Tell(std::string step, std::string message, bool done) const {
  if (progress_) progress_({std::move(step), std::move(message), done});
}

Result<broker::InstancePtr> Deployment::Run(DeployRequest request) {
  const Material material = MESG_TRY(Obtain(request));
  engine::Instance instance = MESG_TRY(Describe(request, material));
  Tell("validate", fmt::format("{} {}", instance.sid, instance.source->service_hash), true);

  // From here on one deployment of a name at a time: the last that was found valid stays.
  const NameLocks::Held turn = MESG_TRY(rooms_.names.Hold(instance.source->name, stop_));
  MESG_TRY(Install(instance, material.files));
  if (stop_.stop_requested()) {
    return Cancelled("the deployment of \"{}\" was stopped", instance.source->name);
  }
  Tell("register", fmt::format("instance {}", instance.source->instance_hash));
  auto registered = Register(std::move(instance));
  if (registered) Tell("register", fmt::format("as \"{}\"", (*registered)->Name()), true);
  return registered;
}

Result<Deployment::Material> Deployment::Obtain(DeployRequest& request) const {
  Tell("fetch", "bringing in the files");
  broker::InstancePtr known;
  if (const auto* deployed = std::get_if<DeployRequest::Deployed>(&request.from)) {
    known = MESG_TRY(rooms_.broker.Deployed()->Find(deployed->service));
  }
  if (known != nullptr && known->Record().content_hash.empty()) {
    // Nothing was kept of it but its contract, and that is all there is of another one.
    Tell("fetch", "the contract alone", true);
    return Material{known->Definition(), {}, known->Record().origin};
  }
  std::string origin = known == nullptr ? "" : known->Record().origin;
  Fetched files = MESG_TRY(known == nullptr ? Fetch(request, origin)
                                            : rooms_.fetcher.Find(known->Record().content_hash));
  Tell("fetch", fmt::format("content {}", files.content_hash), true);

  Tell("validate", files.definition_file);
  auto definition =
      MESG_TRY(ServiceDefinition::Parse(files.definition_yaml, files.definition_file));
  return Material{std::move(definition), std::move(files), std::move(origin)};
}

Result<Fetched> Deployment::Fetch(DeployRequest& request, std::string& origin) const {
  const auto progress = [this](std::string_view text) { Tell("fetch", std::string(text)); };
  if (auto* upload = std::get_if<std::unique_ptr<ArchiveUpload>>(&request.from)) {
    if (*upload == nullptr) return InvalidArgument("expected an archive, got none");
    origin = "archive";
    return (*upload)->Finish(progress, stop_);
  }
  if (const auto* available = std::get_if<DeployRequest::Available>(&request.from)) {
    const Origin folder{Origin::Kind::kFolder, MESG_TRY(rooms_.available.Find(available->name))};
    origin = "comes with MESG";
    return rooms_.fetcher.Fetch(folder, progress, stop_);
  }
  const Origin from = MESG_TRY(Origin::Parse(std::get<std::string>(request.from)));
  origin = from.Text();
  return rooms_.fetcher.Fetch(from, progress, stop_);
}

Result<engine::Instance> Deployment::Describe(const DeployRequest& request,
                                              const Material& material) const {
  const ServiceDefinition& definition = material.definition;
  engine::Instance instance;
  instance.origin = material.origin;
  instance.sid = definition.Sid();
  instance.definition = definition.Canonical();
  EnvValues given = request.env;
  auto evaluated =
      MESG_TRY(EvaluateEnvironment(request.templates, rooms_.broker.GetSettings().helper));
  for (auto& [key, value] : evaluated.env) given.insert_or_assign(key, std::move(value));
  instance.env = MESG_TRY(CompleteEnvironment(definition, given));
  instance.deferred_env = std::move(evaluated.deferred);
  instance.token = NewToken();
  instance.started = request.start;
  // Files that cannot be started are not kept: their instance is the contract alone, whoever runs
  // it, so that changing them changes nothing here.
  const Fetched& files = material.files;
  if (!files.folder.empty() && HasSomethingToStart(files.folder, definition.Run())) {
    instance.content_hash = files.content_hash;
  }
  auto source = std::make_shared<Source>();
  source->name = request.name.empty() ? definition.Sid() : request.name;
  MESG_TRY(CheckInstanceName(source->name));
  source->service_hash = definition.Hash();
  source->instance_hash = InstanceHash({source->service_hash, instance.content_hash, instance.env,
                                        source->name, instance.deferred_env});
  instance.source = std::move(source);
  return instance;
}

Result<void> Deployment::Install(const engine::Instance& instance, const Fetched& files) const {
  const auto catalog = rooms_.broker.Deployed();
  bool starts = instance.started;
  for (const broker::InstancePtr& other : catalog->Instances()) {
    const bool replaced = other->Name() == instance.source->name &&
                          other->Record().state == engine::Instance::State::kActive;
    // Its successor takes over that it is to run, unless there is nothing to start any more.
    if (replaced && other->Record().started && !instance.content_hash.empty()) starts = true;
  }
  if (!starts) return {};
  if (files.folder.empty()) return NothingToStart(instance.source->name);
  Tell("install", "making it ready to run");
  const auto definition = MESG_TRY(ServiceDefinition::FromCanonical(instance.definition));
  MESG_TRY(rooms_.supervisor.Prepare(
      {files.folder, files.content_hash, definition.Run()},
      [this](std::string_view line) { Tell("install", std::string(line)); }, stop_));
  Tell("install", "ready", true);
  return {};
}

Result<broker::InstancePtr> Deployment::Register(engine::Instance instance) const {
  // Compiled here first: what is deployed must be usable by everybody.
  const auto wanted =
      MESG_TRY(broker::DeployedInstance::Make(std::make_shared<const engine::Instance>(instance)));
  std::promise<Result<void>> done;
  const Answer<void> answer([&done](Result<void> end) { done.set_value(std::move(end)); });
  rooms_.broker.Deploy(std::move(instance), answer);
  MESG_TRY(done.get_future().get());
  const std::string& hash = wanted->GetSource()->instance_hash;
  if (auto registered = rooms_.broker.Deployed()->FindInstance(hash)) return registered;
  return Aborted("instance {} was replaced or deleted while it was deployed", hash);
}

}  // namespace mesg::runtime
