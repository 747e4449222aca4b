#pragma once

#include <string>

namespace google::protobuf {
class Message;
}

namespace mesg::cli {

/// A message of the API as one line of JSON: keys as in the proto, every plain field whether set or
/// not, messages and choices only when set. Data, inputs, outputs and other JSON fields are
/// embedded as JSON (null when empty), integers are numbers, enums their names, times stay
/// microseconds.
std::string MessageToJson(const google::protobuf::Message& message);

}  // namespace mesg::cli
