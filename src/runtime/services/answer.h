#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "base/result.h"

namespace mesg::runtime {

/// A reply that is owed. Copies share it; it is given once, and when the last copy goes without
/// having given it, the caller is told that Core is shutting down.
///
/// Threads: any, one at a time.
template <typename T>
class Answer {
 public:
  using Reply = std::function<void(Result<T>)>;

  explicit Answer(Reply reply) : owed_(std::make_shared<Owed>(std::move(reply))) {}

  void operator()(Result<T> result) const {
    if (const Reply reply = std::exchange(owed_->reply, nullptr)) reply(std::move(result));
  }

 private:
  struct Owed {
    explicit Owed(Reply the_reply) : reply(std::move(the_reply)) {}
    Owed(const Owed&) = delete;
    Owed& operator=(const Owed&) = delete;
    ~Owed() {
      if (reply) reply(Unavailable("Core is shutting down"));
    }
    Reply reply;
  };
  std::shared_ptr<Owed> owed_;
};

}  // namespace mesg::runtime
