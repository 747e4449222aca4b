#include "broker/position.h"

#include <charconv>

namespace mesg::broker {

Result<Position> Position::Parse(std::string_view text, std::size_t partitions) {
  Position position(partitions);
  if (text == "0") return position;
  std::string_view rest = text;
  for (std::size_t partition = 0; partition < partitions; ++partition) {
    const auto [end, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), position.sequences_[partition]);
    const bool last = partition + 1 == partitions;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    if (error != std::errc() || (last ? !rest.empty() : !rest.starts_with('.'))) {
      return InvalidArgument(
                 "\"{}\" is not a position of this Core; pass one that it gave, or 0 for the "
                 "beginning",
                 text)
          .Because("INVALID_POSITION");
    }
    if (!last) rest.remove_prefix(1);
  }
  return position;
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
