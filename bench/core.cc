// Durable throughput and latency of Core, through its own API and the classic one.
#include <cstdio>
#include <functional>

#include <grpcpp/grpcpp.h>

#include "arguments.h"
#include "classic_load.h"
#include "core_process.h"
#include "measured_service.h"
#include "mesg/v1/admin.pb.h"
#include "native_load.h"
#include "report.h"
#include "strace.h"
#include "unary_load.h"

namespace mesg::bench {
namespace {

constexpr std::size_t kBatch = 256;     // Events in a request,
constexpr std::size_t kBatches = 32;    // requests unanswered.
constexpr std::size_t kInFlight = 512;  // Executions.
constexpr std::size_t kUnary = 64;      // Calls at a time, where each carries one thing.
constexpr std::uint32_t kCredits = 1'024;

// What is measured of one workload, over its rounds.
struct Series {
  std::vector<double> rates;
  std::vector<double> core_cpu;    // Microseconds for each thing done,
  std::vector<double> client_cpu;  // and of the clients, which share its processors.
  std::vector<double> latencies;
  std::uint64_t fsyncs = 0;
};

class CoreBench {
 public:
  static Result<std::unique_ptr<CoreBench>> Start(const Arguments& arguments,
                                                  const std::vector<std::string>& wrapper) {
    auto core = MESG_TRY(CoreProcess::Start(wrapper));
    MeasuredService service = MESG_TRY(DeployMeasuredService(*core));
    const v1::StatusResponse status = MESG_TRY(core->Status());
    std::unique_ptr<CoreBench> bench(
        new CoreBench(arguments, std::move(core), std::move(service), status.durability()));
    MESG_TRY(bench->worker_->WaitReady());
    MESG_TRY(bench->listener_.WaitReady());
    return bench;
  }

  const CoreProcess& core() const { return *core_; }

  Result<void> Streams(Report& report) {
    Series events;
    Series executions;
    Series single;
    std::vector<double> fsync_times;
    MESG_TRY(Events(arguments_["events"] / 10, nullptr));
    MESG_TRY(Executions(arguments_["executions"] / 10, kInFlight, nullptr));
    for (std::size_t round = 0; round < arguments_["rounds"]; ++round) {
      const auto fsync_time = MESG_TRY(FsyncTime(core_->home()));
      fsync_times.push_back(static_cast<double>(fsync_time.count()));
      MESG_TRY(Events(arguments_["events"], &events));
      MESG_TRY(Executions(arguments_["executions"], kInFlight, &executions));
      MESG_TRY(Executions(arguments_["singles"], 1, &single));
    }
    Add(report, "events_stream", "events/s", kBatch * kBatches, events);
    Add(report, "executions_stream", "executions/s", kInFlight, executions);
    AddLatency(report, "execution_one_at_a_time", single);
    report.Add({.workload = "core",
                .metric = "fsync_4KiB_p50",
                .value = Median(fsync_times),
                .unit = "us",
                .durability = "none",
                .payload_bytes = 4096});
    return {};
  }

  Result<void> Unary(Report& report) {
    const auto channel = core_->Connect();
    const auto events = v1::Events::NewStub(channel);
    const auto executions = v1::Executions::NewStub(channel);
    v1::EmitRequest emit;
    emit.add_events()->set_key(MeasuredService::kEvent);
    emit.mutable_events(0)->set_data(Payload());
    std::vector<v1::EmitResponse> emitted(kUnary);
    MESG_TRY(UnaryRounds(report, "events_unary", "events/s",
                         [&](std::size_t slot, grpc::ClientContext& context, auto done) {
                           service_.Authorize(context);
                           events->async()->Emit(&context, &emit, &emitted[slot], std::move(done));
                         }));
    v1::CreateExecutionRequest execute;
    execute.set_service(MeasuredService::kName);
    execute.set_task(MeasuredService::kTask);
    execute.set_inputs(Payload());
    std::vector<v1::Execution> executed(kUnary);
    return UnaryRounds(report, "executions_unary", "executions/s",
                       [&](std::size_t slot, grpc::ClientContext& context, auto done) {
                         executions->async()->Execute(&context, &execute, &executed[slot],
                                                      std::move(done));
                       });
  }

  Result<void> Classic(Report& report) {
    const auto channel = core_->Connect();
    const std::size_t calls = arguments_["calls"];
    Series events;
    Series executions;
    worker_.reset();  // The classic worker is the only one.
    for (std::size_t round = 0; round < arguments_["rounds"]; ++round) {
      MESG_TRY(Measure(calls, &events, [&]() -> Result<std::chrono::duration<double>> {
        const UnaryTimes times = MESG_TRY(EmitClassic(channel, service_, calls, kUnary));
        return times.whole;
      }));
      MESG_TRY(Measure(calls, &executions,
                       [&] { return ExecuteClassic(channel, service_, calls, kUnary); }));
    }
    Add(report, "events_classic", "events/s", kUnary, events);
    Add(report, "executions_classic", "executions/s", kUnary, executions);
    return {};
  }

 private:
  using Seconds = std::chrono::duration<double>;

  CoreBench(const Arguments& arguments, std::unique_ptr<CoreProcess> core, MeasuredService service,
            std::string durability)
      : arguments_(arguments),
        core_(std::move(core)),
        service_(std::move(service)),
        durability_(std::move(durability)),
        emit_(core_->Connect(), service_, MeasuredService::kEvent, kBatch, kBatches, kBatch),
        execute_(core_->Connect()),
        worker_(std::make_unique<EchoWorker>(core_->Connect(), service_, kCredits)),
        listener_(core_->Connect(), Everything()) {}

