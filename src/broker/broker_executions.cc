#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "broker/broker.h"
#include "broker/broker_impl.h"
#include "broker/checks.h"
#include "broker/history.h"
#include "broker/joint.h"
#include "engine/keys.h"

namespace mesg::broker {
namespace {

Result<void> CheckPolicy(const RetryPolicy& policy) {
  constexpr std::uint32_t kMostAttempts = 1000;
  if (policy.attempts < 1 || policy.attempts > kMostAttempts || policy.initial < Duration(0) ||
      policy.max < Duration(0) || !(policy.factor >= 1 && policy.factor <= 1000) ||
      !(policy.jitter >= 0 && policy.jitter <= 1)) {
    return InvalidArgument(
               "the retry policy is out of range, expected 1 to {} attempts, pauses of 0 or more, "
               "a factor of 1 to 1000 "
               "and a jitter of 0 to 1",
               kMostAttempts)
        .Because("INVALID_RETRY_POLICY");
  }
  return {};
}

Result<void> CheckTexts(const ExecutionRequest& request) {
  constexpr std::size_t kMostTags = 64;
  constexpr std::size_t kLongest = 512;
  if (request.tags.size() > kMostTags) {
    return InvalidArgument("{} tags were given, the limit is {}", request.tags.size(), kMostTags);
  }
  for (const std::string* text : {&request.idempotency_key, &request.traceparent}) {
    if (text->size() > kLongest || !IsUtf8(*text)) {
      return InvalidArgument("an idempotency key or trace context is not UTF-8 of at most {} bytes",
                             kLongest);
    }
  }
  for (const std::string& tag : request.tags) {
    if (tag.size() > kLongest || !IsUtf8(tag)) {
      return InvalidArgument("a tag is not UTF-8 of at most {} bytes", kLongest);
    }
  }
  return {};
}

/// What of a request is not in the execution it becomes.
struct Asked {
  std::string service;
  Duration timeout{};
  std::optional<RetryPolicy> retry;
};

/// Makes `execution`, whose task and inputs stand, one of `instance`: what its contract says.
Result<void> Fit(const DeployedInstance& instance, const Settings& settings, const Asked& asked,
                 engine::NewExecution& execution) {
  const TaskDefinition* task = MESG_TRY(instance.FindTask(execution.task));
  MESG_TRY(instance.CheckInputs(*task, execution.inputs));
  execution.retry = asked.retry ? *asked.retry : task->retry.value_or(settings.default_retry);
  MESG_TRY(CheckPolicy(execution.retry));
  execution.timeout = asked.timeout > Duration(0)
                          ? asked.timeout
                          : task->timeout.value_or(settings.default_timeout);
  execution.effect = task->effect;
  execution.source = instance.GetSource();
  return {};
}

Result<engine::NewExecution> Plan(const Catalog& catalog, const Settings& settings, TimePoint now,
                                  ExecutionRequest&& request, Asked& asked) {
  const InstancePtr instance = MESG_TRY(catalog.Find(request.service));
  MESG_TRY(instance->FindTask(request.task));
  if (request.inputs.empty()) request.inputs = "{}";
  MESG_TRY(
      CheckSize("the execution's inputs", request.inputs.size(), settings.limits.payload_bytes));
  MESG_TRY(CheckTexts(request));
  asked = {std::move(request.service), request.timeout, request.retry};
  engine::NewExecution execution;
  execution.id =
      ExecutionId::Make(SlotOf(instance->Name()), now, RandomBytes(ExecutionId::kRandomSize));
  execution.task = std::move(request.task);
  execution.inputs = std::move(request.inputs);
  execution.tags = std::move(request.tags);
  execution.idempotency_key = std::move(request.idempotency_key);
  execution.not_before = request.not_before;
  execution.priority = request.priority;
  execution.traceparent = std::move(request.traceparent);
  MESG_TRY(Fit(*instance, settings, asked, execution));
  return execution;
}

/// Between its check and its turn the service may have been deployed anew. Who named the service,
/// and no instance or definition of it, means the one that takes new work now: `execution` becomes
/// one of it. Otherwise the engine judges.
Result<void> FollowRedeploy(Partition& partition, const Settings& settings, const Asked& asked,
                            engine::NewExecution& execution) {
  const engine::State& state = partition.GetEngine().Current();
  const Source& source = *execution.source;
  const auto planned = state.Instances().find(source.instance_hash);
  if (planned != state.Instances().end() &&
      planned->second->state == engine::Instance::State::kActive)
    return {};
  const auto active = state.ActiveInstance(source.name);
  if (active == nullptr || asked.service == source.instance_hash ||
      (asked.service == source.service_hash && active->source->service_hash != asked.service)) {
    return {};
  }
  const InstancePtr instance = MESG_TRY(partition.Active(source.name));
  return Fit(*instance, settings, asked, execution);
}

}  // namespace

// ---- Creating ----

namespace {

/// Executions of one partition that go into one commit.
struct Part {
  PartitionThread* thread = nullptr;
  std::vector<engine::NewExecution> executions;
  std::vector<Asked> asked;
  std::vector<std::size_t> places;  ///< Of each in the caller's list.
  std::vector<std::uint64_t> refs;  ///< Of each, or none at all.
  std::size_t weight = 0;
};

using JointCreated = std::shared_ptr<Joint<engine::Created>>;
using CreateReply = std::function<void(std::vector<Result<engine::Created>>)>;

void CreatePart(Partition& partition, const Settings& settings, Part& part,
                const JointCreated& joint, const std::weak_ptr<ResultSink>& sink, TimePoint now) {
  engine::Create command;
  std::vector<std::size_t> places;
  std::vector<std::uint64_t> refs;
  for (std::size_t i = 0; i < part.executions.size(); ++i) {
    engine::NewExecution& execution = part.executions[i];
    if (auto fits = FollowRedeploy(partition, settings, part.asked[i], execution); !fits) {
      joint->results[part.places[i]] = std::move(fits).error();
      continue;
    }
    command.executions.push_back(std::move(execution));
    places.push_back(part.places[i]);
    if (i < part.refs.size()) refs.push_back(part.refs[i]);
  }
  partition.Create(
      std::move(command), sink, refs,
      [places = std::move(places), joint](Result<engine::Reply> decided) {
        for (std::size_t i = 0; i < places.size(); ++i) {
          joint->results[places[i]] =
              decided ? std::move(std::get<std::vector<Result<engine::Created>>>(*decided)[i])
                      : Result<engine::Created>(decided.error());
        }
        joint->Done();
      },
      now);
}

/// `reply`, and behind it the waits that its results ask for.
CreateReply WaitBehind(Broker& broker, CreateReply reply, std::weak_ptr<ResultSink> sink,
                       std::vector<std::uint64_t> refs) {
  return [&broker, reply = std::move(reply), sink = std::move(sink),
          refs = std::move(refs)](std::vector<Result<engine::Created>> results) {
    std::vector<std::pair<ExecutionId, std::uint64_t>> waits;
    for (std::size_t i = 0; i < results.size() && i < refs.size(); ++i) {
      if (results[i]) waits.emplace_back(results[i]->id, refs[i]);
    }
    reply(std::move(results));
    for (const auto& [id, ref] : waits) broker.Wait(id, sink, ref, [](const Result<void>&) {});
  };
}

}  // namespace

void Broker::Create(std::vector<ExecutionRequest> requests, const std::weak_ptr<ResultSink>& sink,
                    std::vector<std::uint64_t> refs,
                    std::function<void(std::vector<Result<engine::Created>>)> reply) {
  const CatalogPtr catalog = Deployed();
  const TimePoint created = impl_->clock.Now();
  // A part is what one commit takes; more of a partition is another part.
  std::vector<Part> parts;
  std::vector<std::size_t> open_part(Partitions(), SIZE_MAX);
  const auto joint = std::make_shared<Joint<engine::Created>>();
  joint->results.assign(requests.size(), Internal("not decided"));
  joint->reply = std::move(reply);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Asked asked;
    auto planned = Plan(*catalog, settings_, created, std::move(requests[i]), asked);
    if (!planned) {
      joint->results[i] = std::move(planned).error();
      continue;
    }
    constexpr std::size_t kFixed = 512;
    const std::size_t weight = kFixed + planned->inputs.size();
    Impl::Slot& slot = impl_->SlotOfExecution(planned->id);
    std::size_t& at = open_part[slot.place.id];
    if (at == SIZE_MAX || parts[at].weight + weight > settings_.limits.commit_bytes) {
      at = parts.size();
      parts.push_back({slot.thread.get(), {}, {}, {}, {}, 0});
    }
    Part& part = parts[at];
    part.weight += weight;
    part.executions.push_back(*std::move(planned));
    part.asked.push_back(std::move(asked));
    part.places.push_back(i);
    if (i < refs.size()) part.refs.push_back(refs[i]);
  }
  if (parts.empty()) {
    joint->reply(std::move(joint->results));
    return;
  }
  const bool joined = parts.size() > 1;
  // A part could end before the others are even decided.
  if (joined) joint->reply = WaitBehind(*this, std::move(joint->reply), sink, std::move(refs));
  joint->left = parts.size();
  for (Part& prepared : parts) {
    if (joined) prepared.refs.clear();
    const std::size_t weight = prepared.weight;
    const auto part = std::make_shared<Part>(std::move(prepared));
    const auto admitted = part->thread->Submit(
        [this, part, joint, sink](Partition& partition, TimePoint turn) {
          CreatePart(partition, settings_, *part, joint, sink, turn);
        },
        weight);
    if (!admitted) {
      for (const std::size_t place : part->places) joint->results[place] = admitted.error();
      joint->Done();
    }
  }
}

