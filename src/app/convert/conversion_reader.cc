#include "app/convert/conversion_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/encoding.h"

namespace mesg::app {
namespace {

using Kind = YamlNode::Kind;

// "https://example.org/x/service-mail.git#v1" is called service_mail.
std::string AliasOf(std::string_view called) {
  constexpr std::size_t kMostBytes = 48;
  called = called.substr(0, called.find('#'));
  while (called.ends_with('/')) called.remove_suffix(1);
  const std::size_t slash = called.find_last_of("/:");
  if (slash != std::string_view::npos) called.remove_prefix(slash + 1);
  for (const std::string_view ending : {".git", ".tar.gz", ".tgz"}) {
    if (called.ends_with(ending)) called.remove_suffix(ending.size());
  }
  std::string alias;
  for (const char c : called.substr(0, kMostBytes)) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (digit && alias.empty()) alias += '_';
    alias += digit || letter ? c : '_';
  }
  return alias.find_first_not_of('_') == std::string::npos ? "service" : alias;
}

}  // namespace

ConversionReader::ConversionReader(std::vector<Violation> violations, ApplicationFormat format,
                                   std::string_view open, char close)
    : YamlReader(std::move(violations)), open_(open), close_(close) {
  result_.format = format;
  result_.file.workflows.push_back({.key = "main"});
}

ReadApplication ConversionReader::Take(std::string_view file_name) && {
  std::ranges::stable_sort(notes_, {},
                           [](const Violation& v) { return std::pair(v.line, v.column); });
  for (const Violation& note : notes_) {
    result_.notes.push_back(
        fmt::format("{}:{}:{}: {}: {}", file_name, note.line, note.column, note.path, note.reason));
  }
  return std::move(result_);
}

void ConversionReader::Note(const Cursor& at, std::string text) {
  notes_.push_back({at.path, std::move(text), at.line, at.column});
}

void ConversionReader::Missing(const Cursor& at, std::string_view key, std::string_view what) {
  const std::string path = at.path.empty() ? std::string(key) : fmt::format("{}.{}", at.path, key);
  Report({at.node, at.line, at.column, path}, fmt::format("required: expected {}", what));
}

std::vector<std::string> ConversionReader::MarkedNames(std::string_view text) const {
  std::vector<std::string> names;
  for (std::size_t at = 0; (at = text.find(open_, at)) != std::string_view::npos;) {
    const std::size_t end = text.find(close_, at += open_.size());
    if (end == std::string_view::npos) break;
    names.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return names;
}

bool ConversionReader::ReadPlainText(const Cursor& at, std::string& into) {
  if (at.node->kind != Kind::kScalar || at.node->text.empty()) {
    Expected(at, "text that is not empty");
    return false;
  }
  if (HasMarker(at.node->text)) {
    Report(at, fmt::format("{}...{} cannot stand here: what this is must be in the file", open_,
                           close_));
    return false;
  }
  into = at.node->text;
  return true;
}

void ConversionReader::ReadName(const Cursor& at) {
  constexpr std::size_t kLongest = 255;
  std::string text;
  if (!ReadPlainText(at, text)) return;
  std::string name;
  bool space = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == 0x7f) {
      space = !name.empty();
      continue;
    }
    if (std::exchange(space, false)) name += '-';
    name += c;
  }
  if (name.empty() || name.size() > kLongest) {
    return Expected(at, fmt::format("a name of 1 to {} bytes", kLongest));
  }
  if (name != text) {
    Note(at, fmt::format("the application is called {}: a name has no spaces", name));
    if (File().description.empty()) File().description = text;
  }
  taken_.insert(name);  // It stands for the application's own events, no service has it too.
  File().name = std::move(name);
}

std::optional<std::vector<TextPart>> ConversionReader::ReadParts(const Cursor& at) {
  std::vector<TextPart> parts;
  bool good = true;
  std::string_view text = at.node->text;
  while (!text.empty()) {
    const std::size_t start = text.find(open_);
    if (start != 0) parts.push_back({false, std::string(text.substr(0, start))});
    if (start == std::string_view::npos) break;
    text.remove_prefix(start + open_.size());
    const std::size_t end = text.find(close_);
    if (end == std::string_view::npos) {
      Report(at, fmt::format("the \"{}\" in this text has no \"{}\"", open_, close_));
      return std::nullopt;
    }
    auto jq = Resolve(at, text.substr(0, end));
    good = good && jq;
    if (jq) parts.push_back({true, *std::move(jq)});
    text.remove_prefix(end + 1);
  }
  if (!good) return std::nullopt;
  return parts;
}

