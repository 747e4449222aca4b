#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "link/connection.h"
#include "link/emitter.h"
#include "link/performance.h"
#include "link/worker.h"
#include "mesg/service.h"

namespace mesg::sdk::internal {

/// What is behind Service: brings deliveries to handlers and answers back, and ends in good order.
class ServiceCore : public std::enable_shared_from_this<ServiceCore> {
 public:
  explicit ServiceCore(ServiceOptions options);

  void Register(std::string key, Service::AsyncHandler handler);
  void Start();
  void Stop();
  Result<void> Wait();
  /// Ends everything without grace and waits for handlers that run. Once; last.
  void Close();
  bool connected() const;
  void ReportHealth(std::string problem);

  /// Of a performance the caller has claimed.
  void Succeed(Performance& performance, Outputs outputs);
  void Fail(Performance& performance, const Error& error);
  void Refuse(Performance& performance, std::string reason);

  Emitter& emitter() { return *emitter_; }
  Result<KeyValue> Get(std::string_view key);
  Result<std::vector<KeyValue>> List(std::string_view prefix, unsigned limit,
                                     std::string_view after);

 private:
  void Deliver(v1::Delivery delivery);
  void Cancel(const std::string& ticket);
  void Ended(Error error);
  void Serve();  // A handler thread.
  void Perform(const std::shared_ptr<Performance>& performance);
  void RefuseWaiting();
  void Drain();
  void Answer(Performance& performance, v1::Answer answer);

  const ServiceOptions options_;
  std::map<std::string, Service::AsyncHandler, std::less<>> handlers_;

  // Answers may come from any thread until the very end: they hold this shared, Close holds it
  // alone.
  std::shared_mutex life_;
  bool closed_ = false;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Emitter> emitter_;
  std::unique_ptr<Worker> worker_;

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable state_;
  std::deque<std::shared_ptr<Performance>> waiting_;
  std::unordered_map<std::string, std::shared_ptr<Performance>> held_;  // By ticket, unanswered.
  std::vector<std::thread> threads_;
  std::string problem_;  // Of ReportHealth, until there is a worker to say it.
  bool started_ = false;
  bool stopping_ = false;
  bool threads_leave_ = false;
  enum class Draining : std::uint8_t { kNo, kNow, kDone } draining_ = Draining::kNo;
  std::optional<Error> ended_;
};

}  // namespace mesg::sdk::internal
