#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/directories.h"
#include "base/result.h"
#include "broker/broker.h"
#include "daemon/address.h"
#include "runtime/fetch/limits.h"
#include "runtime/process/log_file.h"
#include "runtime/process/restart_policy.h"

namespace mesg::daemon {

/// What one Core is told before it starts; the defaults are here and in the structures of the rooms
/// they configure. Each member is set by one row of settings.cc.
struct Config {
  Directories directories;

  std::vector<Address> grpc = {{"localhost", 50052}};
  std::string http;  ///< Reserved: nothing listens there yet.
  bool insecure = false;
  std::string log_level = "info";
  std::string log_format = "text";
  Duration stop_grace = std::chrono::seconds(10);  ///< For open calls to end.

  std::filesystem::path secrets_key_file;         ///< Beside config.yml unless set.
  std::filesystem::path secrets_passphrase_file;  ///< In its place; "": the key file.

  broker::Settings broker;  ///< All but the delivery key, which is a file of the data directory.
  std::uint64_t partitions = 1;
  std::uint64_t write_buffer_bytes = std::uint64_t{32} << 20;
  std::uint64_t block_cache_bytes = std::uint64_t{32} << 20;

  std::uint64_t deployments = 4;  ///< At once.
  Duration fetch_timeout = std::chrono::minutes(10);
  Duration install_timeout = std::chrono::minutes(15);
  runtime::FetchLimits fetch;
  runtime::RestartOptions restart;
  runtime::LogOptions service_log;

  /// Where each value came from, by key: "config.yml:3", "MESG_DURABILITY", "--durability". What is
  /// not in here is a default.
  std::map<std::string, std::string, std::less<>> origins;
};

/// What `mesg core` was asked to do.
struct Request {
  enum class Action { kRun, kHelp, kPrint, kPrintJson };
  Action action = Action::kRun;
  Config config;
};

/// All variables of an environment.
using Variables = std::map<std::string, std::string>;

/// The reason of an Error about `arguments`: the exit status is 2 then.
inline constexpr std::string_view kUsageReason = "USAGE";

/// Defaults, then config.yml, then MESG_* variables, then `arguments`, the later ones winning.
///
/// InvalidArgument for what is wrong, all of a file at once, each with file and line, flag or
/// variable, and for an unknown key with the nearest known one. A variable that resembles no
/// setting is left to whoever it belongs to.
Result<Request> LoadConfig(const std::vector<std::string>& arguments, const Variables& variables);

/// A config.yml that says the same as `config`, with the origin of every value as a comment.
std::string PrintConfig(const Config& config);
/// The same as one JSON document.
std::string PrintConfigJson(const Config& config);

/// The options of `mesg core`, for its --help.
std::string CoreHelp();

/// The tables of docs/reference/configuration.md.
std::string ConfigReference();

}  // namespace mesg::daemon