std::optional<Template> ConversionReader::MakeTemplate(const Cursor& at,
                                                       const std::string& source) {
  auto parsed = Template::Parse(source, kVariables);
  if (parsed) return *std::move(parsed);
  Report(at, parsed.error().message);
  return std::nullopt;
}

std::optional<PlacedExpression> ConversionReader::MakeExpression(const Cursor& at,
                                                                 const std::string& jq) {
  auto parsed = Expression::Parse(jq, kVariables);
  if (parsed) return PlacedExpression{*std::move(parsed), PlaceOf(at)};
  Report(at, parsed.error().message);
  return std::nullopt;
}

std::optional<Value> ConversionReader::ReadLiteral(const Cursor& at) {
  auto value = Value::Read(YamlToJson(*at.node));
  if (value) return *std::move(value);
  Report(at, value.error().message);
  return std::nullopt;
}

Mapping ConversionReader::DataOfTemplate(const Cursor& at, const std::string& source) {
  Mapping mapping{.place = PlaceOf(at)};
  if (auto text = MakeTemplate(at, source)) {
    mapping.kind = Mapping::Kind::kTemplate;
    mapping.text.push_back(*std::move(text));
  }
  return mapping;
}

Mapping ConversionReader::ReadData(const Cursor& at) {
  Mapping mapping{.place = PlaceOf(at)};
  switch (at.node->kind) {
    case Kind::kNull:
      return mapping;
    case Kind::kScalar:
      if (HasMarker(at.node->text)) {
        const auto parts = ReadParts(at);
        return parts ? DataOfTemplate(at, TemplateSource(*parts)) : mapping;
      }
      mapping.literal = ReadLiteral(at).value_or(Value());
      return mapping;
    case Kind::kList:
      mapping.kind = Mapping::Kind::kList;
      for (std::size_t i = 0; i < at.node->items.size(); ++i) {
        mapping.items.push_back(ReadData(at.Item(i)));
      }
      break;
    case Kind::kMap: {
      std::optional<std::string> jq;
      if (ReadReference(at, jq)) {
        return jq ? DataOfTemplate(at, fmt::format("${{ {} }}", *jq)) : mapping;
      }
      mapping.kind = Mapping::Kind::kObject;
      for (const YamlNode::Member& member : at.node->members) {
        mapping.keys.push_back(member.key);
        mapping.items.push_back(ReadData(at.Member(member)));
      }
      break;
    }
  }
  mapping.Simplify();
  return mapping;
}

std::optional<Operand> ConversionReader::ReadOperand(const Cursor& at) {
  if (at.node->kind == Kind::kScalar && HasMarker(at.node->text)) {
    const auto parts = ReadParts(at);
    if (!parts) return std::nullopt;
    return JqText(*parts);
  }
  if (at.node->kind == Kind::kNull || at.node->kind == Kind::kScalar) {
    const auto value = ReadLiteral(at);
    if (!value) return std::nullopt;
    const std::string json = value->Json();
    return Operand{json.starts_with('-') ? "(" + json + ")" : json, value->kind()};
  }
  const bool list = at.node->kind == Kind::kList;
  std::vector<std::string> parts;
  bool good = true;
  const auto add = [&](const std::string& before, const Cursor& value) {
    const auto operand = ReadOperand(value);
    good = good && operand;
    if (operand) parts.push_back(before + operand->jq);
  };
  for (std::size_t i = 0; i < at.node->items.size(); ++i) add("", at.Item(i));
  for (const YamlNode::Member& member : at.node->members) {
    add(QuoteJson(member.key) + ": ", at.Member(member));
  }
  if (!good) return std::nullopt;
  return Operand{fmt::format("{}{}{}", list ? "[" : "{", fmt::join(parts, ", "), list ? "]" : "}"),
                 list ? Value::Kind::kList : Value::Kind::kObject};
}

std::string ConversionReader::UseService(const Cursor& at, std::string use, std::string_view called,
                                         const Environment& env) {
  std::string identity = QuoteJson(use);
  for (const auto& [key, text] : env) identity += QuoteJson(key) + QuoteJson(text);
  std::string& alias = aliases_[identity];
  if (!alias.empty()) return alias;
  const std::string name = AliasOf(called);
  alias = name;
  while (!taken_.insert(alias).second) alias = fmt::format("{}_{}", name, ++numbered_[name] + 1);
  ServiceUse service{.alias = alias, .use = std::move(use), .place = PlaceOf(at)};
  for (const auto& [key, text] : env) {
    if (auto made = MakeTemplate(at, text)) service.env.emplace_back(key, *std::move(made));
    result_.env_texts[alias][key] = text;
  }
  File().services.push_back(std::move(service));
  return alias;
}

}  // namespace mesg::app
