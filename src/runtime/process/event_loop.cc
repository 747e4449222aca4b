#include "runtime/process/event_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/process/spawn.h"

namespace mesg::runtime {

Result<std::unique_ptr<EventLoop>> EventLoop::Make() {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll || !wake) {
    return ResourceExhausted("cannot watch processes: {}", ErrnoText(errno));
  }
  std::unique_ptr<EventLoop> loop(new EventLoop(std::move(epoll), std::move(wake)));
  EventLoop* self = loop.get();
  MESG_TRY(loop->Watch(loop->wake_.get(), [self] { self->RunPosted(); }));
  return loop;
}

void EventLoop::Run() {
  std::array<epoll_event, 64> events = {};
  while (!quit_) {
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                 TimeoutMilliseconds());
    for (int i = 0; i < count && !quit_; ++i) {
      const std::uint64_t data = events[static_cast<std::size_t>(i)].data.u64;
      const auto found = watched_.find(static_cast<int>(data & 0xffffffffU));
      // An earlier event of this round may have closed it, or given its number to another.
      if (found == watched_.end() || (found->second.id & 0xffffffffU) != data >> 32) continue;
      const auto action = found->second.action;  // Kept alive: it may unwatch itself.
      (*action)();
    }
    RunTimers();
  }
}

void EventLoop::Post(std::function<void()> work) {
  {
    const std::scoped_lock lock(mutex_);
    posted_.push_back(std::move(work));
  }
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the loop wakes anyway.
  [[maybe_unused]] const ssize_t ignored = write(wake_.get(), &one, sizeof(one));
}

Result<void> EventLoop::Watch(int fd, std::function<void()> on_readable) {
  const std::uint64_t id = next_id_++;
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = ((id & 0xffffffffU) << 32) | static_cast<std::uint32_t>(fd);
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return ResourceExhausted("cannot watch a process: {}", ErrnoText(errno));
  }
  watched_[fd] = {id, std::make_shared<std::function<void()>>(std::move(on_readable))};
  return {};
}

void EventLoop::Unwatch(int fd) {
  if (watched_.erase(fd) > 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::TimerId EventLoop::After(std::chrono::nanoseconds delay, std::function<void()> action) {
  const TimerId id = next_id_++;
  const Time when = std::chrono::steady_clock::now() +
                    std::chrono::duration_cast<std::chrono::steady_clock::duration>(delay);
  timers_.emplace(std::pair(when, id), std::move(action));
  timer_times_.emplace(id, when);
  return id;
}

void EventLoop::Cancel(TimerId& timer) {
  const auto found = timer_times_.find(std::exchange(timer, 0));
  if (found == timer_times_.end()) return;
  timers_.erase(std::pair(found->second, found->first));
  timer_times_.erase(found);
}

int EventLoop::TimeoutMilliseconds() const {
  if (timers_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first.first -
                                                                 std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

void EventLoop::RunPosted() {
  std::uint64_t counter = 0;
  [[maybe_unused]] const ssize_t ignored = read(wake_.get(), &counter, sizeof(counter));
  std::vector<std::function<void()>> work;
  {
    const std::scoped_lock lock(mutex_);
    work.swap(posted_);
  }
  for (const auto& action : work) action();
}

void EventLoop::RunTimers() {
  const Time now = std::chrono::steady_clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= now && !quit_) {
    auto timer = timers_.extract(timers_.begin());
    timer_times_.erase(timer.key().second);
    timer.mapped()();
  }
}

}  // namespace mesg::runtime
