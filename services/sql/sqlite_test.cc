// The service against real SQLite files and a real Core.
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/service_test_support.h"
#include "mesg/json.h"
#include "sql/database.h"

namespace mesg::services::sql {
namespace {

using mesg::testing::Eventually;
using ::testing::HasSubstr;

class SqliteTest : public ServiceTest {
 protected:
  SqliteTest() : ServiceTest("sql") {}

  std::string Url() const { return "sqlite:" + (Folder() / "data.db").string(); }
  // Beside the service.
  std::string Sql(const std::string& sql) {
    auto connection = (*Open(Url()))->Connect();
    const auto interrupt =
        std::make_shared<Interrupt>(SystemClock().Now() + std::chrono::seconds(60));
    if (auto begun = (*connection)->Begin({}, interrupt); !begun) return begun.error().message;
    const auto table = (*connection)->Run({sql}, {});
    if (!table) return table.error().message;
    if (auto done = (*connection)->Commit(); !done) return done.error().message;
    return table->RowsJson();
  }
  std::string Do(const std::string& task, const std::string& inputs) {
    const auto outputs = Execute(task, inputs);
    return outputs ? *outputs : outputs.error().message;
  }
  static std::string Inputs(const std::string& sql, const std::string& more = "") {
    return sdk::JsonObject().Add("sql", sql).Take().insert(1, more);
  }
};

TEST_F(SqliteTest, QueriesAndChanges) {
  ASSERT_NO_FATAL_FAILURE(StartService({{"URL", Url()}}));
  EXPECT_EQ(Do("execute", Inputs("CREATE TABLE t (id INTEGER PRIMARY KEY, real REAL, flag BOOLEAN,"
                                 " doc JSON, bytes BLOB, text TEXT)")),
            R"({"rows_affected":0,"rows":[],"truncated":false,"recorded":false})");
  EXPECT_EQ(Do("execute", R"({"sql":"INSERT INTO t VALUES ($1,$3,$2,?4,?5,?6) RETURNING *","params":
                [9223372036854775807,true,1.5,{"a":[1]},{"base64":"AP8="},"a\u0000b"]})"),
            R"({"rows_affected":1,"rows":[{"id":9223372036854775807,"real":1.5,"flag":true,)"
            R"("doc":{"a":[1]},"bytes":"AP8=","text":"a\u0000b"}],"truncated":false,)"
            R"("recorded":false})");
  EXPECT_EQ(Do("query", R"({"sql":"SELECT ? AS a, ? AS b","params":[null,"x"]})"),
            R"({"rows":[{"a":null,"b":"x"}],"row_count":1,"truncated":false})");
  const std::string endless =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
  EXPECT_EQ(Do("query", Inputs(endless, R"("limit":1,)")),
            R"({"rows":[{"i":1}],"row_count":1,"truncated":true})");
  EXPECT_THAT(Do("query", Inputs("DELETE FROM t")), HasSubstr("attempt to write a readonly"));
  EXPECT_THAT(Do("query", Inputs("SELECT 1; SELECT 2")), HasSubstr("expected one statement"));
  EXPECT_THAT(Do("query", Inputs("SELECT $1")), HasSubstr("params: expected at least 1 values"));
  EXPECT_THAT(Do("query", R"({"sql":"SELECT 1","params":[1]})"), HasSubstr("expected 0 values"));
  EXPECT_THAT(Do("query", R"({"sql":"SELECT $1","params":[9223372036854775808]})"),
              HasSubstr("does not fit SQLite's 64 bits; pass it as text"));
  EXPECT_THAT(Do("execute", Inputs("ATTACH '/tmp/other.db' AS o")), HasSubstr("not authorized"));
  EXPECT_THAT(Do("execute", Inputs("INSERT INTO t (id) VALUES (9223372036854775807)")),
              HasSubstr("SQLite error 1555 (constraint failed): UNIQUE constraint failed: t.id"));
  EXPECT_THAT(Do("transaction", R"({"statements":[{"sql":"DELETE FROM t"},{"sql":"nonsense"}]})"),
              HasSubstr("statements[1]: SQLite error 1"));
  EXPECT_EQ(Sql("SELECT count(*) AS n FROM t"), R"([{"n":1}])");
}

TEST_F(SqliteTest, RowsAndExecutionsSurviveKills) {
  Sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)");
  ASSERT_NO_FATAL_FAILURE(
      StartService({{"URL", Url()},
                    {"CURSOR_QUERY", "SELECT id, n FROM t WHERE id > $1 ORDER BY id LIMIT 7"},
                    {"POLL", "10ms"}}));
  std::vector<std::string> executions;
  const auto begin = [&] {
    for (int i = 0; i < 25; ++i) {
      executions.push_back(
          Begin("execute", R"x({"sql":"INSERT INTO t (n) VALUES ($1)","params":[)x" +
                               std::to_string(executions.size()) + "]}"));
    }
  };
  begin();
  KillService();
  begin();
  KillCore();
  StartCore();
  begin();
  KillService();
  begin();
  for (const std::string& each : executions) {
    const auto ended = Await(each);
    EXPECT_TRUE(ended) << ended.error().message;
  }
  EXPECT_EQ(Sql("SELECT count(*) AS r, count(DISTINCT n) AS d FROM t"), R"([{"r":100,"d":100}])");
  const auto events = AwaitEvents(100);
  ASSERT_EQ(events.size(), 100U);
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_THAT(events[i].data, HasSubstr("},\"cursor\":" + std::to_string(i + 1) + "}"));
  }
}

TEST_F(SqliteTest, FileThatCannotBeOpenedIsHealth) {
  ASSERT_NO_FATAL_FAILURE(StartService({{"URL", "sqlite:/proc/none/x.db"}}));
  EXPECT_TRUE(Eventually([&] {
    return Health().find("SQLite at /proc/none/x.db: ") != std::string::npos;
  })) << Health();
}

}  // namespace
}  // namespace mesg::services::sql
