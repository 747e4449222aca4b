#include <charconv>
#include <unordered_map>

#include "base/encoding.h"
#include "model/decimal.h"
#include "model/json_schema_node.h"

namespace mesg {
namespace {

using Kind = JsonValue::Kind;

constexpr std::size_t kMaxNodes = 10'000;
constexpr std::int64_t kMaxPatternMemory = 1 << 20;

unsigned Bit(Kind kind) { return 1U << static_cast<unsigned>(kind); }

/// A key inside a JSON pointer.
std::string Escaped(std::string_view key) {
  std::string escaped;
  for (const char c : key) {
    if (c == '~') {
      escaped += "~0";
    } else if (c == '/') {
      escaped += "~1";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

Error At(const std::string& where, std::string_view what) {
  return InvalidArgument("schema {}: {}", where.empty() ? "/" : where, what);
}

Error Wrong(const std::string& where, std::string_view expected, const JsonValue& got) {
  return At(where, fmt::format("expected {}, got {}", expected, Describe(got.kind)));
}

}  // namespace

/// Turns the text of a schema into nodes. Each place is compiled once, before its parts, so that a
/// reference back to it ends.
class JsonSchema::Compiler {
 public:
  explicit Compiler(JsonSchema& schema) : schema_(schema) {}

  Result<const Node*> Compile(const JsonValue& from, const std::string& where, int depth = 0);

 private:
  using Handler = Result<void> (Compiler::*)(Node&, const JsonValue&, const std::string&, int);
  static const std::map<std::string_view, Handler>& Keywords();

  template <std::optional<std::string> Node::*Limit, std::string Node::*Text>
  Result<void> Number(Node& node, const JsonValue& from, const std::string& where, int) {
    if (from.kind != Kind::kNumber) return Wrong(where, "a number", from);
    std::string decimal;
    if (!AppendDecimal(from.text, decimal)) return At(where, "the exponent is out of range");
    node.*Limit = std::move(decimal);
    node.*Text = from.text;
    return {};
  }

  template <std::uint64_t Node::*Count>
  Result<void> Size(Node& node, const JsonValue& from, const std::string& where, int) {
    std::uint64_t count = 0;
    const char* const end = from.text.data() + from.text.size();
    if (from.kind == Kind::kNumber) {
      const auto [stopped, error] = std::from_chars(from.text.data(), end, count);
      if (error == std::errc() && stopped == end) {
        node.*Count = count;
        return {};
      }
    }
    return At(where, "expected a whole number of 0 or more");
  }

  template <const Node* Node::*Child>
  Result<void> One(Node& node, const JsonValue& from, const std::string& where, int depth) {
    node.*Child = MESG_TRY(Compile(from, where, depth + 1));
    return {};
  }

  template <std::vector<const Node*> Node::*Children>
  Result<void> Several(Node& node, const JsonValue& from, const std::string& where, int depth) {
    if (from.kind != Kind::kList || from.items.empty()) {
      return At(where, "expected a list of at least one schema");
    }
    for (std::size_t i = 0; i < from.items.size(); ++i) {
      const std::string place = fmt::format("{}/{}", where, i);
      (node.*Children).push_back(MESG_TRY(Compile(from.items[i], place, depth + 1)));
    }
    return {};
  }

  Result<void> Type(Node& node, const JsonValue& from, const std::string& where, int);
  Result<void> Enum(Node& node, const JsonValue& from, const std::string& where, int);
  Result<void> Const(Node& node, const JsonValue& from, const std::string& where, int);
  Result<void> MultipleOf(Node& node, const JsonValue& from, const std::string& where, int);
  Result<void> Pattern(Node& node, const JsonValue& from, const std::string& where, int);
  Result<void> Unique(Node& node, const JsonValue& from, const std::string& where, int);
  Result<void> Items(Node& node, const JsonValue& from, const std::string& where, int depth);
  Result<void> Required(Node& node, const JsonValue& from, const std::string& where, int);
  Result<void> Properties(Node& node, const JsonValue& from, const std::string& where, int depth);
  Result<void> Patterns(Node& node, const JsonValue& from, const std::string& where, int depth);
  Result<void> Dependencies(Node& node, const JsonValue& from, const std::string& where, int depth);
  Result<void> Reference(Node& node, const JsonValue& from, const std::string& where, int depth);
  Result<void> Definitions(Node& node, const JsonValue& from, const std::string& where, int depth);
  Result<void> Ignore(Node&, const JsonValue&, const std::string&, int) { return {}; }

  Result<std::unique_ptr<re2::RE2>> Regex(std::string_view pattern, const std::string& where);
  Result<std::vector<std::string>> Strings(const JsonValue& from, const std::string& where);

  JsonSchema& schema_;
  std::unordered_map<const JsonValue*, const Node*> compiled_;
};

const std::map<std::string_view, JsonSchema::Compiler::Handler>& JsonSchema::Compiler::Keywords() {
  using C = Compiler;
  static const std::map<std::string_view, Handler> table = {
      {"type", &C::Type},
      {"enum", &C::Enum},
      {"const", &C::Const},
      {"minimum", &C::Number<&Node::minimum, &Node::minimum_text>},
      {"maximum", &C::Number<&Node::maximum, &Node::maximum_text>},
      {"exclusiveMinimum", &C::Number<&Node::above, &Node::above_text>},
      {"exclusiveMaximum", &C::Number<&Node::below, &Node::below_text>},
      {"multipleOf", &C::MultipleOf},
      {"minLength", &C::Size<&Node::min_length>},
      {"maxLength", &C::Size<&Node::max_length>},
      {"pattern", &C::Pattern},
      {"minItems", &C::Size<&Node::min_items>},
      {"maxItems", &C::Size<&Node::max_items>},
      {"uniqueItems", &C::Unique},
      {"items", &C::Items},
      {"additionalItems", &C::Ignore},  // Read by Items, since it means nothing without it.
      {"contains", &C::One<&Node::contains>},
      {"minProperties", &C::Size<&Node::min_members>},
      {"maxProperties", &C::Size<&Node::max_members>},
      {"required", &C::Required},
      {"properties", &C::Properties},
      {"patternProperties", &C::Patterns},
      {"additionalProperties", &C::One<&Node::additional>},
      {"propertyNames", &C::One<&Node::names>},
      {"dependencies", &C::Dependencies},
      {"dependentRequired", &C::Dependencies},
      {"dependentSchemas", &C::Dependencies},
      {"allOf", &C::Several<&Node::all_of>},
      {"anyOf", &C::Several<&Node::any_of>},
      {"oneOf", &C::Several<&Node::one_of>},
      {"not", &C::One<&Node::negated>},
      {"if", &C::One<&Node::condition>},
      {"then", &C::One<&Node::then>},
      {"else", &C::One<&Node::otherwise>},
      {"$ref", &C::Reference},
      {"definitions", &C::Definitions},
      {"$defs", &C::Definitions},
      {"$schema", &C::Ignore},
      {"$id", &C::Ignore},
      {"$comment", &C::Ignore},
      {"title", &C::Ignore},
      {"description", &C::Ignore},
      {"default", &C::Ignore},
      {"examples", &C::Ignore},
      {"format", &C::Ignore},
      {"readOnly", &C::Ignore},
      {"writeOnly", &C::Ignore},
      {"deprecated", &C::Ignore},
      {"contentEncoding", &C::Ignore},
      {"contentMediaType", &C::Ignore},
  };
  return table;
}

Result<const JsonSchema::Node*> JsonSchema::Compiler::Compile(const JsonValue& from,
                                                              const std::string& where, int depth) {
  if (const auto found = compiled_.find(&from); found != compiled_.end()) return found->second;
  if (depth > kMaxJsonDepth) return At(where, "it is nested too deeply");
  if (schema_.nodes_.size() >= kMaxNodes) return At(where, "the schema is too large");
  Node& node = *schema_.nodes_.emplace_back(std::make_unique<Node>());
  compiled_[&from] = &node;
  if (from.kind == Kind::kBoolean) {
    node.never = !from.boolean;
    return &node;
  }
  if (from.kind != Kind::kObject) return Wrong(where, "a schema (an object or a boolean)", from);
  for (const auto& [key, value] : from.members) {
    const auto keyword = Keywords().find(key);
    const std::string place = where + "/" + Escaped(key);
    if (keyword == Keywords().end()) {
      if (key.starts_with("x-")) continue;
      std::vector<std::string_view> known;
      for (const auto& [name, handler] : Keywords()) known.push_back(name);
      const std::string_view nearest = Nearest(key, known);
      return At(place, nearest.empty()
                           ? std::string("is not a keyword that is supported")
                           : fmt::format("is not a keyword, did you mean \"{}\"?", nearest));
    }
    MESG_TRY((this->*keyword->second)(node, value, place, depth));
  }
  // Read here, where both are known.
  if (const JsonValue* rest = from.Find("additionalItems");
      rest != nullptr && !node.tuple.empty()) {
    node.items = MESG_TRY(Compile(*rest, where + "/additionalItems", depth + 1));
  }
  return &node;
}

Result<void> JsonSchema::Compiler::Type(Node& node, const JsonValue& from, const std::string& where,
                                        int) {
  static const std::map<std::string_view, unsigned> kTypes = {
      {"null", Bit(Kind::kNull)},     {"boolean", Bit(Kind::kBoolean)},
      {"number", Bit(Kind::kNumber)}, {"integer", Bit(Kind::kNumber)},
      {"string", Bit(Kind::kString)}, {"array", Bit(Kind::kList)},
      {"object", Bit(Kind::kObject)}};
  const auto names = from.kind == Kind::kString ? std::vector<std::string>{from.text}
                                                : MESG_TRY(Strings(from, where));
  bool number = false;
  for (const std::string& name : names) {
    const auto type = kTypes.find(name);
    if (type == kTypes.end()) {
      return At(where, fmt::format("{} is not a type, expected null, boolean, number, integer, "
                                   "string, array or object",
                                   QuoteJson(name)));
    }
    node.types |= type->second;
    number = number || name == "number";
    node.integer = node.integer || name == "integer";
    node.type_names += (node.type_names.empty() ? "" : " or ") + name;
  }
  node.integer = node.integer && !number;
  if (names.empty()) return At(where, "expected at least one type");
  return {};
}

Result<void> JsonSchema::Compiler::Enum(Node& node, const JsonValue& from, const std::string& where,
                                        int) {
  if (from.kind != Kind::kList || from.items.empty()) {
    return At(where, "expected a list of at least one value");
  }
  std::set<std::string> allowed;
  for (const JsonValue& item : from.items) {
    std::string text;
    AppendComparable(item, text);
    if (!node.allowed || node.allowed->contains(text)) allowed.insert(std::move(text));
    constexpr std::size_t kShown = 200;
    if (node.allowed_names.size() > kShown) continue;
    node.allowed_names += node.allowed_names.empty() ? "" : ", ";
    node.allowed_names += item.kind == Kind::kString    ? QuoteJson(item.text)
                          : item.kind == Kind::kNumber  ? item.text
                          : item.kind == Kind::kBoolean ? (item.boolean ? "true" : "false")
                                                        : std::string(Describe(item.kind));
  }
  node.allowed = std::move(allowed);
  return {};
}

Result<void> JsonSchema::Compiler::Const(Node& node, const JsonValue& from,
                                         const std::string& where, int depth) {
  JsonValue list{.kind = Kind::kList};
  list.items.push_back(from);
  return Enum(node, list, where, depth);
}

Result<void> JsonSchema::Compiler::MultipleOf(Node& node, const JsonValue& from,
                                              const std::string& where, int depth) {
  MESG_TRY((Number<&Node::multiple_of, &Node::multiple_of_text>(node, from, where, depth)));
  constexpr std::size_t kMaxDigits = 18;
  const std::size_t digits = node.multiple_of->size() - node.multiple_of->find(':') - 1;
  if (digits == 0 || digits > kMaxDigits || node.multiple_of->front() == '-') {
    return At(where, "expected a number above 0 of at most 18 digits");
  }
  return {};
}

Result<std::unique_ptr<re2::RE2>> JsonSchema::Compiler::Regex(std::string_view pattern,
                                                              const std::string& where) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxPatternMemory);
  auto regex =
      std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!regex->ok()) {
    return At(where,
              fmt::format("{} is not a pattern RE2 takes: {}", QuoteJson(pattern), regex->error()));
  }
  return regex;
}

Result<void> JsonSchema::Compiler::Pattern(Node& node, const JsonValue& from,
                                           const std::string& where, int) {
  if (from.kind != Kind::kString) return Wrong(where, "a string", from);
  node.pattern = MESG_TRY(Regex(from.text, where));
  return {};
}

Result<void> JsonSchema::Compiler::Unique(Node& node, const JsonValue& from,
                                          const std::string& where, int) {
  if (from.kind != Kind::kBoolean) return Wrong(where, "true or false", from);
  node.unique = from.boolean;
  return {};
}

Result<void> JsonSchema::Compiler::Items(Node& node, const JsonValue& from,
                                         const std::string& where, int depth) {
  if (from.kind == Kind::kList) return Several<&Node::tuple>(node, from, where, depth);
  return One<&Node::items>(node, from, where, depth);
}

Result<std::vector<std::string>> JsonSchema::Compiler::Strings(const JsonValue& from,
                                                               const std::string& where) {
  std::vector<std::string> strings;
  if (from.kind != Kind::kList) return Wrong(where, "a list of strings", from);
  for (const JsonValue& item : from.items) {
    if (item.kind != Kind::kString) return Wrong(where, "only strings in the list", item);
    strings.push_back(item.text);
  }
  return strings;
}

Result<void> JsonSchema::Compiler::Required(Node& node, const JsonValue& from,
                                            const std::string& where, int) {
  node.required = MESG_TRY(Strings(from, where));
  return {};
}

Result<void> JsonSchema::Compiler::Properties(Node& node, const JsonValue& from,
                                              const std::string& where, int depth) {
  if (from.kind != Kind::kObject) return Wrong(where, "an object", from);
  for (const auto& [key, value] : from.members) {
    node.properties[key] = MESG_TRY(Compile(value, where + "/" + Escaped(key), depth + 1));
  }
  return {};
}

Result<void> JsonSchema::Compiler::Patterns(Node& node, const JsonValue& from,
                                            const std::string& where, int depth) {
  if (from.kind != Kind::kObject) return Wrong(where, "an object", from);
  for (const auto& [key, value] : from.members) {
    const std::string place = where + "/" + Escaped(key);
    auto regex = MESG_TRY(Regex(key, place));
    const Node* const child = MESG_TRY(Compile(value, place, depth + 1));
    node.patterns.emplace_back(std::move(regex), child);
  }
  return {};
}

Result<void> JsonSchema::Compiler::Dependencies(Node& node, const JsonValue& from,
                                                const std::string& where, int depth) {
  if (from.kind != Kind::kObject) return Wrong(where, "an object", from);
  for (const auto& [key, value] : from.members) {
    const std::string place = where + "/" + Escaped(key);
    if (value.kind == Kind::kList) {
      auto needed = MESG_TRY(Strings(value, place));
      node.dependent_required.emplace_back(key, std::move(needed));
    } else {
      const Node* const child = MESG_TRY(Compile(value, place, depth + 1));
      node.dependent_schemas.emplace_back(key, child);
    }
  }
  return {};
}

Result<void> JsonSchema::Compiler::Definitions(Node&, const JsonValue& from,
                                               const std::string& where, int depth) {
  if (from.kind != Kind::kObject) return Wrong(where, "an object", from);
  for (const auto& [key, value] : from.members) {
    MESG_TRY(Compile(value, where + "/" + Escaped(key), depth + 1));
  }
  return {};
}

Result<void> JsonSchema::Compiler::Reference(Node& node, const JsonValue& from,
                                             const std::string& where, int depth) {
  if (from.kind != Kind::kString) return Wrong(where, "a string", from);
  if (!from.text.starts_with('#')) {
    return At(where, fmt::format("{} leads outside; only references within the schema are followed "
                                 "(\"#/definitions/...\")",
                                 QuoteJson(from.text)));
  }
  const JsonValue* target = &schema_.text_;
  std::string_view rest = std::string_view(from.text).substr(1);
  while (target != nullptr && rest.starts_with('/')) {
    rest.remove_prefix(1);
    std::string key;
    for (; !rest.empty() && rest.front() != '/'; rest.remove_prefix(1)) {
      if (rest.starts_with("~0") || rest.starts_with("~1")) {
        key += rest[1] == '0' ? '~' : '/';
        rest.remove_prefix(1);
      } else {
        key += rest.front();
      }
    }
    if (target->kind == Kind::kList) {
      std::size_t index = target->items.size();
      std::from_chars(key.data(), key.data() + key.size(), index);
      target = index < target->items.size() ? &target->items[index] : nullptr;
    } else {
      target = target->Find(key);
    }
  }
  if (target == nullptr || !rest.empty()) {
    return At(where, fmt::format("{} leads nowhere", QuoteJson(from.text)));
  }
  const Node* const referred = MESG_TRY(Compile(*target, from.text.substr(1), depth + 1));
  node.all_of.push_back(referred);
  return {};
}

JsonSchema::JsonSchema() = default;
JsonSchema::~JsonSchema() = default;

Result<std::shared_ptr<const JsonSchema>> JsonSchema::Compile(std::string_view json) {
  std::shared_ptr<JsonSchema> schema(new JsonSchema());
  schema->text_ = MESG_TRY(ReadJson(json));
  schema->root_ = MESG_TRY(Compiler(*schema).Compile(schema->text_, ""));
  return std::shared_ptr<const JsonSchema>(std::move(schema));
}

}  // namespace mesg
