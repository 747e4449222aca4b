#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "connector/environment.h"

namespace mesg::services::chat {

enum class Platform { kSlack, kDiscord, kTelegram, kMatrix };

struct Config {
  Platform platform = Platform::kSlack;
  std::string name;      ///< Of the platform, as PLATFORM has it.
  std::string url;       ///< Of the web hook, or of the API with `token`. A secret.
  std::string token;     ///< Telegram's bot, Matrix's user; "" for a web hook.
  std::string chat;      ///< Where messages go unless a task says otherwise.
  std::string ca_file;   ///< "" trusts the system's certificates.
  bool listens = false;  ///< For the platform's own requests.
  std::string bind;
  std::uint16_t port = 0;
  std::string verify;  ///< What proves that a request is the platform's: a secret, or a public key.

  bool Sends() const { return !url.empty(); }
};

/// InvalidArgument names the variable, what was expected and, unless it is a secret, what came.
Result<Config> ReadConfig(const Environment& environment);

}  // namespace mesg::services::chat
