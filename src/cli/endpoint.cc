#include "cli/endpoint.h"

#include <charconv>

#include <yaml-cpp/yaml.h>

namespace mesg::cli {
namespace {

constexpr std::string_view kDefault = "localhost:50052";

/// `grpc_address` of the file, "" when it says nothing.
Result<std::string> AddressInFile(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return std::string();
  try {  // yaml-cpp throws; this is where that stops.
    const YAML::Node root = YAML::LoadFile(file.string());
    if (!root.IsMap() || !root["grpc_address"]) return std::string();
    return root["grpc_address"].as<std::string>();
  } catch (const YAML::Exception& e) {
    return InvalidArgument("{}, line {}: {}", file.string(), e.mark.line + 1, e.msg);
  }
}

std::string_view HostOf(std::string_view endpoint) {
  std::string_view host = endpoint.substr(0, endpoint.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

}  // namespace

int PortOf(std::string_view endpoint) {
  const std::size_t colon = endpoint.rfind(':');
  if (colon == std::string_view::npos) return 0;
  int port = 0;
  const char* end = endpoint.data() + endpoint.size();
  const auto parsed = std::from_chars(endpoint.data() + colon + 1, end, port);
  return parsed.ptr == end && port > 0 && port < 65536 ? port : 0;
}

bool IsLoopback(std::string_view endpoint) {
  const std::string_view host = HostOf(endpoint);
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Result<std::string> LocalAddress(const Directories::Environment& environment) {
  std::string address = environment("MESG_GRPC_ADDRESS").value_or("");
  if (address.empty()) {
    const Directories directories = MESG_TRY(Directories::Find(environment));
    address = MESG_TRY(AddressInFile(directories.config_file));
  }
  if (address.empty()) return std::string(kDefault);
  address = address.substr(0, address.find(','));  // Core may listen at several.
  const std::string_view host = HostOf(address);
  if (host.empty() || host == "0.0.0.0" || host == "::" || host == "*") {
    return fmt::format("localhost:{}", PortOf(address));
  }
  return address;
}

Result<std::string> FindEndpoint(const std::string& flag,
                                 const Directories::Environment& environment) {
  std::string endpoint = flag.empty() ? environment("MESG_ENDPOINT").value_or("") : flag;
  const char* from = flag.empty() ? "MESG_ENDPOINT" : "--endpoint";
  if (endpoint.empty()) {
    endpoint = MESG_TRY(LocalAddress(environment));
    from = "the gRPC address";
  }
  if (PortOf(endpoint) == 0 || HostOf(endpoint).empty()) {
    return InvalidArgument("{} must be HOST:PORT like localhost:50052, got \"{}\"", from, endpoint);
  }
  return endpoint;
}

}  // namespace mesg::cli
