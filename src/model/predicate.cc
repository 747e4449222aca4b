#include "model/predicate.h"

#include <charconv>
#include <cstring>

#include "base/encoding.h"
#include "model/decimal.h"
#include "model/json_value.h"

namespace mesg {
namespace {

constexpr std::size_t kMaxValueSize = 64 << 10;
constexpr std::size_t kMaxSteps = 128;

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

/// Appends the four hex digits at `at` as a number; they are there, since the JSON is valid.
unsigned HexAt(std::string_view text, std::size_t at) {
  unsigned code = 0;
  if (at + 4 <= text.size()) std::from_chars(text.data() + at, text.data() + at + 4, code, 16);
  return code;
}

/// Appends what stands between the quotes of a valid JSON string, decoded.
void AppendDecoded(std::string_view raw, std::string& into) {
  for (std::size_t i = 0; i < raw.size();) {
    const std::size_t escape = raw.find('\\', i);
    into += raw.substr(i, escape - i);
    if (escape == std::string_view::npos || escape + 1 >= raw.size()) return;
    const char c = raw[escape + 1];
    i = escape + 2;
    switch (c) {
      case 'b':
        into += '\b';
        break;
      case 'f':
        into += '\f';
        break;
      case 'n':
        into += '\n';
        break;
      case 'r':
        into += '\r';
        break;
      case 't':
        into += '\t';
        break;
      case 'u': {
        unsigned code = HexAt(raw, i);
        i += 4;
        if (code >= 0xd800 && code < 0xdc00) {  // The second half follows as "\uXXXX".
          code = 0x10000 + ((code - 0xd800) << 10) + ((HexAt(raw, i + 2) - 0xdc00) & 0x3ff);
          i += 6;
        }
        AppendUtf8(code, into);
        break;
      }
      default:
        into += c;
        break;
    }
  }
}

/// Finds values in JSON that is known to be valid: it skips without checking. Whatever it is given,
/// it stays within the text.
class Finder {
 public:
  explicit Finder(std::string_view json) : at_(json.data()), end_(at_ + json.size()) {}

  /// The raw text of the value at `path`; empty when there is none.
  std::string_view Find(const std::vector<JsonPath::Step>& path) {
    for (const JsonPath::Step& step : path) {
      SkipSpaces();
      if (!(step.index ? Enter(*step.index) : Enter(step.key))) return {};
    }
    SkipSpaces();
    const char* const start = at_;
    SkipValue();
    while (at_ != start && IsSpace(at_[-1])) --at_;
    return {start, static_cast<std::size_t>(at_ - start)};
  }

  /// Moves into a list, to the next element; false at its end.
  bool EnterList() { return Take('['); }
  std::string_view NextElement() {
    SkipSpaces();
    if (at_ == end_ || *at_ == ']') return {};
    const char* const start = at_;
    SkipValue();
    const std::string_view element(start, static_cast<std::size_t>(at_ - start));
    SkipSpaces();
    Take(',');
    return element;
  }

 private:
  bool Take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  void SkipSpaces() {
    while (at_ != end_ && IsSpace(*at_)) ++at_;
  }

  bool Enter(std::size_t index) {
    if (!Take('[')) return false;
    for (;; --index) {
      SkipSpaces();
      if (at_ == end_ || *at_ == ']') return false;
      if (index == 0) return true;
      SkipValue();
      SkipSpaces();
      if (!Take(',')) return false;
    }
  }

  bool Enter(std::string_view key) {
    if (!Take('{')) return false;
    while (true) {
      SkipSpaces();
      if (at_ == end_ || *at_ != '"') return false;
      const std::string_view raw = TakeString();
      SkipSpaces();
      if (!Take(':')) return false;
      SkipSpaces();
      if (Equal(raw, key)) return true;
      SkipValue();
      SkipSpaces();
      if (!Take(',')) return false;
    }
  }

  static bool Equal(std::string_view raw, std::string_view key) {
    if (raw == key) return raw.find('\\') == std::string_view::npos;
    if (raw.size() <= key.size() || raw.find('\\') == std::string_view::npos) return false;
    std::string decoded;
    AppendDecoded(raw, decoded);
    return decoded == key;
  }

