#include "sql/postgres.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>
#include <utility>

#include <libpq-fe.h>
#include <poll.h>

#include "base/encoding.h"
#include "mesg/service.h"
#include "sql/postgres_value.h"

namespace mesg::services::sql {
namespace {

using std::chrono::milliseconds;

// For a server to answer that it has ended a statement.
constexpr std::chrono::seconds kCancelGrace{5};
constexpr std::chrono::seconds kTidyTime{10};

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
  void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Handle = std::unique_ptr<PGconn, Finish>;
using Answer = std::unique_ptr<PGresult, Finish>;

std::string Line(const char* text) {
  std::string line = text != nullptr ? text : "";
  while (line.ends_with('\n')) line.pop_back();
  std::ranges::replace(line, '\n', ' ');
  return line;
}

Error Lost(PGconn* connection) { return Unavailable("{}", Line(PQerrorMessage(connection))); }

// Connection trouble, conflicts with other transactions and a server short of resources pass.
bool Passes(std::string_view state) {
  if (state == "08P01") return false;  // The number of parameters is wrong.
  for (const std::string_view passing : {"08", "40", "53", "57P", "55P03", "58", "XX"}) {
    if (state.starts_with(passing)) return true;
  }
  return state.empty();
}

Error ToError(const PGresult* result, const Interrupt& interrupt) {
  const auto field = [&](int code) { return Line(PQresultErrorField(result, code)); };
  const std::string state = field(PG_DIAG_SQLSTATE);
  if (state == "57014") {
    return interrupt.Cancelled() ? interrupt.Why()
                                 : DeadlineExceeded("the statement did not end in time");
  }
  std::string text = fmt::format("SQLSTATE {}: {}", state, field(PG_DIAG_MESSAGE_PRIMARY));
  if (const std::string detail = field(PG_DIAG_MESSAGE_DETAIL); !detail.empty()) {
    text += fmt::format(" ({})", detail);
  }
  if (const std::string hint = field(PG_DIAG_MESSAGE_HINT); !hint.empty()) {
    text += fmt::format("; {}", hint);
  }
  if (state.empty()) return Unavailable("{}", Line(PQresultErrorMessage(result)));
  if (state.starts_with("40")) return Aborted("{}", text);
  if (Passes(state)) return Unavailable("{}", text);
  return sdk::Permanent(FailedPrecondition("{}", text));
}

// False when `interrupt` is due before the socket is ready.
bool WaitFor(int socket, short events, const Interrupt& interrupt) {
  while (!interrupt.Due()) {
    const auto left =
        std::chrono::ceil<milliseconds>(interrupt.deadline() - SystemClock().Now()).count();
    std::array<pollfd, 2> fds{{{socket, events, 0}, {interrupt.fd(), POLLIN, 0}}};
    const int ready = poll(fds.data(), fds.size(), static_cast<int>(std::clamp(left, 1L, 60'000L)));
    if (ready > 0 && fds[0].revents != 0) return true;
    if (ready < 0 && errno != EINTR) return true;  // Reading tells what is wrong.
  }
  return false;
}

// Until the next result can be taken without waiting.
Result<void> AwaitAnswer(PGconn* connection, const Interrupt& interrupt) {
  while (true) {
    const int unsent = PQflush(connection);
    if (unsent < 0) return Lost(connection);
    if (unsent == 0 && PQisBusy(connection) == 0) return {};
    const auto events = static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN);
    if (!WaitFor(PQsocket(connection), events, interrupt)) return interrupt.Why();
    if (PQconsumeInput(connection) == 0) return Lost(connection);
  }
}

bool AskToCancel(PGconn* connection) {
  const std::unique_ptr<PGcancel, Finish> cancel(PQgetCancel(connection));
  std::array<char, 256> why{};
  return cancel != nullptr && PQcancel(cancel.get(), why.data(), why.size()) == 1;
}

// ---- Where the database is ----

struct Address {
  std::string url;
  std::string name;
  std::string options;
};

Result<Address> ReadUrl(const std::string& url) {
  // What libpq says of a broken URL may quote the password.
  const auto broken = [](std::string_view what) {
    return InvalidArgument(
        "URL: expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, {}; a special character in "
        "a user or a password is written %40 for @, %3A for :, %2F for /",
        what);
  };
  const std::unique_ptr<PQconninfoOption, Finish> options(PQconninfoParse(url.c_str(), nullptr));
  if (options == nullptr) return broken("it is not understood");
  std::map<std::string, std::string> known;
  for (const PQconninfoOption* each = options.get(); each->keyword != nullptr; ++each) {
    if (each->val != nullptr) known[each->keyword] = each->val;
  }
  const std::string& host = known["host"];
  if (host.find('@') != std::string::npos) return broken("its host holds an @");
  const std::string port = known["port"];
  if (port.find_first_not_of("0123456789,") != std::string::npos) {
    return broken("its port is not a number");
  }
  // Forms that PostgresToJson knows. As options of the connection they outlive DISCARD ALL.
  std::string settings = known["options"];
  settings += " -c bytea_output=hex -c DateStyle=ISO -c IntervalStyle=iso_8601";
  return Address{url,
                 fmt::format("PostgreSQL at {}:{}", host.empty() ? "localhost" : host,
                             port.empty() ? "5432" : port),
                 std::move(settings)};
}

Result<Handle> Dial(const Address& address) {
  // What comes before the URL gives way to it, what comes behind does not.
  constexpr std::array<const char*, 9> kKeys = {
      "connect_timeout",  "keepalives_idle",  "keepalives_interval",
      "tcp_user_timeout", "application_name", "dbname",
      "client_encoding",  "options",          nullptr};
  const std::array<const char*, 9> values = {
      "10",   "30", "10", "60000", "mesg-sql", address.url.c_str(), "UTF8", address.options.c_str(),
      nullptr};
  Handle connection(PQconnectdbParams(kKeys.data(), values.data(), /*expand_dbname=*/1));
  if (connection == nullptr) return ResourceExhausted("no memory for a connection");
  if (PQstatus(connection.get()) != CONNECTION_OK) return Lost(connection.get());
  PQsetNoticeProcessor(
      connection.get(), [](void*, const char*) {}, nullptr);
  PQsetnonblocking(connection.get(), 1);
  return connection;
}

// ---- A session ----

// What PQsendQueryParams wants, borrowed from a statement.
struct Bound {
  std::vector<std::string> texts;
  std::vector<const char*> values;

  static Result<Bound> Of(const Statement& statement) {
    Bound bound;
    bound.texts.reserve(statement.parameters.size());
    for (const Parameter& each : statement.parameters) {
      const bool is_bytes = each.kind == Parameter::Kind::kBytes;
      bound.texts.push_back(is_bytes ? "\\x" + ToHex(each.text) : each.text);
      if (bound.texts.back().find('\0') != std::string::npos) {
        return sdk::Permanent(InvalidArgument(
            "params[{}]: PostgreSQL's text cannot hold a NUL character", bound.texts.size() - 1));
      }
    }
    for (std::size_t i = 0; i < bound.texts.size(); ++i) {
      const bool is_null = statement.parameters[i].kind == Parameter::Kind::kNull;
      bound.values.push_back(is_null ? nullptr : bound.texts[i].c_str());
    }
    return bound;
  }
};

class PostgresConnection final : public Connection {
 public:
  explicit PostgresConnection(Handle connection) : connection_(std::move(connection)) {}

  Result<void> Begin(const Mode& mode, std::shared_ptr<Interrupt> interrupt) override {
    interrupt_ = std::move(interrupt);
    if (interrupt_->Due()) return interrupt_->Why();
    const auto left = std::chrono::ceil<milliseconds>(interrupt_->deadline() - SystemClock().Now());
    std::string begin = "BEGIN";
    if (!mode.isolation.empty()) begin += " ISOLATION LEVEL " + mode.isolation;
    if (mode.read_only) begin += " READ ONLY";
    return Command(fmt::format("{}; SET LOCAL statement_timeout = {}", begin,
                               std::clamp<std::int64_t>(left.count(), 1, 2'000'000'000)));
  }

  Result<Table> Run(const Statement& statement, const Limits& limits) override {
    const Bound bound = MESG_TRY(Bound::Of(statement));
    if (interrupt_->Due()) return interrupt_->Why();
    PGconn* const connection = connection_.get();
    if (PQsendQueryParams(connection, statement.sql.c_str(), static_cast<int>(bound.values.size()),
                          nullptr, bound.values.data(), nullptr, nullptr,
                          /*resultFormat=*/0) == 0) {
      return Lost(connection);
    }
    PQsetSingleRowMode(connection);
    Collector into{limits, {}, 0, {}, false};
    MESG_TRY(Drain([&](const PGresult* result) { Take(result, into); }));
    if (into.failure && !into.stopped) return *std::move(into.failure);
    if (!into.stopped && PQtransactionStatus(connection) != PQTRANS_INTRANS) {
      return sdk::Permanent(FailedPrecondition("the statement ended its transaction"));
    }
    return std::move(into.table);
  }

  Result<void> Commit() override { return Command("COMMIT"); }

  void Rollback() override {
    if (PQtransactionStatus(connection_.get()) == PQTRANS_IDLE) return;
    interrupt_ = std::make_shared<Interrupt>(SystemClock().Now() + kTidyTime);
    if (!Command("ROLLBACK")) broken_ = true;
  }

  bool Reset() override {
    PGconn* const connection = connection_.get();
    if (broken_ || PQstatus(connection) != CONNECTION_OK) return false;
    if (PQtransactionStatus(connection) != PQTRANS_IDLE) return false;
    interrupt_ = std::make_shared<Interrupt>(SystemClock().Now() + kTidyTime);
    return Command("DISCARD ALL").has_value();
  }

 private:
  struct Collector {
    const Limits& limits;
    Table table;
    std::size_t bytes;
    std::optional<Error> failure;
    bool stopped;
  };

  // Without parameters and rows; may be several statements.
  Result<void> Command(const std::string& sql) {
    if (PQsendQuery(connection_.get(), sql.c_str()) == 0) return Lost(connection_.get());
    std::optional<Error> failure;
    MESG_TRY(Drain([&](const PGresult* result) {
      if (PQresultStatus(result) == PGRES_FATAL_ERROR) failure = ToError(result, *interrupt_);
    }));
    if (failure) return *std::move(failure);
    return {};
  }

  // Takes results until the statement has ended; ends it when the interrupt says so.
  Result<void> Drain(const std::function<void(const PGresult*)>& take) {
    PGconn* const connection = connection_.get();
    std::optional<Interrupt> grace;
    while (true) {
      const Result<void> ready = AwaitAnswer(connection, grace ? *grace : *interrupt_);
      if (!ready) {
        const bool late = !grace && interrupt_->Due() && PQstatus(connection) == CONNECTION_OK;
        if (!late || !AskToCancel(connection)) {
          broken_ = true;
          return grace || late ? interrupt_->Why() : ready.error();
        }
        grace.emplace(SystemClock().Now() + kCancelGrace);
        continue;
      }
      const Answer result(PQgetResult(connection));
      if (result == nullptr) return {};
      const ExecStatusType status = PQresultStatus(result.get());
      if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
        broken_ = true;
        return sdk::Permanent(FailedPrecondition("COPY from or to the client is not supported"));
      }
      if (PQstatus(connection) != CONNECTION_OK) {
        broken_ = true;
        return Unavailable("{}", Line(PQresultErrorMessage(result.get())));
      }
      take(result.get());
    }
  }

  void Take(const PGresult* result, Collector& into) {
    switch (PQresultStatus(result)) {
      case PGRES_SINGLE_TUPLE:
        TakeRow(result, into);
        break;
      case PGRES_EMPTY_QUERY:
        into.failure = sdk::Permanent(InvalidArgument("sql: expected a statement, it is empty"));
        break;
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
        if (into.table.columns.empty()) into.table.columns = Names(result);
        into.table.affected = std::strtoll(PQcmdTuples(const_cast<PGresult*>(result)), nullptr, 10);
        break;
      default:
        into.failure = ToError(result, *interrupt_);
    }
  }

  void TakeRow(const PGresult* result, Collector& into) {
    Table& table = into.table;
    if (table.truncated) return;
    if (table.columns.empty()) table.columns = Names(result);
    std::vector<std::string> cells;
    std::size_t bytes = 0;
    for (int i = 0; i < PQnfields(result); ++i) {
      if (PQgetisnull(result, 0, i) != 0) {
        cells.emplace_back("null");
      } else {
        cells.push_back(PostgresToJson(
            PQftype(result, i),
            {PQgetvalue(result, 0, i), static_cast<std::size_t>(PQgetlength(result, 0, i))}));
      }
      bytes += cells.back().size() + table.columns[cells.size() - 1].size();
    }
    into.bytes += bytes;
    if (table.rows.size() < into.limits.rows &&
        (table.rows.empty() || into.bytes <= into.limits.bytes)) {
      table.rows.push_back(std::move(cells));
      return;
    }
    table.truncated = true;
    into.stopped = into.limits.stop && AskToCancel(connection_.get());
  }

  static std::vector<std::string> Names(const PGresult* result) {
    std::vector<std::string> names;
    for (int i = 0; i < PQnfields(result); ++i) names.emplace_back(PQfname(result, i));
    return DistinctNames(std::move(names));
  }

  const Handle connection_;
  std::shared_ptr<Interrupt> interrupt_;
  bool broken_ = false;
};

class Postgres final : public Database {
 public:
  explicit Postgres(Address address) : address_(std::move(address)) {}
  Result<std::unique_ptr<Connection>> Connect() override {
    Handle connection = MESG_TRY(Dial(address_));
    return std::unique_ptr<Connection>(std::make_unique<PostgresConnection>(std::move(connection)));
  }
  const std::string& name() const override { return address_.name; }

 private:
  const Address address_;
};

}  // namespace

Result<std::unique_ptr<Database>> OpenPostgres(const std::string& url) {
  Address address = MESG_TRY(ReadUrl(url));
  return std::unique_ptr<Database>(std::make_unique<Postgres>(std::move(address)));
}

Result<void> Listen(const std::string& url, const std::vector<std::string>& channels,
                    const std::function<Result<void>()>& listening,
                    const std::function<Result<void>(const std::vector<Notification>&)>& take,
                    const std::stop_token& stop) {
  const Address address = MESG_TRY(ReadUrl(url));
  const Handle connection = MESG_TRY(Dial(address));
  for (const std::string& channel : channels) {
    char* const quoted = PQescapeIdentifier(connection.get(), channel.data(), channel.size());
    if (quoted == nullptr) return Lost(connection.get());
    const std::string sql = fmt::format("LISTEN {}", quoted);
    PQfreemem(quoted);
    const Answer result(PQexec(connection.get(), sql.c_str()));
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) return Lost(connection.get());
  }
  MESG_TRY(listening());
  // It ends by `stop` alone, never by time.
  Interrupt interrupt(TimePoint::max());
  const std::stop_callback wake(stop, [&] { interrupt.Cancel(); });
  while (!stop.stop_requested()) {
    std::vector<Notification> came;
    while (PGnotify* const each = PQnotifies(connection.get())) {
      came.push_back({each->relname, each->extra});
      PQfreemem(each);
    }
    if (!came.empty()) MESG_TRY(take(came));
    if (!WaitFor(PQsocket(connection.get()), POLLIN, interrupt)) break;
    if (PQconsumeInput(connection.get()) == 0) return Lost(connection.get());
  }
  return {};
}

}  // namespace mesg::services::sql
