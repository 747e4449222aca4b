// mesg-simulate: see scripts/simulate.

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "tests/simulation/simulation.h"

namespace {

using mesg::simulation::FaultCounts;

volatile std::sig_atomic_t current_seed = 0;

// A broken invariant aborts; the seed has to be known all the same.
extern "C" void SayTheSeed(int) {
  char text[96];
  const int length =
      std::snprintf(text, sizeof text, "seed %ld aborted; replay: scripts/simulate --seed %ld\n",
                    static_cast<long>(current_seed), static_cast<long>(current_seed));
  std::fwrite(text, 1, static_cast<std::size_t>(length), stderr);
  std::signal(SIGABRT, SIG_DFL);
}

struct Arguments {
  std::optional<std::uint64_t> seed;
  std::uint64_t from = 1;
  std::uint64_t seeds = 2000;
  mesg::simulation::Options options;
};

std::optional<Arguments> Parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; i += 2) {
    std::uint64_t number = 0;
    if (i + 1 == argc) return std::nullopt;
    const std::string_view text = argv[i + 1];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    const std::string_view name = argv[i];
    if (name == "--seed") {
      arguments.seed = number;
    } else if (name == "--from") {
      arguments.from = number;
    } else if (name == "--seeds" && number > 0) {
      arguments.seeds = number;
    } else if (name == "--partitions" && number > 0 && number <= 1024) {
      arguments.options.partitions = number;
    } else {
      return std::nullopt;
    }
  }
  return arguments;
}

void Print(std::uint64_t seed, const mesg::simulation::Report& report) {
  for (const std::string& violation : report.violations)
    fmt::print("seed {}: {}\n", seed, violation);
}

/// The names of faults that never happened.
std::string PrintFaults(const FaultCounts& faults) {
  std::string missing;
  for (std::size_t i = 0; i < faults.size(); ++i) {
    fmt::print("{:>9}  {}\n", faults.Of(i), mesg::simulation::kFaultNames[i]);
    if (faults.Of(i) == 0) missing += fmt::format(" \"{}\"", mesg::simulation::kFaultNames[i]);
  }
  return missing;
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = Parse(argc, argv);
  if (!arguments) {
    fmt::print(stderr, "usage: mesg-simulate [--seed N] [--from N] [--seeds N] [--partitions N]\n");
    return 2;
  }
  std::signal(SIGABRT, SayTheSeed);
  auto options = arguments->options;
  if (arguments->seed) {
    options.trace = true;
    current_seed = static_cast<std::sig_atomic_t>(*arguments->seed);
    const auto report = Simulate(*arguments->seed, options);
    fmt::print("\n");
    static_cast<void>(PrintFaults(report.faults));
    Print(*arguments->seed, report);
    return report.violations.empty() ? 0 : 1;
  }
  FaultCounts faults;
  std::uint64_t events = 0, executions = 0, commits = 0;
  for (std::uint64_t i = 0; i < arguments->seeds; ++i) {
    const std::uint64_t seed = arguments->from + i;
    current_seed = static_cast<std::sig_atomic_t>(seed);
    const auto report = Simulate(seed, options);
    faults.Add(report.faults);
    events += report.events;
    executions += report.executions;
    commits += report.commits;
    if (!report.violations.empty()) {
      Print(seed, report);
      fmt::print("replay: scripts/simulate --seed {}\n", seed);
      return 1;
    }
  }
  const std::string missing = PrintFaults(faults);
  fmt::print(
      "{} seeds, {} commits; in their last lives {} events, {} executions: every promise kept\n",
      arguments->seeds, commits, events, executions);
  constexpr std::uint64_t kEnoughForAll = 500;
  if (arguments->seeds >= kEnoughForAll && !missing.empty()) {
    fmt::print("never happened:{}\n", missing);
    return 1;
  }
  return 0;
}
