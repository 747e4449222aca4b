#include "sql/tasks.h"

#include <utility>

#include "mesg/json.h"
#include "sql/statement.h"

namespace mesg::services::sql {
namespace {

constexpr std::size_t kMostRows = 10'000;
constexpr std::size_t kMostQueryBytes = 2 * 1024 * 1024;
constexpr std::size_t kMostReturnedBytes = 1024 * 1024;
constexpr std::int64_t kPruneEverySeconds = 3600;

std::int64_t NowSeconds() { return ToMicros(SystemClock().Now()) / 1'000'000; }

Parameter Text(std::string text) { return {Parameter::Kind::kText, std::move(text)}; }
Parameter Number(std::int64_t number) { return {Parameter::Kind::kNumber, std::to_string(number)}; }

std::shared_ptr<Interrupt> InterruptOf(const sdk::Task& task) {
  auto interrupt = std::make_shared<Interrupt>(task.deadline());
  task.OnCancel([interrupt] { interrupt->Cancel(); });
  return interrupt;
}

Error Named(Error error, std::string_view what) {
  error.message = fmt::format("{}: {}", what, error.message);
  return error;
}

// Of one statement, as the task answers it.
sdk::JsonObject ResultOf(const Table& table) {
  sdk::JsonObject result;
  result.Add("rows_affected", table.affected)
      .AddRaw("rows", table.RowsJson())
      .Add("truncated", table.truncated);
  return result;
}

}  // namespace

// What one attempt is to do.
struct Tasks::Work {
  const std::string& execution;
  const Inputs& inputs;
  bool several;

