#include "connector/position.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace mesg::services {
namespace {

constexpr std::chrono::milliseconds kPause{250};

/// False when `stop` was requested meanwhile.
bool Wait(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, kPause, [] { return false; });
  return !stop.stop_requested();
}

Error Stopped() { return Cancelled("the service stops"); }

}  // namespace

Result<std::optional<std::string>> Position::Load(const std::stop_token& stop) {
  while (true) {
    Result<sdk::KeyValue> found = service_.Get(key_);
    if (found) {
      version_ = found->version;
      current_.reset();
      if (version_ != 0) current_ = std::move(found->json);
      return current_;
    }
    const Code code = found.error().code;
    if (code != Code::kUnavailable && code != Code::kDeadlineExceeded) return found.error();
    if (!Wait(stop)) return Stopped();
  }
}

Result<void> Position::Move(const std::vector<sdk::Event>& events, std::string json,
                            const std::stop_token& stop) {
  while (true) {
    const auto emitted = service_.EmitBatch(events, {sdk::KeyChange::Put(key_, json, version_)});
    if (emitted) {
      version_ = emitted->versions.at(0);
      current_ = std::move(json);
      return {};
    }
    const Error& error = emitted.error();
    const bool unknown = error.code == Code::kDeadlineExceeded ||
                         error.code == Code::kUnavailable ||
                         (error.code == Code::kAborted && error.reason == "RESENT");
    if (!unknown && error.code != Code::kResourceExhausted) return error;
    if (stop.stop_requested() || !Wait(stop)) return Stopped();
    if (!unknown) continue;
    // The key tells whether that commit happened, and the events with it.
    const std::uint64_t before = version_;
    MESG_TRY(Load(stop));
    if (version_ == before) continue;
    if (current_ == json) return {};
    return Aborted("the position {} was moved by another process of this instance", key_);
  }
}

}  // namespace mesg::services
