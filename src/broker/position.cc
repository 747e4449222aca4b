#include "broker/position.h"

#include <charconv>
#include <optional>
#include <utility>

namespace mesg::broker {

namespace {

Error NoPosition(std::string_view text) {
  return InvalidArgument(
             "\"{}\" is not a position of this Core; pass one that it gave, or 0 for the beginning",
             text)
      .Because("INVALID_POSITION");
}

/// Takes a number off the front of `rest`; false when none is there.
template <typename Number>
bool TakeNumber(std::string_view& rest, Number& number) {
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return error == std::errc();
}

bool Take(std::string_view& rest, char wanted) {
  if (!rest.starts_with(wanted)) return false;
  rest.remove_prefix(1);
  return true;
}

/// The position, and of which partition it is an entry's.
Result<std::pair<Position, std::optional<std::size_t>>> Read(std::string_view text,
                                                             std::size_t partitions) {
  Position position(partitions);
  std::optional<std::size_t> of;
  if (text == "0") return std::pair(position, of);
  std::string_view rest = text;
  for (std::size_t partition = 0; partition < partitions; ++partition) {
    std::uint64_t sequence = 0;
    if ((partition > 0 && !Take(rest, '.')) || !TakeNumber(rest, sequence)) return NoPosition(text);
    position.Set(partition, sequence);
  }
  if (partitions > 1 && Take(rest, '/')) {
    std::size_t partition = 0;
    if (!TakeNumber(rest, partition) || partition >= partitions) return NoPosition(text);
    of = partition;
  }
  if (!rest.empty()) return NoPosition(text);
  return std::pair(position, of);
}

}  // namespace

Result<Position> Position::Parse(std::string_view text, std::size_t partitions) {
  return MESG_TRY(Read(text, partitions)).first;
}

Result<Position::Entry> Position::ParseEntry(std::string_view text, std::size_t partitions) {
  const auto [position, of] = MESG_TRY(Read(text, partitions));
  if (partitions > 1 && !of) {
    return InvalidArgument("position \"{}\" is not that of an event; pass one that came with it",
                           text)
        .Because("INVALID_POSITION");
  }
  const std::size_t partition = of.value_or(0);
  return Entry{partition, position.At(partition)};
}

std::string Position::EntryText(std::size_t partition) const {
  return sequences_.size() == 1 ? Text() : fmt::format("{}/{}", Text(), partition);
}

Error PositionTooOld(std::uint64_t wanted, std::uint64_t oldest) {
  return OutOfRange(
             "the history from sequence {} on is asked for, but what is kept begins at {}; start "
             "from \"0\"",
             wanted, oldest)
      .Because("POSITION_TOO_OLD");
}

std::string Position::Text() const {
  std::string text;
  for (const std::uint64_t sequence : sequences_) {
    if (!text.empty()) text += '.';
    fmt::format_to(std::back_inserter(text), "{}", sequence);
  }
  return text;
}

}  // namespace mesg::broker
