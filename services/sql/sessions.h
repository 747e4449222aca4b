#pragma once

#include <array>
#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "connector/upkeep.h"
#include "mesg/service.h"
#include "sql/cursor.h"
#include "sql/database.h"

namespace mesg::services::sql {

/// What Upkeep runs: each is one connection, until it ends or is told to stop.

/// Polls the query of `options` and emits new rows, with the cursor moved in the same commit.
Result<void> PollRows(sdk::Service& service, Database& database, const CursorOptions& options,
                      Upkeep::Session& session);
/// Only looks whether the database answers.
Result<void> Watch(Database& database, Upkeep::Session& session);
/// Emits notifications, and `gap` first when there was an earlier session.
Result<void> ListenToChannels(sdk::Service& service, const std::string& url,
                              const std::vector<std::string>& channels, Upkeep::Session& session);

/// Joins the health of two connections into the one of the service. Any thread.
class Health {
 public:
  explicit Health(sdk::Service& service) : service_(service) {}
  void Report(std::size_t which, std::string problem);

 private:
  sdk::Service& service_;
  std::mutex mutex_;
  std::array<std::string, 2> problems_;
};

}  // namespace mesg::services::sql
