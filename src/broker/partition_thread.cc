#include "broker/partition_thread.h"

#include <algorithm>
#include <deque>
#include <utility>

namespace mesg::broker {

PartitionThread::PartitionThread(const Clock& clock, Bounds bounds)
    : clock_(clock), bounds_(bounds), inbox_(bounds.requests, bounds.bytes) {}

PartitionThread::~PartitionThread() { Finish(); }

void PartitionThread::Finish() {
  if (!thread_.joinable()) return;
  inbox_.Seal();
  sealed_ = true;
  SubmitAlways([](Partition&, TimePoint) {});  // Wakes it to see that.
  thread_.join();
  inbox_.Close();
}

void PartitionThread::Start(std::unique_ptr<Partition> partition) {
  partition_ = std::move(partition);
  thread_ = std::thread([this] { Run(); });
}

Result<void> PartitionThread::Submit(Work&& work, std::size_t weight) {
  const std::size_t requests = requests_.fetch_add(1);
  const std::size_t bytes = bytes_.fetch_add(weight);
  Result<void> admitted = Result<void>();
  if (requests >= bounds_.requests || (requests > 0 && bytes + weight > bounds_.bytes)) {
    admitted = ResourceExhausted(
        "Core's inbox is full ({} requests, {} bytes wait), retry after a pause", requests, bytes);
  } else {
    Item item{.work = std::move(work), .request = true, .weight = weight};
    admitted = inbox_.Put(std::move(item), weight);
    if (!admitted) work = std::move(item.work);  // NOLINT(bugprone-use-after-move): not taken.
  }
  if (!admitted) {
    --requests_;
    bytes_ -= weight;
  }
  return admitted;
}

void PartitionThread::Do(Item& item, TimePoint now) {
  item.work(*partition_, now);
  if (!item.request) return;
  --requests_;
  bytes_ -= item.weight;
}

TimePoint PartitionThread::Now() {
  return time_.At(clock_.Now(), std::chrono::steady_clock::now());
}

void PartitionThread::Run() {
  time_ = ForwardTime(partition_->GetEngine().Current().DecidedUntil(), clock_.Now(),
                      std::chrono::steady_clock::now());
  partition_->Recover(Now());
  std::vector<Item> taken;
  std::deque<Item> waiting;
  // Sealed first, then read: once it is seen here, no request can come any more.
  while (!(sealed_ && waiting.empty() && inbox_.size() == 0 &&
           (partition_->Idle() || partition_->Failed()))) {
    // What is full goes on when its commit comes back; that is work too.
    const bool stalled = waiting.empty() || partition_->Full(bounds_.commit_bytes);
    std::optional<std::chrono::steady_clock::time_point> until = std::chrono::steady_clock::now();
    if (stalled) {
      if (const auto timer = partition_->NextTimer()) {
        const auto pause = std::max(*timer - Now(), Duration(0));
        *until += std::min<Duration>(pause, std::chrono::hours(1));
      } else {
        until.reset();
      }
    }
    inbox_.TakeAll(taken, until);
    const TimePoint now = Now();
    partition_->Begin(now);
    for (Item& item : taken) {
      if (item.first) {
        item.work(*partition_, now);
      } else {
        waiting.push_back(std::move(item));
      }
    }
    while (!waiting.empty() && !partition_->Full(bounds_.commit_bytes)) {
      Do(waiting.front(), now);
      waiting.pop_front();
      partition_->CommitEarly(now);
    }
    partition_->Turn(now);
    pending_bytes_ = partition_->GetEngine().PendingBytes();
  }
}

}  // namespace mesg::broker
