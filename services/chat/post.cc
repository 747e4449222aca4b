#include "chat/post.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include <simdjson.h>

#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::chat {
namespace {

using simdjson::ondemand::json_type;
using simdjson::ondemand::value;

enum class Format { kPlain, kMarkdown, kHtml };

struct Inputs {
  std::string text;
  std::string title;
  std::string chat;
  Format format = Format::kPlain;
};

constexpr std::string_view kEllipsis = "…";
constexpr std::size_t kSlackText = 40'000;  // Characters, as all of these.
constexpr std::size_t kSlackSection = 3'000;
constexpr std::size_t kSlackTitle = 150;
constexpr std::size_t kDiscordText = 2'000;
constexpr std::size_t kTelegramText = 4'096;
constexpr std::size_t kMatrixText = 8'000;  // An event has 64 KiB, and holds the text twice.
constexpr std::size_t kMostTitle = 256;

// A character beyond U+FFFF counts twice, as it does where UTF-16 is counted.
std::size_t Length(std::string_view text) {
  std::size_t length = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    length += (byte & 0xC0U) == 0x80U ? 0U : byte >= 0xF0 ? 2U : 1U;
  }
  return length;
}

// The longest beginning of whole characters within `most`.
std::string_view Head(std::string_view text, std::size_t most) {
  std::size_t length = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    length += (byte & 0xC0U) == 0x80U ? 0U : byte >= 0xF0 ? 2U : 1U;
    if (length > most) return text.substr(0, at);
  }
  return text;
}

std::string Cut(std::string_view text, std::size_t most, bool& cut) {
  if (Length(text) <= most) return std::string(text);
  cut = true;
  return std::string(Head(text, most - 1)) + std::string(kEllipsis);
}

// `escape` makes text longer: so much of it as fits then.
template <typename Escape>
std::string CutEscaped(std::string_view text, std::size_t most, bool& cut, Escape&& escape) {
  std::string escaped = escape(text);
  std::size_t take = most;
  while (Length(escaped) > most) {
    cut = true;
    take = take > 16 ? take - std::max<std::size_t>(take / 16, 1) : take - 1;
    escaped = escape(Head(text, take)) + std::string(kEllipsis);
  }
  return escaped;
}

std::string EscapeMarkup(std::string_view text) {  // Slack's, HTML's.
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string WithBackslashes(std::string_view text, std::string_view special) {
  std::string escaped;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

// Addresses stay whole: a backslash in one would lead elsewhere.
std::string EscapeDiscord(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(" \t\r\n"), text.size());
    const std::string_view word = text.substr(0, end);
    const bool address = word.starts_with("https://") || word.starts_with("http://");
    escaped += address ? std::string(word) : WithBackslashes(word, "\\*_~`|<>#[]-");
    const auto next = std::min(text.find_first_not_of(" \t\r\n", end), text.size());
    escaped += text.substr(end, next - end);
    text.remove_prefix(next);
  }
  return escaped;
}

std::string EscapeTelegram(std::string_view text) {
  return WithBackslashes(text, "_*[]()~`>#+-=|{}.!\\");
}

std::string WithBreaks(std::string_view html) {
  std::string text;
  for (const char c : html) text += c == '\n' ? "<br>" : std::string{c};
  return text;
}

std::string WithoutTags(std::string_view html) {
  std::string text;
  bool in_tag = false;
  for (const char c : html) {
    if (c == '<') in_tag = true;
    if (!in_tag) text += c;
    if (c == '>') in_tag = false;
  }
  return text;
}

std::string Escape(std::string_view text) {  // For a path.
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.')) {
      escaped += c;
    } else {
      escaped += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return escaped;
}

// ---- the inputs ----

Result<Inputs> Read(std::string_view inputs_json) {
  const simdjson::padded_string padded(inputs_json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  Inputs inputs;
  std::string format = "plain";
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS) {
    return InvalidArgument("the inputs are not a JSON object");
  }
  for (auto field : object) {
    std::string_view key;
    value from;
    json_type type{};
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) {
      return InvalidArgument("the inputs are not a JSON object");
    }
    std::string* const into = key == "text"     ? &inputs.text
                              : key == "title"  ? &inputs.title
                              : key == "chat"   ? &inputs.chat
                              : key == "format" ? &format
                                                : nullptr;
    if (into == nullptr) continue;
    const std::string name(key);
    std::string_view text;
    if (field.value().get(from) != simdjson::SUCCESS ||
        from.type().get(type) != simdjson::SUCCESS) {
      return InvalidArgument("the inputs are not a JSON object");
    }
    if (type == json_type::null) continue;
    if (from.get_string().get(text) != simdjson::SUCCESS) {
      return InvalidArgument("{}: expected text", name);
    }
    *into = text;
  }
  if (inputs.text.empty() && inputs.title.empty()) {
    return InvalidArgument("text: expected something to say");
  }
  if (Length(inputs.title) > kMostTitle || inputs.title.find('\n') != std::string::npos) {
    return InvalidArgument("title: expected one line of at most {} characters", kMostTitle);
  }
  if (format == "markdown") inputs.format = Format::kMarkdown;
  if (format == "html") inputs.format = Format::kHtml;
  if (format != "plain" && inputs.format == Format::kPlain) {
    return InvalidArgument("format: expected plain, markdown or html, got {}",
                           QuoteJson(Shortened(format, 50)));
  }
  return inputs;
}

