#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "mesg/service.h"
#include "timer/pending.h"

namespace mesg::services::timer {

/// Where the instance's store keeps a timer, by its id.
inline constexpr std::string_view kPrefix = "timer/";

/// A timer as it is kept.
struct Alarm {
  TimePoint due;
  std::string data;  ///< JSON; "" when there is none.
};
std::string WriteAlarm(const Alarm& alarm);
Result<Alarm> ReadAlarm(const std::string& json);

/// What after and at ask for. InvalidArgument names the input.
Result<Alarm> ReadAfter(const std::string& inputs, TimePoint now);
Result<Alarm> ReadAt(const std::string& inputs);

/// The tasks. Any thread; they block. Lifetime: borrows both.
class Tasks {
 public:
  Tasks(sdk::Service& service, Pending& pending, std::size_t most)
      : service_(service), pending_(pending), most_(most) {}

  /// Keeps the timer under the execution's id: another attempt finds what the first has kept.
  Result<sdk::Outputs> Set(const sdk::Task& task, Result<Alarm> alarm);
  Result<sdk::Outputs> Cancel(const sdk::Task& task);

 private:
  sdk::Service& service_;
  Pending& pending_;
  const std::size_t most_;
};

}  // namespace mesg::services::timer
