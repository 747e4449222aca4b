#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mesg::services {

/// A server's URL, taken apart.
struct Address {
  std::string scheme;
  std::string user;      ///< As it is, without escapes; "" when there is none.
  std::string password;  ///< The same.
  std::string host;      ///< An IPv6 address without its brackets.
  std::uint16_t port = 0;
  std::string path;  ///< Behind the first slash.

  /// "host:port", for messages: without what is secret.
  std::string Place() const;
};

struct Scheme {
  std::string_view name;
  std::uint16_t port;  ///< Unless the URL has one.
};

/// Reads `url`, the value of `variable`. InvalidArgument says what was expected and never shows
/// what came, since it may hold a password.
Result<Address> ParseAddress(std::string_view variable, const std::string& url,
                             std::initializer_list<Scheme> schemes);

}  // namespace mesg::services
