#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "core_process.h"

namespace grpc {
class ClientContext;
}

namespace mesg::bench {

/// Bytes of each event's data, of inputs and of outputs.
inline constexpr std::uint64_t kPayloadBytes = 256;

/// The deployed service that is measured: event `order` and task `order` share one contract of five
/// fields, one of them a nested object; `other` is the same event again.
struct MeasuredService {
  static constexpr const char* kName = "bench";
  static constexpr const char* kEvent = "order";
  static constexpr const char* kOtherEvent = "other";
  static constexpr const char* kTask = "order";

  std::string token;  ///< Of its instance.

  void Authorize(grpc::ClientContext& context) const;
};

Result<MeasuredService> DeployMeasuredService(const CoreProcess& core);

/// Its mesg.yml.
extern const char* const kDefinition;

/// kPayloadBytes of data that fit the contract; `number` becomes the order's `id`.
std::string Payload(std::uint64_t number = 0);

/// A Status as an error that says what was being done.
Error Failed(const char* doing, int code, const std::string& message);

}  // namespace mesg::bench
