#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mesg::services::sql {

/// A value for a placeholder. It is bound, never spliced into SQL.
struct Parameter {
  enum class Kind : std::uint8_t { kNull, kBoolean, kNumber, kText, kBytes, kJson };
  Kind kind = Kind::kNull;
  std::string text;  ///< true or false, the digits as they came, the text, the bytes, the JSON.
  bool operator==(const Parameter&) const = default;
};

struct Statement {
  std::string sql;
  std::vector<Parameter> parameters = {};
  std::optional<std::int64_t> expect = {};  ///< Rows it must affect.
};

/// What a statement gave. Cells are JSON values.
struct Table {
  std::vector<std::string> columns;  ///< No name twice: the second `id` is `id_2`.
  std::vector<std::vector<std::string>> rows;
  bool truncated = false;
  std::int64_t affected = 0;

  std::string RowJson(std::size_t index) const;
  std::string RowsJson() const;  ///< A list of objects.
};

/// The inputs of the tasks, which Core has checked against mesg.yml.
struct Inputs {
  std::vector<Statement> statements;
  std::size_t limit = 1000;
  std::string isolation;
};

/// InvalidArgument names the input that cannot work.
Result<Inputs> ReadInputs(std::string_view json);
/// The parameter for one JSON value.
Result<Parameter> ReadParameter(std::string_view json);
/// InvalidArgument unless `sql` can be part of a transaction: not empty, and does not end it.
Result<void> CheckInsideTransaction(std::string_view sql);
/// As many names, none twice.
std::vector<std::string> DistinctNames(std::vector<std::string> names);

}  // namespace mesg::services::sql
