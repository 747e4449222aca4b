#include "runtime/services/available_services.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "base/encoding.h"

namespace mesg::runtime {

namespace fs = std::filesystem;

std::vector<std::string> AvailableServices::Names() const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (fs::exists(at->path() / "mesg.yml", ignored)) names.push_back(at->path().filename());
  }
  std::ranges::sort(names);
  return names;
}

Result<fs::path> AvailableServices::Find(std::string_view name) const {
  const std::vector<std::string> names = Names();
  if (std::ranges::find(names, name) != names.end()) return folder_ / name;
  const std::string_view nearest =
      Nearest(name, std::vector<std::string_view>(names.begin(), names.end()));
  return NotFound(
             "no service called \"{}\" comes with this Core{}; see `mesg service list --available`",
             name, nearest.empty() ? "" : fmt::format(", did you mean \"{}\"?", nearest))
      .Because("SERVICE_NOT_FOUND");
}

std::vector<ServiceDefinition> AvailableServices::List() const {
  std::vector<ServiceDefinition> all;
  for (const std::string& name : Names()) {
    std::ostringstream text;
    text << std::ifstream(folder_ / name / "mesg.yml", std::ios::binary).rdbuf();
    if (auto definition = ServiceDefinition::Parse(text.str(), "mesg.yml")) {
      all.push_back(*std::move(definition));
    }
  }
  return all;
}

}  // namespace mesg::runtime
