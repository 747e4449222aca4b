#include "webhook/cloud_event.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include <simdjson.h>

#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::webhook {
namespace {

constexpr std::size_t kMostData = 512 * 1024;  // It stands in the event more than once.
constexpr std::array<std::string_view, 4> kRequired{"specversion", "id", "source", "type"};

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const int lower = std::tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The attributes' values are percent-encoded in headers.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%' && at + 2 < text.size() && HexDigit(text[at + 1]) >= 0 &&
        HexDigit(text[at + 2]) >= 0) {
      plain += static_cast<char>(HexDigit(text[at + 1]) * 16 + HexDigit(text[at + 2]));
      at += 2;
    } else {
      plain += text[at];
    }
  }
  return plain;
}

bool IsAttribute(std::string_view name) {
  return !name.empty() && name != "data" && name != "data_base64" &&
         std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0; });
}

Result<void> Check(const std::map<std::string, std::string>& attributes) {
  for (const std::string_view name : kRequired) {
    const auto found = attributes.find(std::string(name));
    if (found == attributes.end() || found->second.empty()) {
      return InvalidArgument("the CloudEvent lacks {}", name);
    }
  }
  if (attributes.at("specversion") != "1.0") {
    return InvalidArgument("expected a CloudEvent of specversion 1.0");
  }
  return {};
}

Result<std::optional<CloudEvent>> FromHeaders(const Incoming& incoming, const std::string& type) {
  std::map<std::string, std::string> attributes;
  for (const auto& [name, text] : incoming.headers) {
    const std::string lower = Lower(name);
    if (!lower.starts_with("ce-") || !IsAttribute(lower.substr(3))) continue;
    attributes.try_emplace(lower.substr(3), Unescape(text));
  }
  MESG_TRY(Check(attributes));
  sdk::JsonObject json;
  for (const auto& [name, text] : attributes) {
    if (name != "datacontenttype") json.Add(name, text);
  }
  if (!type.empty()) json.Add("datacontenttype", type);
  const std::string& body = incoming.body;
  if (!body.empty() && body.size() <= kMostData) {
    if (Lower(type).find("json") != std::string::npos && sdk::IsJson(body)) {
      json.AddRaw("data", body);
    } else if (IsUtf8(body)) {
      json.Add("data", body);
    } else {
      json.Add("data_base64", sdk::ToBase64(body));
    }
  }
  return std::optional(CloudEvent{
      .id = attributes.at("id"), .source = attributes.at("source"), .json = json.Take()});
}

Result<std::optional<CloudEvent>> FromBody(const Incoming& incoming) {
  if (incoming.body.size() > kMostData) {
    return InvalidArgument("the CloudEvent is larger than {} bytes", kMostData);
  }
  const simdjson::padded_string padded(incoming.body);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (!sdk::IsJson(incoming.body) || parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS) {
    return InvalidArgument("expected a CloudEvent as a JSON object");
  }
  std::map<std::string, std::string> attributes;
  for (auto field : object) {
    std::string_view key;
    std::string_view text;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) continue;
    const std::string name(key);
    const bool required = std::ranges::find(kRequired, name) != kRequired.end();
    if (required && field.value().get_string().get(text) == simdjson::SUCCESS) {
      attributes[name] = text;
    }
  }
  MESG_TRY(Check(attributes));
  return std::optional(CloudEvent{
      .id = attributes.at("id"), .source = attributes.at("source"), .json = incoming.body});
}

}  // namespace

Result<std::optional<CloudEvent>> ReadCloudEvent(const Incoming& incoming) {
  const std::string type(incoming.Header("Content-Type"));
  const std::string media = Lower(std::string_view(type).substr(0, type.find(';')));
  if (media == "application/cloudevents+json") return FromBody(incoming);
  if (incoming.Header("ce-specversion").empty()) return std::optional<CloudEvent>();
  return FromHeaders(incoming, type);
}

}  // namespace mesg::services::webhook
