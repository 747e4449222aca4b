#include "tests/simulation/workers.h"

#include <algorithm>
#include <utility>

namespace mesg::simulation {

class Worker::Connection final : public broker::WorkerSink {
 public:
  Connection(Worker& worker, World world, broker::WorkerId id)
      : worker_(worker), world_(world), id_(id) {}

  void Deliver(const broker::Delivery& delivery) override {
    if (over) world_.run.Violated("a worker that is gone was sent {}", delivery.id);
    worker_.Take(delivery, id_);
  }
  void Cancelled(std::string_view delivery_id, std::string_view) override {
    if (over) world_.run.Violated("a worker that is gone was told of {}", delivery_id);
    worker_.Cancelled(std::string(delivery_id));
  }
  void Drain() override { draining = true; }
  void Flush() override {}

  bool over = false;  // Core has heard that it is gone.
  bool draining = false;

 private:
  Worker& worker_;
  World world_;
  const broker::WorkerId id_;
};

Worker::Worker(World world, std::string service) : world_(world), service_(std::move(service)) {}

bool Worker::IsConnectedTo(const std::string& instance_hash) const {
  return connection_ != nullptr && life_ == world_.node.Life() && instance_hash_ == instance_hash &&
         !connection_->draining;
}

std::size_t Worker::Outstanding() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(jobs_, [](const Job& job) { return !job.returned; }));
}

// ---- Connecting ----

void Worker::Connect() {
  // Mostly the one that takes new work, sometimes one that drains.
  std::vector<std::string> instances;
  for (const auto& [hash, instance] : world_.node.Instances()) {
    if (instance->source->name == service_) instances.push_back(hash);
  }
  const auto active = world_.node.Active(service_);
  if (instances.empty()) return;
  ConnectTo(active != nullptr && world_.run.random.Percent(60) ? active->source->instance_hash
                                                               : world_.run.random.Of(instances));
}

void Worker::ConnectTo(const std::string& instance_hash) {
  if (connection_ != nullptr && life_ == world_.node.Life()) Disconnect();
  id_ = world_.run.next_worker++;
  connection_ = std::make_shared<Connection>(*this, world_, id_);
  life_ = world_.node.Life();
  instance_hash_ = instance_hash;
  credits_ = 1 + world_.run.random.Below(4);
  for (Job& job : jobs_) job.returned = true;  // The credits of another connection.
  world_.run.Say("worker {} of {} connects", id_, instance_hash);
  world_.node.Submit(world_.node.PartitionOf(service_),
                     [sink = connection_, hash = instance_hash, id = id_, credits = credits_](
                         broker::Partition& partition, TimePoint now) {
                       partition.Workers().Connect(id, hash, fmt::format("worker {}", id), {},
                                                   credits, sink, now);
                     });
}

void Worker::Disconnect() {
  world_.run.Say("worker {} disconnects", id_);
  world_.node.Submit(world_.node.PartitionOf(service_),
                     [sink = connection_, id = id_](broker::Partition& partition, TimePoint) {
                       partition.Workers().Disconnect(id);
                       sink->over = true;
                     });
  connection_.reset();
}

// ---- Working ----

Worker::Plan Worker::Choose(TimePoint* due) {
  Run& run = world_.run;
  *due = run.now + std::chrono::milliseconds(run.random.Below(2000));
  if (run.calm) return Plan::kSucceed;
  const std::uint64_t what = run.random.Below(100);
  if (what < 45) return Plan::kSucceed;
  if (what < 65) return Plan::kFail;
  if (what < 68) return Plan::kFailForGood;
  if (what < 75) return Plan::kTwice;
  if (what < 80) return Plan::kRefuse;
  // Far too late, whatever it will say then.
  run.faults.Add(Fault::kWorkerHangs);
  *due = run.now + std::chrono::seconds(15 + run.random.Below(30));
  return run.random.Percent(60) ? Plan::kSucceed : Plan::kFail;
}

void Worker::Take(const broker::Delivery& delivery, broker::WorkerId connection) {
  const Execution& execution = delivery.execution;
  world_.run.Say("worker {}: {} attempt {}", connection, execution.id.Text(), delivery.attempt);
  world_.promises.Delivered(execution, delivery.attempt);
  Job job;
  job.id = delivery.id;
  job.execution = execution.id;
  job.attempt = delivery.attempt;
  job.plan = Choose(&job.due);
  // Sent to a connection it has just closed: it can answer, but owes that one no credit.
  job.returned = connection_ == nullptr || connection != id_;
  jobs_.push_back(std::move(job));
  if (connection_ != nullptr && Outstanding() > credits_)
    world_.run.Violated("worker {} has {} credits and holds {}", id_, credits_, Outstanding());
}

void Worker::Cancelled(const std::string& delivery_id) {
  const auto job = std::ranges::find(jobs_, delivery_id, &Job::id);
  if (job == jobs_.end()) return;
  world_.run.Say("worker {} is told to stop {} attempt {}", id_, job->execution.Text(),
                 job->attempt);
  job->late = true;
  if (world_.run.random.Percent(40)) {
    if (!world_.run.calm) world_.run.faults.Add(Fault::kWorkerIgnoresCancel);
    return;
  }
  const Job dropped = *job;
  jobs_.erase(job);
  GiveBack(dropped);
}

