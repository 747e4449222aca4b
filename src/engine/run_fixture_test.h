#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/keys.h"
#include "model/service_definition.h"
#include "store/memory/memory_store.h"

/// An application file on an engine, with a worker, a helper and a clock that do what the test
/// says.
namespace mesg::engine {

class RunTest : public testing::Test {
 protected:
  RunTest() {
    Open();
    Deploy("shop", R"(
name: shop
sid: shop
events:
  order: { data: { id: { type: Number }, total: { type: Number, optional: true } } }
  paid: { data: { id: { type: Number } } }
tasks:
  ship: { inputs: { to: { type: String } }, outputs: { number: { type: Number } } }
  bill: { inputs: { amount: { type: Number } }, outputs: { ok: { type: Boolean } } }
  refund: { inputs: { amount: { type: Any, optional: true } }, outputs: { ok: { type: Boolean } } }
)");
  }

  void Open() {
    engine_.reset();
    store_.reset();
    store_ = std::make_unique<store::memory::MemoryStore>(disk_);
    auto engine = Engine::Recover(*store_, settings_);
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = *std::move(engine);
    Perform(engine_->RecoveryEffects());
  }

  Result<Reply> Apply(Command command) {
    auto reply = engine_->Apply(std::move(command), now_);
    Perform(engine_->TakeEffects());
    return reply;
  }
  /// And what it has left for the next ones.
  void Commit() {
    CommitOnce();
    while (!messages_.empty()) {
      Command message = std::move(messages_.front());
      messages_.pop_front();
      ASSERT_TRUE(Apply(std::move(message)));
      CommitOnce();
    }
  }
  void CommitOnce() {
    Decided decided = engine_->TakeCommit(now_);
    store_->Commit(decided.commit, decided.batch,
                   [](const Result<void>& done) { EXPECT_TRUE(done); });
    engine_->Committed(decided.commit);
    Perform(std::move(decided.effects));
  }
  /// What is durable, and nothing else, is there again.
  void Restart() {
    Commit();
    Open();
  }

  void Deploy(const std::string& name, const std::string& yaml) {
    const auto definition = ServiceDefinition::Parse(yaml);
    ASSERT_TRUE(definition) << definition.error().message;
    Instance instance;
    instance.source =
        std::make_shared<const Source>(Source{name, definition->Hash(), "i" + definition->Hash()});
    instance.sid = name;
    instance.definition = definition->Canonical();
    instance.token = "token " + name;
    source_[name] = instance.source;
    ASSERT_TRUE(Apply(engine::Deploy{instance}));
  }

  /// `workflows` is what follows `workflows:`, indented.
  Application Make(const std::string& workflows, const std::string& name = "app",
                   std::map<std::string, std::string> inputs = {}, const std::string& more = "") {
    Application application;
    application.name = name;
    application.file_name = "app.yml";
    application.text = "name: " + name + "\n" + more +
                       "services:\n  shop: { use: shop }\nworkflows:\n" + workflows;
    application.inputs = std::move(inputs);
    application.version =
        app::ProgramSource{application.file_name, application.text, application.inputs, {}, {}}
            .Hash();
    const auto program = app::Program::Compile(
        {application.file_name, application.text, application.inputs, {}, {}});
    EXPECT_TRUE(program) << program.error().message << "\n" << application.text;
    return application;
  }
  void Install(const std::string& workflows, const std::string& more = "",
               std::map<std::string, std::string> inputs = {}) {
    const auto reply = Apply(DeployApplication{Make(workflows, "app", std::move(inputs), more)});
    ASSERT_TRUE(reply) << reply.error().message;
  }

  void Emit(const std::string& key, const std::string& data) {
    engine::Emit emit;
    emit.source = source_.at("shop");
    emit.events.resize(1);
    emit.events[0].key = key;
    emit.events[0].data = data;
    const auto reply = Apply(std::move(emit));
    ASSERT_TRUE(reply) << reply.error().message;
  }
  Result<Reply> Start(const std::string& workflow, const std::string& inputs = "{}") {
    const auto current = engine_->Current().Runs().CurrentApplication("app");
    return Apply(StartWorkflow{DerivedId(0, now_, "start" + std::to_string(started_++)), "app",
                               current->version, workflow, inputs, ""});
  }

