#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mesg {

struct YamlNode;
using YamlNodePtr = std::shared_ptr<const YamlNode>;

/// A value of a YAML file, with merge keys merged. What an alias names is shared, not copied.
struct YamlNode {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
  struct Member {
    std::string key;
    int line = 0;  ///< Of the key, from 1.
    int column = 0;
    YamlNodePtr value;
  };

  Kind kind = Kind::kNull;
  std::string text = {};
  bool quoted = false;  ///< A scalar in quotes or block style: certainly a string.
  int line = 0;
  int column = 0;
  std::vector<YamlNodePtr> items = {};
  std::vector<Member> members = {};  ///< In the order of the file, no key twice.
  std::size_t size = 1;  ///< What it weighs with aliases expanded: its values and their text.

  const YamlNode* Find(std::string_view key) const;
};

/// One YAML document.
struct YamlDocument {
  /// Reads a file that holds one document. What makes it unreadable (malformed, larger than 1 MiB,
  /// nested deeper than 64, aliases that expand to more than 100,000 values) is the error, with one
  /// Violation. Keys that are there twice are in `violations`; the first one counts.
  static Result<YamlDocument> Read(std::string_view text);

  YamlNodePtr root;
  std::vector<Violation> violations = {};
};

}  // namespace mesg
