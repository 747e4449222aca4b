#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "webhook/config.h"
#include "webhook/event.h"
#include "webhook/verdict.h"

namespace mesg::services::webhook {

/// The HTTP side: hands requests to `emit`, answers them once that is acknowledged, and holds those
/// that wait for a reply. One thread of its own; every function from any thread.
class Server {
 public:
  using Done = std::function<void(Result<void>)>;
  /// Emits all or none of `events`. An error means that `done` will not be called.
  using Emit = std::function<Result<void>(std::vector<Emission> events, Done done)>;
  /// Decides on a request; quickly, on the server's thread.
  using Judge = std::function<Verdict(const Incoming& incoming)>;

  /// Unavailable when it cannot listen there. Unless given, `judge` is webhook::Judge.
  static Result<std::shared_ptr<Server>> Listen(const Config& config, Emit emit,
                                                Judge judge = nullptr);
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