void Broker::Wait(const ExecutionId& id, std::weak_ptr<ResultSink> sink, std::uint64_t ref,
                  Reply<void> reply) {
  impl_->SlotOfExecution(id).thread->SubmitAlways(
      [id, sink = std::move(sink), ref, reply = std::move(reply)](Partition& partition, TimePoint) {
        partition.Wait(id, sink, ref, [&](Result<engine::Reply> waited) {
          if (waited) {
            reply({});
          } else {
            reply(std::move(waited).error());
          }
        });
      });
}

// ---- Reading ----

namespace {

ExecutionView Describe(const Partition& partition, const engine::ExecutionPtr& stored) {
  ExecutionView view{stored, "", {}};
  // As it is now, which may be ahead of what was read.
  const Execution* open = partition.GetEngine().Current().FindOpen(stored->id);
  if (open == nullptr) {
    const auto closed = ReadExecution(partition.GetEngine().Current().Storage(), stored->id);
    if (closed && *closed != nullptr && IsFinal((*closed)->state)) return {*closed, "", {}};
    view.waiting_for = "its result to be written to the disk";
    return view;
  }
  auto copy = std::make_shared<Execution>(*open);
  if (partition.Workers().IsDelivered(open->id)) copy->state = ExecutionState::kDispatched;
  std::tie(view.waiting_for, view.waiting_since) = partition.Workers().WaitsFor(*open);
  view.execution = std::move(copy);
  return view;
}

}  // namespace

