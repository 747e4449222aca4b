#include "runtime/fetch/ignore_rules.h"

#include <optional>
#include <span>
#include <utility>

namespace mesg::runtime {
namespace {

constexpr std::size_t kMaxRules = 1000;
constexpr std::size_t kMaxPattern = 1024;

std::vector<std::string> Split(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    const auto slash = path.find('/');
    if (slash != 0 && path.substr(0, slash) != ".") segments.emplace_back(path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return segments;
}

/// Matches `c` against the set that begins at pattern[at] == '['; moves `at` behind it. Nothing
/// when the set is not closed: then '[' means itself.
std::optional<bool> MatchesSet(std::string_view pattern, std::size_t& at, char c) {
  std::size_t i = at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  for (bool first = true; i < pattern.size(); first = false) {
    if (pattern[i] == ']' && !first) {
      at = i + 1;
      return found != negated;
    }
    const char low = pattern[i];
    char high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      high = pattern[i + 2];
      i += 2;
    }
    ++i;
    found |= low <= c && c <= high;
  }
  return std::nullopt;
}

/// Matches one character at pattern[at], which is not '*'; moves `at` on. False when it does not.
bool MatchesOne(std::string_view pattern, std::size_t& at, char c) {
  if (pattern[at] == '?') return ++at, true;
  if (pattern[at] == '[') {
    if (const auto matched = MatchesSet(pattern, at, c)) return *matched;
  }
  if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
  return pattern[at++] == c;
}

/// `**` stands for any number of segments. Going back to the last `**` only is enough, and keeps
/// the time within the product of both lengths.
bool MatchesPath(std::span<const std::string> pattern, std::span<const std::string> path) {
  std::size_t p = 0;
  std::size_t s = 0;
  std::size_t star = std::string::npos;
  std::size_t resume = 0;
  while (s < path.size()) {
    if (p < pattern.size() && pattern[p] == "**") {
      star = p++;
      resume = s;
    } else if (p < pattern.size() && MatchesSegment(pattern[p], path[s])) {
      ++p;
      ++s;
    } else if (star != std::string::npos) {
      p = star + 1;
      s = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == "**") ++p;
  return p == pattern.size();
}

}  // namespace

bool MatchesSegment(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
      continue;
    }
    std::size_t next = p;
    if (p < pattern.size() && MatchesOne(pattern, next, name[n])) {
      p = next;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<IgnoreRules> IgnoreRules::Parse(std::string_view text, IgnoreStyle style) {
  IgnoreRules rules;
  rules.style_ = style;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty()) {
    const auto newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text = newline == std::string_view::npos ? std::string_view() : text.substr(newline + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    while (line.ends_with(' ') && !line.ends_with("\\ ")) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    if (line.size() > kMaxPattern || rules.rules_.size() >= kMaxRules) {
      return ResourceExhausted("an ignore file may hold {} patterns of {} bytes each, not more",
                               kMaxRules, kMaxPattern);
    }
    Rule rule;
    if (line.front() == '!') {
      rule.take_back = true;
      line.remove_prefix(1);
    }
    rule.folders_only = line.ends_with('/') && style == IgnoreStyle::kGit;
    while (line.ends_with('/')) line.remove_suffix(1);
    const bool anchored = style == IgnoreStyle::kDocker || line.find('/') != std::string_view::npos;
    rule.segments = Split(line);
    if (rule.segments.empty()) continue;
    if (!anchored) rule.segments.insert(rule.segments.begin(), "**");
    // "a/**" is what is inside of a, not a itself.
    if (style == IgnoreStyle::kGit && rule.segments.size() > 1 && rule.segments.back() == "**") {
      rule.segments.emplace_back("*");
    }
    rules.takes_back_ |= rule.take_back;
    rules.rules_.push_back(std::move(rule));
  }
  return rules;
}

bool IgnoreRules::MatchesPathOrParent(const Rule& rule, std::string_view path, bool folder) const {
  const std::vector<std::string> segments = Split(path);
  const std::span<const std::string> all = segments;
  if (MatchesPath(rule.segments, all) && (folder || !rule.folders_only)) return true;
  if (style_ == IgnoreStyle::kGit) return false;  // The caller asked for its folders before.
  for (std::size_t length = 1; length < all.size(); ++length) {
    if (MatchesPath(rule.segments, all.first(length))) return true;
  }
  return false;
}

bool IgnoreRules::Ignores(std::string_view path, bool folder) const {
  bool ignored = false;
  for (const Rule& rule : rules_) {
    if (rule.take_back == ignored && MatchesPathOrParent(rule, path, folder)) {
      ignored = !rule.take_back;
    }
  }
  return ignored;
}

}  // namespace mesg::runtime
