#include "sql/cursor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sql/config.h"
#include "sql/database.h"
#include "sql/postgres_value.h"

namespace mesg::services::sql {
namespace {

using ::testing::HasSubstr;

Parameter Number(std::int64_t number) { return {Parameter::Kind::kNumber, std::to_string(number)}; }

CursorOptions Options(std::optional<std::int64_t> overlap) {
  return {.query = "SELECT",
          .column = "id",
          .key_column = {},
          .start = Number(0),
          .overlap = overlap,
          .overlap_time = {}};
}

Table Rows(const std::vector<std::string>& ids) {
  Table table;
  table.columns = {"id", "note"};
  for (const std::string& id : ids) table.rows.push_back({id, "\"n\""});
  return table;
}

// What a poll emits, "1 2 3", or why it does not.
std::string Take(Cursor& cursor, const Table& table) {
  const auto page = cursor.Take(table);
  if (!page) return page.error().message;
  std::string cursors;
  for (const sdk::Event& event : page->events) {
    const auto at = event.json.find("\"cursor\":") + 9;
    cursors += event.json.substr(at, event.json.size() - at - 1) + " ";
  }
  return cursors;
}

TEST(CursorTest, RowThatWasCommittedLateIsFoundOnce) {
  Cursor cursor(Options(10));
  EXPECT_EQ(cursor.From(), Number(0));
  EXPECT_EQ(Take(cursor, Rows({"1", "2", "4"})), "1 2 4 ");
  EXPECT_EQ(cursor.From(), Number(0)) << "nothing before CURSOR_START";
  EXPECT_EQ(Take(cursor, Rows({"1", "2", "3", "4"})), "3 ");
  EXPECT_EQ(Take(cursor, Rows({"1", "2", "3", "4", "20"})), "20 ");
  EXPECT_EQ(cursor.From(), Number(10));
  EXPECT_EQ(Take(cursor, Rows({"15", "20"})), "15 ");
}

TEST(CursorTest, GoesOnWhereItWasKept) {
  Cursor before(Options(10));
  EXPECT_EQ(Take(before, Rows({"30", "31", "40"})), "30 31 40 ");
  Cursor after(Options(10));
  ASSERT_TRUE(after.Restore(before.Json()));
  EXPECT_EQ(after.From(), Number(30));
  EXPECT_EQ(after.Json(), before.Json());
  EXPECT_EQ(Take(after, Rows({"31", "32", "40", "41"})), "32 41 ");
  EXPECT_THAT(after.Restore("{}").error().message, HasSubstr("the kept cursor is broken"));
}

TEST(CursorTest, WithoutOverlapOnlyWhatIsBehind) {
  Cursor cursor(Options(0));
  EXPECT_EQ(Take(cursor, Rows({"5", "7"})), "5 7 ");
  EXPECT_EQ(cursor.From(), Number(7));
  // A query with >= instead of >.
  EXPECT_EQ(Take(cursor, Rows({"7", "8"})), "8 ");
}

TEST(CursorTest, TimesOverlapByADuration) {
  CursorOptions options = Options({});
  options.start = {Parameter::Kind::kText, "2024-01-01"};
  Cursor cursor(options);
  EXPECT_EQ(cursor.From().text, "2024-01-01");
  EXPECT_EQ(Take(cursor, Rows({R"("2024-05-01T10:00:00.5")", R"("2024-05-01T10:02:00.25+02:00")"})),
            "CURSOR_QUERY: expected rows in the order of id, \"2024-05-01T10:02:00.25+02:00\" came "
            "later; add ORDER BY");
  Cursor other(options);
  EXPECT_EQ(Take(other, Rows({R"("2024-05-01T10:00:00.5+00:00")"})),
            "\"2024-05-01T10:00:00.5+00:00\" ");
  EXPECT_EQ(other.From().text, "2024-05-01T09:59:00.500000Z");
}

TEST(CursorTest, TextIsACursorToo) {
  Cursor cursor(Options({}));
  EXPECT_EQ(Take(cursor, Rows({R"("a")", R"("b")"})), "\"a\" \"b\" ");
  EXPECT_EQ(cursor.From(), (Parameter{Parameter::Kind::kText, "b"}));
}

TEST(CursorTest, WhatIsWrongWithAQueryIsNamed) {
  CursorOptions options = Options(10);
  options.key_column = "key";
  Cursor keyed(options);
  EXPECT_THAT(Take(keyed, Rows({"1"})), HasSubstr("KEY_COLUMN: expected a column"));
  options = Options(10);
  options.column = "number";
  Cursor other(options);
  EXPECT_THAT(Take(other, Rows({"1"})), HasSubstr(R"(there is no "number")"));
  Cursor cursor(Options(10));
  EXPECT_THAT(Take(cursor, Rows({"null"})), HasSubstr("one is null"));
  EXPECT_THAT(Take(cursor, Rows({"2", "2"})), HasSubstr("set KEY_COLUMN"));
}

TEST(CursorTest, KeyTellsRowsApart) {
  CursorOptions options = Options(0);
  options.key_column = "note";
  Cursor cursor(options);
  Table table = Rows({"1", "1"});
  table.rows[1][1] = "\"m\"";
  EXPECT_EQ(Take(cursor, table), "1 1 ");
  EXPECT_EQ(Take(cursor, table), "");
}

TEST(CursorTest, WhatItRemembersIsBounded) {
  Cursor cursor(Options(1'000'000));
  for (int page = 0; page < 30; ++page) {
    std::vector<std::string> ids;
    for (int i = 1; i <= 500; ++i) ids.push_back(std::to_string(page * 500 + i));
    ASSERT_NE(Take(cursor, Rows(ids)), "");
    ASSERT_LT(cursor.Json().size(), 400'000U);
  }
  EXPECT_TRUE(cursor.Narrowed());
  EXPECT_GT(*OrderOf(cursor.From()), 9'000);
  EXPECT_EQ(Take(cursor, Rows({"14999", "15000"})), "") << "still known";
}

TEST(CursorTest, LargeRowIsMarked) {
  Cursor cursor(Options(10));
  Table table = Rows({"1"});
  table.rows[0][1] = "\"" + std::string(2'000'000, 'x') + "\"";
  EXPECT_EQ(cursor.Take(table)->events.at(0).json, R"({"row":{"id":1},"cursor":1,"cut":true})");
}

TEST(StatementTest, ParametersKeepTheirKindAndDigits) {
  const auto inputs = ReadInputs(
      R"({"sql":"x","params":[null,true,12345678901234567890.10,"a\nb",{"base64":"AP8="},[1, 2]]})");
  ASSERT_TRUE(inputs) << inputs.error().message;
  std::string all;
  for (const Parameter& each : inputs->statements.at(0).parameters) {
    all += std::to_string(static_cast<int>(each.kind)) + ":" + each.text + "|";
  }
  EXPECT_EQ(all, std::string("0:|1:true|2:12345678901234567890.10|3:a\nb|4:\0\xff|5:[1, 2]|", 56));
}

TEST(StatementTest, StatementThatEndsTheTransactionIsNotTaken) {
  for (const char* const sql : {"COMMIT", " commit;", "-- x\nROLLBACK", "/* x */ Begin", ";END"}) {
    EXPECT_FALSE(CheckInsideTransaction(sql)) << sql;
  }
  EXPECT_THAT(CheckInsideTransaction(" -- only this").error().message, HasSubstr("it is empty"));
  EXPECT_TRUE(CheckInsideTransaction("SELECT 1"));
}

TEST(PostgresValueTest, TypesBecomeJson) {
  EXPECT_EQ(PostgresToJson(1700, "123456789012345678901234567890.10"),
            "123456789012345678901234567890.10");
  EXPECT_EQ(PostgresToJson(1700, "NaN"), "\"NaN\"");
  EXPECT_EQ(PostgresToJson(701, "-Infinity"), "\"-Infinity\"");
  EXPECT_EQ(PostgresToJson(16, "t"), "true");
  EXPECT_EQ(PostgresToJson(17, "\\x00ff"), "\"AP8=\"");
  EXPECT_EQ(PostgresToJson(114, R"({"a":1,"a":2})"), R"("{\"a\":1,\"a\":2}")");
  EXPECT_EQ(PostgresToJson(1184, "2024-05-01 10:00:00.5+02"), "\"2024-05-01T10:00:00.5+02:00\"");
  EXPECT_EQ(PostgresToJson(1184, "2024-05-01 10:00:00-03:30"), "\"2024-05-01T10:00:00-03:30\"");
  EXPECT_EQ(PostgresToJson(1114, "infinity"), "\"infinity\"");
}

std::string WhyNot(const std::map<std::string, std::string>& variables) {
  const auto config = ReadConfig(Environment([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  }));
  if (!config) return config.error().message;
  const auto database = Open(config->url);
  return database ? (*database)->name() : database.error().message;
}

TEST(ConfigTest, ErrorsNameTheVariableAndNeverShowTheUrl) {
  EXPECT_EQ(WhyNot({}), "URL: expected a value, it is not set");
  EXPECT_THAT(WhyNot({{"URL", "mysql://a:secret@b"}}), HasSubstr("URL: expected postgresql://"));
  EXPECT_THAT(WhyNot({{"URL", "sqlite:relative.db"}}), HasSubstr("absolute path"));
  for (const char* const url :
       {"postgresql://u:secret@x@host/db", "postgresql://u:sec%ret@host/db",
        "postgresql://u:p@host:secret/db", "postgresql://u:p@host/db?secret=1"}) {
    EXPECT_THAT(WhyNot({{"URL", url}}), HasSubstr("special character")) << url;
    EXPECT_THAT(WhyNot({{"URL", url}}), Not(HasSubstr("secret"))) << url;
  }
  EXPECT_EQ(WhyNot({{"URL", "postgres://u:secret@db.example:77/x"}}),
            "PostgreSQL at db.example:77");
  EXPECT_EQ(WhyNot({{"URL", "sqlite:///tmp/x.db"}}), "SQLite at /tmp/x.db");
  EXPECT_THAT(WhyNot({{"URL", "sqlite:/x"}, {"CURSOR_QUERY", "x"}, {"OVERLAP", "much"}}),
              HasSubstr("OVERLAP: expected a number like 100 or a duration like 1m"));
  EXPECT_THAT(WhyNot({{"URL", "sqlite:/x"}, {"CHANNELS", "a"}}), HasSubstr("CHANNELS"));
  EXPECT_THAT(WhyNot({{"URL", "sqlite:/x"}, {"CONNECTIONS", "0"}}), HasSubstr("CONNECTIONS"));
}

}  // namespace
}  // namespace mesg::services::sql
