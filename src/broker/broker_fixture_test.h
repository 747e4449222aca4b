#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "broker/broker.h"
#include "store/memory/memory_store.h"

/// A Broker over the memory store, with workers, listeners and waiting callers that write down what
/// they are told.
namespace mesg::broker {

/// A clock that moves only when told to. Any thread.
class TestClock final : public Clock {
 public:
  TimePoint Now() const override { return FromMicros(now_); }
  void Advance(Duration by) { now_ += by.count(); }

 private:
  std::atomic<std::int64_t> now_ = 1'700'000'000'000'000;
};

/// What a sink was told, line by line, for a test to wait on.
class Log {
 public:
  void Add(std::string line) {
    {
      const std::scoped_lock lock(mutex_);
      lines_.push_back(std::move(line));
    }
    changed_.notify_all();
  }
  /// Everything so far, once there are at least `count` lines; what there is after a generous time.
  std::string Lines(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return lines_.size() >= count; });
    std::string all;
    for (const std::string& line : lines_) all += line + "; ";
    return all;
  }
  std::size_t size() const {
    const std::scoped_lock lock(mutex_);
    return lines_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

/// A worker that does nothing of its own.
class FakeWorker final : public WorkerSink {
 public:
  struct Taken {
    std::string id;
    ExecutionId execution;
    std::string task;
    std::string inputs;
    std::uint32_t attempt = 0;
  };

  void Deliver(const Delivery& delivery) override {
    {
      const std::scoped_lock lock(mutex_);
      taken_.push_back({std::string(delivery.id), delivery.execution.id, delivery.execution.task,
                        delivery.execution.inputs, delivery.attempt});
    }
    log.Add(fmt::format("{} {} #{}", delivery.execution.task, delivery.execution.inputs,
                        delivery.attempt));
  }
  void Cancelled(std::string_view, std::string_view reason) override {
    log.Add(fmt::format("cancelled: {}", reason));
  }
  void Drain() override { log.Add("drain"); }
  void Flush() override {}

  /// The `index`-th delivery, once it is there.
  Taken Take(std::size_t index) {
    for (std::size_t lines = index + 1; lines < index + 64; ++lines) {
      {
        const std::scoped_lock lock(mutex_);
        if (taken_.size() > index) return taken_[index];
      }
      if (log.Lines(lines); log.size() < lines) break;
    }
    const std::scoped_lock lock(mutex_);
    EXPECT_GT(taken_.size(), index) << "no such delivery came";
    return taken_.size() > index ? taken_[index] : Taken{};
  }
  std::size_t Deliveries() const {
    const std::scoped_lock lock(mutex_);
    return taken_.size();
  }

  Log log;

 private:
  mutable std::mutex mutex_;
  std::vector<Taken> taken_;
};

/// Somebody who waits for the ends of executions.
class FakeCaller final : public ResultSink {
 public:
  void Finished(std::uint64_t ref, const engine::ExecutionPtr& execution) override {
    const std::optional<Outcome>& outcome = execution->outcome;
    log.Add(fmt::format("{}: {} {}", ref, Name(execution->state),
                        !outcome                 ? std::string()
                        : outcome->error.empty() ? outcome->output_key + outcome->outputs
                                                 : outcome->error));
  }
  void Flush() override {}

  Log log;
};

class FakeListener final : public ListenerSink {
 public:
  void Push(engine::PartitionId partition, std::span<const Item> items,
            std::uint64_t sequence) override {
    EXPECT_FALSE(over_) << "pushed to after its end";
    for (const Item& item : items) {
      log.Add(item.result == nullptr
                  ? fmt::format("{} {}", item.entry.key, item.entry.data)
                  : fmt::format("{} {} {}", item.entry.key, Name(item.result->state),
                                item.result->outcome->output_key));
    }
    const std::scoped_lock lock(mutex_);
    told_[partition] = sequence;
    if (on_push) on_push(partition, sequence);
  }
  bool HasRoom() const override { return room; }
  void Fail(const Error& error) override {
    over_ = true;
    log.Add("failed: " + error.reason);
  }

  /// Up to where it has been told.
  Position Told(std::size_t partitions) const {
    const std::scoped_lock lock(mutex_);
    Position position(partitions);
    for (const auto& [partition, sequence] : told_) position.Set(partition, sequence);
    return position;
  }

  Log log;
  std::atomic<bool> room = true;
  std::function<void(engine::PartitionId, std::uint64_t)> on_push;

 private:
  mutable std::mutex mutex_;
  std::map<engine::PartitionId, std::uint64_t> told_;
  std::atomic<bool> over_ = false;
};

/// A store whose commits a test can hold up. Any thread.
class SlowStore final : public store::Store {
 public:
  explicit SlowStore(store::Store& store) : store_(store) {}

  /// From now on commits wait.
  void Stall() {
    const std::scoped_lock lock(mutex_);
    stalled_ = true;
  }
  /// When one does.
  void WaitHeld() {
    std::unique_lock lock(mutex_);
    held_changed_.wait(lock, [this] { return held_ != nullptr; });
  }
  /// What waits is committed, and what comes behind it waits.
  void ReleaseOne() {
    std::function<void()> held;
    {
      const std::scoped_lock lock(mutex_);
      held = std::exchange(held_, nullptr);
    }
    if (held) held();
  }
  /// What waits and whatever comes is committed.
  void Release() {
    std::function<void()> held;
    {
      const std::scoped_lock lock(mutex_);
      stalled_ = false;
      held = std::exchange(held_, nullptr);
    }
    if (held) held();
  }

  Result<std::optional<std::string>> Get(std::string_view key) const override {
    return store_.Get(key);
  }
  std::unique_ptr<store::Cursor> Read(std::string_view from, std::string_view to) const override {
    return store_.Read(from, to);
  }
  void Commit(std::uint64_t sequence, store::Batch batch, Done done) override {
    {
      const std::scoped_lock lock(mutex_);
      if (stalled_) {  // The only one: a partition has one under way.
        auto kept = std::make_shared<store::Batch>(std::move(batch));
        held_ = [this, sequence, kept, done = std::move(done)] {
          CommitNow(sequence, std::move(*kept), done);
        };
        held_changed_.notify_all();
        return;
      }
    }
    CommitNow(sequence, std::move(batch), std::move(done));
  }
  store::Recovery Recovered() const override { return store_.Recovered(); }
  std::size_t MaxBatchBytes() const override { return store_.MaxBatchBytes(); }

 private:
  // The next one may come from the partition before Release has left the last.
  void CommitNow(std::uint64_t sequence, store::Batch batch, Done done) {
    const std::scoped_lock lock(committing_);
    store_.Commit(sequence, std::move(batch), std::move(done));
  }

  store::Store& store_;
  std::mutex committing_;
  std::mutex mutex_;
  std::condition_variable held_changed_;
  bool stalled_ = false;
  std::function<void()> held_;
};

constexpr std::string_view kShop = R"(
name: Shop
sid: shop
events:
  ordered:
    data:
      order: {type: String}
      amount: {type: Number, optional: true}
  closed:
    data: {}
tasks:
  ship:
    timeout: 1m
    retry: {attempts: 2, initial: 10s, factor: 2, max: 1m, jitter: 0}
    inputs:
      order: {type: String}
    outputs:
      sent:
        data:
          tracking: {type: String}
      missing:
        data: {}
  charge:
    effect: once
    timeout: 1m
    retry: {attempts: 3, initial: 1s, factor: 1, max: 1s, jitter: 0}
    outputs:
      done:
        data: {}
)";

