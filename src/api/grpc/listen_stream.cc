#include "api/grpc/listen_stream.h"

#include <algorithm>
#include <utility>

#include "api/grpc/subscriptions.h"
#include "api/grpc/translate.h"

namespace mesg::api {
namespace {

// What one message carries, and what may wait to be sent before the broker holds back.
constexpr std::size_t kChunkItems = 1'024;
constexpr std::size_t kChunkBytes = 256 << 10;
constexpr std::size_t kMostWaitingBytes = 2 << 20;
constexpr std::size_t kDefaultWindow = 1'000;
constexpr std::size_t kLargestWindow = 1'000'000;

}  // namespace

/// What the broker holds: it may outlive the call.
class ListenStream::Sink final : public broker::ListenerSink {
 public:
  explicit Sink(ListenStream* stream) : stream_(stream) {}

  /// From now on nothing reaches the stream.
  void Detach() {
    const std::scoped_lock lock(mutex_);
    stream_ = nullptr;
  }

  void Push(engine::PartitionId partition, std::span<const broker::Item> items,
            std::uint64_t sequence) override {
    const std::scoped_lock lock(mutex_);
    if (stream_ != nullptr) stream_->Push(partition, items, sequence);
  }
  bool HasRoom() const override {
    const std::scoped_lock lock(mutex_);
    return stream_ != nullptr && stream_->SinkHasRoom();
  }
  void Fail(const Error& error) override {
    const std::scoped_lock lock(mutex_);
    if (stream_ != nullptr) stream_->End(error);
  }

 private:
  mutable std::mutex mutex_;
  ListenStream* stream_;
};

ListenStream::ListenStream(Context& context, grpc::CallbackServerContext& call)
    : BatchStream(context, call),
      sink_(std::make_shared<Sink>(this)),
      position_(broker().Partitions()),
      said_position_(broker().Partitions()),
      unacknowledged_(broker().Partitions()) {}

ListenStream::~ListenStream() { sink_->Detach(); }

// ---- Opening ----

void ListenStream::Received(v1::ListenRequest& request) {
  Result<void> done;
  if (request.has_open() == opened_) {
    done = InvalidArgument("{}", opened_ ? "the listener is open already; make another call"
                                         : "the first message of a listener opens it")
               .Because("UNEXPECTED_MESSAGE");
  } else if (request.has_open()) {
    opened_ = true;
    done = request.open().subscription().empty() ? OpenListener(request.open())
                                                 : OpenSubscription(request.open());
  } else if (request.request_case() == v1::ListenRequest::kAcknowledge) {
    done = Acknowledge(request.acknowledge());
  }
  if (!done) End(std::move(done).error());
}

Result<void> ListenStream::OpenListener(const v1::ListenRequest::Open& open) {
  auto filters = MESG_TRY(ReadFilters(broker(), open.filters()));
  std::optional<broker::Position> from;
  if (!open.after_position().empty()) {
    from = MESG_TRY(broker::Position::Parse(open.after_position(), broker().Partitions()));
  }
  // A live one begins a little later than this: whoever goes on from here misses nothing.
  position_ = said_position_ = from ? *from : broker().Newest();
  broker().Listen(std::move(filters), from, sink_,
                  [self = std::static_pointer_cast<ListenStream>(shared_from_this())](
                      Result<broker::ListenerId> ready) { self->Ready(std::move(ready)); });
  return {};
}

Result<void> ListenStream::OpenSubscription(const v1::ListenRequest::Open& open) {
  if (!open.filters().empty()) {
    return InvalidArgument("a named subscription has its own filters; leave them out")
        .Because("UNEXPECTED_FILTERS");
  }
  subscription_ = open.subscription();
  window_ =
      open.window() == 0 ? kDefaultWindow : std::min<std::size_t>(open.window(), kLargestWindow);
  std::vector<broker::Filter> filters;
  if (const auto found = broker().FindSubscription(subscription_)) {
    filters = MESG_TRY(ReadStoredFilters(broker(), found->filters));
    position_ = said_position_ = broker().AcknowledgedOf(*found);
  }
  broker().ListenSubscription(
      subscription_, std::move(filters), sink_,
      [self = std::static_pointer_cast<ListenStream>(shared_from_this())](
          Result<broker::ListenerId> ready) { self->Ready(std::move(ready)); });
  return {};
}

void ListenStream::Ready(Result<broker::ListenerId> ready) {
  if (!ready) {
    End(ready.error());
    return;
  }
  bool too_late = false;
  {
    const std::scoped_lock lock(mutex_);
    too_late = stopped_;
    if (!too_late) listener_ = *ready;
    ready_to_say_ = true;
  }
  if (too_late) {
    broker().StopListening(*ready);
  } else {
    Wake();
  }
}

void ListenStream::HalfClosed() {
  bool over = false;
  {
    const std::scoped_lock lock(mutex_);
    half_closed_ = true;
    over = MayEnd();
  }
  if (over) EndWell();
}

bool ListenStream::MayEnd() const { return half_closed_ && !acknowledging_ && !to_acknowledge_; }

void ListenStream::Ended() {
  std::optional<broker::ListenerId> listener;
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    listener = std::exchange(listener_, std::nullopt);
    chunks_.clear();
  }
  sink_->Detach();
  if (listener) broker().StopListening(*listener);
}

