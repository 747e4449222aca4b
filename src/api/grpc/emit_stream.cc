#include "api/grpc/emit_stream.h"

#include <memory>
#include <utility>

#include "api/grpc/auth.h"

namespace mesg::api {
namespace {

// Enough to keep the engine and the disk busy while answers travel.
constexpr std::size_t kMostRequests = 128;
// What keeps its array of messages for the next request.
constexpr int kKeptEvents = 4'096;

}  // namespace

Result<void> EmitStream::Open() {
  instance_ = MESG_TRY(Authenticate(call(), broker()));
  return {};
}

void EmitStream::Received(v1::EmitRequest& request) {
  std::uint64_t number = 0;
  {
    const std::scoped_lock lock(mutex_);
    number = queue_.Open();
  }
  ++under_way_;
  EmitFor(broker(), instance_, request,
          [self = std::static_pointer_cast<EmitStream>(shared_from_this()), number](
              Result<engine::Emitted> emitted) { self->Answered(number, std::move(emitted)); });
  if (request.events_size() > kKeptEvents) v1::EmitRequest().Swap(&request);
}

void EmitStream::Answered(std::uint64_t request, EmitQueue::Outcome outcome) {
  {
    const std::scoped_lock lock(mutex_);
    queue_.Close(request, std::move(outcome));
  }
  Wake();
}

void EmitStream::HalfClosed() {
  bool over = false;
  {
    const std::scoped_lock lock(mutex_);
    half_closed_ = true;
    over = queue_.size() == 0;
  }
  if (over) EndWell();
}

bool EmitStream::Fill(v1::EmitResponse& response) {
  std::optional<EmitQueue::Outcome> outcome;
  bool last = false;
  {
    const std::scoped_lock lock(mutex_);
    outcome = queue_.Take();
    last = outcome && half_closed_ && queue_.size() == 0;
  }
  if (!outcome) return false;
  ToWire(broker(), instance_, *outcome, response);
  if (under_way_-- == kMostRequests) ReadOn();
  if (last) EndWell();
  return true;
}

bool EmitStream::HasRoom() const { return under_way_ < kMostRequests; }

}  // namespace mesg::api
