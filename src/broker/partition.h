#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "broker/catalog.h"
#include "broker/delivery_id.h"
#include "broker/dispatcher.h"
#include "broker/given_secrets.h"
#include "broker/listeners.h"
#include "broker/sinks.h"
#include "engine/engine.h"
#include "store/store.h"

namespace mesg::broker {

/// One partition at work: decides commands, commits what they come to, and tells the world when it
/// is durable. At most one commit is under way; what is decided meanwhile becomes the next one, so
/// that commits grow under load and shrink to one command when idle.
///
/// Threads: one, any. Time comes in with each call. Lifetime: borrows store, ids and what World
/// refers to.
class Partition {
 public:
  /// Where its effects go.
  struct World {
    /// A commit is over. May be called from a thread of the store: bring it back as OnCommitted.
    std::function<void(std::uint64_t commit, Result<void>)> committed;
    /// The history is durable before `next` and kept from `oldest` on. Called before anybody is
    /// told of what the commit did, so that whoever is told finds it.
    std::function<void(const Partition&, std::uint64_t next, std::uint64_t oldest)> advanced;
    std::function<void(engine::SendMessage)> send;
    std::function<void(engine::ConfirmMessage)> confirm;
    /// `from` is to send again what was not taken.
    std::function<void(engine::AskAgain)> ask_again;
    /// The helper is to evaluate something; its answers come back as commands.
    std::function<void(engine::EvaluateStep)> evaluate_step;
    std::function<void(engine::EvaluateTrigger)> evaluate_trigger;
    std::function<void(const engine::RunPtr&)> run;
    std::function<void(const std::shared_ptr<const engine::Instance>&, bool removed)> instance;
    std::function<void(const std::shared_ptr<const engine::Subscription>&)> subscription;
    std::function<void(const std::string&)> subscription_removed;
    /// A listener has to be caught up from the store, from `next` on.
    std::function<void(ListenerId, std::uint64_t next)> lagging;
    std::function<void(const Error&)> fatal;
    std::function<double()> random;
    app::Deferred::Secrets secrets;
    GivenSecrets::FindInstance find_instance;
  };
  using Reply = std::function<void(Result<engine::Reply>)>;

  Partition(std::unique_ptr<engine::Engine> engine, store::Store& store, const DeliveryIds& ids,
            World world, std::uint64_t first_delivery_number, std::size_t worker_credits);

  /// Takes up what the last run left: once, before anything else.
  void Recover(TimePoint now);

  /// What follows, until the next Begin or Turn, happens now.
  void Begin(TimePoint now) { last_time_ = now; }
  /// Decides; `reply` comes when what was decided, and all it may depend on, is durable.
  void Submit(engine::Command command, Reply reply, TimePoint now);
  /// `reply` comes with `error` when all it may depend on is durable.
  void Refuse(Error error, Reply reply);
  /// Calls `told` when all that is decided so far is durable, or with the error that keeps it from
  /// being.
  void WhenDurable(std::function<void(const Result<void>&)> told);
  /// Create with a sink for the ends: refs[i] is told for the i-th execution, after `reply`.
  void Create(engine::Create command, const std::weak_ptr<ResultSink>& sink,
              const std::vector<std::uint64_t>& refs, Reply reply, TimePoint now);
  void Wait(const ExecutionId& id, const std::weak_ptr<ResultSink>& sink, std::uint64_t ref,
            const Reply& reply);
  /// `reply` comes when the name is gone, which may take several commits.
  void Undeploy(engine::Undeploy command, Reply reply, TimePoint now);

  /// Time has passed, and everything that waited was submitted: commits if it can, and sends.
  void Turn(TimePoint now);
  /// The same for a part of what waited: commits if it can and it is worth it.
  void CommitEarly(TimePoint now);
  void OnCommitted(std::uint64_t commit, const Result<void>& result, TimePoint now);
  std::optional<TimePoint> NextTimer() const;
  /// So much is decided and not durable that nothing more should be submitted.
  bool Full(std::size_t commit_bytes) const {
    return !failed_ && engine_->PendingBytes() >= commit_bytes;
  }
  bool Idle() const {
    return !in_flight_ && replies_.empty() && owed_.empty() && !engine_->HasChanges();
  }
  bool Failed() const { return failed_; }
  /// 0..1.
  double Random() const { return world_.random(); }

  Dispatcher& Workers() { return dispatcher_; }
  const Dispatcher& Workers() const { return dispatcher_; }
  const GivenSecrets& Secrets() const { return secrets_; }
  Listeners& Live() { return listeners_; }
  const Listeners& Live() const { return listeners_; }
  const engine::Engine& GetEngine() const { return *engine_; }
  /// The instance of this name that takes new work as decided by now, which the catalog may not
  /// show yet, with its contract; null when there is none. Only the first call compiles it.
  Result<InstancePtr> Active(const std::string& name);

  struct Statistics {
    std::uint64_t events = 0, duplicates = 0, created = 0, results = 0, attempts_failed = 0,
                  commits = 0, refused = 0, contracts_made = 0;
  };
  const Statistics& Counted() const { return counted_; }

 private:
  struct Waiter {
    std::weak_ptr<ResultSink> sink;
    std::uint64_t ref = 0;
  };
  struct InFlight {
    engine::Decided decided;
    std::vector<std::function<void(const Result<void>&)>> replies;
  };

  Result<engine::Reply> Apply(engine::Command command, TimePoint now);
  void Count(const Result<engine::Reply>& reply);
  /// Decides `command` now or, when this commit is large enough, for the next one.
  void Owe(engine::Command command);
  void PayOwed();
  void CommitIfPossible(TimePoint now);
  void Flush();
  void Publish(const std::vector<engine::AnyEffect>& effects);
  void Perform(std::vector<engine::AnyEffect> effects, TimePoint now);
  void Perform(const engine::Finished& effect, TimePoint now);
  void Tell(const ExecutionId& id, const engine::ExecutionPtr& execution);
  void TellUndeployed(const std::string& name, const Result<void>& undeployed);
  void Fail(const Error& error);
  Result<void> AddWaiter(const ExecutionId& id, const std::weak_ptr<ResultSink>& sink,
                         std::uint64_t ref);

  const std::unique_ptr<engine::Engine> engine_;
  store::Store& store_;
  const World world_;
  GivenSecrets secrets_;
  std::deque<engine::Command> owed_;  // Before the dispatcher, which adds to it.
  Dispatcher dispatcher_;
  Listeners listeners_;
  std::unordered_map<std::string, InstancePtr> active_;  // By name: what Active made.
  std::optional<InFlight> in_flight_;
  std::vector<std::function<void(const Result<void>&)>> replies_;  // For the next commit.
  std::unordered_map<ExecutionId, std::vector<Waiter>> waiters_;
  std::unordered_map<std::string, std::vector<Reply>> undeploying_;  // Who waits, by name.
  std::vector<std::shared_ptr<ResultSink>> to_flush_;
  std::optional<TimePoint> next_tick_;
  TimePoint next_progress_{};
  bool telling_progress_ = false;  // A part of the listeners was told.
  TimePoint last_time_{};
  bool failed_ = false;
  Statistics counted_;
};

}  // namespace mesg::broker