Error NoSuchFormat(const Config& config, const char* choices) {
  return InvalidArgument("format: {} takes {}", config.name, choices);
}

Post MakePost(std::string url, std::string body, bool cut) {
  Post post;
  post.request.method = "POST";
  post.request.url = std::move(url);
  post.request.headers = {{"Content-Type", "application/json"}};
  post.request.body = std::move(body);
  post.request.has_body = true;
  post.request.max_redirects = 0;
  post.request.max_bytes = 64 * 1024;
  post.cut = cut;
  return post;
}

// A header and as many sections as it takes; `text` is what a notification shows.
Result<Post> Slack(const Config& config, const Inputs& inputs) {
  if (inputs.format == Format::kHtml) return NoSuchFormat(config, "plain or markdown");
  const bool markdown = inputs.format == Format::kMarkdown;
  bool cut = false;
  // Without a title there is one field with one limit.
  if (inputs.title.empty()) {
    const std::string text = markdown ? Cut(inputs.text, kSlackText, cut)
                                      : CutEscaped(inputs.text, kSlackText, cut, EscapeMarkup);
    return MakePost(config.url, sdk::JsonObject().Add("text", text).Add("mrkdwn", markdown).Take(),
                    cut);
  }
  const auto typed = [](const char* type, std::string_view text) {
    return sdk::JsonObject().Add("type", type).Add("text", text).Take();
  };
  std::string blocks =
      "[" + sdk::JsonObject()
                .Add("type", "header")
                .AddRaw("text", typed("plain_text", Cut(inputs.title, kSlackTitle, cut)))
                .Take();
  const std::string whole = Cut(inputs.text, kSlackText - kMostTitle, cut);
  std::string_view rest = whole;
  while (!rest.empty()) {
    const std::string_view piece = Head(rest, kSlackSection);
    rest.remove_prefix(piece.size());
    blocks += "," + sdk::JsonObject()
                        .Add("type", "section")
                        .AddRaw("text", typed(markdown ? "mrkdwn" : "plain_text", piece))
                        .Take();
  }
  bool shortened = false;  // The notification alone, which is no loss.
  return MakePost(
      config.url,
      sdk::JsonObject()
          .Add("text", CutEscaped(inputs.title, kSlackTitle * 2, shortened, EscapeMarkup))
          .AddRaw("blocks", blocks + "]")
          .Take(),
      cut);
}

Result<Post> Discord(const Config& config, const Inputs& inputs) {
  if (inputs.format == Format::kHtml) return NoSuchFormat(config, "plain or markdown");
  bool cut = false;
  std::string content;
  if (!inputs.title.empty()) content = "**" + EscapeDiscord(inputs.title) + "**\n";
  const std::size_t left = kDiscordText - Length(content);
  content += inputs.format == Format::kMarkdown ? Cut(inputs.text, left, cut)
                                                : CutEscaped(inputs.text, left, cut, EscapeDiscord);
  const char* const wait = config.url.find('?') == std::string::npos ? "?wait=true" : "&wait=true";
  return MakePost(config.url + wait,  // So that the answer names the message.
                  sdk::JsonObject()
                      .Add("content", content)
                      .AddRaw("allowed_mentions", R"({"parse":[]})")
                      .Take(),
                  cut);
}

Result<Post> Telegram(const Config& config, const Inputs& inputs) {
  bool cut = false;
  sdk::JsonObject body;
  const std::string& chat = inputs.chat.empty() ? config.chat : inputs.chat;
  if (chat.empty()) {
    return InvalidArgument(
        "chat: expected a chat's id or @channel; none is given and CHAT is not "
        "set");
  }
  body.Add("chat_id", chat);
  std::string title = inputs.title;
  if (inputs.format == Format::kMarkdown) {
    if (!title.empty()) title = "*" + EscapeTelegram(title) + "*\n";
    body.Add("parse_mode", "MarkdownV2");
  } else if (inputs.format == Format::kHtml) {
    if (!title.empty()) title = "<b>" + EscapeMarkup(title) + "</b>\n";
    body.Add("parse_mode", "HTML");
  } else if (!title.empty()) {
    body.AddRaw("entities", "[" +
                                sdk::JsonObject()
                                    .Add("type", "bold")
                                    .Add("offset", 0)
                                    .Add("length", Length(title))
                                    .Take() +
                                "]");
    title += '\n';
  }
  if (inputs.text.empty() && title.ends_with('\n')) title.pop_back();
  body.Add("text", title + Cut(inputs.text, kTelegramText - Length(title), cut));
  return MakePost(config.url + "/bot" + config.token + "/sendMessage", body.Take(), cut);
}

