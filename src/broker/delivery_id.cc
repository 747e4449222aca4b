#include "broker/delivery_id.h"

#include <array>

#include "base/encoding.h"

namespace mesg::broker {
namespace {

constexpr std::size_t kAttemptAt = ExecutionId::kSize;
constexpr std::size_t kNumberAt = kAttemptAt + 4;
constexpr std::size_t kTagAt = kNumberAt + 8;
constexpr std::size_t kSize = kTagAt + 16;

void AppendNumber(std::string& into, std::uint64_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    into += static_cast<char>((number >> shift) & 0xff);
}

}  // namespace

std::string DeliveryIds::Make(const ExecutionId& execution, std::uint32_t attempt,
                              std::uint64_t number) const {
  std::string bytes(execution.Bytes());
  bytes.reserve(kSize);
  AppendNumber(bytes, attempt, 4);
  AppendNumber(bytes, number, 8);
  bytes += KeyedTag(key_, bytes);
  return ToBase64Url(bytes);
}

Result<DeliveryRef> DeliveryIds::Check(std::string_view id) const {
  const Error wrong =
      PermissionDenied(
          "the delivery id was not made by this Core; answer with the id the delivery came with")
          .Because("UNKNOWN_DELIVERY");
  const auto bytes = FromBase64Url(id);
  if (!bytes || bytes->size() != kSize) return wrong;
  const std::string_view all = *bytes;
  if (!EqualSecrets(KeyedTag(key_, all.substr(0, kTagAt)), all.substr(kTagAt))) return wrong;
  DeliveryRef ref;
  ref.execution = *ExecutionId::FromBytes(all.substr(0, ExecutionId::kSize));
  for (const char byte : all.substr(kAttemptAt, 4))
    ref.attempt = ref.attempt << 8 | static_cast<unsigned char>(byte);
  return ref;
}

}  // namespace mesg::broker
