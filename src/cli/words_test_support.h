#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "cli/command.h"

namespace mesg::cli {

/// The words behind "mesg" of each of a command's examples, as a shell would split them; of a pipe
/// the last part that calls mesg. Enough of a shell for what our examples use.
inline std::vector<std::vector<std::string>> ExampleCommands(const Command& command) {
  std::vector<std::vector<std::string>> commands;
  const std::string example(command.example);
  for (std::size_t at = 0; at < example.size();) {
    const std::size_t end = std::min(example.find('\n', at), example.size());
    const std::string line = example.substr(at, end - at);
    at = end + 1;
    const std::size_t from = line.rfind("mesg ");
    if (from == std::string::npos) continue;
    std::vector<std::string> words(1);
    bool quoted = false;
    for (const char c : line.substr(from + 5)) {
      if (c == '\'') {
        quoted = !quoted;
      } else if (!quoted && (c == ')' || c == '|')) {
        break;
      } else if (!quoted && c == ' ') {
        if (!words.back().empty()) words.emplace_back();
      } else {
        words.back() += c;
      }
    }
    if (words.back().empty()) words.pop_back();
    commands.push_back(std::move(words));
  }
  return commands;
}

}  // namespace mesg::cli
