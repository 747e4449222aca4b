#include "cli/installation.h"

namespace mesg::cli {
namespace {

using Path = std::filesystem::path;

bool Exists(const Path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

/// PREFIX of PREFIX/bin/mesg.
Path PrefixOf(const Path& executable) { return executable.parent_path().parent_path(); }

/// The nearest folder above `executable` that holds `inside`.
std::optional<Path> Above(const Path& executable, const Path& inside) {
  for (Path folder = executable.parent_path(); folder.has_relative_path();
       folder = folder.parent_path()) {
    if (Exists(folder / inside)) return folder;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Path> FindHelper(const Path& executable, const char* name) {
  Path helper = PrefixOf(executable) / "libexec" / "mesg" / name;
  if (!Exists(helper)) return std::nullopt;
  return helper;
}

std::optional<SdkJs> FindSdkJs(const Path& executable) {
  const auto checkout = Above(executable, "sdk/js/package.json");
  std::vector<Path> places = {PrefixOf(executable) / "share" / "mesg" / "sdk-js"};
  if (checkout) places.push_back(*checkout / "sdk" / "js");
  for (const Path& place : places) {
    if (!Exists(place / "package.json")) continue;
    return SdkJs{place, Exists(place / "dist" / "index.js") && Exists(place / "node_modules")};
  }
  return std::nullopt;
}

std::optional<Path> FindSdkCpp(const Path& executable) {
  return Above(executable, "sdk/cpp/mesg/service.h");
}

}  // namespace mesg::cli
