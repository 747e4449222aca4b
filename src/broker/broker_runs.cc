#include <algorithm>
#include <future>
#include <set>
#include <utility>

#include "base/encoding.h"
#include "broker/broker.h"
#include "broker/broker_impl.h"
#include "broker/checks.h"
#include "broker/page_room.h"
#include "broker/run_views.h"
#include "engine/keys.h"
#include "engine/run_stepper.h"

namespace mesg::broker {
namespace {

namespace keys = engine::keys;

// Runs that one page looks at, so that a rare match in many takes several pages.
constexpr std::size_t kLookedAtPerPage = 20'000;

/// Runs `look` in the partition's turn, and waits for what it gives until all it may have seen is
/// durable.
template <typename T, typename Look>
Result<T> LookDurably(PartitionThread& thread, Look look) {
  std::promise<Result<T>> promise;
  thread.SubmitAlways([&](Partition& partition, TimePoint) {
    Result<T> seen = look(partition);
    partition.WhenDurable([&promise, seen = std::move(seen)](const Result<void>& durable) {
      promise.set_value(durable ? seen : Result<T>(durable.error()));
    });
  });
  return promise.get_future().get();
}

Error NoSuchRun(const engine::RunId& id) {
  return NotFound("run {} does not exist, or is no longer kept", id.Text())
      .Because("RUN_NOT_FOUND");
}

bool Wanted(const RunQuery& query, const engine::Run& run) {
  if (!query.application.empty() && query.application != run.application) return false;
  if (!query.workflow.empty() && query.workflow != run.workflow) return false;
  if (query.after != TimePoint() && run.created < query.after) return false;
  if (query.before != TimePoint() && run.created >= query.before) return false;
  return query.states.empty() || std::ranges::find(query.states, run.state) != query.states.end();
}

bool OnlyFailed(const RunQuery& query) {
  return query.states.size() == 1 && query.states.front() == engine::RunState::kFailed;
}

std::size_t SizeOf(const StepView& step) {
  constexpr std::size_t kFixed = 256;
  std::size_t size = kFixed + step.inputs.size() + step.output.size() + step.error.size() +
                     step.waiting_for.size() + step.path.size();
  for (const Attempt& attempt : step.attempts) size += attempt.reason.size() + kFixed;
  return size;
}

}  // namespace

// ---- The helper ----

void Broker::Impl::EvaluateStep(Slot& slot, engine::EvaluateStep step) {
  // All its expressions at once; the first that fails is what the step fails of.
  struct Asked {
    std::mutex mutex;
    std::vector<app::Value> values;
    std::optional<Error> error;
    std::size_t left = 0;
  };
  auto asked = std::make_shared<Asked>();
  asked->values.resize(step.calls.size());
  asked->left = step.calls.size();
  PartitionThread* const thread = slot.thread.get();
  const auto answer = [thread, asked, run = step.run, visit = step.visit, attempt = step.attempt] {
    auto answers = asked->error ? Result<std::vector<app::Value>>(*asked->error)
                                : Result<std::vector<app::Value>>(std::move(asked->values));
    thread->SubmitAlways(
        [run, visit, attempt, answers = std::move(answers)](Partition& partition, TimePoint now) {
          partition.Submit(engine::StepEvaluated{run, visit, attempt, answers}, {}, now);
        });
  };
  for (std::size_t i = 0; i < step.calls.size(); ++i) {
    const auto reply = [asked, answer, i](Result<app::Value> value) {
      bool last = false;
      {
        const std::lock_guard lock(asked->mutex);
        if (value) {
          asked->values[i] = *std::move(value);
        } else if (!asked->error) {
          asked->error = std::move(value).error();
        }
        last = --asked->left == 0;
      }
      if (last) answer();
    };
    if (settings.helper) {
      settings.helper(step.calls[i], reply);
    } else {
      reply(Unimplemented(
          "this Core has no helper for expressions that it does not evaluate itself"));
    }
  }
}

void Broker::Impl::EvaluateTrigger(Slot& slot, engine::EvaluateTrigger trigger) {
  PartitionThread* const thread = slot.thread.get();
  auto shared = std::make_shared<engine::EvaluateTrigger>(std::move(trigger));
  const auto reply = [thread, shared](Result<app::Value> verdict) {
    thread->SubmitAlways(
        [shared, verdict = std::move(verdict)](Partition& partition, TimePoint now) {
          partition.Submit(engine::TriggerEvaluated{shared->application, shared->version,
                                                    shared->workflow, shared->sequence, verdict},
                           {}, now);
        });
  };
  if (settings.helper) {
    settings.helper(shared->call, reply);
  } else {
    reply(
        Unimplemented("this Core has no helper for expressions that it does not evaluate itself"));
  }
}

// ---- Applications ----

void Broker::DeployApplication(engine::Application application,
                               Reply<engine::ApplicationPtr> reply) {
  const auto named = CheckName(application.name);
  if (!named) return reply(named.error());
  Impl::Slot& slot = impl_->SlotOfKey(application.name);
  const std::size_t weight = application.text.size();
  impl_->Decide<engine::ApplicationPtr>(slot, engine::DeployApplication{std::move(application)},
                                        weight, std::move(reply));
}

void Broker::SetApplicationState(const std::string& name, engine::Application::State state,
                                 Reply<engine::ApplicationPtr> reply) {
  impl_->Decide<engine::ApplicationPtr>(impl_->SlotOfKey(name),
                                        engine::SetApplicationState{name, state}, name.size(),
                                        std::move(reply));
}

void Broker::DeleteApplication(const std::string& name, bool force,
                               Reply<engine::ApplicationPtr> reply) {
  impl_->Decide<engine::ApplicationPtr>(impl_->SlotOfKey(name),
                                        engine::DeleteApplication{name, force}, name.size(),
                                        std::move(reply));
}

Result<std::vector<ApplicationView>> Broker::Applications() {
  std::map<std::string, ApplicationView> views;
  std::map<std::string, std::set<std::string>> older;
  for (const auto& slot : impl_->slots) {
    const auto of_partition = MESG_TRY(LookDurably<std::vector<PartOfApplication>>(
        *slot->thread,
        [](Partition& partition) { return LookAtApplications(partition.GetEngine()); }));
    for (const PartOfApplication& part : of_partition) {
      ApplicationView& view = views[part.application->name];
      view.open_runs += part.open_runs;
      if (part.application->state == engine::Application::State::kReplaced) {
        if (part.open_runs > 0) older[part.application->name].insert(part.application->version);
        continue;
      }
      Combine(part, view);
    }
  }
  std::vector<ApplicationView> list;
  for (auto& [name, view] : views) {
    // Only its ended runs are left of it.
    if (view.application == nullptr) continue;
    const auto& versions = older[name];
    view.older_versions.assign(versions.begin(), versions.end());
    list.push_back(std::move(view));
  }
  return list;
}

Result<ApplicationView> Broker::FindApplication(const std::string& name) {
  auto all = MESG_TRY(Applications());
  std::vector<std::string_view> known;
  for (ApplicationView& view : all) {
    if (view.application->name == name) return std::move(view);
    known.emplace_back(view.application->name);
  }
  const std::string_view near = Nearest(name, known);
  return NotFound("application \"{}\" is not deployed{}", name,
                  near.empty() ? std::string() : fmt::format(", did you mean {}?", near))
      .Because("APPLICATION_NOT_FOUND");
}

// ---- Runs ----

void Broker::StartRun(const std::string& application, const std::string& workflow,
                      std::string inputs, const std::string& idempotency_key,
                      Reply<engine::RunPtr> reply) {
  if (inputs.empty()) inputs = "{}";
  const auto sized = CheckSize("the run's inputs", inputs.size(), settings_.limits.payload_bytes);
  if (!sized) return reply(sized.error());
  const auto view = FindApplication(application);
  if (!view) return reply(view.error());
  const engine::Application& found = *view->application;
  const auto program =
      app::Program::Compile({found.file_name, found.text, found.inputs, found.env, found.services});
  if (!program) return reply(program.error());
  const app::Flow* const flow = (*program)->FindFlow(workflow);
  if (flow == nullptr) {
    std::vector<std::string_view> known;
    for (const app::Flow& each : (*program)->Flows()) known.emplace_back(each.workflow->key);
    const std::string_view near = Nearest(workflow, known);
    return reply(NotFound("application \"{}\" has no workflow {}{}", application, workflow,
                          near.empty() ? std::string() : fmt::format(", did you mean {}?", near))
                     .Because("WORKFLOW_NOT_FOUND"));
  }
  if (!flow->inputs) {
    return reply(FailedPrecondition("workflow {} is started by {}; only one with `on: {{manual: "
                                    "{{}}}}` can be started by hand",
                                    workflow, TextOf(flow->workflow->on))
                     .Because("NOT_MANUAL"));
  }
  auto valid = flow->inputs->Validate(inputs, fmt::format("inputs of workflow \"{}\"", workflow));
  if (!valid) return reply(std::move(valid).error().Because("INVALID_INPUTS"));
  const std::string seed = idempotency_key.empty() ? RandomBytes(ExecutionId::kRandomSize)
                                                   : fmt::format("manual {} {} {}", application,
                                                                 workflow, idempotency_key);
  const std::uint16_t slot = engine::SlotOfRun(application, *flow->workflow, seed);
  const auto id =
      ExecutionId::Make(slot, impl_->clock.Now(), RandomBytes(ExecutionId::kRandomSize));
  const std::size_t weight = inputs.size();
  impl_->Decide<engine::RunPtr>(impl_->SlotOfExecution(id),
                                engine::StartWorkflow{id, application, found.version, workflow,
                                                      std::move(inputs), idempotency_key},
                                weight, std::move(reply));
}

void Broker::CancelRun(const engine::RunId& id, std::string reason, Reply<engine::RunPtr> reply) {
  impl_->Decide<engine::RunPtr>(impl_->SlotOfExecution(id),
                                engine::CancelRun{id, std::move(reason)}, 0, std::move(reply));
}

void Broker::RetryRun(const engine::RunId& id, std::optional<std::string> reset_to, bool dry_run,
                      Reply<engine::RunPtr> reply) {
  impl_->Decide<engine::RunPtr>(impl_->SlotOfExecution(id),
                                engine::RetryRun{id, std::move(reset_to), dry_run}, 0,
                                std::move(reply));
}

void Broker::DecideStep(engine::DecideStep decision, Reply<engine::RunPtr> reply) {
  Impl::Slot& slot = impl_->SlotOfExecution(decision.id);
  impl_->Decide<engine::RunPtr>(slot, std::move(decision), 0, std::move(reply));
}

Result<RunView> Broker::GetRun(const engine::RunId& id, std::uint32_t after_step) {
  Impl::Slot& slot = impl_->SlotOfExecution(id);
  RunView view = MESG_TRY(LookDurably<RunView>(
      *slot.thread, [&id](Partition& partition) { return LookAtRun(partition, id); }));
  if (view.run == nullptr) return NoSuchRun(id);
  // Steps under way stand beside those that have ended, by their numbers.
  std::vector<StepView> under_way = std::exchange(view.steps, {});
  const app::ProgramPtr program =
      MESG_TRY(LookDurably<app::ProgramPtr>(*slot.thread, [&view](Partition& partition) {
        return partition.GetEngine().ProgramOf(view.run->application, view.run->version);
      }));
  PageRoom room(settings_.limits.list_page, settings_.limits.list_bytes);
  const keys::Range range = keys::RunSteps(id);
  const auto cursor = slot.place.store->Read(range.from, range.to);
  auto next = under_way.begin();
  const auto add = [&](StepView&& step) {
    if (step.number <= after_step) return true;
    if (!room.Take(SizeOf(step))) return false;
    view.steps.push_back(std::move(step));
    return true;
  };
  for (cursor->Seek(range.from); cursor->Valid() && !view.steps_cut; cursor->Next()) {
    const auto record = MESG_TRY(engine::DecodeStep(cursor->Value()));
    if (record.number == 0) {
      view.data = record.output;
      continue;
    }
    if ((record.number & engine::kItemsOf) != 0) break;  // They are behind all steps.
    while (next != under_way.end() && next->number < record.number && !view.steps_cut) {
      view.steps_cut = !add(std::move(*next++));
    }
    const bool active = std::ranges::any_of(view.run->active, [&](const engine::Visit& visit) {
      return visit.number == record.number;
    });
    if (active || view.steps_cut) continue;
    view.steps_cut = !add(ViewOf(record, *program, *view.run));
  }
  MESG_TRY(cursor->Status());
  while (next != under_way.end() && !view.steps_cut) view.steps_cut = !add(std::move(*next++));
  return view;
}

Result<void> Broker::AddWaits(RunPage& page) {
  for (const auto& slot : impl_->slots) {
    std::vector<RunView*> open;
    for (RunView& view : page.runs) {
      const bool here = &impl_->SlotOfExecution(view.run->id) == slot.get();
      if (here && !engine::IsEnded(view.run->state)) open.push_back(&view);
    }
    if (open.empty()) continue;
    // Of one turn: a page is short.
    const auto views = MESG_TRY(LookDurably<std::vector<RunView>>(
        *slot->thread, [&open](Partition& partition) -> Result<std::vector<RunView>> {
          std::vector<RunView> seen;
          for (const RunView* view : open) {
            seen.push_back(MESG_TRY(LookAtRun(partition, view->run->id)));
          }
          return seen;
        }));
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (views[i].run == nullptr) continue;
      open[i]->waiting_for = views[i].waiting_for;
      open[i]->waiting_since = views[i].waiting_since;
    }
  }
  return {};
}

