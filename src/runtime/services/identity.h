#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/service_definition.h"

namespace mesg::runtime {

using EnvValues = std::map<std::string, std::string>;

/// What tells one instance from another.
struct InstanceIdentity {
  std::string_view service_hash;  ///< Of the definition.
  std::string_view content_hash;  ///< Of the files; "" when Core keeps none.
  const EnvValues& env;           ///< With the defaults.
  std::string_view name;
  /// What is put into its environment when its process starts, as it is stored; "" for nothing.
  std::string_view deferred_env = {};
};

/// Base58 of the SHA-256 of "mesg-instance-1\0" and then, each preceded by its length as eight
/// bytes, big endian: service hash, content hash, name, and key and value of every variable in byte
/// order of the keys, and at the end, if there is any, what its process gets at its start, which
/// names secrets and does not have them. Equal for equal instances, on every machine and for ever.
///
/// Secret values that were given as they are are in it too: whoever knows all the rest can test a
/// guess of a short one.
std::string InstanceHash(const InstanceIdentity& identity);

/// FailedPrecondition: of that instance Core keeps no files, so that its process is somebody's own.
Error NothingToStart(std::string_view name);

/// A new instance's secret: 32 random bytes, base64url.
std::string NewToken();

/// InvalidArgument for an instance name that is not 1 to 63 letters, digits, `-`, `_` and `.`,
/// beginning with a letter, digit or `_`; a name is a service id or reads like one.
Result<void> CheckInstanceName(std::string_view name);

/// `given` completed with the defaults that `definition` declares. InvalidArgument with a violation
/// for every variable that is not declared (with the nearest that is), is required and missing or
/// empty, or cannot be in an environment (a zero byte, more than 64 KiB). No value is in a message.
Result<EnvValues> CompleteEnvironment(const ServiceDefinition& definition, const EnvValues& given);

}  // namespace mesg::runtime
