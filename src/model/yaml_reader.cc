#include "model/yaml_reader.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "model/decimal.h"
#include "model/json_schema.h"

namespace mesg {
namespace {

constexpr std::size_t kMaxKeySize = 256;

/// A plain scalar as JSON, by the rules of YAML 1.2's core schema.
std::string PlainToJson(const std::string& text) {
  if (text == "true" || text == "True" || text == "TRUE") return "true";
  if (text == "false" || text == "False" || text == "FALSE") return "false";
  if (IsNumber(text)) return text;
  // YAML's numbers that JSON writes differently: +1, .5 and 1.
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  std::string number = negative ? "-" : "";
  if (digits.starts_with('.')) number += '0';
  const std::size_t dot = digits.find('.');
  number += digits.substr(0, dot);
  if (dot != std::string_view::npos) {
    const bool bare = dot + 1 == digits.size() || digits[dot + 1] == 'e' || digits[dot + 1] == 'E';
    number += bare ? ".0" : ".";
    number += digits.substr(dot + 1);
  }
  return IsNumber(number) && digits != "." ? number : QuoteJson(text);
}

}  // namespace

std::string_view Describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return "a scalar";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a mapping";
  }
  return "something else";
}

std::string YamlToJson(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "null";
    case YamlNode::Kind::kScalar:
      return node.quoted ? QuoteJson(node.text) : PlainToJson(node.text);
    case YamlNode::Kind::kList: {
      std::string json = "[";
      for (const YamlNodePtr& item : node.items) {
        if (json.size() > 1) json += ',';
        json += YamlToJson(*item);
      }
      return json + "]";
    }
    case YamlNode::Kind::kMap: {
      std::vector<const YamlNode::Member*> sorted;
      for (const YamlNode::Member& member : node.members) sorted.push_back(&member);
      std::ranges::sort(sorted, {},
                        [](const auto* member) { return std::string_view(member->key); });
      std::string json = "{";
      for (const YamlNode::Member* member : sorted) {
        if (json.size() > 1) json += ',';
        json += QuoteJson(member->key) + ":" + YamlToJson(*member->value);
      }
      return json + "}";
    }
  }
  return "null";
}

YamlCursor YamlCursor::Member(const YamlNode::Member& member) const {
  // Cut, at the beginning of a character, so that a path costs little whatever its keys.
  std::size_t size = std::min(member.key.size(), kMaxKeySize);
  while (size < member.key.size() && size > 0 && (member.key[size] & 0xc0) == 0x80) --size;
  const std::string step = PathStep(std::string_view(member.key).substr(0, size));
  return {member.value.get(), member.line, member.column,
          path.empty() ? step.substr(1) : path + step};
}

YamlCursor YamlCursor::Item(std::size_t index) const {
  const YamlNode& item = *node->items[index];
  return {&item, item.line, item.column, fmt::format("{}[{}]", path, index)};
}

void YamlReader::Report(const Cursor& at, std::string reason) {
  if (Full()) {
    ++not_listed_;
    return;
  }
  violations_.push_back({at.path, std::move(reason), at.line, at.column});
}

void YamlReader::Expected(const Cursor& at, std::string_view expected) {
  if (at.node->kind == YamlNode::Kind::kScalar) {
    constexpr std::size_t kShown = 60;
    const bool whole = at.node->text.size() <= kShown;
    Report(at, fmt::format("expected {}, got {}{}", expected,
                           QuoteJson(at.node->text.substr(0, kShown)), whole ? "" : "..."));
  } else {
    Report(at, fmt::format("expected {}, got {}", expected, Describe(*at.node)));
  }
}

bool YamlReader::ReadText(const Cursor& at, std::string& into) {
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

bool YamlReader::ReadFlag(const Cursor& at, bool& into) {
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

bool YamlReader::ReadDuration(const Cursor& at, Duration& into) {
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

bool YamlReader::ReadDuration(const Cursor& at, std::optional<Duration>& into) {
  Duration duration{};
  if (!ReadDuration(at, duration)) return false;
  into = duration;
  return true;
}

bool YamlReader::ReadNumber(const Cursor& at, double least, double most, double& into) {
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

void YamlReader::ReadTexts(const Cursor& at, std::string_view example,
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

void YamlReader::ReadUniqueTexts(const Cursor& at, std::vector<std::string>& into) {
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

bool YamlReader::CheckKey(const Cursor& at, std::string_view key) {
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

void YamlReader::UnknownKey(const Cursor& at, std::string_view key,
                            const std::vector<std::string_view>& known) {
  std::string reason = "unknown key";
  if (!Full()) {
    const std::string_view nearest = Nearest(key, known);
    reason += nearest.empty() ? fmt::format(", expected one of {}", fmt::join(known, ", "))
                              : fmt::format(", did you mean {}?", QuoteJson(nearest));
  }
  Report(at, std::move(reason));
}

Error RefuseFile(std::string_view file, std::vector<Violation> violations, std::size_t more,
                 std::string reason) {
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
               .reason = std::move(reason),
               .violations = std::move(violations)};
}

}  // namespace mesg