class BrokerTest : public testing::Test {
 protected:
  explicit BrokerTest(std::size_t partitions = 1) : partitions_(partitions) {
    settings_.delivery_key = std::string(32, 'k');
  }
  ~BrokerTest() override { Stop(); }

  void Start() {
    std::vector<store::Store*> stores;
    for (std::size_t i = 0; i < partitions_; ++i) {
      stores_.push_back(
          std::make_unique<store::memory::MemoryStore>(disk_, static_cast<std::uint16_t>(i)));
      slow_.push_back(std::make_unique<SlowStore>(*stores_.back()));
      stores.push_back(slow_.back().get());
    }
    auto started = Broker::Start(stores, clock_, settings_,
                                 [this](const Error& error) { fatal_.Add(error.message); });
    ASSERT_TRUE(started) << started.error().message;
    broker_ = *std::move(started);
  }
  void Stop() {
    for (const auto& store : slow_) store->Release();
    broker_.reset();
    slow_.clear();
    stores_.clear();
  }
  void Restart() {
    Stop();
    Start();
  }

  /// The answer of an asynchronous call.
  template <typename T, typename Call>
  static Result<T> Ask(Call&& call) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto future = promise->get_future();
    call([promise](Result<T> result) { promise->set_value(std::move(result)); });
    if (future.wait_for(std::chrono::seconds(20)) != std::future_status::ready)
      return Unavailable("no answer came");
    return future.get();
  }

  static engine::Instance Record(std::string_view yaml, const std::string& name,
                                 const std::string& salt = "") {
    const auto definition = ServiceDefinition::Parse(yaml);
    EXPECT_TRUE(definition) << (definition ? "" : definition.error().message);
    engine::Instance record;
    record.source = std::make_shared<const Source>(
        Source{name, definition->Hash(), definition->Hash() + "-" + name + salt});
    record.sid = definition->Sid();
    record.definition = definition->Canonical();
    record.token = "token of " + record.source->instance_hash;
    return record;
  }
  InstancePtr Deploy(std::string_view yaml = kShop, const std::string& name = "shop",
                     const std::string& salt = "") {
    const engine::Instance record = Record(yaml, name, salt);
    const auto deployed = Ask<void>([&](auto reply) { broker_->Deploy(record, std::move(reply)); });
    EXPECT_TRUE(deployed) << (deployed ? "" : deployed.error().message);
    return broker_->Deployed()->FindInstance(record.source->instance_hash);
  }

  /// Deploys all of `next`, and does `work` when that is decided and nobody has been told.
  template <typename Work>
  void DuringDeploy(const std::vector<engine::Instance>& next, Work&& work) {
    Settle();
    slow_[0]->Stall();
    std::vector<std::promise<Result<void>>> deployed(next.size());
    for (std::size_t i = 0; i < next.size(); ++i) {
      broker_->Deploy(
          next[i], [&promise = deployed[i]](auto result) { promise.set_value(std::move(result)); });
    }
    Settle();
    work();
    Settle();
    slow_[0]->Release();
    for (auto& promise : deployed) EXPECT_TRUE(promise.get_future().get());
  }

  static engine::NewEvent Ordered(const std::string& order, const std::string& id = "") {
    return {"ordered", fmt::format(R"({{"order":"{}"}})", order), id, {}, ""};
  }
  Result<engine::Emitted> Emit(const InstancePtr& instance, std::vector<engine::NewEvent> events,
                               std::vector<engine::KeyMove> moves = {}) {
    return Ask<engine::Emitted>([&](auto reply) {
      broker_->Emit(instance, std::move(events), std::move(moves), std::move(reply));
    });
  }

  static ExecutionRequest Task(const std::string& task, const std::string& inputs = "") {
    ExecutionRequest request;
    request.service = "shop";
    request.task = task;
    request.inputs = inputs;
    return request;
  }
  static ExecutionRequest Ship(const std::string& order = "a") {
    return Task("ship", fmt::format(R"({{"order":"{}"}})", order));
  }
  static ExecutionRequest Charge() { return Task("charge"); }
  static Filter Results() {
    Filter filter;
    filter.results = true;
    return filter;
  }
  std::vector<Result<engine::Created>> CreateAll(std::vector<ExecutionRequest> requests,
                                                 const std::shared_ptr<ResultSink>& sink = {}) {
    std::vector<std::uint64_t> refs;
    if (sink != nullptr) {
      for (std::size_t i = 0; i < requests.size(); ++i) refs.push_back(i);
    }
    std::promise<std::vector<Result<engine::Created>>> promise;
    broker_->Create(std::move(requests), sink, std::move(refs),
                    [&](auto created) { promise.set_value(std::move(created)); });
    return promise.get_future().get();
  }
  Result<engine::Created> Create(ExecutionRequest request,
                                 const std::shared_ptr<ResultSink>& sink = {}) {
    return CreateAll({std::move(request)}, sink).front();
  }

  WorkerId Connect(const InstancePtr& instance, const std::shared_ptr<FakeWorker>& worker,
                   std::size_t credits = 10, std::vector<std::string> tasks = {},
                   const std::string& name = "w") {
    const auto id = Ask<WorkerId>([&](auto reply) {
      broker_->ConnectWorker(
          {instance->GetSource()->instance_hash, name, std::move(tasks), credits}, worker,
          std::move(reply));
    });
    EXPECT_TRUE(id) << (id ? "" : id.error().message);
    return id.value_or(0);
  }
  static DeliveryAnswer Success(const std::string& delivery_id, const std::string& output_key,
                                const std::string& outputs) {
    return {delivery_id, engine::Success{output_key, outputs}, {}, {}};
  }
  static DeliveryAnswer Sent(const std::string& delivery_id) {
    return Success(delivery_id, "sent", R"({"tracking":"t"})");
  }
  static DeliveryAnswer Failed(const std::string& delivery_id, bool permanent = false) {
    return {delivery_id, engine::Failure{"no stock", permanent}, {}, {}};
  }
  Result<engine::Emitted> Answer(DeliveryAnswer answer, const std::string& instance_hash = "") {
    std::promise<std::vector<Result<engine::Emitted>>> promise;
    broker_->Answer(instance_hash, "w", {std::move(answer)},
                    [&](auto results) { promise.set_value(std::move(results)); });
    return promise.get_future().get().front();
  }

  ListenerId Listen(std::vector<Filter> filters, const std::shared_ptr<FakeListener>& sink,
                    std::optional<Position> from = {}) {
    const auto id = Ask<ListenerId>(
        [&](auto reply) { broker_->Listen(filters, from, sink, std::move(reply)); });
    EXPECT_TRUE(id) << (id ? "" : id.error().message);
    return id.value_or(0);
  }
  Result<ListenerId> ListenNamed(const std::string& name,
                                 const std::shared_ptr<FakeListener>& sink) {
    return Ask<ListenerId>(
        [&](auto reply) { broker_->ListenSubscription(name, {Filter{}}, sink, std::move(reply)); });
  }
  void StopListening(ListenerId id) {
    std::promise<void> done;
    broker_->StopListening(id, [&] { done.set_value(); });
    done.get_future().wait();
  }

  Result<void> Subscribe(const std::string& name, const std::string& after = "",
                         const std::string& filters = "f") {
    return Ask<void>(
        [&](auto reply) { broker_->Subscribe(name, filters, after, std::move(reply)); });
  }
  Result<void> Acknowledge(const std::string& name, const Position& position) {
    return Ask<void>([&](auto reply) { broker_->Acknowledge(name, position, std::move(reply)); });
  }

  Result<engine::Created> RetryDeadLetter(const ExecutionId& id) {
    std::promise<std::vector<Result<engine::Created>>> promise;
    broker_->RetryDeadLetters({id}, [&](auto created) { promise.set_value(std::move(created)); });
    return promise.get_future().get().front();
  }
  std::vector<Result<void>> DropDeadLetters(const std::vector<ExecutionId>& ids) {
    std::promise<std::vector<Result<void>>> promise;
    broker_->DropDeadLetters(ids, [&](auto dropped) { promise.set_value(std::move(dropped)); });
    return promise.get_future().get();
  }
  Result<ExecutionView> Get(const ExecutionId& id) {
    return Ask<ExecutionView>([&](auto reply) { broker_->Get(id, std::move(reply)); });
  }
  /// "completed sent", "created", "failed no stock (dead letter)"
  std::string State(const ExecutionId& id) {
    const auto view = Get(id);
    if (!view) return view.error().reason;
    const Execution& execution = *view->execution;
    std::string text(Name(execution.state));
    if (execution.outcome) {
      text += " " + (execution.outcome->error.empty() ? execution.outcome->output_key
                                                      : execution.outcome->error);
    }
    if (execution.dead_letter) text += " (dead letter)";
    return text;
  }
  /// Waits until State is `wanted`; returns what it is in the end.
  std::string StateBecomes(const ExecutionId& id, const std::string& wanted) {
    std::string state;
    for (int i = 0; i < 20'000; ++i) {
      if ((state = State(id)) == wanted) break;
      std::this_thread::yield();
    }
    return state;
  }
  /// The orders of dead letters, executions: their inputs.
  std::string DeadLetters() {
    ExecutionQuery query;
    query.dead_letters = true;
    const auto page = Ask<ExecutionPage>([&](auto reply) { broker_->List(query, reply); });
    std::string text;
    if (!page) return page.error().message;
    for (const ExecutionView& view : page->executions)
      text += view.execution->task + view.execution->inputs + " ";
    return text;
  }

  /// Time passes, and every partition has noticed.
  void Advance(Duration by) {
    clock_.Advance(by);
    Settle();
  }
  /// Everything submitted so far was decided, and timers of this moment have run.
  void Settle() {
    for (int round = 0; round < 3; ++round) {
      for (const InstancePtr& instance : broker_->Deployed()->Instances()) {
        static_cast<void>(Ask<Broker::InstanceLoad>(
            [&](auto reply) { broker_->Load(instance, std::move(reply)); }));
      }
    }
  }

  const std::size_t partitions_;
  Settings settings_;
  TestClock clock_;
  store::memory::MemoryDisk disk_;
  std::vector<std::unique_ptr<store::memory::MemoryStore>> stores_;
  std::vector<std::unique_ptr<SlowStore>> slow_;  // Around them.
  Log fatal_;
  std::unique_ptr<Broker> broker_;  // Last: stops before what it uses.
};

}  // namespace mesg::broker
