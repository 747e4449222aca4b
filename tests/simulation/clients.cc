#include "tests/simulation/clients.h"

#include <algorithm>
#include <utility>

#include "engine/keys.h"
#include "engine/stored.h"
#include "model/service_definition.h"

namespace mesg::simulation {
namespace {

constexpr std::string_view kChain = "chain";
constexpr std::string_view kCursor = "cursor";

const std::string& Definition() {
  static const std::string definition = [] {
    std::string text = "name: service\nsid: service\nevents:\n";
    for (const std::string_view event : {"counted", "chain", "worked"})
      text += fmt::format("  {}: {{ data: {{ n: {{ type: Any, optional: true }} }} }}\n", event);
    text += "tasks:\n";
    for (const std::string_view effect : {"none", "idempotent", "once"}) {
      text += fmt::format(
          "  {}:\n    effect: {}\n    inputs: {{ n: {{ type: Any, optional: true }} }}\n"
          "    outputs: {{ by: {{ type: Number }}, n: {{ type: Number }} }}\n",
          effect, effect);
    }
    const auto parsed = ServiceDefinition::Parse(text);
    MESG_CHECK(parsed, "the service of the simulation is refused: {}", parsed.error().message);
    return parsed->Canonical();
  }();
  return definition;
}

}  // namespace

// ---- Emitter ----

std::uint64_t Emitter::StoredPosition(std::uint64_t* version) const {
  const store::Store& store = world_.node.StoreOf(world_.node.PartitionOf(name_));
  const auto stored = store.Get(engine::keys::Value(name_, kCursor));
  MESG_CHECK(stored);
  *version = 0;
  if (!*stored) return 0;
  const auto value = engine::DecodeValue(**stored);
  MESG_CHECK(value);
  *version = value->version;
  return std::stoull(value->value);
}

std::shared_ptr<Emitter::Request> Emitter::Make() {
  Random& random = world_.run.random;
  auto request = std::make_shared<Request>();
  request->first_asked = world_.run.now;
  if (random.Percent(40)) {
    // The next step of the chain, and where it stands, together.
    std::uint64_t version = 0;
    const std::uint64_t next = StoredPosition(&version) + 1;
    if (random.Percent(10)) {
      world_.run.faults.Add(Fault::kStaleVersion);
      version += 1000;
    }
    request->events.push_back({std::string(kChain), std::to_string(next), "", {}, ""});
    request->moves.push_back({std::string(kCursor), std::to_string(next), version});
    return request;
  }
  const std::uint64_t count = 1 + random.Below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string number = std::to_string(next_id_++);
    request->events.push_back({"counted", number, random.Percent(70) ? "id" + number : "", {}, ""});
  }
  return request;
}

void Emitter::Act() {
  Random& random = world_.run.random;
  if (asked_ != nullptr) {
    if (asked_life_ == world_.node.Life()) return;
    // Core died before it answered. With ids it is safe to ask again, with an expected version too.
    const bool repeatable =
        !asked_->moves.empty() ||
        std::ranges::all_of(asked_->events, [](const auto& event) { return !event.id.empty(); });
    if (!repeatable) {
      asked_.reset();
      return;
    }
    world_.run.faults.Add(Fault::kRepeatedEvent);
    Send(std::exchange(asked_, nullptr));
    return;
  }
  if (!acknowledged_.empty() && random.Percent(15)) {
    const auto& [event, first_asked] = random.Of(acknowledged_);
    auto again = std::make_shared<Request>(Request{{event}, {}, first_asked});
    // A new one it is once the window is over; then its window begins now.
    world_.run.faults.Add(Fault::kRepeatedEvent);
    again->first_asked = world_.run.now;
    Send(again);
    return;
  }
  Send(Make());
}

void Emitter::Send(const std::shared_ptr<Request>& request) {
  const auto instance = world_.node.Active(name_);
  if (instance == nullptr) return;
  asked_ = request;
  asked_life_ = world_.node.Life();
  world_.node.Submit(world_.node.PartitionOf(name_), [this, request, source = instance->source](
                                                         broker::Partition& partition,
                                                         TimePoint now) {
    partition.Submit(
        engine::Emit{source, request->events, request->moves},
        [this, request](Result<engine::Reply> reply) { Heard(*request, std::move(reply)); }, now);
  });
}

