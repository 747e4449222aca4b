#include "webhook/event.h"

#include <algorithm>
#include <cctype>
#include <map>

#include <simdjson.h>

#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::webhook {
namespace {

using simdjson::ondemand::json_type;
using simdjson::ondemand::value;

// The body may stand in an event twice, as text and as JSON, only while that is small.
constexpr std::size_t kMostJson = 512 * 1024;
constexpr std::size_t kMostHeader = 8 * 1024;  // What common clients take.

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

// Of a query, where + is a space. What is no escape stays as it is.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%' && at + 2 < text.size() && HexDigit(text[at + 1]) >= 0 &&
        HexDigit(text[at + 2]) >= 0) {
      plain += static_cast<char>(HexDigit(text[at + 1]) * 16 + HexDigit(text[at + 2]));
      at += 2;
    } else {
      plain += text[at] == '+' ? ' ' : text[at];
    }
  }
  return plain;
}

// Names in the order of the alphabet. QuoteJson repairs what is not UTF-8, after which two names
// may have become one, so they are collected under their quoted form.
std::string WriteQuery(std::string_view query) {
  std::map<std::string, std::vector<std::string>> fields;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    const auto text = equals < pair.size() ? pair.substr(equals + 1) : std::string_view();
    fields[QuoteJson(Unescape(pair.substr(0, equals)))].push_back(QuoteJson(Unescape(text)));
  }
  std::string json = "{";
  for (const auto& [name, texts] : fields) {
    if (json.size() > 1) json += ',';
    json += name + ":";
    if (texts.size() == 1) {
      json += texts.front();
      continue;
    }
    json += '[';
    for (std::size_t i = 0; i < texts.size(); ++i) json += (i > 0 ? "," : "") + texts[i];
    json += ']';
  }
  return json + "}";
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  return text;
}

bool IsToken(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](unsigned char c) {
    return std::isalnum(c) != 0 || kOthers.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

Result<void> TakeHeaders(value from, Reply& reply) {
  simdjson::ondemand::object object;
  if (from.get_object().get(object) != simdjson::SUCCESS) {
    return InvalidArgument("headers: expected an object");
  }
  for (auto field : object) {
    std::string_view name;
    std::string_view text;
    if (field.unescaped_key().get(name) != simdjson::SUCCESS) {
      return InvalidArgument("headers: broken JSON");
    }
    const std::string key(name);
    if (field.value().get_string().get(text) != simdjson::SUCCESS) {
      return InvalidArgument("headers.{}: expected text", key);
    }
    if (key.size() + text.size() > kMostHeader) {
      return InvalidArgument("headers.{}: is longer than {} bytes", key.substr(0, 64), kMostHeader);
    }
    const std::string lower = Lower(key);
    if (!IsToken(key)) return InvalidArgument("headers: {} is not a header's name", key);
    if (lower == "content-length" || lower == "transfer-encoding" || lower == "connection") {
      return InvalidArgument("headers.{}: is set by the server", key);
    }
    if (std::ranges::any_of(text,
                            [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; })) {
      return InvalidArgument("headers.{}: holds a line break", key);
    }
    reply.headers.emplace_back(key, text);
  }
  return {};
}

Result<void> TakeBody(value from, Reply& reply, bool& is_json) {
  json_type type{};
  std::string_view text;
  if (from.type().get(type) == simdjson::SUCCESS && type == json_type::string &&
      from.get_string().get(text) == simdjson::SUCCESS) {
    reply.body = text;
    return {};
  }
  if (simdjson::to_json_string(from).get(text) != simdjson::SUCCESS) {
    return InvalidArgument("body: broken JSON");
  }
  is_json = true;
  reply.body = Trimmed(text);
  return {};
}

Result<void> Take(std::string_view key, value from, Reply& reply, bool& base64, bool& is_json) {
  json_type type{};
  if (from.type().get(type) != simdjson::SUCCESS) return InvalidArgument("{}: broken JSON", key);
  if (type == json_type::null) return {};
  if (key == "request_id") {
    std::string_view text;
    if (from.get_string().get(text) != simdjson::SUCCESS) {
      return InvalidArgument("request_id: expected text");
    }
    reply.request_id = text;
  } else if (key == "status") {
    double status = 0;
    if (from.get_double().get(status) != simdjson::SUCCESS || !(status >= 200 && status < 600)) {
      return InvalidArgument("status: expected a number from 200 to 599");
    }
    reply.status = static_cast<int>(status);
  } else if (key == "headers") {
    return TakeHeaders(from, reply);
  } else if (key == "body") {
    return TakeBody(from, reply, is_json);
  } else if (key == "base64" && from.get_bool().get(base64) != simdjson::SUCCESS) {
    return InvalidArgument("base64: expected a boolean");
  }
  return {};
}

}  // namespace

std::string WriteEvent(const Incoming& incoming, bool held, std::string_view cloud_event) {
  const std::string_view target = incoming.target;
  const auto question = std::min(target.find('?'), target.size());
  std::vector<std::pair<std::string, std::string>> joined;
  std::string_view type;
  for (const auto& [name, text] : incoming.headers) {
    const std::string lower = Lower(name);
    const auto known =
        std::ranges::find(joined, lower, [](const auto& each) { return each.first; });
    if (known == joined.end()) {
      joined.emplace_back(lower, text);
    } else {
      known->second += ", " + text;
    }
    if (lower == "content-type") type = text;
  }
  sdk::JsonObject headers;
  for (const auto& [name, text] : joined) headers.Add(name, text);

  const bool is_text = IsUtf8(incoming.body);
  sdk::JsonObject event;
  event.Add("id", incoming.id)
      .Add("method", incoming.method)
      .Add("path", target.substr(0, question))
      .AddRaw("query", WriteQuery(question < target.size() ? target.substr(question + 1)
                                                           : std::string_view()))
      .AddRaw("headers", headers.Take())
      .Add("body", is_text ? incoming.body : sdk::ToBase64(incoming.body))
      .Add("base64", !is_text);
  if (Lower(type).find("json") != std::string::npos && incoming.body.size() <= kMostJson &&
      sdk::IsJson(incoming.body)) {
    event.AddRaw("json", incoming.body);
  }
  if (!cloud_event.empty()) event.AddRaw("cloudevent", cloud_event);
  event.Add("remote", incoming.remote).Add("held", held);
  return event.Take();
}

Result<Reply> ReadReply(std::string_view inputs_json) {
  const simdjson::padded_string padded(inputs_json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS) {
    return InvalidArgument("the inputs are not a JSON object");
  }
  Reply reply;
  bool base64 = false;
  bool is_json = false;
  for (auto field : object) {
    std::string_view key;
    value from;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS ||
        field.value().get(from) != simdjson::SUCCESS) {
      return InvalidArgument("the inputs are not a JSON object");
    }
    MESG_TRY(Take(key, from, reply, base64, is_json));
  }
  if (reply.request_id.empty()) return InvalidArgument("request_id: expected a request's id");
  if (base64 && !reply.body.empty()) {
    auto bytes = sdk::FromBase64(reply.body);
    if (!bytes || is_json) return InvalidArgument("body: expected base64 with padding");
    reply.body = *std::move(bytes);
  }
  const bool typed = std::ranges::any_of(
      reply.headers, [](const auto& header) { return Lower(header.first) == "content-type"; });
  if (is_json && !typed) reply.headers.emplace_back("Content-Type", "application/json");
  return reply;
}

}  // namespace mesg::services::webhook
