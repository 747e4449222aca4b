#include "sql/statement.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <utility>

#include <simdjson.h>

#include "mesg/json.h"

namespace mesg::services::sql {
namespace {

using simdjson::SUCCESS;
using simdjson::ondemand::json_type;
using Value = simdjson::ondemand::value;

constexpr std::size_t kMostParameters = 1000;

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  return text;
}

// {"base64": "..."} is bytes.
std::optional<Parameter> AsBytes(std::string_view json) {
  const simdjson::padded_string padded(json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  std::size_t fields = 0;
  std::string_view text;
  if (parser.iterate(padded).get(document) != SUCCESS || document.get_object().get(object) ||
      object.count_fields().get(fields) || fields != 1 || object["base64"].get_string().get(text)) {
    return {};
  }
  auto bytes = sdk::FromBase64(text);
  if (!bytes) return {};
  return Parameter{Parameter::Kind::kBytes, *std::move(bytes)};
}

// From a value or a document: both have the same functions.
Result<Parameter> Read(auto& from) {
  json_type type{};
  std::string_view text;
  bool flag = false;
  if (from.type().get(type) != SUCCESS) return InvalidArgument("expected a JSON value");
  switch (type) {
    case json_type::null:
      return Parameter{};
    case json_type::boolean:
      if (from.get_bool().get(flag) != SUCCESS) break;
      return Parameter{Parameter::Kind::kBoolean, flag ? "true" : "false"};
    case json_type::number:
      // A value's token is text, a document's may be an error.
      if (simdjson::simdjson_result<std::string_view>(from.raw_json_token()).get(text) != SUCCESS) {
        break;
      }
      return Parameter{Parameter::Kind::kNumber, std::string(Trimmed(text))};
    case json_type::string:
      if (from.get_string().get(text) != SUCCESS) break;
      return Parameter{Parameter::Kind::kText, std::string(text)};
    case json_type::object:
    case json_type::array: {
      if (simdjson::to_json_string(from).get(text) != SUCCESS) break;
      const std::string json(Trimmed(text));
      if (auto bytes = AsBytes(json)) return *std::move(bytes);
      return Parameter{Parameter::Kind::kJson, json};
    }
  }
  return InvalidArgument("expected a JSON value");
}

Result<void> ReadParameters(Value from, Statement& statement, const std::string& where) {
  simdjson::ondemand::array list;
  if (from.get_array().get(list) != SUCCESS) return InvalidArgument("{}: expected a list", where);
  for (auto element : list) {
    Value each;
    const auto at = statement.parameters.size();
    if (at == kMostParameters) {
      return InvalidArgument("{}: expected at most {} parameters", where, kMostParameters);
    }
    if (element.get(each) != SUCCESS) return InvalidArgument("{}: broken JSON", where);
    auto parameter = Read(each);
    if (!parameter) return InvalidArgument("{}[{}]: {}", where, at, parameter.error().message);
    statement.parameters.push_back(*std::move(parameter));
  }
  return {};
}

// One field of a statement. False: it is none.
Result<bool> TakeField(std::string_view key, Value from, Statement& statement,
                       const std::string& where) {
  if (key == "sql") {
    std::string_view text;
    if (from.get_string().get(text) != SUCCESS) {
      return InvalidArgument("{}sql: expected text", where);
    }
    statement.sql = text;
    if (statement.sql.find('\0') != std::string::npos) {
      return InvalidArgument("{}sql: holds a NUL character", where);
    }
  } else if (key == "params") {
    json_type type{};
    if (from.type().get(type) == SUCCESS && type == json_type::null) return true;
    MESG_TRY(ReadParameters(from, statement, where + "params"));
  } else if (key == "expect") {
    std::int64_t rows = 0;
    json_type type{};
    if (from.type().get(type) == SUCCESS && type == json_type::null) return true;
    if (from.get_int64().get(rows) != SUCCESS) {
      return InvalidArgument("{}expect: expected a whole number of rows", where);
    }
    statement.expect = rows;
  } else {
    return false;
  }
  return true;
}

Result<void> ReadStatements(Value from, Inputs& inputs) {
  simdjson::ondemand::array list;
  if (from.get_array().get(list) != SUCCESS) {
    return InvalidArgument("statements: expected a list");
  }
  for (auto element : list) {
    const std::string where = fmt::format("statements[{}].", inputs.statements.size());
    simdjson::ondemand::object object;
    if (element.get_object().get(object) != SUCCESS) {
      return InvalidArgument("{} expected an object", where);
    }
    Statement statement;
    for (auto field : object) {
      std::string_view key;
      Value value;
      if (field.unescaped_key().get(key) != SUCCESS || field.value().get(value) != SUCCESS) {
        return InvalidArgument("{} broken JSON", where);
      }
      MESG_TRY(TakeField(key, value, statement, where));
    }
    inputs.statements.push_back(std::move(statement));
  }
  return {};
}

Result<void> TakeOther(std::string_view key, Value from, Inputs& inputs) {
  json_type type{};
  if (from.type().get(type) == SUCCESS && type == json_type::null) return {};
  if (key == "statements") return ReadStatements(from, inputs);
  if (key == "limit") {
    std::uint64_t rows = 0;
    if (from.get_uint64().get(rows) != SUCCESS || rows == 0) {
      return InvalidArgument("limit: expected a number of rows");
    }
    inputs.limit = rows;
  } else if (key == "isolation") {
    std::string_view text;
    if (from.get_string().get(text) != SUCCESS) return InvalidArgument("isolation: expected text");
    inputs.isolation = text;
  }
  return {};
}

// Behind spaces and comments.
std::string_view SkipBlank(std::string_view sql) {
  while (!sql.empty()) {
    if (std::isspace(static_cast<unsigned char>(sql.front())) != 0 || sql.front() == ';') {
      sql.remove_prefix(1);
    } else if (sql.starts_with("--")) {
      sql.remove_prefix(std::min(sql.find('\n'), sql.size()));
    } else if (sql.starts_with("/*")) {
      // PostgreSQL's comments nest, SQLite's do not; a statement hidden in the difference is
      // found out when its transaction is gone.
      sql.remove_prefix(2);
      const auto end = sql.find("*/");
      sql.remove_prefix(end == std::string_view::npos ? sql.size() : end + 2);
    } else {
      break;
    }
  }
  return sql;
}

}  // namespace

Result<Inputs> ReadInputs(std::string_view json) {
  const simdjson::padded_string padded(json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(padded).get(document) != SUCCESS ||
      document.get_object().get(object) != SUCCESS) {
    return InvalidArgument("the inputs are not a JSON object");
  }
  Inputs inputs;
  Statement alone;
  bool is_alone = false;
  for (auto field : object) {
    std::string_view key;
    Value value;
    if (field.unescaped_key().get(key) != SUCCESS || field.value().get(value) != SUCCESS) {
      return InvalidArgument("the inputs are not a JSON object");
    }
    const std::string name(key);
    const bool taken = MESG_TRY(TakeField(name, value, alone, ""));
    is_alone = is_alone || taken;
    if (!taken) MESG_TRY(TakeOther(name, value, inputs));
  }
  if (is_alone) inputs.statements.insert(inputs.statements.begin(), std::move(alone));
  return inputs;
}

Result<Parameter> ReadParameter(std::string_view json) {
  const simdjson::padded_string padded(json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  if (parser.iterate(padded).get(document) != SUCCESS) {
    return InvalidArgument("expected a JSON value");
  }
  return Read(document);
}

Result<void> CheckInsideTransaction(std::string_view sql) {
  constexpr std::array<std::string_view, 9> kOutside = {
      "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE"};
  const std::string_view rest = SkipBlank(sql);
  std::string word;
  for (const char c : rest) {
    if (std::isalpha(static_cast<unsigned char>(c)) == 0) break;
    word += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  if (rest.empty()) return InvalidArgument("sql: expected a statement, it is empty");
  if (std::ranges::find(kOutside, word) != kOutside.end()) {
    return InvalidArgument(
        "sql: {} is not taken, a statement runs in a transaction already; "
        "for several statements use the task transaction",
        word);
  }
  return {};
}

std::vector<std::string> DistinctNames(std::vector<std::string> names) {
  std::set<std::string> taken;
  for (std::string& name : names) {
    std::string free = name;
    for (int i = 2; !taken.insert(free).second; ++i) free = fmt::format("{}_{}", name, i);
    name = std::move(free);
  }
  return names;
}

std::string Table::RowJson(std::size_t index) const {
  sdk::JsonObject object;
  for (std::size_t i = 0; i < columns.size(); ++i) object.AddRaw(columns[i], rows[index][i]);
  return object.Take();
}

std::string Table::RowsJson() const {
  std::string list = "[";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i > 0) list += ',';
    list += RowJson(i);
  }
  return list + "]";
}

}  // namespace mesg::services::sql
