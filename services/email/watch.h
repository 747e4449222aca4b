#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "connector/position.h"
#include "connector/upkeep.h"
#include "email/config.h"
#include "email/imap.h"
#include "mesg/service.h"

namespace mesg::services::email {

/// Turns each message that comes into the mailbox into one event `received`.
///
/// How far it has got is kept in Core, as UIDVALIDITY and UID, and moves in the commit of the
/// events. When the server starts its numbers anew (another UIDVALIDITY), event `gap` says so, and
/// what came on the day of the last message or later is read again under ids that repeat nothing.
/// Threads: that of the sessions. Lifetime: borrows both.
class Watch {
 public:
  Watch(sdk::Service& service, const Config& config)
      : config_(config), position_(service, "mailbox/" + config.mailbox) {}

  /// One connection: until it fails or is asked to stop. For Upkeep.
  Result<void> Run(Upkeep::Session& session);

 private:
  struct Place {
    std::uint32_t uid_validity = 0;
    std::uint32_t uid = 0;          // Of the last message that was emitted.
    std::int64_t received = 0;      // When it came, in seconds since 1970.
    std::uint32_t again_until = 0;  // Below this UID only what came since `received` is new.
  };

  Result<void> Begin(Imap& imap, const std::stop_token& stop);
  Result<bool> ReadNew(Imap& imap, const std::stop_token& stop);
  Result<std::optional<sdk::Event>> Read(Imap& imap, std::uint32_t uid, Place& place);
  Result<void> Move(Imap& imap, std::vector<sdk::Event>& events, const Place& place,
                    std::vector<std::uint32_t>& emitted, const std::stop_token& stop);
  static std::string Write(const Place& place);
  static Result<Place> Parse(const std::string& json);

  const Config& config_;
  Position position_;
  Place place_;
  std::uint32_t difficult_ = 0;  // A UID whose answer was not understood, and how often in a row.
  unsigned failures_ = 0;
};

}  // namespace mesg::services::email