// ---- Items on their way to the client ----

ListenStream::Chunk& ListenStream::ChunkFor(engine::PartitionId partition) {
  const std::size_t most =
      window_ == 0 ? kChunkItems : std::clamp<std::size_t>(window_ / 2, 1, kChunkItems);
  if (!chunks_.empty()) {
    Chunk& last = *chunks_.back();
    if (last.partition == partition && last.sequences.size() < most && last.bytes < kChunkBytes) {
      return last;
    }
    last.message.set_position(position_.Text());
  }
  chunks_.push_back(spare_ ? std::move(spare_) : std::make_unique<Chunk>());
  chunks_.back()->partition = partition;
  return *chunks_.back();
}

void ListenStream::AddItem(engine::PartitionId partition, const broker::Item& item) {
  Chunk& chunk = ChunkFor(partition);
  v1::Item& added = *chunk.message.add_items();
  position_.Set(partition, item.entry.sequence);
  std::size_t bytes = 256;
  std::string* position = nullptr;
  if (item.result != nullptr) {
    ToWire(*item.result, /*with_inputs=*/false, *added.mutable_result());
    position = added.mutable_result()->mutable_position();
    if (item.result->outcome) bytes += item.result->outcome->outputs.size();
  } else {
    ToWire(item.entry, *added.mutable_event());
    position = added.mutable_event()->mutable_position();
    bytes += item.entry.data.size();
  }
  if (position_.Partitions() == 1) {
    AppendPosition(broker(), item.entry.source->name, item.entry.sequence, *position);
  } else {
    *position =
        position_.EntryText(partition);  // What this listener was not sent yet is behind it.
  }
  chunk.sequences.push_back(item.entry.sequence);
  chunk.bytes += bytes;
  ++waiting_items_;
  waiting_bytes_ += bytes;
}

void ListenStream::Push(engine::PartitionId partition, std::span<const broker::Item> items,
                        std::uint64_t sequence) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopped_) return;
    for (const broker::Item& item : items) AddItem(partition, item);
    position_.Set(partition, sequence);
  }
  Wake();
}

bool ListenStream::IsRoomy(std::size_t most_bytes) const {
  return waiting_bytes_ < most_bytes && (window_ == 0 || waiting_items_ + in_window_ < window_);
}

bool ListenStream::SinkHasRoom() {
  const std::scoped_lock lock(mutex_);
  full_ = !IsRoomy(kMostWaitingBytes);
  return !full_;
}

