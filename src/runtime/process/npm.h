#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mesg::runtime {

/// What takes the place of the native `grpc` package of 2018, which current Node cannot build.
inline constexpr std::string_view kGrpcReplacement = "npm:@grpc/grpc-js@1.14.1";

/// How an npm package is installed and started.
struct NpmPlan {
  /// argv of the installation, without the program; empty when there is nothing to install.
  std::vector<std::string> install = {};
  /// The package.json to install with, when it has to differ from the service's own.
  std::optional<std::string> package_json = {};
  /// argv of the service; empty when the package does not say how it starts.
  std::vector<std::string> start = {};
};

/// Reads a package.json and, if there is one, its lock file. Pure.
///
/// - `npm ci` with a lock file, `npm install --omit=dev` without.
/// - Where the native `grpc` is in the tree, or may be since there is no lock file to tell, an npm
///   override puts `@grpc/grpc-js` in its place, unless the package overrides `grpc` itself. A lock
///   file that contains it no longer fits, so `npm install` then takes the place of `npm ci`.
/// - It starts with `npm start`, else with `node` and its `main`.
///
/// InvalidArgument when package.json or the lock file is not a JSON object.
Result<NpmPlan> PlanNpm(std::string_view package_json, std::optional<std::string_view> lock);

}  // namespace mesg::runtime
