#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <re2/re2.h>

#include "model/json_schema.h"

namespace mesg {

/// A compiled schema; what is not set is not checked. Nodes point at each other and live as long as
/// their JsonSchema. Only for json_schema*.cc.
struct JsonSchema::Node {
  static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

  bool never = false;                            ///< The schema `false`.
  unsigned types = 0;                            ///< Bits of JsonValue::Kind; 0: any.
  bool integer = false;                          ///< Numbers must be integers.
  std::string type_names;                        ///< For messages.
  std::optional<std::set<std::string>> allowed;  ///< enum and const, comparable.
  std::string allowed_names;

  std::optional<std::string> minimum, maximum, above, below, multiple_of;  ///< Canonical decimals.
  std::string minimum_text, maximum_text, above_text, below_text, multiple_of_text;

  std::uint64_t min_length = 0, max_length = kNoLimit;
  std::unique_ptr<re2::RE2> pattern;

  std::uint64_t min_items = 0, max_items = kNoLimit;
  bool unique = false;
  const Node* items = nullptr;
  std::vector<const Node*> tuple;
  const Node* contains = nullptr;

  std::uint64_t min_members = 0, max_members = kNoLimit;
  std::vector<std::string> required;
  std::map<std::string, const Node*, std::less<>> properties;
  std::vector<std::pair<std::unique_ptr<re2::RE2>, const Node*>> patterns;
  const Node* additional = nullptr;
  const Node* names = nullptr;
  std::vector<std::pair<std::string, std::vector<std::string>>> dependent_required;
  std::vector<std::pair<std::string, const Node*>> dependent_schemas;

  std::vector<const Node*> all_of, any_of, one_of;
  const Node* negated = nullptr;
  const Node* condition = nullptr;
  const Node* then = nullptr;
  const Node* otherwise = nullptr;
};

}  // namespace mesg
