#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "sql/database.h"

namespace mesg::services::sql {

/// See Open.
Result<std::unique_ptr<Database>> OpenPostgres(const std::string& url);

struct Notification {
  std::string channel;
  std::string payload;
};

/// Listens on `channels` until told to stop or the connection ends. `listening` is called once they
/// are listened on, `take` for what has come together; their errors end it.
Result<void> Listen(const std::string& url, const std::vector<std::string>& channels,
                    const std::function<Result<void>()>& listening,
                    const std::function<Result<void>(const std::vector<Notification>&)>& take,
                    const std::stop_token& stop);

}  // namespace mesg::services::sql
