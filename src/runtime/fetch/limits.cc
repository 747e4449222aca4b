#include "runtime/fetch/limits.h"

#include <algorithm>

#include "base/encoding.h"

namespace mesg::runtime {

Result<std::string> CleanPath(std::string_view path, const FetchLimits& limits) {
  // Quoted for the messages: a hostile name must not write to a terminal.
  const auto shown = [path] { return QuoteJson(path.substr(0, 200)); };
  if (path.starts_with('/')) {
    return InvalidArgument("the path {} is absolute: it would leave the service's folder", shown());
  }
  const bool odd = std::any_of(path.begin(), path.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\';
  });
  if (odd) return InvalidArgument("the path {} holds a control character or backslash", shown());
  std::string clean;
  while (!path.empty()) {
    const auto slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      return InvalidArgument("a path holds \"..\": it would leave the service's folder");
    }
    constexpr std::size_t kMaxName = 255;  // Of Linux file systems.
    if (segment.size() > kMaxName || clean.size() + segment.size() + 1 > limits.max_path) {
      return ResourceExhausted("the path {}... is too long: at most {} bytes, {} a name",
                               QuoteJson(segment.substr(0, 40)), limits.max_path, kMaxName);
    }
    if (!clean.empty()) clean += '/';
    clean += segment;
  }
  return clean;
}

Result<void> FetchBudget::AddFile() {
  if (++files_ <= limits_.max_files) return {};
  return ResourceExhausted(
      "the service has more than {} files and folders: leave out what it does "
      "not need in a .mesgignore",
      limits_.max_files);
}

Result<void> FetchBudget::AddBytes(std::uint64_t count) {
  if (count <= limits_.max_bytes - bytes_) {
    bytes_ += count;
    return {};
  }
  return ResourceExhausted(
      "the service's files amount to more than {} MiB: leave out what it does "
      "not need in a .mesgignore",
      limits_.max_bytes >> 20);
}

}  // namespace mesg::runtime
