#include "sql/config.h"

#include <algorithm>
#include <cctype>

#include "mesg/json.h"

namespace mesg::services::sql {
namespace {

Result<CursorOptions> ReadCursor(const Environment& environment, std::string query) {
  CursorOptions cursor;
  cursor.query = std::move(query);
  cursor.column = environment.Text("CURSOR_COLUMN", "id");
  cursor.key_column = environment.Text("KEY_COLUMN");
  cursor.poll = MESG_TRY(environment.Time("POLL", std::chrono::seconds(5)));
  cursor.start = {Parameter::Kind::kText, environment.Text("CURSOR_START", "0")};
  if (const auto number = ReadParameter(cursor.start.text);
      number && number->kind == Parameter::Kind::kNumber && sdk::IsJson(cursor.start.text)) {
    cursor.start = *number;
  }
  const std::string overlap = environment.Text("OVERLAP");
  const bool is_number =
      std::ranges::all_of(overlap, [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!overlap.empty() && is_number) {
    cursor.overlap = MESG_TRY(environment.Number("OVERLAP", 0, 0, 1'000'000'000'000));
  } else if (!overlap.empty()) {
    const auto time = ParseDuration(overlap);
    if (!time) {
      return InvalidArgument(
          "OVERLAP: expected a number like 100 or a duration like 1m, got \"{}\"", overlap);
    }
    cursor.overlap_time = *time;
  }
  return cursor;
}

}  // namespace

Result<Config> ReadConfig(const Environment& environment) {
  Config config;
  config.url = MESG_TRY(environment.Required("URL"));
  if (std::string query = environment.Text("CURSOR_QUERY"); !query.empty()) {
    config.cursor = MESG_TRY(ReadCursor(environment, std::move(query)));
  }
  config.channels = environment.List("CHANNELS");
  if (!config.channels.empty() && config.url.starts_with("sqlite:")) {
    return InvalidArgument("CHANNELS: expected nothing, SQLite has no notifications");
  }
  config.connections =
      static_cast<unsigned>(MESG_TRY(environment.Number("CONNECTIONS", 4, 1, 100)));
  config.record = MESG_TRY(environment.Flag("EXECUTIONS", true));
  config.keep = MESG_TRY(environment.Time("EXECUTIONS_KEEP", std::chrono::hours(24 * 7)));
  return config;
}

}  // namespace mesg::services::sql
