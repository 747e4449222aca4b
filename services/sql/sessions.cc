#include "sql/sessions.h"

#include <algorithm>
#include <memory>
#include <stop_token>
#include <utility>

#include "base/encoding.h"
#include "connector/position.h"
#include "mesg/json.h"
#include "sql/postgres.h"

namespace mesg::services::sql {
namespace {

constexpr std::chrono::seconds kPollTime{60};
constexpr std::chrono::seconds kWatchEvery{10};
constexpr std::size_t kPageRows = 500;
constexpr std::size_t kPageBytes = 1024 * 1024;

// One statement in a read-only transaction, ended by `stop`.
Result<Table> Read(Connection& connection, const Statement& statement, const Limits& limits,
                   const std::stop_token& stop) {
  const auto interrupt = std::make_shared<Interrupt>(SystemClock().Now() + kPollTime);
  const std::stop_callback cancel(stop, [&] { interrupt->Cancel(); });
  MESG_TRY(connection.Begin({.read_only = true}, interrupt));
  auto table = connection.Run(statement, limits);
  connection.Rollback();
  return table;
}

// A page that was cut by its limits must not end among rows with the same cursor: the next page
// begins behind that value.
void DropLastTie(Table& table, const std::string& column) {
  const auto found = std::ranges::find(table.columns, column);
  if (!table.truncated || found == table.columns.end()) return;
  const auto at = static_cast<std::size_t>(found - table.columns.begin());
  const std::string last = table.rows.back()[at];
  if (table.rows.front()[at] == last) return;
  while (table.rows.back()[at] == last) table.rows.pop_back();
}

// All pages there are now.
Result<void> Poll(Connection& connection, const CursorOptions& options, Cursor& cursor,
                  Position& position, Upkeep::Session& session) {
  Parameter from = cursor.From();
  while (!session.Stopping()) {
    Table table =
        MESG_TRY(Read(connection, {options.query, {from}},
                      {.rows = kPageRows, .bytes = kPageBytes, .stop = true}, session.Stop()));
    if (table.rows.empty()) return {};
    DropLastTie(table, options.column);
    const Cursor::Page page = MESG_TRY(cursor.Take(table));
    if (!page.events.empty()) {
      MESG_TRY(position.Move(page.events, cursor.Json(), session.Stop()));
    }
    if (page.last == from) return {};
    from = page.last;
  }
  return {};
}

}  // namespace

Result<void> PollRows(sdk::Service& service, Database& database, const CursorOptions& options,
                      Upkeep::Session& session) {
  auto connection = MESG_TRY(database.Connect());
  Cursor cursor(options);
  // Another query begins anew.
  const std::string which =
      ToHex(Sha256(options.query + '\0' + options.column + '\0' + options.key_column).substr(0, 8));
  Position position(service, "cursor/" + which);
  if (const auto kept = MESG_TRY(position.Load(session.Stop()))) {
    MESG_TRY(cursor.Restore(*kept));
  }
  while (!session.Stopping()) {
    MESG_TRY(Poll(*connection, options, cursor, position, session));
    if (cursor.Narrowed()) {
      session.Degraded("OVERLAP spans too many rows, late ones are looked for in fewer");
    } else {
      session.Up();
    }
    session.Pause(options.poll);
  }
  return {};
}

Result<void> Watch(Database& database, Upkeep::Session& session) {
  auto connection = MESG_TRY(database.Connect());
  while (!session.Stopping()) {
    MESG_TRY(Read(*connection, {"SELECT 1"}, {}, session.Stop()));
    session.Up();
    session.Pause(kWatchEvery);
  }
  return {};
}

Result<void> ListenToChannels(sdk::Service& service, const std::string& url,
                              const std::vector<std::string>& channels, Upkeep::Session& session) {
  Position listened(service, "listened");
  std::string names;
  for (const std::string& each : channels) names += (names.empty() ? "" : ",") + QuoteJson(each);
  const auto listening = [&]() -> Result<void> {
    const bool is_first = !MESG_TRY(listened.Load(session.Stop())).has_value();
    std::vector<sdk::Event> events;
    if (!is_first) {
      events.push_back(
          {.key = "gap", .json = sdk::JsonObject().AddRaw("channels", "[" + names + "]").Take()});
    }
    MESG_TRY(listened.Move(events, "true", session.Stop()));
    session.Up();
    return {};
  };
  const auto take = [&](const std::vector<Notification>& came) -> Result<void> {
    std::vector<sdk::Event> events;
    for (const Notification& each : came) {
      sdk::JsonObject data;
      data.Add("channel", each.channel).Add("payload", each.payload);
      if (sdk::IsJson(each.payload)) data.AddRaw("json", each.payload);
      events.push_back({.key = "notification", .json = data.Take()});
    }
    // What Core does not take in time is lost, and the next session says so by `gap`.
    MESG_TRY(service.EmitBatch(events));
    return {};
  };
  return Listen(url, channels, listening, take, session.Stop());
}

void Health::Report(std::size_t which, std::string problem) {
  const std::scoped_lock lock(mutex_);
  problems_.at(which) = std::move(problem);
  std::string all = problems_[0];
  if (!all.empty() && !problems_[1].empty()) all += "; ";
  service_.ReportHealth(all + problems_[1]);
}

}  // namespace mesg::services::sql
