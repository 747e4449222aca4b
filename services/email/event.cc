#include "email/event.h"

#include <algorithm>
#include <map>

#include "base/clock.h"
#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::email {
namespace {

// Core takes values of 4 MiB; beside them stand the event's own fields.
constexpr std::size_t kMostJson = 3'500 * 1024;
constexpr std::size_t kMostText = 1024 * 1024;
constexpr std::size_t kMostHeaders = 128 * 1024;

template <typename Item, typename Write>
std::string List(const std::vector<Item>& items, Write&& write) {
  std::string list = "[";
  for (const Item& each : items) {
    if (list.size() > 1) list += ',';
    list += write(each);
  }
  return list + "]";
}

std::string Addresses(const std::vector<Address>& addresses) {
  return List(addresses, [](const Address& each) { return QuoteJson(each.address); });
}

// The first `most` bytes, whole characters only.
std::string_view Cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
  return text.substr(0, most);
}

std::string Headers(const Message& message, std::size_t most, bool& truncated) {
  std::map<std::string, std::string> joined;
  std::size_t bytes = 0;
  for (const auto& [name, text] : message.headers) {
    bytes += name.size() + text.size();
    if (bytes > most) {
      truncated = true;
      break;
    }
    const auto [at, added] = joined.try_emplace(name, text);
    if (!added) at->second += "\n" + text;
  }
  sdk::JsonObject headers;
  for (const auto& [name, text] : joined) headers.Add(name, text);
  return headers.Take();
}

std::string Attachments(const Message& message, std::size_t most) {
  std::size_t left = most;
  return List(message.attachments, [&](const Attachment& each) {
    sdk::JsonObject attachment;
    attachment.Add("name", each.name).Add("type", each.type).Add("size", each.bytes.size());
    const bool fits = each.bytes.size() <= left;
    if (fits) {
      left -= each.bytes.size();
      attachment.Add("base64", sdk::ToBase64(each.bytes));
    }
    return attachment.Add("omitted", !fits).Take();
  });
}

std::string Time(std::int64_t seconds) { return FormatTime(FromMicros(seconds * 1'000'000)); }

struct Limits {
  std::size_t text;
  std::size_t headers;
  std::size_t attachments;
};

std::string Write(const std::string& mailbox, std::uint32_t uid_validity, const Stored& stored,
                  const Message& message, const std::string& problem, const Limits& limits) {
  bool truncated = message.truncated || stored.raw.size() < stored.size ||
                   message.text.size() > limits.text || message.html.size() > limits.text;
  const std::string headers = Headers(message, limits.headers, truncated);
  sdk::JsonObject event;
  event.Add("mailbox", mailbox).Add("uid", stored.uid).Add("uidvalidity", uid_validity);
  if (!message.message_id.empty()) event.Add("message_id", message.message_id);
  event.Add("from", message.from.empty() ? "" : message.from.front().address);
  if (!message.from.empty() && !message.from.front().name.empty()) {
    event.Add("from_name", message.from.front().name);
  }
  event.AddRaw("to", Addresses(message.to)).AddRaw("cc", Addresses(message.cc));
  event.AddRaw("reply_to", Addresses(message.reply_to));
  event.Add("subject", message.subject);
  event.Add("date", Time(message.date ? *message.date : stored.received));
  event.Add("received", Time(stored.received));
  if (!message.text.empty()) event.Add("text", Cut(message.text, limits.text));
  if (!message.html.empty()) event.Add("html", Cut(message.html, limits.text));
  event.AddRaw("attachments", Attachments(message, limits.attachments));
  event.AddRaw("headers", headers).Add("size", stored.size).Add("truncated", truncated);
  if (!problem.empty()) event.Add("problem", problem);
  return event.Take();
}

}  // namespace

std::string WriteReceived(const std::string& mailbox, std::uint32_t uid_validity,
                          const Stored& stored, const Message& message, const std::string& problem,
                          std::size_t most_attachments) {
  Limits limits{.text = kMostText, .headers = kMostHeaders, .attachments = most_attachments};
  while (true) {
    std::string json = Write(mailbox, uid_validity, stored, message, problem, limits);
    if (json.size() <= kMostJson) return json;
    // Control characters take six bytes each in JSON, so what is allowed may be too much.
    limits = {.text = limits.text / 2,
              .headers = limits.headers / 2,
              .attachments = limits.attachments / 2};
  }
}

std::string EventId(const Stored& stored) {
  const std::string size = std::to_string(stored.size) + "\n" + std::to_string(stored.received);
  return "mail-" + ToHex(Sha256(size + "\n" + stored.raw)).substr(0, 40);
}

}  // namespace mesg::services::email
