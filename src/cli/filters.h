#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/command.h"
#include "mesg/v1/types.pb.h"

namespace mesg::cli {

/// "path OP value" as a predicate. OP is ==, =, >, >=, <, <=, contains, or exists (which has no
/// value); a value that does not read as JSON is a string. InvalidArgument says what is wrong.
Result<::mesg::v1::Predicate> ParseWhere(std::string_view text);

/// What --service, --key (or --task), --output-key, --tag and --where ask for; the positional
/// SERVICE counts as --service.
Result<::mesg::v1::Filter> FilterFrom(const Arguments& arguments, ::mesg::v1::Filter::Kind kind);

/// The filter in words: "events of shop/paid where amount > 100 and who exists".
std::string DescribeFilter(const ::mesg::v1::Filter& filter);

/// A time as people give it: RFC 3339, or a duration that lies in the past ("2h").
Result<std::int64_t> ParseWhen(std::string_view text, TimePoint now);

}  // namespace mesg::cli
