#include "runtime/services/identity.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/encoding.h"
#include "runtime/services/env_templates.h"

namespace mesg::runtime {
namespace {

constexpr char kDomainText[] = "mesg-instance-1";
constexpr std::string_view kDomain{kDomainText, sizeof kDomainText};  // With the zero behind it.
constexpr std::size_t kMaxName = 63;
constexpr std::size_t kMaxValue = 64 * 1024;  // Linux refuses variables of more than 128 KiB.

void AppendSized(std::string& bytes, std::string_view text) {
  const std::uint64_t size = text.size();
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>((size >> shift) & 0xFF));
  }
  bytes += text;
}

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string DidYouMean(std::string_view key, const ServiceDefinition& definition) {
  std::vector<std::string_view> declared;
  for (const EnvDefinition& env : definition.Env()) declared.emplace_back(env.key);
  if (declared.empty()) return "; it declares none";
  const std::string_view nearest = Nearest(key, declared);
  return nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest);
}

}  // namespace

std::string InstanceHash(const InstanceIdentity& identity) {
  std::string bytes(kDomain);
  AppendSized(bytes, identity.service_hash);
  AppendSized(bytes, identity.content_hash);
  AppendSized(bytes, identity.name);
  for (const auto& [key, value] : identity.env) {
    AppendSized(bytes, key);
    AppendSized(bytes, value);
  }
  if (!identity.deferred_env.empty()) AppendSized(bytes, identity.deferred_env);
  return ToBase58(Sha256(bytes));
}

Error NothingToStart(std::string_view name) {
  return FailedPrecondition(
             "service \"{}\" has nothing to start: add `run: [PROGRAM, ARGUMENT, ...]` to its "
             "mesg.yml, or a \"start\" script to its package.json, and deploy it again; or start "
             "its process yourself, with the environment that `mesg service env {}` prints",
             name, name)
      .Because("NOTHING_TO_START");
}

std::string NewToken() { return ToBase64Url(RandomBytes(32)); }

Result<void> CheckInstanceName(std::string_view name) {
  const auto allowed = [](char c) {
    return IsLetterOrDigit(c) || c == '-' || c == '_' || c == '.';
  };
  if (!name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, allowed) &&
      (IsLetterOrDigit(name.front()) || name.front() == '_')) {
    return {};
  }
  Error error = InvalidArgument(
      "{} is no name of an instance: expected 1 to {} letters, digits, '-', '_' and '.', beginning "
      "with a letter, a digit or '_'",
      QuoteJson(name.substr(0, 2 * kMaxName)), kMaxName);
  error.violations.push_back({"name", "expected letters, digits, '-', '_' and '.'"});
  return error;
}

Result<EnvValues> CompleteEnvironment(const ServiceDefinition& definition, const EnvValues& given) {
  std::vector<Violation> violations;
  const auto report = [&](std::string_view key, std::string reason) {
    violations.push_back({fmt::format("env.{}", key), std::move(reason)});
  };
  for (const auto& [key, value] : given) {
    const bool declared =
        std::ranges::find(definition.Env(), key, &EnvDefinition::key) != definition.Env().end();
    if (!declared) {
      report(key, "the service declares no such variable" + DidYouMean(key, definition));
    } else if (value.size() > kMaxValue) {
      report(key, fmt::format("has {} bytes, at most {} are allowed", value.size(), kMaxValue));
    } else if (value.find('\0') != std::string::npos) {
      report(key, "holds a zero byte, which no environment can");
    }
  }
  EnvValues complete = given;
  for (const EnvDefinition& env : definition.Env()) {
    if (env.value) complete.try_emplace(env.key, *env.value);
    const auto value = complete.find(env.key);
    if (env.required && (value == complete.end() || value->second.empty())) {
      report(env.key, env.description.empty()
                          ? "is required and has no value"
                          : fmt::format("is required and has no value ({})", env.description));
    }
    // What only the start of the process knows is for the process to check.
    if (value == complete.end() || value->second.empty() || value->second == kLater) continue;
    if (const auto fits = env.Check(value->second); !fits) report(env.key, fits.error().message);
  }
  if (violations.empty()) return complete;
  Error error = InvalidArgument("the environment does not fit service \"{}\"", definition.Sid());
  for (const Violation& violation : violations) {
    error.message += fmt::format("; {}: {}", violation.path, violation.reason);
  }
  error.violations = std::move(violations);
  return std::move(error).Because("INVALID_ENVIRONMENT");
}

}  // namespace mesg::runtime
