#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.h"

namespace mesg::cli {

/// Rows under headings, aligned; on a terminal the widest columns are cut to fit its width.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

  /// As many cells as there are headings.
  void Add(std::vector<std::string> cells);

  /// A style for the whole of a column, by its text: colours a state, for example.
  using Colour = Style (*)(std::string_view cell);
  void Paint(std::size_t column, Colour colour);

  bool empty() const { return rows_.empty(); }

  /// Without a line end behind the last row.
  std::string Render(const Terminal& terminal) const;

 private:
  std::vector<std::size_t> Widths(std::size_t available) const;

  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<Colour> colours_;
};

/// The colour of a state's name: green when it is well, red when it failed, yellow in between.
Style StateColour(std::string_view state);

}  // namespace mesg::cli
