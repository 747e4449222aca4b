#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"

namespace mesg::cli {

/// Helper programs that lie under libexec/mesg/ and are started by Core.
inline constexpr std::array<const char*, 2> kHelpers = {"mesg-fetch", "mesg-guard"};

/// The helper's path: PREFIX/libexec/mesg of the installation (or build tree) `executable` is in.
std::optional<std::filesystem::path> FindHelper(const std::filesystem::path& executable,
                                                const char* name);

/// The folder of a service that comes with MESG, by its name: PREFIX/share/mesg/services/NAME.
std::optional<std::filesystem::path> FindAvailable(const std::filesystem::path& executable,
                                                   const std::string& name);

/// The JavaScript library's folder: PREFIX/share/mesg/sdk-js when installed, else sdk/js of the
/// checkout that the build tree of `executable` lies in.
struct SdkJs {
  std::filesystem::path folder;
  bool built = false;  ///< It has its dist/ and node_modules/, so that it can be used as it is.
};
std::optional<SdkJs> FindSdkJs(const std::filesystem::path& executable);

/// The shell command that builds the JavaScript library in `sdk`.
std::string SdkJsBuildCommand(const std::filesystem::path& sdk);

/// FailedPrecondition when the package.json in `service` takes @mesg/sdk from a folder where it
/// cannot be used: it is missing or not built. The message says what to do.
Result<void> CheckSdkJsOf(const std::filesystem::path& service);

/// The checkout that holds the C++ library.
std::optional<std::filesystem::path> FindSdkCpp(const std::filesystem::path& executable);

}  // namespace mesg::cli
