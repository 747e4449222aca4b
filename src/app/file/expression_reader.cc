#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "app/file/application_reader.h"

// Expressions, and the values of a file that hold them.

namespace mesg::app {
namespace {

using Kind = YamlNode::Kind;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsIdentifier(std::string_view name) {
  return !name.empty() && !IsDigit(name.front()) &&
         std::ranges::all_of(name, [](char c) { return IsLetter(c) || IsDigit(c); });
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

// Where a variable has a meaning, for people who used it elsewhere.
std::string_view PlaceOf(Variable variable) {
  switch (variable) {
    case Variable::kEvent:
      return "in workflows: their if, on, concurrency, dedupe, order and steps";
    case Variable::kInputs:
      return "in workflows and under services.*.env";
    case Variable::kSteps:
    case Variable::kRun:
      return "in steps: before them there is no run";
    case Variable::kItem:
      return "in the steps of a foreach";
    case Variable::kError:
      return "in a catch: of a step, or of the workflow";
    case Variable::kEnv:
    case Variable::kSecrets:
      return "under services.*.env and in a task's with";
  }
  return "elsewhere";
}

YamlCursor Itself(const YamlCursor& at) {
  return {at.node, at.node->line, at.node->column, at.path};
}

}  // namespace

// What is wrong inside a text of the file, where it is as far as that can be told: YAML may have
// unfolded lines and taken out escapes.
void ApplicationReader::ReportIn(const Cursor& at, const Error& error) {
  if (error.violations.empty()) return Report(at, error.message);
  for (const Violation& violation : error.violations) {
    const int quote = at.node->quoted ? 1 : 0;
    Report({at.node, at.node->line + violation.line - 1,
            violation.line == 1 ? at.node->column + quote + violation.column - 1 : violation.column,
            at.path},
           violation.reason);
  }
}

bool ApplicationReader::MayStand(Variable variable, Variables allowed) const {
  if (variable == Variable::kItem && loops_ == 0) return false;
  if (variable == Variable::kError && catches_ == 0) return false;
  return std::ranges::find(allowed, variable) != allowed.end();
}

void ApplicationReader::CheckVariables(const Cursor& at, const Expression& expression,
                                       Variables allowed) {
  for (const std::uint32_t index : expression.Used()) {
    const auto variable = static_cast<Variable>(index);
    if (MayStand(variable, allowed)) continue;
    Report(Itself(at), fmt::format("${} may stand only {}", kVariables[index], PlaceOf(variable)));
  }
  const bool has_input = std::ranges::find(allowed, Variable::kEvent) != allowed.end();
  for (const PathUse& path : expression.Paths()) {
    if (path.variable == PathUse::kInput) {
      if (has_input) continue;
      Report(Itself(at), "there is nothing for . to mean here, only $inputs, $env and $secrets");
      return;
    }
    const auto variable = static_cast<Variable>(path.variable);
    if (variable != Variable::kEnv && variable != Variable::kSecrets) continue;
    if (variable == Variable::kSecrets && !path.keys.empty() && !IsIdentifier(path.keys[0])) {
      Report(Itself(at), fmt::format("no secret can be called {}: expected letters, digits and "
                                     "underscores, not a digit first",
                                     QuoteJson(path.keys[0])));
    }
    // What is needed must be known before anything runs, and nothing more is handed out.
    if (!path.keys.empty()) continue;
    Report(Itself(at),
           fmt::format("${0} needs a name behind it, as in ${0}.NAME", kVariables[path.variable]));
  }
}

void ApplicationReader::ReadExpression(const Cursor& at, Variables allowed,
                                       PlacedExpression& into) {
  into.place = {at.line, at.column, at.path};
  if (at.node->kind != Kind::kScalar || Trim(at.node->text).empty()) {
    return Expected(at, "an expression such as .total > 100 or ${ .items }");
  }
  const std::string_view text = at.node->text;
  if (Trim(text).starts_with("${")) {
    const auto parsed = Template::Parse(Trim(text), kVariables);
    if (!parsed) return ReportIn(at, parsed.error());
    if (parsed->IsExpression()) {
      into.expression = parsed->Expressions().front();
      return CheckVariables(at, into.expression, allowed);
    }
    return Report(
        Itself(at),
        "expected one expression, in ${ } as a whole or without it, got a text with some");
  }
  auto parsed = Expression::Parse(text, kVariables);
  if (!parsed) return ReportIn(at, parsed.error());
  into.expression = *std::move(parsed);
  CheckVariables(at, into.expression, allowed);
}

void ApplicationReader::ReadExpression(const Cursor& at, Variables allowed,
                                       std::optional<PlacedExpression>& into) {
  ReadExpression(at, allowed, into.emplace());
}

bool ApplicationReader::ReadTemplate(const Cursor& at, Variables allowed, Template& into) {
  if (at.node->kind != Kind::kScalar) {
    Expected(at, "text");
    return false;
  }
  auto parsed = Template::Parse(at.node->text, kVariables);
  if (!parsed) {
    ReportIn(at, parsed.error());
    return false;
  }
  into = *std::move(parsed);
  for (const Expression& expression : into.Expressions()) CheckVariables(at, expression, allowed);
  return true;
}

void ApplicationReader::ReadMapping(const Cursor& at, Variables allowed, Mapping& into) {
  into.place = {at.line, at.column, at.path};
  switch (at.node->kind) {
    case Kind::kNull:
      return;
    case Kind::kScalar: {
      Template text;
      into.unread = !ReadTemplate(at, allowed, text);
      if (into.unread) return;
      if (text.Literal() == nullptr) {
        into.kind = Mapping::Kind::kTemplate;
        into.text.push_back(std::move(text));
        return;
      }
      YamlNode plain = *at.node;
      plain.text = *text.Literal();
      const auto value = Value::Read(YamlToJson(plain));
      into.unread = !value;
      if (!value) return Report(at, value.error().message);
      into.literal = *value;
      return;
    }
    case Kind::kList:
      into.kind = Mapping::Kind::kList;
      for (std::size_t i = 0; i < at.node->items.size(); ++i) {
        ReadMapping(at.Item(i), allowed, into.items.emplace_back());
      }
      break;
    case Kind::kMap:
      into.kind = Mapping::Kind::kObject;
      for (const YamlNode::Member& member : at.node->members) {
        into.keys.push_back(member.key);
        ReadMapping(at.Member(member), allowed, into.items.emplace_back());
      }
      break;
  }
  into.Simplify();
}

void ApplicationReader::ReadReference(const Cursor& at, std::string_view example, Reference& into) {
  into.place = {at.line, at.column, at.path};
  const std::string_view text =
      at.node->kind == Kind::kScalar ? std::string_view(at.node->text) : std::string_view();
  // The application's own name may hold dots.
  const bool own = !name_.empty() && text.starts_with(name_) && text.substr(name_.size(), 1) == ".";
  const std::size_t dot = own ? name_.size() : text.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == text.size()) {
    return Expected(at, fmt::format("a service of this file and {}", example));
  }
  into.alias = text.substr(0, dot);
  into.key = text.substr(dot + 1);
}

bool ApplicationReader::ReadCount(const Cursor& at, std::string_view what, std::size_t most,
                                  std::size_t& into) {
  std::size_t count = 0;
  const std::string& text = at.node->text;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (at.node->kind != Kind::kScalar || error != std::errc() || end != text.data() + text.size() ||
      count < 1 || count > most) {
    Expected(at, fmt::format("{} from 1 to {}", what, most));
    return false;
  }
  into = count;
  return true;
}

bool ApplicationReader::CheckIdentifier(const Cursor& at, std::string_view name,
                                        std::string_view what) {
  const bool good = name.size() <= 63 && IsIdentifier(name);
  if (!good) {
    Report(at, fmt::format("expected {} of letters, digits and underscores that does not begin "
                           "with a digit, got {}",
                           what, QuoteJson(name.substr(0, 64))));
  }
  return good;
}

}  // namespace mesg::app
