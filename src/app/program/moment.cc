#include "app/program/moment.h"

namespace mesg::app {
namespace {

Error NoMoment(const Value& value) {
  constexpr std::size_t kShown = 100;
  return InvalidArgument(
      "expected a time as \"2026-07-01T09:30:00Z\" or as seconds since 1970, got {}",
      value.Json().substr(0, kShown));
}

}  // namespace

Result<TimePoint> MomentOf(const Value& value) {
  if (value.kind() == Value::Kind::kNumber) {
    constexpr std::int64_t kMicros = 1'000'000;
    // Until the year 9999: what a person can mean, and far from any overflow.
    constexpr std::int64_t kLastSecond = 253'402'300'799;
    const auto micros = value.number().Times(Number(kMicros));
    const auto whole = micros ? micros->Rounded(Number::Rounding::kFloor) : micros;
    const auto count = whole ? whole->ToInt64() : std::nullopt;
    if (!count || *count < 0 || *count / kMicros > kLastSecond) return NoMoment(value);
    return FromMicros(*count);
  }
  if (value.kind() != Value::Kind::kString) return NoMoment(value);
  const auto time = ParseTime(value.text());
  if (!time) return NoMoment(value);
  return *time;
}

}  // namespace mesg::app
