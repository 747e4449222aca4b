#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "mesg/application.h"
#include "mesg/service.h"

/// A steady load on one Core, made by the C++ library as an application would, that goes on through
/// any number of kills of Core. Each part remembers what Core has promised it.
namespace mesg::testing {

/// Emits the events "tick" {"n": 0}, {"n": 1}, ... without a pause, each under its own id.
class Emitter {
 public:
  Emitter(const std::string& endpoint, const std::string& token);
  ~Emitter();

  std::uint64_t Acknowledged() const { return acknowledged_; }
  /// Emits no more, waits until all was acknowledged, and returns how many there were.
  std::uint64_t Finish();
  /// Why an emit failed for good; "" when none did.
  std::string Failure() const;

 private:
  void Run();

  std::atomic<std::uint64_t> sent_ = 0;
  std::atomic<std::uint64_t> acknowledged_ = 0;
  std::atomic<bool> stop_ = false;
  mutable std::mutex mutex_;
  std::string failure_;
  sdk::Service service_;
  std::thread thread_;
};

/// Asks for executions of "work" {"n": 0}, {"n": 1}, ..., so that about `target` are always open.
class Requester {
 public:
  Requester(const std::string& endpoint, std::uint64_t target);
  ~Requester();

  /// Tells it that so many executions have ended.
  void Finished(std::uint64_t total) { finished_ = total; }
  /// The executions that Core has acknowledged: number by id.
  std::map<std::string, std::uint64_t> Acknowledged() const;
  /// Asks for no more, and waits until all was acknowledged.
  std::uint64_t Finish();
  std::string Failure() const;

 private:
  void Run(std::uint64_t target);

  std::atomic<std::uint64_t> sent_ = 0;
  std::atomic<std::uint64_t> finished_ = 0;
  std::atomic<bool> stop_ = false;
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> acknowledged_;
  std::string failure_;
  sdk::Application application_;
  std::thread thread_;
};

/// Performs "work" by answering with its inputs, the oldest first, but always holds back `keep`
/// executions unanswered.
class HoldingWorker {
 public:
  HoldingWorker(const std::string& endpoint, const std::string& token, std::size_t keep);
  ~HoldingWorker();

  /// Delivered and not answered, by execution id. What Core has cancelled is left out: when an
  /// answer crosses a new delivery of the same execution, Core takes the second one back.
  std::set<std::string> Held() const;
  void Keep(std::size_t keep);

 private:
  void Run();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<sdk::Responder> held_;
  std::map<std::string, int> copies_;  ///< After a kill an execution is delivered once more.
  std::size_t keep_;
  bool stop_ = false;
  sdk::Service service_;
  std::thread thread_;
};

}  // namespace mesg::testing