Result<RunPage> Broker::ListRuns(const RunQuery& query) {
  RunPage page = MESG_TRY(ReadRuns(query));
  MESG_TRY(AddWaits(page));
  return page;
}

Result<RunPage> Broker::ReadRuns(const RunQuery& query) const {
  const bool only_failed = OnlyFailed(query);
  Position start(2);
  bool resumed = false;
  if (!query.token.empty()) {
    start = MESG_TRY(Position::Parse(query.token, 2));
    resumed = true;
    if (start.At(0) >= impl_->slots.size()) {
      return InvalidArgument("\"{}\" is not a page token; pass one that the page before gave",
                             query.token);
    }
  }
  RunPage page;
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, settings_.limits.list_page);
  std::size_t looked_at = 0;
  for (std::size_t p = start.At(0); p < impl_->slots.size(); ++p) {
    Impl::Slot& slot = *impl_->slots[p];
    const keys::Range range =
        keys::All(only_failed ? keys::Table::kFailedRun : keys::Table::kRunByNumber);
    const auto cursor = slot.place.store->Read(range.from, range.to);
    const auto key = [&](std::uint64_t number) {
      return only_failed ? keys::FailedRun(number) : keys::RunByNumber(number);
    };
    cursor->SeekForPrev(std::exchange(resumed, false) ? key(start.At(1)) : range.to);
    for (; cursor->Valid(); cursor->Prev()) {
      const std::uint64_t number = keys::NumberOf(cursor->Key());
      if (page.runs.size() >= limit || ++looked_at > kLookedAtPerPage) {
        Position token(2);
        token.Set(0, p);
        token.Set(1, number);
        page.next_token = token.Text();
        return page;
      }
      const auto id = ExecutionId::FromBytes(cursor->Value());
      if (!id) return DataLoss("a stored run is listed under {} bytes", cursor->Value().size());
      const auto stored = MESG_TRY(slot.place.store->Get(keys::RunHead(*id)));
      if (!stored) continue;  // Forgotten meanwhile.
      auto run = std::make_shared<const engine::Run>(MESG_TRY(engine::DecodeRun(*stored)));
      if (!Wanted(query, *run)) continue;
      RunView view;
      view.run = std::move(run);
      page.runs.push_back(std::move(view));
    }
    MESG_TRY(cursor->Status());
  }
  return page;
}

// ---- Watching ----

void Broker::WatchRuns(const std::string& application, const engine::RunId& run,
                       const std::shared_ptr<RunSink>& sink) {
  const std::uint64_t id = impl_->next_watcher++;
  impl_->watchers.With([&](auto& watchers) {
    watchers.emplace(id, Impl::Watcher{application, run, sink});
    impl_->watching = watchers.size();
  });
}

void Broker::Impl::TellWatchers(const engine::RunPtr& run) {
  if (watching == 0) return;
  std::vector<std::shared_ptr<RunSink>> sinks;
  watchers.With([&](auto& all) {
    std::erase_if(all, [](const auto& watcher) { return watcher.second.sink.expired(); });
    watching = all.size();
    for (const auto& [id, watcher] : all) {
      const bool fits = watcher.run.empty()
                            ? watcher.application.empty() || watcher.application == run->application
                            : watcher.run == run->id;
      if (!fits) continue;
      if (auto sink = watcher.sink.lock()) sinks.push_back(std::move(sink));
    }
  });
  for (const auto& sink : sinks) sink->Moved(run);
}

}  // namespace mesg::broker
