#include "api/grpc/run_bulk.h"

#include <future>
#include <utility>

#include "api/grpc/run_wire.h"

namespace mesg::api {
namespace {

constexpr std::size_t kBatch = 256;
constexpr int kMostIds = 10'000;

}  // namespace

RunBulk::RunBulk(Context& context, const v1::RunSelection& selection,
                 std::optional<std::string> reset_to)
    : PullStream(context.gate),
      broker_(context.broker),
      crew_(context.crew),
      selection_(selection),
      reset_to_(std::move(reset_to)) {}

Result<void> RunBulk::Check() {
  if (selection_.ids().empty() == !selection_.all()) {
    return Error{Code::kInvalidArgument,
                 "select runs by `ids`, or `all` that match `filter`",
                 "INVALID_SELECTION",
                 {{"ids", "expected either `ids` or `all`"}}};
  }
  if (selection_.ids_size() > kMostIds) {
    return InvalidArgument("{} ids were given, the limit is {}", selection_.ids_size(), kMostIds);
  }
  for (const std::string& id : selection_.ids()) {
    ids_.push_back(MESG_TRY(ExecutionId::FromText(id)));
  }
  query_ = MESG_TRY(FromWire(selection_.filter()));
  // A retry is of what has failed; a reset of what has ended, however.
  if (query_.states.empty()) {
    query_.states = {engine::RunState::kFailed};
    if (reset_to_) {
      query_.states.push_back(engine::RunState::kCompleted);
      query_.states.push_back(engine::RunState::kCancelled);
    }
  }
  query_.limit = kBatch;
  return {};
}

void RunBulk::Open() {
  if (const auto checked = Check(); !checked) return End(ToStatus(checked.error()));
  Step();
}

void RunBulk::Step() {
  const auto queued = crew_.Later([self = Self()] {
    v1::RunsProgress progress;
    const auto more = self->Batch(progress);
    {
      const std::scoped_lock lock(self->mutex());
      self->told_ = std::move(progress);
      self->more_ = more && *more;
      self->Pump();
    }
    if (!more) return self->End(ToStatus(more.error()));
    if (!*more) self->End(grpc::Status::OK);
  });
  if (!queued) End(ToStatus(queued.error()));
}

Result<std::vector<engine::RunId>> RunBulk::Next() {
  std::vector<engine::RunId> batch;
  if (!selection_.all()) {
    for (; next_id_ < ids_.size() && batch.size() < kBatch; ++next_id_) {
      batch.push_back(ids_[next_id_]);
    }
    return batch;
  }
  const broker::RunPage page = MESG_TRY(broker_.ListRuns(query_));
  // Those that other runs started have no way on but with them.
  for (const broker::RunView& view : page.runs) {
    if (view.run->parent.empty()) batch.push_back(view.run->id);
  }
  query_.token = page.next_token;
  last_page_ = page.next_token.empty();
  return batch;
}

Result<bool> RunBulk::Batch(v1::RunsProgress& progress) {
  const std::vector<engine::RunId> batch = MESG_TRY(Next());
  // All are asked for before the first answer is waited for: they share commits.
  std::vector<std::promise<Result<engine::RunPtr>>> promises(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    broker_.RetryRun(batch[i], reset_to_, selection_.dry_run(),
                     [&promise = promises[i]](Result<engine::RunPtr> run) {
                       promise.set_value(std::move(run));
                     });
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto run = promises[i].get_future().get();
    ++matched_;
    if (run) {
      ++done_;
      progress.add_ids(batch[i].Text());
      continue;
    }
    v1::RunsProgress::Refused& refused = *progress.add_refused();
    refused.set_id(batch[i].Text());
    refused.set_reason(ToUtf8(run.error().message));
  }
  progress.set_matched(matched_);
  progress.set_done(done_);
  return selection_.all() ? !last_page_ : next_id_ < ids_.size();
}

bool RunBulk::Fill(v1::RunsProgress& progress) {
  if (!told_) return false;
  progress = *std::exchange(told_, std::nullopt);
  if (std::exchange(more_, false) && !IsEnding()) {
    crew_.Soon([self = Self()] { self->Step(); });  // Not under the lock.
  }
  return true;
}

void RunBulk::OnCancel() {
  {
    const std::scoped_lock lock(mutex());
    Break();
  }
  End(grpc::Status::CANCELLED);
}

void RunBulk::Closing() { End(ToStatus(Stopping())); }

}  // namespace mesg::api
