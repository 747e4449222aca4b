#include "redis/channels.h"

#include <chrono>
#include <optional>
#include <utility>

#include "base/encoding.h"
#include "connector/input.h"
#include "connector/payload.h"
#include "mesg/json.h"

namespace mesg::services::redis {
namespace {

using std::chrono::seconds;

constexpr seconds kPatience{10};
constexpr seconds kSilence{10};  // After it the server is asked whether it is still there.
constexpr std::size_t kMostEvents = 256;
constexpr std::size_t kCommitBytes = 2 * 1024 * 1024;

TimePoint Now() { return SystemClock().Now(); }

std::string Since(TimePoint time) {
  return sdk::JsonObject().Add("since", FormatTime(time)).Take();
}

// ["message", channel, payload] or ["pmessage", pattern, channel, payload]; nothing else is one.
std::optional<sdk::Event> MessageEvent(const Reply& reply) {
  const bool plain = reply.IsList(3) && reply.items[0].text == "message";
  const bool by_pattern = reply.IsList(4) && reply.items[0].text == "pmessage";
  if (!plain && !by_pattern) return {};
  sdk::JsonObject event;
  event.Add("channel", reply.items[by_pattern ? 2 : 1].text);
  if (by_pattern) event.Add("pattern", reply.items[1].text);
  AddPayload(event, reply.items[by_pattern ? 3 : 2].text);
  return sdk::Event{.key = "message", .json = event.Take()};
}

}  // namespace

Channels::Channels(sdk::Service& service, const Config& config)
    : config_(config), position_(service, "channels") {}

Result<void> Channels::Run(Upkeep::Session& session) {
  Connection connection = MESG_TRY(Connection::Open(config_));
  MESG_TRY(Subscribe(connection, session));
  MESG_TRY(TellGap(session));
  session.Up();
  return Listen(connection, session);
}

Result<void> Channels::Subscribe(Connection& connection, Upkeep::Session& session) {
  Command plain{"SUBSCRIBE"};
  Command patterns{"PSUBSCRIBE"};
  for (const std::string& channel : config_.channels) {
    (IsPattern(channel) ? patterns : plain).push_back(channel);
  }
  if (plain.size() > 1) MESG_TRY(connection.Send(plain));
  if (patterns.size() > 1) MESG_TRY(connection.Send(patterns));
  // One confirmation for each, among which a message may already come: it is in the gap.
  for (std::size_t confirmed = 0; confirmed < config_.channels.size();) {
    const Reply reply = MESG_TRY(connection.Read(kPatience, session.Stop()));
    if (reply.IsError()) {
      return PermissionDenied("Redis refused to subscribe: {}", reply.text);
    }
    if (reply.IsList(3) && reply.items[0].text.ends_with("subscribe")) ++confirmed;
  }
  return {};
}

Result<void> Channels::TellGap(Upkeep::Session& session) {
  const auto kept = MESG_TRY(position_.Load(session.Stop()));
  std::vector<sdk::Event> events;
  if (kept) {
    std::string channels;
    for (const std::string& channel : config_.channels) {
      channels += (channels.empty() ? "" : ",") + QuoteJson(channel);
    }
    const Input known = MESG_TRY(Input::Read(*kept));
    const std::string since = alive_ == TimePoint() ? known["since"].text : FormatTime(alive_);
    events.push_back({.key = "gap",
                      .json = sdk::JsonObject()
                                  .Add("kind", "channels")
                                  .AddRaw("channels", "[" + channels + "]")
                                  .Add("since", since)
                                  .Take()});
  }
  alive_ = Now();
  return position_.Move(events, Since(alive_), session.Stop());
}

Result<void> Channels::Listen(Connection& connection, Upkeep::Session& session) {
  bool asked = false;
  while (!session.Stopping()) {
    auto read = connection.Read(kSilence, session.Stop());
    if (!read && read.error().code == Code::kDeadlineExceeded) {
      if (std::exchange(asked, true)) return Unavailable("Redis is silent");
      MESG_TRY(connection.Send({"PING"}));
      continue;
    }
    std::optional<Reply> reply = MESG_TRY(std::move(read));
    asked = false;
    alive_ = Now();
    std::vector<sdk::Event> events;
    std::size_t bytes = 0;
    while (reply) {
      if (auto event = MessageEvent(*reply)) {
        bytes += event->json.size();
        events.push_back(*std::move(event));
      }
      if (events.size() == kMostEvents || bytes > kCommitBytes) break;
      // A connection that ends here ends again at the next Read, after what has come was emitted.
      auto next = connection.ReadArrived();
      reply = next ? *std::move(next) : std::optional<Reply>();
    }
    if (!events.empty()) MESG_TRY(position_.Move(events, Since(alive_), session.Stop()));
  }
  return {};
}

}  // namespace mesg::services::redis
