#include <algorithm>

#include <fmt/format.h>

#include "app/convert/process_reader.h"

// The filters of a process file.

namespace mesg::app {
namespace {

using Kind = YamlNode::Kind;
using Operator = Predicate::Operator;

constexpr std::pair<std::string_view, Operator> kPredicates[] = {
    {"EQ", Operator::kEq}, {"GT", Operator::kGt},   {"GTE", Operator::kGte},
    {"LT", Operator::kLt}, {"LTE", Operator::kLte}, {"CONTAINS", Operator::kContains},
};

std::optional<Operator> FindPredicate(std::string_view name) {
  const auto found =
      std::ranges::find(kPredicates, name, &std::pair<std::string_view, Operator>::first);
  if (found == std::end(kPredicates)) return std::nullopt;
  return found->second;
}

}  // namespace

void ProcessReader::ReadFilter(const Cursor& at, const Members& members, const NamedStep& step) {
  std::string source = previous_;
  if (const auto found = members.find("stepKey"); found != members.end()) {
    std::string key;
    if (!ReadPlainText(found->second, key)) return;
    const auto other = SourceOf(found->second, key);
    if (!other) return;
    source = *other;
  }
  const auto conditions = members.find("conditions");
  if (conditions == members.end()) return Missing(at, "conditions", "what must hold to go on");
  const Cursor& all = conditions->second;
  // One condition is where it stands, of several only all together have a place.
  Cursor place = all;
  if (all.node->members.size() == 1) place = all.Member(all.node->members.front());
  if (all.node->items.size() == 1) place = all.Item(0);
  AddConditions(place, step, ReadConditions(all, source));
}

// Before any task it decides whether there is a run at all, later whether the run goes on.
void ProcessReader::AddConditions(const Cursor& at, const NamedStep& step,
                                  const std::vector<std::string>& conditions) {
  if (conditions.empty()) return;
  if (TheWorkflow().steps.empty()) {
    if (!first_filter_) first_filter_ = at;
    first_conditions_.insert(first_conditions_.end(), conditions.begin(), conditions.end());
    return;
  }
  const std::vector<TextPart> reason = {
      {false, fmt::format("the filter {} does not hold", step.key)}};
  auto stops = MakeExpression(at, fmt::format("({}) | not", JqAll(conditions)));
  auto text = MakeTemplate(at, TemplateSource(reason));
  if (!stops || !text) return;
  TheWorkflow().steps.push_back({.action = StopStep{*std::move(text)},
                                 .id = step.key,
                                 .condition = *std::move(stops),
                                 .place = PlaceOf(at)});
}

std::vector<std::string> ProcessReader::ReadConditions(const Cursor& at,
                                                       const std::string& source) {
  std::vector<std::string> conditions;
  const auto add = [&](std::optional<std::string> jq) {
    if (jq) conditions.push_back(*std::move(jq));
  };
  if (at.node->kind == Kind::kMap) {
    for (const YamlNode::Member& member : at.node->members) {
      const Cursor value = at.Member(member);
      add(MakeCondition(value, source, member.key, "EQ", value));
    }
  } else if (at.node->kind == Kind::kList && at.node->items.size() <= kMaxListSize) {
    for (std::size_t i = 0; i < at.node->items.size(); ++i) add(ReadCondition(at.Item(i), source));
  } else if (at.node->kind == Kind::kList) {
    Report(at, fmt::format("there are {} conditions, at most {} are allowed", at.node->items.size(),
                           kMaxListSize));
  } else {
    Expected(at,
             "a mapping of fields to values, or a list such as [{key: total, predicate: GT, "
             "value: 5}]");
  }
  return conditions;
}

void ProcessReader::ReadPredicate(const Cursor& at, Condition& into) {
  if (!into.predicate.empty()) return Report(at, "is there in both spellings, use one");
  into.predicate = at.node->kind == Kind::kScalar ? at.node->text : std::string();
  if (FindPredicate(into.predicate)) return;
  Expected(at, "EQ, GT, GTE, LT, LTE or CONTAINS");
  into.predicate = "?";  // There, but of no use.
}

std::optional<std::string> ProcessReader::ReadCondition(const Cursor& at, std::string source) {
  using P = ProcessReader;
  static const std::vector<Field<Condition>> kFields = {
      {"key", "path", "What is compared.", &P::ReadConditionKey},
      {"predicate", "EQ, GT, GTE, LT, LTE or CONTAINS", "How.", &P::ReadPredicate},
      // So the original's documentation called it; its compiler read the other one.
      {"predicates", "the same", "How.", &P::ReadPredicate},
      {"value", "anything", "With what.", &P::ReadConditionValue},
      {"stepKey", "key of a step", "Whose data.", &P::ReadConditionStepKey},
  };
  Condition condition;
  constexpr std::string_view kWhat = "a condition such as {key: total, predicate: GT, value: 5}";
  if (at.node->kind != Kind::kMap) {
    Expected(at, kWhat);
    return std::nullopt;
  }
  ReadFields(at, kWhat, kFields, condition);
  if (!condition.key) Missing(at, "key", "the path of what is compared");
  if (condition.predicate.empty()) {
    Missing(at, "predicate", "EQ, GT, GTE, LT, LTE or CONTAINS");
  }
  if (!condition.value) Missing(at, "value", "what it is compared with");
  if (at.node->Find("predicates") != nullptr) {
    Note(at, "is compared as `predicates` says; the original's compiler read `predicate` only");
  }
  std::string step;
  std::optional<std::string> other = std::move(source);
  if (condition.step_key && ReadPlainText(*condition.step_key, step)) {
    other = SourceOf(*condition.step_key, step);
  }
  std::string path;
  if (!condition.key || !ReadPlainText(*condition.key, path) || !condition.value) {
    return std::nullopt;
  }
  const auto jq = MakeCondition(*condition.key, other.value_or("."), path, condition.predicate,
                                *condition.value);
  return other ? jq : std::nullopt;
}

std::optional<std::string> ProcessReader::MakeCondition(const Cursor& at, const std::string& source,
                                                        std::string_view path,
                                                        std::string_view predicate,
                                                        const Cursor& value) {
  const auto op = FindPredicate(predicate);
  const auto steps = ReadPath(at, path);
  auto operand = ReadOperand(value);
  if (!op || !steps || !operand) return std::nullopt;
  const bool variable = value.node->kind == Kind::kScalar && HasMarker(value.node->text);
  if (variable) operand->kind = Value::Kind::kString;
  const bool ordered = *op != Operator::kEq && *op != Operator::kContains;
  const bool comparable =
      operand->kind == Value::Kind::kNumber || (operand->kind == Value::Kind::kString && !variable);
  if (ordered && !comparable) {
    // The text of a variable would be greater or less than texts only, never than numbers.
    Expected(value, variable ? fmt::format("a number for {}: a variable is always text", predicate)
                             : fmt::format("a number or a text for {}", predicate));
    return std::nullopt;
  }
  return JqCondition(source, *steps, *op, *operand);
}

}  // namespace mesg::app
