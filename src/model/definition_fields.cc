#include "model/definition_reader.h"

// The keys of mesg.yml, one row each: what the reader accepts and what the reference lists.

namespace mesg {

using R = DefinitionReader;

template <>
const std::vector<R::Field<ServiceDefinition>>& R::Fields() {
  using S = ServiceDefinition;
  static const std::vector<Field<S>> fields = {
      {"name", "text, required", "What people call the service.", &R::ReadTextField<S, &S::name_>},
      {"sid", "text", "The service's id, chosen by its author; else \"_\" and the hash.",
       &R::ReadSid},
      {"description", "text", "What it is for.", &R::ReadTextField<S, &S::description_>},
      {"version", "SemVer", "The author's version of the service.", &R::ReadVersion},
      {"repository", "URL", "Where its source is.", &R::ReadTextField<S, &S::repository_>},
      {"events", "mapping of events", "What it tells.", &R::ReadEvents},
      {"tasks", "mapping of tasks", "What it does on request.", &R::ReadTasks},
      {"env", "mapping of variables", "What its environment must hold.", &R::ReadEnv},
      {"run", "list of arguments", "How its process is started.", &R::ReadRun},
      {"health", "mapping", "How Core learns that it is well.", &R::ReadHealth},
      {"configuration", "mapping", "What its container needs.", &R::ReadConfiguration},
      {"dependencies", "mapping of containers", "Containers it needs beside it.",
       &R::ReadDependencies},
      {"visibility", "anything", "Planned in 2018, never used.", nullptr},
      {"publish", "anything", "Planned in 2018, never used.", nullptr},
      {"source", "anything", "Where a later MESG kept the files.", nullptr},
      {"workflows", "anything", "MESG 0.12 only.", nullptr},
  };
  return fields;
}

template <>
const std::vector<R::Field<EventDefinition>>& R::Fields() {
  using E = EventDefinition;
  static const std::vector<Field<E>> fields = {
      {"name", "text", "What people call it.", &R::ReadTextField<E, &E::name>},
      {"description", "text", "When it happens.", &R::ReadTextField<E, &E::description>},
      {"data", "mapping of parameters", "What it carries.", &R::ReadEventData},
      {"additional", "true or false", "Whether data may hold undeclared fields (true).",
       &R::ReadEventAdditional},
      {"fees", "anything", "Planned in 2018, never used.", nullptr},
  };
  return fields;
}

template <>
const std::vector<R::Field<TaskDefinition>>& R::Fields() {
  using T = TaskDefinition;
  static const std::vector<Field<T>> fields = {
      {"name", "text", "What people call it.", &R::ReadTextField<T, &T::name>},
      {"description", "text", "What it does.", &R::ReadTextField<T, &T::description>},
      {"inputs", "mapping of parameters", "What it needs.", &R::ReadTaskInputs},
      {"outputs", "mapping of parameters or of named outputs", "What it gives.",
       &R::ReadTaskOutputs},
      {"additional", "true, false or {inputs, outputs}",
       "Whether inputs and the one output set may hold undeclared fields (true).",
       &R::ReadTaskAdditionalLater},
      {"timeout", "duration", "How long one attempt may take.", &R::ReadTaskTimeout},
      {"retry", "mapping", "How failed attempts are repeated.", &R::ReadTaskRetry},
      {"effect", "none, idempotent or once", "What performing it twice would do (idempotent).",
       &R::ReadTaskEffect},
      {"verifiable", "anything", "Planned in 2018, never used.", nullptr},
      {"payable", "anything", "Planned in 2018, never used.", nullptr},
      {"fees", "anything", "Planned in 2018, never used.", nullptr},
      {"secrets", "anything", "Planned in 2018, never used.", nullptr},
      {"price", "anything", "MESG 0.26 only.", nullptr},
  };
  return fields;
}

template <>
const std::vector<R::Field<OutputDefinition>>& R::Fields() {
  using O = OutputDefinition;
  static const std::vector<Field<O>> fields = {
      {"name", "text", "What people call it.", &R::ReadTextField<O, &O::name>},
      {"description", "text", "When it is given.", &R::ReadTextField<O, &O::description>},
      {"data", "mapping of parameters", "What it carries.", &R::ReadOutputData},
      {"additional", "true or false", "Whether data may hold undeclared fields (true).",
       &R::ReadOutputAdditional},
      {"fees", "anything", "Planned in 2018, never used.", nullptr},
  };
  return fields;
}

template <>
const std::vector<R::Field<Parameter>>& R::Fields() {
  using P = Parameter;
  static const std::vector<Field<P>> fields = {
      {"name", "text", "What people call it.", &R::ReadTextField<P, &P::name>},
      {"description", "text", "What it means.", &R::ReadTextField<P, &P::description>},
      {"type", "String, Number, Boolean, Object or Any", "The type of the value.",
       &R::ReadParameterType},
      {"schema", "JSON Schema", "Rules for the value, instead of `type`.", &R::ReadParameterSchema},
      {"optional", "true or false", "Missing and null are allowed (false).",
       &R::ReadParameterOptional},
      {"repeated", "true or false", "A list of such values (false).", &R::ReadParameterRepeated},
      {"object", "mapping of parameters", "What is inside an Object.", &R::ReadParameterObject},
      {"additional", "true or false", "Whether an Object may hold undeclared fields (true).",
       &R::ReadParameterAdditional},
  };
  return fields;
}

template <>
const std::vector<R::Field<RetryPolicy>>& R::Fields() {
  static const std::vector<Field<RetryPolicy>> fields = {
      {"attempts", "1 to 1000", "All in all, the first one included (3).", &R::ReadRetryAttempts},
      {"initial", "duration", "The pause before the second attempt (1s).", &R::ReadRetryInitial},
      {"factor", "1 to 1000", "Each pause is the last one times this (2).", &R::ReadRetryFactor},
      {"max", "duration", "The longest pause (1m).", &R::ReadRetryMax},
      {"jitter", "0 to 1", "Up to this part of a pause is taken off at random (0.2).",
       &R::ReadRetryJitter},
  };
  return fields;
}

template <>
const std::vector<R::Field<EnvDefinition>>& R::Fields() {
  using E = EnvDefinition;
  static const std::vector<Field<E>> fields = {
      {"description", "text", "What it is for.", &R::ReadTextField<E, &E::description>},
      {"value", "text", "The default.", &R::ReadEnvValue},
      {"default", "text", "The same as `value`.", &R::ReadEnvValue},
      {"required", "true or false", "Deploying without a value is an error (false).",
       &R::ReadEnvRequired},
      {"secret", "true or false", "Never shown, logged or listed (false).", &R::ReadEnvSecret},
  };
  return fields;
}

template <>
const std::vector<R::Field<HealthCheck>>& R::Fields() {
  static const std::vector<Field<HealthCheck>> fields = {
      {"command", "list of arguments, required", "Exit status 0 means healthy.",
       &R::ReadHealthCommand},
      {"interval", "duration", "The pause between two checks (30s).", &R::ReadHealthInterval},
      {"timeout", "duration", "How long a check may take (5s).", &R::ReadHealthTimeout},
  };
  return fields;
}

template <>
const std::vector<R::Field<ContainerConfiguration>>& R::Fields() {
  using C = ContainerConfiguration;
  static const std::vector<Field<C>> fields = {
      {"image", "text", "The container's image. Dependencies only, and required there.",
       &R::ReadTextField<C, &C::image>},
      {"volumes", "list of paths", "Folders that survive the container.",
       &R::ReadListField<C, &C::volumes>},
      {"volumesFrom", "list of dependencies", "Containers whose volumes are shared.",
       &R::ReadListField<C, &C::volumes_from>},
      {"volumesfrom", "list of dependencies", "The same as `volumesFrom`.",
       &R::ReadListField<C, &C::volumes_from>},
      {"ports", "list of N or N:M", "Ports that are published.", &R::ReadPorts},
      {"args", "list of arguments", "Arguments of the container.", &R::ReadArgs},
      {"command", "text", "The container's command.", &R::ReadTextField<C, &C::command>},
      {"env", "list of KEY, KEY= or KEY=value",
       "Environment. For the service itself the same as the service's `env`.",
       &R::ReadContainerEnv},
  };
  return fields;
}

namespace {

template <typename T>
void Append(std::string_view section, std::vector<DefinitionField>& into) {
  for (const auto& field : R::Fields<T>()) {
    into.push_back({section, field.key, field.expected, field.meaning, field.read == nullptr});
  }
}

}  // namespace

std::vector<DefinitionField> DefinitionFields() {
  std::vector<DefinitionField> all;
  Append<ServiceDefinition>("service", all);
  Append<EventDefinition>("event", all);
  Append<TaskDefinition>("task", all);
  Append<OutputDefinition>("output", all);
  Append<Parameter>("parameter", all);
  Append<RetryPolicy>("retry", all);
  Append<EnvDefinition>("env", all);
  Append<HealthCheck>("health", all);
  Append<ContainerConfiguration>("container", all);
  return all;
}

}  // namespace mesg
