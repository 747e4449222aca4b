#include <algorithm>
#include <string>

#include "app/expression/function_bodies.h"
#include "app/expression/functions.h"
#include "model/decimal.h"

namespace mesg::app {

Result<void> Meter::SpendAll(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
    case Value::Kind::kBoolean:
    case Value::Kind::kNumber:
      return Spend(1);
    case Value::Kind::kString:
      return SpendBytes(value.text().size());
    case Value::Kind::kList:
      for (const Value& item : value.list()) MESG_TRY(SpendAll(item));
      return Spend(1);
    case Value::Kind::kObject:
      for (const auto& [key, item] : value.object().Members()) {
        MESG_TRY(SpendBytes(key.size()));
        MESG_TRY(SpendAll(item));
      }
      return Spend(1);
  }
  return {};
}

namespace bodies {
namespace {

using Kind = Value::Kind;
using Arguments = std::span<const Value>;

Result<void> RequireList(const Value& value, std::string_view function) {
  if (value.kind() == Kind::kList) return {};
  return InvalidArgument("{}: expected a list, got {}", function, Show(value));
}

Result<Value> Round(const Value& input, std::string_view function, Number::Rounding rounding) {
  if (input.kind() != Kind::kNumber) {
    return InvalidArgument("{}: expected a number, got {}", function, Show(input));
  }
  return Value::Of(MESG_TRY(input.number().Rounded(rounding)));
}

// The values of a list or an object.
Result<Value::List> Items(const Value& value, std::string_view function) {
  if (value.kind() == Kind::kList) return value.list();
  if (value.kind() != Kind::kObject) {
    return InvalidArgument("{}: expected a list or an object, got {}", function, Show(value));
  }
  Value::List items;
  for (const auto& [key, item] : value.object().Members()) items.push_back(item);
  return items;
}

// Comparisons read at most as much as there is, about log2(n) times.
Result<void> SpendSort(const Value& list, Meter& meter) {
  MESG_TRY(meter.SpendAll(list));
  std::uint64_t rounds = 1;
  for (std::size_t left = list.list().size(); left > 1; left /= 2) ++rounds;
  return meter.Spend(list.list().size() * rounds);
}

struct Keyed {
  const Value* key;
  const Value* item;
};

// The items of `input` in the order of their keys, stable.
Result<std::vector<Keyed>> SortKeyed(const Value& input, const Value& keys,
                                     std::string_view function, Meter& meter) {
  MESG_TRY(RequireList(input, function));
  MESG_TRY(SpendSort(keys, meter));
  std::vector<Keyed> keyed;
  for (std::size_t i = 0; i < input.list().size(); ++i) {
    keyed.push_back({&keys.list()[i], &input.list()[i]});
  }
  std::ranges::stable_sort(
      keyed, [](const Keyed& a, const Keyed& b) { return Value::Compare(*a.key, *b.key) < 0; });
  return keyed;
}

Result<Value> Extreme(const Value& input, const Value& keys, bool least, std::string_view function,
                      Meter& meter) {
  MESG_TRY(RequireList(input, function));
  MESG_TRY(meter.SpendAll(keys));
  const Value* best = nullptr;
  Value found;
  for (std::size_t i = 0; i < input.list().size(); ++i) {
    const Value& key = keys.list()[i];
    const int order = best == nullptr ? 0 : Value::Compare(key, *best);
    // Of several that are least the first, of several that are greatest the last.
    if (best != nullptr && (least ? order >= 0 : order < 0)) continue;
    best = &key;
    found = input.list()[i];
  }
  return found;
}

Result<bool> ContainsValue(const Value& a, const Value& b, Meter& meter) {
  MESG_TRY(meter.Spend(1));
  if (a.kind() != b.kind()) {
    return InvalidArgument("cannot tell whether {} contains {}", Show(a), Show(b));
  }
  if (a.kind() == Kind::kObject) {
    for (const auto& [key, wanted] : b.object().Members()) {
      const Value* const found = a.object().Find(key);
      if (found == nullptr) return false;
      if (found->kind() != wanted.kind()) return false;
      if (!MESG_TRY(ContainsValue(*found, wanted, meter))) return false;
    }
    return true;
  }
  if (a.kind() == Kind::kList) {
    for (const Value& wanted : b.list()) {
      bool found = false;
      for (const Value& item : a.list()) {
        MESG_TRY(meter.Spend(1));
        if (item.kind() == wanted.kind() && MESG_TRY(ContainsValue(item, wanted, meter))) {
          found = true;
          break;
        }
      }
      if (!found) return false;
    }
    return true;
  }
  if (a.kind() == Kind::kString) {
    MESG_TRY(meter.SpendBytes(a.text().size()));
    if (b.text().empty()) return true;
    return MESG_TRY(FindIndices(a, b, meter)).list().size() > 0;
  }
  return a == b;
}

Result<void> FlattenInto(const Value::List& items, std::int64_t depth, Value::List& into,
                         Meter& meter) {
  for (const Value& item : items) {
    MESG_TRY(meter.Spend(1));
    if (item.kind() == Kind::kList && depth > 0) {
      MESG_TRY(FlattenInto(item.list(), depth - 1, into, meter));
    } else {
      into.push_back(item);
    }
  }
  return {};
}

}  // namespace

std::string Show(const Value& value) {
  constexpr std::size_t kLongest = 40;
  const auto cut = [](std::string text) {
    if (text.size() <= kLongest) return text;
    std::size_t end = kLongest;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end) + "...";
  };
  switch (value.kind()) {
    case Kind::kNull:
      return "null";
    case Kind::kBoolean:
      return value.boolean() ? "true" : "false";
    case Kind::kNumber:
      return "the number " + cut(value.number().Text());
    case Kind::kString:
      return "the text " + cut(value.Json());
    case Kind::kList:
      return "a list";
    case Kind::kObject:
      return "an object";
  }
  return "a value";
}

