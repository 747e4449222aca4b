#include "redis/streams.h"

#include <chrono>
#include <optional>
#include <utility>

namespace mesg::services::redis {
namespace {

using std::chrono::seconds;

constexpr seconds kPatience{30};
constexpr seconds kIdle{5};  // Between two signs of life, when there is nothing to read.
constexpr int kCount = 256;
constexpr std::size_t kBytes = 2 * 1024 * 1024;
// Of one commit, which may be larger by one event.
constexpr std::size_t kCommitBytes = 2 * 1024 * 1024;
constexpr std::string_view kBlockMs = "2000";

Result<std::optional<Snapshot>> Look(Connection& connection, const std::string& stream,
                                     const std::string& after, Upkeep::Session& session) {
  const Reply reply = MESG_TRY(
      connection.Ask(Snapshot::Ask(stream, after, kCount, kBytes), kPatience, session.Stop()));
  if (reply.IsError()) {
    return FailedPrecondition("stream {} cannot be read: {}", stream, reply.text);
  }
  return Snapshot::Read(reply);
}

}  // namespace

Streams::Streams(sdk::Service& service, const Config& config) : config_(config) {
  for (const std::string& name : config.streams) {
    streams_.push_back({.name = name, .position = Position(service, "stream/" + name)});
  }
}

Result<void> Streams::Run(Upkeep::Session& session) {
  Connection connection = MESG_TRY(Connection::Open(config_));
  if (streams_.empty()) {
    session.Up();
    while (session.Pause(kIdle)) MESG_TRY(connection.Ask({"PING"}, kPatience, session.Stop()));
    return {};
  }
  for (Stream& stream : streams_) {
    stream.beginning = true;
    MESG_TRY(Begin(connection, stream, session));
    MESG_TRY(CatchUp(connection, stream, session));
  }
  session.Up();
  while (!session.Stopping()) {
    const std::set<std::string> ready = MESG_TRY(Wait(connection, session));
    for (Stream& stream : streams_) {
      if (ready.contains(stream.name)) MESG_TRY(CatchUp(connection, stream, session));
    }
  }
  return {};
}

// Finds our place, or makes one where START says.
Result<void> Streams::Begin(Connection& connection, Stream& stream, Upkeep::Session& session) {
  const auto kept = MESG_TRY(stream.position.Load(session.Stop()));
  if (kept) {
    stream.place = MESG_TRY(Place::FromJson(*kept));
    return {};
  }
  const auto snapshot = MESG_TRY(Look(connection, stream.name, "0-0", session));
  stream.place = {.id = "0-0", .added = 0};
  if (snapshot) {
    const bool known = snapshot->added >= 0;
    if (config_.from_oldest) {
      stream.place.added = known ? snapshot->added - snapshot->length : -1;
    } else {
      stream.place = {.id = snapshot->last, .added = snapshot->added};
    }
  }
  return stream.position.Move({}, stream.place.ToJson(), session.Stop());
}

// Reads until nothing is left.
Result<void> Streams::CatchUp(Connection& connection, Stream& stream, Upkeep::Session& session) {
  while (!session.Stopping()) {
    const auto snapshot = MESG_TRY(Look(connection, stream.name, stream.place.id, session));
    if (!snapshot) return {};
    const std::string before = stream.place.id;
    MESG_TRY(Take(stream, *snapshot, session));
    if (stream.place.id == before) return {};
  }
  return {};
}

// Emits what was read, in commits of a bounded size. A place that another process of this instance
// has moved is found again by the next session.
Result<void> Streams::Take(Stream& stream, const Snapshot& snapshot, Upkeep::Session& session) {
  std::vector<sdk::Event> events;
  Place place = stream.place;
  const auto gap = FindGap(place, snapshot, std::exchange(stream.beginning, false));
  if (gap) events.push_back(GapEvent(stream.name, stream.place.id, *gap));
  // A stream that begins again is read from there the next time.
  const std::size_t count = place.id == stream.place.id ? snapshot.entries.size() : 0;
  const Place begin = place;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    events.push_back(EntryEvent(stream.name, snapshot.entries[i]));
    bytes += events.back().json.size();
    if (bytes < kCommitBytes && i + 1 < count) continue;
    place = PlaceAfter(begin, snapshot, i + 1);
    MESG_TRY(stream.position.Move(events, place.ToJson(), session.Stop()));
    stream.place = place;
    events.clear();
    bytes = 0;
  }
  if (events.empty()) return {};
  MESG_TRY(stream.position.Move(events, place.ToJson(), session.Stop()));
  stream.place = place;
  return {};
}

// The streams that hold something new. Redis waits for a while before it says that none does.
Result<std::set<std::string>> Streams::Wait(Connection& connection, Upkeep::Session& session) {
  Command command{"XREAD", "COUNT", "1", "BLOCK", std::string(kBlockMs), "STREAMS"};
  for (const Stream& stream : streams_) command.push_back(stream.name);
  for (const Stream& stream : streams_) command.push_back(stream.place.id);
  const Reply reply = MESG_TRY(connection.Ask(command, kPatience, session.Stop()));
  if (reply.IsError()) return FailedPrecondition("the streams cannot be read: {}", reply.text);
  std::set<std::string> ready;
  for (const Reply& each : reply.items) {
    if (each.IsList(2)) ready.insert(each.items[0].text);
  }
  return ready;
}

}  // namespace mesg::services::redis
