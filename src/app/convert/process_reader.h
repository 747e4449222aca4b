#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/convert/conversion_reader.h"

namespace mesg::app {

/// Reads a process file of the original: a trigger, filters and tasks in one chain.
class ProcessReader : public ConversionReader {
 public:
  explicit ProcessReader(std::vector<Violation> violations);
  void Read(const YamlNode& root);

 private:
  using Members = std::map<std::string_view, Cursor>;
  enum class Type : std::uint8_t { kUnknown, kTrigger, kFilter, kTask };
  /// A step under the name that others refer to.
  struct NamedStep {
    std::string key;
    Type type = Type::kUnknown;
    std::string source = {};  ///< jq source of its data, once it was read.
  };
  /// One condition of a filter, as it is written.
  struct Condition {
    std::optional<Cursor> key = {};
    std::optional<Cursor> value = {};
    std::string predicate = {};
    std::optional<Cursor> step_key = {};
  };
  template <typename T>
  using Field = YamlField<ProcessReader, T>;

  std::optional<std::string> Resolve(const Cursor& at, std::string_view name) override;
  bool ReadReference(const Cursor& at, std::optional<std::string>& into) override;

  static Type TypeOf(const YamlNode& step);
  void NameSteps(const Cursor& steps);
  void AddFilterInputs(const YamlNode& node, const std::string& path);
  void ReadSteps(const Cursor& at);
  void ReadStep(const Cursor& at, std::size_t index);
  Members ReadMembers(const Cursor& at, Type type);
  void ReadTrigger(const Cursor& at, const Members& members);
  void ReadTask(const Cursor& at, const Members& members, NamedStep& step);
  void ReadFilter(const Cursor& at, const Members& members, const NamedStep& step);

  // Conditions (process_conditions.cc).
  std::vector<std::string> ReadConditions(const Cursor& at, const std::string& source);
  void ReadConditionKey(const Cursor& at, Condition& into) { into.key = at; }
  void ReadConditionValue(const Cursor& at, Condition& into) { into.value = at; }
  void ReadPredicate(const Cursor& at, Condition& into);
  void ReadConditionStepKey(const Cursor& at, Condition& into) { into.step_key = at; }
  std::optional<std::string> ReadCondition(const Cursor& at, std::string source);
  std::optional<std::string> MakeCondition(const Cursor& at, const std::string& source,
                                           std::string_view path, std::string_view predicate,
                                           const Cursor& value);
  void AddConditions(const Cursor& at, const NamedStep& step,
                     const std::vector<std::string>& conditions);

  // Services (process_instances.cc).
  std::string ReadService(const Cursor& at, const Members& members);
  std::string ReadInstance(const Cursor& at);
  void ReadEnv(const Cursor& at, Environment& into);
  bool ReadUse(const Cursor& at, std::string& use, std::string& called);

  std::optional<std::vector<JsonPath::Step>> ReadPath(const Cursor& at, std::string_view text);
  std::optional<std::string> SourceOf(const Cursor& at, const std::string& key);

  std::vector<NamedStep> steps_;
  std::map<std::string, std::size_t, std::less<>> index_;  ///< Of the steps, by key.
  std::set<std::string, std::less<>> filter_variables_;    ///< Became inputs.
  std::string previous_ = ".";                             ///< jq source of the step before.
  std::vector<std::string> first_conditions_;              ///< Of filters before any task.
  std::optional<Cursor> first_filter_;
};

}  // namespace mesg::app
