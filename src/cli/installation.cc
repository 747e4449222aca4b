#include "cli/installation.h"

#include <fstream>
#include <sstream>

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include "cli/variables.h"

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

bool IsBuilt(const Path& sdk) {
  return Exists(sdk / "dist" / "index.js") && Exists(sdk / "node_modules");
}

/// Whether an ignore file leaves out package.json, alone or with all but what it takes back: such a
/// service is built elsewhere, and npm has no part in its deployment.
bool LeavesPackageOut(const Path& ignore) {
  std::ifstream lines(ignore);
  for (std::string line; std::getline(lines, line);) {
    if (line == "*" || line == "package.json" || line == "/package.json") return true;
  }
  return false;
}

/// The folder behind "dependencies": {"@mesg/sdk": "file:FOLDER"}; empty when there is none. What
/// npm will refuse is left to npm.
Path SdkJsOf(const Path& service) {
  if (LeavesPackageOut(service / ".mesgignore")) return {};
  std::ostringstream text;
  text << std::ifstream(service / "package.json", std::ios::binary).rdbuf();
  google::protobuf::Struct package;
  if (!google::protobuf::util::JsonStringToMessage(text.str(), &package).ok()) return {};
  const auto dependencies = package.fields().find("dependencies");
  if (dependencies == package.fields().end()) return {};
  const auto& fields = dependencies->second.struct_value().fields();
  const auto sdk = fields.find("@mesg/sdk");
  constexpr std::string_view kFile = "file:";
  if (sdk == fields.end() || !sdk->second.string_value().starts_with(kFile)) return {};
  return (service / sdk->second.string_value().substr(kFile.size())).lexically_normal();
}

}  // namespace

std::optional<Path> FindHelper(const Path& executable, const char* name) {
  Path helper = PrefixOf(executable) / "libexec" / "mesg" / name;
  if (!Exists(helper)) return std::nullopt;
  return helper;
}

std::optional<Path> FindAvailable(const Path& executable, const std::string& name) {
  if (name.empty() || name.starts_with('.') || name.find('/') != std::string::npos) return {};
  Path folder = PrefixOf(executable) / "share" / "mesg" / "services" / name;
  if (!Exists(folder / "mesg.yml")) return std::nullopt;
  return folder;
}

std::optional<SdkJs> FindSdkJs(const Path& executable) {
  const auto checkout = Above(executable, "sdk/js/package.json");
  std::vector<Path> places = {PrefixOf(executable) / "share" / "mesg" / "sdk-js"};
  if (checkout) places.push_back(*checkout / "sdk" / "js");
  for (const Path& place : places) {
    if (!Exists(place / "package.json")) continue;
    return SdkJs{place, IsBuilt(place)};
  }
  return std::nullopt;
}

std::string SdkJsBuildCommand(const Path& sdk) {
  const Path script = (sdk / ".." / ".." / "scripts" / "sdk-js").lexically_normal();
  if (Exists(script)) return ShellQuoted(script.string());
  return fmt::format("(cd {} && npm ci && npm run build)", ShellQuoted(sdk.string()));
}

Result<void> CheckSdkJsOf(const Path& service) {
  const Path sdk = SdkJsOf(service);
  if (sdk.empty()) return {};
  if (!Exists(sdk / "package.json")) {
    return FailedPrecondition(
        "{} takes @mesg/sdk from {}, where it is not: write the folder sdk/js of MESG's sources "
        "there",
        (service / "package.json").lexically_normal().string(), sdk.string());
  }
  if (IsBuilt(sdk)) return {};
  return FailedPrecondition("the JavaScript library it uses is not built yet: run `{}`",
                            SdkJsBuildCommand(sdk));
}

std::optional<Path> FindSdkCpp(const Path& executable) {
  return Above(executable, "sdk/cpp/mesg/service.h");
}

}  // namespace mesg::cli
