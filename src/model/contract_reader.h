#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/service_definition.h"
#include "model/yaml_reader.h"

namespace mesg {

/// Reads what is typed in a YAML file: events, tasks and their parameters.
class ContractReader : public YamlReader {
 public:
  using YamlReader::YamlReader;

  template <typename T>
  using Field = YamlField<ContractReader, T>;
  /// Definitions in contract_fields.cc.
  template <typename T>
  static const std::vector<Field<T>>& Fields();

 protected:
  void ReadEvents(const Cursor& at, std::vector<EventDefinition>& into);
  void ReadTasks(const Cursor& at, std::vector<TaskDefinition>& into);
  void ReadParameters(const Cursor& at, std::vector<Parameter>& into);
  void ReadParameter(const Cursor& at, Parameter& into);
  void ReadRetry(const Cursor& at, std::optional<RetryPolicy>& into);

 private:
  template <typename T>
  void ReadMap(const Cursor& at, std::string_view what, T& into) {
    ReadFields(at, what, Fields<T>(), into);
  }

  void ReadEventData(const Cursor& at, EventDefinition& into);
  void ReadEventAdditional(const Cursor& at, EventDefinition& into);
  void ReadTaskInputs(const Cursor& at, TaskDefinition& into);
  void ReadTaskOutputs(const Cursor& at, TaskDefinition& into);
  void ReadTaskAdditionalLater(const Cursor&, TaskDefinition&) {}
  void ReadTaskAdditional(const Cursor& at, TaskDefinition& into);
  void ReadTaskRetry(const Cursor& at, TaskDefinition& into);
  void ReadTaskEffect(const Cursor& at, TaskDefinition& into);
  void ReadOutputData(const Cursor& at, OutputDefinition& into);
  void ReadOutputAdditional(const Cursor& at, OutputDefinition& into);
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
};

}  // namespace mesg