  /// From an opening quote to behind the closing one; what stands between them.
  std::string_view TakeString() {
    const char* const start = ++at_;
    while (at_ != end_ && *at_ != '"') at_ += *at_ == '\\' && end_ - at_ > 1 ? 2 : 1;
    const std::string_view raw(start, static_cast<std::size_t>(at_ - start));
    if (at_ != end_) ++at_;
    return raw;
  }

  void SkipValue() {
    std::size_t depth = 0;
    while (at_ != end_) {
      switch (*at_) {
        case '"':
          TakeString();
          break;
        case '{':
        case '[':
          ++depth;
          ++at_;
          continue;
        case '}':
        case ']':
          if (depth == 0) return;
          --depth;
          ++at_;
          break;
        case ',':
        case ':':
        case ' ':
        case '\n':
        case '\t':
        case '\r':
          if (depth == 0) return;
          ++at_;
          continue;
        default:
          while (at_ != end_ && *at_ != ',' && *at_ != '}' && *at_ != ']' && !IsSpace(*at_)) ++at_;
          break;
      }
      if (depth == 0) return;
    }
  }

  const char* at_;
  const char* end_;
};

/// Appends the canonical form of a scalar's raw text; false for a list or an object.
bool AppendScalar(std::string_view raw, std::string& into) {
  switch (raw.empty() ? '{' : raw.front()) {
    case '"':
      into += 's';
      AppendDecoded(raw.substr(1, raw.size() < 2 ? 0 : raw.size() - 2), into);
      return true;
    case 't':
    case 'f':
      into += 'b';
      into += raw.front();
      return true;
    case 'n':
      into += '0';
      return true;
    case '{':
    case '[':
      return false;
    default:
      AppendDecimal(raw, into += 'n');
      return true;
  }
}

/// Canonical text of any value: a scalar as ScalarAt gives it, else a letter of its own.
void AppendAny(std::string_view raw, std::string& into) {
  if (AppendScalar(raw, into)) return;
  const auto value = ReadJson(raw);
  into += 'j';
  if (value) AppendComparable(*value, into);
}

/// A buffer that keeps its memory from one event to the next, but not that of a huge one.
std::string& Buffer() {
  static thread_local std::string buffer;
  constexpr std::size_t kKept = 64 << 10;
  if (buffer.capacity() > kKept) buffer = {};
  buffer.clear();
  return buffer;
}

/// Below, 0 or above 0; nothing for pairs that have no order.
std::optional<int> Order(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty() || a.front() != b.front()) return std::nullopt;
  if (a.front() == 'n') return CompareDecimals(a.substr(1), b.substr(1));
  if (a.front() == 's') return a.compare(b);
  return std::nullopt;
}

Error BadPath(std::string_view text, std::string_view why) {
  return InvalidArgument("path {}: {}", QuoteJson(text.substr(0, 200)), why);
}

}  // namespace

Result<JsonPath> JsonPath::Parse(std::string_view text) {
  if (text.empty()) return InvalidArgument("the path is empty");
  if (text.size() > kMaxValueSize || !IsUtf8(text))
    return BadPath(text, "it is too long or not UTF-8");
  JsonPath path;
  path.text_ = text;
  std::size_t i = 0;
  bool separated = true;  // A key may begin here without a dot before it.
  while (i < text.size()) {
    if (path.steps_.size() >= kMaxSteps) {
      return BadPath(text, fmt::format("it has more than {} steps", kMaxSteps));
    }
    if (text[i] == '[') {
      if (separated && i > 0) return BadPath(text, "expected a key after the dot");
      std::size_t index = 0;
      const char* const first = text.data() + i + 1;
      const char* const end = text.data() + text.size();
      const auto [stopped, error] = std::from_chars(first, end, index);
      if (error != std::errc() || stopped == end || *stopped != ']') {
        return BadPath(text, "expected a whole number and ] after [");
      }
      path.steps_.push_back({{}, index});
      i = static_cast<std::size_t>(stopped - text.data()) + 1;
    } else {
      if (!separated) return BadPath(text, "expected . or [ after ]");
      std::string key;
      for (; i < text.size() && text[i] != '.' && text[i] != '['; ++i) {
        if (text[i] == ']') return BadPath(text, "a ] without its [; write \\] for one in a key");
        if (text[i] == '\\' && ++i == text.size()) return BadPath(text, "a \\ at its end");
        key += text[i];
      }
      if (key.empty()) return BadPath(text, "a key is empty");
      path.steps_.push_back({std::move(key), std::nullopt});
    }
    separated = i < text.size() && text[i] == '.';
    if (separated && ++i == text.size()) return BadPath(text, "expected a key after the dot");
  }
  return path;
}

