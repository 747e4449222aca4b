#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "mesg/service.h"
#include "mesg/v1/worker.pb.h"

namespace mesg::sdk::internal {

class ServiceCore;

/// One execution in this process's hands, from its delivery to its answer. Any thread.
class Performance {
 public:
  Performance(v1::Delivery delivery, std::weak_ptr<ServiceCore> service)
      : delivery_(std::move(delivery)),
        tags_(delivery_.tags().begin(), delivery_.tags().end()),
        service_(std::move(service)) {}

  const v1::Delivery& delivery() const { return delivery_; }
  const std::vector<std::string>& tags() const { return tags_; }
  std::shared_ptr<ServiceCore> service() const { return service_.lock(); }

  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  void Cancel();
  void OnCancel(std::function<void()> action);

  void Add(Event event);
  void Add(KeyChange change);
  /// Adds what was buffered to a successful answer.
  void MoveBuffered(v1::Answer& answer);

  /// Drops what OnCancel was given, which may refer back to us.
  void Forget();

  /// True for the one caller who may answer.
  bool Claim() { return !answered_.exchange(true); }

 private:
  const v1::Delivery delivery_;
  const std::vector<std::string> tags_;
  const std::weak_ptr<ServiceCore> service_;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> answered_ = false;
  std::mutex mutex_;
  std::vector<std::function<void()>> on_cancel_;
  std::vector<Event> events_;
  std::vector<KeyChange> changes_;
};

}  // namespace mesg::sdk::internal
