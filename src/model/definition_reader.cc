#include "model/definition_reader.h"

#include <charconv>
#include <cmath>

#include "model/definition_reader_map.h"

namespace mesg {
namespace {

constexpr std::size_t kMaxKeySize = 256;
constexpr std::size_t kMaxListSize = 1000;  // Lists are checked for duplicates one by one.
constexpr std::size_t kMaxSidSize = 63;
constexpr std::size_t kHashSize = 32;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool LooksLikeHash(std::string_view text) {
  constexpr std::size_t kLongest = 44;
  if (text.size() > kLongest) return false;
  const auto bytes = FromBase58(text);
  return bytes && bytes->size() == kHashSize;
}

/// "" when `sid` is one, else what is wrong with it.
std::string SidError(std::string_view sid) {
  if (sid.empty()) return "expected at least one character";
  if (sid.size() > kMaxSidSize) {
    return fmt::format("expected at most {} characters, got {}", kMaxSidSize, sid.size());
  }
  bool letter = false;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= sid.size(); ++i) {
    if (i < sid.size() && sid[i] != '.') {
      if (!IsLetter(sid[i]) && !IsDigit(sid[i]) && sid[i] != '-' && sid[i] != '_') {
        return "expected letters, digits, hyphens and underscores, in parts joined by dots";
      }
      letter = letter || IsLetter(sid[i]);
      continue;
    }
    if (i == start) return "expected no empty part between dots";
    if (sid[start] == '-' || sid[i - 1] == '-')
      return "expected no part to begin or end with a hyphen";
    start = i + 1;
  }
  if (!letter) return "expected at least one letter";
  if (LooksLikeHash(sid) || (sid.front() == '_' && LooksLikeHash(sid.substr(1)))) {
    return "could be taken for the hash of a service";
  }
  return {};
}

/// One of the dot-separated parts after '-' or '+' in a SemVer.
bool AreIdentifiers(std::string_view text, bool numbers_without_zero) {
  std::size_t start = 0;
  bool digits = true;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != '.') {
      if (!IsLetter(text[i]) && !IsDigit(text[i]) && text[i] != '-') return false;
      digits = digits && IsDigit(text[i]);
      continue;
    }
    if (i == start) return false;
    if (numbers_without_zero && digits && text[start] == '0' && i - start > 1) return false;
    start = i + 1;
    digits = true;
  }
  return true;
}

/// Source: https://semver.org/spec/v2.0.0.html
bool IsSemVer(std::string_view text) {
  if (const auto plus = text.find('+'); plus != std::string_view::npos) {
    if (!AreIdentifiers(text.substr(plus + 1), false)) return false;
    text = text.substr(0, plus);
  }
  if (const auto hyphen = text.find('-'); hyphen != std::string_view::npos) {
    if (!AreIdentifiers(text.substr(hyphen + 1), true)) return false;
    text = text.substr(0, hyphen);
  }
  for (int part = 0; part < 3; ++part) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || (digits > 1 && text.front() == '0')) return false;
    text.remove_prefix(digits);
    if (part < 2) {
      if (!text.starts_with('.')) return false;
      text.remove_prefix(1);
    }
  }
  return text.empty();
}

}  // namespace

DefinitionReader::Cursor DefinitionReader::Cursor::Member(const YamlNode::Member& member) const {
  // Cut, at the beginning of a character, so that a path costs little whatever its keys.
  std::size_t size = std::min(member.key.size(), kMaxKeySize);
  while (size < member.key.size() && size > 0 && (member.key[size] & 0xc0) == 0x80) --size;
  const std::string step = PathStep(std::string_view(member.key).substr(0, size));
  return {member.value.get(), member.line, member.column,
          path.empty() ? step.substr(1) : path + step};
}

DefinitionReader::Cursor DefinitionReader::Cursor::Item(std::size_t index) const {
  const YamlNode& item = *node->items[index];
  return {&item, item.line, item.column, fmt::format("{}[{}]", path, index)};
}

void DefinitionReader::Report(const Cursor& at, std::string reason) {
  if (Full()) {
    ++not_listed_;
    return;
  }
  violations_.push_back({at.path, std::move(reason), at.line, at.column});
}

void DefinitionReader::Expected(const Cursor& at, std::string_view expected) {
  if (at.node->kind == YamlNode::Kind::kScalar) {
    constexpr std::size_t kShown = 60;
    const bool whole = at.node->text.size() <= kShown;
    Report(at, fmt::format("expected {}, got {}{}", expected,
                           QuoteJson(at.node->text.substr(0, kShown)), whole ? "" : "..."));
  } else {
    Report(at, fmt::format("expected {}, got {}", expected, Describe(*at.node)));
  }
}

