#include "chat/receive.h"

#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>

#include <openssl/evp.h>
#include <simdjson.h>

#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::chat {
namespace {

using simdjson::dom::element;
using webhook::Incoming;
using webhook::Reply;
using webhook::Verdict;

constexpr std::int64_t kTolerance = 5 * 60;  // Seconds.

struct Message {
  std::string id;  // Of the platform, unique.
  std::string text;
  std::string from;
  std::string from_name;
  std::string chat;
  std::string thread;
};

// Of a value that may be missing: text, or an integer in decimal.
std::string Text(simdjson::simdjson_result<element> from) {
  std::string_view text;
  std::int64_t number = 0;
  if (from.get(text) == simdjson::SUCCESS) return std::string(text);
  if (from.get(number) == simdjson::SUCCESS) return std::to_string(number);
  return {};
}

Reply Answer(std::string json) {
  return {.request_id = {},
          .status = 200,
          .headers = {{"Content-Type", "application/json"}},
          .body = std::move(json)};
}

Verdict AnswerOnly(std::string json) {
  return {.answer = Answer(std::move(json)), .events = {}, .accepted = {}};
}

Verdict Emit(const Config& config, const std::vector<Message>& messages, std::string_view raw,
             std::string answer) {
  Verdict verdict{.answer = {}, .events = {}, .accepted = Answer(std::move(answer))};
  for (const Message& each : messages) {
    sdk::JsonObject event;
    event.Add("platform", config.name).Add("id", each.id).Add("text", each.text);
    event.Add("from", each.from);
    if (!each.from_name.empty()) event.Add("from_name", each.from_name);
    event.Add("chat", each.chat);
    if (!each.thread.empty()) event.Add("thread", each.thread);
    event.AddRaw("raw", raw);
    verdict.events.push_back({.id = config.name + "-" + each.id, .json = event.Take()});
  }
  if (verdict.events.empty()) verdict.answer = std::move(verdict.accepted);
  return verdict;
}

bool IsRecent(std::string_view seconds, TimePoint now) {
  std::int64_t then = 0;
  const auto [end, error] = std::from_chars(seconds.data(), seconds.data() + seconds.size(), then);
  if (error != std::errc() || end != seconds.data() + seconds.size()) return false;
  const std::int64_t today = ToMicros(now) / 1'000'000;
  return then >= today - kTolerance && then <= today + kTolerance;
}

std::optional<std::string> FromHex(std::string_view hex) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(hex.data() + at, hex.data() + at + 2, byte, 16);
    if (error != std::errc() || end != hex.data() + at + 2) return {};
    bytes += static_cast<char>(byte);
  }
  return hex.size() % 2 == 0 ? std::optional(bytes) : std::nullopt;
}

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool VerifyEd25519(std::string_view key_hex, std::string_view signature_hex,
                   std::string_view message) {
  const auto key_bytes = FromHex(key_hex);
  const auto signature = FromHex(signature_hex);
  if (!key_bytes || !signature) return false;
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(*key_bytes), key_bytes->size()),
      &EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  return key != nullptr && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(*signature), signature->size(), Bytes(message),
                          message.size()) == 1;
}

// https://api.slack.com/apis/events-api, "Verifying requests from Slack".
bool IsFromSlack(const Config& config, const Incoming& incoming, TimePoint now) {
  const std::string_view time = incoming.Header("X-Slack-Request-Timestamp");
  std::string_view signature = incoming.Header("X-Slack-Signature");
  if (!signature.starts_with("v0=") || !IsRecent(time, now)) return false;
  signature.remove_prefix(3);
  const std::string signed_text = "v0:" + std::string(time) + ":" + incoming.body;
  return webhook::VerifySignature("sha256", config.verify, signed_text, signature);
}

Verdict FromSlack(const Config& config, const Incoming& incoming, element body) {
  if (Text(body["type"]) == "url_verification") {
    return AnswerOnly(sdk::JsonObject().Add("challenge", Text(body["challenge"])).Take());
  }
  const auto event = body["event"];
  const std::string type = Text(event["type"]);
  const bool said = type == "message" || type == "app_mention";
  // Edits and joins are no messages, and those of bots would answer themselves.
  if (!said || !Text(event["subtype"]).empty() || !Text(event["bot_id"]).empty()) {
    return AnswerOnly("{}");
  }
  return Emit(config,
              {{.id = Text(body["event_id"]),
                .text = Text(event["text"]),
                .from = Text(event["user"]),
                .from_name = {},
                .chat = Text(event["channel"]),
                .thread = Text(event["thread_ts"])}},
              incoming.body, "{}");
}

