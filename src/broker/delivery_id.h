#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/execution.h"

namespace mesg::broker {

/// What a delivery id says, once its tag has proved that this Core made it.
struct DeliveryRef {
  ExecutionId execution;
  std::uint32_t attempt = 0;
};

/// Makes and checks delivery ids. An id carries its execution, its attempt, a number of its own and
/// a keyed tag over them: unguessable, and checked without anything being stored, so that an answer
/// to a delivery from before a crash is still recognised.
///
/// Text form: base64url of 16 bytes execution id, 4 bytes attempt, 8 bytes number, 16 bytes tag.
/// Threads: any.
class DeliveryIds {
 public:
  /// `key`: 32 secret bytes, the same over restarts.
  explicit DeliveryIds(std::string key) : key_(std::move(key)) {}

  std::string Make(const ExecutionId& execution, std::uint32_t attempt, std::uint64_t number) const;
  /// PermissionDenied for anything that Make did not return.
  Result<DeliveryRef> Check(std::string_view id) const;

 private:
  const std::string key_;
};

}  // namespace mesg::broker
