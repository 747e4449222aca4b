#include "base/redactor.h"

#include <algorithm>

#include <sodium.h>

#include "base/encoding.h"

namespace mesg {
namespace {

constexpr std::string_view kMark = "***";
constexpr std::string_view kQuotedMark = "\"***\"";
constexpr int kLevels = 3;  // Of JSON in JSON.
/// Of base64 in the middle of other base64: less would be found by chance.
constexpr std::size_t kLeastInside = 8;

/// A place where the unescaped text is not as long as the text it comes from.
struct Escape {
  std::size_t begin;  // In the unescaped text.
  std::size_t end;
  std::size_t source_begin;
  std::size_t source_end;
};

struct Unescaped {
  std::string text;
  std::vector<Escape> escapes;
};

/// The four hexadecimal digits at `at`, or -1.
int HexAt(std::string_view text, std::size_t at) {
  if (text.size() < 4 || at > text.size() - 4) return -1;
  int value = 0;
  for (const char c : text.substr(at, 4)) {
    int digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      return -1;
    }
    value = value * 16 + digit;
  }
  return value;
}

/// Appends what `\u` at `at` means, and returns how long it is; 0 when it means nothing.
std::size_t AppendUnicode(std::string_view text, std::size_t at, std::string& into) {
  constexpr std::size_t kOne = 6;  // \uXXXX
  const int first = HexAt(text, at + 2);
  if (first < 0) return 0;
  const bool high = first >= 0xD800 && first < 0xDC00;
  const bool pair = high && text.substr(at + kOne, 2) == "\\u";
  const int second = pair ? HexAt(text, at + kOne + 2) : -1;
  if (second >= 0xDC00 && second < 0xE000) {
    AppendUtf8(static_cast<std::uint32_t>(0x10000 + ((first - 0xD800) << 10) + second - 0xDC00),
               into);
    return 2 * kOne;
  }
  AppendUtf8(static_cast<std::uint32_t>(first), into);
  return kOne;
}

/// The same for any escape of JSON.
std::size_t AppendEscape(std::string_view text, std::size_t at, std::string& into) {
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (at + 1 >= text.size()) return 0;
  if (text[at + 1] == 'u') return AppendUnicode(text, at, into);
  const std::size_t known = kLetters.find(text[at + 1]);
  if (known == std::string_view::npos) return 0;
  into += kMeanings[known];
  return 2;
}

Unescaped Unescape(std::string_view text) {
  Unescaped result;
  result.text.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t plain = std::min(text.find('\\', at), text.size());
    result.text.append(text.substr(at, plain - at));
    at = plain;
    if (at == text.size()) break;
    const std::size_t begin = result.text.size();
    const std::size_t length = AppendEscape(text, at, result.text);
    if (length == 0) {
      result.text += text[at++];
    } else {
      result.escapes.push_back({begin, result.text.size(), at, at + length});
      at += length;
    }
  }
  return result;
}

/// Goes through the escapes from the first to the last, for positions that only grow.
class ToSource {
 public:
  explicit ToSource(const std::vector<Escape>& escapes) : escapes_(escapes) {}
  std::size_t Begin(std::size_t at) {
    Skip(at);
    return next_ < escapes_.size() && escapes_[next_].begin <= at ? escapes_[next_].source_begin
                                                                  : at + ahead_;
  }
  std::size_t End(std::size_t at) {
    Skip(at);
    return next_ < escapes_.size() && escapes_[next_].begin < at ? escapes_[next_].source_end
                                                                 : at + ahead_;
  }

 private:
  void Skip(std::size_t at) {
    for (; next_ < escapes_.size() && escapes_[next_].end <= at; ++next_) {
      ahead_ = escapes_[next_].source_end - escapes_[next_].end;
    }
  }
  const std::vector<Escape>& escapes_;
  std::size_t next_ = 0;
  std::size_t ahead_ = 0;  // How much farther the source is, behind the escapes so far.
};

std::string Base64(std::string_view bytes, int variant) {
  std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), variant);
  text.pop_back();  // The terminator.
  return text;
}

}  // namespace

Redactor::Redactor(const std::vector<std::string>& values) : nodes_(1) {
  for (const std::string& value : values) {
    if (value.size() >= kLeastBytes) AddForms(value);
  }
  Link();
}

void Redactor::AddForms(std::string_view value) {
  Add(value);
  for (const int variant :
       {sodium_base64_VARIANT_ORIGINAL_NO_PADDING, sodium_base64_VARIANT_URLSAFE_NO_PADDING}) {
    Add(Base64(value, variant));
    // Behind one or two other bytes of a group of three every character is another one. Those that
    // also hold bits of a neighbour cannot be known.
    for (std::size_t before = 0; before < 3; ++before) {
      const std::string whole = Base64(std::string(before, '\0').append(value), variant);
      const std::size_t first = (before * 8 + 5) / 6;
      const std::size_t last = (before + value.size()) * 8 / 6;
      if (last - first >= kLeastInside) Add(std::string_view(whole).substr(first, last - first));
    }
  }
}

