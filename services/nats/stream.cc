#include "nats/stream.h"

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "connector/input.h"
#include "nats/handles.h"

namespace mesg::services::nats {
namespace {

constexpr int kBatch = 128;
constexpr std::int64_t kFetchMs = 1'000;
constexpr int kIdleFetches = 5;  // After so many the server is asked whether we are still known.
constexpr std::size_t kCommitBytes = 2 * 1024 * 1024;
// The server forgets a consumer that has not asked for so long; Core may be away for a while.
constexpr std::int64_t kForgetNs = std::int64_t{300} * 1'000'000'000;

struct InfoHandle {
  jsStreamInfo* info = nullptr;
  InfoHandle() = default;
  InfoHandle(const InfoHandle&) = delete;
  InfoHandle& operator=(const InfoHandle&) = delete;
  ~InfoHandle() { jsStreamInfo_Destroy(info); }
};

using MetaHandle = std::unique_ptr<jsMsgMetaData, Destroy<jsMsgMetaData_Destroy>>;

Result<MetaHandle> MetaOf(natsMsg* message) {
  jsMsgMetaData* meta = nullptr;
  const natsStatus status = natsMsg_GetMetaData(&meta, message);
  if (status != NATS_OK) return Failed(status, "a message of the stream has no place in it");
  return MetaHandle(meta);
}

// `reader` tells two apart that read parts of one stream, the time two messages that got one number
// because the stream was made anew.
sdk::Event StoredEvent(natsMsg* message, const jsMsgMetaData& meta, const std::string& reader) {
  sdk::JsonObject event;
  event.Add("stream", meta.Stream).Add("sequence", meta.Sequence.Stream);
  event.Add("time", FormatTime(FromMicros(meta.Timestamp / 1'000)));
  event.Add("subject", natsMsg_GetSubject(message));
  AddContent(event, message);
  return {.key = "stored",
          .json = event.Take(),
          .id = fmt::format("{}/{}/{}", reader, meta.Sequence.Stream, meta.Timestamp)};
}

}  // namespace

std::string Place::ToJson() const {
  return sdk::JsonObject().Add("sequence", sequence).Add("created", created).Take();
}

Result<Place> Place::FromJson(std::string_view json) {
  const Input input = MESG_TRY(Input::Read(json));
  Place place;
  place.sequence =
      static_cast<std::uint64_t>(MESG_TRY(input["sequence"].Whole("sequence", 0, 0, INT64_MAX)));
  place.created = MESG_TRY(input["created"].Whole("created", 0, 0, INT64_MAX));
  return place;
}

struct Stream::Reach {
  ConnectionHandle connection;
  JetStreamHandle context;
  SubscriptionHandle consumer;
  std::uint64_t delivered = 0;  // By this consumer, by the server's count.
};

Stream::Stream(sdk::Service& service, const Config& config, const Config::Stream& stream)
    : config_(config),
      stream_(stream),
      reader_(stream.name + (stream.filter.empty() ? "" : ":" + stream.filter)),
      position_(service, "stream/" + reader_) {}

Result<void> Stream::Run(Upkeep::Session& session) {
  Reach reach;
  reach.connection = MESG_TRY(Connect(config_));
  reach.context = MESG_TRY(JetStreamOf(reach.connection.get()));
  MESG_TRY(Begin(reach, session));
  MESG_TRY(MakeConsumer(reach));
  session.Up();
  return Read(reach, session);
}

// Finds our place, or makes one where START says, and tells what has left the stream meanwhile.
Result<void> Stream::Begin(Reach& reach, Upkeep::Session& session) {
  InfoHandle handle;
  jsErrCode code{};
  const natsStatus status =
      js_GetStreamInfo(&handle.info, reach.context.get(), stream_.name.c_str(), nullptr, &code);
  if (status != NATS_OK) return Failed(status, "cannot read stream " + stream_.name);
  const jsStreamState& state = handle.info->State;
  const auto kept = MESG_TRY(position_.Load(session.Stop()));
  std::vector<sdk::Event> events;
  if (!kept) {
    place_ = {.sequence = config_.from_oldest ? 0 : state.LastSeq, .created = handle.info->Created};
    if (state.FirstSeq > place_.sequence + 1) place_.sequence = state.FirstSeq - 1;
    return position_.Move({}, place_.ToJson(), session.Stop());
  }
  place_ = MESG_TRY(Place::FromJson(*kept));
  Place next = place_;
  if (place_.created != handle.info->Created) {
    events.push_back(GapEvent("replaced", 0));
    next = {.sequence = 0, .created = handle.info->Created};
  } else if (state.LastSeq < place_.sequence) {
    // The server's disk had not kept what it gave us; new messages get these numbers again.
    events.push_back(GapEvent("shortened", 0));
    next.sequence = state.LastSeq;
  }
  if (state.FirstSeq > next.sequence + 1) {
    if (events.empty()) events.push_back(GapEvent("removed", state.FirstSeq));
    next.sequence = state.FirstSeq - 1;
  }
  if (next.sequence == place_.sequence && events.empty()) return {};
  MESG_TRY(position_.Move(events, next.ToJson(), session.Stop()));
  place_ = next;
  return {};
}

Result<void> Stream::MakeConsumer(Reach& reach) {
  jsSubOptions options;
  jsSubOptions_Init(&options);
  options.Stream = stream_.name.c_str();
  options.Config.DeliverPolicy = js_DeliverByStartSequence;
  options.Config.OptStartSeq = place_.sequence + 1;
  options.Config.AckPolicy = js_AckNone;
  options.Config.InactiveThreshold = kForgetNs;
  natsSubscription* made = nullptr;
  jsErrCode code{};
  const natsStatus status = js_PullSubscribe(&made, reach.context.get(),
                                             stream_.filter.empty() ? ">" : stream_.filter.c_str(),
                                             /*durable=*/nullptr, nullptr, &options, &code);
  if (status != NATS_OK) return Failed(status, "cannot read stream " + stream_.name);
  reach.consumer.reset(made);
  return {};
}

Result<void> Stream::Read(Reach& reach, Upkeep::Session& session) {
  int idle = 0;
  while (!session.Stopping()) {
    natsMsgList list{};
    jsErrCode code{};
    natsStatus status =
        natsSubscription_Fetch(&list, reach.consumer.get(), kBatch, kFetchMs, &code);
    if (status == NATS_OK) {
      idle = 0;
      const Result<void> taken = Take(reach, &list, session);
      natsMsgList_Destroy(&list);
      MESG_TRY(taken);
      continue;
    }
    if (status != NATS_TIMEOUT) return Failed(status, "cannot read stream " + stream_.name);
    if (++idle % kIdleFetches != 0 && !natsConnection_IsClosed(reach.connection.get())) continue;
    // A consumer that the server has forgotten answers nothing at all.
    jsConsumerInfo* info = nullptr;
    status = natsSubscription_GetConsumerInfo(&info, reach.consumer.get(), nullptr, &code);
    jsConsumerInfo_Destroy(info);
    if (status != NATS_OK)
      return Failed(status, "the reading of stream " + stream_.name + " ended");
  }
  return {};
}

Result<void> Stream::Take(Reach& reach, void* messages, Upkeep::Session& session) {
  const natsMsgList& list = *static_cast<natsMsgList*>(messages);
  std::vector<sdk::Event> events;
  Place next = place_;
  std::size_t bytes = 0;
  for (int i = 0; i < list.Count; ++i) {
    const MetaHandle meta = MESG_TRY(MetaOf(list.Msgs[i]));
    // The server counts what it gives us: a hole there is a message lost on the way to us.
    if (meta->Sequence.Consumer != ++reach.delivered) {
      return Unavailable("messages of stream {} were lost on the way", stream_.name);
    }
    if (stream_.filter.empty() && meta->Sequence.Stream > next.sequence + 1) {
      place_.sequence = next.sequence;
      events.push_back(GapEvent("removed", meta->Sequence.Stream));
    }
    events.push_back(StoredEvent(list.Msgs[i], *meta, reader_));
    next.sequence = meta->Sequence.Stream;
    bytes += events.back().json.size();
    if (bytes < kCommitBytes && i + 1 < list.Count) continue;
    MESG_TRY(position_.Move(events, next.ToJson(), session.Stop()));
    place_ = next;
    events.clear();
    bytes = 0;
  }
  return {};
}

sdk::Event Stream::GapEvent(const char* kind, std::uint64_t next) const {
  sdk::JsonObject event;
  event.Add("kind", kind).Add("stream", stream_.name).Add("after", place_.sequence);
  if (next > 0) event.Add("lost", next - place_.sequence - 1);
  return {.key = "gap", .json = event.Take()};
}

}  // namespace mesg::services::nats
