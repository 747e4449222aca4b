#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "sql/database.h"

namespace mesg::services::sql {

/// See Open. `url` is sqlite:/PATH; the file is made when there is none.
Result<std::unique_ptr<Database>> OpenSqlite(const std::string& url);

}  // namespace mesg::services::sql
