#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <google/protobuf/stubs/logging.h>

#include "model/event.h"
#include "model/execution.h"

namespace {

/// What can be read is written again to the same end.
template <typename Decode>
void RoundTrip(std::string_view bytes, Decode decode) {
  const auto first = decode(bytes);
  if (!first) {
    MESG_CHECK(first.error().code == mesg::Code::kDataLoss);
    return;
  }
  std::string encoded;
  Encode(*first, encoded);
  const auto second = decode(encoded);
  MESG_CHECK(second.has_value(), "{}", second ? "" : second.error().message);
  std::string again;
  Encode(*second, again);
  MESG_CHECK(again == encoded);
}

}  // namespace

// Protobuf logs every text that is not UTF-8, which here is nearly every input.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  RoundTrip(bytes, mesg::DecodeExecution);
  RoundTrip(bytes, mesg::DecodeHistoryBlock);
  return 0;
}
