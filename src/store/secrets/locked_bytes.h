#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace mesg::store {

/// Memory for keys and values: kept out of swap and core dumps as far as the system's limits let
/// us, and wiped when it goes. Filled with garbage at first.
class LockedBytes {
 public:
  LockedBytes() = default;
  explicit LockedBytes(std::size_t size);
  /// A copy of `bytes`.
  explicit LockedBytes(std::string_view bytes);
  LockedBytes(LockedBytes&& other) noexcept;
  LockedBytes& operator=(LockedBytes&& other) noexcept;
  ~LockedBytes();

  /// Its first `size` bytes from now on; no more than there are.
  void Shrink(std::size_t size);

  std::size_t size() const { return size_; }
  std::span<char> span() { return {data_, size_}; }
  std::string_view view() const { return {data_, size_}; }
  unsigned char* bytes() { return reinterpret_cast<unsigned char*>(data_); }
  const unsigned char* bytes() const { return reinterpret_cast<const unsigned char*>(data_); }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace mesg::store
