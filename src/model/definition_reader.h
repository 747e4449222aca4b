#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/service_definition.h"
#include "model/yaml_document.h"

namespace mesg {

/// Turns the tree of a mesg.yml into a ServiceDefinition and gathers everything that is wrong with
/// it. Used once.
class DefinitionReader {
 public:
  explicit DefinitionReader(std::vector<Violation> violations)
      : violations_(std::move(violations)) {}

  /// Without Canonical(), Hash() and a default Sid(), which Finish adds. Meaningless when there are
  /// violations.
  ServiceDefinition Read(const YamlNode& root);
  const std::vector<Violation>& Violations() const { return violations_; }
  std::size_t NotListed() const { return not_listed_; }  ///< Errors beyond the first hundred.

  /// Sets what follows from the rest.
  static void Finish(ServiceDefinition& definition);

  /// A value and where it is: the position of its key, or of itself in a list.
  struct Cursor {
    const YamlNode* node;
    int line;
    int column;
    std::string path;

    Cursor Member(const YamlNode::Member& member) const;
    Cursor Item(std::size_t index) const;
  };

  /// One key of a mapping: how it is called, what it takes, what it is for, and its reader. Without
  /// a reader the key belongs to an earlier MESG: it is accepted and ignored.
  template <typename T>
  struct Field {
    std::string_view key;
    std::string_view expected;
    std::string_view meaning;
    void (DefinitionReader::*read)(const Cursor&, T&);
  };
  /// Definitions in definition_fields.cc.
  template <typename T>
  static const std::vector<Field<T>>& Fields();

 private:
  template <typename T>
  void ReadMap(const Cursor& at, std::string_view what, T& into);
  template <typename Action>
  void ForEachMember(const Cursor& at, std::string_view what, Action&& action);
  template <typename T, std::string T::*Text>
  void ReadTextField(const Cursor& at, T& into) {
    ReadText(at, into.*Text);
  }
  template <typename T, std::vector<std::string> T::*List>
  void ReadListField(const Cursor& at, T& into) {
    ReadUniqueTexts(at, into.*List);
  }

  // Scalars. False, with a violation, when the value is something else.
  bool ReadText(const Cursor& at, std::string& into);
  bool ReadFlag(const Cursor& at, bool& into);
  bool ReadDuration(const Cursor& at, Duration& into);
  bool ReadNumber(const Cursor& at, double least, double most, double& into);
  void ReadTexts(const Cursor& at, std::string_view example, std::vector<std::string>& into);
  void ReadUniqueTexts(const Cursor& at, std::vector<std::string>& into);
  bool CheckKey(const Cursor& at, std::string_view key);

  // The service (definition_reader.cc).
  void ReadSid(const Cursor& at, ServiceDefinition& into);
  void ReadVersion(const Cursor& at, ServiceDefinition& into);
  void ReadEvents(const Cursor& at, ServiceDefinition& into);
  void ReadTasks(const Cursor& at, ServiceDefinition& into);
  void ReadEnv(const Cursor& at, ServiceDefinition& into);
  void ReadRun(const Cursor& at, ServiceDefinition& into);
  void ReadHealth(const Cursor& at, ServiceDefinition& into);
  void ReadConfiguration(const Cursor& at, ServiceDefinition& into);
  void ReadDependencies(const Cursor& at, ServiceDefinition& into);
  void CheckWhole(const YamlNode& root, const ServiceDefinition& definition);

  // Events, tasks and their parameters (definition_reader_contract.cc).
  void ReadEventData(const Cursor& at, EventDefinition& into);
  void ReadEventAdditional(const Cursor& at, EventDefinition& into);
  void ReadTaskInputs(const Cursor& at, TaskDefinition& into);
  void ReadTaskOutputs(const Cursor& at, TaskDefinition& into);
  void ReadTaskAdditionalLater(const Cursor&, TaskDefinition&) {}
  void ReadTaskAdditional(const Cursor& at, TaskDefinition& into);
  void ReadTaskTimeout(const Cursor& at, TaskDefinition& into);
  void ReadTaskRetry(const Cursor& at, TaskDefinition& into);
  void ReadTaskEffect(const Cursor& at, TaskDefinition& into);
  void ReadOutputData(const Cursor& at, OutputDefinition& into);
  void ReadOutputAdditional(const Cursor& at, OutputDefinition& into);
  void ReadParameters(const Cursor& at, std::vector<Parameter>& into);
  void ReadParameter(const Cursor& at, Parameter& into);
  void ReadParameterType(const Cursor& at, Parameter& into);
  void ReadParameterOptional(const Cursor& at, Parameter& into);
  void ReadParameterRepeated(const Cursor& at, Parameter& into);
  void ReadParameterObject(const Cursor& at, Parameter& into);
  void ReadParameterAdditional(const Cursor& at, Parameter& into);
  void ReadParameterSchema(const Cursor& at, Parameter& into);
  void ReadRetryAttempts(const Cursor& at, RetryPolicy& into);
  void ReadRetryInitial(const Cursor& at, RetryPolicy& into);
  void ReadRetryFactor(const Cursor& at, RetryPolicy& into);
  void ReadRetryMax(const Cursor& at, RetryPolicy& into);
  void ReadRetryJitter(const Cursor& at, RetryPolicy& into);

  // What a process or container needs (definition_reader_process.cc).
  void ReadEnvValue(const Cursor& at, EnvDefinition& into);
  void ReadEnvRequired(const Cursor& at, EnvDefinition& into);
  void ReadEnvSecret(const Cursor& at, EnvDefinition& into);
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

  void Report(const Cursor& at, std::string reason);
  void Expected(const Cursor& at, std::string_view expected);

  bool Full() const { return violations_.size() >= kMaxViolations; }

  static constexpr std::size_t kMaxViolations = 100;
  std::vector<Violation> violations_;
  std::size_t not_listed_ = 0;
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

/// `node` as JSON text with sorted keys; plain scalars become what YAML 1.2 takes them for.
std::string YamlToJson(const YamlNode& node);

}  // namespace mesg
