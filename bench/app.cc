// Durable workflows: how many a second, how long one takes, and what a million that wait cost.
#include <algorithm>
#include <cstdio>

#include <grpcpp/grpcpp.h>

#include "app_load.h"
#include "arguments.h"
#include "core_process.h"
#include "measured_service.h"
#include "mesg/v1/admin.pb.h"
#include "mesg/v1/applications.grpc.pb.h"
#include "native_load.h"
#include "report.h"

namespace mesg::bench {
namespace {

constexpr std::size_t kInFlight = 512;
constexpr std::size_t kBatch = 256;   // Events in a request,
constexpr std::size_t kBatches = 16;  // requests unanswered.
constexpr std::uint32_t kCredits = 1'024;
constexpr const char* kName = "measured";

// Each task gets what the trigger brought and what the task before it gave.
constexpr const char* kFlow = R"(name: measured
services: { bench: bench }
workflows:
  flow:
    on: bench.order
    steps:
      - id: one
        task: bench.order
        with:
          id: "${ .id }"
          customer: "${ .customer }"
          total: "${ .total }"
          paid: true
          note: "${ .note }"
      - id: two
        task: bench.order
        with:
          id: "${ .id }"
          customer: "${ $steps.one.customer }"
          total: "${ $steps.one.total + 1 }"
          paid: "${ $steps.one.paid }"
          note: "${ .note }"
      - id: three
        task: bench.order
        with:
          id: "${ .id }"
          customer: { name: "${ .customer.name }", city: "${ $steps.two.customer.city }" }
          total: "${ $steps.one.total + $steps.two.total }"
          paid: "${ $steps.two.paid }"
          note: "from ${ .customer.city }: ${ $steps.two.note }"
)";

// Half of them wait for a time, half for a person.
constexpr const char* kParked = R"(name: measured
services: { bench: bench }
workflows:
  timer: { on: bench.order, steps: [ { wait: 10d } ] }
  person: { on: bench.other, steps: [ { approve: {} } ] }
)";

Result<void> Deploy(const CoreProcess& core, const char* file) {
  const auto stub = v1::Applications::NewStub(core.Connect());
  grpc::ClientContext context;
  v1::DeployApplicationRequest request;
  request.mutable_file()->set_name("measured.yml");
  request.mutable_file()->set_content(file);
  v1::DeployApplicationResponse response;
  const grpc::Status status = stub->Deploy(&context, request, &response);
  if (!status.ok()) return Failed("deploying", status.error_code(), status.error_message());
  return {};
}

Result<std::uint64_t> OpenRuns(const CoreProcess& core) {
  const auto stub = v1::Applications::NewStub(core.Connect());
  grpc::ClientContext context;
  v1::ApplicationSelection request;
  request.set_name(kName);
  v1::Application application;
  const grpc::Status status = stub->Get(&context, request, &application);
  if (!status.ok()) return Failed("asking", status.error_code(), status.error_message());
  return application.open_runs();
}

double Quantile(std::vector<double> values, double at) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(static_cast<double>(values.size() - 1) * at)];
}

struct Lines {
  Report& report;
  std::string durability;

  void Add(std::string metric, double value, std::string unit, std::size_t in_flight,
           std::uint64_t fsyncs = 0) {
    report.Add({.workload = "app",
                .metric = std::move(metric),
                .value = value,
                .unit = std::move(unit),
                .durability = durability,
                .in_flight = in_flight,
                .payload_bytes = kPayloadBytes,
                .fsyncs = fsyncs});
  }
};