bool DefinitionReader::ReadText(const Cursor& at, std::string& into) {
  if (at.node->kind == YamlNode::Kind::kNull) {
    into.clear();
    return true;
  }
  if (at.node->kind != YamlNode::Kind::kScalar) {
    Expected(at, "text");
    return false;
  }
  into = at.node->text;
  return true;
}

bool DefinitionReader::ReadFlag(const Cursor& at, bool& into) {
  static constexpr std::string_view kTrue[] = {"true", "True", "TRUE", "yes", "Yes", "on"};
  static constexpr std::string_view kFalse[] = {"false", "False", "FALSE", "no", "No", "off"};
  if (at.node->kind == YamlNode::Kind::kScalar && !at.node->quoted) {
    const bool yes = std::ranges::find(kTrue, at.node->text) != std::end(kTrue);
    if (yes || std::ranges::find(kFalse, at.node->text) != std::end(kFalse)) {
      into = yes;
      return true;
    }
  }
  Expected(at, "true or false");
  return false;
}

bool DefinitionReader::ReadDuration(const Cursor& at, Duration& into) {
  if (at.node->kind == YamlNode::Kind::kScalar) {
    const auto duration = ParseDuration(at.node->text);
    if (duration && *duration > Duration::zero()) {
      into = *duration;
      return true;
    }
  }
  Expected(at, "a duration above 0 such as 500ms, 10s or 1h30m");
  return false;
}

bool DefinitionReader::ReadNumber(const Cursor& at, double least, double most, double& into) {
  if (at.node->kind == YamlNode::Kind::kScalar && !at.node->quoted) {
    const std::string& text = at.node->text;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value >= least &&
        value <= most) {
      into = value;
      return true;
    }
  }
  Expected(at, fmt::format("a number from {} to {}", least, most));
  return false;
}

void DefinitionReader::ReadTexts(const Cursor& at, std::string_view example,
                                 std::vector<std::string>& into) {
  if (at.node->kind == YamlNode::Kind::kNull) return;
  if (at.node->kind != YamlNode::Kind::kList) {
    return Expected(at, fmt::format("a list such as {}", example));
  }
  if (at.node->items.size() > kMaxListSize) {
    return Report(at, fmt::format("the list has {} entries, at most {} are allowed",
                                  at.node->items.size(), kMaxListSize));
  }
  for (std::size_t i = 0; i < at.node->items.size(); ++i) {
    const Cursor item = at.Item(i);
    if (item.node->kind == YamlNode::Kind::kScalar) {
      into.push_back(item.node->text);
    } else {
      Expected(item, "text");
    }
  }
}

void DefinitionReader::ReadUniqueTexts(const Cursor& at, std::vector<std::string>& into) {
  if (!into.empty()) return Report(at, "is there in both spellings, use one");
  ReadTexts(at, "[a, b]", into);
  if (at.node->kind != YamlNode::Kind::kList || at.node->items.size() > kMaxListSize) return;
  std::vector<std::string_view> seen;
  for (std::size_t i = 0; i < at.node->items.size(); ++i) {
    const std::string_view text = at.node->items[i]->text;
    if (text.empty() && at.node->items[i]->kind == YamlNode::Kind::kScalar) {
      Expected(at.Item(i), "text that is not empty");
    } else if (!text.empty() && std::ranges::find(seen, text) != seen.end()) {
      Report(at.Item(i), fmt::format("{} is in the list twice", QuoteJson(text)));
    }
    seen.push_back(text);
  }
}

