#include "model/data_validator.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/encoding.h"
#include "model/json_schema.h"
#include "model/json_walk.h"

namespace mesg {
namespace {

using simdjson::ondemand::json_type;
using Value = simdjson::ondemand::value;

constexpr std::size_t kMaxViolations = 100;
constexpr std::size_t kFewKeys = 16;  ///< So many are compared one by one.

struct CheckedParameter;

/// A ParameterSet prepared for checking.
struct CheckedSet {
  std::vector<CheckedParameter> parameters;
  std::unordered_map<std::string_view, std::size_t> by_key;  ///< Only when there are many.
  bool additional = true;

  /// The index of `key`; `hint` is where it stands when data follows the order of declaration.
  std::size_t Find(std::string_view key, std::size_t hint) const;
  static constexpr std::size_t kUnknown = static_cast<std::size_t>(-1);
};

struct CheckedParameter {
  std::string key;
  ParameterType type = ParameterType::kAny;
  bool optional = false;
  bool repeated = false;
  CheckedSet object;
  std::shared_ptr<const JsonSchema> schema;

  /// "String", "list of Number", "value": what stands here.
  std::string Expected(bool element) const {
    const std::string one = schema ? "value" : std::string(Name(type));
    return repeated && !element ? "a list of " + one
                                : (one == "Object" || one == "Any" ? "an " : "a ") + one;
  }
};

std::size_t CheckedSet::Find(std::string_view key, std::size_t hint) const {
  if (hint < parameters.size() && parameters[hint].key == key) return hint;
  if (by_key.empty()) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (parameters[i].key == key) return i;
    }
    return kUnknown;
  }
  const auto found = by_key.find(key);
  return found == by_key.end() ? kUnknown : found->second;
}

/// Where the walk is, as a chain through the stack, so that a path costs nothing until it is shown.
struct Place {
  const Place* up = nullptr;
  std::string_view key = {};
  std::size_t index = 0;
  bool in_list = false;

  std::string Text() const {
    std::string text = Steps();
    if (text.starts_with('.')) text.erase(0, 1);
    return text;
  }

 private:
  std::string Steps() const {
    if (up == nullptr) return {};
    return up->Steps() + (in_list ? fmt::format("[{}]", index) : PathStep(key));
  }
};

std::string_view Describe(json_type type) {
  switch (type) {
    case json_type::array:
      return "a list";
    case json_type::object:
      return "an Object";
    case json_type::number:
      return "a Number";
    case json_type::string:
      return "a String";
    case json_type::boolean:
      return "a Boolean";
    case json_type::null:
      return "null";
  }
  return "something else";
}

bool Fits(ParameterType expected, json_type type) {
  switch (expected) {
    case ParameterType::kString:
      return type == json_type::string;
    case ParameterType::kNumber:
      return type == json_type::number;
    case ParameterType::kBoolean:
      return type == json_type::boolean;
    case ParameterType::kObject:
      return type == json_type::object;
    case ParameterType::kAny:
      return true;
  }
  return false;
}

/// Stacks shared by all the objects that are open, so that none of them allocates.
struct Scratch {
  std::vector<std::string_view> keys;  ///< Undeclared ones.
  std::vector<std::uint8_t> seen;      ///< Of each declared parameter.
};

/// One walk over one text. Functions return false when the text itself is wrong.
class Walk {
 public:
  Walk(JsonDocument& document, Scratch& scratch) : document_(document), scratch_(scratch) {
    scratch_.keys.clear();
    scratch_.seen.clear();
  }

  bool Root(Value value, const CheckedSet& set);
  bool Anything(Value value, int depth);

  Result<void> Finish(std::string_view what) &&;

