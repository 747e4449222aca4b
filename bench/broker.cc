// The heart of Core without the network: contract, engine, broker and RocksDB, called directly.
// What bench_core measures beyond this is the cost of the API and of the clients.
#include "broker/broker.h"

#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "arguments.h"
#include "core_process.h"
#include "measured_service.h"
#include "model/service_definition.h"
#include "report.h"
#include "store/rocksdb/rocks_database.h"

namespace mesg::bench {
namespace {

constexpr std::size_t kBatch = 256;
constexpr std::size_t kBatches = 32;
constexpr std::size_t kInFlight = 512;

using Seconds = std::chrono::duration<double>;
using SteadyClock = std::chrono::steady_clock;

// Things handed from the broker's threads to one of ours.
template <typename T>
class Queue {
 public:
  void Add(T item) {
    const std::scoped_lock lock(mutex_);
    items_.push_back(std::move(item));
  }
  void Flush() {
    { const std::scoped_lock lock(mutex_); }
    changed_.notify_all();
  }
  void Close() {
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }
  /// All there is, once there is something; nothing after Close().
  std::vector<T> Take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !items_.empty() || closed_; });
    return std::exchange(items_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<T> items_;
  bool closed_ = false;
};

class Listener final : public broker::ListenerSink {
 public:
  void Push(engine::PartitionId, std::span<const broker::Item> items, std::uint64_t) override {
    items_ += items.size();
  }
  bool HasRoom() const override { return true; }
  void Fail(const Error& error) override { Report(error); }

 private:
  static void Report(const Error& error) {
    std::fprintf(stderr, "bench: %s\n", error.message.c_str());
  }
  std::atomic<std::uint64_t> items_ = 0;
};

class Worker final : public broker::WorkerSink {
 public:
  void Deliver(const broker::Delivery& delivery) override {
    queue.Add({std::string(delivery.id), engine::Success{"", delivery.execution.inputs}, {}, {}});
  }
  void Cancelled(std::string_view, std::string_view) override {}
  void Drain() override {}
  void Flush() override { queue.Flush(); }

  Queue<broker::DeliveryAnswer> queue;
};

class Caller final : public broker::ResultSink {
 public:
  void Finished(std::uint64_t ref, const engine::ExecutionPtr&) override { queue.Add(ref); }
  void Flush() override { queue.Flush(); }

  Queue<std::uint64_t> queue;
};

template <typename T, typename Begin>
Result<T> Ask(Begin&& begin) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  begin([promise](Result<T> result) { promise->set_value(std::move(result)); });
  return promise->get_future().get();
}

class BrokerBench {
 public:
  static Result<std::unique_ptr<BrokerBench>> Start(const std::string& folder) {
    std::unique_ptr<BrokerBench> bench(new BrokerBench);
    bench->database_ = MESG_TRY(store::rocks::RocksDatabase::Open({.directory = folder}));
    bench->store_ = bench->database_->Partition(0);
    broker::Settings settings;
    settings.delivery_key.assign(32, 'k');
    bench->broker_ = MESG_TRY(broker::Broker::Start(
        {bench->store_.get()}, bench->clock_, settings, [](const Error& error) {
          std::fprintf(stderr, "bench: %s\n", error.message.c_str());
          std::_Exit(1);
        }));
    MESG_TRY(bench->Deploy());
    MESG_TRY(bench->Connect());
    return bench;
  }
  ~BrokerBench() {
    worker_->queue.Close();
    if (worker_thread_.joinable()) worker_thread_.join();
  }

  std::uint64_t Fsyncs() const { return database_->Counters().fsyncs; }

