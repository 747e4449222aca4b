#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/filter.h"
#include "tests/simulation/clients.h"

namespace mesg::simulation {

/// A listener over all partitions: begins where it is told to, reads the store while it is behind,
/// joins the live ones when it has caught up. Sometimes slow. Checks that it hears every entry,
/// once and in order.
///
/// With a name it is a subscription: what it has acknowledged never comes again, and everything
/// else does, whatever connection it has.
class Follower {
 public:
  Follower(World world, broker::ListenerId id, std::string subscription,
           const std::optional<broker::Filter>& filter);

  void Act();
  void Lag(broker::ListenerId id, std::size_t partition, std::uint64_t next);
  /// Has heard everything.
  bool CaughtUp() const;
  /// At the end: what it has heard is what there is.
  void Check() const;

 private:
  class Sink;
  struct Place {
    std::uint64_t expected = 0;  ///< The sequence that comes next, 0: not begun.
    std::uint64_t began = 0;
    std::optional<std::uint64_t> reading;  ///< Where, while it is not live.
    std::uint64_t acknowledged = 0;        ///< Confirmed by Core.
    std::uint64_t floor = 0;               ///< Of that, before it connected.
    std::uint64_t asked = 0;               ///< To be acknowledged, and on its way.
    std::vector<std::uint64_t> heard;
  };

  void Connect();
  void Disconnect();
  void Subscribe();
  void Unsubscribe();
  void Begin(std::size_t partition, std::optional<std::uint64_t> after);
  void Read(std::size_t partition);
  void Join(std::size_t partition, std::uint64_t next);
  void Acknowledge();
  void Heard(std::size_t partition, std::span<const broker::Item> items, std::uint64_t sequence);

  World world_;
  const broker::ListenerId first_id_;
  broker::ListenerId id_ = 0;
  const std::string subscription_;
  const std::shared_ptr<const std::vector<broker::Filter>> filters_;
  const bool hears_all_;
  std::vector<Place> places_;
  std::shared_ptr<Sink> sink_;
  std::uint64_t life_ = 0;
  bool connected_ = false;
};

}  // namespace mesg::simulation
