#include "daemon/delivery_key.h"

#include <optional>

#include "base/encoding.h"
#include "base/private_file.h"

namespace mesg::daemon {
namespace {

constexpr std::size_t kSize = 32;

}  // namespace

Result<std::string> ReadOrMakeDeliveryKey(const std::filesystem::path& file) {
  const std::optional<PrivateFile> there = MESG_TRY(PrivateFile::Open(file));
  if (!there) {
    std::string made = RandomBytes(kSize);
    MESG_TRY(ReplacePrivateFile(file, made));
    return made;
  }
  std::string key(kSize + 1, '\0');
  const std::size_t size = MESG_TRY(there->Read(key));
  if (size != kSize) {
    return DataLoss(
        "{} is damaged, it has not {} bytes. Restore it from a backup; or delete it, then answers "
        "to tasks that are under way are refused and these tasks run again",
        file.string(), kSize);
  }
  key.resize(size);
  return key;
}

}  // namespace mesg::daemon