Result<void> MeasureFlow(const Arguments& arguments, Report& report) {
  const auto core = MESG_TRY(CoreProcess::Start());
  const MeasuredService service = MESG_TRY(DeployMeasuredService(*core));
  MESG_TRY(Deploy(*core, kFlow));
  const v1::StatusResponse status = MESG_TRY(core->Status());
  Lines lines{report, status.durability()};
  EchoWorker worker(core->Connect(), service, kCredits);
  WorkflowLoad load(core->Connect(), service);
  MESG_TRY(worker.WaitReady());
  MESG_TRY(load.WaitReady());

  const std::size_t workflows = arguments["workflows"];
  MESG_TRY(load.Run(workflows / 10 + 1, kInFlight));
  std::vector<double> rates;
  std::vector<double> core_cpu;
  std::vector<double> client_cpu;
  const std::uint64_t fsyncs = MESG_TRY(core->Fsyncs());
  for (std::size_t round = 0; round < arguments["rounds"]; ++round) {
    const auto core_before = core->CpuTime();
    const auto own_before = OwnCpuTime();
    const auto took = MESG_TRY(load.Run(workflows, kInFlight));
    const auto count = static_cast<double>(workflows);
    rates.push_back(count / took.count());
    core_cpu.push_back(static_cast<double>((core->CpuTime() - core_before).count()) / count);
    client_cpu.push_back(static_cast<double>((OwnCpuTime() - own_before).count()) / count);
  }
  const double rate = Median(rates);
  const std::uint64_t fsyncs_after = MESG_TRY(core->Fsyncs());
  lines.Add("workflows", rate, "workflows/s", kInFlight, fsyncs_after - fsyncs);
  lines.Add("workflows_core_cpu", Median(core_cpu), "us/workflow", kInFlight);
  lines.Add("workflows_client_cpu", Median(client_cpu), "us/workflow", kInFlight);

  const auto latencies = MESG_TRY(load.RunAtRate(workflows, rate / 2));
  lines.Add("half_load_p50", Quantile(latencies, 0.5), "us", 0);
  lines.Add("half_load_p99", Quantile(latencies, 0.99), "us", 0);
  const std::uint64_t open = MESG_TRY(OpenRuns(*core));
  if (open != 0) return Internal("{} runs are open after their last result", open);
  return {};
}

Result<void> MeasureParked(const Arguments& arguments, Report& report) {
  const auto core = MESG_TRY(CoreProcess::Start());
  const MeasuredService service = MESG_TRY(DeployMeasuredService(*core));
  MESG_TRY(Deploy(*core, kParked));
  const v1::StatusResponse status = MESG_TRY(core->Status());
  Lines lines{report, status.durability()};
  const std::size_t requests = arguments["parked"] / 2 / kBatch + 1;
  const std::size_t parked = 2 * requests * kBatch;
  const auto started = SteadyClock::now();
  {
    EmitLoad timers(core->Connect(), service, MeasuredService::kEvent, kBatch, kBatches, kBatch);
    MESG_TRY(timers.Run(requests));
    EmitLoad people(core->Connect(), service, MeasuredService::kOtherEvent, kBatch, kBatches,
                    kBatch);
    MESG_TRY(people.Run(requests));
  }
  const std::chrono::duration<double> took = SteadyClock::now() - started;
  const std::uint64_t open = MESG_TRY(OpenRuns(*core));
  if (open != parked) return Internal("{} runs wait, expected {}", open, parked);
  lines.Add("parking", static_cast<double>(parked) / took.count(), "workflows/s", parked);
  lines.Add("parked_resident", core->ResidentMiB(), "MiB", parked);
  MESG_TRY(core->KillAndStart());
  lines.Add("parked_recovery",
            std::chrono::duration<double, std::milli>(core->time_to_ready()).count(), "ms", parked);
  lines.Add("parked_recovered_resident", core->ResidentMiB(), "MiB", parked);
  const std::uint64_t recovered = MESG_TRY(OpenRuns(*core));
  if (recovered != parked) return Internal("{} runs were recovered of {}", recovered, parked);
  return {};
}

Result<void> Measure(const Arguments& arguments, Report& report) {
  if (arguments["workflows"] != 0) MESG_TRY(MeasureFlow(arguments, report));
  if (arguments["parked"] != 0) MESG_TRY(MeasureParked(arguments, report));
  return {};
}

}  // namespace
}  // namespace mesg::bench

int main(int count, char** words) {
  const mesg::bench::Arguments arguments(
      count, words, {{"rounds", 5}, {"workflows", 20'000}, {"parked", 1'000'000}});
  mesg::bench::Report report;
  const auto done = mesg::bench::Measure(arguments, report);
  if (!done) {
    std::fprintf(stderr, "bench: %s\n", done.error().message.c_str());
    return 1;
  }
  return report.Finish();
}
