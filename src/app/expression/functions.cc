#include "app/expression/functions.h"

#include <algorithm>
#include <array>
#include <string>

#include "app/expression/function_bodies.h"
#include "base/encoding.h"

namespace mesg::app {
namespace {

using Place = Function::Place;
using Form = Function::Form;

constexpr std::string_view kTime = "the same run must see the same time again; use $run.started";
constexpr std::string_view kEndless = "it may never end; use foreach, reduce, range or limit";
constexpr std::string_view kOutside = "an expression sees only what it is given";

constexpr Function Pure(std::string_view name, std::size_t arity, Function::Compute compute) {
  return {name, arity, Place::kHere, Form::kPure, compute, {}};
}
constexpr Function Defined(std::string_view name, std::size_t arity, std::string_view meaning) {
  return {name, arity, Place::kHere, Form::kDefinition, nullptr, meaning};
}
constexpr Function Special(std::string_view name, std::size_t arity, Form form) {
  return {name, arity, Place::kHere, form, nullptr, {}};
}
constexpr Function Helper(std::string_view name, std::size_t arity) {
  return {name, arity, Place::kHelper, Form::kNone, nullptr, {}};
}
constexpr Function Refused(std::string_view name, std::size_t arity, std::string_view why) {
  return {name, arity, Place::kRefused, Form::kNone, nullptr, why};
}

// Every function of jq 1.6. Source of names, arguments and meanings: jq's manual for 1.6,
// https://jqlang.github.io/jq/manual/v1.6/. In a definition, what a parameter stands for is
// evaluated where the parameter is; each is named once on every way through.
const std::vector<Function>& Functions() {
  static const std::vector<Function> functions = {
      // What is evaluated here.
      Pure("length", 0, &bodies::Length),
      Pure("utf8bytelength", 0, &bodies::ByteLength),
      Pure("not", 0, &bodies::Not),
      Pure("keys", 0, &bodies::Keys),
      Pure("keys_unsorted", 0, &bodies::KeysUnsorted),
      Pure("has", 1, &bodies::Has),
      Pure("contains", 1, &bodies::Contains),
      Pure("add", 0, &bodies::Add),
      Pure("any", 0, &bodies::Any),
      Pure("all", 0, &bodies::All),
      Pure("flatten", 0, &bodies::Flatten),
      Pure("flatten", 1, &bodies::Flatten),
      Pure("floor", 0, &bodies::Floor),
      Pure("ceil", 0, &bodies::Ceil),
      Pure("round", 0, &bodies::Round),
      Pure("trunc", 0, &bodies::Trunc),
      Pure("fabs", 0, &bodies::Abs),
      Pure("tostring", 0, &bodies::ToString),
      Pure("tonumber", 0, &bodies::ToNumber),
      Pure("tojson", 0, &bodies::ToJson),
      Pure("fromjson", 0, &bodies::FromJson),
      Pure("type", 0, &bodies::Type),
      Pure("sort", 0, &bodies::Sort),
      Pure("unique", 0, &bodies::Unique),
      Pure("min", 0, &bodies::Min),
      Pure("max", 0, &bodies::Max),
      Pure("reverse", 0, &bodies::Reverse),
      Pure("transpose", 0, &bodies::Transpose),
      Pure("from_entries", 0, &bodies::FromEntries),
      Pure("getpath", 1, &bodies::GetPath),
      Pure("startswith", 1, &bodies::StartsWith),
      Pure("endswith", 1, &bodies::EndsWith),
      Pure("ltrimstr", 1, &bodies::TrimPrefix),
      Pure("rtrimstr", 1, &bodies::TrimSuffix),
      Pure("explode", 0, &bodies::Explode),
      Pure("implode", 0, &bodies::Implode),
      Pure("split", 1, &bodies::Split),
      Pure("join", 1, &bodies::Join),
      Pure("ascii_downcase", 0, &bodies::Downcase),
      Pure("ascii_upcase", 0, &bodies::Upcase),
      Pure("index", 1, &bodies::FirstIndex),
      Pure("rindex", 1, &bodies::LastIndex),
      Pure("indices", 1, &bodies::Indices),
      Pure("format", 1, &bodies::FormatAs),
      Pure("_sort_by", 1, &bodies::SortBy),
      Pure("_group_by", 1, &bodies::GroupBy),
      Pure("_unique_by", 1, &bodies::UniqueBy),
      Pure("_min_by", 1, &bodies::MinBy),
      Pure("_max_by", 1, &bodies::MaxBy),

      Special("empty", 0, Form::kEmpty),
      Special("error", 0, Form::kError),
      Special("error", 1, Form::kError),
      Special("_range", 3, Form::kRange),

      Defined("map", 1, "[.[] | f]"),
      Defined("map_values", 1,
              "if type == \"object\" then [keys_unsorted[] as $k | {key: $k, value: (.[$k] | "
              "first(f))}] | from_entries else [.[] | first(f)] end"),
      Defined("select", 1, "if f then . else empty end"),
      Defined("values", 0, "if . == null then empty else . end"),
      Defined("nulls", 0, "if . == null then . else empty end"),
      Defined("booleans", 0, "if type == \"boolean\" then . else empty end"),
      Defined("numbers", 0, "if type == \"number\" then . else empty end"),
      Defined("strings", 0, "if type == \"string\" then . else empty end"),
      Defined("arrays", 0, "if type == \"array\" then . else empty end"),
      Defined("objects", 0, "if type == \"object\" then . else empty end"),
      Defined("iterables", 0, "if type | . == \"array\" or . == \"object\" then . else empty end"),
      Defined("scalars", 0, "if type | . == \"array\" or . == \"object\" then empty else . end"),
      Defined("recurse", 0, ".."),
      Defined("to_entries", 0, "[keys_unsorted[] as $k | {key: $k, value: .[$k]}]"),
      Defined("with_entries", 1,
              "[keys_unsorted[] as $k | {key: $k, value: .[$k]} | f] | from_entries"),
      Defined("in", 1, ". as $x | f | has($x)"),
      Defined("inside", 1, ". as $x | f | contains($x)"),
      Defined("range", 1, "f as $to | _range(0; $to; 1)"),
      Defined("range", 2, "f as $from | g as $to | _range($from; $to; 1)"),
      Defined("range", 3, "f as $from | g as $to | h as $by | _range($from; $to; $by)"),
      Defined("first", 0, ".[0]"),
      Defined("last", 0, ".[-1]"),
      Defined("nth", 1, "f as $n | .[$n]"),
      Defined("first", 1, "label $out | (f | ., break $out)"),
      Defined("last", 1, "reduce f as $x (null; $x)"),
      Defined("limit", 2,
              "f as $n | if $n > 0 then label $out | foreach g as $x (0; . + 1; $x, "
              "if . >= $n then break $out else empty end) else empty end"),
      Defined("nth", 2,
              "f as $n | if $n < 0 then error(\"nth: the index is below 0\") else label $out | "
              "foreach g as $x (-1; . + 1; if . >= $n then $x, break $out else empty end) end"),
      Defined("isempty", 1, "label $out | (((f | false), true) | ., break $out)"),
      Defined("any", 1, "[.[] | f] | any"),
      Defined("all", 1, "[.[] | f] | all"),
      Defined("any", 2,
              "label $out | ((f | g | if . then true else empty end), false) | ., break $out"),
      Defined("all", 2,
              "label $out | ((f | g | if . then empty else false end), true) | ., break $out"),
      Defined("sort_by", 1, "_sort_by([.[] | [f]])"),
      Defined("group_by", 1, "_group_by([.[] | [f]])"),
      Defined("unique_by", 1, "_unique_by([.[] | [f]])"),
      Defined("min_by", 1, "_min_by([.[] | [f]])"),
      Defined("max_by", 1, "_max_by([.[] | [f]])"),

      // What only libjq can do.
      Helper("acos", 0),
      Helper("acosh", 0),
      Helper("asin", 0),
      Helper("asinh", 0),
      Helper("atan", 0),
      Helper("atan2", 2),
      Helper("atanh", 0),
      Helper("bsearch", 1),
      Helper("capture", 1),
      Helper("capture", 2),
      Helper("cbrt", 0),
      Helper("combinations", 0),
      Helper("combinations", 1),
      Helper("copysign", 2),
      Helper("cos", 0),
      Helper("cosh", 0),
      Helper("del", 1),
      Helper("delpaths", 1),
      Helper("drem", 2),
      Helper("erf", 0),
      Helper("erfc", 0),
      Helper("exp", 0),
      Helper("exp10", 0),
      Helper("exp2", 0),
      Helper("expm1", 0),
      Helper("fdim", 2),
      Helper("finites", 0),
      Helper("fma", 3),
      Helper("fmax", 2),
      Helper("fmin", 2),
      Helper("fmod", 2),
      Helper("frexp", 0),
      Helper("fromdate", 0),
      Helper("fromdateiso8601", 0),
      Helper("fromstream", 1),
      Helper("gamma", 0),
      Helper("gmtime", 0),
      Helper("gsub", 2),
      Helper("gsub", 3),
      Helper("hypot", 2),
      Helper("IN", 1),
      Helper("IN", 2),
      Helper("INDEX", 1),
      Helper("INDEX", 2),
      Helper("infinite", 0),
      Helper("isfinite", 0),
      Helper("isinfinite", 0),
      Helper("isnan", 0),
      Helper("isnormal", 0),
      Helper("j0", 0),
      Helper("j1", 0),
      Helper("jn", 2),
      Helper("JOIN", 2),
      Helper("JOIN", 3),
      Helper("JOIN", 4),
      Helper("ldexp", 2),
      Helper("leaf_paths", 0),
      Helper("lgamma", 0),
      Helper("lgamma_r", 0),
      Helper("log", 0),
      Helper("log10", 0),
      Helper("log1p", 0),
      Helper("log2", 0),
      Helper("logb", 0),
      Helper("match", 1),
      Helper("match", 2),
      Helper("mktime", 0),
      Helper("modf", 0),
      Helper("nan", 0),
      Helper("nearbyint", 0),
      Helper("nextafter", 2),
      Helper("nexttoward", 2),
      Helper("normals", 0),
      Helper("path", 1),
      Helper("paths", 0),
      Helper("paths", 1),
      Helper("pow", 2),
      Helper("pow10", 0),
      Helper("remainder", 2),
      Helper("rint", 0),
      Helper("scalb", 2),
      Helper("scalbln", 2),
      Helper("scan", 1),
      Helper("setpath", 2),
      Helper("significand", 0),
      Helper("sin", 0),
      Helper("sinh", 0),
      Helper("split", 2),
      Helper("splits", 1),
      Helper("splits", 2),
      Helper("sqrt", 0),
      Helper("strftime", 1),
      Helper("strptime", 1),
      Helper("sub", 2),
      Helper("sub", 3),
      Helper("tan", 0),
      Helper("tanh", 0),
      Helper("test", 1),
      Helper("test", 2),
      Helper("tgamma", 0),
      Helper("todate", 0),
      Helper("todateiso8601", 0),
      Helper("tostream", 0),
      Helper("truncate_stream", 1),
      Helper("walk", 1),
      Helper("y0", 0),
      Helper("y1", 0),
      Helper("yn", 2),

      Refused("now", 0, kTime),
      Refused("localtime", 0, kTime),
      Refused("strflocaltime", 1, kTime),
      Refused("while", 2, kEndless),
      Refused("until", 2, kEndless),
      Refused("repeat", 1, kEndless),
      Refused("recurse", 1, kEndless),
      Refused("recurse", 2, kEndless),
      Refused("recurse_down", 0, "it is an old name of recurse"),
      Refused("env", 0, kOutside),
      Refused("input", 0, kOutside),
      Refused("inputs", 0, kOutside),
      Refused("input_filename", 0, kOutside),
      Refused("input_line_number", 0, kOutside),
      Refused("debug", 0, kOutside),
      Refused("stderr", 0, kOutside),
      Refused("halt", 0, kOutside),
      Refused("halt_error", 0, kOutside),
      Refused("halt_error", 1, kOutside),
      Refused("builtins", 0, kOutside),
      Refused("modulemeta", 0, kOutside),
      Refused("get_search_list", 0, kOutside),
      Refused("get_jq_origin", 0, kOutside),
      Refused("get_prog_origin", 0, kOutside),
  };
  return functions;
}

bool ByName(const Function& a, const Function& b) {
  return a.name != b.name ? a.name < b.name : a.arity < b.arity;
}

}  // namespace

const std::vector<Function>& AllFunctions() {
  static const std::vector<Function> sorted = [] {
    auto functions = Functions();
    std::ranges::sort(functions, &ByName);
    return functions;
  }();
  return sorted;
}

const Function* FindFunction(std::string_view name, std::size_t arity) {
  const auto& functions = AllFunctions();
  const Function wanted{.name = name, .arity = arity};
  const auto found = std::ranges::lower_bound(functions, wanted, &ByName);
  if (found == functions.end() || found->name != name || found->arity != arity) return nullptr;
  return &*found;
}

std::vector<const Function*> FindFunctions(std::string_view name) {
  std::vector<const Function*> found;
  if (name.starts_with('_')) return found;
  for (const Function& function : AllFunctions()) {
    if (function.name == name) found.push_back(&function);
  }
  return found;
}

std::string_view NearestFunction(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Function& function : AllFunctions()) {
    if (function.place != Place::kRefused && !function.name.starts_with('_')) {
      names.push_back(function.name);
    }
  }
  return Nearest(name, names);
}

}  // namespace mesg::app
