#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/grpc/crew.h"
#include "base/result.h"
#include "broker/broker.h"
#include "mesg/v1/executions.pb.h"

namespace mesg::api {

/// Retry or Drop of many dead letters: a batch, of which the broker makes few commits, then the
/// next, with a turn for others in between, also while pages are read in which none is. No thread
/// waits for it.
///
/// Threads: those of the crew. Lives until `done` was called. Borrows broker and crew; the broker
/// may answer the last batch when the crew is gone.
class DeadLetterBulk : public std::enable_shared_from_this<DeadLetterBulk> {
 public:
  using Told = std::function<void(std::vector<Result<void>>)>;
  struct Plan {
    v1::DeadLetterSelection selection;
    std::string done_word;  ///< "retried", "dropped"
    /// Does it to a batch, and tells of each.
    std::function<void(std::vector<ExecutionId>, Told)> act;
    /// Asked before every batch, and before every page that is read for one: an error ends it.
    std::function<Result<void>()> may_go_on;
    /// Called once. An error says how many were done before.
    std::function<void(Result<void>)> done;
    /// How many were done so far; any thread may look.
    std::shared_ptr<std::atomic<std::size_t>> count = std::make_shared<std::atomic<std::size_t>>(0);
  };
  /// Of a selection by ids the first refusal is the error, after the others had their turn. Of one
  /// by service and task, what has left the list meanwhile, or cannot be done, is left out.
  static void Begin(broker::Broker& broker, Crew& crew, Plan plan);

  /// What ends one before it is through, and how many were done before.
  static Error BrokenOff(Error why, std::size_t count, std::string_view done_word);

  static constexpr std::size_t kBatch = 256;

 private:
  DeadLetterBulk(broker::Broker& broker, Crew& crew, Plan plan)
      : broker_(broker), crew_(crew.door()), plan_(std::move(plan)) {}

  Result<void> Check();
  void Step();
  bool AtEnd() const;
  Result<std::vector<ExecutionId>> NextBatch();
  void Take(std::vector<Result<void>> results);
  void Later(Crew::Job job);
  void Finish(std::optional<Error> error);

  broker::Broker& broker_;
  const Crew::Door crew_;
  const Plan plan_;
  std::vector<ExecutionId> ids_;
  std::size_t next_id_ = 0;
  v1::Page page_;  // The next of a selection by service and task.
  bool last_page_ = false;
  std::optional<Error> refused_;
};

}  // namespace mesg::api