void Emitter::Heard(const Request& request, Result<engine::Reply> reply) {
  if (!reply && reply.error().code != Code::kAborted && reply.error().code != Code::kNotFound) {
    return;  // Core has failed: as good as no answer, it is repeated in its next life.
  }
  asked_.reset();
  if (!reply) {
    world_.run.Say("{}: emit refused: {}", name_, reply.error().message);
    return;
  }
  const auto& emitted = std::get<engine::Emitted>(*reply);
  for (std::size_t i = 0; i < request.events.size(); ++i) {
    const bool duplicate = std::ranges::find(emitted.duplicates, i) != emitted.duplicates.end();
    world_.run.Say("{}: event {} \"{}\" is at {}{}", name_, request.events[i].data,
                   request.events[i].id, emitted.sequences[i], duplicate ? " already" : "");
    world_.promises.Event(world_.node.PartitionOf(name_), name_, emitted.sequences[i],
                          request.events[i], duplicate, request.first_asked);
    if (!request.events[i].id.empty() && !duplicate)
      acknowledged_.emplace_back(request.events[i], request.first_asked);
  }
}

void Emitter::Check() const {
  std::uint64_t version = 0;
  const std::uint64_t position = StoredPosition(&version);
  const std::size_t partition = world_.node.PartitionOf(name_);
  std::optional<std::uint64_t> last;
  for (const HistoryEntry& entry : ReadAll(world_.node, partition)) {
    if (entry.IsResult() || entry.source->name != name_ || entry.key != kChain) continue;
    const std::uint64_t number = std::stoull(entry.data);
    if (last && number != *last + 1)
      world_.run.Violated("{}: the chain goes from {} to {}", name_, *last, number);
    last = number;
  }
  if (last && *last != position)
    world_.run.Violated("{}: the chain ends at {}, its position is {}", name_, *last, position);
}

// ---- Requester ----

class Requester::Waiting final : public broker::ResultSink {
 public:
  explicit Waiting(World world) : world_(world) {}
  void Finished(std::uint64_t, const engine::ExecutionPtr& execution) override {
    world_.run.Say("{} is said to be {}", execution->id.Text(), Name(execution->state));
    world_.promises.Ended(*execution);
  }
  void Flush() override {}

 private:
  World world_;
};

Requester::Requester(World world, std::vector<std::string> services)
    : world_(world), services_(std::move(services)), sink_(std::make_shared<Waiting>(world)) {}

void Requester::Act() {
  Random& random = world_.run.random;
  for (std::size_t i = 0; i < asked_.size(); ++i) {
    if (asked_[i]->life == world_.node.Life()) continue;
    const auto request = asked_[i];
    asked_.erase(asked_.begin() + static_cast<std::ptrdiff_t>(i));
    if (request->execution.idempotency_key.empty()) return;  // Nobody knows whether it exists.
    world_.run.faults.Add(Fault::kRepeatedExecution);
    Send(request);
    return;
  }
  const std::uint64_t what = random.Below(100);
  if (what < 65) return Create();
  if (what < 72) return Wait();
  if (what < 82) return Cancel();
  if (what < 92) return SettleDeadLetter();
  if (answered_.empty()) return;
  world_.run.faults.Add(Fault::kRepeatedExecution);
  const auto again = std::make_shared<Request>(*random.Of(answered_));
  again->first_asked = world_.run.now;
  Send(again);
}