Result<Value> Not(const Value& input, Arguments, Meter&) { return Value::Boolean(!input.Truthy()); }

Result<Value> Keys(const Value& input, Arguments, Meter& meter) {
  if (input.kind() != Kind::kObject) return KeysUnsorted(input, {}, meter);
  Value::List keys;
  for (const Value::Member* member : input.object().Sorted()) {
    keys.push_back(Value::Text(member->first));
  }
  MESG_TRY(meter.Spend(keys.size()));
  return Value::Of(std::move(keys));
}

Result<Value> KeysUnsorted(const Value& input, Arguments, Meter& meter) {
  Value::List keys;
  if (input.kind() == Kind::kObject) {
    for (const auto& [key, item] : input.object().Members()) keys.push_back(Value::Text(key));
  } else if (input.kind() == Kind::kList) {
    for (std::size_t i = 0; i < input.list().size(); ++i) {
      keys.push_back(Value::Of(static_cast<std::int64_t>(i)));
    }
  } else {
    return InvalidArgument("{} has no keys", Show(input));
  }
  MESG_TRY(meter.Spend(keys.size()));
  return Value::Of(std::move(keys));
}

Result<Value> Has(const Value& input, Arguments arguments, Meter&) {
  const Value& key = arguments[0];
  if (input.kind() == Kind::kObject && key.kind() == Kind::kString) {
    return Value::Boolean(input.object().Find(key.text()) != nullptr);
  }
  if (input.kind() == Kind::kList && key.kind() == Kind::kNumber) {
    const auto size = Number(static_cast<std::int64_t>(input.list().size()));
    return Value::Boolean(Number::Compare(key.number(), Number()) >= 0 &&
                          Number::Compare(key.number(), size) < 0);
  }
  return InvalidArgument("cannot tell whether {} has the key {}", Show(input), Show(key));
}

Result<Value> Contains(const Value& input, Arguments arguments, Meter& meter) {
  return Value::Boolean(MESG_TRY(ContainsValue(input, arguments[0], meter)));
}

