#include "sql/sqlite.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cmath>
#include <string_view>
#include <thread>
#include <utility>

#include <sqlite3.h>

#include "base/encoding.h"
#include "mesg/json.h"
#include "mesg/service.h"

namespace mesg::services::sql {
namespace {

constexpr int kStepsBetweenLooks = 1000;
constexpr int kMostValueBytes = 64 * 1024 * 1024;
constexpr std::chrono::milliseconds kBusyPause{5};

struct Close {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Handle = std::unique_ptr<sqlite3, Close>;
using Prepared = std::unique_ptr<sqlite3_stmt, Close>;

Error ToError(sqlite3* database) {
  const int code = sqlite3_extended_errcode(database);
  const std::string text =
      fmt::format("SQLite error {} ({}): {}", code, sqlite3_errstr(code), sqlite3_errmsg(database));
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Aborted("{}", text);
    case SQLITE_NOMEM:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
      return Unavailable("{}", text);
    default:
      return sdk::Permanent(FailedPrecondition("{}", text));
  }
}

std::string_view TypeOf(sqlite3_stmt* statement, int column) {
  const char* const declared = sqlite3_column_decltype(statement, column);
  return declared != nullptr ? declared : "";
}

bool IsCalled(std::string_view type, std::string_view name) {
  return std::ranges::equal(type, name,
                            [](unsigned char a, unsigned char b) { return std::toupper(a) == b; });
}

std::string RealToJson(double number) {
  if (std::isnan(number)) return "null";
  if (std::isinf(number)) return number > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  return fmt::format("{}", number);
}

std::string CellToJson(sqlite3_stmt* statement, int column) {
  const std::string_view type = TypeOf(statement, column);
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
      return "null";
    case SQLITE_INTEGER: {
      const sqlite3_int64 number = sqlite3_column_int64(statement, column);
      const bool is_flag = IsCalled(type, "BOOLEAN") || IsCalled(type, "BOOL");
      if (is_flag && (number == 0 || number == 1)) return number == 1 ? "true" : "false";
      return std::to_string(number);
    }
    case SQLITE_FLOAT:
      return RealToJson(sqlite3_column_double(statement, column));
    default:
      break;
  }
  const bool is_text = sqlite3_column_type(statement, column) == SQLITE_TEXT;
  const void* const data = is_text
                               ? static_cast<const void*>(sqlite3_column_text(statement, column))
                               : sqlite3_column_blob(statement, column);
  const std::string_view bytes(static_cast<const char*>(data),
                               static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
  if (!is_text) return QuoteJson(sdk::ToBase64(bytes));
  const bool is_json = IsCalled(type, "JSON") && sdk::IsJson(bytes);
  return is_json ? std::string(bytes) : QuoteJson(bytes);
}

// A number as SQLite holds it: 64 bits, or a double for what has a fraction or an exponent.
Result<int> BindNumber(sqlite3_stmt* statement, int at, const std::string& text) {
  const char* const end = text.data() + text.size();
  if (text.find_first_of(".eE") == std::string::npos) {
    sqlite3_int64 number = 0;
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || stop != end) {
      return sdk::Permanent(InvalidArgument(
          "params[{}]: {} does not fit SQLite's 64 bits; pass it as text", at - 1, text));
    }
    return sqlite3_bind_int64(statement, at, number);
  }
  double number = 0;
  if (std::from_chars(text.data(), end, number).ec != std::errc()) {
    return sdk::Permanent(InvalidArgument("params[{}]: {} is out of range", at - 1, text));
  }
  return sqlite3_bind_double(statement, at, number);
}

Result<int> BindOne(sqlite3_stmt* statement, int at, const Parameter& parameter) {
  const std::string& text = parameter.text;
  switch (parameter.kind) {
    case Parameter::Kind::kNull:
      return sqlite3_bind_null(statement, at);
    case Parameter::Kind::kBoolean:
      return sqlite3_bind_int(statement, at, text == "true" ? 1 : 0);
    case Parameter::Kind::kNumber:
      return BindNumber(statement, at, text);
    case Parameter::Kind::kBytes:
      return sqlite3_bind_blob64(statement, at, text.data(), text.size(), SQLITE_STATIC);
    case Parameter::Kind::kText:
    case Parameter::Kind::kJson:
      break;
  }
  return sqlite3_bind_text64(statement, at, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

// Files beside the one in URL are out of bounds.
int Authorize(void*, int action, const char*, const char*, const char*, const char*) {
  return action == SQLITE_ATTACH || action == SQLITE_DETACH ? SQLITE_DENY : SQLITE_OK;
}

class SqliteConnection final : public Connection {
 public:
  static Result<std::unique_ptr<Connection>> Connect(const std::string& path) {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(
        path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
        nullptr);
    Handle database(opened);
    if (code != SQLITE_OK) {
      if (database == nullptr) return ResourceExhausted("no memory for a connection");
      return Unavailable("{}: {}", path, sqlite3_errmsg(database.get()));
    }
    sqlite3_extended_result_codes(database.get(), 1);
    sqlite3_limit(database.get(), SQLITE_LIMIT_LENGTH, kMostValueBytes);
    sqlite3_set_authorizer(database.get(), &Authorize, nullptr);
    sqlite3_exec(database.get(), "PRAGMA foreign_keys = ON", nullptr, nullptr, nullptr);
    return std::unique_ptr<Connection>(new SqliteConnection(std::move(database)));
  }

  Result<void> Begin(const Mode& mode, std::shared_ptr<Interrupt> interrupt) override {
    interrupt_ = std::move(interrupt);
    MESG_TRY(Command(mode.read_only ? "PRAGMA query_only = ON" : "PRAGMA query_only = OFF"));
    // A writer waits for the lock here, where waiting cannot deadlock.
    return Command(mode.read_only ? "BEGIN" : "BEGIN IMMEDIATE");
  }

  Result<Table> Run(const Statement& statement, const Limits& limits) override {
    const Prepared prepared = MESG_TRY(Prepare(statement));
    sqlite3* const database = database_.get();
    Table table;
    for (int i = 0; i < sqlite3_column_count(prepared.get()); ++i) {
      table.columns.emplace_back(sqlite3_column_name(prepared.get(), i));
    }
    table.columns = DistinctNames(std::move(table.columns));
    const auto before = sqlite3_total_changes64(database);
    std::size_t bytes = 0;
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(prepared.get())) == SQLITE_ROW) {
      if (table.truncated) continue;
      TakeRow(prepared.get(), limits, bytes, table);
      if (table.truncated && limits.stop) return table;
    }
    if (code != SQLITE_DONE) return Failure();
    if (sqlite3_get_autocommit(database) != 0) {
      return sdk::Permanent(FailedPrecondition("the statement ended its transaction"));
    }
    if (sqlite3_total_changes64(database) != before) table.affected = sqlite3_changes64(database);
    if (table.affected == 0 && sqlite3_stmt_readonly(prepared.get()) != 0) {
      table.affected = static_cast<std::int64_t>(table.rows.size());
    }
    return table;
  }

  Result<void> Commit() override { return Command("COMMIT"); }

  void Rollback() override {
    if (sqlite3_get_autocommit(database_.get()) != 0) return;
    interrupt_.reset();
    sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }

  // PRAGMAs and temporary tables stay with a session, so that each task gets a new one.
  bool Reset() override { return false; }

 private:
  explicit SqliteConnection(Handle database) : database_(std::move(database)) {
    sqlite3_progress_handler(
        database_.get(), kStepsBetweenLooks,
        [](void* self) { return static_cast<SqliteConnection*>(self)->Due() ? 1 : 0; }, this);
    sqlite3_busy_handler(
        database_.get(),
        [](void* self, int) {
          if (static_cast<SqliteConnection*>(self)->Due()) return 0;
          std::this_thread::sleep_for(kBusyPause);
          return 1;
        },
        this);
  }

  bool Due() const { return interrupt_ != nullptr && interrupt_->Due(); }

  Error Failure() {
    const int code = sqlite3_errcode(database_.get()) & 0xff;
    if (Due() && (code == SQLITE_INTERRUPT || code == SQLITE_BUSY)) return interrupt_->Why();
    return ToError(database_.get());
  }

  Result<void> Command(const char* sql) {
    if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
      return Failure();
    }
    return {};
  }

