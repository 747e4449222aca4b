#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/contract_reader.h"
#include "model/service_definition.h"

namespace mesg {

/// Turns the tree of a mesg.yml into a ServiceDefinition and gathers everything that is wrong with
/// it. Used once.
class DefinitionReader : public ContractReader {
 public:
  using ContractReader::ContractReader;

  /// Without Canonical(), Hash() and a default Sid(), which Finish adds. Meaningless when there are
  /// violations.
  ServiceDefinition Read(const YamlNode& root);

  /// Sets what follows from the rest.
  static void Finish(ServiceDefinition& definition);

  template <typename T>
  using Field = YamlField<DefinitionReader, T>;
  /// Definitions in definition_fields.cc.
  template <typename T>
  static const std::vector<Field<T>>& Fields();

 private:
  template <typename T>
  void ReadMap(const Cursor& at, std::string_view what, T& into) {
    ReadFields(at, what, Fields<T>(), into);
  }
  template <typename T, std::vector<std::string> T::*List>
  void ReadListField(const Cursor& at, T& into) {
    ReadUniqueTexts(at, into.*List);
  }

  // The service (definition_reader.cc).
  void ReadSid(const Cursor& at, ServiceDefinition& into);
  void ReadVersion(const Cursor& at, ServiceDefinition& into);
  void ReadServiceEvents(const Cursor& at, ServiceDefinition& into);
  void ReadServiceTasks(const Cursor& at, ServiceDefinition& into);
  void ReadEnv(const Cursor& at, ServiceDefinition& into);
  void ReadRun(const Cursor& at, ServiceDefinition& into);
  void ReadHealth(const Cursor& at, ServiceDefinition& into);
  void ReadConfiguration(const Cursor& at, ServiceDefinition& into);
  void ReadDependencies(const Cursor& at, ServiceDefinition& into);
  void CheckWhole(const YamlNode& root, const ServiceDefinition& definition);

  // What a process or container needs (definition_reader_process.cc).
  void ReadEnvValue(const Cursor& at, EnvDefinition& into);
  void ReadEnvRequired(const Cursor& at, EnvDefinition& into);
  void ReadEnvSecret(const Cursor& at, EnvDefinition& into);
  void ReadEnvType(const Cursor& at, EnvDefinition& into);
  void ReadEnvChoices(const Cursor& at, EnvDefinition& into);
  void ReadHealthCommand(const Cursor& at, HealthCheck& into);
  void ReadHealthInterval(const Cursor& at, HealthCheck& into);
  void ReadHealthTimeout(const Cursor& at, HealthCheck& into);
  void ReadArgs(const Cursor& at, ContainerConfiguration& into) {
    ReadTexts(at, "[a, b]", into.args);
  }
  void ReadPorts(const Cursor& at, ContainerConfiguration& into);
  void ReadContainerEnv(const Cursor& at, ContainerConfiguration& into);
  void CheckVolumesFrom(const Cursor& at, std::string_view self, const YamlNode* dependencies);
  bool CheckEnvKey(const Cursor& at, std::string_view key);
};

/// A row of the reference of mesg.yml.
struct DefinitionField {
  std::string_view section;  ///< "service", "event", "task" ...
  std::string_view key;
  std::string_view expected;
  std::string_view meaning;
  bool ignored;  ///< From an earlier MESG.
};

/// Every key that mesg.yml may hold.
std::vector<DefinitionField> DefinitionFields();

}  // namespace mesg
