#include "e2e/load.h"

#include <charconv>
#include <chrono>
#include <utility>

#include "support/eventually.h"

namespace mesg::testing {
namespace {

constexpr std::chrono::milliseconds kPatience{120'000};

sdk::ServiceOptions Options(const std::string& endpoint, const std::string& token) {
  sdk::ServiceOptions options;
  options.endpoint = endpoint;
  options.token = token;
  options.credits = 8192;
  options.threads = 1;
  options.emit_timeout = kPatience;
  options.log = [](std::string_view) {};  // Lost connections are what this is about.
  return options;
}

sdk::ApplicationOptions Options(const std::string& endpoint) {
  sdk::ApplicationOptions options;
  options.endpoint = endpoint;
  options.log = [](std::string_view) {};
  return options;
}

std::string Number(std::uint64_t n) { return "{\"n\":" + std::to_string(n) + "}"; }

void Pause() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

}  // namespace

// ---- Emitter ----

Emitter::Emitter(const std::string& endpoint, const std::string& token)
    : service_(Options(endpoint, token)), thread_([this] { Run(); }) {}

Emitter::~Emitter() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void Emitter::Run() {
  constexpr std::uint64_t kBatch = 20;
  constexpr std::uint64_t kUnderWay = 400;
  while (!stop_) {
    if (sent_ - acknowledged_ > kUnderWay) {
      Pause();
      continue;
    }
    std::vector<sdk::Event> events;
    for (std::uint64_t i = 0; i < kBatch; ++i) {
      const std::uint64_t n = sent_ + i;
      events.push_back({.key = "tick", .json = Number(n), .id = "tick-" + std::to_string(n)});
    }
    const Result<void> taken =
        service_.EmitAsync(events, {}, [this](const Result<sdk::Emitted>& emitted) {
          if (emitted) {
            acknowledged_ += kBatch;
            return;
          }
          const std::scoped_lock lock(mutex_);
          failure_ = emitted.error().message;
        });
    if (taken) {
      sent_ += kBatch;
    } else {
      Pause();
    }
  }
}

std::uint64_t Emitter::Finish() {
  stop_ = true;
  thread_.join();
  Eventually([this] { return acknowledged_ == sent_ || !Failure().empty(); }, kPatience);
  return acknowledged_;
}

std::string Emitter::Failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

// ---- Requester ----

Requester::Requester(const std::string& endpoint, std::uint64_t target)
    : application_(Options(endpoint)), thread_([this, target] { Run(target); }) {}

Requester::~Requester() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void Requester::Run(std::uint64_t target) {
  while (!stop_) {
    if (sent_ > finished_ + target) {
      Pause();
      continue;
    }
    const std::uint64_t n = sent_;
    sdk::ExecuteOptions options;
    options.idempotency_key = "work-" + std::to_string(n);
    options.tags = {"load"};
    const Result<void> taken = application_.CreateAsync("load", "work", Number(n), options,
                                                        [this, n](const Result<std::string>& id) {
                                                          const std::scoped_lock lock(mutex_);
                                                          if (id) {
                                                            acknowledged_.emplace(*id, n);
                                                          } else {
                                                            failure_ = id.error().message;
                                                          }
                                                        });
    if (taken) {
      ++sent_;
    } else {
      Pause();
    }
  }
}

std::map<std::string, std::uint64_t> Requester::Acknowledged() const {
  const std::scoped_lock lock(mutex_);
  return acknowledged_;
}

std::uint64_t Requester::Finish() {
  stop_ = true;
  thread_.join();
  Eventually(
      [this] {
        const std::scoped_lock lock(mutex_);
        return acknowledged_.size() >= sent_ || !failure_.empty();
      },
      kPatience);
  return sent_;
}

std::string Requester::Failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

// ---- HoldingWorker ----

HoldingWorker::HoldingWorker(const std::string& endpoint, const std::string& token,
                             std::size_t keep)
    : keep_(keep), service_(Options(endpoint, token)), thread_([this] { Run(); }) {
  service_.OnTaskAsync("work", [this](sdk::Responder responder) {
    const std::scoped_lock lock(mutex_);
    ++copies_[responder.task().execution_id()];
    held_.push_back(std::move(responder));
    if (copies_.size() > keep_) changed_.notify_one();
  });
  service_.Start();
}

HoldingWorker::~HoldingWorker() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void HoldingWorker::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || copies_.size() > keep_; });
    if (stop_) return;
    sdk::Responder oldest = std::move(held_.front());
    held_.pop_front();
    const auto copies = copies_.find(oldest.task().execution_id());
    if (--copies->second == 0) copies_.erase(copies);
    lock.unlock();
    sdk::Outputs outputs;
    outputs.json = oldest.task().inputs();
    oldest.Succeed(std::move(outputs));
    lock.lock();
  }
}

std::set<std::string> HoldingWorker::Held() const {
  const std::scoped_lock lock(mutex_);
  std::set<std::string> ids;
  for (const sdk::Responder& responder : held_) {
    if (!responder.task().Cancelled()) ids.insert(responder.task().execution_id());
  }
  return ids;
}

void HoldingWorker::Keep(std::size_t keep) {
  {
    const std::scoped_lock lock(mutex_);
    keep_ = keep;
  }
  changed_.notify_one();
}

}  // namespace mesg::testing
