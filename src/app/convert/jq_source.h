#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/expression/value.h"
#include "model/predicate.h"

namespace mesg::app {

/// jq source that reads `path` in what the path `root` gives ("." or "$steps.price").
std::string JqPath(std::string root, std::span<const JsonPath::Step> path);

/// What a value is compared with, as jq source, and its kind as far as that is known.
struct Operand {
  std::string jq;
  std::optional<Value::Kind> kind = {};
};

/// jq source of a condition that is true when Predicate (model/predicate.h) has it so, else false;
/// it never fails. For kGt to kLte the operand is a number or a text.
std::string JqCondition(std::string_view root, std::span<const JsonPath::Step> path,
                        Predicate::Operator op, const Operand& operand);

/// All of them hold; there is at least one.
std::string JqAll(const std::vector<std::string>& conditions);

/// A piece of a text: what stands there, or jq source of what belongs there.
struct TextPart {
  bool expression = false;
  std::string text = {};
};

/// The pieces as the text of a Template, whatever the plain ones hold.
std::string TemplateSource(std::span<const TextPart> parts);
/// The pieces as jq source: the value of an expression that stands alone, else a text.
Operand JqText(std::span<const TextPart> parts);

}  // namespace mesg::app
