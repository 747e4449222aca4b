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
      {"events", "mapping of events", "What it tells.", &R::ReadServiceEvents},
      {"tasks", "mapping of tasks", "What it does on request.", &R::ReadServiceTasks},
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
const std::vector<R::Field<EnvDefinition>>& R::Fields() {
  using E = EnvDefinition;
  static const std::vector<Field<E>> fields = {
      {"description", "text", "What it is for.", &R::ReadTextField<E, &E::description>},
      {"value", "text", "The default.", &R::ReadEnvValue},
      {"default", "text", "The same as `value`.", &R::ReadEnvValue},
      {"required", "true or false", "Deploying without a value is an error (false).",
       &R::ReadEnvRequired},
      {"secret", "true or false", "Never shown, logged or listed (false).", &R::ReadEnvSecret},
      {"type", "String, Number, Boolean or Duration", "What its text stands for (String).",
       &R::ReadEnvType},
      {"enum", "list of texts", "The values it may have.", &R::ReadEnvChoices},
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

template <typename Reader, typename T>
void Append(std::string_view section, std::vector<DefinitionField>& into) {
  for (const auto& field : Reader::template Fields<T>()) {
    into.push_back({section, field.key, field.expected, field.meaning, field.read == nullptr});
  }
}

}  // namespace

std::vector<DefinitionField> DefinitionFields() {
  std::vector<DefinitionField> all;
  Append<R, ServiceDefinition>("service", all);
  Append<ContractReader, EventDefinition>("event", all);
  Append<ContractReader, TaskDefinition>("task", all);
  Append<ContractReader, OutputDefinition>("output", all);
  Append<ContractReader, Parameter>("parameter", all);
  Append<ContractReader, RetryPolicy>("retry", all);
  Append<R, EnvDefinition>("env", all);
  Append<R, HealthCheck>("health", all);
  Append<R, ContainerConfiguration>("container", all);
  return all;
}

}  // namespace mesg
