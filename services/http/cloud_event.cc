#include "http/cloud_event.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include <simdjson.h>

#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::http {
namespace {

using simdjson::ondemand::json_type;
using simdjson::ondemand::value;

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  return text;
}

// As the HTTP binding has it: all but printable ASCII, and " and %.
std::string Escape(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && c != '"' && c != '%') {
      escaped += c;
    } else {
      escaped += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return escaped;
}

struct CloudEvent {
  std::map<std::string, std::string> attributes;  // As text.
  std::map<std::string, std::string> written;     // As JSON, data included.
  std::optional<std::string> text;                // Of data, when it is text.
};

Result<void> Take(const std::string& name, value from, CloudEvent& event) {
  json_type type{};
  std::string_view text;
  if (from.type().get(type) != simdjson::SUCCESS) return InvalidArgument("cloudevent: broken JSON");
  if (type == json_type::null) return {};
  if (type == json_type::string) {
    if (from.get_string().get(text) != simdjson::SUCCESS) {
      return InvalidArgument("cloudevent.{}: broken JSON", name);
    }
    event.written[name] = QuoteJson(text);
    if (name == "data") {
      event.text = text;
    } else {
      event.attributes[name] = text;
    }
    return {};
  }
  if (name != "data" && type != json_type::number && type != json_type::boolean) {
    return InvalidArgument("cloudevent.{}: expected text, a number or a boolean", name);
  }
  if (simdjson::to_json_string(from).get(text) != simdjson::SUCCESS) {
    return InvalidArgument("cloudevent.{}: broken JSON", name);
  }
  event.written[name] = Trimmed(text);
  if (name != "data") event.attributes[name] = Trimmed(text);
  return {};
}

Result<CloudEvent> Read(std::string_view json) {
  const simdjson::padded_string padded(json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS) {
    return InvalidArgument("cloudevent: expected an object");
  }
  CloudEvent event;
  for (auto field : object) {
    std::string_view key;
    value from;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) {
      return InvalidArgument("cloudevent: broken JSON");
    }
    const std::string name(key);
    const bool named = !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
      return std::isdigit(c) != 0 || (c >= 'a' && c <= 'z');
    });
    if (!named && name != "data_base64") {
      return InvalidArgument("cloudevent: {} is no attribute: lower-case letters and digits",
                             QuoteJson(Shortened(name, 50)));
    }
    if (field.value().get(from) != simdjson::SUCCESS) {
      return InvalidArgument("cloudevent: broken JSON");
    }
    MESG_TRY(Take(name, from, event));
  }
  return event;
}

void Default(CloudEvent& event, const std::string& name, std::string_view text) {
  if (event.attributes.try_emplace(name, text).second) event.written[name] = QuoteJson(text);
}

}  // namespace

Result<CloudEventMessage> WriteCloudEvent(std::string_view json, bool structured,
                                          std::string_view default_id) {
  CloudEvent event = MESG_TRY(Read(json));
  Default(event, "specversion", "1.0");
  Default(event, "id", default_id);
  for (const char* name : {"id", "source", "type"}) {
    if (event.attributes[name].empty()) return InvalidArgument("cloudevent.{}: is missing", name);
  }
  if (event.attributes["specversion"] != "1.0") {
    return InvalidArgument("cloudevent.specversion: expected 1.0");
  }
  const bool base64 = event.attributes.contains("data_base64");
  if (base64 && event.written.contains("data")) {
    return InvalidArgument("cloudevent: expected data or data_base64, not both");
  }
  CloudEventMessage message;
  if (structured) {
    sdk::JsonObject object;
    for (const auto& [name, text] : event.written) object.AddRaw(name, text);
    message.headers = {{"Content-Type", "application/cloudevents+json; charset=utf-8"}};
    message.body = object.Take();
    return message;
  }
  std::string type = event.attributes["datacontenttype"];
  if (type.empty()) type = "application/json";
  if (std::ranges::any_of(type, [](unsigned char c) { return c < 0x20 || c > 0x7e; })) {
    return InvalidArgument("cloudevent.datacontenttype: expected a type such as text/plain");
  }
  for (const auto& [name, text] : event.attributes) {
    if (name != "datacontenttype" && name != "data_base64") {
      message.headers.emplace_back("ce-" + name, Escape(text));
    }
  }
  message.headers.emplace_back("Content-Type", type);
  const bool is_json = type.find("json") != std::string::npos;
  if (base64) {
    auto bytes = sdk::FromBase64(event.attributes["data_base64"]);
    if (!bytes) return InvalidArgument("cloudevent.data_base64: expected base64 with padding");
    message.body = *std::move(bytes);
  } else if (event.text && !is_json) {
    message.body = *event.text;
  } else if (event.written.contains("data")) {
    message.body = event.written["data"];
  }
  return message;
}

}  // namespace mesg::services::http
