#include "sql/cursor.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>
#include <utility>

#include <simdjson.h>

#include "base/encoding.h"
#include "mesg/json.h"

namespace mesg::services::sql {
namespace {

using simdjson::SUCCESS;

constexpr std::int64_t kUsualOverlap = 100;
constexpr Duration kUsualOverlapTime = std::chrono::minutes(1);
constexpr std::size_t kMostSeen = 5'000;
constexpr std::size_t kMostRowBytes = 1024 * 1024;

std::string ToJson(const Parameter& value) {
  switch (value.kind) {
    case Parameter::Kind::kNull:
      return "null";
    case Parameter::Kind::kBoolean:
    case Parameter::Kind::kNumber:
    case Parameter::Kind::kJson:
      return value.text;
    case Parameter::Kind::kText:
    case Parameter::Kind::kBytes:
      break;
  }
  return QuoteJson(value.text);
}

simdjson::simdjson_result<std::string_view> RawOf(
    simdjson::simdjson_result<simdjson::ondemand::value> found) {
  simdjson::ondemand::value value;
  if (const auto error = found.get(value); error != SUCCESS) return error;
  return simdjson::to_json_string(value);
}

std::optional<std::size_t> Find(const std::vector<std::string>& columns, const std::string& name) {
  const auto found = std::ranges::find(columns, name);
  if (found == columns.end()) return {};
  return static_cast<std::size_t>(found - columns.begin());
}

}  // namespace

std::optional<std::int64_t> OrderOf(const Parameter& value) {
  const std::string& text = value.text;
  if (value.kind == Parameter::Kind::kNumber) {
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error == std::errc() && stop == end) return number;
  } else if (value.kind == Parameter::Kind::kText && text.find('T') == 10) {
    const bool has_zone = text.ends_with('Z') || text.find_first_of("+-", 11) != std::string::npos;
    if (const auto time = ParseTime(has_zone ? text : text + "Z")) return ToMicros(*time);
  }
  return {};
}

Cursor::Cursor(const CursorOptions& options)
    : options_(options),
      salt_(options.query + '\0' + options.column + '\0' + options.key_column + '\0'),
      cursor_(options.start),
      cell_(ToJson(options.start)),
      floor_(OrderOf(options.start)) {}

std::string Cursor::Json() const {
  std::string seen;
  for (const auto& [id, row] : seen_) {
    if (!seen.empty()) seen += ',';
    seen += fmt::format(R"(["{}",{},{}])", id, row.order ? std::to_string(*row.order) : "null",
                        row.order ? "null" : row.cell);
  }
  sdk::JsonObject json;
  json.AddRaw("cursor", cell_).AddRaw("floor", floor_ ? std::to_string(*floor_) : "null");
  return json.AddRaw("seen", "[" + seen + "]").Take();
}