  Result<Seconds> Emit(std::size_t requests) {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t unanswered = 0;
    std::optional<Error> failure;
    const auto started = SteadyClock::now();
    for (std::size_t i = 0; i < requests; ++i) {
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return unanswered < kBatches; });
        ++unanswered;
      }
      std::vector<engine::NewEvent> events(kBatch);
      for (engine::NewEvent& event : events) {
        event.key = MeasuredService::kEvent;
        event.data = payload_;
      }
      broker_->Emit(instance_, std::move(events), {}, [&](Result<engine::Emitted> emitted) {
        const std::scoped_lock lock(mutex);
        if (!emitted) failure = emitted.error();
        --unanswered;
        changed.notify_one();
      });
    }
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return unanswered == 0; });
    if (failure) return *failure;
    return SteadyClock::now() - started;
  }

  Result<Seconds> Execute(std::size_t executions) {
    const auto caller = std::make_shared<Caller>();
    std::size_t left = executions;
    const auto started = SteadyClock::now();
    const auto create = [&](std::size_t count) {
      count = std::min(count, left);
      if (count == 0) return;
      left -= count;
      broker::ExecutionRequest request;
      request.service = MeasuredService::kName;
      request.task = MeasuredService::kTask;
      request.inputs = payload_;
      broker_->Create(std::vector(count, request), caller, std::vector<std::uint64_t>(count),
                      [](const std::vector<Result<engine::Created>>& created) {
                        for (const auto& one : created) one.value();
                      });
    };
    create(kInFlight);
    for (std::size_t finished = 0; finished < executions;) {
      const std::size_t some = caller->queue.Take().size();
      finished += some;
      create(some);
    }
    return SteadyClock::now() - started;
  }

 private:
  BrokerBench() = default;

  Result<void> Deploy() {
    const auto definition = ServiceDefinition::Parse(kDefinition);
    MESG_CHECK(definition, "the definition is wrong: {}", definition.error().message);
    engine::Instance record;
    record.source = std::make_shared<const Source>(
        Source{MeasuredService::kName, definition->Hash(), definition->Hash()});
    record.sid = definition->Sid();
    record.definition = definition->Canonical();
    record.token = "token";
    MESG_TRY(Ask<void>([&](auto reply) { broker_->Deploy(record, std::move(reply)); }));
    instance_ = broker_->Deployed()->FindInstance(record.source->instance_hash);
    return {};
  }

  Result<void> Connect() {
    broker::Filter events;
    broker::Filter results;
    results.results = true;
    MESG_TRY(Ask<broker::ListenerId>([&](auto reply) {
      broker_->Listen({events, results}, {}, listener_, std::move(reply));
    }));
    const std::string hash = instance_->GetSource()->instance_hash;
    MESG_TRY(Ask<broker::WorkerId>([&](auto reply) {
      broker_->ConnectWorker({hash, "bench", {}, 1024}, worker_, std::move(reply));
    }));
    worker_thread_ = std::thread([this, hash] {
      for (auto answers = worker_->queue.Take(); !answers.empty();
           answers = worker_->queue.Take()) {
        broker_->Answer(hash, "bench", std::move(answers), [](const auto& results_of) {
          for (const auto& one : results_of) one.value();
        });
      }
    });
    return {};
  }

  SystemClock clock_;
  const std::string payload_ = Payload();
  std::unique_ptr<store::rocks::RocksDatabase> database_;
  std::unique_ptr<store::Store> store_;
  const std::shared_ptr<Listener> listener_ = std::make_shared<Listener>();
  const std::shared_ptr<Worker> worker_ = std::make_shared<Worker>();
  std::unique_ptr<broker::Broker> broker_;
  broker::InstancePtr instance_;
  std::thread worker_thread_;
};

Result<void> MeasureIn(const std::string& folder, const Arguments& arguments, Report& report) {
  const auto bench = MESG_TRY(BrokerBench::Start(folder));
  const std::size_t requests = arguments["events"] / kBatch + 1;
  struct Series {
    std::vector<double> rates;
    std::vector<double> cpu;
    std::uint64_t fsyncs = 0;
  };
  const auto run = [&](Series& series, std::size_t count,
                       const std::function<Result<Seconds>()>& work) -> Result<void> {
    const auto cpu = OwnCpuTime();
    const std::uint64_t fsyncs = bench->Fsyncs();
    const Seconds took = MESG_TRY(work());
    const auto things = static_cast<double>(count);
    series.rates.push_back(things / took.count());
    series.cpu.push_back(static_cast<double>((OwnCpuTime() - cpu).count()) / things);
    series.fsyncs += bench->Fsyncs() - fsyncs;
    return {};
  };
  Series events;
  Series executions;
  for (std::size_t i = 0; i < arguments["rounds"]; ++i) {
    MESG_TRY(run(events, requests * kBatch, [&] { return bench->Emit(requests); }));
    MESG_TRY(run(executions, arguments["executions"],
                 [&] { return bench->Execute(arguments["executions"]); }));
  }
  const auto add = [&](const std::string& metric, const char* unit, const char* each,
                       std::size_t in_flight, const Series& series) {
    Measurement line{.workload = "broker",
                     .metric = metric,
                     .value = Median(series.rates),
                     .unit = unit,
                     .in_flight = in_flight,
                     .payload_bytes = kPayloadBytes,
                     .fsyncs = series.fsyncs};
    report.Add(line);
    line.metric += "_cpu";
    line.value = Median(series.cpu);
    line.unit = each;
    report.Add(line);
  };
  add("events", "events/s", "us/event", kBatch * kBatches, events);
  add("executions", "executions/s", "us/execution", kInFlight, executions);
  return {};
}

Result<void> Measure(const Arguments& arguments, Report& report) {
  std::string folder = (std::filesystem::temp_directory_path() / "mesg-bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return Unavailable("no temporary directory");
  auto done = MeasureIn(folder, arguments, report);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return done;
}

}  // namespace
}  // namespace mesg::bench

int main(int count, char** words) {
  mesg::bench::Report report;
  const auto done = mesg::bench::Measure(
      mesg::bench::Arguments(count, words,
                             {{"rounds", 5}, {"events", 300'000}, {"executions", 60'000}}),
      report);
  if (!done) {
    std::fprintf(stderr, "bench: %s\n", done.error().message.c_str());
    return 1;
  }
  return report.Finish();
}
