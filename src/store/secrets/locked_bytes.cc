#include "store/secrets/locked_bytes.h"

#include <algorithm>
#include <utility>

#include <sodium.h>

#include "base/result.h"

namespace mesg::store {

LockedBytes::LockedBytes(std::size_t size) : size_(size) {
  static const int ready = sodium_init();
  MESG_CHECK(ready >= 0, "libsodium could not be initialised");
  data_ = static_cast<char*>(sodium_malloc(size));
  MESG_CHECK(data_ != nullptr, "no memory for {} bytes of secrets", size);
}

LockedBytes::LockedBytes(std::string_view bytes) : LockedBytes(bytes.size()) {
  std::ranges::copy(bytes, data_);
}

LockedBytes::LockedBytes(LockedBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

LockedBytes& LockedBytes::operator=(LockedBytes&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

LockedBytes::~LockedBytes() { sodium_free(data_); }

void LockedBytes::Shrink(std::size_t size) { size_ = std::min(size_, size); }

}  // namespace mesg::store
