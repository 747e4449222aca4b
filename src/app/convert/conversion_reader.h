#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/convert/jq_source.h"
#include "app/convert/read_application.h"
#include "model/yaml_reader.h"

namespace mesg::app {

/// What the readers of the original's files share: services get their aliases, data and texts with
/// markers such as $(env:NAME) become those of an application file.
class ConversionReader : public YamlReader {
 public:
  /// Meaningless when there are violations. `file_name` is for the notes.
  ReadApplication Take(std::string_view file_name) &&;

 protected:
  /// Variables and the texts of their Templates.
  using Environment = std::vector<std::pair<std::string, std::string>>;

  /// `open` and `close` stand around the names that markers hold.
  ConversionReader(std::vector<Violation> violations, ApplicationFormat format,
                   std::string_view open, char close);
  ~ConversionReader() = default;
  ConversionReader(ConversionReader&&) = default;
  ConversionReader& operator=(ConversionReader&&) = default;

  /// jq source of the value that a marker names. Nothing, with a violation, when there is none.
  virtual std::optional<std::string> Resolve(const Cursor& at, std::string_view name) = 0;
  /// The same of a mapping that stands for a value elsewhere; false when this is data.
  virtual bool ReadReference(const Cursor&, std::optional<std::string>&) { return false; }

  void Note(const Cursor& at, std::string text);
  void Missing(const Cursor& at, std::string_view key, std::string_view what);
  static Place PlaceOf(const Cursor& at) { return {at.line, at.column, at.path}; }

  bool HasMarker(std::string_view text) const { return text.find(open_) != text.npos; }
  /// The names in the markers of `text`.
  std::vector<std::string> MarkedNames(std::string_view text) const;
  /// The application's name, of one that may have been written with spaces.
  void ReadName(const Cursor& at);
  /// Text that is not empty and that nothing outside the file decides.
  bool ReadPlainText(const Cursor& at, std::string& into);

  /// The parts of a text with markers. Nothing, with a violation, when one cannot be resolved.
  std::optional<std::vector<TextPart>> ReadParts(const Cursor& at);
  /// Data with markers and references in it.
  Mapping ReadData(const Cursor& at);
  /// Data as jq source. Nothing, with a violation, when it cannot be read.
  std::optional<Operand> ReadOperand(const Cursor& at);
  std::optional<Value> ReadLiteral(const Cursor& at);

  /// The text of a Template. Nothing, with a violation, when it is too large.
  std::optional<Template> MakeTemplate(const Cursor& at, const std::string& source);
  std::optional<PlacedExpression> MakeExpression(const Cursor& at, const std::string& jq);

  /// The alias of a service with that environment, the same for the same. `called` is what the
  /// alias is made of.
  std::string UseService(const Cursor& at, std::string use, std::string_view called,
                         const Environment& env);

  ApplicationFile& File() { return result_.file; }
  Workflow& TheWorkflow() { return result_.file.workflows.front(); }
  std::vector<NodeList>& NodeLists() { return result_.node_lists; }

 private:
  Mapping DataOfTemplate(const Cursor& at, const std::string& source);

  std::string_view open_;
  char close_;
  ReadApplication result_;
  std::vector<Violation> notes_;
  std::map<std::string, std::string> aliases_;  ///< By service and environment.
  std::set<std::string> taken_;
  std::map<std::string, int> numbered_;  ///< How many more aliases begin with that name.
};

}  // namespace mesg::app
