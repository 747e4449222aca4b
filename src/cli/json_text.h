#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mesg::cli {

/// JSON handled as text, so that numbers of any size stay exactly as they were written. Nesting
/// beyond 128 and duplicate keys are refused, like Core does. Errors are InvalidArgument with the
/// offset.

/// `text` on one line, without blanks between its parts.
Result<std::string> CompactJson(std::string_view text);

/// `text` with two blanks a level, for a person.
Result<std::string> IndentedJson(std::string_view text);

/// The members of one object, in order, each value as compact JSON.
using JsonMembers = std::vector<std::pair<std::string, std::string>>;
Result<JsonMembers> ParseJsonObject(std::string_view text);

/// The reverse.
std::string ToJsonObject(const JsonMembers& members);

/// True for text that JSON takes as a number: "-1.5e3".
bool IsJsonNumber(std::string_view text);

}  // namespace mesg::cli
