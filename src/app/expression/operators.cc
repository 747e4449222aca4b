#include <algorithm>
#include <string>

#include "app/expression/function_bodies.h"
#include "app/expression/functions.h"

namespace mesg::app {
namespace {

using Kind = Value::Kind;
using bodies::Show;

bool Both(const Value& a, const Value& b, Kind kind) {
  return a.kind() == kind && b.kind() == kind;
}

Error Cannot(std::string_view verb, const Value& left, const Value& right) {
  return InvalidArgument("cannot {} {} and {}", verb, Show(left), Show(right));
}

Result<Value> Merge(const Value& left, const Value& right, bool deep, Meter& meter) {
  std::vector<Value::Member> members = left.object().Members();
  MESG_TRY(meter.Spend(members.size() + right.object().Members().size()));
  for (const auto& [key, value] : right.object().Members()) {
    const Value* const old = left.object().Find(key);
    if (deep && old != nullptr && Both(*old, value, Kind::kObject)) {
      members.emplace_back(key, MESG_TRY(Merge(*old, value, true, meter)));
    } else {
      members.emplace_back(key, value);
    }
  }
  return Value::Of(std::move(members));
}

Result<Value> Sum(const Value& left, const Value& right, Meter& meter) {
  if (left.kind() == Kind::kNull) return right;
  if (right.kind() == Kind::kNull) return left;
  if (Both(left, right, Kind::kNumber)) {
    return Value::Of(MESG_TRY(left.number().Plus(right.number())));
  }
  if (Both(left, right, Kind::kString)) {
    MESG_TRY(meter.SpendBytes(left.text().size() + right.text().size()));
    return Value::Text(left.text() + right.text());
  }
  if (Both(left, right, Kind::kList)) {
    MESG_TRY(meter.Spend(left.list().size() + right.list().size()));
    Value::List sum = left.list();
    sum.insert(sum.end(), right.list().begin(), right.list().end());
    return Value::Of(std::move(sum));
  }
  if (Both(left, right, Kind::kObject)) return Merge(left, right, false, meter);
  return Cannot("add", left, right);
}

Result<Value> Difference(const Value& left, const Value& right, Meter& meter) {
  if (Both(left, right, Kind::kNumber)) {
    return Value::Of(MESG_TRY(left.number().Minus(right.number())));
  }
  if (!Both(left, right, Kind::kList)) return Cannot("subtract", left, right);
  // Sorted, what is taken away is found without reading all of it for each item.
  Value::List taken = right.list();
  MESG_TRY(meter.SpendAll(right));
  MESG_TRY(meter.SpendAll(left));
  MESG_TRY(meter.Spend((left.list().size() + taken.size()) * 20));
  const auto less = [](const Value& a, const Value& b) { return Value::Compare(a, b) < 0; };
  std::ranges::sort(taken, less);
  Value::List kept;
  for (const Value& item : left.list()) {
    if (!std::ranges::binary_search(taken, item, less)) kept.push_back(item);
  }
  return Value::Of(std::move(kept));
}

Result<Value> Repeat(const Value& text, const Value& times, Meter& meter) {
  const Number whole = MESG_TRY(times.number().Rounded(Number::Rounding::kTruncate));
  if (Number::Compare(whole, Number()) <= 0) return Value();
  const auto count = whole.ToInt64();
  const std::size_t size = text.text().size();
  if (!count || (size > 0 && static_cast<std::uint64_t>(*count) > meter.left() * 64 / size)) {
    return meter.Spend(meter.left() + 1).error();
  }
  if (size == 0) return text;
  MESG_TRY(meter.SpendBytes(size * static_cast<std::size_t>(*count)));
  std::string repeated;
  repeated.reserve(size * static_cast<std::size_t>(*count));
  for (std::int64_t i = 0; i < *count; ++i) repeated += text.text();
  return Value::Text(std::move(repeated));
}

Result<Value> Product(const Value& left, const Value& right, Meter& meter) {
  if (Both(left, right, Kind::kNumber)) {
    return Value::Of(MESG_TRY(left.number().Times(right.number())));
  }
  if (left.kind() == Kind::kString && right.kind() == Kind::kNumber) {
    return Repeat(left, right, meter);
  }
  if (left.kind() == Kind::kNumber && right.kind() == Kind::kString) {
    return Repeat(right, left, meter);
  }
  if (Both(left, right, Kind::kObject)) return Merge(left, right, true, meter);
  return Cannot("multiply", left, right);
}

// Where a slice begins and ends in something of that length.
Result<std::size_t> Bound(const Value* bound, std::size_t length, std::size_t absent,
                          Number::Rounding rounding) {
  if (bound == nullptr || bound->kind() == Kind::kNull) return absent;
  if (bound->kind() != Kind::kNumber) {
    return InvalidArgument("a slice goes from number to number, got {}", Show(*bound));
  }
  const auto size = static_cast<std::int64_t>(length);
  Number at = MESG_TRY(bound->number().Rounded(rounding));
  if (Number::Compare(at, Number()) < 0) at = MESG_TRY(at.Plus(Number(size)));
  if (Number::Compare(at, Number()) < 0) return std::size_t{0};
  if (Number::Compare(at, Number(size)) > 0) return length;
  return static_cast<std::size_t>(at.ToInt64().value_or(0));
}

Result<Value> Slice(const Value& target, const Value& bounds, Meter& meter) {
  if (target.kind() == Kind::kNull) return Value();
  const bool text = target.kind() == Kind::kString;
  if (!text && target.kind() != Kind::kList) {
    return InvalidArgument("cannot take a slice of {}", Show(target));
  }
  const Value characters = text ? MESG_TRY(bodies::SplitText(target.text(), "", meter)) : Value();
  const Value::List& items = text ? characters.list() : target.list();
  const std::size_t from =
      MESG_TRY(Bound(bounds.object().Find("start"), items.size(), 0, Number::Rounding::kFloor));
  const std::size_t to = MESG_TRY(
      Bound(bounds.object().Find("end"), items.size(), items.size(), Number::Rounding::kCeil));
  MESG_TRY(meter.Spend(to > from ? to - from : 1));
  Value::List part;
  std::string joined;
  for (std::size_t i = from; i < to; ++i) {
    if (text) {
      joined += items[i].text();
    } else {
      part.push_back(items[i]);
    }
  }
  return text ? Value::Text(std::move(joined)) : Value::Of(std::move(part));
}

}  // namespace

Result<Value> Calculate(char operation, const Value& left, const Value& right, Meter& meter) {
  if (Both(left, right, Kind::kNumber)) {
    MESG_TRY(meter.Spend(left.number().Cost() + right.number().Cost()));
  }
  switch (operation) {
    case '+':
      return Sum(left, right, meter);
    case '-':
      return Difference(left, right, meter);
    case '*':
      return Product(left, right, meter);
    case '/':
      if (Both(left, right, Kind::kNumber)) {
        return Value::Of(MESG_TRY(left.number().Over(right.number())));
      }
      if (Both(left, right, Kind::kString)) {
        return bodies::SplitText(left.text(), right.text(), meter);
      }
      return Cannot("divide", left, right);
    default:
      if (Both(left, right, Kind::kNumber)) {
        return Value::Of(MESG_TRY(left.number().Modulo(right.number())));
      }
      return Cannot("divide", left, right);
  }
}

Result<Value> Index(const Value& target, const Value& key, Meter& meter) {
  if (target.kind() == Kind::kObject && key.kind() == Kind::kString) {
    const Value* const found = target.object().Find(key.text());
    return found == nullptr ? Value() : *found;
  }
  if (target.kind() == Kind::kNull &&
      (key.kind() == Kind::kString || key.kind() == Kind::kNumber || key.kind() == Kind::kNull)) {
    return Value();
  }
  if (target.kind() == Kind::kList && key.kind() == Kind::kNumber) {
    const auto size = static_cast<std::int64_t>(target.list().size());
    auto at = MESG_TRY(key.number().Rounded(Number::Rounding::kFloor)).ToInt64();
    if (at && *at < 0) *at += size;
    if (!at || *at < 0 || *at >= size) return Value();
    return target.list()[static_cast<std::size_t>(*at)];
  }
  if (key.kind() == Kind::kObject) return Slice(target, key, meter);
  if (target.kind() == Kind::kList && key.kind() == Kind::kList) {
    return bodies::FindIndices(target, key, meter);
  }
  if (key.kind() == Kind::kString) {
    return InvalidArgument("{} has no field {}", Show(target), key.Json());
  }
  return InvalidArgument("{} cannot be indexed by {}", Show(target), Show(key));
}

}  // namespace mesg::app
