#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/result.h"
#include "model/yaml_document.h"

namespace mesg {

/// A value of a YAML file and where it is: the position of its key, or of itself in a list.
struct YamlCursor {
  const YamlNode* node;
  int line;
  int column;
  std::string path;

  YamlCursor Member(const YamlNode::Member& member) const;
  YamlCursor Item(std::size_t index) const;
};

/// One key of a mapping: how it is called, what it takes, what it is for, and its reader. Without a
/// reader the key belongs to an earlier MESG: it is accepted and ignored.
template <typename Reader, typename T>
struct YamlField {
  std::string_view key;
  std::string_view expected;
  std::string_view meaning;
  void (Reader::*read)(const YamlCursor&, T&);
};

/// What readers of YAML files share: they walk the whole tree and gather everything that is wrong
/// with it, the first hundred errors with their places. Used once.
class YamlReader {
 public:
  using Cursor = YamlCursor;

  explicit YamlReader(std::vector<Violation> violations) : violations_(std::move(violations)) {}

  const std::vector<Violation>& Violations() const { return violations_; }
  std::size_t NotListed() const { return not_listed_; }  ///< Errors beyond the first hundred.

 protected:
  /// Calls `action(member, cursor)` for each member. Nothing at all is an empty mapping.
  template <typename Action>
  void ForEachMember(const Cursor& at, std::string_view what, Action&& action) {
    if (at.node->kind == YamlNode::Kind::kNull) return;
    if (at.node->kind != YamlNode::Kind::kMap) return Expected(at, what);
    for (const YamlNode::Member& member : at.node->members) action(member, at.Member(member));
  }
  /// Reads each member by the row of `fields` with its key; any other key is an error.
  template <typename Reader, typename T>
  void ReadFields(const Cursor& at, std::string_view what,
                  const std::vector<YamlField<Reader, T>>& fields, T& into) {
    ForEachMember(at, what, [&](const YamlNode::Member& member, const Cursor& value) {
      const auto field = std::ranges::find(fields, member.key, &YamlField<Reader, T>::key);
      if (field != fields.end()) {
        if (field->read != nullptr) (static_cast<Reader*>(this)->*field->read)(value, into);
        return;
      }
      std::vector<std::string_view> known;
      for (const auto& each : fields) {
        if (each.read != nullptr) known.push_back(each.key);
      }
      UnknownKey(value, member.key, known);
    });
  }

  // Scalars. False, with a violation, when the value is something else.
  bool ReadText(const Cursor& at, std::string& into);
  bool ReadFlag(const Cursor& at, bool& into);
  bool ReadDuration(const Cursor& at, Duration& into);
  bool ReadDuration(const Cursor& at, std::optional<Duration>& into);
  bool ReadNumber(const Cursor& at, double least, double most, double& into);
  void ReadTexts(const Cursor& at, std::string_view example, std::vector<std::string>& into);
  void ReadUniqueTexts(const Cursor& at, std::vector<std::string>& into);
  bool CheckKey(const Cursor& at, std::string_view key);

  // For rows of a table of fields: a member that is only read.
  template <typename T, std::string T::*Text>
  void ReadTextField(const Cursor& at, T& into) {
    ReadText(at, into.*Text);
  }
  template <typename T, std::optional<Duration> T::*Time>
  void ReadTimeField(const Cursor& at, T& into) {
    ReadDuration(at, into.*Time);
  }

  void UnknownKey(const Cursor& at, std::string_view key,
                  const std::vector<std::string_view>& known);
  void Report(const Cursor& at, std::string reason);
  void Expected(const Cursor& at, std::string_view expected);
  bool Full() const { return violations_.size() >= kMaxViolations; }

  static constexpr std::size_t kMaxListSize = 1000;  ///< Lists are checked one by one.

 private:
  static constexpr std::size_t kMaxViolations = 100;
  std::vector<Violation> violations_;
  std::size_t not_listed_ = 0;
};

/// "a list", "a mapping" ... for messages.
std::string_view Describe(const YamlNode& node);

/// The error of a file that is refused: `violations` in the order of the file, also as text, a line
/// "FILE:LINE:COLUMN: path: reason" for each; `more` is how many are not among them.
Error RefuseFile(std::string_view file, std::vector<Violation> violations, std::size_t more,
                 std::string reason);

/// `node` as JSON text with sorted keys; plain scalars become what YAML 1.2 takes them for.
std::string YamlToJson(const YamlNode& node);

}  // namespace mesg
