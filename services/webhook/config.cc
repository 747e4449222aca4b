#include "webhook/config.h"

#include <charconv>

namespace mesg::services::webhook {
namespace {

// As base64 in one event, with the headers, it must fit Core's payload limit of 4 MiB.
constexpr std::uint64_t kMostBody = 2 * 1024 * 1024;

template <typename Number>
Result<void> TakeNumber(const char* name, const std::string& text, std::uint64_t most,
                        Number& into) {
  if (text.empty()) return {};
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > most) {
    return InvalidArgument("{}: expected a number up to {}, got \"{}\"", name, most, text);
  }
  into = static_cast<Number>(number);
  return {};
}

Result<void> TakeDuration(const char* name, const std::string& text, Duration& into) {
  if (text.empty()) return {};
  const auto duration = ParseDuration(text);
  if (!duration || duration->count() <= 0) {
    return InvalidArgument("{}: expected a duration like 30s, got \"{}\"", name, text);
  }
  into = *duration;
  return {};
}

}  // namespace

Result<Config> ReadConfig(const std::function<std::string(const char*)>& get) {
  Config config;
  const auto text = [&](const char* name, std::string& into) {
    if (std::string found = get(name); !found.empty()) into = std::move(found);
  };
  text("BIND", config.bind);
  text("SECRET", config.secret);
  text("HEADER", config.header);
  text("ALGORITHM", config.algorithm);
  if (config.algorithm != "sha1" && config.algorithm != "sha256" && config.algorithm != "sha512") {
    return InvalidArgument("ALGORITHM: expected sha1, sha256 or sha512, got \"{}\"",
                           config.algorithm);
  }
  std::string signature = "hmac";
  text("SIGNATURE", signature);
  if (signature != "hmac" && signature != "standard") {
    return InvalidArgument("SIGNATURE: expected hmac or standard, got \"{}\"", signature);
  }
  if (signature == "standard") {
    config.standard = MESG_TRY(StandardKeys::Parse("SECRET", config.secret));
  }
  MESG_TRY(TakeDuration("TOLERANCE", get("TOLERANCE"), config.tolerance));
  const std::string hold = get("HOLD");
  if (!hold.empty() && hold != "true" && hold != "false") {
    return InvalidArgument("HOLD: expected true or false, got \"{}\"", hold);
  }
  config.hold = hold == "true";
  MESG_TRY(TakeNumber("PORT", get("PORT"), 65'535, config.port));
  MESG_TRY(TakeNumber("MAX_BODY", get("MAX_BODY"), kMostBody, config.max_body));
  MESG_TRY(TakeNumber("MAX_CONNECTIONS", get("MAX_CONNECTIONS"), 100'000, config.max_connections));
  MESG_TRY(TakeDuration("HOLD_TIMEOUT", get("HOLD_TIMEOUT"), config.hold_timeout));
  MESG_TRY(TakeDuration("READ_TIMEOUT", get("READ_TIMEOUT"), config.read_timeout));
  return config;
}

}  // namespace mesg::services::webhook
