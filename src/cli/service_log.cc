#include "cli/service_log.h"

#include <algorithm>

#include "cli/human.h"

namespace mesg::cli {
namespace {

constexpr std::chrono::milliseconds kFirstPause{200};
constexpr std::chrono::milliseconds kLongestPause{1000};

}  // namespace

void PrintLogLine(const ::mesg::v1::ServiceLogsResponse::Line& line, bool with_time,
                  Context& context) {
  if (context.json()) return context.Print(line);
  Terminal& terminal = context.terminal();
  const std::string time =
      with_time ? terminal.ForOutput(Style::kDim, ClockTime(line.time_us())) + "  " : "";
  const std::string& text = line.text();
  terminal.Print(time + (line.error() ? terminal.ForOutput(Style::kRed, text) : text));
}

Result<void> LogFollower::FollowOnce(const ::mesg::v1::ServiceLogsRequest& request,
                                     std::int64_t& printed_us) {
  const std::int64_t before = printed_us;
  const auto on_line = [&](const ::mesg::v1::ServiceLogsResponse::Line& line) {
    // Core's own remarks on the stream have no time.
    if (line.time_us() != 0 && line.time_us() <= before) return true;
    PrintLogLine(line, options_.times, context_);
    printed_us = std::max(printed_us, line.time_us());
    return true;
  };
  return context_.client().Logs(request, on_line, context_.stop());
}

Result<void> LogFollower::Follow(::mesg::v1::ServiceLogsRequest request) {
  request.set_follow(true);
  const std::stop_token stop = context_.stop();
  bool connected_once = false;
  bool away = false;
  std::chrono::milliseconds pause = kFirstPause;
  do {
    // Asked first: a stream of lines does not say that it has begun.
    Result<void> state;
    if (const auto service = context_.client().GetService(request.service()); service) {
      if (away && !options_.silent) context_.Tell("Connected to Core again.");
      away = false;
      connected_once = true;
      pause = kFirstPause;
      state = FollowOnce(request, printed_us_[service->instance_hash()]);
      request.set_tail(0);
    } else {
      state = service.error();
    }
    if (stop.stop_requested()) return {};
    if (state) continue;  // Deployed again, or deleted: the next look tells.
    if (connected_once && state.error().code == Code::kNotFound) return {};
    if (!connected_once || state.error().code != Code::kUnavailable) return state;
    if (!away && !options_.silent)
      context_.terminal().Say("The connection to Core ended, trying again.");
    away = true;
    pause = std::min(pause * 2, kLongestPause);
  } while (Pause(stop, pause));
  return {};
}

}  // namespace mesg::cli