void Worker::GiveBack(const Job& job) {
  if (connection_ == nullptr || life_ != world_.node.Life()) return;
  world_.node.Submit(world_.node.PartitionOf(job.execution),
                     [id = id_, job](broker::Partition& partition, TimePoint now) {
                       partition.Workers().Refuse(id, job.execution, job.id, "busy", now);
                     });
}

void Worker::Act() {
  Run& run = world_.run;
  const bool alive = connection_ != nullptr && life_ == world_.node.Life();
  if (!alive)
    for (Job& job : jobs_) job.returned = true;  // The credits of a connection that is gone.
  if (!alive || connection_->draining) {
    if (alive) Disconnect();
    connection_.reset();
    if (!run.calm) Connect();
  } else if (!run.calm && run.random.Percent(4)) {
    run.faults.Add(Fault::kWorkerDisconnects);
    Disconnect();
  }
  if (!run.calm && run.random.Percent(3)) AnswerNonsense();
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    if (jobs_[i].due > run.now && !(run.calm && jobs_[i].late)) continue;
    const Job job = jobs_[i];
    jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(i));
    Perform(job);
    return;
  }
}

void Worker::Perform(const Job& job) {
  Run& run = world_.run;
  if (job.late || job.returned) run.faults.Add(Fault::kWorkerAnswersLate);
  switch (job.plan) {
    case Plan::kRefuse:
      if (!job.returned && connection_ != nullptr && life_ == world_.node.Life()) {
        run.faults.Add(Fault::kWorkerRefuses);
        run.Say("worker {} refuses {}", id_, job.execution.Text());
        if (!job.late) world_.promises.GivenBack(job.execution, job.attempt);
        GiveBack(job);
        return;
      }
      break;
    case Plan::kTwice:
      run.faults.Add(Fault::kWorkerAnswersTwice);
      Answer(job, run.random.Percent(70));
      Answer(job, run.random.Percent(70));
      return;
    case Plan::kFail:
      run.faults.Add(Fault::kWorkerFails);
      break;
    case Plan::kFailForGood:
      run.faults.Add(Fault::kWorkerFailsForGood);
      break;
    case Plan::kSucceed:
      break;
  }
  Answer(job, job.plan == Plan::kSucceed || job.plan == Plan::kRefuse);
}

void Worker::Answer(const Job& job, bool success) {
  world_.run.Say("worker {} answers {} attempt {}: {}", id_, job.execution.Text(), job.attempt,
                 success ? "success" : "failure");
  engine::Answer answer;
  answer.id = job.execution;
  answer.attempt = job.attempt;
  answer.worker = fmt::format("worker {}", id_);
  if (success) {
    answer.result =
        engine::Success{"done", fmt::format(R"({{"by":{},"n":{}}})", id_, next_output_++)};
    if (world_.run.random.Percent(30)) {
      answer.events.push_back({"worked", "{}", "", {}, ""});
      answer.moves.push_back({"last", "1", {}});
    }
  } else {
    const bool for_good = job.plan == Plan::kFailForGood;
    answer.result = engine::Failure{for_good ? "for good" : "failed", for_good};
    world_.promises.SaidFailed(job.execution, job.attempt);
  }
  SendAnswer(job.id, answer, success);
}

// What Broker::Answer does, without the contract.
void Worker::SendAnswer(const std::string& delivery_id, const engine::Answer& answer,
                        bool success) {
  const auto ref = world_.node.Ids().Check(delivery_id);
  if (!ref || ref->execution != answer.id || ref->attempt != answer.attempt) {
    world_.run.Violated("delivery id {} is not recognised", delivery_id);
    return;
  }
  world_.node.Submit(world_.node.PartitionOf(answer.id), [this, delivery_id, answer, success](
                                                             broker::Partition& partition,
                                                             TimePoint now) {
    partition.Workers().Answering(answer.id, delivery_id, now);
    engine::Answer given = answer;
    given.random = partition.Random();
    engine::Answers command;
    command.answers.push_back(std::move(given));
    partition.Submit(
        std::move(command),
        [this, delivery_id, answer, success, &partition](Result<engine::Reply> reply) {
          if (!reply) return;
          const auto& result = std::get<std::vector<Result<engine::Emitted>>>(*reply).front();
          world_.run.Say("answer to {} attempt {} {}: {}", answer.id.Text(), answer.attempt,
                         success ? "success" : "failure",
                         result ? "accepted" : result.error().message);
          if (!result) {
            partition.Workers().AnswerRefused(answer.id, delivery_id);
          } else if (success) {
            world_.promises.Accepted(answer.id, std::get<engine::Success>(answer.result).outputs);
          }
        },
        now);
  });
}

void Worker::AnswerNonsense() {
  world_.run.faults.Add(Fault::kWorkerAnswersWithUnknownId);
  std::string id = jobs_.empty() ? world_.run.random.Bytes(44) : jobs_.front().id;
  char& letter = id[world_.run.random.Below(id.size())];
  letter = letter == 'A' ? 'B' : 'A';
  if (world_.node.Ids().Check(id)) world_.run.Violated("a forged delivery id was taken");
}

}  // namespace mesg::simulation