  /// Executions a worker could take, oldest first: "ship {...}".
  std::vector<std::string> Tasks() const {
    std::vector<std::string> tasks;
    for (const ExecutionPtr& each : OpenTasks()) tasks.push_back(each->task + " " + each->inputs);
    return tasks;
  }
  std::vector<ExecutionPtr> OpenTasks() const {
    std::vector<ExecutionPtr> open;
    for (const auto& [id, execution] : engine_->Current().Open()) open.push_back(execution);
    std::ranges::sort(open, {}, [](const ExecutionPtr& each) { return each->created_number; });
    return open;
  }
  ExecutionPtr Oldest(const std::string& task) {
    for (const ExecutionPtr& each : OpenTasks()) {
      if (each->task == task) return each;
    }
    ADD_FAILURE() << "no task " << task << " is open";
    return nullptr;
  }
  void Succeed(const std::string& task, const std::string& outputs) {
    const auto execution = Oldest(task);
    if (execution == nullptr) return;
    const auto reply = Apply(Answers{
        {{execution->id, execution->CurrentAttempt(), "w", Success{"", outputs}, {}, {}, 0}}});
    ASSERT_TRUE(reply) << reply.error().message;
  }
  void Fail(const std::string& task, const std::string& error = "no", bool permanent = true) {
    const auto execution = Oldest(task);
    if (execution == nullptr) return;
    ASSERT_TRUE(Apply(Answers{{{execution->id,
                                execution->CurrentAttempt(),
                                "w",
                                Failure{error, permanent},
                                {},
                                {},
                                0}}}));
  }

  void Pass(Duration time) {
    now_ += time;
    for (int turn = 0; turn < 10'000; ++turn) {
      const auto wake = engine_->NextWake();
      if (!wake || *wake > now_) return;
      ASSERT_TRUE(Apply(Wake{}));
      Commit();
    }
    FAIL() << "it never comes to rest";
  }

  /// All runs, oldest first.
  std::vector<RunPtr> Runs() {
    Commit();
    std::vector<RunPtr> runs;
    const auto range = keys::All(keys::Table::kRunByNumber);
    const auto cursor = store_->Read(range.from, range.to);
    for (cursor->Seek(range.from); cursor->Valid(); cursor->Next()) {
      const auto run = engine_->Current().Runs().Find(*ExecutionId::FromBytes(cursor->Value()));
      if (!run || *run == nullptr) {
        ADD_FAILURE() << "a run is listed but not stored";
        continue;
      }
      runs.push_back(*run);
    }
    return runs;
  }
  /// "completed" or "failed: why" of each.
  std::vector<std::string> States() {
    std::vector<std::string> states;
    for (const RunPtr& run : Runs()) {
      states.push_back(std::string(Name(run->state)) +
                       (run->error ? ": " + run->error->message : ""));
    }
    return states;
  }
  /// The steps of a run that have ended, in their order: "price completed {...}".
  std::vector<std::string> Story(std::size_t number = 0) {
    const auto runs = Runs();
    if (number >= runs.size()) return {"no such run"};
    const engine::Run& run = *runs[number];
    const auto program = engine_->ProgramOf(run.application, run.version);
    const auto* flow = (*program)->FindFlow(run.workflow);
    std::vector<std::string> story;
    for (std::uint32_t step = 1; step < run.next_visit; ++step) {
      const auto record = engine_->Current().Runs().FindStep(run.id, step);
      if (!record || !*record) continue;
      const app::Node& node = flow->nodes[(*record)->node];
      const std::string name = node.step->id.empty() ? node.path : node.step->id;
      story.push_back(
          name + " " + std::string(Name((*record)->state)) +
          ((*record)->error.empty() ? " " + (*record)->output : ": " + (*record)->error));
    }
    return story;
  }

  std::map<std::string, SourcePtr> source_;
  store::memory::MemoryDisk disk_;
  std::unique_ptr<store::memory::MemoryStore> store_;
  Settings settings_;
  std::unique_ptr<Engine> engine_;
  TimePoint now_ = FromMicros(1'700'000'000'000'000);
  int started_ = 0;
  std::vector<EvaluateStep> to_evaluate_;
  std::vector<EvaluateTrigger> to_judge_;
  std::deque<Command> messages_;  ///< To itself.

 private:
  void Perform(std::vector<AnyEffect> effects) {
    for (AnyEffect& effect : effects) {
      if (auto* message = std::get_if<SendMessage>(&effect)) {
        messages_.push_back(
            Receive{settings_.partition, message->number, std::move(message->body)});
      }
      if (auto* confirm = std::get_if<ConfirmMessage>(&effect)) {
        messages_.push_back(Delivered{settings_.partition, confirm->number});
      }
      if (auto* step = std::get_if<EvaluateStep>(&effect)) to_evaluate_.push_back(std::move(*step));
      if (auto* judge = std::get_if<EvaluateTrigger>(&effect))
        to_judge_.push_back(std::move(*judge));
    }
  }
};

}  // namespace mesg::engine
