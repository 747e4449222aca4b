#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "file/folders.h"
#include "mesg/service.h"

namespace mesg::services::file {

/// What is known of a file.
struct Known {
  std::int64_t size = 0;
  TimePoint modified = {};
  std::int64_t nanoseconds = 0;  ///< Of the modification, to tell changes in one microsecond apart.
  std::uint64_t inode = 0;
  bool operator==(const Known&) const = default;
  static Known Of(const struct stat& status);
};

/// The files that applications have been told of, one key each in the instance's key-value store,
/// which is changed in the commit of the event that tells it.
///
/// Threads: one. Lifetime: borrows both.
class Snapshot {
 public:
  Snapshot(sdk::Service& service, const Folders& folders) : service_(service), folders_(folders) {}

  /// Reads what is kept. False when nothing ever was.
  Result<bool> Load();
  /// Whatever is different at `path` now, absent when there is no file, is to be told by Commit;
  /// with `tell` false it is only remembered.
  void Look(const std::string& path, const std::optional<Known>& now, bool tell);
  /// Tells and keeps it, in steps of one commit each. After an error: Load again.
  Result<void> Commit();
  /// Says that Load has something to find from now on.
  Result<void> Begin();

  std::vector<std::string> Paths() const;
  bool Has(const std::string& path) const { return files_.contains(path); }
  std::size_t size() const { return files_.size(); }

 private:
  struct Entry {
    Known known;
    std::uint64_t version = 0;
  };
  Result<void> CommitSome();
  void Take(const std::string& path, const std::optional<Known>& now, std::uint64_t version);

  sdk::Service& service_;
  const Folders& folders_;
  std::map<std::string, Entry> files_;  // By absolute path.
  struct Change {
    std::string path;
    std::optional<Known> now;
    sdk::Event event;  // Without a key: not told.
  };
  std::vector<Change> changes_;
};

}  // namespace mesg::services::file
