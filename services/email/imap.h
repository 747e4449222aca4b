#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "email/config.h"

namespace mesg::services::email {

/// A message as it lies on the server.
struct Stored {
  std::uint32_t uid = 0;
  std::uint64_t size = 0;     ///< On the server.
  std::int64_t received = 0;  ///< When it came there, in seconds since 1970.
  std::string raw;            ///< Its first bytes.
};

/// One IMAP connection with one mailbox selected.
///
/// libcurl connects, verifies the certificate and logs in; libetpan speaks IMAP from there on.
/// Every function blocks, at most a minute without a byte from the server, and ends with Cancelled
/// soon after `stop` is requested. After Unavailable and Cancelled the connection is of no use.
/// Threads: one.
class Imap {
 public:
  /// FailedPrecondition when the server refuses the login or the mailbox, or cannot be trusted.
  static Result<std::unique_ptr<Imap>> Connect(const Server& server, const std::string& mailbox,
                                               bool read_only, std::stop_token stop);
  ~Imap();
  Imap(const Imap&) = delete;
  Imap& operator=(const Imap&) = delete;

  std::uint32_t uid_validity() const;
  /// The lowest UID that the next message may get.
  std::uint32_t uid_next() const;
  /// How many messages there are, as far as the server has said.
  std::uint32_t exists() const;
  bool has_idle() const;

  /// The UIDs from `first` to `last` (0: the highest), in order. With `since`, in seconds since
  /// 1970, only what was received on that day or later.
  Result<std::vector<std::uint32_t>> Search(std::uint32_t first, std::uint32_t last,
                                            std::optional<std::int64_t> since);
  /// With at most `most` bytes of it. NotFound when it is gone; FailedPrecondition when the server
  /// does not hand it out, or it comes in a form that is not understood.
  Result<Stored> Fetch(std::uint32_t uid, std::uint32_t most);
  Result<void> MarkSeen(std::uint32_t uid);
  /// Idles (RFC 2177) until something happens in the mailbox or `time` is over.
  Result<void> Idle(Duration time);

 private:
  class Impl;
  explicit Imap(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace mesg::services::email