bool DefinitionReader::CheckKey(const Cursor& at, std::string_view key) {
  const bool control = std::ranges::any_of(
      key, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (key.empty()) {
    Report(at, "the key is empty");
  } else if (key.size() > kMaxKeySize) {
    Report(at,
           fmt::format("the key has {} bytes, at most {} are allowed", key.size(), kMaxKeySize));
  } else if (control) {
    Report(at, "the key holds a control character");
  } else if (key == "*") {
    Report(at, "the key * is taken: filters use it for \"any\"");
  } else {
    return true;
  }
  return false;
}

ServiceDefinition DefinitionReader::Read(const YamlNode& root) {
  ServiceDefinition definition;
  const Cursor at{&root, root.line, root.column, ""};
  if (root.kind == YamlNode::Kind::kNull) {
    Report({&root, 1, 1, ""}, "the file is empty, expected a service: at least its name");
    return definition;
  }
  ReadMap(at, "a mapping that describes a service", definition);
  if (root.kind == YamlNode::Kind::kMap) CheckWhole(root, definition);
  return definition;
}

/// What concerns more than one key.
void DefinitionReader::CheckWhole(const YamlNode& root, const ServiceDefinition& definition) {
  const Cursor at{&root, root.line, root.column, ""};
  const auto member = [&](std::string_view key) {
    const auto found = std::ranges::find(root.members, key, &YamlNode::Member::key);
    return at.Member(*found);
  };
  const YamlNode* const name = root.Find("name");
  if (name == nullptr) {
    Report({&root, root.line, root.column, "name"}, "required: expected the service's name");
  } else if (name->kind == YamlNode::Kind::kNull || (definition.name_.empty() && name->quoted)) {
    Report(member("name"), "expected text that is not empty");
  }
  // Files of before 0.9 held a version of their own format, which nobody read.
  const bool ours =
      root.Find("run") != nullptr || root.Find("health") != nullptr || root.Find("env") != nullptr;
  if (const YamlNode* version = root.Find("version"); version != nullptr &&
                                                      definition.version_.empty() && ours &&
                                                      version->kind == YamlNode::Kind::kScalar) {
    Expected(member("version"), "a version such as 1.4.0 (SemVer)");
  }
  const YamlNode* const dependencies = root.Find("dependencies");
  if (root.Find("configuration") != nullptr) {
    CheckVolumesFrom(member("configuration"), "", dependencies);
  }
  if (dependencies == nullptr || dependencies->kind != YamlNode::Kind::kMap) return;
  const Cursor all = member("dependencies");
  for (const YamlNode::Member& each : dependencies->members) {
    CheckVolumesFrom(all.Member(each), each.key, dependencies);
  }
}

void DefinitionReader::ReadSid(const Cursor& at, ServiceDefinition& into) {
  if (at.node->kind == YamlNode::Kind::kNull) return;
  if (at.node->kind != YamlNode::Kind::kScalar)
    return Expected(at, "a service id such as com.example.mail");
  if (at.node->text.empty()) return;  // Written out but left empty, as some old files have it.
  if (std::string error = SidError(at.node->text); !error.empty()) {
    return Report(at,
                  fmt::format("{} is no sid: {}", QuoteJson(at.node->text.substr(0, 100)), error));
  }
  into.sid_ = at.node->text;
}

void DefinitionReader::ReadVersion(const Cursor& at, ServiceDefinition& into) {
  std::string version;
  if (ReadText(at, version) && IsSemVer(version)) into.version_ = std::move(version);
}

void DefinitionReader::ReadEvents(const Cursor& at, ServiceDefinition& into) {
  ForEachMember(at, "a mapping of events",
                [&](const YamlNode::Member& member, const Cursor& value) {
                  CheckKey(value, member.key);
                  EventDefinition& event = into.events_.emplace_back();
                  event.key = member.key;
                  ReadMap(value, "a mapping that describes an event", event);
                });
}

void DefinitionReader::ReadTasks(const Cursor& at, ServiceDefinition& into) {
  ForEachMember(at, "a mapping of tasks", [&](const YamlNode::Member& member, const Cursor& value) {
    CheckKey(value, member.key);
    TaskDefinition& task = into.tasks_.emplace_back();
    task.key = member.key;
    ReadMap(value, "a mapping that describes a task", task);
    if (task.outputs.empty()) task.outputs.emplace_back();
    // Last, since it speaks of inputs and outputs wherever they stand.
    if (value.node->kind != YamlNode::Kind::kMap) return;
    for (const YamlNode::Member& field : value.node->members) {
      if (field.key == "additional") ReadTaskAdditional(value.Member(field), task);
    }
  });
}

Result<ServiceDefinition> ServiceDefinition::Parse(std::string_view yaml, std::string_view file) {
  const auto refuse = [file](std::vector<Violation> violations, std::size_t more) {
    std::ranges::stable_sort(violations, {},
                             [](const Violation& v) { return std::pair(v.line, v.column); });
    std::string message;
    for (const Violation& violation : violations) {
      if (!message.empty()) message += '\n';
      message += file;
      if (violation.line > 0) message += fmt::format(":{}:{}", violation.line, violation.column);
      message += ": ";
      if (!violation.path.empty()) message += violation.path + ": ";
      message += violation.reason;
    }
    if (more > 0) message += fmt::format("\n{}: and {} more errors", file, more);
    return Error{.code = Code::kInvalidArgument,
                 .message = std::move(message),
                 .reason = "INVALID_DEFINITION",
                 .violations = std::move(violations)};
  };
  auto document = YamlDocument::Read(yaml);
  if (!document) return refuse(std::move(document).error().violations, 0);
  DefinitionReader reader(std::move(document->violations));
  ServiceDefinition definition = reader.Read(*document->root);
  if (!reader.Violations().empty()) return refuse(reader.Violations(), reader.NotListed());
  DefinitionReader::Finish(definition);
  return definition;
}

}  // namespace mesg