  Result<Prepared> Prepare(const Statement& statement) {
    sqlite3_stmt* made = nullptr;
    const char* tail = nullptr;
    const std::string& sql = statement.sql;
    const int code = sqlite3_prepare_v2(database_.get(), sql.c_str(),
                                        static_cast<int>(sql.size()) + 1, &made, &tail);
    Prepared prepared(made);
    if (code != SQLITE_OK) return Failure();
    if (prepared == nullptr) {
      return sdk::Permanent(InvalidArgument("sql: expected a statement, it is empty"));
    }
    sqlite3_stmt* second = nullptr;
    const int behind = sqlite3_prepare_v2(database_.get(), tail, -1, &second, nullptr);
    const Prepared rest(second);
    if (behind != SQLITE_OK || rest != nullptr) {
      return sdk::Permanent(
          InvalidArgument("sql: expected one statement; for several use the task transaction"));
    }
    MESG_TRY(Bind(prepared.get(), statement.parameters));
    return prepared;
  }

  // $2 and ?2 are the second parameter, wherever they stand; a ? is the next one.
  Result<void> Bind(sqlite3_stmt* prepared, const std::vector<Parameter>& parameters) {
    const int count = sqlite3_bind_parameter_count(prepared);
    std::size_t highest = 0;
    for (int at = 1; at <= count; ++at) {
      const char* const name = sqlite3_bind_parameter_name(prepared, at);
      std::size_t number = static_cast<std::size_t>(at);
      if (name != nullptr) {
        const std::string_view digits(name + 1);
        const auto [stop, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (error != std::errc() || stop != digits.data() + digits.size()) {
          return sdk::Permanent(InvalidArgument("sql: expected $1, $2, ..., got {}", name));
        }
      }
      if (number < 1 || number > parameters.size()) {
        if (name == nullptr && sqlite3_bind_parameter_count(prepared) > at) continue;
        return sdk::Permanent(InvalidArgument("params: expected at least {} values, got {}", number,
                                              parameters.size()));
      }
      const int code = MESG_TRY(BindOne(prepared, at, parameters[number - 1]));
      if (code != SQLITE_OK) return ToError(database_.get());
      highest = std::max(highest, number);
    }
    if (highest < parameters.size()) {
      return sdk::Permanent(
          InvalidArgument("params: expected {} values, got {}", highest, parameters.size()));
    }
    return {};
  }

  static void TakeRow(sqlite3_stmt* prepared, const Limits& limits, std::size_t& bytes,
                      Table& table) {
    std::vector<std::string> cells;
    for (int i = 0; i < sqlite3_column_count(prepared); ++i) {
      cells.push_back(CellToJson(prepared, i));
      bytes += cells.back().size() + table.columns[static_cast<std::size_t>(i)].size();
    }
    if (table.rows.size() < limits.rows && (table.rows.empty() || bytes <= limits.bytes)) {
      table.rows.push_back(std::move(cells));
    } else {
      table.truncated = true;
    }
  }

  const Handle database_;
  std::shared_ptr<Interrupt> interrupt_;
};

class Sqlite final : public Database {
 public:
  explicit Sqlite(std::string path) : path_(std::move(path)), name_("SQLite at " + path_) {}
  Result<std::unique_ptr<Connection>> Connect() override {
    return SqliteConnection::Connect(path_);
  }
  const std::string& name() const override { return name_; }

 private:
  const std::string path_;
  const std::string name_;
};

}  // namespace

Result<std::unique_ptr<Database>> OpenSqlite(const std::string& url) {
  std::string path = url.substr(std::string_view("sqlite:").size());
  if (path.starts_with("//")) path.erase(0, 2);  // sqlite:///PATH, as others write it.
  if (!path.starts_with('/') || path.find('\0') != std::string::npos) {
    return InvalidArgument("URL: expected sqlite:/PATH/FILE.db with an absolute path");
  }
  return std::unique_ptr<Database>(std::make_unique<Sqlite>(std::move(path)));
}

}  // namespace mesg::services::sql
