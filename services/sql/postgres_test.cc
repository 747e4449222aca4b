// The service against a real PostgreSQL and a real Core, each killed in the middle.
#include <map>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/service_test_support.h"
#include "fake_core_test_support.h"
#include "mesg/json.h"
#include "sql/postgres_server_test_support.h"
#include "sql/tasks.h"

namespace mesg::services::sql {
namespace {

using mesg::testing::Eventually;
using ::testing::HasSubstr;
using ::testing::Not;

class PostgresTest : public ServiceTest {
 protected:
  PostgresTest() : ServiceTest("sql") {
    // The server's user must get through.
    std::filesystem::permissions(Folder(), std::filesystem::perms(0755));
    server_ = std::make_unique<PostgresServer>(Folder() / "postgres");
    server_->Start();
  }

  std::string Sql(const std::string& sql) { return server_->Sql(sql); }
  std::string Do(const std::string& task, const std::string& inputs) {
    const auto outputs = Execute(task, inputs);
    return outputs ? *outputs : outputs.error().message;
  }
  static std::string Inputs(const std::string& sql, const std::string& more = "") {
    return sdk::JsonObject().Add("sql", sql).Take().insert(1, more);
  }

  std::unique_ptr<PostgresServer> server_;
};

TEST_F(PostgresTest, QueriesReadAndNothingElse) {
  StartService({{"URL", server_->Url()}});
  EXPECT_EQ(Do("query",
               R"({"sql":"SELECT $1::numeric AS n, $2::bigint AS b, $3::text AS t, $4::bool AS f, )"
               R"($5::jsonb AS j, $6::bytea AS y, $7::text AS z, 1 AS n, ARRAY[1,2] AS a",)"
               R"("params":[12345678901234567890.123456789,9007199254740993,)"
               R"("'; DROP TABLE x; --",true,{"k":[1]},{"base64":"AP8="},null]})"),
            R"({"rows":[{"n":12345678901234567890.123456789,"b":9007199254740993,)"
            R"("t":"'; DROP TABLE x; --","f":true,"j":{"k": [1]},"y":"AP8=","z":null,"n_2":1,)"
            R"("a":"{1,2}"}],"row_count":1,"truncated":false})");
  EXPECT_EQ(
      Do("query", Inputs("SELECT i FROM generate_series(1, 100000000) AS i", R"("limit":2,)")),
      R"({"rows":[{"i":1},{"i":2}],"row_count":2,"truncated":true})");
  Sql("CREATE TABLE t (id int PRIMARY KEY)");
  EXPECT_THAT(Do("query", Inputs("INSERT INTO t VALUES (1)")), HasSubstr("SQLSTATE 25006"));
  EXPECT_THAT(Do("query", Inputs("SELECT 1; SELECT 2")), HasSubstr("SQLSTATE 42601"));
  EXPECT_THAT(Do("query", Inputs("COMMIT")), HasSubstr("COMMIT is not taken"));
  EXPECT_THAT(Do("query", Inputs("/* /* */ */ COMMIT")), HasSubstr("ended its transaction"));
  EXPECT_THAT(Do("query", Inputs("SELECT nonsense")),
              HasSubstr("SQLSTATE 42703: column \"nonsense\" does not exist"));
  EXPECT_THAT(Do("query", Inputs("SELECT $1::int")), HasSubstr("SQLSTATE 08P01"));
  EXPECT_THAT(Do("query", R"({"sql":"SELECT $1::text","params":["a\u0000b"]})"),
              HasSubstr("params[0]: PostgreSQL's text cannot hold a NUL"));
  EXPECT_THAT(Do("query", Inputs("COPY t TO STDOUT")), HasSubstr("COPY"));
  EXPECT_THAT(Do("query", Inputs("SELECT repeat('x', 3000000) AS x")), HasSubstr("a row has more"));
  // What a statement set in its session is gone for the next.
  EXPECT_THAT(Do("query", Inputs("SELECT pg_advisory_lock(7)")), HasSubstr("\"row_count\":1"));
  EXPECT_EQ(Sql("SELECT pg_try_advisory_lock(7) AS free"), R"([{"free":true}])");
}

TEST_F(PostgresTest, ChangesAreAllOrNothing) {
  StartService({{"URL", server_->Url()}});
  Sql("CREATE TABLE stock (item text PRIMARY KEY, left_over int CHECK (left_over >= 0))");
  EXPECT_EQ(Do("execute", R"({"sql":"INSERT INTO stock VALUES ($1, $2) RETURNING *",
                              "params":["bolt",5]})"),
            R"({"rows_affected":1,"rows":[{"item":"bolt","left_over":5}],"truncated":false,)"
            R"("recorded":false})");
  EXPECT_THAT(Do("execute", Inputs("INSERT INTO stock VALUES ('bolt', 1)")),
              HasSubstr("SQLSTATE 23505: duplicate key value violates unique constraint"));
  EXPECT_THAT(Do("transaction",
                 R"({"statements":[{"sql":"UPDATE stock SET left_over = left_over - 1"},
             {"sql":"UPDATE stock SET left_over = 0 WHERE item = $1","params":["nut"],"expect":1}]})"),
              HasSubstr("statements[1]: expected 1 rows to be affected, it were 0"));
  EXPECT_THAT(Do("transaction",
                 R"({"statements":[{"sql":"UPDATE stock SET left_over = left_over - 1"},
                     {"sql":"UPDATE stock SET left_over = left_over - 5"}]})"),
              HasSubstr("statements[1]: SQLSTATE 23514"));
  EXPECT_EQ(Sql("SELECT left_over FROM stock"), R"([{"left_over":5}])");
  EXPECT_EQ(Do("transaction",
               R"({"isolation":"serializable","statements":[
                   {"sql":"UPDATE stock SET left_over = left_over - $1","params":[2],"expect":1},
                   {"sql":"SELECT left_over FROM stock"}]})"),
            R"({"results":[{"rows_affected":1,"rows":[],"truncated":false},)"
            R"({"rows_affected":1,"rows":[{"left_over":3}],"truncated":false}],"recorded":false})");
}

