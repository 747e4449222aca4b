#include "model/json_schema.h"

#include <algorithm>

#include "base/encoding.h"
#include "model/decimal.h"
#include "model/json_schema_node.h"

namespace mesg {
namespace {

using Kind = JsonValue::Kind;

std::uint64_t CodePoints(std::string_view text) {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

bool Found(std::string_view text, const re2::RE2& pattern) {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

}  // namespace

std::string PathStep(std::string_view key) {
  std::string step = ".";
  for (const char c : key) {
    if (static_cast<unsigned char>(c) < 0x20) {
      step += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      continue;
    }
    if (c == '.' || c == '[' || c == ']' || c == '\\') step += '\\';
    step += c;
  }
  return step;
}

/// One check of one value. Without a report it only answers whether the value is valid.
class JsonSchema::Checker {
 public:
  explicit Checker(const Report* report) : report_(report) {}

  bool Check(const Node& node, const JsonValue& value, const std::string& path, int depth = 0);

 private:
  bool Fail(const std::string& path, std::string reason) {
    if (report_ != nullptr) (*report_)(path, std::move(reason));
    return false;
  }
  /// Checks without reporting, within the same budget.
  bool Holds(const Node& node, const JsonValue& value, int depth) {
    const Report* const report = std::exchange(report_, nullptr);
    const bool holds = Check(node, value, {}, depth);
    report_ = report;
    return holds;
  }

  bool Number(const Node& node, const JsonValue& value, const std::string& path);
  bool String(const Node& node, const JsonValue& value, const std::string& path);
  bool List(const Node& node, const JsonValue& value, const std::string& path, int depth);
  bool Object(const Node& node, const JsonValue& value, const std::string& path, int depth);
  bool Members(const Node& node, const JsonValue& value, const std::string& path, int depth);
  bool Combined(const Node& node, const JsonValue& value, const std::string& path, int depth);

  static constexpr int kMaxSteps = 1'000'000;
  static constexpr int kMaxDepth = 400;  ///< References may go round without going down.
  const Report* report_;
  int steps_ = 0;
  bool exhausted_ = false;
};

bool JsonSchema::Checker::Check(const Node& node, const JsonValue& value, const std::string& path,
                                int depth) {
  if (exhausted_) return false;
  if (++steps_ > kMaxSteps || depth > kMaxDepth) {
    exhausted_ = true;
    return Fail(path, "the value is too complex to be checked against its schema");
  }
  if (node.never) return Fail(path, "the schema allows no value here");
  const bool type_fits =
      node.types == 0 || (node.types & (1U << static_cast<unsigned>(value.kind))) != 0;
  if (!type_fits) {
    return Fail(path, fmt::format("expected {}, got {}", node.type_names, Describe(value.kind)));
  }
  bool valid = true;
  if (node.allowed) {
    std::string text;
    AppendComparable(value, text);
    if (!node.allowed->contains(text)) {
      valid = Fail(path, fmt::format("expected one of {}", node.allowed_names));
    }
  }
  switch (value.kind) {
    case Kind::kNumber:
      valid &= Number(node, value, path);
      break;
    case Kind::kString:
      valid &= String(node, value, path);
      break;
    case Kind::kList:
      valid &= List(node, value, path, depth);
      break;
    case Kind::kObject:
      valid &= Object(node, value, path, depth);
      break;
    case Kind::kNull:
    case Kind::kBoolean:
      break;
  }
  return Combined(node, value, path, depth) && valid;
}

bool JsonSchema::Checker::Number(const Node& node, const JsonValue& value,
                                 const std::string& path) {
  if (!node.integer && !node.minimum && !node.maximum && !node.above && !node.below &&
      !node.multiple_of) {
    return true;
  }
  std::string number;
  if (!AppendDecimal(value.text, number))
    return Fail(path, "the number's exponent is out of range");
  bool valid = true;
  const auto expect = [&](bool holds, std::string_view what, std::string_view limit) {
    if (!holds)
      valid = Fail(path, fmt::format("expected {}{}, got {:.64}", what, limit, value.text));
  };
  expect(!node.integer || IsInteger(number), "an integer", "");
  if (node.minimum) {
    expect(CompareDecimals(number, *node.minimum) >= 0, "at least ", node.minimum_text);
  }
  if (node.maximum) {
    expect(CompareDecimals(number, *node.maximum) <= 0, "at most ", node.maximum_text);
  }
  if (node.above) expect(CompareDecimals(number, *node.above) > 0, "more than ", node.above_text);
  if (node.below) expect(CompareDecimals(number, *node.below) < 0, "less than ", node.below_text);
  if (node.multiple_of) {
    expect(IsMultipleOf(number, *node.multiple_of), "a multiple of ", node.multiple_of_text);
  }
  return valid;
}

bool JsonSchema::Checker::String(const Node& node, const JsonValue& value,
                                 const std::string& path) {
  bool valid = true;
  if (node.min_length > 0 || node.max_length != Node::kNoLimit) {
    const std::uint64_t length = CodePoints(value.text);
    if (length < node.min_length) {
      valid = Fail(path,
                   fmt::format("expected at least {} characters, got {}", node.min_length, length));
    }
    if (length > node.max_length) {
      valid = Fail(path,
                   fmt::format("expected at most {} characters, got {}", node.max_length, length));
    }
  }
  if (node.pattern && !Found(value.text, *node.pattern)) {
    valid = Fail(path,
                 fmt::format("expected text that matches {}", QuoteJson(node.pattern->pattern())));
  }
  return valid;
}

bool JsonSchema::Checker::List(const Node& node, const JsonValue& value, const std::string& path,
                               int depth) {
  bool valid = true;
  const std::size_t count = value.items.size();
  if (count < node.min_items) {
    valid = Fail(path, fmt::format("expected at least {} items, got {}", node.min_items, count));
  }
  if (count > node.max_items) {
    valid = Fail(path, fmt::format("expected at most {} items, got {}", node.max_items, count));
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Node* const item = i < node.tuple.size() ? node.tuple[i] : node.items;
    if (item != nullptr) {
      valid &= Check(*item, value.items[i], fmt::format("{}[{}]", path, i), depth + 1);
    }
  }
  if (node.contains != nullptr && std::ranges::none_of(value.items, [&](const JsonValue& item) {
        return Holds(*node.contains, item, depth + 1);
      })) {
    valid = Fail(path, "no item is what the list must contain");
  }
  if (node.unique) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < count; ++i) {
      std::string text;
      AppendComparable(value.items[i], text);
      if (!seen.insert(std::move(text)).second) {
        valid = Fail(fmt::format("{}[{}]", path, i), "is there before, but items must be unique");
      }
    }
  }
  return valid;
}

bool JsonSchema::Checker::Object(const Node& node, const JsonValue& value, const std::string& path,
                                 int depth) {
  bool valid = true;
  const std::size_t count = value.members.size();
  if (count < node.min_members) {
    valid = Fail(path, fmt::format("expected at least {} fields, got {}", node.min_members, count));
  }
  if (count > node.max_members) {
    valid = Fail(path, fmt::format("expected at most {} fields, got {}", node.max_members, count));
  }
  const auto require = [&](const std::vector<std::string>& keys) {
    for (const std::string& key : keys) {
      if (value.Find(key) == nullptr) valid = Fail(path + PathStep(key), "required, but missing");
    }
  };
  require(node.required);
  for (const auto& [key, needed] : node.dependent_required) {
    if (value.Find(key) != nullptr) require(needed);
  }
  for (const auto& [key, schema] : node.dependent_schemas) {
    if (value.Find(key) != nullptr) valid &= Check(*schema, value, path, depth + 1);
  }
  return Members(node, value, path, depth) && valid;
}

bool JsonSchema::Checker::Members(const Node& node, const JsonValue& value, const std::string& path,
                                  int depth) {
  bool valid = true;
  for (const auto& [key, member] : value.members) {
    const std::string place = path + PathStep(key);
    if (node.names != nullptr) {
      const JsonValue name{.kind = Kind::kString, .text = key};
      valid &= Check(*node.names, name, place, depth + 1);
    }
    const auto property = node.properties.find(key);
    bool known = property != node.properties.end();
    if (known) valid &= Check(*property->second, member, place, depth + 1);
    for (const auto& [pattern, schema] : node.patterns) {
      if (!Found(key, *pattern)) continue;
      known = true;
      valid &= Check(*schema, member, place, depth + 1);
    }
    if (known || node.additional == nullptr) continue;
    if (node.additional->never) {
      valid = Fail(place, "is not declared by the schema");
    } else {
      valid &= Check(*node.additional, member, place, depth + 1);
    }
  }
  return valid;
}

bool JsonSchema::Checker::Combined(const Node& node, const JsonValue& value,
                                   const std::string& path, int depth) {
  bool valid = true;
  for (const Node* const schema : node.all_of) valid &= Check(*schema, value, path, depth + 1);
  const auto holds = [&](const Node* schema) { return Holds(*schema, value, depth + 1); };
  if (!node.any_of.empty() && std::ranges::none_of(node.any_of, holds)) {
    valid = Fail(path, fmt::format("is none of the {} allowed alternatives", node.any_of.size()));
  }
  if (!node.one_of.empty()) {
    const auto count = std::ranges::count_if(node.one_of, holds);
    if (count != 1) {
      valid = Fail(path, fmt::format("must be exactly one of {} alternatives, is {}",
                                     node.one_of.size(), count));
    }
  }
  if (node.negated != nullptr && holds(node.negated)) valid = Fail(path, "is what it must not be");
  if (node.condition != nullptr) {
    const Node* const branch = holds(node.condition) ? node.then : node.otherwise;
    if (branch != nullptr) valid &= Check(*branch, value, path, depth + 1);
  }
  if (exhausted_ && report_ != nullptr) return false;
  return valid;
}

void JsonSchema::Check(const JsonValue& value, const Report& report) const {
  Checker(&report).Check(*root_, value, "");
}

}  // namespace mesg