 private:
  bool Object(Value value, const CheckedSet& set, const Place& place, int depth);
  bool Fields(simdjson::ondemand::object& object, const CheckedSet& set, const Place& place,
              int depth);
  bool Undeclared(std::string_view key, std::size_t first_key, const CheckedSet& set,
                  const Place& place);
  bool Declared(Value value, const CheckedParameter& parameter, const Place& place, int depth);
  bool One(Value value, const CheckedParameter& parameter, const Place& place, int depth,
           bool element);
  bool List(Value value, const CheckedParameter& parameter, const Place& place, int depth);
  bool BySchema(Value value, const JsonSchema& schema, const Place& place, int depth);

  bool TypeOf(Value& value, json_type& type) {
    const auto error = value.type().get(type);
    return error == simdjson::SUCCESS || document_.Fail(error);
  }
  bool MayNest(int depth) {
    return depth < kMaxJsonDepth ||
           document_.Fail(fmt::format("it is nested deeper than {} levels", kMaxJsonDepth));
  }
  bool Twice(std::string_view key) {
    return document_.Fail(fmt::format("the key {} is there twice", QuoteJson(key)));
  }
  void Report(std::string path, std::string reason) {
    if (violations_.size() < kMaxViolations) {
      violations_.push_back({std::move(path), std::move(reason)});
    } else {
      ++more_;
    }
  }

  JsonDocument& document_;
  Scratch& scratch_;
  std::vector<Violation> violations_;
  std::size_t more_ = 0;
};

const CheckedSet& Unrestricted() {
  static const CheckedSet set;
  return set;
}

bool Walk::Root(Value value, const CheckedSet& set) {
  json_type type{};
  if (!TypeOf(value, type)) return false;
  if (type == json_type::object) return Object(value, set, Place(), 0);
  Report("", fmt::format("expected an Object, got {}", Describe(type)));
  return Anything(value, 0);
}

bool Walk::Anything(Value value, int depth) {
  json_type type{};
  if (!TypeOf(value, type)) return false;
  if (type == json_type::object) return Object(value, Unrestricted(), Place(), depth);
  if (type != json_type::array) {
    return document_.CheckScalar(value, type, JsonDocument::Token(value));
  }
  if (!MayNest(depth)) return false;
  simdjson::ondemand::array list;
  if (const auto error = value.get_array().get(list)) return document_.Fail(error);
  for (auto element : list) {
    Value item;
    if (const auto error = element.get(item)) return document_.Fail(error);
    if (!Anything(item, depth + 1)) return false;
  }
  return true;
}

bool Walk::Object(Value value, const CheckedSet& set, const Place& place, int depth) {
  if (!MayNest(depth)) return false;
  simdjson::ondemand::object object;
  if (const auto error = value.get_object().get(object)) return document_.Fail(error);

  const std::size_t first_key = scratch_.keys.size();
  const std::size_t first_seen = scratch_.seen.size();
  scratch_.seen.resize(first_seen + set.parameters.size(), 0);
  if (!Fields(object, set, place, depth)) return false;

  std::string_view* const keys = scratch_.keys.data() + first_key;
  const std::size_t count = scratch_.keys.size() - first_key;
  std::string_view twice;
  if (count > kFewKeys && HasDuplicates(keys, keys + count, twice)) return Twice(twice);
  for (std::size_t i = 0; i < set.parameters.size(); ++i) {
    const CheckedParameter& parameter = set.parameters[i];
    if (scratch_.seen[first_seen + i] != 0 || parameter.optional) continue;
    Report(Place{&place, parameter.key}.Text(),
           fmt::format("required, expected {}, but it is missing", parameter.Expected(false)));
  }
  scratch_.keys.resize(first_key);
  scratch_.seen.resize(first_seen);
  return true;
}

