#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"

namespace mesg::store::rocks {

/// The number in the file FORMAT: what this version writes and the newest it reads.
inline constexpr std::uint32_t kFormatVersion = 1;

/// Of each partition, the number of a commit.
using Sequences = std::map<std::uint16_t, std::uint64_t>;

/// The directory of a store around the database in it: its lock, its format version and the mark of
/// what was acknowledged. Holds the lock as long as it lives. One thread.
///
///   DIRECTORY/LOCK          locked by the one Core that uses the store, and its process id
///   DIRECTORY/FORMAT        "mesg-store 1"
///   DIRECTORY/ACKNOWLEDGED  a lower bound of what has been acknowledged
///   DIRECTORY/db/           RocksDB's files
class StoreDirectory {
 public:
  /// Creates what is missing, durably. FailedPrecondition when another Core holds the lock, when
  /// the format is newer, or when the directory cannot be written; DataLoss when FORMAT or the
  /// database's CURRENT should be there and is not.
  static Result<StoreDirectory> Open(const std::string& path);

  StoreDirectory(StoreDirectory&& other) noexcept;
  StoreDirectory& operator=(StoreDirectory&&) = delete;
  ~StoreDirectory();

  const std::string& path() const { return path_; }
  std::string Database() const { return path_ + "/db"; }

  /// Notes that these commits were acknowledged. Not synced: after a crash of the machine an older
  /// note or none may be found, never a newer one. Best effort; errors leave the older note.
  void NoteAcknowledged(const Sequences& sequences) const;

  /// DataLoss when the store ends before a commit that was noted as acknowledged.
  Result<void> CheckAcknowledged(const Sequences& found) const;

 private:
  StoreDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  Result<void> CheckFormat() const;
  Result<void> CheckDatabase() const;
  std::string Acknowledged() const { return path_ + "/ACKNOWLEDGED"; }

  std::string path_;
  int lock_;
};

}  // namespace mesg::store::rocks
