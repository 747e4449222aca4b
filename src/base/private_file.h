#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"

namespace mesg {

/// A file that its owner alone may read, open for reading; a pipe or another descriptor (as
/// /dev/fd/3) will do as well. One thread.
class PrivateFile {
 public:
  /// Nothing when there is none. FailedPrecondition, with what to do, when it cannot be opened or
  /// is a file that others may read.
  static Result<std::optional<PrivateFile>> Open(const std::filesystem::path& path);

  PrivateFile(PrivateFile&& other) noexcept;
  PrivateFile& operator=(PrivateFile&&) = delete;
  ~PrivateFile();

  /// Of a file in bytes; 0 for what is none.
  std::size_t size() const { return size_; }

  /// Fills `into` from where the last call ended, and returns how many bytes there were: less only
  /// at the end. Bytes pass through no other memory.
  Result<std::size_t> Read(std::span<char> into) const;

 private:
  PrivateFile(std::filesystem::path path, int fd, std::size_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}
  std::filesystem::path path_;
  int fd_;
  std::size_t size_;
};

/// Puts a file that its owner alone may read in the place of `file`: durable when it returns, whole
/// or not at all under its name, after a crash too. One writer at a time.
///
/// ResourceExhausted when the disk is full, FailedPrecondition when it cannot be written for
/// another reason: the former file is still there, but for a failed sync of the folder, after which
/// either may be.
Result<void> ReplacePrivateFile(const std::filesystem::path& file, std::string_view bytes);

/// The same for a file that must not exist; AlreadyExists when it does, also when several make it
/// at once. Makes missing folders, which are their owner's alone.
Result<void> CreatePrivateFile(const std::filesystem::path& file, std::string_view bytes);

}  // namespace mesg
