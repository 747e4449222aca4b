#include "call.h"

#include <simdjson.h>

#include "mesg/json.h"

namespace webhook_to_http {
namespace {

using simdjson::ondemand::document;

// Reads one object. What it returns is valid until the next call.
class Reader {
 public:
  explicit Reader(std::string_view json)
      : text_(json), valid_(parser_.iterate(text_).get(document_) == simdjson::SUCCESS) {}

  std::string_view Text(std::string_view key) {
    std::string_view text;
    if (!valid_ || document_[key].get_string().get(text) != simdjson::SUCCESS) return {};
    return text;
  }
  std::string_view TextIn(std::string_view object, std::string_view key) {
    std::string_view text;
    if (!valid_ || document_[object][key].get_string().get(text) != simdjson::SUCCESS) return {};
    return text;
  }
  // A text, number, boolean or null as it stands; nothing for lists and objects.
  std::string_view Raw(std::string_view key) {
    std::string_view json;
    if (!valid_ || document_[key].raw_json_token().get(json) != simdjson::SUCCESS) return {};
    if (json.starts_with('{') || json.starts_with('[')) return {};
    return json.substr(0, json.find_last_not_of(" \t\r\n") + 1);
  }

 private:
  simdjson::padded_string text_;
  simdjson::ondemand::parser parser_;
  document document_;
  bool valid_;
};

}  // namespace

mesg::Result<std::string> CallFor(std::string_view event_json, std::string_view url) {
  Reader event(event_json);
  const std::string method(event.Text("method"));
  const std::string body(event.Raw("body"));
  const std::string base64(event.Raw("base64"));
  const std::string type(event.TextIn("headers", "content-type"));
  if (method.empty() || body.empty() || base64.empty()) {
    return mesg::InvalidArgument("an event with method, body and base64 was expected, got {}",
                                 event_json.substr(0, 100));
  }
  mesg::sdk::JsonObject call;
  call.Add("url", url).Add("method", method);
  if (!type.empty()) {
    call.AddRaw("headers", mesg::sdk::JsonObject().Add("content-type", type).Take());
  }
  if (body != R"("")") call.AddRaw("body", body).AddRaw("base64", base64);
  return call.Take();
}

std::string Describe(std::string_view event_json) {
  Reader event(event_json);
  const std::string method(event.Text("method"));
  const std::string path(event.Text("path"));
  return method.empty() ? "?" : method + " " + path;
}

std::string StatusOf(std::string_view outputs_json) {
  Reader outputs(outputs_json);
  const std::string status(outputs.Raw("status"));
  return status.empty() ? "?" : status;
}

}  // namespace webhook_to_http
