#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/repeated_ptr_field.h>

#include "base/result.h"
#include "cli/terminal.h"
#include "mesg/v1/services.pb.h"

namespace mesg::cli {

/// Values that a person typed, made into the JSON object a task or an event declares.

using Parameters = google::protobuf::RepeatedPtrField<::mesg::v1::Parameter>;

/// `text` as JSON of the declared type: a Number and a Boolean as written, an Object from JSON
/// text, a repeated parameter from a comma-separated list or a JSON list, String and Any as a
/// string. What has a JSON Schema instead of a type is JSON when it reads as JSON, else a string.
/// InvalidArgument says what was expected.
Result<std::string> CastValue(const ::mesg::v1::Parameter& parameter, std::string_view text);

/// The JSON object of "key=value" words. A key that is not declared is refused with the nearest
/// one.
Result<std::string> CastData(const Parameters& parameters, const std::vector<std::string>& data);

/// Asks for every declared value that `data` does not give: optional ones may be left empty, a
/// value of the wrong type is asked for again. Returns the JSON object.
Result<std::string> AskForData(const Parameters& parameters, const std::vector<std::string>& data,
                               Terminal& terminal);

/// How people write a parameter's type: "String", "Number list", "JSON Schema".
std::string TypeName(const ::mesg::v1::Parameter& parameter);

/// The content of a file, or of the input for "-". At most 64 MiB.
Result<std::string> ReadFileOrInput(const std::string& name, Terminal& terminal);

}  // namespace mesg::cli
