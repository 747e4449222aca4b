#include "timer/alarms.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <iterator>
#include <mutex>
#include <string>
#include <utility>

#include "mesg/json.h"
#include "timer/tasks.h"

namespace mesg::services::timer {
namespace {

constexpr unsigned kPage = 1000;
// What one commit takes: many, so that a crowd is gone soon; not too much for one message.
constexpr std::size_t kMostAtOnce = 200;
constexpr std::size_t kBytesAtOnce = 512 * 1024;
constexpr std::chrono::milliseconds kPause{250};

/// False when `stop` was requested meanwhile.
bool Wait(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, kPause, [] { return false; });
  return !stop.stop_requested();
}

/// Core is away or overloaded, or somebody else was faster: another try has another outcome.
bool IsPassing(Code code) {
  return code == Code::kUnavailable || code == Code::kDeadlineExceeded ||
         code == Code::kResourceExhausted || code == Code::kAborted;
}

sdk::Event Fired(const std::string& id, const Alarm& alarm) {
  sdk::JsonObject data;
  data.Add("id", id);
  if (!alarm.data.empty()) data.AddRaw("data", alarm.data);
  data.Add("due", FormatTime(alarm.due)).Add("actual", FormatTime(SystemClock().Now()));
  return {.key = "fired", .json = data.Take(), .id = std::string(kPrefix) + id};
}

void Say(const std::string& sentence) { std::fprintf(stderr, "timer: %s\n", sentence.c_str()); }

}  // namespace

Alarms::Alarms(sdk::Service& service, Pending& pending)
    : service_(service),
      pending_(pending),
      thread_([this](const std::stop_token& stop) { Loop(stop); }) {}

void Alarms::Loop(const std::stop_token& stop) {
  while (true) {
    const auto loaded = Load(stop);
    if (loaded) break;
    if (!IsPassing(loaded.error().code)) Say(loaded.error().message);
    if (!Wait(stop)) return;
  }
  while (!stop.stop_requested()) Fire(pending_.AwaitDue(kMostAtOnce, stop), stop);
}

Result<void> Alarms::Load(const std::stop_token& stop) {
  std::string after;
  while (!stop.stop_requested()) {
    const auto page = MESG_TRY(service_.List(kPrefix, kPage, after));
    if (page.empty()) return {};
    for (const sdk::KeyValue& kept : page) {
      const auto alarm = ReadAlarm(kept.json);
      if (alarm) {
        pending_.Add(alarm->due, kept.key.substr(kPrefix.size()));
      } else {
        Say("the key " + kept.key + " is left alone: " + alarm.error().message);
      }
    }
    after = page.back().key;
  }
  return {};
}

void Alarms::Fire(std::vector<Pending::Entry> due, const std::stop_token& stop) {
  while (!due.empty() && !stop.stop_requested()) {
    const auto done = Commit(due);
    if (done) continue;
    if (IsPassing(done.error().code)) {
      if (!Wait(stop)) return;
    } else if (due.size() > 1) {
      // One of them is not taken; the others do not wait for it.
      for (Pending::Entry& one : due) Fire({std::move(one)}, stop);
      return;
    } else {
      Say("timer " + due.front().id +
          " cannot fire, it is tried again after a restart: " + done.error().message);
      return;
    }
  }
}

Result<void> Alarms::Commit(std::vector<Pending::Entry>& due) {
  std::vector<sdk::Event> events;
  std::vector<sdk::KeyChange> changes;
  std::size_t bytes = 0;
  std::size_t taken = 0;
  for (; taken < due.size() && bytes < kBytesAtOnce; ++taken) {
    const std::string& id = due[taken].id;
    const std::string key = std::string(kPrefix) + id;
    const sdk::KeyValue kept = MESG_TRY(service_.Get(key));
    if (kept.version == 0) continue;
    const Alarm alarm = MESG_TRY(ReadAlarm(kept.json));
    // The same one can be here twice.
    if (std::ranges::any_of(changes, [&](const auto& change) { return change.key == key; }))
      continue;
    events.push_back(Fired(id, alarm));
    changes.push_back(sdk::KeyChange::Delete(key, kept.version));
    bytes += kept.json.size();
  }
  if (!events.empty()) MESG_TRY(service_.EmitBatch(events, changes));
  due.erase(due.begin(), std::next(due.begin(), static_cast<std::ptrdiff_t>(taken)));
  return {};
}

}  // namespace mesg::services::timer
