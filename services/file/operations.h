#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "file/folders.h"

namespace mesg::services::file {

/// The tasks: inputs and outputs are JSON as in mesg.yml. Blocking; any thread. Errors that another
/// attempt would meet again are Permanent (sdk).
class Operations {
 public:
  /// Without `write` everything that changes a file is refused.
  Operations(const Folders& folders, bool write) : folders_(folders), write_(write) {}

  Result<std::string> Read(std::string_view inputs) const;
  Result<std::string> Write(std::string_view inputs) const;
  Result<std::string> Append(std::string_view inputs) const;
  Result<std::string> Move(std::string_view inputs) const;
  Result<std::string> List(std::string_view inputs) const;
  Result<std::string> Remove(std::string_view inputs) const;

 private:
  Result<void> CheckWrite() const;
  const Folders& folders_;
  const bool write_;
};

/// What Write leaves behind when it is killed; never told, listed or kept for long.
bool IsTemporary(std::string_view name);

}  // namespace mesg::services::file
