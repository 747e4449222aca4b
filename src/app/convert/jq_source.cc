#include "app/convert/jq_source.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/encoding.h"

namespace mesg::app {
namespace {

bool IsName(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && letter(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return letter(c) || digit(c); });
}

// The value at `path`, or null when it leads nowhere.
std::string ValueAt(std::string_view root, std::span<const JsonPath::Step> path) {
  const std::string source = JqPath(std::string(root), path);
  // Data is an object: one member of it can be asked for without any care.
  const bool simple = path.empty() || (path.size() == 1 && !path.front().index);
  return simple ? source : fmt::format("(try {} catch null)", source);
}

std::string Symbol(Predicate::Operator op) {
  switch (op) {
    case Predicate::Operator::kGt:
      return ">";
    case Predicate::Operator::kGte:
      return ">=";
    case Predicate::Operator::kLt:
      return "<";
    case Predicate::Operator::kLte:
      return "<=";
    case Predicate::Operator::kEq:
    case Predicate::Operator::kContains:
    case Predicate::Operator::kExists:
      break;
  }
  return "==";
}

// The value is there. The path is not empty.
std::string Exists(std::string_view root, std::span<const JsonPath::Step> path) {
  const std::string parent = ValueAt(root, path.first(path.size() - 1));
  const JsonPath::Step& last = path.back();
  if (last.index) {
    return fmt::format("{} | type == \"array\" and length > {}", parent, *last.index);
  }
  return fmt::format("{} | type == \"object\" and has({})", parent, QuoteJson(last.key));
}

}  // namespace

std::string JqPath(std::string root, std::span<const JsonPath::Step> path) {
  for (const JsonPath::Step& step : path) {
    // `.` alone begins both .key and .[0]; behind anything else, a key needs a dot of its own.
    if (step.index) {
      root += fmt::format("[{}]", *step.index);
    } else if (IsName(step.key)) {
      root += (root == "." ? "" : ".") + step.key;
    } else {
      root += fmt::format("[{}]", QuoteJson(step.key));
    }
  }
  return root;
}

std::string JqCondition(std::string_view root, std::span<const JsonPath::Step> path,
                        Predicate::Operator op, const Operand& operand) {
  const std::string value = ValueAt(root, path);
  switch (op) {
    case Predicate::Operator::kExists:
      return Exists(root, path);
    case Predicate::Operator::kEq:
      // What is not there is null as well, but no null that somebody gave.
      if (operand.kind == Value::Kind::kNull) {
        return fmt::format("({}) and {} == null", Exists(root, path), value);
      }
      return fmt::format("{} == {}", value, operand.jq);
    case Predicate::Operator::kContains:
      if (operand.kind == Value::Kind::kString) {
        return fmt::format(
            "{} | if type == \"string\" then contains({}) else type == \"array\" and any(. == {}) "
            "end",
            value, operand.jq, operand.jq);
      }
      return fmt::format("{} | type == \"array\" and any(. == {})", value, operand.jq);
    case Predicate::Operator::kGt:
    case Predicate::Operator::kGte:
    case Predicate::Operator::kLt:
    case Predicate::Operator::kLte:
      return fmt::format("{} | type == \"{}\" and . {} {}", value,
                         operand.kind == Value::Kind::kNumber ? "number" : "string", Symbol(op),
                         operand.jq);
  }
  return "false";
}

std::string JqAll(const std::vector<std::string>& conditions) {
  if (conditions.size() == 1) return conditions.front();
  return fmt::format("({})", fmt::join(conditions, ") and ("));
}

std::string TemplateSource(std::span<const TextPart> parts) {
  std::string source;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string& text = parts[i].text;
    if (parts[i].expression) {
      source += fmt::format("${{ {} }}", text);
      continue;
    }
    std::size_t at = 0;
    for (std::size_t found; (found = text.find("${", at)) != std::string::npos; at = found + 2) {
      source += text.substr(at, found - at) + "$${";
    }
    std::string rest = text.substr(at);
    // A dollar before the next expression would make that one plain text.
    const std::size_t kept = rest.find_last_not_of('$') + 1;
    const bool dollars = kept < rest.size() && i + 1 < parts.size();
    source += dollars ? rest.substr(0, kept) : rest;
    if (dollars) source += fmt::format("${{ {} }}", QuoteJson(rest.substr(kept)));
  }
  return source;
}

Operand JqText(std::span<const TextPart> parts) {
  if (parts.size() == 1 && parts.front().expression) return {parts.front().text, {}};
  std::string source = "\"";
  for (const TextPart& part : parts) {
    const std::string quoted = QuoteJson(part.text);
    source +=
        part.expression ? fmt::format("\\({})", part.text) : quoted.substr(1, quoted.size() - 2);
  }
  return {source + "\"", Value::Kind::kString};
}

}  // namespace mesg::app
