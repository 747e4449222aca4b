#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/expression/value.h"
#include "model/service_definition.h"

namespace mesg::app {

/// What is known of a value before there is one. Views into contracts, which must outlive it.
class Type {
 public:
  Type() = default;  ///< Nothing is known.
  static Type Of(const Parameter& parameter) { return Type(parameter, parameter.repeated); }
  /// An object with these members.
  static Type Of(const ParameterSet& members) {
    Type type;
    type.kind_ = ParameterType::kObject;
    type.members_ = &members.parameters;
    type.closed_ = !members.additional;
    return type;
  }
  static Type Of(ParameterType kind) {
    Type type;
    if (kind != ParameterType::kAny) type.kind_ = kind;
    return type;
  }
  static Type Of(const Value& value);
  /// A list of anything.
  static Type List() {
    Type type;
    type.list_ = true;
    return type;
  }

  /// The member of that key. Nothing when there can be none; unknown when nothing is known of it.
  std::optional<Type> Member(std::string_view key) const;
  /// False for what is surely a list, a text, a number or a truth.
  bool CanHaveMembers() const { return !list_ && (!kind_ || *kind_ == ParameterType::kObject); }
  /// What an item of the list is; unknown when it is none.
  Type Item() const;
  /// The names of the members that are known.
  std::vector<std::string_view> Members() const;

  /// Whether a value of this type could be one of `other`: true in doubt.
  bool CouldBe(const Type& other) const;
  /// "a String", "a list of Numbers".
  std::string Describe() const;

 private:
  Type(const Parameter& parameter, bool list);

  std::optional<ParameterType> kind_;
  bool list_ = false;
  const std::vector<Parameter>* members_ = nullptr;
  bool closed_ = false;
};

}  // namespace mesg::app
