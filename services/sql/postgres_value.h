#pragma once

#include <string>
#include <string_view>

namespace mesg::services::sql {

/// A value of PostgreSQL in its text form, of the type with object id `type`, as JSON: numbers with
/// all their digits, json as it is, bytea in base64, times in ISO 8601, anything else as text.
std::string PostgresToJson(unsigned type, std::string_view text);

}  // namespace mesg::services::sql
