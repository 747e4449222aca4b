#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "connector/environment.h"
#include "email/address.h"

namespace mesg::services::email {

/// A mail server and how to log in there.
struct Server {
  enum class Security { kTls, kStartTls, kNone };

  std::string host;
  std::uint16_t port = 0;
  Security security = Security::kTls;
  std::string user = {};
  std::string password = {};
  std::string ca_file = {};  ///< "" trusts the system's certificates.

  std::string Name() const { return host + ":" + std::to_string(port); }
};

struct Config {
  std::optional<Server> smtp;  ///< Nothing: the service does not send.
  std::optional<Server> imap;  ///< Nothing: it does not receive.
  std::optional<Address> from;
  std::string mailbox;
  bool oldest = false;  ///< Begin with the oldest message, not with the next one.
  bool mark_seen = false;
  Duration poll = {};                ///< Between looks at a server without IDLE.
  std::size_t most_attachments = 0;  ///< Bytes of all attachments of an event.
};

/// InvalidArgument names the variable, what was expected and what came.
Result<Config> ReadConfig(const Environment& environment);

/// Sets what every connection has: the address, login, TLS with verified certificates. `easy` is a
/// CURL*, `protocol` smtp or imap.
void SetUp(void* easy, const std::string& protocol, const Server& server);

}  // namespace mesg::services::email
