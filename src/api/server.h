#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/core.h"
#include "base/clock.h"
#include "base/result.h"

namespace mesg::api {

struct ServerOptions {
  /// "127.0.0.1:50052", "[::1]:50052"; port 0 takes a free one, the same for all.
  std::vector<std::string> addresses;
};

/// The gRPC server: native and classic API, health and reflection on one port, without TLS.
///
/// Threads: any. The destructor is Stop(0).
class Server {
 public:
  /// Listens and refuses every call as UNAVAILABLE until SetReady. FailedPrecondition when an
  /// address is taken, with the address. What `core` refers to must outlive the server.
  static Result<std::unique_ptr<Server>> Start(const ServerOptions& options, Core core);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// With the ports that were taken.
  const std::vector<std::string>& addresses() const;

  /// Core is up: health says SERVING.
  void SetReady();

  /// Takes no more calls, gives the open ones `grace` to end, ends the others as UNAVAILABLE, and
  /// waits.
  void Stop(Duration grace);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mesg::api