bool Walk::Fields(simdjson::ondemand::object& object, const CheckedSet& set, const Place& place,
                  int depth) {
  const std::size_t first_key = scratch_.keys.size();
  const std::size_t first_seen = scratch_.seen.size() - set.parameters.size();
  std::size_t next = 0;
  for (auto element : object) {
    simdjson::ondemand::field field;
    if (const auto error = std::move(element).get(field)) return document_.Fail(error);
    std::string_view key;
    if (!document_.ReadKey(field, key)) return false;
    const std::size_t index = set.Find(key, next);
    if (index == CheckedSet::kUnknown) {
      if (!Undeclared(key, first_key, set, place) || !Anything(field.value(), depth + 1))
        return false;
      continue;
    }
    next = index + 1;
    if (std::exchange(scratch_.seen[first_seen + index], std::uint8_t{1}) != 0) return Twice(key);
    const CheckedParameter& parameter = set.parameters[index];
    if (!Declared(field.value(), parameter, Place{&place, parameter.key}, depth + 1)) return false;
  }
  return true;
}

bool Walk::Undeclared(std::string_view key, std::size_t first_key, const CheckedSet& set,
                      const Place& place) {
  // Few keys are compared as they come; many are sorted at the end of the object.
  if (scratch_.keys.size() - first_key < kFewKeys) {
    const auto first = scratch_.keys.begin() + static_cast<std::ptrdiff_t>(first_key);
    if (std::find(first, scratch_.keys.end(), key) != scratch_.keys.end()) return Twice(key);
  }
  scratch_.keys.push_back(key);
  if (set.additional) return true;
  std::string reason = "is not declared";
  if (violations_.size() < kMaxViolations) {
    std::vector<std::string_view> known;
    for (const CheckedParameter& parameter : set.parameters) known.push_back(parameter.key);
    const std::string_view nearest = Nearest(key, known);
    if (!nearest.empty()) reason += fmt::format(", did you mean {}?", QuoteJson(nearest));
    Report(Place{&place, key}.Text(), std::move(reason));
  } else {
    ++more_;
  }
  return true;
}

bool Walk::Declared(Value value, const CheckedParameter& parameter, const Place& place, int depth) {
  return parameter.repeated ? List(value, parameter, place, depth)
                            : One(value, parameter, place, depth, false);
}

bool Walk::List(Value value, const CheckedParameter& parameter, const Place& place, int depth) {
  json_type type{};
  if (!TypeOf(value, type)) return false;
  if (type != json_type::array) {
    if (type != json_type::null || !parameter.optional) {
      Report(place.Text(),
             fmt::format("expected {}, got {}", parameter.Expected(false), Describe(type)));
    }
    return Anything(value, depth);
  }
  if (!MayNest(depth)) return false;
  simdjson::ondemand::array list;
  if (const auto error = value.get_array().get(list)) return document_.Fail(error);
  std::size_t index = 0;
  for (auto element : list) {
    Value item;
    if (const auto error = element.get(item)) return document_.Fail(error);
    if (!One(item, parameter, Place{&place, {}, index++, true}, depth + 1, true)) return false;
  }
  return true;
}

bool Walk::One(Value value, const CheckedParameter& parameter, const Place& place, int depth,
               bool element) {
  json_type type{};
  if (!TypeOf(value, type)) return false;
  const bool absent = type == json_type::null && parameter.optional && !element;
  if (parameter.schema && !absent) return BySchema(value, *parameter.schema, place, depth);
  if (!absent && (type == json_type::null || !Fits(parameter.type, type))) {
    Report(place.Text(),
           fmt::format("expected {}, got {}", parameter.Expected(true), Describe(type)));
  } else if (type == json_type::object) {
    return Object(value, parameter.object, place, depth);
  }
  return Anything(value, depth);
}

