#include "call.h"

#include <simdjson.h>

#include "mesg/json.h"

namespace webhook_to_http {
namespace {

// Reads one object.
class Reader {
 public:
  explicit Reader(std::string_view json)
      : valid_(parser_.parse(simdjson::padded_string(json)).get(object_) == simdjson::SUCCESS) {}

  std::string_view Text(std::string_view key) const {
    std::string_view text;
    if (!valid_ || object_[key].get(text) != simdjson::SUCCESS) return {};
    return text;
  }
  std::string_view TextIn(std::string_view object, std::string_view key) const {
    std::string_view text;
    if (!valid_ || object_[object][key].get(text) != simdjson::SUCCESS) return {};
    return text;
  }
  // A text, number or boolean as JSON; nothing for anything else.
  std::string Raw(std::string_view key) const {
    simdjson::dom::element value;
    if (!valid_ || object_[key].get(value) != simdjson::SUCCESS) return {};
    if (value.is_object() || value.is_array()) return {};
    return simdjson::minify(value);
  }

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::object object_;
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
