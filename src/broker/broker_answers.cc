#include <algorithm>
#include <utility>

#include "broker/broker.h"
#include "broker/broker_impl.h"
#include "broker/checks.h"
#include "broker/joint.h"

namespace mesg::broker {
namespace {

/// A worker's answers on their way through one partition.
struct Batch {
  std::string instance_hash;  ///< "" when the caller has no token.
  std::string worker;
  CatalogPtr catalog;
  std::size_t payload_bytes = 0;
  std::size_t commit_bytes = 0;
  PartitionThread* thread = nullptr;
  std::vector<DeliveryAnswer> answers;
  std::vector<DeliveryRef> refs;
  std::vector<std::size_t> places;  ///< Of each in the caller's list.
  std::size_t weight = 0;
};

Result<void> CheckAnswer(const DeployedInstance& instance, const Execution& execution,
                         const DeliveryAnswer& answer, std::size_t payload_bytes) {
  const auto* success = std::get_if<engine::Success>(&answer.result);
  if (success == nullptr) return {};
  MESG_TRY(
      CheckSize(fmt::format("output \"{}\" of task \"{}\"", success->output_key, execution.task),
                success->outputs.size(), payload_bytes));
  MESG_TRY(instance.CheckOutputs(execution.task, success->output_key, success->outputs));
  MESG_TRY(CheckEvents(instance, answer.events, payload_bytes));
  return CheckMoves(answer.moves, payload_bytes);
}

/// Takes the secrets that the worker was given out of all that is to be recorded or checked, whose
/// errors repeat some of it.
void Redact(const Redactor& redactor, DeliveryAnswer& answer) {
  if (redactor.empty()) return;
  if (auto* success = std::get_if<engine::Success>(&answer.result)) {
    success->output_key = redactor.Text(success->output_key);
    success->outputs = redactor.Json(success->outputs);
  } else if (auto* failure = std::get_if<engine::Failure>(&answer.result)) {
    failure->error = redactor.Text(failure->error);
  }
  for (engine::NewEvent& event : answer.events) {
    event.key = redactor.Text(event.key);
    event.data = redactor.Json(event.data);
    event.id = redactor.Text(event.id);
    event.traceparent = redactor.Text(event.traceparent);
  }
  for (engine::KeyMove& move : answer.moves) {
    move.key = redactor.Text(move.key);
    if (move.value) move.value = redactor.Json(*move.value);
  }
}

/// What can be told without knowing the execution; the delivery stays the worker's.
Result<void> CheckAlone(const DeliveryAnswer& answer, std::size_t commit_bytes) {
  const std::size_t weight = WeightOf(answer.events, answer.moves);
  if (weight > commit_bytes) {
    return InvalidArgument(
               "the answer's events and keys have {} bytes together, the limit is {}; emit most of "
               "them before",
               weight, commit_bytes)
        .Because("BATCH_TOO_LARGE");
  }
  const auto* failure = std::get_if<engine::Failure>(&answer.result);
  return failure == nullptr ? Result<void>() : CheckText("the error", failure->error);
}

/// What the engine is asked, and what is answered whatever it says.
struct Judged {
  engine::Answer answer;
  std::optional<Error> error;
};

Result<Judged> Judge(Partition& partition, Batch& batch, std::size_t i, double random) {
  DeliveryAnswer& given = batch.answers[i];
  const ExecutionId& id = batch.refs[i].execution;
  const engine::ExecutionPtr execution = MESG_TRY(partition.GetEngine().Current().Find(id));
  if (execution != nullptr && !batch.instance_hash.empty() &&
      execution->source->instance_hash != batch.instance_hash) {
    return PermissionDenied("the delivery belongs to another instance").Because("UNKNOWN_DELIVERY");
  }
  Judged judged;
  judged.answer = engine::Answer{id, batch.refs[i].attempt, batch.worker, {}, {}, {}, random};
  if (execution != nullptr && !IsFinal(execution->state)) {
    const Redactor secrets = partition.Secrets().For(*execution);
    Redact(secrets, given);
    const InstancePtr instance = batch.catalog->FindInstance(execution->source->instance_hash);
    if (instance != nullptr) {
      auto checked = CheckAnswer(*instance, *execution, given, batch.payload_bytes);
      if (!checked) {
        // Another attempt would break the contract the same way.
        judged.error = std::move(checked).error();
        if (!secrets.empty())
          judged.error->message += "; a secret in it counts as the text \"***\"";
        judged.answer.result = engine::Failure{judged.error->message, /*permanent=*/true};
        return judged;
      }
    }
  }
  judged.answer.result = std::move(given.result);
  judged.answer.events = std::move(given.events);
  judged.answer.moves = std::move(given.moves);
  return judged;
}

/// What an answer brings with it.
std::size_t AnswerWeight(const DeliveryAnswer& answer) {
  const auto* success = std::get_if<engine::Success>(&answer.result);
  const auto* failure = std::get_if<engine::Failure>(&answer.result);
  return WeightOf(answer.events, answer.moves) + (success ? success->outputs.size() : 0) +
         (failure ? failure->error.size() : 0);
}

/// What recording an answer writes at most, roughly.
std::size_t CommitWeight(const Partition& partition, const Batch& batch, std::size_t i) {
  constexpr std::size_t kFixed = 512;
  const Execution* execution = partition.GetEngine().Current().FindOpen(batch.refs[i].execution);
  return kFixed + (execution == nullptr ? 0 : engine::OpenWeight(*execution)) +
         AnswerWeight(batch.answers[i]);
}

/// Has the answers from `begin` on decided, as many as one commit takes; the rest has its turn
/// behind whatever waits.
void Perform(Partition& partition, const std::shared_ptr<Batch>& batch,
             const std::shared_ptr<Joint<engine::Emitted>>& joint, std::size_t begin,
             TimePoint now) {
  engine::Answers command;
  std::vector<std::size_t> asked;  // Index into the batch.
  auto errors = std::make_shared<std::vector<std::optional<Error>>>();
  const double random = partition.Random();
  std::size_t weight = 0;
  for (std::size_t i = begin; i < batch->answers.size(); ++i) {
    weight += CommitWeight(partition, *batch, i);
    if (i > begin && weight > batch->commit_bytes) {
      ++joint->left;
      batch->thread->SubmitAlways([batch, joint, i](Partition& same, TimePoint later) {
        Perform(same, batch, joint, i, later);
      });
      break;
    }
    auto judged = Judge(partition, *batch, i, random);
    if (!judged) {
      joint->results[batch->places[i]] = std::move(judged).error();
      continue;
    }
    partition.Workers().Answering(batch->refs[i].execution, batch->answers[i].delivery_id, now);
    command.answers.push_back(std::move(judged->answer));
    errors->push_back(std::move(judged->error));
    asked.push_back(i);
  }
  partition.Submit(
      std::move(command),
      [&partition, batch, joint, asked = std::move(asked), errors](Result<engine::Reply> decided) {
        for (std::size_t k = 0; k < asked.size(); ++k) {
          auto& result = joint->results[batch->places[asked[k]]];
          if (!decided) {
            result = decided.error();
            continue;
          }
          result = std::move(std::get<std::vector<Result<engine::Emitted>>>(*decided)[k]);
          if (!result) {
            partition.Workers().AnswerRefused(batch->refs[asked[k]].execution,
                                              batch->answers[asked[k]].delivery_id);
          } else if ((*errors)[k]) {
            result = *std::move((*errors)[k]);
          }
        }
        joint->Done();
      },
      now);
}

}  // namespace

void Broker::Answer(const std::string& instance_hash, const std::string& worker,
                    std::vector<DeliveryAnswer> answers,
                    std::function<void(std::vector<Result<engine::Emitted>>)> reply) {
  auto joint = std::make_shared<Joint<engine::Emitted>>();
  joint->results.assign(answers.size(), Internal("not decided"));
  joint->reply = std::move(reply);
  std::vector<std::shared_ptr<Batch>> batches(Partitions());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto ref = impl_->ids.Check(answers[i].delivery_id);
    if (!ref) {
      joint->results[i] = ref.error();
      continue;
    }
    if (const auto checked = CheckAlone(answers[i], settings_.limits.commit_bytes); !checked) {
      joint->results[i] = checked.error();
      continue;
    }
    auto& batch = batches[impl_->SlotOfExecution(ref->execution).place.id];
    if (batch == nullptr) {
      batch = std::make_shared<Batch>();
      batch->instance_hash = instance_hash;
      batch->worker = worker;
      batch->catalog = Deployed();
      batch->payload_bytes = settings_.limits.payload_bytes;
      batch->commit_bytes = settings_.limits.commit_bytes;
      batch->thread = impl_->SlotOfExecution(ref->execution).thread.get();
    }
    constexpr std::size_t kFixed = 256;
    batch->weight += kFixed + AnswerWeight(answers[i]);
    batch->refs.push_back(*ref);
    batch->places.push_back(i);
    batch->answers.push_back(std::move(answers[i]));
  }
  joint->left = 1;
  for (const auto& batch : batches) joint->left += batch == nullptr ? 0 : 1;
  for (std::size_t p = 0; p < batches.size(); ++p) {
    const auto& batch = batches[p];
    if (batch == nullptr) continue;
    const auto admitted = impl_->slots[p]->thread->Submit(
        [batch, joint](Partition& partition, TimePoint now) {
          Perform(partition, batch, joint, 0, now);
        },
        batch->weight);
    if (!admitted) {
      for (const std::size_t place : batch->places) joint->results[place] = admitted.error();
      joint->Done();
    }
  }
  joint->Done();
}

}  // namespace mesg::broker
