#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"
#include "mesg/service.h"
#include "sql/database.h"

namespace mesg::services::sql {

struct TaskOptions {
  bool record = true;  ///< Write results into mesg_executions.
  Duration keep = std::chrono::hours(7 * 24);
  std::size_t idle = 4;  ///< Connections kept open.
};

/// Performs query, execute and transaction.
///
/// With `record`, the result of an execution is written in the transaction that performs it, under
/// the execution's id: a later attempt finds it there and changes nothing.
///
/// Any thread. Lifetime: borrows `database`.
class Tasks {
 public:
  Tasks(Database& database, TaskOptions options) : database_(database), options_(options) {}

  Result<sdk::Outputs> Query(const sdk::Task& task);
  /// Task `execute`, and `transaction` when `several`.
  Result<sdk::Outputs> Execute(const sdk::Task& task, bool several);

 private:
  struct Work;
  Result<std::unique_ptr<Connection>> Begin(const Mode& mode,
                                            const std::shared_ptr<Interrupt>& interrupt);
  void GiveBack(std::unique_ptr<Connection> connection);
  Result<std::string> Perform(Connection& connection, const Work& work) const;
  Result<bool> HasTable(const std::shared_ptr<Interrupt>& interrupt);
  Result<void> MakeTable(const std::shared_ptr<Interrupt>& interrupt);
  void Prune(Connection& connection);

  Database& database_;
  const TaskOptions options_;
  Guarded<std::vector<std::unique_ptr<Connection>>> idle_;
  std::atomic<bool> has_table_ = false;
  std::atomic<std::int64_t> pruned_at_ = 0;  // Seconds since the epoch.
};

}  // namespace mesg::services::sql
