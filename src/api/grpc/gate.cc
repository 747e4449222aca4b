#include "api/grpc/gate.h"

#include <utility>
#include <vector>

namespace mesg::api {

Error Stopping() {
  return Unavailable("Core is shutting down; try again when it is back").Because("CORE_STOPPING");
}

Result<void> Gate::Check() const {
  switch (state_) {
    case State::kOpen:
      return {};
    case State::kStarting:
      return Unavailable("Core is starting and takes no calls yet; try again in a moment")
          .Because("CORE_STARTING");
    case State::kClosing:
      break;
  }
  return Stopping();
}

void Gate::Open() {
  State expected = State::kStarting;
  state_.compare_exchange_strong(expected, State::kOpen);
}

void Gate::Close() {
  std::vector<std::function<void()>> told;
  {
    const std::scoped_lock lock(mutex_);
    state_ = State::kClosing;
    for (auto& [id, registered] : registered_) {
      if (registered.on_close) told.push_back(std::exchange(registered.on_close, nullptr));
    }
  }
  for (const auto& on_close : told) on_close();
}

Gate::Id Gate::Register(std::function<void()> on_close) {
  {
    const std::scoped_lock lock(mutex_);
    if (state_ != State::kClosing) return Admit({std::move(on_close), {}});
  }
  on_close();
  return 0;
}

Gate::Id Gate::RegisterUntilGivenUp(std::function<void()> on_give_up) {
  {
    const std::scoped_lock lock(mutex_);
    if (!given_up_) return Admit({{}, std::move(on_give_up)});
  }
  on_give_up();
  return 0;
}

void Gate::GiveUp() {
  std::vector<std::function<void()>> told;
  {
    const std::scoped_lock lock(mutex_);
    given_up_ = true;
    for (auto& [id, registered] : registered_) {
      if (registered.on_give_up) told.push_back(std::exchange(registered.on_give_up, nullptr));
    }
  }
  for (const auto& on_give_up : told) on_give_up();
}

Gate::Id Gate::Admit(Registered registered) {
  registered_.emplace(next_, std::move(registered));
  return next_++;
}

void Gate::Leave(Id id) {
  const std::scoped_lock lock(mutex_);
  registered_.erase(id);
  if (registered_.empty()) empty_.notify_all();
}

std::size_t Gate::size() const {
  const std::scoped_lock lock(mutex_);
  return registered_.size();
}

bool Gate::WaitEmpty(Duration patience) const {
  std::unique_lock lock(mutex_);
  return empty_.wait_for(lock, patience, [this] { return registered_.empty(); });
}

}  // namespace mesg::api
