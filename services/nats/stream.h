#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "connector/position.h"
#include "connector/upkeep.h"
#include "mesg/service.h"
#include "nats/config.h"

namespace mesg::services::nats {

/// Where in a stream we are; kept in Core.
struct Place {
  std::uint64_t sequence = 0;  ///< Of the last message that was read or passed over.
  std::int64_t created = 0;    ///< When the stream was, in nanoseconds: which stream it is.

  std::string ToJson() const;
  static Result<Place> FromJson(std::string_view json);
};

/// Reads a JetStream stream, or the part of it that matches a filter, and emits its messages, each
/// with its place in one commit. The server keeps nothing about us: every connection makes a
/// consumer that begins behind our place and is gone with it.
///
/// Threads: that of the sessions. Lifetime: borrows all.
class Stream {
 public:
  Stream(sdk::Service& service, const Config& config, const Config::Stream& stream);

  /// The life of one connection, for Upkeep.
  Result<void> Run(Upkeep::Session& session);

 private:
  struct Reach;  // The connection and its consumer.

  Result<void> Begin(Reach& reach, Upkeep::Session& session);
  Result<void> MakeConsumer(Reach& reach);
  Result<void> Read(Reach& reach, Upkeep::Session& session);
  Result<void> Take(Reach& reach, void* messages, Upkeep::Session& session);
  sdk::Event GapEvent(const char* kind, std::uint64_t next) const;

  const Config& config_;
  const Config::Stream& stream_;
  const std::string reader_;  ///< As it is written in STREAMS.
  Position position_;
  Place place_;
};

}  // namespace mesg::services::nats