Result<Predicate> Predicate::Make(std::string_view path, Operator op, std::string_view value) {
  Predicate predicate;
  predicate.path_ = MESG_TRY(JsonPath::Parse(path));
  predicate.op_ = op;
  if (op == Operator::kExists) return predicate;
  if (op < Operator::kEq || op > Operator::kExists) {
    return InvalidArgument("predicate on {}: unknown operator {}", path, static_cast<int>(op));
  }
  if (value.size() > kMaxValueSize) {
    return InvalidArgument("predicate on {}: its value has {} bytes, at most {} are allowed", path,
                           value.size(), kMaxValueSize);
  }
  const auto json = ReadJson(value);
  if (!json) return Annotate(json.error(), fmt::format("value of the predicate on {}", path));
  std::string decimal;
  if (json->kind == JsonValue::Kind::kNumber && !AppendDecimal(json->text, decimal)) {
    return InvalidArgument("predicate on {}: the exponent of {:.64} is out of range", path,
                           json->text);
  }
  using Kind = JsonValue::Kind;
  const bool ordered = op >= Operator::kGt && op <= Operator::kLte;
  if (ordered && json->kind != Kind::kNumber && json->kind != Kind::kString) {
    return InvalidArgument("predicate on {}: expected a number or a string to compare with, got {}",
                           path, Describe(json->kind));
  }
  predicate.value_ = value;
  const std::string_view raw = Finder(value).Find({});
  AppendAny(raw, predicate.canonical_);
  if (op == Operator::kEq && json->kind != Kind::kList && json->kind != Kind::kObject) {
    predicate.eq_scalar_ = predicate.canonical_;
  }
  return predicate;
}

bool Predicate::Matches(std::string_view json) const {
  const std::string_view raw = Finder(json).Find(path_.Steps());
  if (raw.empty()) return false;
  if (op_ == Operator::kExists) return true;
  std::string& actual = Buffer();
  if (op_ == Operator::kContains) {
    if (raw.front() == '"') {
      AppendScalar(raw, actual);
      return canonical_.front() == 's' &&
             actual.find(std::string_view(canonical_).substr(1), 1) != std::string::npos;
    }
    Finder elements(raw);
    if (!elements.EnterList()) return false;
    for (std::string_view element; !(element = elements.NextElement()).empty();) {
      actual.clear();
      AppendAny(element, actual);
      if (actual == canonical_) return true;
    }
    return false;
  }
  const bool scalar = raw.front() != '{' && raw.front() != '[';
  if (!scalar && canonical_.front() != 'j') return false;  // Before reading all of it.
  AppendAny(raw, actual);
  if (op_ == Operator::kEq) return actual == canonical_;
  const auto order = Order(actual, canonical_);
  if (!order) return false;
  switch (op_) {
    case Operator::kGt:
      return *order > 0;
    case Operator::kGte:
      return *order >= 0;
    case Operator::kLt:
      return *order < 0;
    case Operator::kLte:
      return *order <= 0;
    case Operator::kEq:
    case Operator::kContains:
    case Operator::kExists:
      break;
  }
  return false;
}

bool ScalarAt(std::string_view json, const JsonPath& path, std::string& into) {
  const std::string_view raw = Finder(json).Find(path.Steps());
  return !raw.empty() && AppendScalar(raw, into);
}

}  // namespace mesg