Result<Post> Matrix(const Config& config, const Inputs& inputs, std::string_view execution_id) {
  if (inputs.format == Format::kMarkdown) return NoSuchFormat(config, "plain or html");
  bool cut = false;
  const std::string text = Cut(inputs.text, kMatrixText, cut);
  const bool html = inputs.format == Format::kHtml;
  const std::string plain =
      (inputs.title.empty() ? "" : inputs.title + "\n") + (html ? WithoutTags(text) : text);
  std::string formatted;
  if (html || !inputs.title.empty()) {
    if (!inputs.title.empty()) {
      formatted = "<strong>" + EscapeMarkup(inputs.title) + "</strong><br>";
    }
    formatted += html ? text : WithBreaks(EscapeMarkup(text));
  }
  if (config.token.empty()) {  // A web hook, as matrix-hookshot has them.
    sdk::JsonObject body;
    body.Add("text", plain);
    if (!formatted.empty()) body.Add("html", formatted);
    return MakePost(config.url, body.Take(), cut);
  }
  const std::string& room = inputs.chat.empty() ? config.chat : inputs.chat;
  if (room.empty()) {
    return InvalidArgument("chat: expected a room's id; none is given and CHAT is not set");
  }
  sdk::JsonObject body;
  body.Add("msgtype", "m.text").Add("body", plain);
  if (!formatted.empty()) {
    body.Add("format", "org.matrix.custom.html").Add("formatted_body", formatted);
  }
  Post post = MakePost(config.url + "/_matrix/client/v3/rooms/" + Escape(room) +
                           "/send/m.room.message/" + Escape(execution_id),
                       body.Take(), cut);
  post.request.method = "PUT";
  post.request.headers.emplace_back("Authorization", "Bearer " + config.token);
  return post;
}

// A field of the response: text, or a number as it is written.
std::string Field(std::string_view body, std::initializer_list<std::string_view> path) {
  const simdjson::padded_string padded(body);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  value at;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return {};
  bool first = true;
  for (const std::string_view each : path) {
    const auto error =
        first ? document.find_field_unordered(each).get(at) : at.find_field_unordered(each).get(at);
    if (error != simdjson::SUCCESS) return {};
    first = false;
  }
  std::string_view text;
  json_type type{};
  if (at.type().get(type) != simdjson::SUCCESS) return {};
  if (type == json_type::string) {
    return at.get_string().get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
  }
  if (type != json_type::number) return {};
  text = at.raw_json_token();
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  return std::string(text);
}

std::optional<double> ToNumber(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return std::isfinite(number) && number >= 0 ? std::optional(number) : std::nullopt;
}

}  // namespace

Result<Post> ReadInputs(const Config& config, std::string_view inputs_json,
                        std::string_view execution_id) {
  const Inputs inputs = MESG_TRY(Read(inputs_json));
  switch (config.platform) {
    case Platform::kSlack:
      return Slack(config, inputs);
    case Platform::kDiscord:
      return Discord(config, inputs);
    case Platform::kTelegram:
      return Telegram(config, inputs);
    case Platform::kMatrix:
      return Matrix(config, inputs, execution_id);
  }
  return InvalidArgument("no such platform");
}

Result<std::string> ReadResponse(const Config& config, const http::Response& response) {
  if (response.status / 100 == 2) {
    switch (config.platform) {
      case Platform::kSlack:
        return std::string();
      case Platform::kDiscord:
        return Field(response.body, {"id"});
      case Platform::kTelegram:
        return Field(response.body, {"result", "message_id"});
      case Platform::kMatrix:
        return Field(response.body, {"event_id"});
    }
  }
  std::string why = Shortened(response.body, 300);
  for (const std::string& secret : {config.url, config.token}) {  // Should they be echoed.
    for (std::size_t at = secret.empty() ? std::string::npos : why.find(secret);
         at != std::string::npos; at = why.find(secret)) {
      why.replace(at, secret.size(), "...");
    }
  }
  const bool later = response.status == 408 || response.status == 425 || response.status == 429 ||
                     response.status >= 500;
  if (later) return Unavailable("{} answers {}: {}", config.name, response.status, why);
  return FailedPrecondition("{} refuses: {} {}", config.name, response.status, why);
}

std::optional<std::chrono::milliseconds> RetryAfter(const http::Response& response) {
  if (response.status != 429) return {};
  std::optional<double> seconds;
  // Bodies are finer than the header, where there are both.
  if (const auto ms = ToNumber(Field(response.body, {"retry_after_ms"}))) seconds = *ms / 1'000;
  if (!seconds) seconds = ToNumber(Field(response.body, {"retry_after"}));
  if (!seconds) seconds = ToNumber(Field(response.body, {"parameters", "retry_after"}));
  for (const auto& [name, text] : response.headers) {
    if (!seconds && name == "retry-after") seconds = ToNumber(text);
  }
  constexpr double kMost = 24 * 60 * 60;
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(std::ceil(std::min(seconds.value_or(1), kMost) * 1'000)));
}

}  // namespace mesg::services::chat
