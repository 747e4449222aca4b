#pragma once

#include <span>

#include "app/expression/meter.h"
#include "app/expression/value.h"
#include "base/result.h"

/// What the functions of functions.cc do with their input and arguments; jq's manual tells the
/// meaning of each. InvalidArgument when they cannot do it with these.
namespace mesg::app::bodies {

#define MESG_FUNCTION_BODY(name) \
  Result<Value> name(const Value& input, std::span<const Value> arguments, Meter& meter)

MESG_FUNCTION_BODY(Length);
MESG_FUNCTION_BODY(ByteLength);
MESG_FUNCTION_BODY(Not);
MESG_FUNCTION_BODY(Keys);
MESG_FUNCTION_BODY(KeysUnsorted);
MESG_FUNCTION_BODY(Has);
MESG_FUNCTION_BODY(Contains);
MESG_FUNCTION_BODY(Add);
MESG_FUNCTION_BODY(Any);
MESG_FUNCTION_BODY(All);
MESG_FUNCTION_BODY(Flatten);
MESG_FUNCTION_BODY(Floor);
MESG_FUNCTION_BODY(Ceil);
MESG_FUNCTION_BODY(Round);
MESG_FUNCTION_BODY(Trunc);
MESG_FUNCTION_BODY(Abs);
MESG_FUNCTION_BODY(ToString);
MESG_FUNCTION_BODY(ToNumber);
MESG_FUNCTION_BODY(ToJson);
MESG_FUNCTION_BODY(FromJson);
MESG_FUNCTION_BODY(Type);
MESG_FUNCTION_BODY(Sort);
MESG_FUNCTION_BODY(Unique);
MESG_FUNCTION_BODY(Min);
MESG_FUNCTION_BODY(Max);
MESG_FUNCTION_BODY(SortBy);
MESG_FUNCTION_BODY(GroupBy);
MESG_FUNCTION_BODY(UniqueBy);
MESG_FUNCTION_BODY(MinBy);
MESG_FUNCTION_BODY(MaxBy);
MESG_FUNCTION_BODY(Reverse);
MESG_FUNCTION_BODY(Transpose);
MESG_FUNCTION_BODY(FromEntries);
MESG_FUNCTION_BODY(GetPath);
MESG_FUNCTION_BODY(StartsWith);
MESG_FUNCTION_BODY(EndsWith);
MESG_FUNCTION_BODY(TrimPrefix);
MESG_FUNCTION_BODY(TrimSuffix);
MESG_FUNCTION_BODY(Explode);
MESG_FUNCTION_BODY(Implode);
MESG_FUNCTION_BODY(Split);
MESG_FUNCTION_BODY(Join);
MESG_FUNCTION_BODY(Downcase);
MESG_FUNCTION_BODY(Upcase);
MESG_FUNCTION_BODY(FirstIndex);
MESG_FUNCTION_BODY(LastIndex);
MESG_FUNCTION_BODY(Indices);
MESG_FUNCTION_BODY(FormatAs);

#undef MESG_FUNCTION_BODY

/// "a number (12)", "an object", for messages; cut where it is long.
std::string Show(const Value& value);

/// The pieces of `text` between the occurrences of `separator`; every character when that is "".
Result<Value> SplitText(const std::string& text, const std::string& separator, Meter& meter);
/// Where `part` begins in `list`, or `text` in a text, in items or characters.
Result<Value> FindIndices(const Value& in, const Value& what, Meter& meter);

}  // namespace mesg::app::bodies
