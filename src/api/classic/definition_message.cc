#include "api/classic/definition_message.h"

#include <string>
#include <vector>

#include "broker/catalog.h"
#include "model/service_definition.h"

namespace mesg::api::classic {
namespace {

namespace wire = ::api;
using Wire = wire::Definition;

template <typename Texts>
void SetTexts(const std::vector<std::string>& texts, Texts* into) {
  into->Assign(texts.begin(), texts.end());
}

template <typename Named, typename Message>
void SetNames(const Named& named, Message& message) {
  message.set_key(named.key);
  message.set_name(named.name);
  message.set_description(named.description);
}

void AddParameters(const std::vector<Parameter>& parameters,
                   google::protobuf::RepeatedPtrField<Wire::Parameter>* into) {
  for (const Parameter& parameter : parameters) {
    Wire::Parameter& message = *into->Add();
    SetNames(parameter, message);
    message.set_type(std::string(Name(parameter.type)));
    message.set_optional(parameter.optional);
    message.set_repeated(parameter.repeated);
    // As deep as the reader of mesg.yml allows.
    AddParameters(parameter.object, message.mutable_object());
  }
}

void AddTask(const TaskDefinition& task, Wire& into) {
  Wire::Task& message = *into.add_tasks();
  SetNames(task, message);
  AddParameters(task.inputs.parameters, message.mutable_inputs());
  for (const OutputDefinition& output : task.outputs) {
    Wire::Output& added = *message.add_outputs();
    SetNames(output, added);
    AddParameters(output.data.parameters, added.mutable_data());
  }
}

template <typename Message>
void SetContainer(const ContainerConfiguration& container, Message& message) {
  SetTexts(container.volumes, message.mutable_volumes());
  SetTexts(container.volumes_from, message.mutable_volumesfrom());
  SetTexts(container.ports, message.mutable_ports());
  SetTexts(container.args, message.mutable_args());
  message.set_command(container.command);
}

void SetDefinition(const ServiceDefinition& definition, Wire& message) {
  message.set_name(definition.Name());
  message.set_description(definition.Description());
  message.set_repository(definition.Repository());
  for (const TaskDefinition& task : definition.Tasks()) AddTask(task, message);
  for (const EventDefinition& event : definition.Events()) {
    Wire::Event& added = *message.add_events();
    SetNames(event, added);
    AddParameters(event.data.parameters, added.mutable_data());
  }
  for (const DependencyDefinition& dependency : definition.Dependencies()) {
    Wire::Dependency& added = *message.add_dependencies();
    added.set_key(dependency.key);
    added.set_image(dependency.container.image);
    SetContainer(dependency.container, added);
  }
  SetContainer(definition.Configuration(), *message.mutable_configuration());
}

}  // namespace

wire::DeployedService::Status StatusOf(const runtime::ServiceStatus& service) {
  switch (service.state) {
    case runtime::ServiceState::kStopped:
    case runtime::ServiceState::kFailed:
      return service.workers > 0 ? wire::DeployedService::RUNNING : wire::DeployedService::STOPPED;
    case runtime::ServiceState::kStarting:
    case runtime::ServiceState::kRestarting:
      return wire::DeployedService::STARTING;
    case runtime::ServiceState::kRunning:
    case runtime::ServiceState::kDraining:
      return wire::DeployedService::RUNNING;
  }
  return wire::DeployedService::UNKNOWN;
}

wire::DeployedService ServiceMessage(const runtime::ServiceStatus& service) {
  wire::DeployedService message;
  message.set_status(StatusOf(service));
  SetDefinition(service.instance->Definition(), *message.mutable_definition());
  message.mutable_definition()->set_sid(service.instance->Name());
  message.mutable_definition()->set_hash(service.instance->GetSource()->instance_hash);
  return message;
}

}  // namespace mesg::api::classic
