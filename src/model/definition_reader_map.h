#pragma once

#include <algorithm>

#include "base/encoding.h"
#include "model/definition_reader.h"
#include "model/json_schema.h"

// The templates of DefinitionReader. Only for definition_reader*.cc.

namespace mesg {

inline std::string_view Describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return "a scalar";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a mapping";
  }
  return "something else";
}

/// Calls `action(member, cursor)` for each member. Nothing at all is an empty mapping.
template <typename Action>
void DefinitionReader::ForEachMember(const Cursor& at, std::string_view what, Action&& action) {
  if (at.node->kind == YamlNode::Kind::kNull) return;
  if (at.node->kind != YamlNode::Kind::kMap) return Expected(at, what);
  for (const YamlNode::Member& member : at.node->members) action(member, at.Member(member));
}

template <typename T>
void DefinitionReader::ReadMap(const Cursor& at, std::string_view what, T& into) {
  ForEachMember(at, what, [&](const YamlNode::Member& member, const Cursor& value) {
    const auto& fields = Fields<T>();
    const auto field = std::ranges::find(fields, member.key, &Field<T>::key);
    if (field != fields.end()) {
      if (field->read != nullptr) (this->*field->read)(value, into);
      return;
    }
    if (Full()) return Report(value, "unknown key");
    std::vector<std::string_view> known;
    for (const Field<T>& each : fields) {
      if (each.read != nullptr) known.push_back(each.key);
    }
    const std::string_view nearest = Nearest(member.key, known);
    std::string reason = "unknown key";
    if (!nearest.empty()) {
      reason += fmt::format(", did you mean {}?", QuoteJson(nearest));
    } else {
      reason += fmt::format(", expected one of {}", fmt::join(known, ", "));
    }
    Report(value, std::move(reason));
  });
}

}  // namespace mesg
