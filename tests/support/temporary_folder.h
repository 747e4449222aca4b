#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace mesg::testing {

/// An empty folder that goes with its object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Writes a file, making the folders it is in.
  void Write(const std::filesystem::path& relative, std::string_view text) const;

 private:
  std::filesystem::path path_;
};

/// The whole file; "" when it cannot be read.
std::string ReadText(const std::filesystem::path& file);

}  // namespace mesg::testing