void Redactor::Add(std::string_view pattern) {
  std::uint32_t node = 0;
  for (const char byte : pattern) {
    std::uint32_t child = Child(node, byte);
    if (child == 0) {
      child = static_cast<std::uint32_t>(nodes_.size());
      nodes_.push_back({.next_sibling = nodes_[node].first_child, .byte = byte});
      nodes_[node].first_child = child;
      if (node == 0) first_[static_cast<unsigned char>(byte)] = child;
    }
    node = child;
  }
  nodes_[node].longest = static_cast<std::uint32_t>(pattern.size());
}

/// Aho and Corasick: from the root outwards, so that all that is shorter is linked already.
void Redactor::Link() {
  std::vector<std::uint32_t> queue = {0};
  queue.reserve(nodes_.size());
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const std::uint32_t node = queue[i];
    for (std::uint32_t child = nodes_[node].first_child; child != 0;
         child = nodes_[child].next_sibling) {
      Node& linked = nodes_[child];
      if (node != 0) linked.shorter = Next(nodes_[node].shorter, linked.byte);
      linked.longest = std::max(linked.longest, nodes_[linked.shorter].longest);
      queue.push_back(child);
    }
  }
}

std::uint32_t Redactor::Child(std::uint32_t node, char byte) const {
  if (node == 0) return first_[static_cast<unsigned char>(byte)];
  std::uint32_t child = nodes_[node].first_child;
  while (child != 0 && nodes_[child].byte != byte) child = nodes_[child].next_sibling;
  return child;
}

std::uint32_t Redactor::Next(std::uint32_t node, char byte) const {
  while (true) {
    const std::uint32_t child = Child(node, byte);
    if (child != 0 || node == 0) return child;
    node = nodes_[node].shorter;
  }
}

/// Adds what ends behind all the others.
void Redactor::Join(Ranges& ranges, Range next) {
  while (!ranges.empty() && ranges.back().end > next.begin) {
    next.begin = std::min(next.begin, ranges.back().begin);
    next.end = std::max(next.end, ranges.back().end);
    ranges.pop_back();
  }
  ranges.push_back(next);
}

Redactor::Ranges Redactor::Merge(const Ranges& a, const Ranges& b) {
  Ranges all(a.size() + b.size());
  std::ranges::merge(a, b, all.begin(), {}, &Range::end, &Range::end);
  Ranges joined;
  for (const Range& range : all) Join(joined, range);
  return joined;
}

/// All that is part of any pattern.
Redactor::Ranges Redactor::Find(std::string_view text) const {
  Ranges found;
  std::uint32_t node = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    node = Next(node, text[i]);
    // What is shorter and ends here too lies inside.
    if (const std::size_t longest = nodes_[node].longest; longest > 0) {
      Join(found, {i + 1 - longest, i + 1});
    }
  }
  return found;
}

/// The same in the text that is left when escapes are undone, up to `levels` times; ranges are
/// those of `text`, and cut no escape in two.
Redactor::Ranges Redactor::FindUnescaped(std::string_view text, int levels) const {
  const Unescaped unescaped = Unescape(text);
  Ranges found = Find(unescaped.text);
  if (unescaped.escapes.empty()) return found;
  if (levels > 1) found = Merge(found, FindUnescaped(unescaped.text, levels - 1));
  Ranges ranges;
  ToSource source(unescaped.escapes);
  for (const Range& range : found) {
    const std::size_t begin = source.Begin(range.begin);
    Join(ranges, {begin, source.End(range.end)});
  }
  return ranges;
}

std::string Redactor::Replace(std::string_view text, const Ranges& ranges) {
  std::string replaced;
  std::size_t at = 0;
  for (const Range& range : ranges) {
    replaced.append(text.substr(at, range.begin - at)).append(kMark);
    at = range.end;
  }
  return replaced.append(text.substr(at));
}

std::string Redactor::Text(std::string_view text) const {
  if (empty()) return std::string(text);
  Ranges ranges = Find(text);
  if (text.find('\\') != std::string_view::npos) {
    ranges = Merge(ranges, FindUnescaped(text, kLevels));
  }
  return Replace(text, ranges);
}

std::string Redactor::Json(std::string_view json) const {
  if (empty()) return std::string(json);
  constexpr std::string_view kBetween = "{}[],: \t\r\n";
  std::string redacted;
  for (std::size_t at = 0; at < json.size();) {
    if (kBetween.find(json[at]) != std::string_view::npos) {
      redacted += json[at++];
      continue;
    }
    std::size_t end = at + 1;
    if (json[at] == '"') {
      while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2U : 1U;
      end = std::min(end, json.size());
      const std::string_view content = json.substr(at + 1, end - at - 1);
      redacted.append(1, '"').append(Replace(content, FindUnescaped(content, kLevels)));
      if (end < json.size()) redacted += json[end++];
    } else {
      while (end < json.size() && json[end] != '"' &&
             kBetween.find(json[end]) == std::string_view::npos) {
        ++end;
      }
      const std::string_view scalar = json.substr(at, end - at);
      redacted.append(Find(scalar).empty() ? scalar : kQuotedMark);
    }
    at = end;
  }
  if (!Find(redacted).empty()) return std::string(kQuotedMark);
  return redacted;
}

}  // namespace mesg
