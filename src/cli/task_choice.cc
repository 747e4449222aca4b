#include "cli/task_choice.h"

#include <limits>

#include "base/encoding.h"

namespace mesg::cli {
namespace {

/// The one of that key among definitions; NotFound names what there is.
template <typename Definitions>
auto FindByKey(const Definitions& definitions, const std::string& kind, const std::string& service,
               const std::string& key) -> Result<decltype(&definitions.Get(0))> {
  std::vector<std::string_view> keys;
  for (const auto& each : definitions) {
    if (each.key() == key) return &each;
    keys.push_back(each.key());
  }
  const std::string_view nearest = Nearest(key, keys);
  if (!nearest.empty()) {
    return NotFound("service {} has no {} \"{}\", did you mean \"{}\"?", service, kind, key,
                    nearest);
  }
  return NotFound("service {} has no {} \"{}\": see `mesg service show {}`", service, kind, key,
                  service);
}

}  // namespace

Result<const v1::TaskDefinition*> FindTask(const v1::Service& service, const std::string& key) {
  return FindByKey(service.definition().tasks(), "task", service.name(), key);
}

Result<const v1::EventDefinition*> FindEvent(const v1::Service& service, const std::string& key) {
  return FindByKey(service.definition().events(), "event", service.name(), key);
}

std::vector<Option> ExecutionOptions() {
  return {
      {"--tag", "TAG", "A word to find and filter it by", true},
      {"--timeout", "DURATION", "Of one attempt; else what the task declares"},
      {"--attempts", "N", "How often it is tried at most; else what the task declares"},
      {"--delay", "DURATION", "Not before this time has passed"},
      {"--priority", "N", "Higher ones go first; 0 is normal"},
      {"--idempotency-key", "KEY", "A second request with the same key is the first one again"}};
}

Result<v1::CreateExecutionRequest> ExecutionOptionsFrom(const Arguments& arguments,
                                                        Context& context) {
  v1::CreateExecutionRequest request;
  for (const std::string& tag : arguments.All("--tag")) request.add_tags(tag);
  const Duration timeout = MESG_TRY(arguments.Time("--timeout", Duration{}));
  const Duration delay = MESG_TRY(arguments.Time("--delay", Duration{}));
  const std::int64_t attempts = MESG_TRY(arguments.Number("--attempts", 0));
  const std::int64_t priority = MESG_TRY(arguments.Number("--priority", 0));
  using Limits = std::numeric_limits<std::int32_t>;
  if (arguments.Has("--timeout") && timeout.count() == 0)
    return WrongUsage(InvalidArgument("--timeout must be longer than nothing"));
  if (arguments.Has("--attempts") && (attempts < 1 || attempts > Limits::max())) {
    return WrongUsage(InvalidArgument("--attempts must be a number from 1, got {}", attempts));
  }
  if (priority < Limits::min() || priority > Limits::max()) {
    return WrongUsage(InvalidArgument("--priority is out of range: {}", priority));
  }
  request.set_timeout_us(timeout.count());
  if (delay.count() > 0) request.set_not_before_us(ToMicros(context.Now() + delay));
  if (attempts > 0) request.mutable_retry()->set_attempts(static_cast<std::uint32_t>(attempts));
  request.set_priority(static_cast<std::int32_t>(priority));
  request.set_idempotency_key(arguments.Get("--idempotency-key"));
  return request;
}

}  // namespace mesg::cli
