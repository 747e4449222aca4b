#include "api/grpc/run_watch.h"

#include <utility>

#include "api/grpc/run_wire.h"

namespace mesg::api {
namespace {

// Runs that may wait for a slow client; with more it is told to begin anew.
constexpr std::size_t kMostWaiting = 100'000;

}  // namespace

class RunWatch::Sink final : public broker::RunSink {
 public:
  explicit Sink(std::weak_ptr<RunWatch> watch) : watch_(std::move(watch)) {}
  void Moved(const engine::RunPtr& run) override {
    if (const auto alive = watch_.lock()) alive->Moved(run);
  }

 private:
  const std::weak_ptr<RunWatch> watch_;
};

RunWatch::RunWatch(Context& context, const v1::WatchRunsRequest& request)
    : PullStream(context.gate), broker_(context.broker), crew_(context.crew), request_(request) {}

void RunWatch::Open() {
  if (!request_.id().empty()) {
    const auto id = ExecutionId::FromText(request_.id());
    if (!id) return End(ToStatus(id.error()));
    run_ = *id;
  }
  sink_ = std::make_shared<Sink>(Self());
  // Heard first, then read: nothing can come in between.
  broker_.WatchRuns(request_.application(), run_, sink_);
  if (run_.empty()) return;
  const std::scoped_lock lock(mutex());
  moved_ = true;
  Read();
}

void RunWatch::Moved(const engine::RunPtr& run) {
  const std::scoped_lock lock(mutex());
  if (IsEnding()) return;
  if (!run_.empty()) {
    moved_ = true;
    Read();
    return;
  }
  const auto [entry, is_new] = latest_.insert_or_assign(run->id, run);
  if (is_new) order_.push_back(run->id);
  if (order_.size() > kMostWaiting) Break();
  Pump();
}

// Under mutex().
void RunWatch::Read() {
  if (reading_ || !moved_) return;
  reading_ = true;
  moved_ = false;
  const auto queued = crew_.Later([self = Self()] {
    const auto view = self->broker_.GetRun(self->run_, 0);
    bool over = !view;
    {
      const std::scoped_lock lock(self->mutex());
      self->reading_ = false;
      if (view) {
        v1::Run run;
        ToWire(*view, run);
        self->read_ = std::move(run);
        over = engine::IsEnded(view->run->state);
        self->Pump();
      }
      if (!over) self->Read();
    }
    if (over) self->End(view ? grpc::Status::OK : ToStatus(view.error()));
  });
  if (!queued) {
    // There is too much to do: the next move tries again.
    reading_ = false;
    moved_ = true;
  }
}

bool RunWatch::Fill(v1::Run& run) {
  if (read_) {
    run = *std::exchange(read_, std::nullopt);
    return true;
  }
  if (order_.empty()) return false;
  const auto next = latest_.find(order_.front());
  order_.pop_front();
  ToWire(*next->second, run);
  latest_.erase(next);
  return true;
}

void RunWatch::OnCancel() {
  {
    const std::scoped_lock lock(mutex());
    Break();
  }
  End(grpc::Status::CANCELLED);
}

void RunWatch::Closing() { End(ToStatus(Stopping())); }

void RunWatch::Over() { sink_.reset(); }

}  // namespace mesg::api
