#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "broker/broker.h"
#include "broker/broker_impl.h"
#include "broker/checks.h"
#include "broker/history.h"
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

Result<engine::NewExecution> Plan(const Catalog& catalog, const Settings& settings, TimePoint now,
                                  ExecutionRequest&& request) {
  const InstancePtr instance = MESG_TRY(catalog.Find(request.service));
  const TaskDefinition* task = MESG_TRY(instance->FindTask(request.task));
  if (request.inputs.empty()) request.inputs = "{}";
  MESG_TRY(
      CheckSize("the execution's inputs", request.inputs.size(), settings.limits.payload_bytes));
  MESG_TRY(CheckTexts(request));
  MESG_TRY(instance->CheckInputs(*task, request.inputs));
  engine::NewExecution execution;
  execution.retry = request.retry ? *request.retry : task->retry.value_or(settings.default_retry);
  MESG_TRY(CheckPolicy(execution.retry));
  execution.timeout = request.timeout > Duration(0)
                          ? request.timeout
                          : task->timeout.value_or(settings.default_timeout);
  execution.id =
      ExecutionId::Make(SlotOf(instance->Name()), now, RandomBytes(ExecutionId::kRandomSize));
  execution.source = instance->GetSource();
  execution.task = std::move(request.task);
  execution.inputs = std::move(request.inputs);
  execution.tags = std::move(request.tags);
  execution.idempotency_key = std::move(request.idempotency_key);
  execution.not_before = request.not_before;
  execution.priority = request.priority;
  execution.effect = task->effect;
  execution.traceparent = std::move(request.traceparent);
  return execution;
}

/// Answers that come from several partitions, put together in the order of the requests.
template <typename T>
struct Joint {
  std::vector<Result<T>> results;
  std::atomic<std::size_t> left;
  std::function<void(std::vector<Result<T>>)> reply;
  void Done() {
    if (--left == 0) reply(std::move(results));
  }
};

}  // namespace

// ---- Creating ----

void Broker::Create(std::vector<ExecutionRequest> requests, const std::weak_ptr<ResultSink>& sink,
                    std::vector<std::uint64_t> refs,
                    std::function<void(std::vector<Result<engine::Created>>)> reply) {
  const CatalogPtr catalog = Deployed();
  const TimePoint created = impl_->clock.Now();
  struct Part {
    Impl::Slot* slot = nullptr;
    engine::Create command;
    std::vector<std::size_t> places;
    std::vector<std::uint64_t> refs;
    std::size_t weight = 0;
  };
  // A part is what one commit takes; more of a partition is another part.
  std::vector<Part> parts;
  std::vector<std::size_t> open_part(Partitions(), SIZE_MAX);
  auto joint = std::make_shared<Joint<engine::Created>>();
  joint->results.assign(requests.size(), Internal("not decided"));
  joint->reply = std::move(reply);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto planned = Plan(*catalog, settings_, created, std::move(requests[i]));
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
      parts.push_back({&slot, {}, {}, {}, 0});
    }
    Part& part = parts[at];
    part.weight += weight;
    part.command.executions.push_back(*std::move(planned));
    part.places.push_back(i);
    if (i < refs.size()) part.refs.push_back(refs[i]);
  }
  joint->left = 1 + parts.size();
  for (Part& prepared : parts) {
    const std::size_t weight = prepared.weight;
    auto part = std::make_shared<Part>(std::move(prepared));
    const auto admitted = part->slot->thread->Submit(
        [part, joint, sink](Partition& partition, TimePoint turn) {
          partition.Create(
              std::move(part->command), sink, part->refs,
              [part, joint](Result<engine::Reply> decided) {
                for (std::size_t i = 0; i < part->places.size(); ++i) {
                  joint->results[part->places[i]] =
                      decided
                          ? std::move(std::get<std::vector<Result<engine::Created>>>(*decided)[i])
                          : Result<engine::Created>(decided.error());
                }
                joint->Done();
              },
              turn);
        },
        weight);
    if (!admitted) {
      for (const std::size_t place : part->places) joint->results[place] = admitted.error();
      joint->Done();
    }
  }
  joint->Done();
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

// ---- Dead letters ----

namespace {

Result<void> CheckStillFits(const Catalog& catalog, const Execution& execution) {
  const InstancePtr instance = MESG_TRY(catalog.Find(execution.source->name));
  const TaskDefinition* task = MESG_TRY(instance->FindTask(execution.task));
  return instance->CheckInputs(*task, execution.inputs);
}

}  // namespace

void Broker::RetryDeadLetter(const ExecutionId& id, Reply<engine::Created> reply) {
  // Its service may have been replaced since: what nobody can perform must not wait for ever.
  const auto stored = ReadExecution(*impl_->SlotOfExecution(id).place.store, id);
  if (!stored) {
    reply(stored.error());
    return;
  }
  if (*stored != nullptr) {
    if (const auto fits = CheckStillFits(*Deployed(), **stored); !fits) {
      reply(fits.error());
      return;
    }
  }
  const auto replacement =
      ExecutionId::Make(id.Slot(), impl_->clock.Now(), RandomBytes(ExecutionId::kRandomSize));
  impl_->Decide<engine::Created>(impl_->SlotOfExecution(id),
                                 engine::RetryDeadLetter{id, replacement}, 0, std::move(reply));
}

void Broker::DropDeadLetter(const ExecutionId& id, Reply<void> reply) {
  impl_->Decide<void>(impl_->SlotOfExecution(id), engine::DropDeadLetter{id}, 0, std::move(reply));
}

void Broker::Resolve(const ExecutionId& id, std::variant<engine::Success, engine::Failure> result,
                     Reply<engine::ExecutionPtr> reply) {
  if (const auto* success = std::get_if<engine::Success>(&result)) {
    const auto stored = ReadExecution(*impl_->SlotOfExecution(id).place.store, id);
    if (!stored) {
      reply(stored.error());
      return;
    }
    const InstancePtr instance =
        *stored ? Deployed()->FindInstance((*stored)->source->instance_hash) : nullptr;
    auto checked =
        CheckSize("the outputs", success->outputs.size(), settings_.limits.payload_bytes);
    if (checked) {
      checked = instance
                    ? instance->CheckOutputs((*stored)->task, success->output_key, success->outputs)
                    : CheckJson(success->outputs, "the outputs");
    }
    if (!checked) {
      reply(checked.error());
      return;
    }
  } else if (const auto checked = CheckText("the error", std::get<engine::Failure>(result).error);
             !checked) {
    reply(checked.error());
    return;
  }
  impl_->Decide<engine::ExecutionPtr>(impl_->SlotOfExecution(id),
                                      engine::Resolve{id, std::move(result)}, 0, std::move(reply));
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
    if (!partition.GetEngine().Current().Instances().contains(hello.instance_hash)) {
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
        partition.Workers().Refuse(worker, id, delivery_id, reason, now);
      });
}

}  // namespace mesg::broker