Result<Value> Add(const Value& input, Arguments, Meter& meter) {
  const Value::List items = MESG_TRY(Items(input, "add"));
  if (items.empty()) return Value();
  const auto all = [&](Kind kind) {
    return std::ranges::all_of(items, [&](const Value& item) { return item.kind() == kind; });
  };
  if (all(Kind::kString)) {
    std::string sum;
    for (const Value& item : items) {
      MESG_TRY(meter.SpendBytes(item.text().size()));
      sum += item.text();
    }
    return Value::Text(std::move(sum));
  }
  if (all(Kind::kList)) {
    Value::List sum;
    for (const Value& item : items) {
      MESG_TRY(meter.Spend(item.list().size()));
      sum.insert(sum.end(), item.list().begin(), item.list().end());
    }
    return Value::Of(std::move(sum));
  }
  Value sum;
  for (const Value& item : items) sum = MESG_TRY(Calculate('+', sum, item, meter));
  return sum;
}

Result<Value> Any(const Value& input, Arguments, Meter& meter) {
  const Value::List items = MESG_TRY(Items(input, "any"));
  MESG_TRY(meter.Spend(items.size()));
  return Value::Boolean(std::ranges::any_of(items, &Value::Truthy));
}

Result<Value> All(const Value& input, Arguments, Meter& meter) {
  const Value::List items = MESG_TRY(Items(input, "all"));
  MESG_TRY(meter.Spend(items.size()));
  return Value::Boolean(std::ranges::all_of(items, &Value::Truthy));
}

Result<Value> Flatten(const Value& input, Arguments arguments, Meter& meter) {
  std::int64_t depth = 1'000'000'000;
  if (!arguments.empty()) {
    const auto given = arguments[0].kind() == Kind::kNumber ? arguments[0].number().ToInt64()
                                                            : std::optional<std::int64_t>();
    if (!given || *given < 0) {
      return InvalidArgument("flatten: expected a depth of 0 or more, got {}", Show(arguments[0]));
    }
    depth = *given;
  }
  Value::List flat;
  MESG_TRY(FlattenInto(MESG_TRY(Items(input, "flatten")), depth, flat, meter));
  return Value::Of(std::move(flat));
}

Result<Value> Floor(const Value& input, Arguments, Meter&) {
  return Round(input, "floor", Number::Rounding::kFloor);
}
Result<Value> Ceil(const Value& input, Arguments, Meter&) {
  return Round(input, "ceil", Number::Rounding::kCeil);
}
Result<Value> Round(const Value& input, Arguments, Meter&) {
  return Round(input, "round", Number::Rounding::kHalfAwayFromZero);
}
Result<Value> Trunc(const Value& input, Arguments, Meter&) {
  return Round(input, "trunc", Number::Rounding::kTruncate);
}

Result<Value> Abs(const Value& input, Arguments, Meter&) {
  if (input.kind() != Kind::kNumber) {
    return InvalidArgument("expected a number, got {}", Show(input));
  }
  if (Number::Compare(input.number(), Number()) >= 0) return input;
  return Value::Of(MESG_TRY(input.number().Negated()));
}

Result<Value> ToNumber(const Value& input, Arguments, Meter& meter) {
  if (input.kind() == Kind::kNumber) return input;
  if (input.kind() != Kind::kString) return InvalidArgument("{} is no number", Show(input));
  MESG_TRY(meter.SpendBytes(input.text().size()));
  std::string_view text = input.text();
  constexpr std::string_view kSpace = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  text = text.substr(0, text.find_last_not_of(kSpace) + 1);
  if (!IsNumber(text)) return InvalidArgument("{} is no number", Show(input));
  return Value::Of(Number::Read(text));
}

Result<Value> Type(const Value& input, Arguments, Meter&) {
  return Value::Text(std::string(Name(input.kind())));
}

Result<Value> Sort(const Value& input, Arguments, Meter& meter) {
  MESG_TRY(RequireList(input, "sort"));
  return SortBy(input, std::span(&input, 1), meter);
}

Result<Value> Unique(const Value& input, Arguments, Meter& meter) {
  MESG_TRY(RequireList(input, "unique"));
  return UniqueBy(input, std::span(&input, 1), meter);
}

Result<Value> Min(const Value& input, Arguments, Meter& meter) {
  return Extreme(input, input, true, "min", meter);
}
Result<Value> Max(const Value& input, Arguments, Meter& meter) {
  return Extreme(input, input, false, "max", meter);
}
Result<Value> MinBy(const Value& input, Arguments arguments, Meter& meter) {
  return Extreme(input, arguments[0], true, "min_by", meter);
}
Result<Value> MaxBy(const Value& input, Arguments arguments, Meter& meter) {
  return Extreme(input, arguments[0], false, "max_by", meter);
}

