#include "cli/variables.h"

#include <algorithm>

namespace mesg::cli {
namespace {

bool IsName(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !text.empty() && letter(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::string_view Trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t\r");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

bool OnlyComment(std::string_view rest) {
  rest = Trimmed(rest);
  return rest.empty() || rest.starts_with('#');
}

/// The value behind the "=", or an error that says what is wrong with it.
Result<std::string> ValueOf(std::string_view text) {
  if (text.starts_with('\'')) {
    const std::size_t end = text.find('\'', 1);
    if (end == std::string_view::npos) return InvalidArgument("the ' is not closed");
    if (!OnlyComment(text.substr(end + 1)))
      return InvalidArgument("there is text behind the closing '");
    return std::string(text.substr(1, end - 1));
  }
  if (text.starts_with('"')) {
    std::string value;
    for (std::size_t at = 1; at < text.size(); ++at) {
      if (text[at] == '"') {
        if (!OnlyComment(text.substr(at + 1)))
          return InvalidArgument("there is text behind the closing \"");
        return value;
      }
      if (text[at] == '\\' && at + 1 < text.size()) {
        ++at;
        value += text[at] == 'n' ? '\n' : text[at] == 't' ? '\t' : text[at];
      } else {
        value += text[at];
      }
    }
    return InvalidArgument("the \" is not closed");
  }
  const std::size_t comment = text.find(" #");
  return std::string(Trimmed(text.substr(0, comment)));
}

}  // namespace

Result<Variables> ParseEnvFile(std::string_view text, std::string_view file) {
  Variables variables;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = Trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with("export ")) line = Trimmed(line.substr(7));
    const std::size_t equals = line.find('=');
    const std::string_view key = Trimmed(line.substr(0, equals));
    if (equals == std::string_view::npos || !IsName(key)) {
      return InvalidArgument("{}:{}: expected KEY=value", file, number);
    }
    Result<std::string> value = ValueOf(Trimmed(line.substr(equals + 1)));
    if (!value) return InvalidArgument("{}:{}: {}", file, number, value.error().message);
    variables[std::string(key)] = *std::move(value);
  }
  return variables;
}

Result<Variables> ParseEnvWords(const std::vector<std::string>& words,
                                const Directories::Environment& environment) {
  Variables variables;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    if (!IsName(key)) return InvalidArgument("--env takes KEY=value or KEY, got \"{}\"", word);
    if (equals != std::string::npos) {
      variables[key] = word.substr(equals + 1);
      continue;
    }
    const std::optional<std::string> value = environment(key);
    if (!value) {
      return InvalidArgument("--env {} takes its value from the environment, where it is not set",
                             key);
    }
    variables[key] = *value;
  }
  return variables;
}

std::string ShellQuoted(std::string_view value) {
  constexpr std::string_view kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!value.empty() && value.find_first_not_of(kSafe) == std::string_view::npos) {
    return std::string(value);
  }
  std::string out = "'";
  for (const char c : value) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace mesg::cli
