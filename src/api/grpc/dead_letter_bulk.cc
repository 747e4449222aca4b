#include "api/grpc/dead_letter_bulk.h"

#include <algorithm>
#include <utility>

#include "api/grpc/execution_lists.h"

namespace mesg::api {

void DeadLetterBulk::Begin(broker::Broker& broker, Crew& crew, Plan plan) {
  const std::shared_ptr<DeadLetterBulk> bulk(new DeadLetterBulk(broker, crew, std::move(plan)));
  if (auto checked = bulk->Check(); !checked) return bulk->Finish(std::move(checked).error());
  bulk->Later([bulk] { bulk->Step(); });
}

Result<void> DeadLetterBulk::Check() {
  constexpr int kMostIds = 10'000;
  const v1::DeadLetterSelection& selection = plan_.selection;
  if (selection.ids().empty() == !selection.all()) {
    return Error{Code::kInvalidArgument,
                 "select dead letters by `ids`, or `all` of a service and task",
                 "INVALID_SELECTION",
                 {{"ids", "expected either `ids` or `all`"}}};
  }
  if (selection.ids_size() > kMostIds) {
    return InvalidArgument("{} ids were given, the limit is {}", selection.ids_size(), kMostIds);
  }
  for (const std::string& text : selection.ids())
    ids_.push_back(MESG_TRY(ExecutionId::FromText(text)));
  page_.set_size(kBatch);
  return {};
}

void DeadLetterBulk::Step() {
  if (auto checked = plan_.may_go_on(); !checked) return Finish(std::move(checked).error());
  auto batch = NextBatch();
  if (!batch) return Finish(std::move(batch).error());
  if (batch->empty()) {
    if (AtEnd()) return Finish(std::exchange(refused_, std::nullopt));
    // A page without any that fits: others have their turn before the next is read.
    return Later([self = shared_from_this()] { self->Step(); });
  }
  plan_.act(*std::move(batch), [self = shared_from_this()](std::vector<Result<void>> results) {
    const auto kept = std::make_shared<std::vector<Result<void>>>(std::move(results));
    self->Later([self, kept] { self->Take(std::move(*kept)); });
  });
}

bool DeadLetterBulk::AtEnd() const {
  return plan_.selection.all() ? last_page_ : next_id_ == ids_.size();
}

Result<std::vector<ExecutionId>> DeadLetterBulk::NextBatch() {
  std::vector<ExecutionId> batch;
  if (!plan_.selection.all()) {
    for (; next_id_ < ids_.size() && batch.size() < kBatch; ++next_id_)
      batch.push_back(ids_[next_id_]);
    return batch;
  }
  if (last_page_) return batch;
  const auto page =
      MESG_TRY(ReadDeadLetters(broker_, plan_.selection.service(), plan_.selection.task(), page_));
  for (const broker::ExecutionView& view : page.executions) batch.push_back(view.execution->id);
  page_.set_token(page.next_token);
  last_page_ = page.next_token.empty();
  return batch;
}

void DeadLetterBulk::Take(std::vector<Result<void>> results) {
  for (Result<void>& result : results) {
    if (result) {
      ++*plan_.count;
      continue;
    }
    const Code code = result.error().code;
    if (!plan_.selection.all()) {
      if (!refused_) refused_ = std::move(result).error();
    } else if (code != Code::kNotFound && code != Code::kFailedPrecondition) {
      return Finish(std::move(result).error());
    }
  }
  Step();
}

void DeadLetterBulk::Later(Crew::Job job) {
  if (auto queued = crew_.Later(std::move(job)); !queued) Finish(std::move(queued).error());
}

void DeadLetterBulk::Finish(std::optional<Error> error) {
  if (!error) return plan_.done({});
  plan_.done(BrokenOff(*std::move(error), *plan_.count, plan_.done_word));
}

Error DeadLetterBulk::BrokenOff(Error why, std::size_t count, std::string_view done_word) {
  if (count > 0) why.message += fmt::format(" ({} were {})", count, done_word);
  return why;
}

}  // namespace mesg::api