bool ListenStream::TakeChunk(v1::ListenResponse& response) {
  if (chunks_.empty()) return false;
  const std::size_t items = chunks_.front()->sequences.size();
  if (window_ != 0 && in_window_ != 0 && in_window_ + items > window_) return false;
  std::unique_ptr<Chunk> chunk = std::move(chunks_.front());
  chunks_.pop_front();
  response.mutable_items()->Swap(chunk->message.mutable_items());
  if (chunks_.empty()) {
    said_position_ = position_;
    response.set_position(position_.Text());
  } else {
    response.set_position(chunk->message.position());
  }
  waiting_items_ -= items;
  waiting_bytes_ -= chunk->bytes;
  if (window_ != 0) {
    in_window_ += items;
    auto& sent = unacknowledged_[chunk->partition];
    sent.insert(sent.end(), chunk->sequences.begin(), chunk->sequences.end());
  }
  chunk->message.clear_position();
  chunk->sequences.clear();
  chunk->bytes = 0;
  spare_ = std::move(chunk);  // With the last message's items: their memory is used again.
  return true;
}

bool ListenStream::Fill(v1::ListenResponse& response) {
  std::optional<broker::ListenerId> resumed;
  bool some = false;
  bool over = false;
  {
    const std::scoped_lock lock(mutex_);
    if (!said_ready_) {
      over = MayEnd();
      if (ready_to_say_) {
        said_ready_ = some = true;
        response.set_ready(true);
        response.set_position(said_position_.Text());
      }
    } else {
      if (!acknowledged_.empty()) {
        response.set_acknowledged(std::exchange(acknowledged_, {}));
        some = true;
      }
      if (TakeChunk(response)) {
        some = true;
      } else if (chunks_.empty() && position_ != said_position_) {
        said_position_ = position_;
        response.set_position(position_.Text());
        some = true;
      }
      if (full_ && IsRoomy(kMostWaitingBytes / 2)) {
        full_ = false;
        resumed = listener_;
      }
      over = !some && MayEnd();
    }
  }
  if (resumed) broker().Resume(*resumed);
  if (over) EndWell();
  return some;
}

// ---- Acknowledgements ----

Result<void> ListenStream::Acknowledge(const std::string& text) {
  if (subscription_.empty()) {
    return InvalidArgument("only a named subscription takes acknowledgements")
        .Because("NOT_A_SUBSCRIPTION");
  }
  MESG_TRY(broker::Position::Parse(text, broker().Partitions()));
  {
    const std::scoped_lock lock(mutex_);
    to_acknowledge_ = text;
  }
  SendAcknowledgement();
  return {};
}

void ListenStream::SendAcknowledgement() {
  std::string text;
  {
    const std::scoped_lock lock(mutex_);
    if (acknowledging_ || !to_acknowledge_) return;
    acknowledging_ = true;
    text = *std::exchange(to_acknowledge_, std::nullopt);
  }
  const auto position = broker::Position::Parse(text, broker().Partitions());
  broker().Acknowledge(subscription_, *position,
                       [self = std::static_pointer_cast<ListenStream>(shared_from_this()), text,
                        position = *position](const Result<void>& result) {
                         self->Acknowledged(text, position, result);
                       });
}

void ListenStream::Acknowledged(const std::string& text, const broker::Position& position,
                                const Result<void>& result) {
  {
    const std::scoped_lock lock(mutex_);
    acknowledging_ = false;
    if (result) {
      acknowledged_ = text;
      for (std::size_t partition = 0; partition < unacknowledged_.size(); ++partition) {
        auto& sent = unacknowledged_[partition];
        while (!sent.empty() && sent.front() <= position.At(partition)) {
          sent.pop_front();
          --in_window_;
        }
      }
    }
  }
  if (!result) {
    End(result.error());
    return;
  }
  SendAcknowledgement();
  Wake();
}

}  // namespace mesg::api
