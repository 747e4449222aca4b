#include "model/definition_reader.h"

#include <algorithm>

#include <fmt/format.h>

namespace mesg {
namespace {

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

void DefinitionReader::ReadServiceEvents(const Cursor& at, ServiceDefinition& into) {
  ReadEvents(at, into.events_);
}

void DefinitionReader::ReadServiceTasks(const Cursor& at, ServiceDefinition& into) {
  ReadTasks(at, into.tasks_);
}

Result<ServiceDefinition> ServiceDefinition::Parse(std::string_view yaml, std::string_view file) {
  constexpr const char* kReason = "INVALID_DEFINITION";
  auto document = YamlDocument::Read(yaml);
  if (!document) return RefuseFile(file, std::move(document).error().violations, 0, kReason);
  DefinitionReader reader(std::move(document->violations));
  ServiceDefinition definition = reader.Read(*document->root);
  if (!reader.Violations().empty()) {
    return RefuseFile(file, reader.Violations(), reader.NotListed(), kReason);
  }
  DefinitionReader::Finish(definition);
  return definition;
}

}  // namespace mesg
