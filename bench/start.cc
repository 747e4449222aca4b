// How long Core takes to be ready on an empty directory, and what it holds when it has nothing to
// do.
#include <cstdio>

#include "arguments.h"
#include "core_process.h"
#include "report.h"

namespace mesg::bench {
namespace {

Result<void> Measure(const Arguments& arguments, Report& report) {
  std::vector<double> ready;
  std::vector<double> cpu;
  std::vector<double> resident;
  // The first start is not counted: it reads the program from disk, and gRPC's client wakes up
  // here.
  for (std::size_t i = 0; i <= arguments["starts"]; ++i) {
    const auto core = MESG_TRY(CoreProcess::Start());
    if (i == 0) continue;
    ready.push_back(std::chrono::duration<double, std::milli>(core->time_to_ready()).count());
    cpu.push_back(std::chrono::duration<double, std::milli>(core->ThreadsCpuTime()).count());
    resident.push_back(core->ResidentMiB());
  }
  report.Add(
      {.workload = "start", .metric = "time_to_ready", .value = Median(ready), .unit = "ms"});
  report.Add({.workload = "start", .metric = "cpu_to_ready", .value = Median(cpu), .unit = "ms"});
  report.Add(
      {.workload = "start", .metric = "resident_idle", .value = Median(resident), .unit = "MiB"});
  return {};
}

}  // namespace
}  // namespace mesg::bench

int main(int count, char** words) {
  mesg::bench::Report report;
  const auto done =
      mesg::bench::Measure(mesg::bench::Arguments(count, words, {{"starts", 9}}), report);
  if (!done) {
    std::fprintf(stderr, "bench: %s\n", done.error().message.c_str());
    return 1;
  }
  return report.Finish();
}
