#include "cli/completion.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command.h"

namespace mesg::cli {
namespace {

struct Word {
  std::string text;
  std::string help;
};

/// Everything that may be typed at one place of the tree: behind "service", say, or "service
/// deploy".
struct Place {
  std::vector<Word> words;
  std::string_view names;  ///< Names of "services" or another list too: `mesg __services`.
  bool files = false;      ///< Files and folders too.
};

/// Which names an argument takes: each list is a hidden command.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kNames = {
    {{"SERVICE", "services"}, {"APP", "applications"}, {"SECRET", "secrets"}}};

std::string Quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

void AddOptions(const std::vector<Option>& options, Place& place) {
  for (const Option& option : options) {
    const std::string name(option.LongName());
    const bool known =
        std::ranges::any_of(place.words, [&](const Word& w) { return w.text == name; });
    if (!known) place.words.push_back({name, std::string(option.help)});
  }
}

/// The tree as a table from the words so far to what comes next.
std::map<std::string, Place> Places() {
  std::map<std::string, Place> places;
  for (const CommandGroup& group : AllCommands()) {
    for (const Command& command : group.commands) {
      if (command.hidden) continue;
      const std::string path(command.path);
      const std::size_t space = path.find(' ');
      if (space != std::string::npos) {
        const std::string parent = path.substr(0, space);
        if (places[parent].words.empty()) {
          places[""].words.push_back({parent, std::string(group.title)});
        }
        places[parent].words.push_back({path.substr(space + 1), std::string(command.summary)});
      } else {
        places[""].words.push_back({path, std::string(command.summary)});
      }
      Place& place = places[path];
      AddOptions(command.options, place);
      AddOptions(GlobalOptions(), place);
      for (const Positional& positional : command.positionals) {
        for (const auto& [argument, names] : kNames) {
          if (positional.name == argument) place.names = names;
        }
        place.files = place.files || positional.name == "SOURCE" || positional.name == "FOLDER" ||
                      positional.name == "FILE";
      }
    }
  }
  return places;
}

/// "'service'|'service deploy'|...": a shell's pattern of every place but the first.
std::string Paths(const std::map<std::string, Place>& places) {
  std::string paths;
  for (const auto& [path, place] : places) {
    if (!path.empty()) paths += (paths.empty() ? "" : "|") + Quoted(path);
  }
  return paths;
}

/// What a script sets beside a place's words.
std::string Flags(const Place& place) {
  const std::string names = place.names.empty() ? "" : fmt::format(" names={}", place.names);
  return names + (place.files ? " files=1" : "");
}

std::string Bash() {
  const std::map<std::string, Place> places = Places();
  std::string text = fmt::format(
      "# Completes mesg in bash: source <(mesg completion bash)\n"
      "_mesg() {{\n"
      "  local at='' next word i current=${{COMP_WORDS[COMP_CWORD]}} words='' files='' "
      "names=''\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=${{COMP_WORDS[i]}}\n"
      "    next=\"${{at:+$at }}$word\"\n"
      "    case \"$next\" in\n"
      "      {}) at=$next ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$at\" in\n",
      Paths(places));
  for (const auto& [path, place] : places) {
    std::string words;
    for (const Word& word : place.words) words += (words.empty() ? "" : " ") + word.text;
    text += fmt::format("    {}) words={}{} ;;\n", Quoted(path), Quoted(words), Flags(place));
  }
  return text +
         "  esac\n"
         "  [ -n \"$names\" ] && [[ $current != -* ]] && words=\"$words $(mesg __$names "
         "2>/dev/null)\"\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "  [ -n \"$files\" ] && COMPREPLY+=($(compgen -f -- \"$current\"))\n"
         "}\n"
         "complete -o default -F _mesg mesg";
}

std::string ZshWords(const Place& place) {
  std::string words;
  for (const Word& word : place.words) {
    std::string escaped;
    for (const char c : word.text) escaped += c == ':' ? std::string("\\:") : std::string(1, c);
    words += " " + Quoted(escaped + ":" + word.help);
  }
  return words;
}

std::string Zsh() {
  const std::map<std::string, Place> places = Places();
  std::string text = fmt::format(
      "#compdef mesg\n"
      "# Completes mesg in zsh: source <(mesg completion zsh)\n"
      "_mesg() {{\n"
      "  local at='' next word files='' names=''\n"
      "  local -a choices\n"
      "  for word in ${{words[2,$((CURRENT - 1))]}}; do\n"
      "    next=\"${{at:+$at }}$word\"\n"
      "    case \"$next\" in\n"
      "      ({}) at=$next ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$at\" in\n",
      Paths(places));
  for (const auto& [path, place] : places) {
    text +=
        fmt::format("    ({}) choices=({} ){} ;;\n", Quoted(path), ZshWords(place), Flags(place));
  }
  return text +
         "  esac\n"
         "  _describe mesg choices\n"
         "  [ -n \"$names\" ] && compadd -- ${(f)\"$(mesg __$names 2>/dev/null)\"}\n"
         "  [ -n \"$files\" ] && _files\n"
         "}\n"
         "compdef _mesg mesg";
}

std::string Fish() {
  const std::map<std::string, Place> places = Places();
  std::string paths;
  for (const auto& [path, place] : places) {
    if (!path.empty()) paths += " " + Quoted(path);
  }
  std::string text = fmt::format(
      "# Completes mesg in fish: mesg completion fish | source\n"
      "function __mesg_at\n"
      "  set -l at ''\n"
      "  for word in (commandline -opc)[2..]\n"
      "    set -l next (string trim \"$at $word\")\n"
      "    contains -- $next{} ; and set at $next\n"
      "  end\n"
      "  test \"$at\" = \"$argv\"\n"
      "end\n"
      "complete -c mesg -f\n",
      paths);
  for (const auto& [path, place] : places) {
    const std::string when = Quoted("__mesg_at " + path);
    for (const Word& word : place.words) {
      const bool option = word.text.starts_with("--");
      text += fmt::format("complete -c mesg -n {} {} {} -d {}\n", when, option ? "-l" : "-a",
                          Quoted(option ? word.text.substr(2) : word.text), Quoted(word.help));
    }
    if (!place.names.empty()) {
      text +=
          fmt::format("complete -c mesg -n {} -a '(mesg __{} 2>/dev/null)'\n", when, place.names);
    }
    if (place.files) text += fmt::format("complete -c mesg -n {} -F\n", when);
  }
  text.pop_back();
  return text;
}

}  // namespace

Result<std::string> CompletionScript(const std::string& shell) {
  if (shell == "bash") return Bash();
  if (shell == "zsh") return Zsh();
  if (shell == "fish") return Fish();
  return WrongUsage(InvalidArgument("the shell must be bash, zsh or fish, got \"{}\"", shell));
}

}  // namespace mesg::cli
