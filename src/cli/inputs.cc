#include "cli/inputs.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/encoding.h"
#include "cli/command.h"
#include "cli/json_text.h"

namespace mesg::cli {
namespace {

using ::mesg::v1::Parameter;

Error NotA(std::string_view type, const Parameter& parameter, std::string_view text) {
  return InvalidArgument("\"{}\" must be a {}, got \"{}\"", parameter.key(), type, text);
}

/// One element, without regard to `repeated`.
Result<std::string> CastOne(const Parameter& parameter, std::string_view text) {
  const std::string& type = parameter.type();
  if (type == "Number") {
    if (!IsJsonNumber(text)) return NotA("Number", parameter, text);
    return std::string(text);
  }
  if (type == "Boolean") {
    if (text != "true" && text != "false") return NotA("Boolean (true or false)", parameter, text);
    return std::string(text);
  }
  if (type == "Object") {
    Result<JsonMembers> members = ParseJsonObject(text);
    if (!members) return NotA("JSON object", parameter, text);
    return ToJsonObject(*members);
  }
  if (type.empty()) {
    Result<std::string> json = CompactJson(text);
    if (json) return json;
  }
  return QuoteJson(text);
}

std::pair<std::string, std::string> Halves(const std::string& word) {
  const std::size_t equals = word.find('=');
  return {word.substr(0, equals), equals == std::string::npos ? "" : word.substr(equals + 1)};
}

Result<const Parameter*> Declared(const Parameters& parameters, const std::string& key) {
  std::vector<std::string_view> keys;
  for (const Parameter& parameter : parameters) {
    if (parameter.key() == key) return &parameter;
    keys.push_back(parameter.key());
  }
  const std::string_view nearest = Nearest(key, keys);
  if (!nearest.empty()) {
    return InvalidArgument("\"{}\" is not declared, did you mean \"{}\"?", key, nearest);
  }
  return InvalidArgument("\"{}\" is not declared: only a JSON document can carry undeclared values",
                         key);
}

Result<JsonMembers> CastWords(const Parameters& parameters, const std::vector<std::string>& data) {
  JsonMembers members;
  for (const std::string& word : data) {
    if (word.find('=') == std::string::npos) {
      return WrongUsage(InvalidArgument("--data takes KEY=VALUE, got \"{}\"", word));
    }
    const auto [key, text] = Halves(word);
    const bool known = std::ranges::any_of(
        members, [&name = key](const auto& member) { return member.first == name; });
    if (known) return WrongUsage(InvalidArgument("--data gives \"{}\" twice", key));
    const Parameter* parameter = MESG_TRY(Declared(parameters, key));
    members.emplace_back(key, MESG_TRY(CastValue(*parameter, text)));
  }
  return members;
}

std::string Question(const Parameter& parameter, const Terminal& terminal) {
  std::string question = terminal.ForError(Style::kBold, parameter.key());
  question += terminal.ForError(Style::kDim, fmt::format(" ({}{})", TypeName(parameter),
                                                         parameter.optional() ? ", optional" : ""));
  if (!parameter.description().empty()) question += " " + parameter.description();
  return question + ":";
}

}  // namespace

std::string TypeName(const Parameter& parameter) {
  const std::string type = parameter.type().empty() ? "JSON Schema" : parameter.type();
  return parameter.repeated() ? type + " list" : type;
}

Result<std::string> CastValue(const Parameter& parameter, std::string_view text) {
  if (!parameter.repeated()) return CastOne(parameter, text);
  if (text.starts_with('[')) {
    Result<std::string> json = CompactJson(text);
    if (!json) return NotA("JSON list", parameter, text);
    return json;
  }
  std::string list = "[";
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    if (list.size() > 1) list += ',';
    list += MESG_TRY(CastOne(parameter, text.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) list += "," + MESG_TRY(CastOne(parameter, ""));
  }
  return list + "]";
}

Result<std::string> CastData(const Parameters& parameters, const std::vector<std::string>& data) {
  const JsonMembers members = MESG_TRY(CastWords(parameters, data));
  return ToJsonObject(members);
}

Result<std::string> AskForData(const Parameters& parameters, const std::vector<std::string>& data,
                               Terminal& terminal) {
  JsonMembers members = MESG_TRY(CastWords(parameters, data));
  for (const Parameter& parameter : parameters) {
    const bool given =
        std::ranges::any_of(members, [&](const auto& m) { return m.first == parameter.key(); });
    if (given) continue;
    for (bool asking = true; asking;) {
      const std::string answer = MESG_TRY(terminal.Ask(Question(parameter, terminal)));
      if (answer.empty() && parameter.optional()) break;
      Result<std::string> value = CastValue(parameter, answer);
      if (value) {
        members.emplace_back(parameter.key(), *std::move(value));
        asking = false;
      } else {
        terminal.Say(terminal.ForError(Style::kYellow, value.error().message));
      }
    }
  }
  return ToJsonObject(members);
}

Result<std::string> ReadFileOrInput(const std::string& name, Terminal& terminal) {
  if (name == "-") return terminal.ReadAll();
  constexpr std::streamoff kMost = std::streamoff{64} << 20;
  std::ifstream file(name, std::ios::binary | std::ios::ate);
  if (!file) return NotFound("cannot read {}: {}", name, std::strerror(errno));
  const std::streamoff size = file.tellg();
  if (size < 0 || size > kMost) return InvalidArgument("{} is no file of at most 64 MiB", name);
  std::string content(static_cast<std::size_t>(size), '\0');
  file.seekg(0);
  file.read(content.data(), size);
  if (!file) return NotFound("cannot read {}: it is no regular file", name);
  return content;
}

}  // namespace mesg::cli
