#include "api/grpc/crew.h"

#include <utility>

#include "api/grpc/gate.h"

namespace mesg::api {
namespace {

constexpr std::size_t kReaders = 2;
constexpr std::size_t kMostWaiting = 1'000;

}  // namespace

Crew::Crew() {
  threads_.emplace_back([this] { Run(*soon_); });
  for (std::size_t i = 0; i < kReaders; ++i) threads_.emplace_back([this] { Run(*later_); });
}

Crew::~Crew() {
  for (Queue* queue : {soon_.get(), later_.get()}) {
    {
      const std::scoped_lock lock(queue->mutex);
      queue->closed = true;
    }
    queue->changed.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  const std::scoped_lock lock(soon_->mutex);
  soon_->gone = true;
}

Result<void> Crew::PutLater(Queue& queue, Job job) {
  {
    const std::scoped_lock lock(queue.mutex);
    if (queue.closed) return Stopping();
    if (queue.jobs.size() >= kMostWaiting) {
      return ResourceExhausted("{} queries wait already, retry after a pause", queue.jobs.size())
          .Because("TOO_MANY_QUERIES");
    }
    queue.jobs.push_back(std::move(job));
  }
  queue.changed.notify_one();
  return {};
}

void Crew::Put(Queue& queue, Job job) {
  {
    const std::scoped_lock lock(queue.mutex);
    if (queue.gone) return;
    queue.jobs.push_back(std::move(job));
  }
  queue.changed.notify_one();
}

void Crew::Run(Queue& queue) {
  std::unique_lock lock(queue.mutex);
  while (true) {
    queue.changed.wait(lock, [&] { return queue.closed || !queue.jobs.empty(); });
    if (queue.jobs.empty()) return;
    Job job = std::move(queue.jobs.front());
    queue.jobs.pop_front();
    lock.unlock();
    job();
    job = nullptr;  // What it held goes before the lock is taken.
    lock.lock();
  }
}

}  // namespace mesg::api
