#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "webhook/signature.h"

namespace mesg::services::webhook {

struct Config {
  std::string bind = "127.0.0.1";
  std::uint16_t port = 8080;
  std::string secret = {};  ///< "" asks for no HMAC.
  std::string header = "X-Hub-Signature-256";
  std::string algorithm = "sha256";
  std::optional<StandardKeys> standard = {};  ///< Instead of the three before.
  Duration tolerance = std::chrono::minutes(5);
  bool hold = false;
  Duration hold_timeout = std::chrono::seconds(30);
  std::size_t max_body = 1024 * 1024;
  std::size_t max_header = 16 * 1024;
  std::size_t max_connections = 1024;
  Duration read_timeout = std::chrono::seconds(15);
};

/// The configuration in the environment that `get` reads ("" for what is not set). InvalidArgument
/// names the variable, what it holds and what was expected.
Result<Config> ReadConfig(const std::function<std::string(const char*)>& get);

}  // namespace mesg::services::webhook
