// What an event costs Core when 10,000 listeners wait for other events than when ten do.
#include <cstdio>

#include <grpcpp/grpcpp.h>

#include "arguments.h"
#include "core_process.h"
#include "measured_service.h"
#include "native_load.h"
#include "report.h"

namespace mesg::bench {
namespace {

using Listeners = std::vector<std::unique_ptr<ListenLoad>>;

constexpr std::size_t kFew = 10;
constexpr std::size_t kBatch = 250;
constexpr std::size_t kBatches = 8;

// `count` listeners of `event`, each for one value of the order's id.
Result<Listeners> Attach(const CoreProcess& core, const char* event, std::size_t count) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < 4; ++i) channels.push_back(core.Connect());
  Listeners listeners;
  for (std::size_t i = 0; i < count; ++i) {
    v1::Filter filter;
    filter.set_service(MeasuredService::kName);
    filter.set_key(event);
    v1::Predicate& predicate = *filter.add_predicates();
    predicate.set_path("id");
    predicate.set_op(v1::Predicate::EQ);
    predicate.set_value(std::to_string(i));
    listeners.push_back(
        std::make_unique<ListenLoad>(channels[i % channels.size()], std::vector{filter}));
  }
  for (const auto& listener : listeners) MESG_TRY(listener->WaitReady());
  return listeners;
}

// Core's processor time for each event of a round, in microseconds. The events go to the first kFew
// listeners, in turn, whatever the number of the others.
Result<double> Round(const CoreProcess& core, EmitLoad& load, Listeners& listeners,
                     std::size_t requests) {
  const std::uint64_t due = listeners[0]->items() + requests * kBatch / kFew;
  const auto before = core.CpuTime();
  MESG_TRY(load.Run(requests));
  for (std::size_t i = 0; i < kFew; ++i) MESG_TRY(listeners[i]->WaitForItems(due));
  return static_cast<double>((core.CpuTime() - before).count()) /
         static_cast<double>(requests * kBatch);
}

Result<void> Measure(const Arguments& arguments, Report& report) {
  const std::size_t requests = arguments["requests"];
  const auto core = MESG_TRY(CoreProcess::Start());
  const MeasuredService service = MESG_TRY(DeployMeasuredService(*core));
  Listeners few = MESG_TRY(Attach(*core, MeasuredService::kEvent, kFew));
  Listeners many = MESG_TRY(Attach(*core, MeasuredService::kOtherEvent, arguments["listeners"]));
  EmitLoad to_few(core->Connect(), service, MeasuredService::kEvent, kBatch, kBatches, kFew);
  EmitLoad to_many(core->Connect(), service, MeasuredService::kOtherEvent, kBatch, kBatches, kFew);
  MESG_TRY(Round(*core, to_few, few, requests / 10 + 1));
  MESG_TRY(Round(*core, to_many, many, requests / 10 + 1));

  const std::uint64_t fsyncs = MESG_TRY(core->Fsyncs());
  std::vector<double> with_few;
  std::vector<double> with_many;
  for (std::size_t i = 0; i < arguments["rounds"]; ++i) {
    const double few_cost = MESG_TRY(Round(*core, to_few, few, requests));
    const double many_cost = MESG_TRY(Round(*core, to_many, many, requests));
    with_few.push_back(few_cost);
    with_many.push_back(many_cost);
  }
  const std::uint64_t fsyncs_after = MESG_TRY(core->Fsyncs());
  const auto add = [&](const char* metric, double value, const char* unit) {
    report.Add({.workload = "filters",
                .metric = metric,
                .value = value,
                .unit = unit,
                .in_flight = kBatch * kBatches,
                .payload_bytes = kPayloadBytes,
                .fsyncs = fsyncs_after - fsyncs});
  };
  add("core_cpu_10_listeners", Median(with_few), "us/event");
  add("core_cpu_many_listeners", Median(with_many), "us/event");
  add("cpu_ratio", Median(with_many) / Median(with_few), "ratio");
  return {};
}

}  // namespace
}  // namespace mesg::bench

int main(int count, char** words) {
  mesg::bench::Report report;
  const auto done = mesg::bench::Measure(
      mesg::bench::Arguments(count, words,
                             {{"listeners", 10'000}, {"requests", 400}, {"rounds", 5}}),
      report);
  if (!done) {
    std::fprintf(stderr, "bench: %s\n", done.error().message.c_str());
    return 1;
  }
  return report.Finish();
}
