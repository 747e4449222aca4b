#include "timer/ticker.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <simdjson.h>

#include "connector/position.h"
#include "mesg/json.h"

namespace mesg::services::timer {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLate = 30s;
constexpr Duration kPause = 1s;  // After an error that should not be.

TimePoint Now() { return SystemClock().Now(); }

/// False when `stop` was requested meanwhile.
bool WaitUntil(TimePoint time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_until(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

/// What is kept of a tick: its last time, and that of which times.
std::string Kept(const Tick& tick, TimePoint last) {
  return sdk::JsonObject().Add("times", tick.text()).Add("last", FormatTime(last)).Take();
}

std::optional<TimePoint> LastOf(const Tick& tick, const std::string& kept) {
  const simdjson::padded_string padded(kept);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  std::string_view times;
  std::string_view last;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document["times"].get(times) != simdjson::SUCCESS || times != tick.text() ||
      document["last"].get(last) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  const auto time = ParseTime(last);
  return time ? std::optional(*time) : std::nullopt;
}

/// One tick on its way through time.
class Course {
 public:
  Course(sdk::Service& service, const Tick& tick)
      : tick_(tick), position_(service, "tick/" + tick.name()) {}

  /// Where it was, or at now when it is new or has other times.
  Result<void> Begin(const std::stop_token& stop) {
    const auto kept = MESG_TRY(position_.Load(stop));
    const auto last = kept ? LastOf(tick_, *kept) : std::nullopt;
    if (last) {
      last_ = *last;
      return {};
    }
    return Move({}, Now(), stop);
  }

  std::optional<TimePoint> Next() const { return tick_.Next(last_); }

  /// Emits the last time that has come, if any has.
  Result<void> Turn(Ticker::Missed missed, const std::stop_token& stop) {
    const TimePoint now = Now();
    const auto due = tick_.Latest(last_, now);
    if (!due) return {};
    std::vector<sdk::Event> events;
    if (missed == Ticker::Missed::kLatest || now - due->scheduled <= kLate) {
      const std::string scheduled = FormatTime(due->scheduled);
      events.push_back({.key = "tick",
                        .json = sdk::JsonObject()
                                    .Add("timer", tick_.name())
                                    .Add("scheduled", scheduled)
                                    .Add("actual", FormatTime(now))
                                    .Add("missed", due->missed)
                                    .Take(),
                        .id = "tick/" + tick_.name() + "/" + scheduled});
    }
    return Move(events, due->scheduled, stop);
  }

 private:
  Result<void> Move(const std::vector<sdk::Event>& events, TimePoint to,
                    const std::stop_token& stop) {
    MESG_TRY(position_.Move(events, Kept(tick_, to), stop));
    last_ = to;
    return {};
  }

  const Tick& tick_;
  Position position_;
  TimePoint last_;
};

}  // namespace

Ticker::Ticker(sdk::Service& service, std::vector<Tick> ticks, Missed missed)
    : service_(service),
      ticks_(std::move(ticks)),
      missed_(missed),
      thread_([this](const std::stop_token& stop) { Loop(stop); }) {}

void Ticker::Loop(const std::stop_token& stop) {
  std::list<Course> courses;
  for (const Tick& tick : ticks_) courses.emplace_back(service_, tick);
  // What failed begins again where the store says, which another process may have moved.
  const auto attempt = [&](Course& course, Result<void> done) {
    while (!done && !stop.stop_requested()) {
      if (done.error().code != Code::kAborted) {
        std::fprintf(stderr, "timer: %s\n", done.error().message.c_str());
        if (!WaitUntil(Now() + kPause, stop)) return;
      }
      done = course.Begin(stop);
    }
  };
  for (Course& course : courses) attempt(course, course.Begin(stop));
  while (!stop.stop_requested()) {
    std::optional<TimePoint> first;
    for (const Course& course : courses) {
      const auto next = course.Next();
      if (next && (!first || *next < *first)) first = next;
    }
    if (!first || !WaitUntil(*first, stop)) return;
    for (Course& course : courses) attempt(course, course.Turn(missed_, stop));
  }
}

}  // namespace mesg::services::timer
