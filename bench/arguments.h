#pragma once

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

namespace mesg::bench {

/// The options of a benchmark, `--name=number` or `--name`, each with its default. Anything else
/// ends the program with what there is.
class Arguments {
 public:
  Arguments(int count, char** words, std::map<std::string, std::size_t, std::less<>> options)
      : options_(std::move(options)) {
    for (int i = 1; i < count; ++i) Take(words[i]);
  }
  std::size_t operator[](std::string_view name) const { return options_.find(name)->second; }

 private:
  void Take(std::string_view word) {
    const std::size_t equals = word.find('=');
    const auto option =
        options_.find(word.substr(0, equals).substr(word.starts_with("--") ? 2 : 0));
    if (!word.starts_with("--") || option == options_.end()) {
      std::fputs("bench: options and their defaults are\n", stderr);
      for (const auto& [name, value] : options_) {
        std::fprintf(stderr, "  --%s=%zu\n", name.c_str(), value);
      }
      std::exit(2);
    }
    option->second =
        equals == std::string_view::npos ? 1 : std::strtoull(word.data() + equals + 1, nullptr, 10);
  }
  std::map<std::string, std::size_t, std::less<>> options_;
};

}  // namespace mesg::bench
