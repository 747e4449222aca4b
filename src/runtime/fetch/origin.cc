#include "runtime/fetch/origin.h"

#include <filesystem>
#include <system_error>

namespace mesg::runtime {
namespace {

bool IsArchiveName(std::string_view path) {
  return path.ends_with(".tar.gz") || path.ends_with(".tgz");
}

/// "git@host:path": no scheme, a colon before any slash, an at sign before it.
bool IsScpLike(std::string_view text) {
  const auto colon = text.find(':');
  return colon != std::string_view::npos && colon < text.find('/') &&
         text.substr(0, colon).find('@') != std::string_view::npos;
}

}  // namespace

Result<Origin> Origin::Parse(std::string_view text) {
  if (text.empty()) return InvalidArgument("expected a folder, an archive or a URL, got nothing");
  if (text.find('\0') != std::string_view::npos || text.find('\n') != std::string_view::npos) {
    return InvalidArgument("expected a folder, an archive or a URL, got several lines");
  }
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos && !IsScpLike(text)) {
    std::error_code error;
    const auto status = std::filesystem::status(text, error);
    if (std::filesystem::is_directory(status)) {
      return Origin{Kind::kFolder, std::filesystem::absolute(text).lexically_normal().string()};
    }
    if (!std::filesystem::exists(status)) {
      return NotFound("there is no folder or archive {}", text);
    }
    if (!IsArchiveName(text)) {
      return InvalidArgument("{}: expected a folder or a .tar.gz archive", text);
    }
    return Origin{Kind::kArchive, std::filesystem::absolute(text).string()};
  }

  const auto hash = text.find('#');
  std::string location(text.substr(0, hash));
  std::string ref(hash == std::string_view::npos ? "" : text.substr(hash + 1));
  if (scheme_end == std::string_view::npos) return Origin{Kind::kGit, location, ref};
  const std::string_view scheme = text.substr(0, scheme_end);
  const bool web = scheme == "https" || scheme == "http";
  if (web && IsArchiveName(location.substr(0, location.find('?')))) {
    return Origin{Kind::kArchiveUrl, location};
  }
  if (!web && scheme != "ssh" && scheme != "file") {
    return InvalidArgument("{}://: expected https, http, ssh or file", scheme);
  }
  return Origin{Kind::kGit, location, ref};
}

std::string Origin::Text() const {
  std::string text = location;
  const auto scheme_end = text.find("://");
  if (scheme_end != std::string::npos) {
    const auto start = scheme_end + 3;
    const auto at = text.substr(0, text.find('/', start)).rfind('@');
    const auto colon = text.find(':', start);
    if (at != std::string::npos && colon < at) text.replace(colon, at - colon, ":***");
  }
  return ref.empty() ? text : text + "#" + ref;
}

}  // namespace mesg::runtime
