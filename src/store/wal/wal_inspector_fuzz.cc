#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "store/wal/log_writer_test.h"
#include "store/wal/wal_inspector.h"

// Inspects any bytes as a file; then builds a log with records of sizes taken from the input, flips
// one bit of it, and checks what is promised: seen, and a cut only in the last record.

namespace mesg::store::wal {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

Inspection Inspect(std::string_view file, Contents contents) {
  WalInspector inspector(contents);
  for (std::string_view rest = file; !rest.empty();
       rest.remove_prefix(std::min(rest.size(), kBlockBytes))) {
    inspector.Add(rest.substr(0, kBlockBytes));
  }
  const Inspection found = inspector.Finish();
  Require(found.size == file.size() && found.intact_size <= found.size);
  Require(found.TornBytes() <= found.size - found.intact_size);
  Require(!found.DamagedInTheMiddle() || found.damaged_at);
  Require(!found.intact_after || *found.intact_after >= found.intact_size);
  Require((found.records > 0) == (found.intact_size > 0));
  return found;
}

void FlipABit(std::string_view input) {
  if (input.size() < 8) return;
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(input[i] & 0xff); };
  LogWriter log;
  for (std::size_t i = 5; i + 1 < std::min<std::size_t>(input.size(), 37); i += 2) {
    log.Record((byte(i) << 8 | byte(i + 1)) + (byte(4) % 4 == 0 ? 65'000 : 0), 1 + byte(i) % 3);
  }
  const auto found = Inspect(log.file_, Contents::kWriteBatches);
  Require(!found.damaged_at && found.records == log.begins_.size());

  const std::size_t record = byte(0) % log.begins_.size();
  const std::size_t begin = log.begins_[record];
  const std::size_t at =
      begin + (byte(1) << 16 | byte(2) << 8 | byte(3)) % (log.ends_[record] - begin);
  const auto bit = static_cast<char>(1 << (byte(4) >> 5));
  if (kBlockBytes - at % kBlockBytes < 7) {
    // It may be the filler at the end of a block, which nobody reads.
    return;
  }
  log.file_[at] = static_cast<char>(log.file_[at] ^ bit);
  const auto flipped = Inspect(log.file_, Contents::kWriteBatches);
  Require(flipped.damaged_at.has_value());
  Require(flipped.records == record);
  Require(flipped.DamagedInTheMiddle() == (record + 1 < log.begins_.size()));
}

}  // namespace
}  // namespace mesg::store::wal

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mesg::store::wal;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  (void)Inspect(input, Contents::kWriteBatches);
  (void)Inspect(input, Contents::kOpaque);
  FlipABit(input);
  return 0;
}
