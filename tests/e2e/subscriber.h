#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/client.h"

namespace mesg::testing {

/// Hears a named subscription on the wire, acknowledges what it was given, and connects again
/// whenever Core goes away. Notes everything that breaks the promise: an item that comes again
/// although its acknowledgement was durable, or out of order.
class Subscriber {
 public:
  /// What tells one item from another: an event's id, an execution's id.
  using Key = std::string;

  /// Creates the subscription, from the oldest on, and begins to hear it.
  Subscriber(const std::string& endpoint, std::string name, v1::Filter filter);
  ~Subscriber();

  std::size_t Heard() const;
  /// In the order in which they came first.
  std::vector<Key> Items() const;
  /// What should not have happened; "" when all is well.
  std::string Complaint() const;
  /// Items that came again because their acknowledgement was not durable before a kill: allowed.
  std::uint64_t Redelivered() const { return redelivered_; }

 private:
  void Run();
  void HearOnce();
  bool Take(const v1::ListenResponse& response);

  Client client_;
  const std::string name_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> redelivered_ = 0;
  mutable std::mutex mutex_;
  std::vector<Key> items_;
  std::map<Key, std::size_t> index_;                // Into items_.
  std::map<std::string, std::size_t> heard_until_;  // By position that was acknowledged.
  std::size_t durable_ = 0;                         // So many items are acknowledged for good.
  std::string complaint_;
  grpc::ClientContext* open_ = nullptr;
  std::thread thread_;
};

}  // namespace mesg::testing
