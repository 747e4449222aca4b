#include "sql/database.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "sql/postgres.h"
#include "sql/sqlite.h"

namespace mesg::services::sql {

Interrupt::Interrupt(TimePoint deadline)
    : deadline_(deadline), fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  MESG_CHECK(fd_ >= 0);
}

Interrupt::~Interrupt() { close(fd_); }

void Interrupt::Cancel() {
  cancelled_ = true;
  eventfd_write(fd_, 1);
}

Error Interrupt::Why() const {
  if (Cancelled()) return mesg::Cancelled("the statement was cancelled");
  return DeadlineExceeded("the statement did not end in time");
}

Result<std::unique_ptr<Database>> Open(const std::string& url) {
  if (url.starts_with("sqlite:")) return OpenSqlite(url);
  if (url.starts_with("postgresql://") || url.starts_with("postgres://")) return OpenPostgres(url);
  return InvalidArgument(
      "URL: expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:/PATH/FILE.db, it "
      "begins with neither");
}

}  // namespace mesg::services::sql
