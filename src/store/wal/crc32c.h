#pragma once

#include <cstdint>
#include <string_view>

namespace mesg::store::wal {

/// CRC-32C (Castagnoli) of `bytes`, continuing from `crc`, the result for what came before them.
/// Uses the processor's instruction where there is one.
std::uint32_t Crc32c(std::string_view bytes, std::uint32_t crc = 0);

/// The form in which the log stores a checksum: rotated and offset, so that the checksum of data
/// that holds checksums stays strong.
constexpr std::uint32_t MaskCrc(std::uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

}  // namespace mesg::store::wal
