#include "cli/message_json.h"

#include <algorithm>

#include <fmt/format.h>
#include <google/protobuf/message.h>

#include "base/encoding.h"
#include "cli/json_text.h"

namespace mesg::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

/// Bytes are JSON by the conventions of types.proto; what is not (a log line, a file) is shown as a
/// string.
std::string Bytes(const FieldDescriptor& field, const std::string& value) {
  if (field.name() == "text" || field.name() == "content") return QuoteJson(value);
  if (value.empty()) return "null";
  const Result<std::string> json = CompactJson(value);
  return json ? *json : QuoteJson(value);
}

/// Element `index` of a repeated field, or the one value of a plain one (index -1).
std::string Value(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflect = *message.GetReflection();
  const bool list = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return fmt::to_string(list ? reflect.GetRepeatedInt32(message, &field, index)
                                 : reflect.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return fmt::to_string(list ? reflect.GetRepeatedInt64(message, &field, index)
                                 : reflect.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return fmt::to_string(list ? reflect.GetRepeatedUInt32(message, &field, index)
                                 : reflect.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return fmt::to_string(list ? reflect.GetRepeatedUInt64(message, &field, index)
                                 : reflect.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return fmt::format("{}", list ? reflect.GetRepeatedDouble(message, &field, index)
                                    : reflect.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return fmt::format("{}", list ? reflect.GetRepeatedFloat(message, &field, index)
                                    : reflect.GetFloat(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (list ? reflect.GetRepeatedBool(message, &field, index)
                   : reflect.GetBool(message, &field))
                 ? "true"
                 : "false";
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* value =
          list ? reflect.GetRepeatedEnum(message, &field, index) : reflect.GetEnum(message, &field);
      return QuoteJson(value->name());
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string value = list ? reflect.GetRepeatedString(message, &field, index)
                                     : reflect.GetString(message, &field);
      return field.type() == FieldDescriptor::TYPE_BYTES ? Bytes(field, value) : QuoteJson(value);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageToJson(list ? reflect.GetRepeatedMessage(message, &field, index)
                                : reflect.GetMessage(message, &field));
  }
  return "null";
}

/// A map, whose keys are strings everywhere in our API.
std::string Map(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflect = *message.GetReflection();
  JsonMembers members;
  for (int i = 0; i < reflect.FieldSize(message, &field); ++i) {
    const Message& entry = reflect.GetRepeatedMessage(message, &field, i);
    const auto* key = entry.GetDescriptor()->map_key();
    const auto* value = entry.GetDescriptor()->map_value();
    members.emplace_back(entry.GetReflection()->GetString(entry, key), Value(entry, *value, -1));
  }
  std::ranges::sort(members);
  return ToJsonObject(members);
}

std::string List(const Message& message, const FieldDescriptor& field) {
  std::string out = "[";
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    if (i > 0) out += ',';
    out += Value(message, field, i);
  }
  return out + "]";
}

}  // namespace

std::string MessageToJson(const Message& message) {
  JsonMembers members;
  const auto& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    if (field.is_map()) {
      members.emplace_back(field.name(), Map(message, field));
    } else if (field.is_repeated()) {
      members.emplace_back(field.name(), List(message, field));
    } else if (!field.has_presence() || message.GetReflection()->HasField(message, &field)) {
      members.emplace_back(field.name(), Value(message, field, -1));
    }
  }
  return ToJsonObject(members);
}

}  // namespace mesg::cli
