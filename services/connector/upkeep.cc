#include "connector/upkeep.h"

#include <algorithm>
#include <cstdio>
#include <random>
#include <utility>

#include <fmt/format.h>

namespace mesg::services {
namespace {

// Between half and all of a pause that doubles: many who lost the same server come back one by one.
Duration PauseAfter(unsigned failures, const Upkeep::Pauses& pauses) {
  constexpr unsigned kMostDoublings = 16;
  const Duration full =
      std::min(pauses.most, pauses.least * (1 << std::min(failures - 1, kMostDoublings)));
  static thread_local std::minstd_rand random{std::random_device()()};
  return Duration(
      std::uniform_int_distribution<Duration::rep>(full.count() / 2, full.count())(random));
}

}  // namespace

void Upkeep::Session::Up() {
  if (upkeep_.failures_ > 0) {
    std::printf("%s: connected again\n", upkeep_.what_.c_str());
    std::fflush(stdout);
  }
  upkeep_.failures_ = 0;
  upkeep_.Tell("");
}

void Upkeep::Session::Degraded(const std::string& problem) {
  upkeep_.Tell(fmt::format("{}: {}", upkeep_.what_, problem));
}

bool Upkeep::Session::Pause(Duration time) {
  std::unique_lock lock(upkeep_.mutex_);
  upkeep_.wake_.wait_for(lock, stop_, time, [] { return false; });
  return !Stopping();
}

Upkeep::Upkeep(std::string what, Run run, Health health, Pauses pauses)
    : what_(std::move(what)),
      run_(std::move(run)),
      health_(std::move(health)),
      pauses_(pauses),
      thread_([this](const std::stop_token& stop) { Loop(stop); }) {}

Upkeep::~Upkeep() { Stop(); }

void Upkeep::Stop() { thread_.request_stop(); }

void Upkeep::Tell(std::string problem) { health_(std::move(problem)); }

void Upkeep::Loop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Session session(*this, stop);
    const Result<void> ended = run_(session);
    if (stop.stop_requested()) return;
    const Duration pause = PauseAfter(++failures_, pauses_);
    const std::string problem =
        fmt::format("{}: {}; trying again in {}", what_,
                    ended ? "the connection was closed" : ended.error().message,
                    FormatDuration(std::chrono::ceil<std::chrono::milliseconds>(pause)));
    std::fprintf(stderr, "%s\n", problem.c_str());
    Tell(problem);
    if (!session.Pause(pause)) return;
  }
}

}  // namespace mesg::services
