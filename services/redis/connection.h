#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "redis/config.h"

namespace mesg::services::redis {

/// What Redis answers.
struct Reply {
  enum class Kind : std::uint8_t { kNil, kNumber, kText, kError, kList };

  Kind kind = Kind::kNil;
  std::int64_t number = 0;
  std::string text;  ///< Of kText any bytes; of kError Redis's own sentence.
  std::vector<Reply> items;

  bool IsError() const { return kind == Kind::kError; }
  bool IsList(std::size_t least) const { return kind == Kind::kList && items.size() >= least; }
};

using Command = std::vector<std::string>;

/// One connection to Redis, plain or with TLS, logged in and in its database. Threads: one at a
/// time.
class Connection {
 public:
  /// Unavailable when it cannot be made, PermissionDenied when Redis turns us away.
  static Result<Connection> Open(const Config& config);
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  ~Connection();

  /// Sends and reads the answer, which may be a kError. Any error is the end of the connection:
  /// Unavailable; DeadlineExceeded after `patience`; Cancelled through `stop`; ResourceExhausted
  /// when what comes in is larger than the configuration's `most_bytes`.
  Result<Reply> Ask(const Command& command, Duration patience, const std::stop_token& stop = {});
  Result<void> Send(const Command& command);
  /// The next answer or pushed message. DeadlineExceeded leaves the connection as it is.
  Result<Reply> Read(Duration patience, const std::stop_token& stop = {});
  /// One that has arrived already, if any has.
  Result<std::optional<Reply>> ReadArrived();
  /// Whether an idle connection still stands, as far as can be told without asking.
  bool Stands();

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  Result<void> LogIn(const Config& config);
  Result<bool> Receive();
  std::unique_ptr<State> state_;
};

}  // namespace mesg::services::redis
