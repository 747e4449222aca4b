#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

namespace mesg {

/// A protobuf message of this thread, empty, for the time of one encoding or decoding. It is
/// reused, and with it the memory of its fields; only one may be alive per thread and message type.
/// For .cc files that include the generated header.
template <typename Message>
class StoredScratch {
 public:
  StoredScratch() : message_(Instance()) { message_.Clear(); }
  ~StoredScratch() {
    if (size_ > kKept) message_ = Message();
  }
  StoredScratch(const StoredScratch&) = delete;
  StoredScratch& operator=(const StoredScratch&) = delete;

  Message& operator*() { return message_; }
  Message* operator->() { return &message_; }

  void AppendTo(std::string& into) {
    message_.AppendPartialToString(&into);
    size_ = message_.GetCachedSize() > 0 ? static_cast<std::size_t>(message_.GetCachedSize()) : 0;
  }

  /// False for bytes that are no such message, or that hold a field beyond `highest_field`: rubbish
  /// after a record mostly reads as fields nobody knows, which protobuf would let pass.
  [[nodiscard]] bool ParseFrom(std::string_view bytes, int highest_field) {
    using google::protobuf::internal::WireFormatLite;
    size_ = bytes.size();
    if (bytes.size() > std::numeric_limits<int>::max()) return false;
    const auto size = static_cast<int>(bytes.size());
    if (!message_.ParseFromArray(bytes.data(), size)) return false;
    google::protobuf::io::CodedInputStream input(
        reinterpret_cast<const std::uint8_t*>(bytes.data()), size);
    while (const std::uint32_t tag = input.ReadTag()) {
      if (WireFormatLite::GetTagFieldNumber(tag) > highest_field) return false;
      if (!WireFormatLite::SkipField(&input, tag)) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kKept = 1
                                       << 20;  ///< A record larger than this gives its memory back.
  static Message& Instance() {
    static thread_local Message message;
    return message;
  }

  Message& message_;
  std::size_t size_ = 0;
};

}  // namespace mesg
