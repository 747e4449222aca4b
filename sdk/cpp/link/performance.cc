#include "link/performance.h"

#include "link/connection.h"

namespace mesg::sdk::internal {

void Performance::Cancel() {
  std::vector<std::function<void()>> actions;
  {
    const std::scoped_lock lock(mutex_);
    if (cancelled_.exchange(true) || answered_) return;
    actions.swap(on_cancel_);
  }
  for (const auto& action : actions) action();
}

void Performance::OnCancel(std::function<void()> action) {
  {
    const std::scoped_lock lock(mutex_);
    if (answered_) return;
    if (!cancelled_) {
      on_cancel_.push_back(std::move(action));
      return;
    }
  }
  action();
}

void Performance::Add(Event event) {
  const std::scoped_lock lock(mutex_);
  events_.push_back(std::move(event));
}

void Performance::Add(KeyChange change) {
  const std::scoped_lock lock(mutex_);
  changes_.push_back(std::move(change));
}

void Performance::MoveBuffered(v1::Answer& answer) {
  const std::scoped_lock lock(mutex_);
  for (const Event& event : events_) ToWire(event, *answer.add_events());
  for (const KeyChange& change : changes_) ToWire(change, *answer.add_changes());
  events_.clear();
  changes_.clear();
}

void Performance::Forget() {
  std::vector<std::function<void()>> actions;
  const std::scoped_lock lock(mutex_);
  actions.swap(on_cancel_);
}

}  // namespace mesg::sdk::internal
