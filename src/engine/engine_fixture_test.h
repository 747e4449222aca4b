#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/keys.h"
#include "store/memory/memory_store.h"

/// An Engine over a memory store whose commits are durable when the test says so.
namespace mesg::engine {

class EngineTest : public testing::Test {
 protected:
  EngineTest() { Open(); }

  void Open() {
    engine_.reset();
    store_.reset();
    store_ = std::make_unique<store::memory::MemoryStore>(disk_);
    auto engine = Engine::Recover(*store_, settings_);
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = *std::move(engine);
  }

  Result<Reply> Apply(Command command) { return engine_->Apply(std::move(command), now_); }
  /// What was decided becomes durable.
  Decided Commit() {
    Decided decided = engine_->TakeCommit(now_);
    store_->Commit(decided.commit, decided.batch,
                   [](const Result<void>& done) { EXPECT_TRUE(done); });
    engine_->Committed(decided.commit);
    return decided;
  }
  /// "ok", or the machine-readable reason, or the code where there is none.
  template <typename T>
  static std::string Said(const Result<T>& result) {
    if (result) return "ok";
    return result.error().reason.empty() ? std::string(Name(result.error().code))
                                         : result.error().reason;
  }
  static std::string Said(const Result<Reply>& result) {
    if (!result)
      return result.error().reason.empty() ? std::string(Name(result.error().code))
                                           : result.error().reason;
    if (const auto* created = std::get_if<std::vector<Result<Created>>>(&*result))
      return Said(created->front());
    if (const auto* answers = std::get_if<std::vector<Result<Emitted>>>(&*result))
      return Said(answers->front());
    return "ok";
  }

  static SourcePtr SourceOf(const std::string& name, const std::string& hash) {
    return std::make_shared<const Source>(Source{name, "s" + hash, hash});
  }
  std::string Deploy(const std::string& name = "shop", const std::string& hash = "one") {
    Instance instance;
    instance.source = SourceOf(name, hash);
    instance.sid = name;
    instance.definition = "{}";
    instance.token = "token " + hash;
    return Said(Apply(engine::Deploy{instance}));
  }
  /// "one active, two draining"
  std::string Instances() const {
    std::string text;
    for (const auto& [hash, instance] : engine_->Current().Instances()) {
      text += (text.empty() ? "" : ", ") + hash +
              (instance->state == Instance::State::kActive     ? " active"
               : instance->state == Instance::State::kDraining ? " draining"
                                                               : " deleting");
    }
    return text;
  }

  ExecutionId Id() {
    return ExecutionId::Make(SlotOf("shop"), now_, fmt::format("{:08}", next_id_++));
  }
  NewExecution Wanted(Effect effect = Effect::kIdempotent, const std::string& hash = "one") {
    NewExecution wanted;
    wanted.id = Id();
    wanted.source = SourceOf("shop", hash);
    wanted.task = "ship";
    wanted.inputs = "{}";
    wanted.effect = effect;
    wanted.retry = RetryPolicy{3, std::chrono::seconds(1), 2, std::chrono::seconds(60), 0};
    return wanted;
  }
  /// Created, and for `effect: once` not yet dispatched.
  ExecutionId Create(Effect effect = Effect::kIdempotent) {
    const NewExecution wanted = Wanted(effect);
    EXPECT_EQ(Said(Apply(engine::Create{{wanted}})), "ok");
    return wanted.id;
  }
  ExecutionId Dispatched() {
    const ExecutionId id = Create(Effect::kOnce);
    EXPECT_EQ(Said(Apply(engine::Dispatch{id, 1})), "ok");
    return id;
  }
  std::string Succeed(const ExecutionId& id, std::uint32_t attempt = 1) {
    return Said(Apply(Answers{{{id, attempt, "w", Success{"done", "{}"}, {}, {}, 0}}}));
  }
  std::string Fail(const ExecutionId& id, std::uint32_t attempt = 1, bool permanent = false) {
    return Said(Apply(Answers{{{id, attempt, "w", Failure{"no", permanent}, {}, {}, 0}}}));
  }
  std::string Lose(const ExecutionId& id, std::uint32_t attempt = 1,
                   AttemptOutcome outcome = AttemptOutcome::kWorkerLost) {
    return Said(Apply(EndAttempt{id, attempt, outcome, "lost", "w", 0}));
  }
  /// "created, 1:task failed, 2:timed out" or "failed no (dead letter), 1:task failed"
  std::string State(const ExecutionId& id) const {
    const auto found = engine_->Current().Find(id);
    if (!found) return found.error().message;
    if (*found == nullptr) return "gone";
    const Execution& execution = **found;
    std::string text(Name(execution.state));
    if (execution.outcome) text += " " + execution.outcome->output_key + execution.outcome->error;
    if (execution.dead_letter) text += " (dead letter)";
    for (const Attempt& attempt : execution.attempts)
      text += fmt::format(", {}:{}", attempt.number, Name(attempt.outcome));
    return text;
  }
  /// The kinds of effects since the last time, in order: "ready ended finished".
  std::string Effects() {
    std::string text;
    for (const AnyEffect& effect : engine_->TakeEffects()) {
      static constexpr std::array kNames = {"ready",
                                            "send",
                                            "ended",
                                            "finished",
                                            "instance",
                                            "instance-gone",
                                            "subscription",
                                            "unsubscribed",
                                            "message",
                                            "confirm",
                                            "undeploy-goes-on",
                                            "undeploy-done"};
      text += (text.empty() ? "" : " ") + std::string(kNames[effect.index()]);
    }
    return text;
  }

  Result<Emitted> Emit(std::vector<NewEvent> events, std::vector<KeyMove> moves = {},
                       const std::string& name = "shop", const std::string& hash = "one") {
    auto reply = Apply(engine::Emit{SourceOf(name, hash), std::move(events), std::move(moves)});
    if (!reply) return std::move(reply).error();
    return std::get<Emitted>(*std::move(reply));
  }
  static NewEvent Event(const std::string& data, const std::string& id = "") {
    return {"ordered", data, id, {}, ""};
  }

  /// How many keys a table of the store has.
  std::size_t CountOf(keys::Table table) const {
    const keys::Range range = keys::All(table);
    const auto cursor = store_->Read(range.from, range.to);
    std::size_t count = 0;
    for (cursor->Seek(range.from); cursor->Valid(); cursor->Next()) ++count;
    return count;
  }

  Settings settings_;
  TimePoint now_ = FromMicros(1'700'000'000'000'000);
  store::memory::MemoryDisk disk_;
  std::unique_ptr<store::memory::MemoryStore> store_;
  std::unique_ptr<Engine> engine_;
  int next_id_ = 1;
};

}  // namespace mesg::engine
