#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "link/connection.h"
#include "link/stream.h"
#include "mesg/v1/worker.grpc.pb.h"

namespace mesg::sdk::internal {

/// The stream on which a process takes tasks: which deliveries it holds, which answers Core has not
/// accepted yet, and what of that survives a disconnect. Knows no handlers. Any thread.
class Worker final : private StreamHandler<v1::WorkerMessage, v1::CoreMessage> {
 public:
  struct Events {
    /// A new execution to perform; its delivery id is the ticket to answer it with.
    std::function<void(v1::Delivery)> deliver;
    /// The result of what is being performed is no longer wanted. A late success may still count.
    std::function<void(const std::string& ticket)> cancel;
    /// Core has turned the worker away for good.
    std::function<void(Error)> ended;
  };

  Worker(Connection& connection, v1::WorkerMessage::Hello hello, Events events);
  /// Ends the connection without more ado.
  ~Worker() override;

  void Start() { stream_->Start(); }
  bool connected() const;

  /// The result of an execution taken by `deliver`; sent to its newest delivery, and again on a new
  /// connection until Core has settled it.
  void Answer(const std::string& ticket, v1::Answer answer);
  /// Hands an execution back unperformed.
  void Refuse(const std::string& ticket, std::string reason);
  /// Takes no more deliveries.
  void Drain();
  /// "" is well. What was said last is said again on each connection.
  void ReportHealth(std::string problem);
  /// Waits until nothing is held or unsettled; false when that takes longer.
  bool WaitSettled(std::chrono::steady_clock::time_point until);
  /// Closes cleanly if Core answers by then, else at once.
  void Close(std::chrono::steady_clock::time_point until);

 private:
  struct Holding {
    std::string execution;
    std::string delivery;          // The newest.
    std::int64_t deadline_us = 0;  // Of that; 0: none.
    bool lost = false;             // Its connection has ended.
  };
  struct Made {
    std::string execution;
    v1::Answer answer;
  };

  void Opened() override;
  bool Fill(v1::WorkerMessage& message) override;
  bool Received(v1::CoreMessage& message) override;
  bool Closed(const Error& error) override;

  // All under the lock.
  bool Take(v1::Delivery& delivery);
  std::optional<Holding> LetGo(const std::string& ticket);
  void Abandon(const std::string& delivery, std::vector<std::string>& tickets);
  void Settle(const v1::Accepted& accepted, std::vector<std::string>& log);
  void NoteIdle(bool& leave);
  void WatchDeadline(const std::string& ticket, const Holding& holding);

  /// The time of a delivery is over. Core says so itself unless the connection was lost.
  void Expire(const std::string& ticket, const std::string& delivery);

  /// What timers reach us through.
  struct Alive {
    std::mutex mutex;
    Worker* worker = nullptr;
  };

  Connection& connection_;
  const v1::WorkerMessage::Hello hello_;
  const Events events_;
  const std::unique_ptr<v1::Worker::Stub> stub_;
  const std::shared_ptr<Alive> alive_;

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::unordered_map<std::string, Holding> held_;        // By ticket: the first delivery's id.
  std::unordered_map<std::string, std::string> ticket_;  // Of each newest delivery held.
  std::unordered_map<std::string, std::string> wanted_;  // Execution -> ticket, unless cancelled.
  std::deque<Made> answers_;                             // To be sent.
  std::unordered_map<std::string, Made> unsettled_;      // Sent, by delivery.
  std::unordered_map<std::string, v1::Answer> carried_;  // By execution: from an ended connection.
  /// Deliveries of an ended connection whose answers are sent on this one: a Core that was killed
  /// hands them out once more under the same id when the answer has not reached it yet.
  std::unordered_set<std::string> crossing_;
  std::vector<v1::Refusal> refusals_;
  std::string problem_;
  bool problem_sent_ = true;
  bool greeted_ = false;  // Hello was sent.
  bool welcomed_ = false;
  bool draining_ = false;
  bool drain_sent_ = false;
  bool core_drains_ = false;
  std::shared_ptr<Stream<v1::WorkerMessage, v1::CoreMessage>> stream_;
};

}  // namespace mesg::sdk::internal
