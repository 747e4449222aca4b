// The service `sql`: a PostgreSQL or SQLite database. See mesg.yml.
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include <mesg/service.h>

#include "connector/environment.h"
#include "connector/upkeep.h"
#include "sql/config.h"
#include "sql/sessions.h"
#include "sql/tasks.h"

namespace {

using mesg::services::Upkeep;
namespace sql = mesg::services::sql;

int Die(const mesg::Error& error) {
  std::fprintf(stderr, "sql: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main() {
  const auto config = sql::ReadConfig(mesg::services::Environment());
  if (!config) return Die(config.error());
  auto opened = sql::Open(config->url);
  if (!opened) return Die(opened.error());
  const auto database = *std::move(opened);

  mesg::sdk::Service service({.credits = config->connections, .threads = config->connections});
  sql::Tasks tasks(*database,
                   {.record = config->record, .keep = config->keep, .idle = config->connections});
  service.OnTask("query", [&](const mesg::sdk::Task& task) { return tasks.Query(task); });
  service.OnTask("execute",
                 [&](const mesg::sdk::Task& task) { return tasks.Execute(task, false); });
  service.OnTask("transaction",
                 [&](const mesg::sdk::Task& task) { return tasks.Execute(task, true); });
  service.Start();

  sql::Health health(service);
  std::optional<Upkeep> rows;
  rows.emplace(
      database->name(),
      [&](Upkeep::Session& session) {
        return config->cursor ? sql::PollRows(service, *database, *config->cursor, session)
                              : sql::Watch(*database, session);
      },
      [&](std::string problem) { health.Report(0, std::move(problem)); });
  std::optional<Upkeep> channels;
  if (!config->channels.empty()) {
    channels.emplace(
        database->name() + " (channels)",
        [&](Upkeep::Session& session) {
          return sql::ListenToChannels(service, config->url, config->channels, session);
        },
        [&](std::string problem) { health.Report(1, std::move(problem)); });
  }
  const auto ended = service.RunUntilSignal();
  rows.reset();
  channels.reset();
  return ended ? 0 : Die(ended.error());
}