bool Walk::BySchema(Value value, const JsonSchema& schema, const Place& place, int depth) {
  json_type type{};
  if (!TypeOf(value, type)) return false;
  std::string_view text;
  if (type == json_type::object) {
    simdjson::ondemand::object object;
    if (const auto error = value.get_object().get(object)) return document_.Fail(error);
    if (const auto error = object.raw_json().get(text)) return document_.Fail(error);
  } else if (type == json_type::array) {
    simdjson::ondemand::array list;
    if (const auto error = value.get_array().get(list)) return document_.Fail(error);
    if (const auto error = list.raw_json().get(text)) return document_.Fail(error);
  } else {
    text = JsonDocument::Token(value);
    if (!document_.CheckScalar(value, type, text)) return false;
  }
  const auto json = ReadJson(text, depth);
  if (!json) return document_.Fail(json.error().message);
  schema.Check(*json, [&](const std::string& path, std::string reason) {
    Report(place.Text() + path, std::move(reason));
  });
  return true;
}

Result<void> Walk::Finish(std::string_view what) && {
  if (violations_.empty()) return {};
  std::string message(what);
  for (std::size_t i = 0; i < violations_.size(); ++i) {
    if (!message.empty()) message += i == 0 ? ": " : "; ";
    if (!violations_[i].path.empty()) message += violations_[i].path + ": ";
    message += violations_[i].reason;
  }
  if (more_ > 0) message += fmt::format("; and {} more errors", more_);
  return Error{.code = Code::kInvalidArgument,
               .message = std::move(message),
               .reason = "INVALID_DATA",
               .violations = std::move(violations_)};
}

Error NotJson(std::string_view what, std::string error) {
  return Error{.code = Code::kInvalidArgument,
               .message = fmt::format("{} not valid JSON: {}",
                                      what.empty() ? "It is" : std::string(what) + " is", error),
               .reason = "INVALID_JSON",
               .violations = {{"", std::move(error)}}};
}

Scratch& ScratchOfThread() {
  static thread_local Scratch scratch;
  constexpr std::size_t kKept = 4096;
  if (scratch.keys.capacity() > kKept) scratch.keys = {};
  return scratch;
}

Result<CheckedSet> Prepare(const std::vector<Parameter>& parameters, bool additional) {
  CheckedSet set;
  set.additional = additional;
  for (const Parameter& parameter : parameters) {
    CheckedParameter& checked = set.parameters.emplace_back();
    checked.key = parameter.key;
    checked.type = parameter.type;
    checked.optional = parameter.optional;
    checked.repeated = parameter.repeated;
    if (!parameter.schema.empty()) {
      auto schema = JsonSchema::Compile(parameter.schema);
      if (!schema)
        return Annotate(std::move(schema).error(), "parameter " + QuoteJson(parameter.key));
      checked.schema = *std::move(schema);
    }
    auto object = Prepare(parameter.object, parameter.additional);
    if (!object)
      return Annotate(std::move(object).error(), "parameter " + QuoteJson(parameter.key));
    checked.object = *std::move(object);
  }
  if (set.parameters.size() > kFewKeys) {
    for (std::size_t i = 0; i < set.parameters.size(); ++i) {
      set.by_key.emplace(set.parameters[i].key, i);
    }
  }
  return set;
}

}  // namespace

struct DataValidator::Compiled {
  CheckedSet set;
};

Result<DataValidator> DataValidator::Compile(const ParameterSet& parameters) {
  const auto compiled = std::make_shared<Compiled>();
  compiled->set = MESG_TRY(Prepare(parameters.parameters, parameters.additional));
  return DataValidator(compiled);
}

Result<void> DataValidator::Validate(std::string_view json, std::string_view what) const {
  JsonDocument& document = JsonDocument::OfThread();
  Walk walk(document, ScratchOfThread());
  std::string error =
      document.Read(json, [&](Value value) { return walk.Root(value, compiled_->set); });
  if (!error.empty()) return NotJson(what, std::move(error));
  return std::move(walk).Finish(what);
}

Result<void> CheckJson(std::string_view json, std::string_view what) {
  JsonDocument& document = JsonDocument::OfThread();
  Walk walk(document, ScratchOfThread());
  std::string error = document.Read(json, [&](Value value) { return walk.Anything(value, 0); });
  if (!error.empty()) return NotJson(what, std::move(error));
  return {};
}

}  // namespace mesg
