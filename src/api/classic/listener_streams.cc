#include "api/classic/listener_streams.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "api/classic/out_stream.h"
#include "api/classic/texts.h"
#include "broker/broker.h"

namespace mesg::api::classic {
namespace {

/// What waits for a client before the broker is told to push no more.
constexpr std::size_t kRoomBytes = 1 << 20;

template <typename Message>
class ListenerStream final : public OutStream<Message>, public broker::ListenerSink {
 public:
  using Translate = Message (*)(const broker::Item&);

  ListenerStream(grpc::CallbackServerContext& context, const Core& core, Translate translate)
      : OutStream<Message>(context, core), broker_(*core.broker), translate_(translate) {}

  void Listen(const std::shared_ptr<ListenerStream>& self, Result<broker::Filter> filter) {
    if (!filter) {
      this->End(ToStatus(filter.error()));
      return;
    }
    broker_.Listen({*std::move(filter)}, std::nullopt, self,
                   [self](Result<broker::ListenerId> id) { self->Ready(std::move(id)); });
  }

  void Push(engine::PartitionId, std::span<const broker::Item> items, std::uint64_t) override {
    for (const broker::Item& item : items) {
      if (!this->Send(translate_(item))) return;
    }
  }
  bool HasRoom() const override {
    const bool room = this->QueuedBytes() < kRoomBytes;
    if (!room) full_ = true;
    return room;
  }
  void Fail(const Error& error) override { this->End(ToStatus(error)); }

 private:
  void Ready(Result<broker::ListenerId> id) {
    if (!id) {
      this->End(ToStatus(id.error()));
      return;
    }
    bool over = false;
    {
      const std::scoped_lock lock(mutex_);
      id_ = *id;
      over = over_;
    }
    if (over) {
      broker_.StopListening(*id);
    } else {
      this->Open();
    }
  }
  void Sent() override {
    if (!full_.exchange(false) || !HasRoom()) return;
    const auto id = Id();
    if (id) broker_.Resume(*id);
  }
  void Over() override {
    {
      const std::scoped_lock lock(mutex_);
      over_ = true;
    }
    if (const auto id = Id()) broker_.StopListening(*id);
  }
  std::optional<broker::ListenerId> Id() const {
    const std::scoped_lock lock(mutex_);
    return id_;
  }

  broker::Broker& broker_;
  const Translate translate_;
  mutable std::atomic<bool> full_ = false;  ///< The broker was told so.
  mutable std::mutex mutex_;
  std::optional<broker::ListenerId> id_;
  bool over_ = false;
};

template <typename Message, typename Request>
grpc::ServerWriteReactor<Message>* Listen(grpc::CallbackServerContext& context, const Core& core,
                                          const Request& request,
                                          Message (*translate)(const broker::Item&)) {
  auto stream = std::make_shared<ListenerStream<Message>>(context, core, translate);
  auto* reactor = stream->Begin(stream);
  const Result<void> open = core.gate ? core.gate->Check() : Result<void>();
  stream->Listen(stream, open ? FilterOf(*core.broker, request) : open.error());
  return reactor;
}

}  // namespace

grpc::ServerWriteReactor<wire::EventData>* ListenEvents(grpc::CallbackServerContext& context,
                                                        const Core& core,
                                                        const wire::ListenEventRequest& request) {
  return Listen(context, core, request, &EventMessage);
}

grpc::ServerWriteReactor<wire::ResultData>* ListenResults(
    grpc::CallbackServerContext& context, const Core& core,
    const wire::ListenResultRequest& request) {
  return Listen(context, core, request, &ResultMessage);
}

}  // namespace mesg::api::classic
