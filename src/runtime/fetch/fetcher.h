#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "runtime/fetch/content_store.h"
#include "runtime/fetch/helper_protocol.h"
#include "runtime/fetch/limits.h"
#include "runtime/fetch/origin.h"
#include "runtime/process/spawn.h"

namespace mesg::runtime {

/// A service's files, in Core's content store.
struct Fetched {
  std::filesystem::path folder;  ///< Read-only; stays until Fetcher::Remove.
  std::string content_hash;      ///< Base58; equal for equal files, wherever they came from.
  std::string definition_yaml;   ///< The text of its mesg.yml.
  std::string definition_file;   ///< "mesg.yml" or "mesg.yaml".
  std::string commit = {};       ///< Of a git repository, the full id; else "".
};

/// The variables a fetch may need: PATH, HOME, locale, proxies, certificates, the ssh agent.
Environment FetchEnvironment();

class ArchiveUpload;

/// Brings a service's files into Core's content store.
///
/// What a stranger may have written (archives, git, what a web server says) is read in mesg-fetch,
/// a process with limited memory, time and file size; its death is an error of that fetch. Threads:
/// any; calls block.
class Fetcher {
 public:
  struct Options {
    std::filesystem::path content_directory;
    std::filesystem::path helper_program;  ///< libexec/mesg/mesg-fetch
    FetchLimits limits = {};
    Duration timeout = std::chrono::minutes(10);  ///< Of one download, clone or unpacking.
    Environment environment = FetchEnvironment();
  };
  /// Sentences for a person: "receiving objects, 40 of 200".
  using Progress = std::function<void(std::string_view text)>;

  static Result<Fetcher> Open(Options options);

  /// InvalidArgument, with the path, for what escapes its folder or is neither file nor folder, and
  /// for a service without a mesg.yml; NotFound for a missing folder, repository or ref;
  /// ResourceExhausted beyond the limits; Unavailable when the network, the disk or the helper
  /// fails; DeadlineExceeded, Cancelled.
  Result<Fetched> Fetch(const Origin& origin, const Progress& progress,
                        const std::stop_token& stop = {}) const;

  /// Begins to take an archive that comes in pieces. The fetcher must outlive it.
  Result<std::unique_ptr<ArchiveUpload>> Upload() const;

  /// What was fetched before, also by a former Core. NotFound when it is not there.
  Result<Fetched> Find(const std::string& content_hash) const;

  /// The content hashes of all that is kept.
  std::vector<std::string> List() const { return content_.List(); }

  /// Where Find finds it; it need not be there.
  std::filesystem::path FolderOf(const std::string& content_hash) const {
    return content_.FolderOf(content_hash);
  }

  /// For when no instance needs it any more.
  void Remove(const std::string& content_hash) const { content_.Remove(content_hash); }

 private:
  friend class ArchiveUpload;
  Fetcher(Options options, ContentStore content)
      : options_(std::move(options)), content_(std::move(content)) {}
  Result<Fetched> Obtain(const Origin& origin, const std::filesystem::path& work,
                         const Progress& progress, const std::stop_token& stop) const;
  Result<Fetched> Unpack(const std::filesystem::path& archive, const std::filesystem::path& into,
                         const Progress& progress, const std::stop_token& stop) const;
  Result<Fetched> Keep(const std::filesystem::path& folder, ContentStore::Take take,
                       const std::stop_token& stop) const;
  Result<HelperDone> Ask(HelperRequest request, const Progress& progress,
                         const std::stop_token& stop) const;
  Options options_;
  ContentStore content_;
};

/// A .tar.gz that arrives in pieces. Destroying it unfinished discards it. One thread at a time.
class ArchiveUpload {
 public:
  ~ArchiveUpload();
  ArchiveUpload(const ArchiveUpload&) = delete;
  ArchiveUpload& operator=(const ArchiveUpload&) = delete;

  /// ResourceExhausted beyond the limit; Unavailable when the disk does not take it.
  Result<void> Append(std::string_view bytes);

  /// All pieces came: unpacks and keeps them. Once. Errors as for Fetcher::Fetch.
  Result<Fetched> Finish(const Fetcher::Progress& progress, const std::stop_token& stop = {});

 private:
  friend class Fetcher;
  ArchiveUpload(const Fetcher& fetcher, std::filesystem::path work, UniqueFd file)
      : fetcher_(fetcher), work_(std::move(work)), file_(std::move(file)) {}
  const Fetcher& fetcher_;
  const std::filesystem::path work_;
  UniqueFd file_;
  std::uint64_t size_ = 0;
};

}  // namespace mesg::runtime
