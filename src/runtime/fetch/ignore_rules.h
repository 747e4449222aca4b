#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mesg::runtime {

/// How the patterns of an ignore file are meant.
enum class IgnoreStyle {
  kGit,     ///< .mesgignore, as .gitignore: a pattern without a slash matches at any depth; what is
            ///< below an ignored folder cannot be taken back.
  kDocker,  ///< .dockerignore: every pattern starts at the root; `!` can take back anything.
};

/// The patterns of one ignore file: `*`, `?`, `[a-z]`, `**`, `!` takes back, a trailing `/` is for
/// folders only, `#` begins a comment. The last pattern that matches decides.
class IgnoreRules {
 public:
  IgnoreRules() = default;

  /// ResourceExhausted for more than 1,000 patterns or one longer than 1,024 bytes.
  static Result<IgnoreRules> Parse(std::string_view text, IgnoreStyle style);

  /// Whether `path` ("a/b", relative, no dots) is left out. With the git style the caller does not
  /// descend into a folder that is; with the docker style it does, when MayTakeBack().
  bool Ignores(std::string_view path, bool folder) const;

  /// Something below an ignored folder may be wanted all the same.
  bool MayTakeBack() const { return style_ == IgnoreStyle::kDocker && takes_back_; }

 private:
  struct Rule {
    std::vector<std::string> segments;
    bool take_back = false;
    bool folders_only = false;
  };
  bool MatchesPathOrParent(const Rule& rule, std::string_view path, bool folder) const;

  IgnoreStyle style_ = IgnoreStyle::kGit;
  bool takes_back_ = false;
  std::vector<Rule> rules_;
};

/// Whether a name matches a pattern of one segment: `*`, `?`, `[a-z]`, `[!a]`, `\*`. Exposed for
/// tests.
bool MatchesSegment(std::string_view pattern, std::string_view name);

}  // namespace mesg::runtime
