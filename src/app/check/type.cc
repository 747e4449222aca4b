#include "app/check/type.h"

#include <algorithm>

#include <fmt/format.h>

namespace mesg::app {

Type::Type(const Parameter& parameter, bool list) : list_(list) {
  if (!parameter.schema.empty()) {  // Which may say anything.
    list_ = false;
    return;
  }
  if (parameter.type != ParameterType::kAny) kind_ = parameter.type;
  if (parameter.type == ParameterType::kObject && !parameter.object.empty()) {
    members_ = &parameter.object;
    closed_ = !parameter.additional;
  }
}

Type Type::Of(const Value& value) {
  Type type;
  switch (value.kind()) {
    case Value::Kind::kNull:
      break;
    case Value::Kind::kBoolean:
      type.kind_ = ParameterType::kBoolean;
      break;
    case Value::Kind::kNumber:
      type.kind_ = ParameterType::kNumber;
      break;
    case Value::Kind::kString:
      type.kind_ = ParameterType::kString;
      break;
    case Value::Kind::kList:
      type.list_ = true;
      break;
    case Value::Kind::kObject:
      type.kind_ = ParameterType::kObject;
      break;
  }
  return type;
}

std::optional<Type> Type::Member(std::string_view key) const {
  if (!CanHaveMembers()) return std::nullopt;
  if (members_ == nullptr) return Type();
  const auto found = std::ranges::find(*members_, key, &Parameter::key);
  if (found != members_->end()) return Of(*found);
  return closed_ ? std::nullopt : std::optional(Type());
}

Type Type::Item() const {
  if (!list_) return {};
  Type item = *this;
  item.list_ = false;
  return item;
}

std::vector<std::string_view> Type::Members() const {
  std::vector<std::string_view> names;
  if (members_ == nullptr) return names;
  for (const Parameter& member : *members_) names.push_back(member.key);
  return names;
}

bool Type::CouldBe(const Type& other) const {
  if (!kind_ && !list_) return true;
  if (!other.kind_ && !other.list_) return true;
  if (list_ != other.list_) return false;
  return !kind_ || !other.kind_ || *kind_ == *other.kind_;
}

std::string Type::Describe() const {
  if (list_) return kind_ ? fmt::format("a list of {}s", Name(*kind_)) : "a list";
  if (!kind_) return "anything";
  return fmt::format("{} {}", *kind_ == ParameterType::kObject ? "an" : "a", Name(*kind_));
}

}  // namespace mesg::app