void Broker::Get(const ExecutionId& id, Reply<ExecutionView> reply) {
  auto& slot = impl_->SlotOfExecution(id);
  auto stored = ReadExecution(*slot.place.store, id);
  if (!stored) {
    reply(std::move(stored).error());
    return;
  }
  if (*stored == nullptr) {
    reply(NotFound("execution {} does not exist, or its history is no longer kept", id.Text())
              .Because("EXECUTION_NOT_FOUND"));
    return;
  }
  if (IsFinal((*stored)->state)) {
    reply(ExecutionView{*stored, "", {}});
    return;
  }
  slot.thread->SubmitAlways(
      [stored = *stored, reply = std::move(reply)](Partition& partition, TimePoint) {
        reply(Describe(partition, stored));
      });
}

void Broker::Cancel(const ExecutionId& id, std::string reason, Reply<engine::ExecutionPtr> reply) {
  if (const auto checked = CheckText("the reason", reason); !checked) {
    reply(checked.error());
    return;
  }
  impl_->Decide<engine::ExecutionPtr>(impl_->SlotOfExecution(id),
                                      engine::Cancel{id, std::move(reason)}, 0, std::move(reply));
}

// ---- Workers ----

void Broker::ConnectWorker(WorkerHello hello, std::shared_ptr<WorkerSink> sink,
                           Reply<WorkerId> reply) {
  const InstancePtr instance = Deployed()->FindInstance(hello.instance_hash);
  if (instance == nullptr) {
    reply(
        NotFound("instance {} is not deployed", hello.instance_hash).Because("INSTANCE_NOT_FOUND"));
    return;
  }
  if (const auto checked = CheckText("the worker's name", hello.name); !checked) {
    reply(checked.error());
    return;
  }
  for (const std::string& task : hello.tasks) {
    if (const auto known = instance->FindTask(task); !known) {
      reply(known.error());
      return;
    }
  }
  auto* slot = &impl_->SlotOfKey(instance->Name());
  const WorkerId id = impl_->next_worker++;
  const bool admitted = impl_->workers.With([&](auto& workers) {
    if (workers.size() >= settings_.limits.workers) return false;
    workers.emplace(id, slot);
    return true;
  });
  if (!admitted) {
    reply(ResourceExhausted("{} workers are connected, the limit", settings_.limits.workers)
              .Because("TOO_MANY_WORKERS"));
    return;
  }
  slot->thread->SubmitAlways([this, id, hello = std::move(hello), sink = std::move(sink),
                              reply = std::move(reply)](Partition& partition, TimePoint now) {
    // Removed in this very moment: nobody would ever tell the worker.
    const auto& instances = partition.GetEngine().Current().Instances();
    const auto found = instances.find(hello.instance_hash);
    if (found == instances.end() || found->second->state == engine::Instance::State::kDeleting) {
      impl_->workers.With([&](auto& workers) { workers.erase(id); });
      reply(NotFound("instance {} is not deployed", hello.instance_hash)
                .Because("INSTANCE_NOT_FOUND"));
      return;
    }
    reply(id);
    partition.Workers().Connect(id, hello.instance_hash, hello.name, hello.tasks, hello.credits,
                                sink, now);
  });
}

