#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "store/wal/wal_inspector.h"

namespace {

void Inspect(std::string_view file, mesg::store::wal::Contents contents) {
  mesg::store::wal::WalInspector inspector(contents);
  std::string_view rest = file;
  while (!rest.empty()) {
    const std::string_view block = rest.substr(0, mesg::store::wal::kBlockBytes);
    inspector.Add(block);
    rest.remove_prefix(block.size());
  }
  const auto found = inspector.Finish();
  const bool sound = found.size == file.size() && found.intact_size <= found.size &&
                     found.TornBytes() <= found.size - found.intact_size &&
                     (!found.DamagedInTheMiddle() || found.damaged_at) &&
                     (!found.intact_after || *found.intact_after >= found.intact_size) &&
                     (found.records > 0) == (found.intact_size > 0);
  if (!sound) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  Inspect(file, mesg::store::wal::Contents::kWriteBatches);
  Inspect(file, mesg::store::wal::Contents::kOpaque);
  return 0;
}
