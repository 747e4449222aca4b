#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>

#include <benchmark/benchmark.h>

#include "store/rocksdb/rocks_database.h"

namespace mesg::store::rocks {
namespace {

/// Commits batches of state.range(0) puts of 256 bytes with state.range(2) commits in flight.
void Commit(benchmark::State& state) {
  const auto puts = static_cast<std::uint64_t>(state.range(0));
  const auto durability = state.range(1) == 1 ? Durability::kSync : Durability::kAsync;
  const auto in_flight = static_cast<std::uint64_t>(state.range(2));
  // Beside the program, not in /tmp, which may be memory.
  std::string path = std::filesystem::current_path() / "rocks-store-bench-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) std::abort();
  {
    auto opened = RocksDatabase::Open({.directory = path, .durability = durability});
    if (!opened) {
      state.SkipWithError(opened.error().message.c_str());
      return;
    }
    const auto store = (*opened)->Partition(0);
    const std::string value(256, 'v');
    std::uint64_t key = 0;
    std::uint64_t sequence = 0;
    std::atomic<std::uint64_t> done{0};
    const StoreCounters before = (*opened)->Counters();
    for ([[maybe_unused]] auto _ : state) {
      Batch batch;
      for (std::uint64_t i = 0; i < puts; ++i) {
        batch.Put(fmt::format("event/{:016}", ++key), value);
      }
      ++sequence;
      store->Commit(sequence, std::move(batch), [&done](const Result<void>& result) {
        MESG_CHECK(result.has_value());
        done.fetch_add(1, std::memory_order_release);
        done.notify_one();
      });
      for (std::uint64_t now = done; sequence - now >= in_flight; now = done) done.wait(now);
    }
    for (std::uint64_t now = done; now < sequence; now = done) done.wait(now);
    state.SetItemsProcessed(static_cast<std::int64_t>(key));
    state.counters["fsyncs_per_commit"] =
        static_cast<double>((*opened)->Counters().fsyncs - before.fsyncs) /
        static_cast<double>(sequence);
  }
  std::filesystem::remove_all(path);
}

BENCHMARK(Commit)
    ->ArgNames({"puts", "sync", "in_flight"})
    ->ArgsProduct({{1, 50, 1000}, {1, 0}, {1, 4}})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

void Open(benchmark::State& state) {
  std::string path = std::filesystem::current_path() / "rocks-store-bench-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) std::abort();
  for ([[maybe_unused]] auto _ : state) {
    auto opened = RocksDatabase::Open({.directory = path});
    MESG_CHECK(opened.has_value());
    state.PauseTiming();
    opened->reset();
    if (state.range(0) == 1) std::filesystem::remove_all(path);
    state.ResumeTiming();
  }
  std::filesystem::remove_all(path);
}
BENCHMARK(Open)->ArgName("empty")->Arg(1)->Arg(0)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mesg::store::rocks

BENCHMARK_MAIN();
