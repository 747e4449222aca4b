#include "api/grpc/service_wire.h"

#include <algorithm>

#include "api/grpc/errors.h"
#include "api/grpc/translate.h"

namespace mesg::api {
namespace {

using google::protobuf::RepeatedPtrField;

constexpr const char* kFile = "mesg.yml";

void ToWire(const TaskDefinition& task, v1::TaskDefinition& wire) {
  wire.set_key(task.key);
  wire.set_name(task.name);
  wire.set_description(task.description);
  api::ToWire(task.inputs.parameters, *wire.mutable_inputs());
  for (const OutputDefinition& output : task.outputs) {
    v1::OutputDefinition& one = *wire.add_outputs();
    one.set_key(output.key);
    one.set_name(output.name);
    one.set_description(output.description);
    api::ToWire(output.data.parameters, *one.mutable_data());
  }
  if (task.timeout) wire.set_timeout_us(task.timeout->count());
  if (task.retry) api::ToWire(*task.retry, *wire.mutable_retry());
  wire.set_effect(api::ToWire(task.effect));
}

v1::Service::State ToWire(runtime::ServiceState state) {
  switch (state) {
    case runtime::ServiceState::kStopped:
      return v1::Service::STOPPED;
    case runtime::ServiceState::kStarting:
      return v1::Service::STARTING;
    case runtime::ServiceState::kRunning:
      return v1::Service::RUNNING;
    case runtime::ServiceState::kRestarting:
      return v1::Service::RESTARTING;
    case runtime::ServiceState::kFailed:
      return v1::Service::FAILED_TO_RUN;
    case runtime::ServiceState::kDraining:
      return v1::Service::DRAINING;
  }
  return v1::Service::STATE_UNSPECIFIED;
}

void ToDiagnostics(const Error& error, v1::ValidateServiceResponse& response) {
  const auto add = [&](const Violation& violation) {
    v1::Diagnostic& diagnostic = *response.add_errors();
    diagnostic.set_file(kFile);
    diagnostic.set_line(violation.line);
    diagnostic.set_column(violation.column);
    diagnostic.set_path(ToUtf8(violation.path));
    diagnostic.set_message(ToUtf8(violation.reason));
  };
  for (const Violation& violation : error.violations) add(violation);
  if (error.violations.empty()) add({"", error.message});
}

}  // namespace

void ToWire(const std::vector<Parameter>& parameters, RepeatedPtrField<v1::Parameter>& wire) {
  for (const Parameter& parameter : parameters) {
    v1::Parameter& one = *wire.Add();
    one.set_key(parameter.key);
    one.set_name(parameter.name);
    one.set_description(parameter.description);
    if (parameter.schema.empty()) one.set_type(std::string(Name(parameter.type)));
    one.set_optional(parameter.optional);
    one.set_repeated(parameter.repeated);
    ToWire(parameter.object, *one.mutable_object());
    one.set_schema(parameter.schema);
  }
}

void ToWire(const ServiceDefinition& definition, bool canonical, v1::Definition& wire) {
  wire.set_sid(definition.Sid());
  wire.set_hash(definition.Hash());
  wire.set_name(definition.Name());
  wire.set_description(definition.Description());
  wire.set_version(definition.Version());
  wire.set_repository(definition.Repository());
  for (const EventDefinition& event : definition.Events()) {
    v1::EventDefinition& one = *wire.add_events();
    one.set_key(event.key);
    one.set_name(event.name);
    one.set_description(event.description);
    ToWire(event.data.parameters, *one.mutable_data());
  }
  for (const TaskDefinition& task : definition.Tasks()) ToWire(task, *wire.add_tasks());
  for (const EnvDefinition& env : definition.Env()) {
    v1::EnvDefinition& one = *wire.add_env();
    one.set_key(env.key);
    one.set_description(env.description);
    if (env.value && !env.secret) one.set_value(*env.value);
    one.set_required(env.required);
    one.set_secret(env.secret);
    one.set_type(std::string(Name(env.type)));
    one.mutable_choices()->Add(env.choices.begin(), env.choices.end());
  }
  for (const std::string& argument : definition.Run()) wire.add_run(argument);
  const bool tells_a_secret = std::ranges::any_of(
      definition.Env(), [](const EnvDefinition& env) { return env.secret && env.value; });
  if (canonical && !tells_a_secret) wire.set_canonical(definition.Canonical());
}

void ToWire(const runtime::ServiceStatus& status, bool canonical, v1::Service& wire) {
  const engine::Instance& record = status.instance->Record();
  wire.set_name(record.source->name);
  ToWire(status.instance->Definition(), canonical, *wire.mutable_definition());
  wire.set_instance_hash(record.source->instance_hash);
  wire.set_state(ToWire(status.state));
  wire.set_state_reason(ToUtf8(status.reason));
  wire.set_workers(static_cast<std::uint32_t>(status.workers));
  wire.set_deployed_us(ToMicros(record.deployed));
  wire.set_source(ToUtf8(record.origin));
  wire.set_restarts(status.restarts);
  wire.set_pid(status.pid);
  wire.set_open_executions(status.open_executions);
  if (record.state != engine::Instance::State::kActive) wire.set_pinned(status.open_executions);
  wire.set_managed(status.managed);
  wire.set_problem(ToUtf8(status.problem));
}

void ToWire(const runtime::LogLine& line, v1::ServiceLogsResponse::Line& wire) {
  wire.set_time_us(ToMicros(line.time));
  wire.set_error(line.stream == runtime::LogStream::kErr);
  wire.set_text(line.text);
  wire.set_core(line.stream == runtime::LogStream::kCore);
}

v1::ValidateServiceResponse ValidateDefinition(std::string_view yaml) {
  v1::ValidateServiceResponse response;
  const auto definition = ServiceDefinition::Parse(yaml, kFile);
  if (definition) {
    ToWire(*definition, true, *response.mutable_definition());
  } else {
    ToDiagnostics(definition.error(), response);
  }
  return response;
}

}  // namespace mesg::api
