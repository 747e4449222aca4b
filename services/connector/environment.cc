#include "connector/environment.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include <fmt/ranges.h>

namespace mesg::services {
namespace {

std::string_view Trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

Environment::Environment()
    : get_([](const char* name) {
        const char* const found = std::getenv(name);
        return std::string(found != nullptr ? found : "");
      }) {}

std::string Environment::Text(const char* name, std::string fallback) const {
  std::string found = get_(name);
  if (found.empty()) found = std::move(fallback);
  return found;
}

Result<std::string> Environment::Required(const char* name) const {
  std::string found = get_(name);
  if (found.empty()) return InvalidArgument("{}: expected a value, it is not set", name);
  return found;
}

Result<std::int64_t> Environment::Number(const char* name, std::int64_t fallback,
                                         std::int64_t least, std::int64_t most) const {
  const std::string text = get_(name);
  if (text.empty()) return fallback;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return InvalidArgument("{}: expected a number from {} to {}, got \"{}\"", name, least, most,
                           text);
  }
  return number;
}

Result<bool> Environment::Flag(const char* name, bool fallback) const {
  const std::string text = get_(name);
  if (text.empty()) return fallback;
  if (text != "true" && text != "false") {
    return InvalidArgument("{}: expected true or false, got \"{}\"", name, text);
  }
  return text == "true";
}

Result<Duration> Environment::Time(const char* name, Duration fallback) const {
  const std::string text = get_(name);
  if (text.empty()) return fallback;
  const auto duration = ParseDuration(text);
  if (!duration || duration->count() <= 0) {
    return InvalidArgument("{}: expected a duration like 30s, got \"{}\"", name, text);
  }
  return *duration;
}

Result<std::string> Environment::OneOf(const char* name, std::string fallback,
                                       std::initializer_list<std::string_view> choices) const {
  std::string text = Text(name, std::move(fallback));
  if (std::ranges::find(choices, text) == choices.end()) {
    return InvalidArgument("{}: expected one of {}, got \"{}\"", name, fmt::join(choices, ", "),
                           text);
  }
  return text;
}

std::vector<std::string> Environment::List(const char* name) const {
  const std::string text = get_(name);
  std::vector<std::string> items;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view item = Trim(std::string_view(text).substr(begin, end - begin));
    if (!item.empty()) items.emplace_back(item);
    begin = end + 1;
  }
  return items;
}

}  // namespace mesg::services
