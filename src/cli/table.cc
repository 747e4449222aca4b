#include "cli/table.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "cli/human.h"

namespace mesg::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 8;
/// In a pipe a cell wider than this stands out whole; the others are not moved aside for it.
constexpr std::size_t kWidestPadding = 40;

}  // namespace

void Table::Add(std::vector<std::string> cells) {
  MESG_CHECK(cells.size() == headings_.size());
  for (std::string& cell : cells) cell = Harmless(cell);
  rows_.push_back(std::move(cells));
}

void Table::Paint(std::size_t column, Colour colour) {
  colours_.resize(headings_.size(), nullptr);
  colours_.at(column) = colour;
}

std::vector<std::size_t> Table::Widths(std::size_t available) const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < headings_.size(); ++column) {
    std::size_t width = ShownWidth(headings_[column]);
    for (const auto& row : rows_) width = std::max(width, ShownWidth(row[column]));
    widths.push_back(width);
  }
  if (available == 0) return widths;
  const std::size_t gaps = kGap * (widths.size() - 1);
  while (std::accumulate(widths.begin(), widths.end(), gaps) > available) {
    const auto widest = std::ranges::max_element(widths);
    if (*widest <= kNarrowest) break;
    --*widest;
  }
  return widths;
}

std::string Table::Render(const Terminal& terminal) const {
  const auto& traits = terminal.traits();
  const bool cut = traits.output_is_terminal && traits.width > 0;
  const std::vector<std::size_t> widths = Widths(cut ? traits.width : 0);
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells, bool heading) {
    std::string text;
    for (std::size_t column = 0; column < cells.size(); ++column) {
      const std::string shown = cut ? Shorten(cells[column], widths[column]) : cells[column];
      Style style = heading ? Style::kBold : Style::kPlain;
      if (!heading && column < colours_.size() && colours_[column] != nullptr) {
        style = colours_[column](cells[column]);
      }
      text += style == Style::kPlain ? shown : terminal.ForOutput(style, shown);
      const std::size_t width = cut ? widths[column] : std::min(widths[column], kWidestPadding);
      const std::size_t padding = width - std::min(width, ShownWidth(shown));
      if (column + 1 < cells.size()) text.append(padding + kGap, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    if (!out.empty()) out += '\n';
    out += text;
  };
  line(headings_, true);
  for (const auto& row : rows_) line(row, false);
  return out;
}

Style StateColour(std::string_view state) {
  static const std::set<std::string_view> well = {"running", "completed", "ready",
                                                  "ok",      "connected", "active"};
  static const std::set<std::string_view> bad = {"failed", "failed to run", "outcome unknown",
                                                 "broken", "problem"};
  static const std::set<std::string_view> plain = {"stopped", "cancelled", "waiting", "skipped"};
  if (well.contains(state)) return Style::kGreen;
  if (bad.contains(state)) return Style::kRed;
  if (plain.contains(state)) return Style::kDim;
  return Style::kYellow;
}

}  // namespace mesg::cli
