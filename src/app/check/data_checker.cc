#include "app/check/data_checker.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "app/check/names.h"
#include "model/data_validator.h"

namespace mesg::app {
namespace {

using Kind = Mapping::Kind;

const Mapping* FindMember(const Mapping& object, std::string_view key) {
  const auto found = std::ranges::find(object.keys, key);
  return found == object.keys.end()
             ? nullptr
             : &object.items[static_cast<std::size_t>(found - object.keys.begin())];
}

}  // namespace

void DataChecker::Check(const Mapping& with, const ParameterSet* declared, const Place& place,
                        const Scope& scope) {
  with.ForEachExpression([&](const Expression& expression, const Place& at) {
    expressions_.Check(expression, at, scope);
  });
  if (declared == nullptr || with.unread) return;
  if (with.kind != Kind::kTemplate) {
    return CheckMembers(with, declared->parameters, declared->additional, place, scope);
  }
  const Type got = TypeOf(with, scope);
  if (got.CouldBe(Type::Of(*declared))) return;
  findings_.Report(with.place, [&] {
    return fmt::format("expected an object with the inputs, got {}", got.Describe());
  });
}

void DataChecker::Check(const Value& literal, const Parameter& parameter, const Place& place) {
  ParameterSet one;
  one.parameters.push_back(parameter);
  const auto validator = DataValidator::Compile(one);
  if (!validator) return findings_.Report(place, [&] { return validator.error().message; });
  const Value data = Value::Of(std::vector<Value::Member>{{parameter.key, literal}});
  const auto valid = validator->Validate(data.Json(), "data");
  if (valid) return;
  for (const Violation& violation : valid.error().violations) {
    // Its path begins with the parameter, and so does the place's end.
    const std::size_t inner = std::min(violation.path.find_first_of(".["), violation.path.size());
    findings_.Report({place.line, place.column, place.path + violation.path.substr(inner)},
                     [&] { return violation.reason; });
  }
}

void DataChecker::CheckMembers(const Mapping& with, const std::vector<Parameter>& declared,
                               bool additional, const Place& place, const Scope& scope) {
  std::vector<std::string_view> known;
  for (const Parameter& parameter : declared) {
    known.push_back(parameter.key);
    if (const Mapping* const found = FindMember(with, parameter.key)) {
      CheckValue(*found, parameter, scope);
    } else if (!parameter.optional) {
      findings_.Report(with.place.line == 0 ? place : with.place, [&] {
        return fmt::format("{} is required: expected {}", parameter.key,
                           Type::Of(parameter).Describe());
      });
    }
  }
  for (std::size_t i = 0; i < with.keys.size(); ++i) {
    const std::string& key = with.keys[i];
    if (std::ranges::find(known, key) != known.end()) continue;
    if (additional && Misspelt(key, known).empty()) continue;
    findings_.Report(with.items[i].place,
                     [&] { return fmt::format("{} is not declared{}", key, Choice(key, known)); });
  }
}

void DataChecker::CheckValue(const Mapping& value, const Parameter& parameter, const Scope& scope) {
  if (value.unread) return;
  const bool literal = value.kind == Kind::kLiteral;
  if (!parameter.schema.empty()) {  // Which says what it will, of the whole only.
    if (literal) Check(value.literal, parameter, value.place);
    return;
  }
  if (literal && value.literal.kind() == Value::Kind::kNull) {
    if (parameter.optional) return;
    return findings_.Report(value.place, [&] {
      return fmt::format("expected {}, got nothing", Type::Of(parameter).Describe());
    });
  }
  const Type wanted = Type::Of(parameter);
  const Type got = TypeOf(value, scope);
  if (!got.CouldBe(wanted)) {
    return findings_.Report(value.place, [&] {
      return fmt::format("expected {}, got {}", wanted.Describe(), got.Describe());
    });
  }
  if (value.kind == Kind::kTemplate) return;
  if (parameter.repeated) {
    Parameter item = parameter;
    item.repeated = false;
    item.optional = false;
    for (const Mapping& each : value.items) CheckValue(each, item, scope);
  } else if (parameter.type == ParameterType::kObject && !parameter.object.empty()) {
    CheckMembers(value, parameter.object, parameter.additional, value.place, scope);
  }
}

Type DataChecker::TypeOf(const Mapping& mapping, const Scope& scope) const {
  if (mapping.unread) return {};
  switch (mapping.kind) {
    case Kind::kLiteral:
      return Type::Of(mapping.literal);
    case Kind::kList:
      return Type::List();
    case Kind::kObject:
      return Type::Of(ParameterType::kObject);
    case Kind::kTemplate:
      if (!mapping.text.front().IsExpression()) return Type::Of(ParameterType::kString);
      return expressions_.TypeOf(mapping.text.front().Expressions().front(), scope);
  }
  return {};
}

}  // namespace mesg::app
