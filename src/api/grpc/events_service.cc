#include "api/grpc/events_service.h"

#include <utility>

#include "api/grpc/auth.h"
#include "api/grpc/emit_stream.h"
#include "api/grpc/emitting.h"
#include "api/grpc/listen_stream.h"
#include "api/grpc/subscriptions.h"
#include "api/grpc/translate.h"
#include "api/grpc/unary.h"
#include "mesg/v1/events.grpc.pb.h"

namespace mesg::api {
namespace {

constexpr std::size_t kDefaultPage = 100;

/// Whether the service is not deployed any more, but some of its history is kept.
Result<bool> IsGone(const broker::Broker& broker, const std::string& service) {
  if (service.empty() || service == "*") return false;
  const auto deployed = broker.Deployed()->Find(service);
  if (deployed || deployed.error().code != Code::kNotFound) return false;
  return broker.HasHistory(service);
}

Result<void> ListEvents(const broker::Broker& broker, const v1::ListEventsRequest& request,
                        v1::ListEventsResponse& response) {
  broker::EventQuery query;
  auto predicates = MESG_TRY(FromWire(request.predicates(), ""));
  if (MESG_TRY(IsGone(broker, request.service()))) {
    query.filter.name = request.service();
    query.filter.predicates = std::move(predicates);
    if (request.key() != "*") query.filter.key = request.key();
  } else {
    query.filter = MESG_TRY(broker.MakeFilter(/*results=*/false, request.service(), request.key(),
                                              "", {}, std::move(predicates)));
  }
  query.after = MESG_TRY(TimeFromWire(request.after_us(), "after_us"));
  query.before = MESG_TRY(TimeFromWire(request.before_us(), "before_us"));
  query.after_position = request.after_position();
  query.newest_first = request.newest_first();
  query.limit = request.page().size() == 0 ? kDefaultPage : request.page().size();
  query.token = request.page().token();
  const broker::EventPage page = MESG_TRY(broker.ListEvents(query));
  for (const auto& [position, entry] : page.events) {
    v1::Event& event = *response.add_events();
    ToWire(entry, event);
    event.set_position(position);
  }
  response.set_next_page_token(page.next_token);
  response.set_oldest_position(page.oldest_position);
  return {};
}

Result<void> GetEvent(const broker::Broker& broker, const std::string& text, v1::Event& response) {
  const std::optional<HistoryEntry> entry = MESG_TRY(broker.FindEvent(text));
  if (!entry) {
    return NotFound("there is no event at position {}, or it is no longer kept", text)
        .Because("EVENT_NOT_FOUND");
  }
  ToWire(*entry, response);
  response.set_position(text);
  return {};
}

class EventsService final : public v1::Events::CallbackService {
 public:
  explicit EventsService(ContextPtr context)
      : context_(std::move(context)), broker_(context_->broker) {}

  grpc::ServerUnaryReactor* Emit(grpc::CallbackServerContext* call, const v1::EmitRequest* request,
                                 v1::EmitResponse* response) override {
    if (const auto open = context_->gate->Check(); !open) return Finish(*call, open.error());
    const auto instance = Authenticate(*call, broker_);
    if (!instance) return Finish(*call, instance.error());
    const UnaryCallPtr reactor = UnaryCall::Begin(context_->gate);
    // It is this call's alone: its payloads can be taken out of it.
    auto& taken = const_cast<v1::EmitRequest&>(*request);
    EmitFor(broker_, *instance, taken,
            ReplyTo<engine::Emitted>(
                *context_, reactor,
                [this, response, name = (*instance)->Name()](const engine::Emitted& emitted) {
                  ToWire(broker_, name, emitted, *response);
                }));
    return reactor.get();
  }

  grpc::ServerBidiReactor<v1::EmitRequest, v1::EmitResponse>* EmitStream(
      grpc::CallbackServerContext* call) override {
    return api::EmitStream::Begin(std::make_shared<api::EmitStream>(*context_, *call));
  }

  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* call,
                                 const v1::ListEventsRequest* request,
                                 v1::ListEventsResponse* response) override {
    return FinishLater(*context_, *call, [this, request, response] {
      return ListEvents(broker_, *request, *response);
    });
  }

  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* call,
                                const v1::GetEventRequest* request, v1::Event* response) override {
    return FinishLater(*context_, *call, [this, request, response] {
      return GetEvent(broker_, request->position(), *response);
    });
  }

  grpc::ServerBidiReactor<v1::ListenRequest, v1::ListenResponse>* Listen(
      grpc::CallbackServerContext* call) override {
    return ListenStream::Begin(std::make_shared<ListenStream>(*context_, *call));
  }

  grpc::ServerUnaryReactor* CreateSubscription(grpc::CallbackServerContext* call,
                                               const v1::CreateSubscriptionRequest* request,
                                               v1::Subscription* response) override {
    if (const auto open = context_->gate->Check(); !open) return Finish(*call, open.error());
    if (const auto filters = ReadFilters(broker_, request->filters()); !filters) {
      return Finish(*call, filters.error());
    }
    const UnaryCallPtr reactor = UnaryCall::Begin(context_->gate);
    const std::string& name = request->name();
    broker_.Subscribe(
        name, EncodeFilters(request->filters()), request->after_position(),
        [this, crew = context_->crew.door(), reactor, name, response](const Result<void>& done) {
          // It is known before the effects of its commit are over.
          crew.Soon([this, reactor, name, response, done] {
            if (reactor->Claim()) FinishWith(reactor, done, name, response);
          });
        });
    return reactor.get();
  }

  grpc::ServerUnaryReactor* ListSubscriptions(grpc::CallbackServerContext* call,
                                              const v1::ListSubscriptionsRequest* /*request*/,
                                              v1::ListSubscriptionsResponse* response) override {
    return FinishLater(*context_, *call, [this, response]() -> Result<void> {
      for (const auto& subscription : broker_.Subscriptions()) {
        MESG_TRY(ToWire(broker_, *subscription, *response->add_subscriptions()));
      }
      return {};
    });
  }

  grpc::ServerUnaryReactor* DeleteSubscription(
      grpc::CallbackServerContext* call, const v1::DeleteSubscriptionRequest* request,
      v1::DeleteSubscriptionResponse* /*response*/) override {
    if (const auto open = context_->gate->Check(); !open) return Finish(*call, open.error());
    const UnaryCallPtr reactor = UnaryCall::Begin(context_->gate);
    broker_.Unsubscribe(request->name(), ReplyTo(*context_, reactor));
    return reactor.get();
  }

 private:
  void FinishWith(const UnaryCallPtr& reactor, Result<void> done, const std::string& name,
                  v1::Subscription* response) {
    if (done) {
      const auto found = broker_.FindSubscription(name);
      done =
          found == nullptr
              ? NotFound("subscription \"{}\" was deleted", name).Because("SUBSCRIPTION_NOT_FOUND")
              : ToWire(broker_, *found, *response);
    }
    reactor->Finish(done ? grpc::Status::OK : ToStatus(done.error()));
  }

  const ContextPtr context_;
  broker::Broker& broker_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeEventsService(ContextPtr context) {
  return std::make_unique<EventsService>(std::move(context));
}

}  // namespace mesg::api
