#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/result.h"

namespace mesg::services {

/// Keeps one connection to the outside alive, on a thread of its own: runs sessions one after the
/// other, with growing pauses between those that fail, and reports how it fares.
///
///   Upkeep upkeep("Redis at localhost:6379", [&](Upkeep::Session& session) -> Result<void> {
///     auto connection = MESG_TRY(Connect(...));
///     session.Up();
///     while (!session.Stopping()) MESG_TRY(connection.ReadAndEmit());
///     return {};
///   }, [&](std::string problem) { service.ReportHealth(std::move(problem)); });
///
/// Lifetime: what the session uses outlives it; destroyed before the service it emits through.
class Upkeep {
 public:
  /// One try; lives as long as the call of the session function. Its thread, except Stopping.
  class Session {
   public:
    /// The connection is up: health is well, and the next failure starts with the shortest pause.
    void Up();
    /// It works on, but not well: what people should know. Up() takes it back.
    void Degraded(const std::string& problem);
    /// The session should end soon.
    bool Stopping() const { return stop_.stop_requested(); }
    const std::stop_token& Stop() const { return stop_; }
    /// Waits; false when it is to end meanwhile.
    bool Pause(Duration time);

   private:
    friend class Upkeep;
    Session(Upkeep& upkeep, std::stop_token stop) : upkeep_(upkeep), stop_(std::move(stop)) {}
    Upkeep& upkeep_;
    const std::stop_token stop_;
  };
  /// An error, or a return although it was not asked to stop, is the end of a connection: it is
  /// logged, reported, and another session follows after a pause.
  using Run = std::function<Result<void>(Session&)>;
  /// "" is well. From the thread of the sessions.
  using Health = std::function<void(std::string problem)>;

  struct Pauses {
    Duration least = std::chrono::milliseconds(200);
    Duration most = std::chrono::seconds(30);
  };

  /// `what` names the other side in messages, without a secret: "Redis at localhost:6379".
  Upkeep(std::string what, Run run, Health health, Pauses pauses);
  Upkeep(std::string what, Run run, Health health)
      : Upkeep(std::move(what), std::move(run), std::move(health), Pauses()) {}
  /// Stops the session and waits for its end.
  ~Upkeep();
  Upkeep(const Upkeep&) = delete;
  Upkeep& operator=(const Upkeep&) = delete;

  /// Asks the session to end; from any thread.
  void Stop();

 private:
  void Loop(const std::stop_token& stop);
  void Tell(std::string problem);

  const std::string what_;
  const Run run_;
  const Health health_;
  const Pauses pauses_;
  unsigned failures_ = 0;  // In a row.
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // Last: starts after the members it uses and is joined before they go.
};

}  // namespace mesg::services
