#include "api/grpc/logs_call.h"

#include <utility>

#include "api/grpc/service_wire.h"

namespace mesg::api {
namespace {

constexpr std::size_t kMaxMessage = 256 << 10;  // Far below what clients take.
constexpr std::size_t kLineOverhead = 64;

}  // namespace

void LogsCall::Open() {
  if (follow_) {
    if (const auto followed = Follow(); !followed) End(ToStatus(followed.error()));
    return;
  }
  auto lines = services_.ReadLog(service_, tail_);
  if (!lines) return End(ToStatus(lines.error()));
  {
    const std::scoped_lock lock(mutex());
    waiting_.assign(std::make_move_iterator(lines->begin()), std::make_move_iterator(lines->end()));
  }
  End(grpc::Status::OK);
}

Result<void> LogsCall::Follow() {
  watch_ = MESG_TRY(services_.WhenGone(service_, [weak = std::weak_ptr(Self())] {
    if (const auto self = weak.lock()) self->End(grpc::Status::OK);
  }));
  subscription_ = MESG_TRY(services_.FollowLog(
      service_, tail_, [weak = std::weak_ptr(Self())](const std::vector<runtime::LogLine>& lines) {
        if (const auto self = weak.lock()) self->Take(lines);
      }));
  return {};
}

void LogsCall::Take(const std::vector<runtime::LogLine>& lines) {
  const std::scoped_lock lock(mutex());
  // What was kept comes at once, bounded by what is kept.
  const bool first = !std::exchange(began_, true);
  for (const runtime::LogLine& line : lines) {
    // Once something is missing everything is, until its place is marked.
    if (dropped_ > 0 || (!first && bytes_ > kMaxWaiting)) {
      ++dropped_;
      continue;
    }
    bytes_ += line.text.size() + kLineOverhead;
    waiting_.push_back(line);
  }
  Pump();
}

bool LogsCall::Fill(v1::ServiceLogsResponse& response) {
  std::size_t bytes = 0;
  while (!waiting_.empty() && bytes < kMaxMessage) {
    const std::size_t size = waiting_.front().text.size() + kLineOverhead;
    ToWire(waiting_.front(), *response.add_lines());
    waiting_.pop_front();
    bytes += size;
    bytes_ -= std::min(bytes_, size);
  }
  if (waiting_.empty() && dropped_ > 0) {
    v1::ServiceLogsResponse::Line& notice = *response.add_lines();
    notice.set_core(true);
    notice.set_text(fmt::format("{} lines are left out here: they came faster than they were read",
                                std::exchange(dropped_, 0)));
  }
  return response.lines_size() > 0;
}

void LogsCall::OnCancel() {
  {
    const std::scoped_lock lock(mutex());
    Break();
  }
  End(grpc::Status::CANCELLED);
}

void LogsCall::Closing() { End(ToStatus(Stopping())); }

void LogsCall::Over() {
  subscription_.reset();
  watch_.reset();
}

}  // namespace mesg::api
