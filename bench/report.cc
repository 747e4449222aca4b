#include "report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

#include <fmt/format.h>

namespace mesg::bench {
namespace {

constexpr double kAny = std::numeric_limits<double>::infinity();

struct Bound {
  std::string_view workload;
  std::string_view metric;
  double at_least;
  double at_most;
};

// What must hold on two cores; docs/reference/benchmarks.md says how each is measured.
constexpr std::array kBounds{
    Bound{"start", "time_to_ready", -kAny, 150},
    Bound{"start", "resident_idle", -kAny, 60},
    Bound{"core", "events_stream", 150'000, kAny},
    Bound{"core", "executions_stream", 35'000, kAny},
    Bound{"filters", "cpu_ratio", -kAny, 2},
    Bound{"app", "workflows", 5'000, kAny},
    Bound{"app", "parked_resident", -kAny, 1024},
    Bound{"app", "parked_recovered_resident", -kAny, 1024},
};

}  // namespace

void Report::Add(const Measurement& m) {
  std::printf(
      "%s\n",
      fmt::format(R"({{"workload":"{}","metric":"{}","value":{:.6g},"unit":"{}","durability":"{}",)"
                  R"("in_flight":{},"payload_bytes":{},"fsyncs":{}}})",
                  m.workload, m.metric, m.value, m.unit, m.durability, m.in_flight, m.payload_bytes,
                  m.fsyncs)
          .c_str());
  std::fflush(stdout);
  for (const Bound& bound : kBounds) {
    if (bound.workload != m.workload || bound.metric != m.metric) continue;
    if (m.value >= bound.at_least && m.value <= bound.at_most) continue;
    broken_.push_back(bound.at_most == kAny
                          ? fmt::format("{} {} must be at least {:g} {}, is {:g}", m.workload,
                                        m.metric, bound.at_least, m.unit, m.value)
                          : fmt::format("{} {} must be at most {:g} {}, is {:g}", m.workload,
                                        m.metric, bound.at_most, m.unit, m.value));
  }
}

int Report::Finish() const {
  for (const std::string& sentence : broken_) std::fprintf(stderr, "bench: %s\n", sentence.c_str());
  return broken_.empty() ? 0 : 1;
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace mesg::bench
