#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "webhook/config.h"
#include "webhook/event.h"

namespace mesg::services::webhook {

/// The HTTP side: hands requests to `emit`, answers them once that is acknowledged, and holds those
/// that wait for a reply. One thread of its own; every function from any thread.
class Server {
 public:
  /// Emits event `request` with this data under this id. An error means that `done` will not be
  /// called.
  using Done = std::function<void(Result<void>)>;
  using Emit = std::function<Result<void>(std::string id, std::string json, Done done)>;

  /// Unavailable when it cannot listen there.
  static Result<std::shared_ptr<Server>> Listen(const Config& config, Emit emit);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  /// Answers the request that waits; `done` is called once it is written. NotFound when none waits
  /// under that id, Aborted when its sender had gone.
  void Respond(Reply reply, Done done);
  /// Closes all connections and calls `emit` no more. Idempotent; not from its own thread.
  void Stop();

 private:
  class Impl;
  explicit Server(std::shared_ptr<Impl> impl);
  const std::shared_ptr<Impl> impl_;
};

}  // namespace mesg::services::webhook
