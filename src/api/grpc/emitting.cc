#include "api/grpc/emitting.h"

#include <utility>
#include <vector>

#include "api/grpc/errors.h"
#include "api/grpc/translate.h"

namespace mesg::api {
namespace {

// An event takes a few hundred bytes in Core, however small it is on the wire.
constexpr int kMostEvents = 65'536;

struct Emission {
  broker::InstancePtr instance;
  std::vector<engine::NewEvent> events;
  std::vector<engine::KeyMove> moves;
};

Result<Emission> Read(const broker::Broker& broker, const std::string& instance_hash,
                      v1::EmitRequest& request) {
  if (request.events_size() > kMostEvents || request.changes_size() > kMostEvents) {
    return InvalidArgument("the request holds {} events and {} changes, the limit is {}",
                           request.events_size(), request.changes_size(), kMostEvents)
        .Because("TOO_MANY_EVENTS");
  }
  Emission emission;
  // As it is now: it may have been deleted while the connection was open.
  emission.instance = broker.Deployed()->FindInstance(instance_hash);
  if (emission.instance == nullptr) {
    return NotFound("instance {} is not deployed any more", instance_hash)
        .Because("INSTANCE_NOT_FOUND");
  }
  emission.events = MESG_TRY(FromWire(*request.mutable_events()));
  emission.moves = MESG_TRY(FromWire(*request.mutable_changes()));
  return emission;
}

}  // namespace

std::size_t EmitFor(broker::Broker& broker, const broker::InstancePtr& instance,
                    v1::EmitRequest& request, broker::Broker::Reply<engine::Emitted> reply) {
  std::size_t bytes = 0;
  for (const v1::EventToEmit& event : request.events()) bytes += event.data().size();
  for (const v1::KeyChange& change : request.changes()) bytes += change.put().size();
  auto read = Read(broker, instance->GetSource()->instance_hash, request);
  if (!read) {
    reply(std::move(read).error());
    return bytes;
  }
  broker.Emit(read->instance, std::move(read->events), std::move(read->moves), std::move(reply));
  return bytes;
}

void ToWire(const broker::Broker& broker, const broker::InstancePtr& instance,
            const EmitQueue::Outcome& outcome, v1::EmitResponse& wire) {
  if (outcome) {
    ToWire(broker, instance->Name(), *outcome, wire);
  } else {
    ToWire(outcome.error(), *wire.mutable_error());
  }
}

}  // namespace mesg::api