Result<Value> SortBy(const Value& input, Arguments arguments, Meter& meter) {
  Value::List sorted;
  for (const Keyed& keyed : MESG_TRY(SortKeyed(input, arguments[0], "sort_by", meter))) {
    sorted.push_back(*keyed.item);
  }
  return Value::Of(std::move(sorted));
}

Result<Value> GroupBy(const Value& input, Arguments arguments, Meter& meter) {
  Value::List groups;
  Value::List group;
  const Value* key = nullptr;
  for (const Keyed& keyed : MESG_TRY(SortKeyed(input, arguments[0], "group_by", meter))) {
    if (key != nullptr && *key != *keyed.key) {
      groups.push_back(Value::Of(std::exchange(group, {})));
    }
    key = keyed.key;
    group.push_back(*keyed.item);
  }
  if (key != nullptr) groups.push_back(Value::Of(std::move(group)));
  return Value::Of(std::move(groups));
}

Result<Value> UniqueBy(const Value& input, Arguments arguments, Meter& meter) {
  Value::List unique;
  const Value* key = nullptr;
  for (const Keyed& keyed : MESG_TRY(SortKeyed(input, arguments[0], "unique_by", meter))) {
    if (key != nullptr && *key == *keyed.key) continue;
    key = keyed.key;
    unique.push_back(*keyed.item);
  }
  return Value::Of(std::move(unique));
}

Result<Value> Reverse(const Value& input, Arguments, Meter& meter) {
  if (input.kind() == Kind::kNull) return Value::Of(Value::List{});
  MESG_TRY(RequireList(input, "reverse"));
  MESG_TRY(meter.Spend(input.list().size()));
  return Value::Of(Value::List(input.list().rbegin(), input.list().rend()));
}

Result<Value> Transpose(const Value& input, Arguments, Meter& meter) {
  MESG_TRY(RequireList(input, "transpose"));
  std::size_t columns = 0;
  for (const Value& row : input.list()) {
    MESG_TRY(RequireList(row, "transpose"));
    columns = std::max(columns, row.list().size());
  }
  MESG_TRY(meter.Spend(columns * input.list().size()));
  Value::List transposed;
  for (std::size_t i = 0; i < columns; ++i) {
    Value::List column;
    for (const Value& row : input.list()) {
      column.push_back(i < row.list().size() ? row.list()[i] : Value());
    }
    transposed.push_back(Value::Of(std::move(column)));
  }
  return Value::Of(std::move(transposed));
}

Result<Value> FromEntries(const Value& input, Arguments, Meter& meter) {
  MESG_TRY(RequireList(input, "from_entries"));
  std::vector<Value::Member> members;
  for (const Value& entry : input.list()) {
    MESG_TRY(meter.Spend(4));
    if (entry.kind() != Kind::kObject) {
      return InvalidArgument("from_entries: expected objects with key and value, got {}",
                             Show(entry));
    }
    const auto first = [&](std::initializer_list<const char*> names) {
      for (const char* name : names) {
        const Value* const found = entry.object().Find(name);
        if (found != nullptr && found->Truthy()) return *found;
      }
      return Value();
    };
    const Value* value = entry.object().Find("value");
    if (value == nullptr) value = entry.object().Find("v");
    if (value == nullptr) value = entry.object().Find("Value");
    members.emplace_back(ToText(first({"key", "k", "name", "Name", "K", "Key"})),
                         value == nullptr ? Value() : *value);
  }
  return Value::Of(std::move(members));
}

Result<Value> GetPath(const Value& input, Arguments arguments, Meter& meter) {
  MESG_TRY(RequireList(arguments[0], "getpath"));
  Value at = input;
  for (const Value& key : arguments[0].list()) {
    if (at.kind() == Kind::kNull) return Value();
    at = MESG_TRY(Index(at, key, meter));
  }
  return at;
}

}  // namespace bodies
}  // namespace mesg::app
