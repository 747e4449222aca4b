#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mesg::daemon {

/// Where a server listens.
struct Address {
  std::string host;  ///< Without brackets; "*" is every interface.
  std::uint16_t port = 0;

  /// "localhost:50052", "127.0.0.1:0", "[::1]:50052", "*:50052" or ":50052". InvalidArgument for
  /// anything else.
  static Result<Address> Parse(std::string_view text);
  std::string Text() const;

  /// Only this machine can connect to it.
  bool IsLoopback() const;
  bool operator==(const Address&) const = default;
};

/// One or more, separated by commas.
Result<std::vector<Address>> ParseAddresses(std::string_view text);
std::string FormatAddresses(const std::vector<Address>& addresses);

/// With numeric hosts only: localhost becomes 127.0.0.1 and ::1, which a machine may not have.
std::vector<std::string> ToListen(const std::vector<Address>& addresses);

/// How the first of `addresses` is shown when Core listens at `listening`: with the port it has
/// got.
Result<std::string> ToShow(const std::vector<Address>& addresses,
                           const std::vector<std::string>& listening);

/// What a process on this machine connects to when Core listens at `listening`.
Result<std::string> ToConnect(std::string_view listening);

}  // namespace mesg::daemon
