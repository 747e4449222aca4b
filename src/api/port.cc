#include "api/port.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mesg::api {
namespace {

struct HostPort {
  std::string host;  // As it was written, with brackets.
  std::uint16_t port = 0;
  std::string Text() const { return fmt::format("{}:{}", host, port); }
};

Result<HostPort> Parse(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  HostPort parsed;
  if (colon != std::string::npos && colon > 0) {
    const char* const end = address.data() + address.size();
    const auto [stopped, error] = std::from_chars(address.data() + colon + 1, end, parsed.port);
    parsed.host = address.substr(0, colon);
    if (error == std::errc() && stopped == end) return parsed;
  }
  return InvalidArgument("\"{}\" is not an address to listen on, expected HOST:PORT", address);
}

/// Binds and lets go: the port, or the error number. Where somebody listens this fails.
struct Bound {
  std::uint16_t port = 0;
  int error = 0;
};

Bound TryBind(const HostPort& address) {
  std::string host = address.host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(address.port).c_str(), &hints, &found) != 0) {
    return {0, EINVAL};
  }
  Bound bound;
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    bound.error = errno;
    freeaddrinfo(found);
    return bound;
  }
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (found->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  sockaddr_storage taken{};
  socklen_t size = sizeof(taken);
  // It must not listen: a process that is being forked at this moment would keep it listening until
  // its exec, and the server could not have the port.
  if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&taken), &size) != 0) {
    bound.error = errno;
  } else if (taken.ss_family == AF_INET6) {
    bound.port = ntohs(reinterpret_cast<const sockaddr_in6&>(taken).sin6_port);
  } else {
    bound.port = ntohs(reinterpret_cast<const sockaddr_in&>(taken).sin_port);
  }
  close(fd);
  freeaddrinfo(found);
  return bound;
}

Error CannotListen(const HostPort& address, int error) {
  if (error == EADDRINUSE) {
    return FailedPrecondition(
               "{} is taken by another program, perhaps by a Core that runs already; stop it or "
               "choose another address",
               address.Text())
        .Because("ADDRESS_TAKEN");
  }
  if (error == EINVAL) {
    return InvalidArgument("\"{}\" is not an address to listen on, expected a numeric host",
                           address.Text());
  }
  return FailedPrecondition("cannot listen on {}: {}", address.Text(),
                            std::generic_category().message(error))
      .Because("ADDRESS_UNAVAILABLE");
}

bool IsMissingHere(int error) { return error == EADDRNOTAVAIL || error == EAFNOSUPPORT; }

}  // namespace

Result<std::vector<std::string>> ChoosePorts(const std::vector<std::string>& addresses) {
  constexpr int kTries = 100;
  std::optional<Error> last;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    std::vector<std::string> chosen;
    std::uint16_t free_port = 0;
    bool again = false;
    for (const std::string& text : addresses) {
      HostPort address = MESG_TRY(Parse(text));
      const bool any = address.port == 0;
      if (any) address.port = free_port;
      const Bound bound = TryBind(address);
      if (bound.error == 0) {
        address.port = bound.port;
        if (any) free_port = bound.port;
        chosen.push_back(address.Text());
        continue;
      }
      last = CannotListen(address, bound.error);
      if (IsMissingHere(bound.error)) continue;
      // Somebody has this port on another address: another one is as good.
      again = any && free_port != 0 && bound.error == EADDRINUSE;
      if (!again) return *last;
      break;
    }
    if (again) continue;
    if (chosen.empty()) break;
    return chosen;
  }
  if (last) return *last;
  return InvalidArgument("no address to listen on was given");
}

}  // namespace mesg::api