// https://discord.com/developers/docs/interactions/receiving-and-responding
Verdict FromDiscord(const Config& config, const Incoming& incoming, element body) {
  const std::string type = Text(body["type"]);
  if (type == "1") return AnswerOnly(R"({"type":1})");  // A ping.
  if (type != "2") return AnswerOnly(R"({"type":6})");  // Of buttons and the like we have none.
  std::string text = "/" + Text(body["data"]["name"]);
  simdjson::dom::array options;
  if (body["data"]["options"].get(options) == simdjson::SUCCESS) {
    for (const element option : options) text += " " + Text(option["value"]);
  }
  // In a server a member is behind it, in a direct message a user.
  const bool is_member = body["member"]["user"].error() == simdjson::SUCCESS;
  const auto user = is_member ? body["member"]["user"] : body["user"];
  return Emit(config,
              {{.id = Text(body["id"]),
                .text = std::move(text),
                .from = Text(user["id"]),
                .from_name = Text(user["username"]),
                .chat = Text(body["channel_id"]),
                .thread = {}}},
              incoming.body, R"({"type":4,"data":{"content":"Received.","flags":64}})");
}

// https://core.telegram.org/bots/api#setwebhook
Verdict FromTelegram(const Config& config, const Incoming& incoming, element body) {
  const bool in_channel = body["channel_post"].error() == simdjson::SUCCESS;
  const auto message = in_channel ? body["channel_post"] : body["message"];
  if (message.error() != simdjson::SUCCESS) return AnswerOnly("{}");
  std::string text = Text(message["text"]);
  if (text.empty()) text = Text(message["caption"]);
  const std::string from = Text(message["from"]["id"]);
  std::string name = Text(message["from"]["username"]);
  if (name.empty()) name = Text(message["from"]["first_name"]);
  return Emit(config,
              {{.id = Text(body["update_id"]),
                .text = std::move(text),
                .from = from.empty() ? Text(message["chat"]["id"]) : from,
                .from_name = std::move(name),
                .chat = Text(message["chat"]["id"]),
                .thread = Text(message["message_thread_id"])}},
              incoming.body, "{}");
}

// https://spec.matrix.org/latest/application-service-api/
Verdict FromMatrix(const Config& config, const Incoming& incoming, element body) {
  if (incoming.target.starts_with("/_matrix/app/v1/ping")) return AnswerOnly("{}");
  if (!incoming.target.starts_with("/_matrix/app/v1/transactions/")) {
    return Verdict::Refuse(404, "expected a transaction of an application service");
  }
  simdjson::dom::array events;
  if (body["events"].get(events) != simdjson::SUCCESS) {
    return Verdict::Refuse(400, "events: expected a list");
  }
  Verdict all{.answer = {}, .events = {}, .accepted = Answer("{}")};
  for (const element event : events) {
    if (Text(event["type"]) != "m.room.message") continue;
    const auto content = event["content"];
    Verdict one = Emit(config,
                       {{.id = Text(event["event_id"]),
                         .text = Text(content["body"]),
                         .from = Text(event["sender"]),
                         .from_name = {},
                         .chat = Text(event["room_id"]),
                         .thread = Text(content["m.relates_to"]["event_id"])}},
                       simdjson::minify(event), "{}");
    all.events.push_back(std::move(one.events.front()));
  }
  if (all.events.empty()) all.answer = std::move(all.accepted);
  return all;
}

bool IsFromMatrix(const Config& config, const Incoming& incoming) {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view authorization = incoming.Header("Authorization");
  return authorization.starts_with(kBearer) &&
         EqualSecrets(config.verify, authorization.substr(kBearer.size()));
}

bool IsProven(const Config& config, const Incoming& incoming, TimePoint now) {
  switch (config.platform) {
    case Platform::kSlack:
      return IsFromSlack(config, incoming, now);
    case Platform::kDiscord: {
      const std::string_view time = incoming.Header("X-Signature-Timestamp");
      return IsRecent(time, now) &&
             VerifyEd25519(config.verify, incoming.Header("X-Signature-Ed25519"),
                           std::string(time) + incoming.body);
    }
    case Platform::kTelegram:
      return EqualSecrets(config.verify, incoming.Header("X-Telegram-Bot-Api-Secret-Token"));
    case Platform::kMatrix:
      return IsFromMatrix(config, incoming);
  }
  return false;
}

}  // namespace

Verdict Receive(const Config& config, const Incoming& incoming, TimePoint now) {
  if (!IsProven(config, incoming, now)) {
    return Verdict::Refuse(401, "this is not proven to come from " + config.name);
  }
  // IsJson first: what Core would not take as `raw` must not be emitted.
  simdjson::dom::parser parser;
  element body;
  if (!sdk::IsJson(incoming.body) ||
      parser.parse(incoming.body.data(), incoming.body.size()).get(body) != simdjson::SUCCESS ||
      !body.is_object()) {
    return Verdict::Refuse(400, "expected a JSON object");
  }
  switch (config.platform) {
    case Platform::kSlack:
      return FromSlack(config, incoming, body);
    case Platform::kDiscord:
      return FromDiscord(config, incoming, body);
    case Platform::kTelegram:
      return FromTelegram(config, incoming, body);
    case Platform::kMatrix:
      return FromMatrix(config, incoming, body);
  }
  return Verdict::Refuse(404, "no such platform");
}

}  // namespace mesg::services::chat