// The same execution twice: an attempt whose answer was lost, and the next one.
TEST_F(PostgresTest, SecondAttemptFindsTheResultOfTheFirst) {
  Sql("CREATE TABLE t (id int)");
  const auto database = *Open(server_->Url());
  Tasks tasks(*database, {});
  const auto serve = [&](const sdk::FakeCore& core) {
    auto service = std::make_unique<sdk::Service>(
        sdk::ServiceOptions{.endpoint = core.endpoint(), .token = "t"});
    service->OnTask("execute", [&](const sdk::Task& task) { return tasks.Execute(task, false); });
    service->Start();
    return service;
  };
  const std::string inputs = Inputs("INSERT INTO t VALUES (1) RETURNING id");
  for (const unsigned attempt : {1U, 2U, 3U}) {
    sdk::FakeCore core;
    const auto service = serve(core);  // Knows nothing of what the one before has answered.
    core.Deliver("execute", inputs, "execution", attempt);
    ASSERT_TRUE(Eventually([&] { return core.answers().size() == 1; })) << attempt;
    EXPECT_EQ(core.answers().back().text,
              R"({"rows_affected":1,"rows":[{"id":1}],"truncated":false,"recorded":)" +
                  std::string(attempt == 1 ? "false}" : "true}"));
  }
  sdk::FakeCore core;
  const auto service = serve(core);
  EXPECT_EQ(Sql("SELECT count(*) AS n FROM t"), R"([{"n":1}])");
  // Cancelled while it runs: the server ends the statement, and nothing is left of it.
  const std::string delivery =
      core.Deliver("execute", Inputs("INSERT INTO t SELECT 2 FROM pg_sleep(600)"), "slow");
  ASSERT_TRUE(Eventually([&] {
    return Sql("SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE '%pg_sleep(6%' "
               "AND application_name = 'mesg-sql' AND wait_event = 'PgSleep'") == R"([{"n":1}])";
  }));
  core.CancelDelivery(delivery);
  EXPECT_TRUE(Eventually([&] {
    return Sql("SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'") ==
           R"([{"n":0}])";
  }));
  core.SetDeadline(SystemClock().Now() + std::chrono::milliseconds(300));
  core.Deliver("execute", Inputs("INSERT INTO t SELECT 2 FROM pg_sleep(600)"), "late");
  ASSERT_TRUE(Eventually([&] {
    const auto answers = core.answers();
    return !answers.empty() && answers.back().execution_id == "late";
  }));
  EXPECT_THAT(core.answers().back().text, HasSubstr("did not end in time"));
  EXPECT_FALSE(core.answers().back().permanent);
  EXPECT_EQ(Sql("SELECT count(*) AS n FROM mesg_executions"), R"([{"n":1}])");
}

TEST_F(PostgresTest, TableThatAnotherSessionMakesMeanwhileIsUsed) {
  Sql("CREATE TABLE t (id int)");
  StartService({{"URL", server_->Url()}});
  const auto database = *Open(server_->Url());
  const auto other = *database->Connect();
  const auto interrupt = std::make_shared<Interrupt>(SystemClock().Now() + std::chrono::minutes(1));
  ASSERT_TRUE(other->Begin({}, interrupt));
  ASSERT_TRUE(other->Run(
      {"CREATE TABLE mesg_executions (id text PRIMARY KEY, result text, at bigint NOT NULL)"}, {}));
  std::string answer;
  std::jthread task([&] { answer = Do("execute", Inputs("INSERT INTO t VALUES (1)")); });
  ASSERT_TRUE(Eventually([&] {
    return Sql("SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE 'CREATE TABLE IF NOT%' "
               "AND wait_event_type = 'Lock'") == R"([{"n":1}])";
  }));
  ASSERT_TRUE(other->Commit());
  task.join();
  EXPECT_THAT(answer, HasSubstr(R"("rows_affected":1)"));
}

