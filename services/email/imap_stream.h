#pragma once

#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/clock.h"
#include "base/result.h"
#include "email/config.h"

namespace mesg::services::email {

/// The bytes of an IMAP connection that libcurl has made: TLS is up, the user is logged in.
/// Threads: one, except Interrupt.
class ImapStream {
 public:
  static Result<std::unique_ptr<ImapStream>> Connect(const Server& server, std::stop_token stop);
  ~ImapStream();
  ImapStream(const ImapStream&) = delete;
  ImapStream& operator=(const ImapStream&) = delete;

  /// Waits for bytes; -1 when there will be none. Also when more than `allowance` came.
  ssize_t Read(void* into, std::size_t size);
  ssize_t Write(const void* from, std::size_t size);
  /// Waits until there is something to read, or `time` is over. False when the stream has ended.
  bool Await(Duration time);
  /// How many bytes may be read from now on: no server fills our memory.
  void Allow(std::size_t bytes) { allowance_ = bytes; }

  /// Why it ended; "" while it has not.
  const std::string& Problem() const { return problem_; }
  bool Stopped() const { return stop_.stop_requested(); }

 private:
  enum class Direction { kRead, kWrite };
  enum class Waited { kReady, kTimeout, kEnded };
  struct Curl;

  explicit ImapStream(std::unique_ptr<Curl> curl, std::stop_token stop);
  Waited WaitFor(Direction direction, Duration time);
  bool Buffer();

  const std::unique_ptr<Curl> curl_;
  const std::stop_token stop_;
  int wake_ = -1;  // An eventfd that `stop_` makes readable.
  std::size_t allowance_ = 0;
  std::string ahead_;  // Read while awaiting.
  std::string problem_;
};

}  // namespace mesg::services::email
