#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"

namespace mesg::api {

/// Whether calls are taken: not before Core is up, and not once it stops. Open streams register, so
/// that they hear when it closes and can end in an orderly way.
///
/// Threads: any.
class Gate {
 public:
  /// Unavailable, with why, unless it is open.
  Result<void> Check() const;
  bool IsOpen() const { return state_ == State::kOpen; }
  bool IsClosing() const { return state_ == State::kClosing; }

  void Open();
  /// For good. Tells everybody who registered, from the calling thread.
  void Close();

  using Id = std::uint64_t;
  /// `on_close` is called once, when the gate closes; at once when it has. It may run beside or
  /// shortly after Leave.
  Id Register(std::function<void()> on_close);
  /// For what ends by itself, soon: `on_give_up` is called once, when its time is over; at once
  /// when that was before.
  Id RegisterUntilGivenUp(std::function<void()> on_give_up);
  /// After Close and some patience: tells those who are still there to end now.
  void GiveUp();
  void Leave(Id id);
  /// How many are registered and have not left.
  std::size_t size() const;
  /// Waits until nobody is; false when that takes longer.
  bool WaitEmpty(Duration patience) const;

 private:
  enum class State : std::uint8_t { kStarting, kOpen, kClosing };
  std::atomic<State> state_ = State::kStarting;
  mutable std::mutex mutex_;
  mutable std::condition_variable empty_;
  struct Registered {
    // Empty: there is none, or it was called.
    std::function<void()> on_close;
    std::function<void()> on_give_up;
  };
  Id Admit(Registered registered);
  std::unordered_map<Id, Registered> registered_;
  bool given_up_ = false;
  Id next_ = 1;
};

/// What a call or stream ends with that Core's stop interrupts: clients go on when it is back.
Error Stopping();

}  // namespace mesg::api
