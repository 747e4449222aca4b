#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/convert/conversion_reader.h"

namespace mesg::app {

/// Reads a workflow file as the original planned it in 2018: a source, and tasks one after the
/// other.
class WorkflowReader : public ConversionReader {
 public:
  explicit WorkflowReader(std::vector<Violation> violations);
  void Read(const YamlNode& root);

 private:
  /// The source or a task, as it is written.
  struct Part {
    std::string name = {};  ///< Of a task.
    std::string service = {};
    std::string key = {};
    Place service_place = {};
    Place key_place = {};
    Mapping parameters = {};
    std::vector<std::string> conditions = {};
    std::optional<Cursor> filters = {};
  };
  template <typename T>
  using Field = YamlField<WorkflowReader, T>;
  template <typename T>
  void ReadMap(const Cursor& at, std::string_view what, const std::vector<Field<T>>& fields,
               T& into) {
    ReadFields(at, what, fields, into);
  }

  std::optional<std::string> Resolve(const Cursor& at, std::string_view name) override;
  std::optional<std::string> ResolveTask(const Cursor& at, const std::string& task);

  void ReadDescription(const Cursor& at, ApplicationFile& into);
  void ReadInputs(const Cursor& at);
  void ReadSource(const Cursor& at, ApplicationFile&);
  void ReadTasks(const Cursor& at, ApplicationFile&);
  void ReadTask(const Cursor& at, const std::string& name);
  void ReadLater(const Cursor&, ApplicationFile&) {}

  void ReadService(const Cursor& at, Part& into);
  void ReadKey(const Cursor& at, Part& into);
  void ReadParameters(const Cursor& at, Part& into);
  void ReadFilters(const Cursor& at, Part& into);
  void ReadData(const Cursor& at, Part& into);
  void ReadWhitelist(const Cursor& at, Part& into) { ReadNodes(at, into, true); }
  void ReadBlacklist(const Cursor& at, Part& into) { ReadNodes(at, into, false); }
  void ReadNodes(const Cursor& at, const Part& part, bool allowed);

  std::vector<std::string> tasks_;                ///< In the order of the file.
  std::set<std::string, std::less<>> done_;       ///< Tasks before the one being read.
  std::set<std::string, std::less<>> sometimes_;  ///< Of them, those with a condition.
  std::set<std::string, std::less<>> needed_;     ///< Of them, those it refers to.
  std::string task_;                              ///< The one being read.
};

}  // namespace mesg::app