  // Runs `work`, which does `count` things, waits until the listener has them too, and adds what it
  // cost to `series`.
  Result<void> Measure(std::size_t count, Series* series,
                       const std::function<Result<Seconds>()>& work) {
    const std::uint64_t fsyncs = MESG_TRY(core_->Fsyncs());
    const auto core_cpu = core_->CpuTime();
    const auto own_cpu = OwnCpuTime();
    const Seconds took = MESG_TRY(work());
    heard_ += count;
    MESG_TRY(listener_.WaitForItems(heard_));
    const std::uint64_t fsyncs_after = MESG_TRY(core_->Fsyncs());
    if (series == nullptr) return {};
    const auto things = static_cast<double>(count);
    series->rates.push_back(things / took.count());
    series->core_cpu.push_back(static_cast<double>((core_->CpuTime() - core_cpu).count()) / things);
    series->client_cpu.push_back(static_cast<double>((OwnCpuTime() - own_cpu).count()) / things);
    series->fsyncs += fsyncs_after - fsyncs;
    return {};
  }

  Result<void> Events(std::size_t events, Series* series) {
    const std::size_t requests = events / kBatch + 1;
    return Measure(requests * kBatch, series, [&] { return emit_.Run(requests); });
  }

  Result<void> Executions(std::size_t executions, std::size_t in_flight, Series* series) {
    MESG_TRY(Measure(executions, series, [&] { return execute_.Run(executions, in_flight); }));
    if (series != nullptr) {
      const auto& latencies = execute_.latencies();
      series->latencies.insert(series->latencies.end(), latencies.begin(), latencies.end());
    }
    return {};
  }

  template <typename Call>
  Result<void> UnaryRounds(Report& report, const std::string& metric, const char* unit,
                           const Call& call) {
    Series many;
    Series single;
    const std::size_t calls = arguments_["calls"];
    const std::size_t singles = arguments_["singles"];
    for (std::size_t round = 0; round < arguments_["rounds"]; ++round) {
      MESG_TRY(Measure(calls, &many, [&]() -> Result<Seconds> {
        const UnaryTimes times = MESG_TRY(RunUnary(calls, kUnary, call));
        return times.whole;
      }));
      MESG_TRY(Measure(singles, &single, [&]() -> Result<Seconds> {
        const UnaryTimes times = MESG_TRY(RunUnary(singles, 1, call));
        single.latencies.insert(single.latencies.end(), times.latencies.begin(),
                                times.latencies.end());
        return times.whole;
      }));
    }
    Add(report, metric, unit, kUnary, many);
    AddLatency(report, metric + "_one_at_a_time", single);
    return {};
  }

  Measurement Line(std::string metric, double value, std::string unit, std::size_t in_flight,
                   const Series& series) const {
    return {.workload = "core",
            .metric = std::move(metric),
            .value = value,
            .unit = std::move(unit),
            .durability = durability_,
            .in_flight = in_flight,
            .payload_bytes = kPayloadBytes,
            .fsyncs = series.fsyncs};
  }

  void Add(Report& report, const std::string& metric, const std::string& unit,
           std::size_t in_flight, const Series& series) const {
    const std::string each = "us/" + unit.substr(0, unit.find('/') - 1);
    report.Add(Line(metric, Median(series.rates), unit, in_flight, series));
    report.Add(Line(metric + "_core_cpu", Median(series.core_cpu), each, in_flight, series));
    report.Add(Line(metric + "_client_cpu", Median(series.client_cpu), each, in_flight, series));
    if (!series.latencies.empty()) {
      report.Add(Line(metric + "_p50", Median(series.latencies), "us", in_flight, series));
    }
  }
  void AddLatency(Report& report, const std::string& metric, const Series& series) const {
    report.Add(Line(metric + "_p50", Median(series.latencies), "us", 1, series));
  }

  const Arguments& arguments_;
  const std::unique_ptr<CoreProcess> core_;
  const MeasuredService service_;
  const std::string durability_;
  EmitLoad emit_;
  ExecuteLoad execute_;
  std::unique_ptr<EchoWorker> worker_;
  ListenLoad listener_;
  std::uint64_t heard_ = 0;
};

Result<void> Measure(const Arguments& arguments, Report& report) {
  if (arguments["strace"] != 0) {
    Strace strace;
    const auto bench = MESG_TRY(CoreBench::Start(arguments, strace.Wrapper()));
    return strace.Confirm(bench->core(), [&] { return bench->Streams(report); });
  }
  const auto bench = MESG_TRY(CoreBench::Start(arguments, {}));
  MESG_TRY(bench->Streams(report));
  if (arguments["streams-only"] != 0) return {};
  MESG_TRY(bench->Unary(report));
  return bench->Classic(report);
}

}  // namespace
}  // namespace mesg::bench

int main(int count, char** words) {
  const mesg::bench::Arguments arguments(count, words,
                                         {{"rounds", 5},
                                          {"events", 300'000},
                                          {"executions", 60'000},
                                          {"singles", 300},
                                          {"calls", 10'000},
                                          {"streams-only", 0},
                                          {"strace", 0}});
  mesg::bench::Report report;
  const auto done = mesg::bench::Measure(arguments, report);
  if (!done) {
    std::fprintf(stderr, "bench: %s\n", done.error().message.c_str());
    return 1;
  }
  return report.Finish();
}
