#include "email/watch.h"

#include <algorithm>
#include <utility>

#include <simdjson.h>

#include "email/event.h"
#include "email/message.h"
#include "mesg/json.h"

namespace mesg::services::email {
namespace {

constexpr std::uint32_t kMostRaw = 8 * 1024 * 1024;  // Of a message.
constexpr std::size_t kMostBatch = 32;
constexpr std::size_t kMostBatchBytes = 1024 * 1024;
constexpr std::chrono::minutes kIdle{5};  // A server that forgets us is found out by then.
constexpr unsigned kMostFailures = 3;
constexpr std::int64_t kDay = 24 * 60 * 60;

}  // namespace

Result<void> Watch::Run(Upkeep::Session& session) {
  const auto imap =
      MESG_TRY(Imap::Connect(*config_.imap, config_.mailbox, !config_.mark_seen, session.Stop()));
  MESG_TRY(Begin(*imap, session.Stop()));
  session.Up();
  while (!session.Stopping()) {
    const std::uint32_t existed = imap->exists();
    const bool more = MESG_TRY(ReadNew(*imap, session.Stop()));
    if (more || imap->exists() != existed) continue;
    if (imap->has_idle()) {
      MESG_TRY(imap->Idle(kIdle));
    } else {
      session.Pause(config_.poll);
    }
  }
  return {};
}

Result<void> Watch::Begin(Imap& imap, const std::stop_token& stop) {
  const auto kept = MESG_TRY(position_.Load(stop));
  std::vector<sdk::Event> events;
  if (kept) {
    place_ = MESG_TRY(Parse(*kept));
    if (place_.uid_validity == imap.uid_validity()) return {};
    events.push_back({.key = "gap",
                      .json = sdk::JsonObject()
                                  .Add("mailbox", config_.mailbox)
                                  .Add("reason", "the server has numbered its messages anew")
                                  .Add("uidvalidity_before", place_.uid_validity)
                                  .Add("uidvalidity", imap.uid_validity())
                                  .Take()});
    place_.uid = 0;
    place_.again_until = imap.uid_next();
    place_.uid_validity = imap.uid_validity();
  } else {
    place_ = {.uid_validity = imap.uid_validity()};
    if (!config_.oldest) {
      place_.uid = std::max(imap.uid_next(), 1U) - 1;
      place_.received = ToMicros(SystemClock().Now()) / 1'000'000;
    }
  }
  return position_.Move(events, Write(place_), stop);
}

// True when it has found something.
Result<bool> Watch::ReadNew(Imap& imap, const std::stop_token& stop) {
  std::vector<std::uint32_t> uids;
  if (place_.uid + 1 < place_.again_until) {
    // A day earlier: servers judge by their own time zone. Ids keep out what was emitted.
    uids = MESG_TRY(imap.Search(place_.uid + 1, place_.again_until - 1,
                                std::max(place_.received - kDay, kDay)));
  }
  const std::uint32_t rest = std::max(place_.uid + 1, place_.again_until);
  std::ranges::move(MESG_TRY(imap.Search(rest, 0, {})), std::back_inserter(uids));

  Place place = place_;
  std::vector<sdk::Event> events;
  std::vector<std::uint32_t> emitted;
  std::size_t bytes = 0;
  for (const std::uint32_t uid : uids) {
    auto event = MESG_TRY(Read(imap, uid, place));
    const std::size_t size = event ? event->json.size() : 0;
    if (!events.empty() && (events.size() >= kMostBatch || bytes + size > kMostBatchBytes)) {
      MESG_TRY(Move(imap, events, place_, emitted, stop));
      bytes = 0;
    }
    if (event) {
      events.push_back(*std::move(event));
      emitted.push_back(uid);
      bytes += size;
    }
    place.uid = uid;
    place_ = place;
  }
  if (!uids.empty()) MESG_TRY(Move(imap, events, place_, emitted, stop));
  return !uids.empty();
}

// Nothing for a message that is gone.
Result<std::optional<sdk::Event>> Watch::Read(Imap& imap, std::uint32_t uid, Place& place) {
  auto stored = imap.Fetch(uid, kMostRaw);
  std::string problem;
  if (!stored) {
    const Error& error = stored.error();
    if (error.code == Code::kNotFound) return std::optional<sdk::Event>();
    failures_ = std::exchange(difficult_, uid) == uid ? failures_ + 1 : 1;
    const bool hopeless = error.code == Code::kFailedPrecondition ||
                          (error.code == Code::kDataLoss && failures_ >= kMostFailures);
    if (!hopeless) return error;
    // One message that cannot be had must not hold up those behind it.
    problem = error.message;
    stored = Stored{.uid = uid, .size = 0, .received = place.received, .raw = {}};
  }
  place.received = std::max(place.received, stored->received);
  const Message message = ParseMessage(stored->raw);
  const std::string id =
      problem.empty() ? EventId(*stored)
                      : "mail-" + std::to_string(place.uid_validity) + "-" + std::to_string(uid);
  return std::optional(
      sdk::Event{.key = "received",
                 .json = WriteReceived(config_.mailbox, place.uid_validity, *stored, message,
                                       problem, config_.most_attachments),
                 .id = id});
}

Result<void> Watch::Move(Imap& imap, std::vector<sdk::Event>& events, const Place& place,
                         std::vector<std::uint32_t>& emitted, const std::stop_token& stop) {
  MESG_TRY(position_.Move(events, Write(place), stop));
  events.clear();
  if (config_.mark_seen) {
    for (const std::uint32_t uid : emitted) {
      const auto marked = imap.MarkSeen(uid);
      // A mailbox that cannot be changed is still one that can be read.
      if (!marked && marked.error().code != Code::kFailedPrecondition) return marked.error();
    }
  }
  emitted.clear();
  return {};
}

std::string Watch::Write(const Place& place) {
  return sdk::JsonObject()
      .Add("uidvalidity", place.uid_validity)
      .Add("uid", place.uid)
      .Add("received", place.received)
      .Add("again_until", place.again_until)
      .Take();
}

Result<Watch::Place> Watch::Parse(const std::string& json) {
  const simdjson::padded_string padded(json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  std::uint64_t uid_validity = 0;
  std::uint64_t uid = 0;
  std::uint64_t again_until = 0;
  Place place;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document["uidvalidity"].get(uid_validity) != simdjson::SUCCESS ||
      document["uid"].get(uid) != simdjson::SUCCESS ||
      document["received"].get(place.received) != simdjson::SUCCESS ||
      document["again_until"].get(again_until) != simdjson::SUCCESS) {
    return DataLoss("the position that Core keeps is none of this service: {}", json);
  }
  place.uid_validity = static_cast<std::uint32_t>(uid_validity);
  place.uid = static_cast<std::uint32_t>(uid);
  place.again_until = static_cast<std::uint32_t>(again_until);
  return place;
}

}  // namespace mesg::services::email
