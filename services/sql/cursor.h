#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "mesg/event.h"
#include "sql/statement.h"

namespace mesg::services::sql {

struct CursorOptions {
  std::string query;
  std::string column;
  std::string key_column;  ///< "" for none.
  Parameter start;
  std::optional<std::int64_t> overlap;   ///< For whole numbers; 100 when both are unset.
  std::optional<Duration> overlap_time;  ///< For times; 1m when both are unset.
  Duration poll = std::chrono::seconds(5);
};

/// Which rows of a polled query are new: those behind the cursor, and those in the overlap before
/// it that were not seen. Keeps as much as it must know for that, and turns it into JSON and back.
///
/// A row that becomes visible while its cursor value is within the overlap of the highest one is
/// found; one that comes later is not. Pure: no clock, no I/O.
class Cursor {
 public:
  explicit Cursor(const CursorOptions& options);

  /// What Json() gave. An error when it is something else.
  Result<void> Restore(std::string_view json);
  std::string Json() const;

  /// $1 of a poll's first page.
  Parameter From() const;

  struct Page {
    std::vector<sdk::Event> events;
    Parameter last;  ///< $1 of the next page.
  };
  /// Rows in the order of the query. After an error the cursor is of no use. FailedPrecondition
  /// says what is wrong with the query: no such column, a null, no order, two rows alike.
  Result<Page> Take(const Table& table);

  /// Rows in the overlap were too many to remember: it is narrower than asked for.
  bool Narrowed() const { return narrowed_; }

 private:
  struct Seen {
    std::optional<std::int64_t> order;
    std::string cell;
  };
  std::optional<std::int64_t> WindowBegin() const;
  void Forget();

  const CursorOptions options_;
  const std::string salt_;
  Parameter cursor_;
  std::string cell_;  // The cursor as JSON.
  std::optional<std::int64_t> floor_;
  bool narrowed_ = false;
  std::map<std::string, Seen> seen_;  // By event id.
};

/// Where the value stands among others: whole numbers, and times in microseconds.
std::optional<std::int64_t> OrderOf(const Parameter& value);

}  // namespace mesg::services::sql
