#include "chat/config.h"

#include <algorithm>
#include <cctype>

namespace mesg::services::chat {
namespace {

constexpr std::size_t kKeyDigits = 64;  // Of an ed25519 key, in hex.

// Where a token goes along with every request, the address is the platform's or is given.
Result<void> CheckSending(Config& config) {
  const bool by_token = !config.token.empty();
  if (config.platform == Platform::kTelegram) {
    if (config.url.empty() && by_token) config.url = "https://api.telegram.org";
    if (!config.url.empty() && !by_token) {
      return InvalidArgument("TOKEN: expected the token of the Telegram bot, it is not set");
    }
    if (!std::ranges::all_of(config.token, [](unsigned char c) {
          return std::isalnum(c) != 0 || c == ':' || c == '_' || c == '-';
        })) {
      return InvalidArgument("TOKEN: expected a bot's token such as 123456:ABC-DEF");
    }
  } else if (config.platform != Platform::kMatrix && by_token) {
    return InvalidArgument("TOKEN: {} sends by the URL of a web hook, without a token",
                           config.name);
  } else if (by_token && config.url.empty()) {
    return InvalidArgument("URL: expected the address of the Matrix homeserver, it is not set");
  }
  const bool is_url = config.url.starts_with("https://") || config.url.starts_with("http://");
  const bool is_clean =
      std::ranges::none_of(config.url, [](unsigned char c) { return c <= 0x20 || c >= 0x7f; });
  if (!config.url.empty() && (!is_url || !is_clean)) {
    return InvalidArgument("URL: expected https://... without spaces");
  }
  while (by_token && config.url.ends_with('/')) config.url.pop_back();
  return {};
}

Result<void> CheckListening(Config& config, const Environment& environment) {
  config.listens = !environment.Text("PORT").empty();
  config.port = static_cast<std::uint16_t>(MESG_TRY(environment.Number("PORT", 0, 0, 65'535)));
  config.bind = environment.Text("BIND", "127.0.0.1");
  config.verify = environment.Text("VERIFY");
  if (!config.listens) return {};
  if (config.verify.empty()) {
    return InvalidArgument(
        "VERIFY: expected what proves that requests are {}'s (a signing secret, a public key or a "
        "token), it is not set",
        config.name);
  }
  const bool is_key =
      config.verify.size() == kKeyDigits &&
      std::ranges::all_of(config.verify, [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (config.platform == Platform::kDiscord && !is_key) {
    return InvalidArgument("VERIFY: expected the application's public key, {} hex digits",
                           kKeyDigits);
  }
  return {};
}

}  // namespace

Result<Config> ReadConfig(const Environment& environment) {
  Config config;
  config.name =
      MESG_TRY(environment.OneOf("PLATFORM", "", {"slack", "discord", "telegram", "matrix"}));
  config.platform = config.name == "slack"      ? Platform::kSlack
                    : config.name == "discord"  ? Platform::kDiscord
                    : config.name == "telegram" ? Platform::kTelegram
                                                : Platform::kMatrix;
  config.url = environment.Text("URL");
  config.token = environment.Text("TOKEN");
  config.chat = environment.Text("CHAT");
  config.ca_file = environment.Text("CA_FILE");
  MESG_TRY(CheckSending(config));
  MESG_TRY(CheckListening(config, environment));
  if (!config.Sends() && !config.listens) {
    return InvalidArgument(
        "URL, TOKEN, PORT: expected an address to send to, or a port to receive at");
  }
  return config;
}

}  // namespace mesg::services::chat
