#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "link/connection.h"
#include "link/stream.h"
#include "mesg/event.h"
#include "mesg/v1/events.grpc.pb.h"

namespace mesg::sdk::internal {

/// Emits over one stream, and again after a disconnect, under ids that make the repeat harmless.
///
/// Emits without key changes that gather while one is on its way are sent as one request; when Core
/// refuses that, each is sent alone, so that one bad event never fails a neighbour (those
/// neighbours are then recorded behind later emits). Any thread.
class Emitter final : private StreamHandler<v1::EmitRequest, v1::EmitResponse> {
 public:
  struct Limits {
    std::size_t events;
    std::size_t bytes;
    std::chrono::milliseconds timeout;
  };
  using Done = std::function<void(Result<Emitted>)>;

  Emitter(Connection& connection, Limits limits);
  ~Emitter() override;

  /// As Service::EmitAsync.
  Result<void> Emit(const std::vector<Event>& events, const std::vector<KeyChange>& changes,
                    Done done);
  /// Waits until everything is acknowledged; false when that takes longer.
  bool Flush(std::chrono::steady_clock::time_point until);
  /// Fails what is pending, and every later emit, with Cancelled.
  void Abort();

 private:
  struct Pending {
    v1::EmitRequest request;
    Done done;  // Empty once it was called: the entry only keeps its place among the answers.
    std::chrono::steady_clock::time_point deadline;
    std::size_t bytes = 0;
    std::vector<bool> own_ids;  // Which events got their id from us.
    bool alone = false;         // Not to be sent together with others.
    bool sent = false;
    bool resent = false;  // Was under way when a connection ended.
  };
  using Flight = std::vector<Pending>;
  using Calls = std::vector<std::function<void()>>;

  void Opened() override {}
  bool Fill(v1::EmitRequest& request) override;
  bool Received(v1::EmitResponse& response) override;
  bool Closed(const Error& error) override;

  void TakeBack();  // Under the lock: flights to the queue's head.
  void Settle(Pending& pending, Result<Emitted> outcome, Calls& calls);  // Under the lock.
  void SweepLater();                                                     // Under the lock.
  void Sweep();

  Connection& connection_;
  const Limits limits_;
  const std::string id_prefix_;
  const std::unique_ptr<v1::Events::Stub> stub_;

  std::mutex mutex_;
  std::condition_variable settled_;
  std::deque<Pending> queue_;
  std::deque<Flight> flights_;
  std::size_t events_ = 0;
  std::size_t bytes_ = 0;
  std::size_t unsettled_ = 0;
  std::uint64_t next_id_ = 0;
  bool sweeping_ = false;
  std::optional<Error> final_;  // Core turned us away.

  // Guards the timer's way back: emptied, under its own lock, before the emitter goes.
  struct Alive {
    std::mutex mutex;
    Emitter* emitter;
  };
  std::shared_ptr<Alive> alive_;
  std::shared_ptr<Stream<v1::EmitRequest, v1::EmitResponse>> stream_;
};

}  // namespace mesg::sdk::internal