  std::string Name(std::size_t index) const {
    return several ? fmt::format("statements[{}]", index) : "sql";
  }
};

Result<std::unique_ptr<Connection>> Tasks::Begin(const Mode& mode,
                                                 const std::shared_ptr<Interrupt>& interrupt) {
  while (true) {
    std::unique_ptr<Connection> kept;
    idle_.With([&](auto& idle) {
      if (idle.empty()) return;
      kept = std::move(idle.back());
      idle.pop_back();
    });
    if (kept == nullptr) break;
    // It may have died of a restart of the server; nothing was asked of it yet.
    if (kept->Begin(mode, interrupt)) return kept;
    if (interrupt->Due()) return interrupt->Why();
  }
  std::unique_ptr<Connection> fresh = MESG_TRY(database_.Connect());
  MESG_TRY(fresh->Begin(mode, interrupt));
  return fresh;
}

void Tasks::GiveBack(std::unique_ptr<Connection> connection) {
  connection->Rollback();
  if (!connection->Reset()) return;
  idle_.With([&](auto& idle) {
    if (idle.size() < options_.idle) idle.push_back(std::move(connection));
  });
}

Result<sdk::Outputs> Tasks::Query(const sdk::Task& task) {
  auto inputs = ReadInputs(task.inputs());
  if (!inputs) return sdk::Permanent(inputs.error());
  const Statement& statement = inputs->statements.at(0);
  if (auto checked = CheckInsideTransaction(statement.sql); !checked) {
    return sdk::Permanent(checked.error());
  }
  auto connection = MESG_TRY(Begin({.read_only = true}, InterruptOf(task)));
  const auto table = connection->Run(
      statement,
      {.rows = std::min(inputs->limit, kMostRows), .bytes = kMostQueryBytes, .stop = true});
  GiveBack(std::move(connection));
  if (!table) return table.error();
  sdk::JsonObject outputs;
  outputs.AddRaw("rows", table->RowsJson())
      .Add("row_count", table->rows.size())
      .Add("truncated", table->truncated);
  std::string json = outputs.Take();
  if (table->rows.size() == 1 && json.size() > kMostQueryBytes + 1024) {
    return sdk::Permanent(
        FailedPrecondition("a row has more than {} bytes, select less of it", kMostQueryBytes));
  }
  return sdk::Outputs{.json = std::move(json)};
}

Result<sdk::Outputs> Tasks::Execute(const sdk::Task& task, bool several) {
  auto inputs = ReadInputs(task.inputs());
  if (!inputs) return sdk::Permanent(inputs.error());
  const Work work{task.execution_id(), *inputs, several};
  for (std::size_t i = 0; i < inputs->statements.size(); ++i) {
    if (auto checked = CheckInsideTransaction(inputs->statements[i].sql); !checked) {
      return sdk::Permanent(several ? Named(checked.error(), work.Name(i)) : checked.error());
    }
  }
  const auto interrupt = InterruptOf(task);
  if (options_.record) MESG_TRY(MakeTable(interrupt));
  auto connection = MESG_TRY(Begin({.isolation = inputs->isolation}, interrupt));
  auto performed = Perform(*connection, work);
  if (performed && options_.record) Prune(*connection);
  GiveBack(std::move(connection));
  if (!performed) return performed.error();
  return sdk::Outputs{.json = *std::move(performed)};
}

Result<std::string> Tasks::Perform(Connection& connection, const Work& work) const {
  if (options_.record) {
    // Another attempt that is under way holds the row: this one waits for its end.
    const Table claimed = MESG_TRY(connection.Run(
        {"INSERT INTO mesg_executions (id, at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
         {Text(work.execution), Number(NowSeconds())}},
        {}));
    if (claimed.affected == 0) {
      const Table found = MESG_TRY(connection.Run(
          {"SELECT result FROM mesg_executions WHERE id = $1", {Text(work.execution)}},
          {.bytes = 2 * kMostQueryBytes}));
      if (found.rows.empty()) return Aborted("mesg_executions: {} was removed", work.execution);
      const Parameter result = MESG_TRY(ReadParameter(found.rows.at(0).at(0)));
      return result.text;
    }
  }
  std::string results;
  std::size_t left = kMostReturnedBytes;
  for (std::size_t i = 0; i < work.inputs.statements.size(); ++i) {
    const Statement& statement = work.inputs.statements[i];
    auto table = connection.Run(statement, {.bytes = left});
    if (!table) return work.several ? Named(table.error(), work.Name(i)) : table.error();
    if (statement.expect && *statement.expect != table->affected) {
      return sdk::Permanent(FailedPrecondition("{}: expected {} rows to be affected, it were {}",
                                               work.Name(i), *statement.expect, table->affected)
                                .Because("UNEXPECTED_ROWS"));
    }
    sdk::JsonObject result = ResultOf(*table);
    if (!work.several) {
      results = result.Take();
      continue;
    }
    const std::string text = result.Take();
    left -= std::min(left, text.size());
    results += (i > 0 ? "," : "") + text;
  }
  const auto answer = [&](bool recorded) {
    if (work.several) {
      return sdk::JsonObject()
          .AddRaw("results", "[" + results + "]")
          .Add("recorded", recorded)
          .Take();
    }
    return results.substr(0, results.size() - 1) +
           (recorded ? ",\"recorded\":true}" : ",\"recorded\":false}");
  };
  if (answer(false).size() > 2 * kMostReturnedBytes) {
    return sdk::Permanent(
        FailedPrecondition("a returned row has more than {} bytes", kMostReturnedBytes));
  }
  if (options_.record) {
    MESG_TRY(connection.Run({"UPDATE mesg_executions SET result = $2 WHERE id = $1",
                             {Text(work.execution), Text(answer(true))}},
                            {}));
  }
  MESG_TRY(connection.Commit());
  return answer(false);
}

Result<bool> Tasks::HasTable(const std::shared_ptr<Interrupt>& interrupt) {
  auto connection = MESG_TRY(Begin({.read_only = true}, interrupt));
  const auto there = connection->Run({"SELECT id, result, at FROM mesg_executions LIMIT 0"}, {});
  GiveBack(std::move(connection));
  if (!there && !sdk::IsPermanent(there.error())) return there.error();
  return there.has_value();
}

Result<void> Tasks::MakeTable(const std::shared_ptr<Interrupt>& interrupt) {
  if (has_table_) return {};
  // Who may not create tables may still use one that is there.
  if (!MESG_TRY(HasTable(interrupt))) {
    auto connection = MESG_TRY(Begin({}, interrupt));
    auto made = connection->Run({"CREATE TABLE IF NOT EXISTS mesg_executions (id text PRIMARY KEY, "
                                 "result text, at bigint NOT NULL)"},
                                {});
    const Result<void> done = made ? connection->Commit() : Result<void>(made.error());
    GiveBack(std::move(connection));
    // PostgreSQL refuses what another session makes meanwhile, in one of several ways, once that
    // is committed.
    if (!done && !MESG_TRY(HasTable(interrupt))) {
      return Named(done.error(),
                   "cannot make the table mesg_executions (id text PRIMARY KEY, "
                   "result text, at bigint NOT NULL), make it or set "
                   "EXECUTIONS=false");
    }
  }
  has_table_ = true;
  return {};
}

void Tasks::Prune(Connection& connection) {
  const std::int64_t now = NowSeconds();
  std::int64_t last = pruned_at_;
  if (now - last < kPruneEverySeconds || !pruned_at_.compare_exchange_strong(last, now)) return;
  connection.Rollback();
  // What fails here is tried again in an hour; no task depends on it.
  const auto interrupt =
      std::make_shared<Interrupt>(SystemClock().Now() + std::chrono::seconds(10));
  if (!connection.Begin({}, interrupt)) return;
  const std::int64_t oldest =
      now - std::chrono::duration_cast<std::chrono::seconds>(options_.keep).count();
  const auto removed =
      connection.Run({"DELETE FROM mesg_executions WHERE at < $1", {Number(oldest)}}, {});
  if (removed) static_cast<void>(connection.Commit());
}

}  // namespace mesg::services::sql