void Requester::Create() {
  Random& random = world_.run.random;
  auto request = std::make_shared<Request>();
  request->first_asked = world_.run.now;
  engine::NewExecution& execution = request->execution;
  const std::string name = services_[random.Below(services_.size())];
  execution.source = std::make_shared<const Source>(Source{name, "", ""});
  const std::uint64_t kind = random.Below(4);
  execution.effect = kind == 0 ? Effect::kNone : kind == 1 ? Effect::kOnce : Effect::kIdempotent;
  execution.task = std::string(Name(execution.effect));
  execution.inputs = fmt::format(R"({{"n":{}}})", next_key_);
  if (random.Percent(80)) execution.idempotency_key = "key" + std::to_string(next_key_);
  ++next_key_;
  execution.retry.attempts = static_cast<std::uint32_t>(1 + random.Below(4));
  execution.retry.initial = std::chrono::milliseconds(random.Below(3000));
  execution.retry.factor = 1 + random.Fraction();
  execution.retry.max = std::chrono::seconds(4);
  execution.retry.jitter = random.Percent(50) ? 0 : random.Fraction();
  if (random.Percent(85))
    execution.timeout = std::chrono::milliseconds(500 + random.Below(20'000));
  else
    execution.timeout = std::chrono::minutes(2);
  if (random.Percent(15))
    execution.not_before = world_.run.now + std::chrono::milliseconds(random.Below(20'000));
  execution.priority = static_cast<std::int32_t>(random.Below(3));
  Send(request);
}

void Requester::Send(const std::shared_ptr<Request>& request) {
  const std::string name = request->execution.source->name;
  const auto instance = world_.node.Active(name);
  if (instance == nullptr) return;
  request->execution.source = instance->source;
  const std::size_t partition = world_.node.PartitionOf(name);
  request->execution.id = ExecutionId::Make(SlotOf(name), world_.run.now,
                                            world_.run.random.Bytes(ExecutionId::kRandomSize));
  request->life = world_.node.Life();
  asked_.push_back(request);
  world_.node.Submit(partition, [this, request, name](broker::Partition& core, TimePoint now) {
    core.Create(
        engine::Create{{request->execution}}, sink_, {0},
        [this, request, name](Result<engine::Reply> reply) {
          if (!reply) return;  // Core has failed; it is asked again in the next life.
          std::erase(asked_, request);
          const auto& created = std::get<std::vector<Result<engine::Created>>>(*reply).front();
          if (!created) {
            world_.run.Say("{}: create refused: {}", name, created.error().message);
            return;
          }
          world_.run.Say("{}: {} {} {}", name, created->id.Text(),
                         created->existed ? "existed" : "created", request->execution.task);
          world_.promises.Created(name, request->execution.idempotency_key, *created,
                                  request->first_asked);
          if (!request->execution.idempotency_key.empty()) answered_.push_back(request);
        },
        now);
  });
}

std::optional<ExecutionId> Requester::Some() {
  const std::vector<ExecutionId> known = world_.promises.Known();
  if (known.empty()) return std::nullopt;
  return known[world_.run.random.Below(known.size())];
}

void Requester::Wait() {
  const auto id = Some();
  if (!id) return;
  world_.node.Submit(world_.node.PartitionOf(*id),
                     [this, id = *id](broker::Partition& partition, TimePoint) {
                       partition.Wait(id, sink_, 1, [](const Result<engine::Reply>&) {});
                     });
}

void Requester::Cancel() {
  const auto id = Some();
  if (!id) return;
  world_.promises.Handled(*id);
  world_.node.Submit(world_.node.PartitionOf(*id),
                     [this, id = *id](broker::Partition& partition, TimePoint now) {
                       partition.Submit(
                           engine::Cancel{id, ""},
                           [this](Result<engine::Reply> reply) {
                             if (!reply) return;
                             world_.run.faults.Add(Fault::kCancel);
                             world_.promises.Ended(*std::get<engine::ExecutionPtr>(*reply));
                           },
                           now);
                     });
}

void Requester::SettleDeadLetter() {
  Random& random = world_.run.random;
  namespace keys = engine::keys;
  const std::size_t partition = random.Below(world_.node.Partitions());
  const keys::Range range = keys::All(keys::Table::kDeadLetter);
  const auto cursor = world_.node.StoreOf(partition).Read(range.from, range.to);
  std::vector<ExecutionId> letters;
  for (cursor->Seek(range.from); cursor->Valid(); cursor->Next())
    letters.push_back(keys::DeadLetterId(cursor->Key()).value());
  if (letters.empty()) return;
  const ExecutionId id = random.Of(letters);
  world_.promises.Handled(id);
  const std::uint64_t what = random.Below(3);
  const auto replacement =
      ExecutionId::Make(id.Slot(), world_.run.now, random.Bytes(ExecutionId::kRandomSize));
  world_.node.Submit(
      partition, [this, id, what, replacement](broker::Partition& core, TimePoint now) {
        engine::Command command = engine::DropDeadLetter{id};
        Fault fault = Fault::kDeadLetterDropped;
        if (what == 1) {
          command = engine::RetryDeadLetter{id, replacement};
          fault = Fault::kDeadLetterRetried;
        } else if (what == 2) {
          command = engine::Resolve{id, engine::Success{"done", "{}"}};
          fault = Fault::kUnknownResolved;
        }
        core.Submit(
            std::move(command),
            [this, fault, what](Result<engine::Reply> reply) {
              if (!reply) return;
              world_.run.faults.Add(fault);
              if (what == 1) world_.promises.Created("", "", std::get<engine::Created>(*reply), {});
              if (what == 2) world_.promises.Ended(*std::get<engine::ExecutionPtr>(*reply));
            },
            now);
      });
}

void Requester::ResolveUnknown() {
  for (std::size_t partition = 0; partition < world_.node.Partitions(); ++partition) {
    std::vector<ExecutionId> unknown;
    for (const auto& [id, execution] : world_.node.At(partition).GetEngine().Current().Open()) {
      if (execution->state == ExecutionState::kOutcomeUnknown) unknown.push_back(id);
    }
    std::sort(unknown.begin(), unknown.end());
    for (const ExecutionId& id : unknown) {
      world_.promises.Handled(id);
      world_.node.Submit(partition, [id](broker::Partition& core, TimePoint now) {
        core.Submit(engine::Resolve{id, engine::Failure{"nobody knows", false}}, {}, now);
      });
    }
  }
}

// ---- Operator ----

void Operator::Deploy(const std::string& name) {
  const std::string version = std::to_string(next_version_++);
  engine::Instance instance;
  instance.source =
      std::make_shared<const Source>(Source{name, "service " + version, name + " " + version});
  instance.sid = name;
  instance.definition = Definition();
  instance.token = "token " + version;
  world_.node.Submit(world_.node.PartitionOf(name),
                     [instance](broker::Partition& partition, TimePoint now) {
                       partition.Submit(engine::Deploy{instance}, {}, now);
                     });
}

void Operator::DeployMissing() {
  for (const std::string& name : services_) {
    if (world_.node.Active(name) == nullptr) Deploy(name);
  }
}

void Operator::Act() {
  Random& random = world_.run.random;
  const std::string name = services_[random.Below(services_.size())];
  if (world_.node.Active(name) == nullptr) return Deploy(name);
  const std::uint64_t what = random.Below(10);
  if (what < 4) {
    world_.run.faults.Add(Fault::kRedeploy);
    Deploy(name);
  } else if (what < 8) {
    MovePinned(name);
  } else {
    Undeploy(name, random.Percent(60));
  }
}

void Operator::Undeploy(const std::string& name, bool force) {
  std::vector<std::string> going;
  for (const auto& [hash, instance] : world_.node.Instances()) {
    if (instance->source->name == name) going.push_back(hash);
  }
  world_.node.Submit(world_.node.PartitionOf(name),
                     [this, name, force, going](broker::Partition& partition, TimePoint now) {
                       partition.Undeploy(
                           engine::Undeploy{name, /*keep_data=*/true, force},
                           [this, name, going](const Result<engine::Reply>& reply) {
                             if (!reply) return;
                             world_.run.Say("{} is said to be deleted", name);
                             world_.run.faults.Add(Fault::kUndeploy);
                             for (const std::string& hash : going) {
                               if (world_.node.Instances().contains(hash))
                                 world_.run.Violated("{} was said to be deleted and is there",
                                                     hash);
                             }
                           },
                           now);
                     });
}

void Operator::MovePinned(const std::string& name) {
  for (const auto& [hash, instance] : world_.node.Instances()) {
    if (instance->source->name != name || instance->state != engine::Instance::State::kDraining)
      continue;
    const auto active = world_.node.Active(name);
    if (active == nullptr) return;
    world_.node.Submit(
        world_.node.PartitionOf(name), [this, from = hash, to = active->source->instance_hash](
                                           broker::Partition& partition, TimePoint now) {
          engine::Move command{from, to, {}};
          for (const auto& [id, execution] : partition.GetEngine().Current().Open()) {
            if (execution->source->instance_hash == from &&
                execution->state == ExecutionState::kCreated &&
                !partition.Workers().IsDelivered(id))
              command.executions.push_back(id);
          }
          std::sort(command.executions.begin(), command.executions.end());
          partition.Submit(
              std::move(command),
              [this](Result<engine::Reply> reply) {
                if (!reply) return;
                world_.run.faults.Add(Fault::kWorkMoved,
                                      std::get<std::vector<ExecutionId>>(*reply).size());
              },
              now);
        });
    return;
  }
}

}  // namespace mesg::simulation
