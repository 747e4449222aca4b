#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mesg::runtime {

/// Where a service's files come from.
struct Origin {
  enum class Kind : std::uint8_t {
    kFolder,      ///< A folder of this machine.
    kArchive,     ///< A .tar.gz file of this machine.
    kArchiveUrl,  ///< A .tar.gz behind http or https.
    kGit,         ///< A repository behind https, http, ssh or file.
  };
  Kind kind = Kind::kFolder;
  std::string location;  ///< Path or URL, without the ref.
  std::string ref = {};  ///< Branch, tag or commit; "" is what the repository has as its default.

  /// Reads what a person types: a path; a URL whose path ends in .tar.gz or .tgz; any other
  /// http(s), ssh or file URL, or git@HOST:PATH, with an optional #ref, is a git repository.
  ///
  /// InvalidArgument for another scheme or an empty text; NotFound for a path that does not exist.
  static Result<Origin> Parse(std::string_view text);

  /// The same text again, without a password in it: for people and logs.
  std::string Text() const;
};

}  // namespace mesg::runtime
