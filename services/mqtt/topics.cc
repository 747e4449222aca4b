#include "mqtt/topics.h"

#include <chrono>
#include <utility>

#include "base/encoding.h"
#include "connector/input.h"
#include "connector/payload.h"
#include "mesg/json.h"

namespace mesg::services::mqtt {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSlice{200};
constexpr std::size_t kMostEvents = 128;
constexpr std::size_t kCommitBytes = 2 * 1024 * 1024;

TimePoint Now() { return SystemClock().Now(); }

std::string Since(TimePoint time) {
  return sdk::JsonObject().Add("since", FormatTime(time)).Take();
}

}  // namespace

Topics::Topics(sdk::Service& service, const Config& config)
    : config_(config), position_(service, "session/" + config.client_id) {}

Result<void> Topics::Run(Upkeep::Session& session) {
  arrived_.clear();
  MESG_TRY(position_.Load(session.Stop()));
  Hearer hearer;
  if (!config_.topics.empty()) {
    hearer = {.client_id = config_.client_id,
              .take = [this](const Message& message) { Take(message); },
              .settle = [this, &session] { return Settle(session.Stop()); }};
  }
  const auto client = MESG_TRY(Client::Open(config_, std::move(hearer), session.Stop()));
  if (!config_.topics.empty()) MESG_TRY(TellGap(client->Known(), session));
  for (const Config::Topic& topic : config_.topics) {
    MESG_TRY(client->Subscribe(topic, session.Stop()));
  }
  session.Up();
  while (!session.Stopping()) {
    MESG_TRY(Listen(*client));
    MESG_TRY(client->Read(kSlice));
  }
  return {};
}

Result<void> Topics::TellGap(bool known, Upkeep::Session& session) {
  std::string topics;
  for (const Config::Topic& topic : config_.topics) {
    if (known && topic.qos > 0) continue;
    topics += (topics.empty() ? "" : ",") + QuoteJson(topic.filter);
  }
  std::vector<sdk::Event> events;
  if (position_.Current() && !topics.empty()) {
    const Input kept = MESG_TRY(Input::Read(*position_.Current()));
    events.push_back(
        {.key = "gap",
         .json = sdk::JsonObject()
                     .Add("kind", known ? "connection" : "session")
                     .AddRaw("topics", "[" + topics + "]")
                     .Add("since", alive_ == TimePoint() ? kept["since"].text : FormatTime(alive_))
                     .Take()});
  }
  // Before what has come with the welcome, which is not settled yet.
  return position_.Move(events, Since(Now()), session.Stop());
}

// Gathers what is there for one commit, and has it settled.
Result<void> Topics::Listen(Client& client) {
  std::size_t bytes = 0;
  for (std::size_t before = arrived_.size(); arrived_.size() < kMostEvents; ++before) {
    MESG_TRY(client.Read(Duration::zero()));
    if (arrived_.size() <= before) break;
    bytes += arrived_.back().json.size();
    if (bytes > kCommitBytes) break;
  }
  MESG_TRY(client.Flush());
  alive_ = Now();
  return {};
}

Result<void> Topics::Settle(const std::stop_token& stop) {
  if (arrived_.empty()) return {};
  MESG_TRY(position_.Move(arrived_, Since(Now()), stop));
  arrived_.clear();
  return {};
}

void Topics::Take(const Message& message) {
  sdk::JsonObject event;
  event.Add("topic", message.topic);
  AddPayload(event, message.payload);
  event.Add("qos", message.qos).Add("retain", message.retain);
  arrived_.push_back({.key = "message", .json = event.Take()});
}

}  // namespace mesg::services::mqtt