Result<void> Cursor::Restore(std::string_view json) {
  const Error broken = DataLoss("the kept cursor is broken: {}", json.substr(0, 200));
  const simdjson::padded_string padded(json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  simdjson::ondemand::array seen;
  std::string_view text;
  if (parser.iterate(padded).get(document) != SUCCESS ||
      document.get_object().get(object) != SUCCESS ||
      RawOf(object["cursor"]).get(text) != SUCCESS) {
    return broken;
  }
  cell_ = text;
  cursor_ = MESG_TRY(ReadParameter(cell_));
  std::int64_t floor = 0;
  floor_.reset();
  if (object["floor"].get_int64().get(floor) == SUCCESS) floor_ = floor;
  if (object["seen"].get_array().get(seen) != SUCCESS) return broken;
  seen_.clear();
  for (auto element : seen) {
    simdjson::ondemand::array entry;
    if (element.get_array().get(entry) != SUCCESS) return broken;
    std::string id;
    Seen row;
    std::size_t at = 0;
    for (auto part : entry) {
      std::string_view raw;
      if (RawOf(part).get(raw) != SUCCESS) return broken;
      const Parameter value = MESG_TRY(ReadParameter(raw));
      if (at == 0) id = value.text;
      if (at == 1) row.order = OrderOf(value);
      if (at == 2) row.cell = ToJson(value);
      ++at;
    }
    seen_.emplace(std::move(id), std::move(row));
  }
  return {};
}

// Where the overlap begins; rows before it are not asked for again.
std::optional<std::int64_t> Cursor::WindowBegin() const {
  const auto order = OrderOf(cursor_);
  if (!order) return {};
  const bool is_number = cursor_.kind == Parameter::Kind::kNumber;
  const std::int64_t usual = is_number ? kUsualOverlap : kUsualOverlapTime.count();
  const bool is_set = options_.overlap || options_.overlap_time;
  const std::int64_t given = is_number ? options_.overlap.value_or(0)
                                       : options_.overlap_time.value_or(Duration(0)).count();
  const std::int64_t overlap = is_set ? given : usual;
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  const std::int64_t begin = *order < kLeast + overlap ? kLeast : *order - overlap;
  return std::max(begin, std::min(floor_.value_or(kLeast), *order));
}

Parameter Cursor::From() const {
  const auto begin = WindowBegin();
  if (!begin || *begin == OrderOf(cursor_)) return cursor_;
  if (cursor_.kind == Parameter::Kind::kNumber) {
    return {Parameter::Kind::kNumber, std::to_string(*begin)};
  }
  return {Parameter::Kind::kText, FormatTime(FromMicros(*begin))};
}

Result<Cursor::Page> Cursor::Take(const Table& table) {
  Page page;
  page.last = cursor_;
  if (table.rows.empty()) return page;
  const auto at = Find(table.columns, options_.column);
  if (!at) {
    return FailedPrecondition(
        "CURSOR_COLUMN: expected a column of CURSOR_QUERY, there is no \"{}\"", options_.column);
  }
  const auto key_at = options_.key_column.empty() ? std::optional<std::size_t>()
                                                  : Find(table.columns, options_.key_column);
  if (!key_at && !options_.key_column.empty()) {
    return FailedPrecondition("KEY_COLUMN: expected a column of CURSOR_QUERY, there is no \"{}\"",
                              options_.key_column);
  }
  std::set<std::string> ids;
  std::optional<std::int64_t> previous;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const auto& cells = table.rows[i];
    const Parameter value = MESG_TRY(ReadParameter(cells[*at]));
    if (value.kind == Parameter::Kind::kNull) {
      return FailedPrecondition("CURSOR_QUERY: expected a value in every row's {}, one is null",
                                options_.column);
    }
    const auto order = OrderOf(value);
    if (order && previous && *order < *previous) {
      return FailedPrecondition(
          "CURSOR_QUERY: expected rows in the order of {}, {} came later; "
          "add ORDER BY",
          options_.column, cells[*at]);
    }
    previous = order;
    page.last = value;
    const std::string id =
        ToHex(Sha256(salt_ + cells[*at] + '\0' + (key_at ? cells[*key_at] : std::string()))
                  .substr(0, 16));
    if (!ids.insert(id).second) {
      return FailedPrecondition(
          "CURSOR_QUERY: two rows have the {} {}: set KEY_COLUMN to a column that tells them apart",
          options_.column, cells[*at]);
    }
    if (!seen_.emplace(id, Seen{order, cells[*at]}).second) continue;
    std::string row = table.RowJson(i);
    sdk::JsonObject data;
    const bool cut = row.size() > kMostRowBytes;
    if (cut) {
      sdk::JsonObject rest;
      rest.AddRaw(options_.column, cells[*at]);
      if (key_at && *key_at != *at) rest.AddRaw(options_.key_column, cells[*key_at]);
      row = rest.Take();
    }
    data.AddRaw("row", row).AddRaw("cursor", cells[*at]);
    if (cut) data.Add("cut", true);
    page.events.push_back({.key = "row", .json = data.Take(), .id = id});
    const auto before = OrderOf(cursor_);
    if (!order || !before || *order > *before) {
      cursor_ = value;
      cell_ = cells[*at];
    }
  }
  Forget();
  return page;
}

// What no poll will show again.
void Cursor::Forget() {
  const auto begin = WindowBegin();
  std::erase_if(seen_, [&](const auto& entry) {
    const Seen& row = entry.second;
    return row.order && begin ? *row.order < *begin : row.cell != cell_;
  });
  if (seen_.size() <= kMostSeen) return;
  std::vector<std::int64_t> orders;
  for (const auto& [id, row] : seen_) orders.push_back(row.order.value_or(0));
  const auto oldest_kept = orders.end() - static_cast<std::ptrdiff_t>(kMostSeen / 2);
  std::ranges::nth_element(orders, oldest_kept);
  // The query asks for what is behind the floor, so that what stands on it need not be known.
  floor_ = *oldest_kept;
  narrowed_ = true;
  std::erase_if(seen_, [&](const auto& entry) {
    return entry.second.order && *entry.second.order < *floor_;
  });
}

}  // namespace mesg::services::sql