// Writers whose transactions end in another order than their ids, and everything killed meanwhile:
// each row is told once.
TEST_F(PostgresTest, RowsSurviveKillsOfEverything) {
  Sql("CREATE TABLE orders (id serial PRIMARY KEY, note text)");
  ASSERT_NO_FATAL_FAILURE(
      StartService({{"URL", server_->Url()},
                    {"CURSOR_QUERY", "SELECT * FROM orders WHERE id > $1 ORDER BY id LIMIT 20"},
                    {"OVERLAP", "50"},
                    {"POLL", "20ms"}}));
  const auto write = [&](int count) {
    std::vector<std::jthread> writers;
    for (int i = 0; i < 3; ++i) {
      writers.emplace_back([&, i] {
        for (int n = 0; n < count; ++n) {
          // The id is taken first and shown later by one of the writers.
          Sql(i == 0 ? "INSERT INTO orders (note) SELECT 'x' RETURNING pg_sleep(0.02)"
                     : "INSERT INTO orders (note) VALUES ('x')");
        }
      });
    }
  };
  write(20);
  KillService();
  write(20);
  KillCore();
  write(20);
  StartCore();
  server_->Kill();
  server_->Start();
  write(20);
  KillService();
  server_->Kill();
  KillCore();
  server_->Start();
  StartCore();
  write(20);
  const std::string counted = Sql("SELECT count(*)::int AS n FROM orders");
  const auto total = std::stoul(counted.substr(6));
  ASSERT_GE(total, 290U);
  const auto events = AwaitEvents(total);
  std::multiset<std::string> told;
  for (const Event& event : events) told.insert(event.data);
  for (const std::string& each : told) EXPECT_EQ(told.count(each), 1U) << each;
  EXPECT_EQ(told.size(), total);
  EXPECT_THAT(events.front().data, HasSubstr(R"("note":"x"},"cursor":)"));
}

// Inserts that are asked for while everything is killed: as many rows as executions.
TEST_F(PostgresTest, ExecutionsSurviveKillsOfEverything) {
  Sql("CREATE TABLE t (id int)");
  ASSERT_NO_FATAL_FAILURE(StartService({{"URL", server_->Url()}}));
  std::vector<std::string> executions;
  const auto begin = [&] {
    for (int i = 0; i < 25; ++i) {
      executions.push_back(Begin(
          "execute", R"x({"sql":"INSERT INTO t SELECT $1::int FROM pg_sleep(0.01)","params":[)x" +
                         std::to_string(executions.size()) + "]}"));
    }
  };
  begin();
  KillService();
  begin();
  server_->Kill();
  server_->Start();
  begin();
  KillCore();
  StartCore();
  begin();
  for (const std::string& each : executions) {
    const auto ended = Await(each);
    EXPECT_TRUE(ended) << ended.error().message;
  }
  EXPECT_EQ(Sql("SELECT count(*)::int AS rows, count(DISTINCT id)::int AS ids FROM t"),
            R"([{"rows":100,"ids":100}])");
}

TEST_F(PostgresTest, NotificationsComeAndAGapIsTold) {
  ASSERT_NO_FATAL_FAILURE(
      StartService({{"URL", server_->Url()}, {"CHANNELS", "orders, Odd \"name"}}));
  ASSERT_TRUE(Eventually([&] {
    return Sql("SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE 'LISTEN%'") ==
           R"([{"n":1}])";
  }));
  Sql("SELECT pg_notify('orders', '{\"id\":1}'), pg_notify('Odd \"name', 'text')");
  const auto first = AwaitEvents(2);
  EXPECT_EQ(first.at(0).data, R"({"channel":"orders","payload":"{\"id\":1}","json":{"id":1}})");
  EXPECT_EQ(first.at(1).data, R"({"channel":"Odd \"name","payload":"text"})");
  server_->Kill();
  server_->Start();
  const auto then = AwaitEvents(3);
  EXPECT_EQ(then.at(2).key, "gap");
  EXPECT_EQ(then.at(2).data, R"({"channels":["orders","Odd \"name"]})");
  Sql("SELECT pg_notify('orders', 'again')");
  EXPECT_THAT(AwaitEvents(4).at(3).data, HasSubstr("again"));
}

TEST_F(PostgresTest, PasswordIsNeverShown) {
  StartCore();
  ASSERT_NO_FATAL_FAILURE(StartService({{"URL", server_->Url("hush-hush")}}));
  ASSERT_TRUE(Eventually([&] { return Health() != ""; }));
  EXPECT_THAT(Health(), HasSubstr("PostgreSQL at 127.0.0.1:"));
  EXPECT_THAT(Health(), HasSubstr("password authentication failed"));
  EXPECT_THAT(Health() + Log(), Not(HasSubstr("hush")));
  // A query that cannot work is said, too, and the right one takes it back.
  ASSERT_NO_FATAL_FAILURE(
      StartService({{"URL", server_->Url()}, {"CURSOR_QUERY", "SELECT 1 WHERE $1 = 0"}}));
  ASSERT_TRUE(Eventually([&] { return Health().find("there is no \"id\"") != std::string::npos; }))
      << Health();
  EXPECT_THAT(Health() + Log(), Not(HasSubstr("p%40ss")));
}

}  // namespace
}  // namespace mesg::services::sql
