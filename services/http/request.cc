#include "http/request.h"

#include <algorithm>
#include <cctype>

#include <simdjson.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "http/cloud_event.h"
#include "mesg/json.h"

namespace mesg::services::http {
namespace {

using simdjson::ondemand::json_type;
using simdjson::ondemand::value;

// What one response may bring: as base64 it must still fit Core's payload limit of 4 MiB.
constexpr std::size_t kMostBytes = 2 * 1024 * 1024;
constexpr double kLongestMs = 24.0 * 60 * 60 * 1000;
constexpr int kMostRedirects = 50;

bool EqualNames(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// A token of RFC 9110, section 5.6.2: what a method and a header's name are made of.
bool IsToken(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](unsigned char c) {
    return std::isalnum(c) != 0 || kOthers.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool IsHeaderText(std::string_view text) {
  return std::ranges::none_of(text,
                              [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

std::string Escape(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      escaped += c;
    } else {
      escaped += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return escaped;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  return text;
}

// Text as it is, a number or a boolean as it is written.
Result<std::string> Plain(value from, std::string_view what) {
  json_type type{};
  std::string_view text;
  if (from.type().get(type) != simdjson::SUCCESS) return InvalidArgument("{}: broken JSON", what);
  if (type == json_type::string && from.get_string().get(text) == simdjson::SUCCESS) {
    return std::string(text);
  }
  if (type == json_type::number || type == json_type::boolean) {
    return std::string(Trimmed(from.raw_json_token()));
  }
  return InvalidArgument("{}: expected text, a number or a boolean", what);
}

Result<double> Number(value from, std::string_view what, double least, double most) {
  double number = 0;
  if (from.get_double().get(number) != simdjson::SUCCESS || !(number >= least && number <= most)) {
    return InvalidArgument("{}: expected a number between {} and {}", what, least, most);
  }
  return number;
}

bool IsNull(value from) {
  json_type type{};
  return from.type().get(type) == simdjson::SUCCESS && type == json_type::null;
}

// Collects the inputs as they come, then makes the request of them.
class Reader {
 public:
  Result<void> Take(std::string_view key, value from) {
    if (IsNull(from)) return {};
    if (key == "url") {
      url_ = MESG_TRY(Plain(from, key));
    } else if (key == "method") {
      request_.method = MESG_TRY(Plain(from, key));
    } else if (key == "headers") {
      return TakeHeaders(from);
    } else if (key == "query") {
      return TakeQuery(from);
    } else if (key == "body") {
      return TakeBody(from);
    } else if (key == "base64") {
      if (from.get_bool().get(base64_) != simdjson::SUCCESS) {
        return InvalidArgument("base64: expected a boolean");
      }
    } else if (key == "timeout") {
      const std::string text = MESG_TRY(Plain(from, key));
      const auto timeout = ParseDuration(text);
      constexpr auto kLongest = std::chrono::milliseconds(static_cast<std::int64_t>(kLongestMs));
      if (!timeout || *timeout < std::chrono::milliseconds(1) || *timeout > kLongest) {
        return InvalidArgument("timeout: expected a duration such as 5s, at most {}, got {}",
                               FormatDuration(kLongest), QuoteJson(text));
      }
      request_.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(*timeout);
    } else if (key == "timeout_ms") {
      const double ms = MESG_TRY(Number(from, key, 1, kLongestMs));
      request_.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(ms));
    } else if (key == "max_redirects") {
      request_.max_redirects = static_cast<int>(MESG_TRY(Number(from, key, 0, kMostRedirects)));
    } else if (key == "max_bytes") {
      const double bytes = MESG_TRY(Number(from, key, 0, static_cast<double>(kMostBytes)));
      request_.max_bytes = static_cast<std::size_t>(bytes);
    } else {
      return TakeMessage(key, from);
    }
    return {};
  }

  Result<Request> Finish(std::string_view execution_id, const webhook::StandardKeys* keys,
                         TimePoint now) && {
    if (!cloud_event_.empty()) MESG_TRY(FinishCloudEvent(execution_id));
    if (request_.method.empty()) request_.method = request_.has_body ? "POST" : "GET";
    if (!IsToken(request_.method)) return InvalidArgument("method: {} is none", request_.method);
    MESG_TRY(FinishUrl());
    if (base64_ && request_.has_body) {
      auto bytes = sdk::FromBase64(request_.body);
      if (!bytes || body_is_json_) return InvalidArgument("body: expected base64 with padding");
      request_.body = *std::move(bytes);
    }
    if (body_is_json_ && !HasHeader("content-type")) {
      request_.headers.emplace_back("Content-Type", "application/json");
    }
    const bool changes =
        request_.method != "GET" && request_.method != "HEAD" && request_.method != "OPTIONS";
    if (changes && !HasHeader("idempotency-key")) {
      request_.headers.emplace_back("Idempotency-Key", std::string(execution_id));
    }
    if (sign_) MESG_TRY(Sign(execution_id, keys, now));
    return std::move(request_);
  }

 private:
  // What makes the request a message of a known form.
  Result<void> TakeMessage(std::string_view key, value from) {
    if (key == "sign") {
      if (from.get_bool().get(sign_) != simdjson::SUCCESS) {
        return InvalidArgument("sign: expected a boolean");
      }
    } else if (key == "cloudevent") {
      std::string_view json;
      if (simdjson::to_json_string(from).get(json) != simdjson::SUCCESS) {
        return InvalidArgument("cloudevent: broken JSON");
      }
      cloud_event_ = Trimmed(json);
    } else if (key == "cloudevent_mode") {
      const std::string mode = MESG_TRY(Plain(from, key));
      if (mode != "binary" && mode != "structured") {
        return InvalidArgument("cloudevent_mode: expected binary or structured, got {}",
                               QuoteJson(mode));
      }
      structured_ = mode == "structured";
    }
    return {};
  }

  Result<void> FinishCloudEvent(std::string_view execution_id) {
    if (request_.has_body) {
      return InvalidArgument("body: a CloudEvent has its own; use cloudevent.data");
    }
    if (HasHeader("content-type")) {
      return InvalidArgument("headers.Content-Type: of a CloudEvent it is datacontenttype");
    }
    CloudEventMessage message = MESG_TRY(WriteCloudEvent(cloud_event_, structured_, execution_id));
    request_.body = std::move(message.body);
    request_.has_body = true;
    for (auto& header : message.headers) request_.headers.push_back(std::move(header));
    return {};
  }

  // Over what is sent, so it comes last.
  Result<void> Sign(std::string_view execution_id, const webhook::StandardKeys* keys,
                    TimePoint now) {
    if (keys == nullptr) {
      return InvalidArgument("sign: expected WEBHOOK_SECRET in the environment, it is not set");
    }
    for (const char* name : {"webhook-id", "webhook-timestamp", "webhook-signature"}) {
      if (HasHeader(name)) return InvalidArgument("headers.{}: is set by sign", name);
    }
    const std::string id = "mesg_" + std::string(execution_id);
    const std::string time = std::to_string(ToMicros(now) / 1'000'000);
    request_.headers.emplace_back("webhook-id", id);
    request_.headers.emplace_back("webhook-timestamp", time);
    request_.headers.emplace_back("webhook-signature", keys->Sign(id, time, request_.body));
    return {};
  }

  Result<void> TakeHeaders(value from) {
    simdjson::ondemand::object object;
    if (from.get_object().get(object) != simdjson::SUCCESS) {
      return InvalidArgument("headers: expected an object");
    }
    for (auto field : object) {
      std::string_view name;
      value content;
      if (field.unescaped_key().get(name) != simdjson::SUCCESS ||
          field.value().get(content) != simdjson::SUCCESS) {
        return InvalidArgument("headers: broken JSON");
      }
      const std::string key(name);
      const std::string text = MESG_TRY(Plain(content, "headers." + key));
      if (!IsToken(key)) return InvalidArgument("headers: {} is not a header's name", key);
      if (!IsHeaderText(text)) return InvalidArgument("headers.{}: holds a line break", key);
      request_.headers.emplace_back(key, text);
    }
    return {};
  }

  Result<void> TakeQuery(value from) {
    simdjson::ondemand::object object;
    if (from.get_object().get(object) != simdjson::SUCCESS) {
      return InvalidArgument("query: expected an object");
    }
    for (auto field : object) {
      std::string_view name;
      value content;
      simdjson::ondemand::array list;
      if (field.unescaped_key().get(name) != simdjson::SUCCESS ||
          field.value().get(content) != simdjson::SUCCESS) {
        return InvalidArgument("query: broken JSON");
      }
      const std::string key(name);
      if (IsNull(content)) continue;
      if (content.get_array().get(list) == simdjson::SUCCESS) {
        for (auto element : list) {
          value each;
          if (element.get(each) != simdjson::SUCCESS) return InvalidArgument("query: broken JSON");
          AddQuery(key, MESG_TRY(Plain(each, "query." + key)));
        }
      } else {
        AddQuery(key, MESG_TRY(Plain(content, "query." + key)));
      }
    }
    return {};
  }

  void AddQuery(std::string_view key, std::string_view text) {
    if (!query_.empty()) query_ += '&';
    query_ += Escape(key) + "=" + Escape(text);
  }

  Result<void> TakeBody(value from) {
    request_.has_body = true;
    std::string_view text;
    json_type type{};
    if (from.type().get(type) == simdjson::SUCCESS && type == json_type::string &&
        from.get_string().get(text) == simdjson::SUCCESS) {
      request_.body = text;
      return {};
    }
    body_is_json_ = true;
    if (simdjson::to_json_string(from).get(text) != simdjson::SUCCESS) {
      return InvalidArgument("body: broken JSON");
    }
    request_.body = Trimmed(text);
    return {};
  }

  Result<void> FinishUrl() {
    const auto scheme = std::string_view(url_).substr(0, url_.find(':'));
    if (!EqualNames(scheme, "http") && !EqualNames(scheme, "https")) {
      return InvalidArgument("url: expected http:// or https://, got {}",
                             url_.empty() ? "nothing" : url_);
    }
    if (std::ranges::any_of(url_, [](unsigned char c) { return c <= 0x20 || c == 0x7f; })) {
      return InvalidArgument("url: holds a space or a control character; write %20 for a space");
    }
    if (const auto at = url_.find('#'); at != std::string::npos) url_.resize(at);
    if (!query_.empty()) url_ += (url_.find('?') == std::string::npos ? "?" : "&") + query_;
    request_.url = std::move(url_);
    return {};
  }

  bool HasHeader(std::string_view name) const {
    return std::ranges::any_of(request_.headers,
                               [&](const auto& header) { return EqualNames(header.first, name); });
  }

  Request request_;
  std::string url_;
  std::string query_;
  std::string cloud_event_;  // JSON; "" is none.
  bool structured_ = false;
  bool sign_ = false;
  bool base64_ = false;
  bool body_is_json_ = false;
};

}  // namespace

Result<Request> ReadInputs(std::string_view inputs_json, std::string_view execution_id,
                           const webhook::StandardKeys* keys, TimePoint now) {
  const simdjson::padded_string padded(inputs_json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS) {
    return InvalidArgument("the inputs are not a JSON object");
  }
  Reader reader;
  for (auto field : object) {
    std::string_view key;
    value from;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS ||
        field.value().get(from) != simdjson::SUCCESS) {
      return InvalidArgument("the inputs are not a JSON object");
    }
    MESG_TRY(reader.Take(key, from));
  }
  return std::move(reader).Finish(execution_id, keys, now);
}

std::string WriteOutputs(const Response& response) {
  std::vector<std::pair<std::string, std::string>> joined;
  std::string_view type;
  for (const auto& [name, text] : response.headers) {
    const auto known = std::ranges::find(joined, name, [](const auto& each) { return each.first; });
    if (known == joined.end()) {
      joined.emplace_back(name, text);
    } else {
      known->second += ", " + text;
    }
    if (name == "content-type") type = text;
  }
  sdk::JsonObject headers;
  for (const auto& [name, text] : joined) headers.Add(name, text);

  const bool is_text = IsUtf8(response.body);
  sdk::JsonObject outputs;
  outputs.Add("status", response.status)
      .AddRaw("headers", headers.Take())
      .Add("body", is_text ? response.body : sdk::ToBase64(response.body))
      .Add("base64", !is_text)
      .Add("url", response.url)
      .Add("duration_ms", response.duration.count());
  const bool says_json = type.find("json") != std::string_view::npos;
  // Twice in one payload only while that is small.
  if (says_json && response.body.size() <= kMostBytes / 4 && sdk::IsJson(response.body)) {
    outputs.AddRaw("json", response.body);
  }
  return outputs.Take();
}

}  // namespace mesg::services::http
