#include "daemon/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace mesg::daemon {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::uint64_t kKi = 1024;
// The binary ones first, from the largest: FormatSize takes the first that divides.
constexpr std::array<Unit, 9> kUnits = {{{"TiB", kKi* kKi* kKi* kKi},
                                         {"GiB", kKi* kKi* kKi},
                                         {"MiB", kKi* kKi},
                                         {"KiB", kKi},
                                         {"TB", 1'000'000'000'000},
                                         {"GB", 1'000'000'000},
                                         {"MB", 1'000'000},
                                         {"kB", 1'000},
                                         {"B", 1}}};

/// The whole of `text` as a number; false for anything else.
template <typename Number>
bool Read(std::string_view text, Number& number) {
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  return !text.empty() && read.ec == std::errc() && read.ptr == end;
}

}  // namespace

Result<std::uint64_t> ParseSize(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::string_view unit = text.substr(digits);
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  std::uint64_t number = 0;
  std::uint64_t factor = unit.empty() && digits == text.size() ? 1 : 0;
  for (const Unit& known : kUnits) {
    if (known.name == unit) factor = known.bytes;
  }
  if (factor == 0 || !Read(text.substr(0, digits), number)) {
    return InvalidArgument("must be a size such as 4MiB, got \"{}\"", text);
  }
  if (number > std::numeric_limits<std::uint64_t>::max() / factor) {
    return InvalidArgument("must be a size below 16 EiB, got \"{}\"", text);
  }
  return number * factor;
}

std::string FormatSize(std::uint64_t bytes) {
  for (const Unit& unit : kUnits) {
    if (bytes != 0 && bytes % unit.bytes == 0) {
      return fmt::format("{}{}", bytes / unit.bytes, unit.name);
    }
  }
  return "0B";
}

Result<std::uint64_t> ParseCount(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '_');
  std::uint64_t number = 0;
  if (!Read(digits, number)) return InvalidArgument("must be a whole number, got \"{}\"", text);
  return number;
}

Result<double> ParseReal(std::string_view text) {
  double number = 0;
  if (!Read(text, number)) return InvalidArgument("must be a number, got \"{}\"", text);
  return number;
}

Result<bool> ParseBool(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, bool>, 8> kWords = {{{"true", true},
                                                                        {"yes", true},
                                                                        {"on", true},
                                                                        {"1", true},
                                                                        {"false", false},
                                                                        {"no", false},
                                                                        {"off", false},
                                                                        {"0", false}}};
  for (const auto& [word, meaning] : kWords) {
    if (word == text) return meaning;
  }
  return InvalidArgument("must be true or false, got \"{}\"", text);
}

}  // namespace mesg::daemon
