#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/fetch/limits.h"

namespace mesg::runtime {

/// One file of a service.
struct TreeFile {
  std::string path;  ///< Below the service's folder, with slashes.
  bool executable = false;
  std::uint64_t size = 0;
  bool operator==(const TreeFile&) const = default;
};

/// Lists the files of `folder`, sorted by path, without what its .mesgignore or its .dockerignore
/// leaves out. `.git` is always left out, mesg.yml and mesg.yaml never; node_modules only where an
/// ignore file says so.
///
/// InvalidArgument, with the path, for links, devices, pipes, sockets and odd names;
/// ResourceExhausted beyond the limits.
Result<std::vector<TreeFile>> ListTree(const std::filesystem::path& folder,
                                       const FetchLimits& limits);

/// Folders of files that never change, each named by the hash of what it holds: paths, whether they
/// are executable, and bytes. Empty folders do not count.
///
/// A folder appears under its hash only once all of it is on disk. Threads: any.
class ContentStore {
 public:
  enum class Take {
    kCopy,  ///< The files are somebody's: leave them.
    kMove,  ///< They were unpacked for this: take them.
  };

  /// Makes the folder, and removes what an interrupted Core left in it.
  static Result<ContentStore> Open(const std::filesystem::path& folder);

  /// Brings in what ListTree lists; its hash. What is there already is not kept twice.
  /// Cancelled when `stop` was requested; InvalidArgument when `folder` holds no file.
  Result<std::string> Add(const std::filesystem::path& folder, Take take, const FetchLimits& limits,
                          const std::stop_token& stop) const;

  /// A new place for something unfinished, on the same disk; nothing is created.
  std::filesystem::path NewIncoming() const;

  bool Has(const std::string& hash) const;
  std::filesystem::path FolderOf(const std::string& hash) const { return folder_ / hash; }
  /// The hashes of all that is kept, in no order.
  std::vector<std::string> List() const;
  void Remove(const std::string& hash) const;

 private:
  explicit ContentStore(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<std::string> Build(const std::filesystem::path& from, const std::filesystem::path& to,
                            Take take, const FetchLimits& limits,
                            const std::stop_token& stop) const;
  std::filesystem::path folder_;
};

}  // namespace mesg::runtime
