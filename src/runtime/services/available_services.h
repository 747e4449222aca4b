#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/service_definition.h"

namespace mesg::runtime {

/// The services that come with MESG, ready to be deployed by name: a folder each, with the mesg.yml
/// in it; their programs are where Core looks first. Immutable: any thread. Reads the disk.
class AvailableServices {
 public:
  /// An empty or missing `folder` has none.
  explicit AvailableServices(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// The folder of the service called `name`. NotFound names the nearest there is.
  Result<std::filesystem::path> Find(std::string_view name) const;
  /// All of them, by name. What is no valid service is left out.
  std::vector<ServiceDefinition> List() const;

 private:
  std::vector<std::string> Names() const;
  const std::filesystem::path folder_;
};

}  // namespace mesg::runtime
