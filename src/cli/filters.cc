#include "cli/filters.h"

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "cli/json_text.h"

namespace mesg::cli {
namespace {

using ::mesg::v1::Filter;
using ::mesg::v1::Predicate;

constexpr std::string_view kExpected =
    "PATH OPERATOR VALUE with one of ==, >, >=, <, <=, contains, exists";

struct Operator {
  std::string_view sign;
  Predicate::Operator op;
};
/// Longer signs first, so that ">=" is not read as ">".
constexpr std::array<Operator, 8> kOperators = {{{"==", Predicate::EQ},
                                                 {">=", Predicate::GTE},
                                                 {"<=", Predicate::LTE},
                                                 {"=", Predicate::EQ},
                                                 {">", Predicate::GT},
                                                 {"<", Predicate::LT},
                                                 {"contains ", Predicate::CONTAINS},
                                                 {"exists", Predicate::EXISTS}}};

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

Result<Predicate> ParseWhere(std::string_view text) {
  const std::string_view all = Trimmed(text);
  const std::size_t end = all.find_first_of(" =<>!");
  const std::string_view path = all.substr(0, end);
  const std::string_view rest =
      end == std::string_view::npos ? std::string_view() : Trimmed(all.substr(end));
  if (path.empty() || rest.empty()) return InvalidArgument("\"{}\" is not {}", text, kExpected);
  for (const Operator& each : kOperators) {
    if (!rest.starts_with(each.sign)) continue;
    const std::string_view value = Trimmed(rest.substr(each.sign.size()));
    if (each.op == Predicate::EXISTS && !value.empty()) {
      return InvalidArgument("\"{}\" is not PATH exists: it takes no value", text);
    }
    if (each.op != Predicate::EXISTS && value.empty()) {
      return InvalidArgument("\"{}\" has no value behind \"{}\"", text, Trimmed(each.sign));
    }
    Predicate predicate;
    predicate.set_path(std::string(path));
    predicate.set_op(each.op);
    if (each.op != Predicate::EXISTS)
      predicate.set_value(CompactJson(value).value_or(QuoteJson(value)));
    return predicate;
  }
  return InvalidArgument("\"{}\" is not {}", text, kExpected);
}

Result<Filter> FilterFrom(const Arguments& arguments, Filter::Kind kind) {
  Filter filter;
  filter.set_kind(kind);
  filter.set_service(arguments.Get("--service", arguments.Get("SERVICE")));
  filter.set_key(arguments.Get("--key", arguments.Get("--task")));
  filter.set_output_key(arguments.Get("--output-key"));
  for (const std::string& tag : arguments.All("--tag")) filter.add_tags(tag);
  for (const std::string& where : arguments.All("--where")) {
    *filter.add_predicates() = MESG_TRY(ParseWhere(where));
  }
  return filter;
}

std::string DescribeFilter(const Filter& filter) {
  std::string text =
      fmt::format("{} of {}{}", filter.kind() == Filter::RESULTS ? "results" : "events",
                  filter.service().empty() ? "*" : filter.service(),
                  filter.key().empty() ? "" : "/" + filter.key());
  if (!filter.output_key().empty()) text += " with output " + filter.output_key();
  for (int i = 0; i < filter.tags_size(); ++i)
    text += (i == 0 ? " tagged " : " and ") + filter.tags(i);
  for (int i = 0; i < filter.predicates_size(); ++i) {
    const Predicate& predicate = filter.predicates(i);
    const auto* const known = std::ranges::find(kOperators, predicate.op(), &Operator::op);
    text += fmt::format("{}{} {}", i == 0 ? " where " : " and ", predicate.path(),
                        known == kOperators.end() ? "?" : Trimmed(known->sign));
    if (!predicate.value().empty()) text += " " + predicate.value();
  }
  return text;
}

Result<std::int64_t> ParseWhen(std::string_view text, TimePoint now) {
  if (const Result<Duration> ago = ParseDuration(text)) return ToMicros(now - *ago);
  if (const Result<TimePoint> time = ParseTime(text)) return ToMicros(*time);
  return InvalidArgument("\"{}\" is no time: write 2024-05-01T10:00:00Z, or how long ago, like 2h",
                         text);
}

}  // namespace mesg::cli