namespace {

template <typename Workers>
auto FindWorker(const Workers& workers, WorkerId id) {
  return workers.With([&](const auto& map) {
    const auto found = map.find(id);
    return found == map.end() ? nullptr : found->second;
  });
}

}  // namespace

void Broker::AddCredits(WorkerId worker, std::size_t credits) {
  const auto slot = FindWorker(impl_->workers, worker);
  if (slot == nullptr) return;
  slot->thread->SubmitAlways([worker, credits](Partition& partition, TimePoint now) {
    partition.Workers().AddCredits(worker, credits, now);
  });
}

void Broker::DrainWorker(WorkerId worker) {
  if (const auto slot = FindWorker(impl_->workers, worker)) {
    slot->thread->SubmitAlways(
        [worker](Partition& partition, TimePoint) { partition.Workers().Drain(worker); });
  }
}

void Broker::ReportHealth(WorkerId worker, std::string problem) {
  const auto slot = FindWorker(impl_->workers, worker);
  if (slot == nullptr) return;
  slot->thread->SubmitAlways(
      [worker, problem = std::move(problem)](Partition& partition, TimePoint) mutable {
        partition.Workers().ReportHealth(worker, std::move(problem));
      });
}

void Broker::DisconnectWorker(WorkerId worker) {
  const auto slot = FindWorker(impl_->workers, worker);
  if (slot == nullptr) return;
  impl_->workers.With([&](auto& workers) { workers.erase(worker); });
  slot->thread->SubmitAlways(
      [worker](Partition& partition, TimePoint) { partition.Workers().Disconnect(worker); });
}

void Broker::RefuseDelivery(WorkerId worker, const std::string& delivery_id,
                            const std::string& reason) {
  const auto slot = FindWorker(impl_->workers, worker);
  const auto ref = impl_->ids.Check(delivery_id);
  if (slot == nullptr || !ref) return;
  slot->thread->SubmitAlways(
      [worker, delivery_id, reason, id = ref->execution](Partition& partition, TimePoint now) {
        const Execution* const execution = partition.GetEngine().Current().FindOpen(id);
        const std::string shown =
            execution == nullptr ? reason : partition.Secrets().For(*execution).Text(reason);
        partition.Workers().Refuse(worker, id, delivery_id, shown, now);
      });
}

}  // namespace mesg::broker
