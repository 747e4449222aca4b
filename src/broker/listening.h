#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/guarded.h"
#include "broker/filter.h"
#include "broker/history_thread.h"
#include "broker/listeners.h"
#include "broker/partition_thread.h"
#include "broker/position.h"
#include "broker/sinks.h"
#include "store/store.h"

namespace mesg::broker {

/// A partition as the listeners see it from other threads.
struct PartitionPlace {
  engine::PartitionId id = 0;
  store::Store* store = nullptr;
  PartitionThread* thread = nullptr;
  std::atomic<std::uint64_t> next{1};    ///< The sequence behind the last durable one.
  std::atomic<std::uint64_t> oldest{1};  ///< The first that is kept.
};

/// Every listener of a Core over all partitions: begins where it was asked to, reads the store
/// while it is behind, joins the live ones when it has caught up, and goes back to reading when its
/// sink is full.
///
/// Threads: any.
class Listening {
 public:
  Listening(std::vector<PartitionPlace*> partitions, std::size_t max_listeners);

  using Ready = std::function<void(Result<ListenerId>)>;
  /// See Broker::Listen; `subscription` is "" for one without a name.
  void Listen(std::vector<Filter> filters, std::optional<Position> from,
              const std::string& subscription, std::shared_ptr<ListenerSink> sink, Ready ready);
  void Resume(ListenerId id);
  void Stop(ListenerId id, std::function<void()> done);
  /// Ends the listener of a subscription, if it has one.
  void FailSubscription(const std::string& subscription, const Error& error);
  bool IsConnected(const std::string& subscription) const;
  std::size_t size() const;

  /// From the partition's thread: its live listener was taken out.
  void Lag(ListenerId id, engine::PartitionId partition, std::uint64_t next);

 private:
  struct Place {
    std::uint64_t next = 1;  // Of the reader.
    bool parked = false;     // Waits for room in the sink.
  };
  struct Listener {
    ListenerId id = 0;
    std::string subscription;
    std::shared_ptr<const std::vector<Filter>> filters;
    std::shared_ptr<ListenerSink> sink;
    std::atomic<bool> stopped = false;
    Guarded<std::vector<Place>> places;
  };
  using ListenerPtr = std::shared_ptr<Listener>;
  struct Registry {
    std::unordered_map<ListenerId, ListenerPtr> listeners;
    std::unordered_map<std::string, ListenerId> by_subscription;
    ListenerId next = 1;
  };

  ListenerPtr Find(ListenerId id) const;
  /// The listener, if it was not stopped before; who gets it ends it.
  ListenerPtr TakeOut(ListenerId id);
  void Remove(const ListenerPtr& listener, const std::function<void()>& done);
  void Read(const ListenerPtr& listener, PartitionPlace& place, std::uint64_t next);
  void QueueRead(const ListenerPtr& listener, PartitionPlace& place, std::uint64_t next);
  void Join(const ListenerPtr& listener, PartitionPlace& place, std::uint64_t next);
  /// On the partition's thread.
  void JoinNow(const ListenerPtr& listener, PartitionPlace& place, Listeners& live,
               std::uint64_t next);
  void Fail(const ListenerPtr& listener, const Error& error);
  void Begin(const ListenerPtr& listener, std::optional<Position> from, Ready ready);

  const std::vector<PartitionPlace*> partitions_;
  const std::size_t max_listeners_;
  Guarded<Registry> registry_;
  HistoryThread history_;  // Last: its jobs use everything above.
};

}  // namespace mesg::broker
